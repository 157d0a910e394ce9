// Search over the tools that a caller sees. The index holds the tools of all servers; what the caller's view does not
// hold is masked out before anything is ranked. Nothing is indexed before somebody searches. Where a service of
// embeddings is set up, vectors have a part in it as far as they are there in time.
import type { Log } from '../../lib/log';
import { type IndexedTool, textOfTool } from '../../lib/routing';
import type { ToolHit, ToolSearch, ToolSearchAnswer, ToolSearchStatus } from '../../lib/routing/schema';
import { tokensOfTool } from '../../lib/routing/tokens';
import type { Definition, Listing } from '../../lib/servers/catalog';
import { curateIn } from '../../lib/servers/curation/curate';
import type { ToolOverlay } from '../../lib/servers/curation/schema';
import type { Endpoint, ServerNode } from '../gateway/catalog/endpoints';
import type { Item, View } from '../gateway/catalog/view';
import { createRanker } from './ranker';
import type { Embeddings } from './vectors';

export interface SearchDeps {
  catalog: {
    readonly version: number;
    readonly listings: ReadonlyMap<string, Listing>;
    readonly endpoints: {
      readonly servers: ReadonlyMap<string, Pick<ServerNode, 'name' | 'overlays'>>;
      readonly byKey: ReadonlyMap<string, Pick<Endpoint, 'kind' | 'name' | 'members' | 'isSmart'>>;
    };
  };
  /** Null: words alone rank. */
  embeddings: Embeddings | null;
  log: Log;
}

/** What is asked within one view. */
export type Question = Pick<ToolSearch, 'query' | 'limit' | 'server' | 'readOnly'>;

export interface Searcher {
  /** The best first. @throws HubError UNAVAILABLE, BUSY */
  search(view: View, question: Question): Promise<Omit<ToolSearchAnswer, 'tookMs'>>;
  status(view: View): ToolSearchStatus;
  close(): Promise<void>;
}

interface Slot {
  slot: number;
  definition: Definition;
  server: string;
  tool: IndexedTool;
}

/** What vectors may take of a search; after it words alone rank. */
const vectorsMs = 1_500;
/** A little less, so that what is told is what went wrong. */
const requestVectorMs = 1_400;
/** Read from the database at once: 1.2 MB of 1,536 numbers each. */
const vectorPortion = 200;
/** A catalogue's tools are sent in portions, so that no single message holds the thread of calls for long. */
const portion = 500;
const scoreDigits = 4;

