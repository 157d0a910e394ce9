// Search over the tools that a caller sees. The index holds the tools of all servers; what the caller's view does not
// hold is masked out before anything is ranked. Nothing is indexed before somebody searches.
import type { Log } from '../../lib/log';
import type { IndexedTool } from '../../lib/routing';
import type { ToolHit, ToolSearch } from '../../lib/routing/schema';
import { tokensOfTool } from '../../lib/routing/tokens';
import type { Definition, Listing } from '../../lib/servers/catalog';
import { curateIn } from '../../lib/servers/curation/curate';
import type { ToolOverlay } from '../../lib/servers/curation/schema';
import type { Endpoint, ServerNode } from '../gateway/catalog/endpoints';
import type { Item, View } from '../gateway/catalog/view';
import { createRanker } from './ranker';

export interface SearchDeps {
  catalog: {
    readonly version: number;
    readonly listings: ReadonlyMap<string, Listing>;
    readonly endpoints: {
      readonly servers: ReadonlyMap<string, Pick<ServerNode, 'name' | 'overlays'>>;
      readonly byKey: ReadonlyMap<string, Pick<Endpoint, 'kind' | 'name' | 'members' | 'isSmart'>>;
    };
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
  const seenListings = new Map<string, { listing: Listing; name: string; overlays: string }>();
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
    const curations = curationsOf(catalog.endpoints);
    for (const serverId of [...slotsOf.keys()]) if (!nameOf(serverId)) removed.push(...forget(serverId));
    for (const [serverId, listing] of catalog.listings) {
      const name = nameOf(serverId);
      const seen = seenListings.get(serverId);
      const curation = curations.get(serverId) ?? [];
      const overlays = JSON.stringify(curation.map((each) => ({ ...each, overlays: [...each.overlays] })));
      if (!name || (seen?.listing === listing && seen.name === name && seen.overlays === overlays)) continue;
      seenListings.set(serverId, { listing, name, overlays });
      puts.push(...changesOf(serverId, name, shownTools(listing, curation), removed));
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

  function changesOf(serverId: string, server: string, shown: Map<string, Definition>, removed: number[]) {
    const before = slotsOf.get(serverId) ?? new Map<string, Slot>();
    const now = new Map<string, Slot>();
    slotsOf.set(serverId, now);
    const puts: { slot: number; tool: IndexedTool }[] = [];
    for (const [key, definition] of shown) {
      const known = before.get(key);
      before.delete(key);
      const slot = known?.slot ?? free.pop() ?? slotCount++;
      now.set(key, { slot, definition, server });
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
    const { members, name: group } = view.endpoint;
    const ofGroup = new Map(members.map((member) => [member.server, member.overlays]));
    for (const [id, item] of view.tools) {
      if (server !== undefined && item.server.name.toLowerCase() !== server.toLowerCase()) continue;
      if (readOnly && !item.resource.readOnly) continue;
      const key = ofGroup.get(item.server)?.has(item.name) ? inGroup(item.name, group) : item.name;
      const slot = slotsOf.get(item.server.id)?.get(key)?.slot;
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

/** What is changed about the tools of one server: by itself, and in each group that changes something. */
interface Curation {
  /** Null: by the server. */
  group: string | null;
  overlays: ReadonlyMap<string, ToolOverlay>;
}

function curationsOf({ servers, byKey }: SearchDeps['catalog']['endpoints']): Map<string, Curation[]> {
  const found = new Map<string, Curation[]>();
  for (const [id, { overlays }] of servers) if (overlays.size > 0) found.set(id, [{ group: null, overlays }]);
  for (const { kind, name, members, isSmart } of byKey.values()) {
    if (kind !== 'group' || isSmart) continue;
    for (const { server, overlays } of members) {
      if (overlays) found.set(server.id, [...(found.get(server.id) ?? []), { group: name, overlays }]);
    }
  }
  return found;
}

const inGroup = (tool: string, group: string) => `${tool}\n${group}`;

/** What of a server is to be found: each tool under its original name, and once more for each group that changes it. */
function shownTools(listing: Listing, curation: readonly Curation[]): Map<string, Definition> {
  const shown = new Map<string, Definition>();
  const ofServer = curation.find(({ group }) => group === null)?.overlays;
  for (const definition of listing.tools) {
    const name = String(definition.name);
    shown.set(name, curateIn(definition, ofServer?.get(name), undefined)?.definition ?? definition);
    for (const { group, overlays } of curation) {
      const overlay = group === null ? undefined : overlays.get(name);
      if (group === null || !overlay) continue;
      const curated = curateIn(definition, ofServer?.get(name), overlay);
      if (curated) shown.set(inGroup(name, group), curated.definition);
    }
  }
  return shown;
}

interface Mask {
  allowed: Uint8Array;
  items: Map<number, { id: string; item: Item }>;
}

function shown(id: string, { server, definition, resource }: Item): Omit<ToolHit, 'score' | 'why'> {
  const { title } = definition;
  return {
    id,
    server: server.name,
    name: String(definition.name),
    title: typeof title === 'string' ? title : null,
    description: textOf(definition.description),
    readOnly: resource.readOnly === true,
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
