// The thread that holds the index of all tools and ranks them, so that calls feel nothing of a search.
import { parentPort } from 'node:worker_threads';
import { type Found, type IndexedTool, ToolIndex } from '../../lib/routing';

export type Order =
  | { kind: 'put'; tools: { slot: number; tool: IndexedTool }[] }
  | { kind: 'remove'; slots: number[] }
  | { kind: 'vectors'; vectors: { slot: number; vector: Float32Array }[] }
  | { kind: 'search'; id: number; text: string; limit: number; allowed: Uint8Array; vector: Float32Array | null };

export type Ranking = { found: Found[]; byVectors: boolean };
export type Reply = { id: number; ranking: Ranking } | { id: number; fault: string };

const index = new ToolIndex();

parentPort?.on('message', (order: Order) => {
  if (order.kind === 'put') for (const { slot, tool } of order.tools) index.put(slot, tool);
  else if (order.kind === 'vectors') for (const { slot, vector } of order.vectors) index.putVector(slot, vector);
  else if (order.kind === 'remove') for (const slot of order.slots) index.remove(slot);
  else parentPort?.postMessage(answer(order));
});

function answer({ id, text, limit, allowed, vector }: Extract<Order, { kind: 'search' }>): Reply {
  try {
    return { id, ranking: index.rank(text, { limit, allowed, ...(vector && { vector }) }) };
  } catch (error) {
    return { id, fault: (error as Error).message };
  }
}
