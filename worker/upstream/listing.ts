// Lists everything that a server offers: all pages, item by item, so that an odd item or an odd page costs only itself.
import { asHubError, HubError } from '../../lib/errors';
import { isDeeperThan } from '../../lib/json-depth';
import { delayBefore, retries } from './retries';
import type { Listing, Upstream } from './types';

/** Limits of one upstream. */
const listMs = 30_000;
const maxPages = 100;
const maxItems = 1_000;
const maxNameChars = 128;
const maxDescriptionBytes = 16 * 1024;
const maxSchemaBytes = 256 * 1024;
const maxUriBytes = 8 * 1024;
/** Of objects and lists in each other: a schema in use has some tens. */
const maxLevels = 200;

type Item = Record<string, unknown>;
type Fault = Listing['faults'][number];

interface Kind {
  /** Key in Listing. */
  list: 'tools' | 'resources' | 'resourceTemplates' | 'prompts';
  kind: string;
  method: string;
  capability: string;
  /** What tells items apart. */
  key: string;
  /** @returns why the item cannot be taken over, or null */
  check(item: Item): string | null;
}

const kinds: Kind[] = [
  { list: 'tools', kind: 'tool', method: 'tools/list', capability: 'tools', key: 'name', check: faultOfTool },
  {
    list: 'resources',
    kind: 'resource',
    method: 'resources/list',
    capability: 'resources',
    key: 'uri',
    check: faultOfUri('uri'),
  },
  {
    list: 'resourceTemplates',
    kind: 'resourceTemplate',
    method: 'resources/templates/list',
    capability: 'resources',
    key: 'uriTemplate',
    check: faultOfUri('uriTemplate'),
  },
  { list: 'prompts', kind: 'prompt', method: 'prompts/list', capability: 'prompts', key: 'name', check: faultOfName },
];

/**
 * Reads the lists that the server's capabilities announce, side by side.
 * @param random for the delay of a retry
 * @throws HubError when tools are announced and cannot be listed at all; faults of other lists are in `faults`
 */
export async function listAll(upstream: Upstream, random: () => number = Math.random): Promise<Listing> {
  const listing: Listing = { tools: [], resources: [], resourceTemplates: [], prompts: [], faults: [], ttlMs: {} };
  const deadline = performance.now() + listMs;
  await Promise.all(
    kinds
      .filter(({ capability }) => upstream.handshake.capabilities[capability])
      .map(async (kind) => {
        const read = await listOne(upstream, kind, deadline, random);
        listing[kind.list] = read.items;
        listing.faults.push(...read.faults);
        if (read.ttlMs !== undefined) listing.ttlMs[kind.list] = read.ttlMs;
      }),
  );
  return listing;
}

async function listOne(upstream: Upstream, kind: Kind, deadline: number, random: () => number) {
  const items = new Map<string, Item>();
  const faults: Fault[] = [];
  const seen = new Set<string>();
  const note = (name: string, reason: string) =>
    faults.push({ kind: kind.kind, name: name.slice(0, maxNameChars), reason });
  let cursor: string | undefined;
  let ttlMs: number | undefined;
  for (let page = 0; ; page += 1) {
    if (page === maxPages) {
      note('', `The list has more than ${maxPages} pages; the rest was left out.`);
      break;
    }
    const result = await readPage(upstream, kind, cursor, deadline, random).catch((error: unknown) => {
      const { message } = asHubError(error);
      // Without its first page of tools a server would seem to have none.
      if (kind.list === 'tools' && page === 0) throw error;
      note('', message);
      return null;
    });
    if (!result) break;
    if (Number.isSafeInteger(result.ttlMs)) ttlMs = Math.max(0, Math.min(ttlMs ?? Infinity, result.ttlMs as number));
    const list = result[kind.list];
    if (!Array.isArray(list)) {
      note('', `The answer to ${kind.method} holds no array "${kind.list}".`);
      break;
    }
    let taken = 0;
    for (; taken < list.length && items.size < maxItems; taken += 1) {
      takeItem(list[taken], kind, items, note, upstream);
    }
    const isFull = items.size >= maxItems;
    if (isFull && (typeof result.nextCursor === 'string' || taken < list.length)) {
      note('', `The list has more than ${maxItems} items; the rest was left out.`);
    }
    if (isFull) break;
    // An empty cursor counts as one (server/utilities/pagination).
    if (typeof result.nextCursor !== 'string') break;
    if (seen.has(result.nextCursor)) {
      note('', 'The list repeats a cursor; it was ended there.');
      break;
    }
    seen.add(result.nextCursor);
    cursor = result.nextCursor;
  }
  return { items: [...items.values()], faults, ttlMs };
}

