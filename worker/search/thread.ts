// The thread that holds the index of all tools and ranks them, so that calls feel nothing of a search.
import { parentPort } from 'node:worker_threads';
import { type Found, type IndexedTool, ToolIndex } from '../../lib/routing';

export type Order =
  | { kind: 'put'; tools: { slot: number; tool: IndexedTool }[] }
  | { kind: 'remove'; slots: number[] }
  | { kind: 'search'; id: number; text: string; limit: number; allowed: Uint8Array };

export type Reply = { id: number; found: Found[] } | { id: number; fault: string };

const index = new ToolIndex();

parentPort?.on('message', (order: Order) => {
  if (order.kind === 'put') for (const { slot, tool } of order.tools) index.put(slot, tool);
  else if (order.kind === 'remove') for (const slot of order.slots) index.remove(slot);
  else parentPort?.postMessage(answer(order));
});

function answer({ id, text, limit, allowed }: Extract<Order, { kind: 'search' }>): Reply {
  try {
    return { id, found: index.search(text, { limit, allowed }) };
  } catch (error) {
    return { id, fault: (error as Error).message };
  }
}
