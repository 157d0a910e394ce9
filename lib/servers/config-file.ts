// The servers file: reads its text and makes the rows of source "file" equal to it. A fault concerns its own entry
// only, which keeps its last good state; text that is no JSON changes nothing at all.
import { eq } from 'drizzle-orm';
import { servers, upstreamCredentials } from '../../drizzle/schema';
import type { Ctx } from '../access/context';
import { giveUpTokens } from '../access/given-up';
import { systemActor } from '../access/identities';
import type { Vault } from '../access/vault/seal';
import type { Db, Tx } from '../db/types';
import { isHubError } from '../errors';
import type { Bus } from '../events/bus';
import { unstorableFaults } from '../input';
import { writeAudit, writeAuditLast } from '../telemetry/audit';
import { credentialFaults } from './credential';
import { type Found, findEntries } from './dialects';
import { type ReadEntry, readEntry } from './entries';
import { hasReference } from './expand';
import { getNodeValue, membersOf, type Node, parseJsonText, placeOf } from './json-text';
import { rowFaults } from './launch-rules';
import { freeName, labelOf, legalName } from './names';
import type { ServerRow } from './rows';
import { type ServerInput, serverInputSchema } from './schema';
import { columnsOf, insertServer, replaceServer, settingsOf } from './servers';
import { hasSettings } from './stored';

interface FileEntry {
  /** Legal and unique within the file. */
  name: string;
  label: string | null;
  /** Null when the entry is faulty. `${…}` in it is kept as written. */
  server: ServerInput | null;
  extra: Record<string, unknown>;
  place: string;
}

export interface ParsedFile {
  /** Null when the text as a whole cannot be used. */
  entries: FileEntry[] | null;
  /** One sentence each, with line, column and the entry's name. */
  faults: string[];
}

/** Pure. */
export function parseConfigFile(text: string): ParsedFile {
  if (text.trim() === '') return { entries: null, faults: ['line 1, column 1: the file is empty'] };
  const { root, fault } = parseJsonText(text.replace(/^\uFEFF/, ' '));
  if (fault) {
    const within = findEntries(root)?.entries.findLast(({ keyNode }) => keyNode.offset <= fault.offset);
    const name = within?.key ? ` in the entry "${within.key}"` : '';
    const what = `line ${fault.line}, column ${fault.column}${name}: ${fault.detail}`;
    return { entries: null, faults: [`${what}. All servers stay as they were.`] };
  }
  if (root?.type === 'object' && membersOf(root).length === 0) return { entries: [], faults: [] };
  const found = findEntries(root);
  if (!found) return { entries: null, faults: ['line 1, column 1: expected {"mcpServers": {"name": {…}}}'] };
  return readEntries(text, found);
}

function readEntries(text: string, { dialect, entries }: Found): ParsedFile {
  const faults: string[] = [];
  const result: FileEntry[] = [];
  const taken = new Set<string>();
  const seen = new Set<string>();
  const at = (node: Node) => {
    const { line, column } = placeOf(text, node.offset);
    return `line ${line}, column ${column}`;
  };
  for (const { key, keyNode, value } of entries) {
    const complain = (node: Node, detail: string) => {
      faults.push(`${at(node)}: the entry ${key ? `"${key}"` : 'without a name'} ${detail}`);
    };
    const isStorable = unstorableFaults(key).length === 0;
    if (!key) complain(value, 'needs a name');
    else if (!isStorable) complain(keyNode, 'has a name that is not plain text');
    else if (seen.has(key)) complain(keyNode, 'appears twice; the first one counts');
    if (!key || !isStorable || seen.has(key)) continue;
    seen.add(key);
    const name = freeName(legalName(key), (candidate) => taken.has(candidate.toLowerCase()));
    taken.add(name.toLowerCase());
    const entry = { name, label: name === key ? null : labelOf(key), place: at(keyNode) };
    if (value.type === 'object') {
      const read = readEntry(getNodeValue(value), dialect);
      const server = checkEntry(name, read, (field, detail) => complain(fieldNode(value, read, field), detail));
      result.push({ ...entry, server, extra: read.extra });
    } else {
      complain(value, 'must be an object');
      result.push({ ...entry, server: null, extra: {} });
    }
  }
  return { entries: result, faults };
}

/** The node that a fault is about: the entry's key for our field, else the entry. */
function fieldNode(entry: Node, { keys }: ReadEntry, field: string | null): Node {
  const key = field === null ? undefined : (keys.get(field) ?? field);
  return membersOf(entry).find((member) => member.key === key)?.value ?? entry;
}

/** Stands in while the schema looks at an entry whose URL still holds references. */
const placeholderUrl = 'http://placeholder.invalid/';