export function createSearcher({ catalog, embeddings, log }: SearchDeps): Searcher {
  const ranker = createRanker(log);
  const slotsOf = new Map<string, Map<string, Slot>>();
  const seenListings = new Map<string, { listing: Listing; name: string; overlays: string }>();
  const free: number[] = [];
  let slotCount = 0;
  let seenVersion = -1;
  /** Whose vector the thread does not hold, as of which version of the stored ones and of the index. */
  const bare = new Set<Slot>();
  let bareAsOf = '';
  let dimension: number | null = null;
  let reading: Promise<void> | null = null;
  const keys = new WeakMap<Definition, { server: string; key: string }>();
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
      const tool = indexed(server, definition);
      const isSame = known?.server === server && JSON.stringify(known.tool) === JSON.stringify(tool);
      if (isSame) {
        known.definition = definition;
        now.set(key, known);
        continue;
      }
      if (known) bare.delete(known);
      const slot = { slot: known?.slot ?? free.pop() ?? slotCount++, definition, server, tool };
      now.set(key, slot);
      bare.add(slot);
      puts.push({ slot: slot.slot, tool });
    }
    for (const each of before.values()) {
      bare.delete(each);
      removed.push(each.slot);
      free.push(each.slot);
    }
    return puts;
  }

  function forget(serverId: string): number[] {
    const gone = [...(slotsOf.get(serverId)?.values() ?? [])];
    for (const each of gone) bare.delete(each);
    const slots = gone.map(({ slot }) => slot);
    slotsOf.delete(serverId);
    seenListings.delete(serverId);
    free.push(...slots);
    return slots;
  }

  function forgetAll(): void {
    slotsOf.clear();
    seenListings.clear();
    bare.clear();
    bareAsOf = '';
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

  function keyOf(server: string, definition: Definition): string {
    const known = keys.get(definition);
    if (known?.server === server) return known.key;
    const key = embeddings?.keyOf(textOfTool(indexed(server, definition))) ?? '';
    keys.set(definition, { server, key });
    return key;
  }

  /** Gives the thread the vectors that are stored and that it does not have. */
  async function readVectors(from: Embeddings): Promise<void> {
    if (from.dimension !== dimension)
      for (const slots of slotsOf.values()) for (const slot of slots.values()) bare.add(slot);
    dimension = from.dimension;
    bareAsOf = stateOf(from);
    const there = [...bare].flatMap((slot) => {
      const key = keyOf(slot.server, slot.definition);
      return from.has(key) ? [{ slot, key }] : [];
    });
    for (let at = 0; at < there.length; at += vectorPortion) {
      const some = there.slice(at, at + vectorPortion);
      const vectors = await from.read(some.map(({ key }) => key));
      // What was changed or removed meanwhile is another slot by now, or none.
      const good = some.flatMap(({ slot, key }) => {
        const vector = bare.has(slot) ? vectors.get(key) : undefined;
        if (vector) bare.delete(slot);
        return vector ? [{ slot: slot.slot, vector }] : [];
      });
      if (good.length > 0 && ranker.isStarted) ranker.tell({ kind: 'vectors', vectors: good });
    }
  }

  function hasNewVectors(from: Embeddings): boolean {
    return from.dimension !== dimension || (bare.size > 0 && bareAsOf !== stateOf(from));
  }

  function stateOf({ version }: Embeddings): string {
    return `${version} ${seenVersion}`;
  }

  /** The vector of a request, once the thread has those of the tools; null with the reason where that is not in time. */
  async function vectorOf(query: string): Promise<{ vector: Float32Array | null; warning?: string }> {
    if (!embeddings) return { vector: null };
    if (hasNewVectors(embeddings)) reading ??= readVectors(embeddings).finally(() => (reading = null));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(resolve, vectorsMs, 'The vectors of tools are still being read.');
    });
    try {
      const asked = embeddings.ofRequest(query, requestVectorMs);
      const first = await Promise.race([late, Promise.all([asked, reading])]);
      if (typeof first === 'string') return { vector: null, warning: first };
      const [{ vector, reason }] = first;
      return { vector, ...(reason !== undefined && { warning: reason }) };
    } catch (err) {
      log.warn({ err }, 'the vectors of tools could not be read');
      return { vector: null, warning: 'The vectors of tools cannot be read at the moment.' };
    } finally {
      clearTimeout(timer);
    }
  }

  /** Of all tools of all servers: what is embedded does not depend on who searches. */
  function* allTexts(): Iterable<string> {
    const curations = curationsOf(catalog.endpoints);
    for (const [serverId, listing] of catalog.listings) {
      const server = nameOf(serverId);
      if (!server) continue;
      const all = shownTools(listing, curations.get(serverId) ?? []);
      for (const definition of all.values()) yield textOfTool(indexed(server, definition));
    }
  }
  embeddings?.textsFrom(allTexts);

  return {
    async search(view, question) {
      sync();
      if (maskOf(view, question).items.size === 0) return { hits: [], mode: 'lexical' };
      const { vector, warning } = await vectorOf(question.query);
      // The index may have changed while the vector was waited for.
      sync();
      const { allowed, items } = maskOf(view, question);
      const { found, byVectors } = await ranker.search(question.query, question.limit, allowed, vector);
      const hits = found.flatMap(({ slot, score, why, nearness }): ToolHit[] => {
        const hit = items.get(slot);
        if (!hit) return [];
        const near = nearness !== undefined && { nearness: rounded(nearness) };
        return [{ ...shown(hit.id, hit.item), score: rounded(score), why, ...near }];
      });
      return { hits, mode: byVectors ? 'hybrid' : 'lexical', ...(warning !== undefined && { warning }) };
    },
    status(view) {
      const tools = view.tools.size;
      if (!embeddings) return { mode: 'lexical', model: null, tools, embedded: 0, warning: null };
      const { model, warning } = embeddings;
      let embedded = 0;
      for (const { server, definition } of view.tools.values()) {
        if (embeddings.has(keyOf(server.name, definition))) embedded++;
      }
      return { mode: embedded > 0 && !warning ? 'hybrid' : 'lexical', model, tools, embedded, warning };
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

function rounded(score: number): number {
  return Number(score.toFixed(scoreDigits));
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
