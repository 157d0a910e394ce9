// Search over the tools that a caller sees. The index holds the tools of all servers; what the caller's view does not
// hold is masked out before anything is ranked. Nothing is indexed before somebody searches.
import type { Log } from '../../lib/log';
import type { IndexedTool } from '../../lib/routing';
import type { ToolHit, ToolSearch } from '../../lib/routing/schema';
import { tokensOfTool } from '../../lib/routing/tokens';
import { type Definition, isReadOnly, type Listing } from '../../lib/servers/catalog';
import type { Item, View } from '../gateway/catalog/view';
import { createRanker } from './ranker';

export interface SearchDeps {
  catalog: {
    readonly version: number;
    readonly listings: ReadonlyMap<string, Listing>;
    readonly endpoints: { readonly servers: ReadonlyMap<string, { name: string }> };
  };
  log: Log;
}

/** What is asked within one view. */
export type Question = Pick<ToolSearch, 'query' | 'limit' | 'server' | 'readOnly'>;

export interface Searcher {
  /** The best first. @throws HubError UNAVAILABLE, BUSY */
  search(view: View, question: Question): Promise<ToolHit[]>;
  close(): Promise<void>;
}

interface Slot {
  slot: number;
  definition: Definition;
  server: string;
}

/** A catalogue's tools are sent in portions, so that no single message holds the thread of calls for long. */
const portion = 500;
const scoreDigits = 4;

export function createSearcher({ catalog, log }: SearchDeps): Searcher {
  const ranker = createRanker(log);
  const slotsOf = new Map<string, Map<string, Slot>>();
  const seenListings = new Map<string, { listing: Listing; name: string }>();
  const free: number[] = [];
  let slotCount = 0;
  let seenVersion = -1;
  let masks = new WeakMap<View, Map<string, Mask>>();

  /** Makes the index equal to the catalogue. */
  function sync(): void {
    const isNew = !ranker.isStarted;
    if (!isNew && seenVersion === catalog.version) return;
    if (isNew) forgetAll();
    seenVersion = catalog.version;
    masks = new WeakMap();
    const puts: { slot: number; tool: IndexedTool }[] = [];
    const removed: number[] = [];
    for (const serverId of [...slotsOf.keys()]) if (!nameOf(serverId)) removed.push(...forget(serverId));
    for (const [serverId, listing] of catalog.listings) {
      const name = nameOf(serverId);
      const seen = seenListings.get(serverId);
      if (!name || (seen?.listing === listing && seen.name === name)) continue;
      seenListings.set(serverId, { listing, name });
      puts.push(...changesOf(serverId, name, listing, removed));
    }
    // First these: a slot that was freed may have been taken again in the same turn.
    if (removed.length > 0) ranker.tell({ kind: 'remove', slots: removed });
    for (let at = 0; at < puts.length; at += portion) {
      ranker.tell({ kind: 'put', tools: puts.slice(at, at + portion) });
    }
  }

  function nameOf(serverId: string): string | undefined {
    return catalog.listings.has(serverId) ? catalog.endpoints.servers.get(serverId)?.name : undefined;
  }

  function changesOf(serverId: string, server: string, listing: Listing, removed: number[]) {
    const before = slotsOf.get(serverId) ?? new Map<string, Slot>();
    const now = new Map<string, Slot>();
    slotsOf.set(serverId, now);
    const puts: { slot: number; tool: IndexedTool }[] = [];
    for (const definition of listing.tools) {
      const name = String(definition.name);
      const known = before.get(name) ?? now.get(name);
      before.delete(name);
      const slot = known?.slot ?? free.pop() ?? slotCount++;
      now.set(name, { slot, definition, server });
      const tool = indexed(server, definition);
      const isSame =
        known?.server === server && JSON.stringify(indexed(server, known.definition)) === JSON.stringify(tool);
      if (!isSame) puts.push({ slot, tool });
    }
    for (const { slot } of before.values()) {
      removed.push(slot);
      free.push(slot);
    }
    return puts;
  }

  function forget(serverId: string): number[] {
    const slots = [...(slotsOf.get(serverId)?.values() ?? [])].map(({ slot }) => slot);
    slotsOf.delete(serverId);
    seenListings.delete(serverId);
    free.push(...slots);
    return slots;
  }

  function forgetAll(): void {
    slotsOf.clear();
    seenListings.clear();
    free.length = 0;
    slotCount = 0;
    seenVersion = -1;
  }

  /** The slots of a view's tools, as bits, and which tool of the view is where; kept while view and index are the same. */
  function maskOf(view: View, { server, readOnly }: Question): Mask {
    const key = `${server?.toLowerCase() ?? ''} ${readOnly ?? false}`;
    const known = masks.get(view)?.get(key);
    if (known) return known;
    const mask: Mask = { allowed: new Uint8Array((slotCount >> 3) + 1), items: new Map() };
    for (const [id, item] of view.tools) {
      if (server !== undefined && item.server.name.toLowerCase() !== server.toLowerCase()) continue;
      if (readOnly && !isReadOnly(item.definition)) continue;
      const slot = slotsOf.get(item.server.id)?.get(item.name)?.slot;
      if (slot === undefined) continue;
      mask.allowed[slot >> 3] = (mask.allowed[slot >> 3] ?? 0) | (1 << (slot & 7));
      mask.items.set(slot, { id, item });
    }
    const ofView = masks.get(view) ?? new Map<string, Mask>();
    // Callers may think of any number of servers that do not exist.
    if (mask.items.size > 0) masks.set(view, ofView.set(key, mask));
    return mask;
  }

  return {
    async search(view, question) {
      sync();
      const { allowed, items } = maskOf(view, question);
      if (items.size === 0) return [];
      const found = await ranker.search(question.query, question.limit, allowed);
      return found.flatMap(({ slot, score, why }): ToolHit[] => {
        const hit = items.get(slot);
        return hit ? [{ ...shown(hit.id, hit.item), score: Number(score.toFixed(scoreDigits)), why }] : [];
      });
    },
    close: () => ranker.close(),
  };
}

interface Mask {
  allowed: Uint8Array;
  items: Map<number, { id: string; item: Item }>;
}

function shown(id: string, { server, name, definition }: Item): Omit<ToolHit, 'score' | 'why'> {
  const { title } = definition;
  return {
    id,
    server: server.name,
    name,
    title: typeof title === 'string' ? title : null,
    description: textOf(definition.description),
    readOnly: isReadOnly(definition),
    tokens: tokensOfTool(definition),
  };
}

function indexed(server: string, definition: Definition): IndexedTool {
  const { name, title, description, inputSchema } = definition;
  const properties = (inputSchema as { properties?: unknown } | null | undefined)?.properties;
  const parameters = Object.entries((properties ?? {}) as Record<string, { description?: unknown } | null>);
  return {
    server,
    name: String(name),
    ...(typeof title === 'string' && { title }),
    description: textOf(description),
    parameters: parameters.map(([each, schema]) => ({ name: each, description: textOf(schema?.description) })),
  };
}

/** Bounded: what a server says of one tool shall not outweigh an index of thousands. */
function textOf(text: unknown): string {
  return typeof text === 'string' ? text.slice(0, 16_384) : '';
}