function checkEntry(
  name: string,
  read: ReadEntry,
  complain: (field: string | null, detail: string) => void,
): ServerInput | null {
  if (read.fault) {
    complain(read.fault.key, read.fault.detail);
    return null;
  }
  const [unstorable] = unstorableFaults({ ...read.extra, ...read.server });
  if (unstorable) {
    complain(null, `has a fault: "${unstorable.pointer.slice(1)}" ${unstorable.detail}`);
    return null;
  }
  const { url } = read.server;
  const deferred = typeof url === 'string' && hasReference(url);
  const parsed = serverInputSchema.safeParse({ ...read.server, name, ...(deferred && { url: placeholderUrl }) });
  const refused = parsed.success ? [...rowFaults(parsed.data), ...credentialFaults(parsed.data)] : [];
  for (const { pointer, detail } of refused) {
    const [field = '', ...inner] = pointer.slice(1).split('/');
    complain(field, `has a fault: "${[read.keys.get(field) ?? field, ...inner].join('.')}": ${detail}`);
  }
  if (refused.length > 0) return null;
  if (parsed.success) return deferred ? ({ ...parsed.data, url } as ServerInput) : parsed.data;
  for (const issue of parsed.error.issues) {
    const [field, ...inner] = issue.path.map(String);
    const shown = field === undefined ? '' : `"${[read.keys.get(field) ?? field, ...inner].join('.')}": `;
    complain(field ?? null, `has a fault: ${shown}${issue.message}`);
  }
  return null;
}

export interface ConfigImport {
  /** Faults of the file, each one sentence with line, column and name; empty while all is good. */
  faults: string[];
  created: string[];
  updated: string[];
  deleted: string[];
}

type Change = { event: 'server.created' | 'server.updated' | 'server.deleted'; id: string; name: string };

/**
 * Makes the rows of source "file" equal to the text, in one transaction: rows that did not change are not touched, and
 * whether a server was stopped by hand is kept. Raw `${…}` text is stored, never its value.
 * @param path shown to people as the origin of the rows
 */
export async function importConfigFile(
  { db, bus, vault }: { db: Db; bus: Bus; vault: Vault },
  path: string,
  text: string,
): Promise<ConfigImport> {
  const { entries, faults } = parseConfigFile(text);
  if (entries === null) return { faults, created: [], updated: [], deleted: [] };
  const ctx: Ctx = { actor: systemActor('servers-file'), db, bus, vault, requestId: 'servers-file' };
  const changes = await db.transaction((tx) =>
    writeAuditLast(tx, ctx, (held) => syncRows(held, tx, path, entries, faults)),
  );
  for (const { event, id, name } of changes) await bus.emit(event, { id, name });
  const namesOf = (event: Change['event']) => changes.filter((each) => each.event === event).map((each) => each.name);
  return {
    faults,
    created: namesOf('server.created'),
    updated: namesOf('server.updated'),
    deleted: namesOf('server.deleted'),
  };
}

async function syncRows(ctx: Ctx, tx: Tx, path: string, entries: FileEntry[], faults: string[]): Promise<Change[]> {
  const rows = await tx.select().from(servers).where(eq(servers.source, 'file')).for('update');
  const sealer = await ctx.vault.sealer(tx);
  const byName = new Map(rows.map((row) => [row.name.toLowerCase(), row]));
  const changes: Change[] = [];
  const wanted = new Set(entries.map((entry) => entry.name.toLowerCase()));
  for (const row of rows.filter((each) => !wanted.has(each.name.toLowerCase()))) {
    await giveUpTokens(tx, eq(upstreamCredentials.serverId, row.id));
    await tx.delete(servers).where(eq(servers.id, row.id));
    const named = { resourceType: 'server', resourceId: row.id, resourceName: row.name };
    await writeAudit(tx, ctx, { action: 'server.deleted', ...named, before: settingsOf(row) });
    changes.push({ event: 'server.deleted', id: row.id, name: row.name });
  }
  for (const { name, label, server, extra, place } of entries) {
    if (server === null) continue;
    const row = byName.get(name.toLowerCase());
    const origin = { label, extra, sourceFile: path };
    if (row && hasSettings(sealer, row, { ...columnsOf(server), ...origin })) continue;
    const saved = await unlessNameRefused(() =>
      tx.transaction((inner) =>
        row
          ? replaceServer(ctx, inner, row, server, origin)
          : insertServer(ctx, inner, server, { ...origin, source: 'file' }),
      ),
    );
    if (typeof saved === 'string') {
      faults.push(`${place}: the entry "${label ?? name}" is left out, because its name ${saved}`);
    } else changes.push({ event: row ? 'server.updated' : 'server.created', id: saved.id, name });
  }
  return changes;
}

/** Runs a change in a savepoint of its own, so that a name which is not to be had costs this entry only. @returns why else */
async function unlessNameRefused(save: () => Promise<ServerRow>): Promise<ServerRow | string> {
  try {
    return await save();
  } catch (error) {
    const fault = isHubError(error) ? error.extras.faults?.find(({ pointer }) => pointer === '/name') : undefined;
    if (fault) return fault.detail;
    throw error;
  }
}