function takeItem(
  item: unknown,
  kind: Kind,
  items: Map<string, Item>,
  note: (name: string, reason: string) => void,
  upstream: Upstream,
): void {
  if (typeof item !== 'object' || item === null || Array.isArray(item)) {
    note('', 'An entry is not an object.');
    return;
  }
  const entry = item as Item;
  const name = typeof entry[kind.key] === 'string' ? String(entry[kind.key]) : '';
  const fault =
    kind.check(entry) ??
    (items.has(name) ? 'It is listed twice.' : null) ??
    (kind.list === 'tools' ? (upstream.faultOfTool?.(entry) ?? null) : null);
  if (fault) note(name, fault);
  else items.set(name, entry);
}

async function readPage(
  upstream: Upstream,
  kind: Kind,
  cursor: string | undefined,
  deadline: number,
  random: () => number,
) {
  for (let attempt = 1; ; attempt += 1) {
    const timeoutMs = deadline - performance.now();
    if (timeoutMs <= 0) throw new HubError('UPSTREAM_TIMEOUT', `${kind.method} took longer than ${listMs / 1000} s.`);
    const params = cursor === undefined ? undefined : { cursor };
    try {
      const { kind: outcome, value } = await upstream.call(kind.method, params, { timeoutMs }).answer;
      if (outcome === 'result') return value as Item;
      const { code, message } = value as { code: number; message: string };
      // Announced and unknown all the same: templates above all.
      if (code === -32601 && kind.list !== 'tools') return { [kind.list]: [] } as Item;
      throw new HubError('UPSTREAM_BAD_ANSWER', `${kind.method} was refused: ${message.slice(0, 500)}`);
    } catch (error) {
      const { extras, code } = asHubError(error);
      const passing = extras.retryable && code !== 'UPSTREAM_TIMEOUT' && attempt <= retries;
      const delay = passing ? delayBefore(attempt, error, random(), deadline - performance.now()) : null;
      if (delay === null) throw error;
      await new Promise((resolve) => setTimeout(resolve, delay));
    }
  }
}

function faultOfName({ name, description }: Item): string | null {
  if (typeof name !== 'string' || name === '') return 'It has no name.';
  if (name.length > maxNameChars) return `Its name is longer than ${maxNameChars} characters.`;
  if (description !== undefined && description !== null && typeof description !== 'string') {
    return 'Its description is not a text.';
  }
  if (typeof description === 'string' && Buffer.byteLength(description) > maxDescriptionBytes) {
    return `Its description is larger than ${maxDescriptionBytes / 1024} KiB.`;
  }
  return null;
}

function faultOfTool(tool: Item): string | null {
  const fault = faultOfName(tool);
  if (fault) return fault;
  // Whatever else is done with a definition goes down into it level by level.
  if (isDeeperThan(tool, maxLevels)) return `It is nested deeper than ${maxLevels} levels.`;
  const { inputSchema, outputSchema } = tool;
  if (typeof inputSchema !== 'object' || inputSchema === null || Array.isArray(inputSchema)) {
    return 'Its inputSchema is not an object.';
  }
  const { type } = inputSchema as Item;
  if (type !== undefined && type !== 'object') return 'Its inputSchema is not of type "object".';
  if (outputSchema !== undefined && (typeof outputSchema !== 'object' || outputSchema === null)) {
    return 'Its outputSchema is not an object.';
  }
  const bytes =
    Buffer.byteLength(JSON.stringify(inputSchema)) + Buffer.byteLength(JSON.stringify(outputSchema ?? null));
  return bytes > maxSchemaBytes ? `Its schemas are larger than ${maxSchemaBytes / 1024} KiB.` : null;
}

function faultOfUri(key: 'uri' | 'uriTemplate') {
  return (item: Item): string | null => {
    const uri = item[key];
    if (typeof uri !== 'string' || uri === '') return `It has no ${key}.`;
    if (Buffer.byteLength(uri) > maxUriBytes) return `Its ${key} is larger than ${maxUriBytes / 1024} KiB.`;
    return typeof item.name === 'string' || item.name === undefined ? null : 'Its name is not a text.';
  };
}
