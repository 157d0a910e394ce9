// The paste box: recognises what somebody copied from elsewhere, plans what it would change, and does it when told to.
// `${NAME}` in a pasted header or variable becomes a secret of the server that waits for its value; any other `${…}`
// stays as it is.
import { eq } from 'drizzle-orm';
import { endpointNames, servers } from '../../drizzle/schema';
import { can } from '../access/can';
import type { Ctx } from '../access/context';
import type { Sealer } from '../access/vault/seal';
import type { CredentialSetting } from '../credentials/schema';
import type { Db, Tx } from '../db/types';
import { HubError } from '../errors';
import { parseInput, pointerOf, unstorableFaults } from '../input';
import { writeAuditLast } from '../telemetry/audit';
import { readLine } from './command-line';
import { mapCredential } from './credential';
import { findEntries } from './dialects';
import { type ReadEntry, readEntry } from './entries';
import { secretsIn } from './expand';
import { excerptOf, getNodeValue, type Node, nodeAt, parseJsonText } from './json-text';
import { launchFaults } from './launch-rules';
import { maskSecrets, maskValue, maskValues, standIn } from './masking';
import { freeName, labelOf, legalName, likenessFault, likenessOf, looksOf, type NameHolder, readNames } from './names';
import { maskAuth } from './openapi/auth';
import { readServers, type ServerRow, serverResource } from './rows';
import {
  type ImportChoices,
  type ImportPlan,
  type ImportResult,
  type ImportRow,
  importChoicesSchema,
  importInputSchema,
  type ServerInput,
  serverInputSchema,
} from './schema';
import { columnsOf, insertServer, mayCreate, refuseFileRow, replaceServer } from './servers';
import { hasSettings, storedValue } from './stored';

interface Pasted {
  title: string;
  entries: { name: string | null; read: ReadEntry }[];
  /** Ids of VS Code's `inputs`, with what they ask for. */
  prompts: Map<string, string>;
}

interface Candidate {
  name: string;
  label: string | null;
  server: ServerInput | null;
  extra: Record<string, unknown>;
  state: ImportRow['state'];
  warnings: string[];
}

/**
 * Shows what an import would do; writes nothing.
 * @throws HubError FORBIDDEN, INVALID_INPUT (text that is not recognised, or JSON faults with line, column and a caret)
 */
export async function planImport(ctx: Ctx, text: string): Promise<ImportPlan> {
  mayCreate(ctx);
  const pasted = readPasted(parseInput(importInputSchema.shape.text, text));
  const candidates = await judge(ctx, ctx.db, pasted);
  return { dialect: pasted.title, rows: candidates.map(viewOf) };
}

/**
 * Imports in one transaction: invalid and unchanged entries are skipped, conflicts follow `choices`.
 * @throws HubError FORBIDDEN, INVALID_INPUT, CONFLICT (overwriting a group or a server of the servers file)
 */
export async function applyImport(ctx: Ctx, text: string, choices: ImportChoices = {}): Promise<ImportResult> {
  mayCreate(ctx);
  const pasted = readPasted(parseInput(importInputSchema.shape.text, text));
  const chosen = new Map(Object.entries(parseInput(importChoicesSchema, choices)));
  const { created, updated, skipped } = await ctx.db.transaction((tx) =>
    writeAuditLast(tx, ctx, (held) => importAll(held, tx, pasted, chosen)),
  );
  for (const { id, name } of created) await ctx.bus.emit('server.created', { id, name });
  for (const { id, name } of updated) await ctx.bus.emit('server.updated', { id, name });
  return { created: created.map((row) => row.name), updated: updated.map((row) => row.name), skipped };
}

async function importAll(ctx: Ctx, tx: Tx, pasted: Pasted, chosen: ReadonlyMap<string, string>) {
  const done = { created: [] as ServerRow[], updated: [] as ServerRow[], skipped: [] as string[] };
  const candidates = await judge(ctx, tx, pasted);
  const taken = new Set([...(await readNames(tx)), ...candidates].flatMap((each) => looksOf(each.name)));
  for (const { name, label, server, extra, state } of candidates) {
    const choice = chosen.get(name) ?? (state === 'conflict' ? 'skip' : undefined);
    if (server === null || state === 'unchanged' || choice === 'skip') {
      done.skipped.push(name);
    } else if (state === 'conflict' && choice === 'overwrite') {
      const row = await overwritten(ctx, tx, name);
      const filled = { ...withSecretsOf(row, server), name: row.name };
      done.updated.push(await replaceServer(ctx, tx, row, filled, { extra }));
    } else {
      const free =
        state === 'conflict' ? freeName(name, (each) => looksOf(each).some((look) => taken.has(look))) : name;
      for (const look of looksOf(free)) taken.add(look);
      const origin = { extra, label: free === name ? label : (label ?? name) };
      done.created.push(await insertServer(ctx, tx, { ...server, name: free }, origin));
    }
  }
  return done;
}

/** @throws HubError CONFLICT when the name is a group's or a file row's, INVALID_INPUT when nobody has it, FORBIDDEN */
async function overwritten(ctx: Ctx, tx: Tx, name: string): Promise<ServerRow> {
  const [found] = await tx
    .select({ id: endpointNames.serverId })
    .from(endpointNames)
    .where(eq(endpointNames.name, name.toLowerCase()));
  if (!found) {
    throw new HubError('INVALID_INPUT', `No server has the name "${name}", one has a name that looks like it.`, {
      hint: 'Choose "rename" for it.',
    });
  }
  const [known] = found.id ? await readServers(tx, [found.id]) : [];
  if (!known) {
    throw new HubError('CONFLICT', `"${name}" is the name of a group and cannot be overwritten.`, {
      hint: 'Choose "rename" for it.',
    });
  }
  refuseFileRow(known.row);
  if (!can(ctx.actor, 'update', serverResource(known))) throw new HubError('FORBIDDEN');
  await tx.select({ id: servers.id }).from(servers).where(eq(servers.id, known.row.id)).for('update');
  return known.row;
}

/** Pure. @throws HubError INVALID_INPUT */
export function readPasted(text: string): Pasted {
  const line = readLine(text);
  if (line) {
    return { title: line.title, entries: [{ name: line.name, read: readEntry(line.entry) }], prompts: new Map() };
  }
  const { root, fault } = parseJsonText(wrapped(text.replace(/^\uFEFF/, '')));
  if (fault) {
    const excerpt = excerptOf(wrapped(text), fault);
    throw new HubError('INVALID_INPUT', `Line ${fault.line}, column ${fault.column}: ${fault.detail}.\n${excerpt}`, {
      faults: [{ pointer: '/text', detail: `line ${fault.line}, column ${fault.column}: ${fault.detail}` }],
    });
  }
  const found = findEntries(root);
  if (!found) throw notRecognised();
  const entries = found.entries.map(({ key, value }) => ({
    name: key,
    read:
      value.type === 'object' ? readEntry(getNodeValue(value), found.dialect) : unusable('the entry must be an object'),
  }));
  return { title: found.dialect.title, entries, prompts: promptsOf(root) };
}

/** People copy `"name": {…}` out of the middle of a file, without the braces around it. */
function wrapped(text: string): string {
  return /^\s*"[^"\n]*"\s*:/.test(text) ? `{${text.trim().replace(/,$/, '')}}` : text;
}

function unusable(detail: string): ReadEntry {
  return { server: {}, keys: new Map(), extra: {}, warnings: [], fault: { key: null, detail } };
}

function notRecognised(): HubError {
  const detail = 'no MCP server was recognised in this text';
  return new HubError('INVALID_INPUT', 'No MCP server was recognised in this text.', {
    hint: 'Paste an mcpServers JSON, a URL, a "claude mcp add …" line, or the command that starts the server.',
    faults: [{ pointer: '/text', detail }],
  });
}

function promptsOf(root: Node | undefined): Map<string, string> {
  const node = nodeAt(root, ['inputs']);
  const inputs: unknown = node ? getNodeValue(node) : [];
  if (!Array.isArray(inputs)) return new Map();
  return new Map(inputs.map((input) => [String(input?.id), String(input?.description ?? input?.id)]));
}

/** Names, checks and compares every entry with what exists. */
async function judge(ctx: Ctx, db: Db | Tx, { entries, prompts }: Pasted): Promise<Candidate[]> {
  const known = new Map((await readServers(db)).map((each) => [each.row.name.toLowerCase(), each.row]));
  const holders = await readNames(db);
  const taken = new Set(holders.map((each) => each.name.toLowerCase()));
  const looks = new Map<string, NameHolder>(holders.flatMap((each) => looksOf(each.name).map((look) => [look, each])));
  const own = new Set<string>();
  const sealer = await ctx.vault.sealer(db);
  const likenesses = new Map([...known.values()].map((row) => [likenessOf(row.name), row.name]));
  return entries.map(({ name: pasted, read }) => {
    const name = freeName(legalName(pasted ?? nameFromEntry(read)), (each) =>
      looksOf(each).some((look) => own.has(look)),
    );
    for (const look of looksOf(name)) own.add(look);
    const label = pasted === null || pasted === name ? null : labelOf(pasted);
    const declared = declareSecrets(read);
    const { server, faults } = checkPasted(name, label, read);
    const isTaken = taken.has(name.toLowerCase());
    const double = isTaken ? undefined : looksOf(name).flatMap((look) => looks.get(look) ?? [])[0];
    const alike = double
      ? [`The name "${name}" ${likenessFault(name, double)}: it can only be added under another one.`]
      : likenessWarnings(name, likenesses);
    const warnings = server ? [...read.warnings, ...declared, ...referenceWarnings(server, prompts), ...alike] : faults;
    const state = server
      ? stateOf(sealer, server, known.get(name.toLowerCase()), isTaken || double !== undefined)
      : 'invalid';
    return { name, label, server, extra: read.extra, state, warnings };
  });
}

/** @param seen names so far by their likeness; `name` joins them */
function likenessWarnings(name: string, seen: Map<string, string>): string[] {
  const other = seen.get(likenessOf(name));
  seen.set(likenessOf(name), other ?? name);
  if (other === undefined || other.toLowerCase() === name.toLowerCase()) return [];
  return [`The name "${name}" is easily taken for "${other}".`];
}

function nameFromEntry({ server }: ReadEntry): string {
  const { url, command, args } = server;
  const line = typeof url === 'string' ? url : [command, ...(Array.isArray(args) ? args : [])].join(' ');
  return readLine(line)?.name ?? 'server';
}

/** Gives the entry an empty secret for each `${NAME}` that it has none for. @returns what to do about them */
function declareSecrets({ server }: ReadEntry): string[] {
  const secrets = isTexts(server.secrets) ? server.secrets : {};
  if (server.secrets !== undefined && !isTexts(server.secrets)) return [];
  const { clientSecret = '' } = (server.credential ?? {}) as { clientSecret?: unknown };
  const fields = [...['env', 'headers'].map((field) => server[field]), { clientSecret }].filter(isTexts);
  const missing = fields.flatMap((values) => secretsIn(values)).filter((name) => !Object.hasOwn(secrets, name));
  if (missing.length === 0) return [];
  server.secrets = { ...secrets, ...Object.fromEntries(missing.map((name) => [name, ''])) };
  return missing.map(
    (name) => `The secret "${name}" (\${${name}}) has no value yet: enter it before the server can run.`,
  );
}

function isTexts(value: unknown): value is Record<string, string> {
  return (
    typeof value === 'object' && value !== null && Object.values(value).every((inner) => typeof inner === 'string')
  );
}

function checkPasted(
  name: string,
  label: string | null,
  read: ReadEntry,
): { server: ServerInput | null; faults: string[] } {
  if (read.fault) return { server: null, faults: [`This entry ${read.fault.detail}.`] };
  const [unstorable] = unstorableFaults({ label, ...read.extra, ...read.server });
  if (unstorable) return { server: null, faults: [`${unstorable.pointer.slice(1)}: ${unstorable.detail}`] };
  const parsed = serverInputSchema.safeParse({ ...read.server, name });
  const faults = parsed.success
    ? launchFaults(parsed.data)
    : parsed.error.issues.map(({ path, message }) => ({ pointer: pointerOf(path), detail: message }));
  if (parsed.success && faults.length === 0) return { server: parsed.data, faults: [] };
  return { server: null, faults: faults.map(({ pointer, detail }) => `${pointer.slice(1)}: ${detail}`) };
}

function stateOf(
  sealer: Sealer,
  server: ServerInput,
  row: ServerRow | undefined,
  isTaken: boolean,
): ImportRow['state'] {
  if (row) {
    const { name: _name, ...wanted } = columnsOf(withSecretsOf(row, server));
    return hasSettings(sealer, row, wanted) ? 'unchanged' : 'conflict';
  }
  return isTaken ? 'conflict' : 'add';
}

/** What was pasted without a value keeps the one that the server has. */
function withSecretsOf(row: ServerRow, server: ServerInput): ServerInput {
  const secrets = Object.entries(server.secrets ?? {}).map(([name, value]) => [
    name,
    value || standIn(storedValue(row, 'secrets', name) ?? ''),
  ]);
  return { ...server, secrets: Object.fromEntries(secrets) };
}

/** Every style of reference that clients use; bare `$NAME` only as a whole value, for it is common in plain text. */
const referenceStyle = /\$\{[^}]+\}|\{env:[^}]+\}|^\$[A-Za-z_]\w*$|\$\([^)]*\)/;

function referenceWarnings(server: ServerInput, prompts: ReadonlyMap<string, string>): string[] {
  const columns = columnsOf(server);
  const places: [string, string | null][] = [
    ['command', columns.command],
    ...columns.args.map((value, index): [string, string] => [`args[${index}]`, value]),
    ...Object.entries(columns.env).map(([key, value]): [string, string] => [`env.${key}`, value]),
    ['cwd', columns.cwd],
    ['url', columns.url],
    ...Object.entries(columns.headers).map(([key, value]): [string, string] => [`headers.${key}`, value]),
  ];
  return places.flatMap(([place, value]) => {
    const reference = value?.match(referenceStyle)?.[0];
    const isSecret = /^(env|headers)\./.test(place) && value !== null && secretsIn({ value }).length > 0;
    if (!reference || isSecret) return [];
    const prompt = prompts.get(reference.match(/^\$\{input:(.+)\}$/)?.[1] ?? '');
    return [
      `${place}: ${reference} stays as it is written here${prompt ? ` (${prompt})` : ''}: put in the real value.`,
    ];
  });
}

function viewOf({ name, label, server, state, warnings }: Candidate): ImportRow {
  return { name, label, server: server && masked(server), state, warnings };
}

function masked(server: ServerInput): ServerInput {
  const secrets = server.secrets && { secrets: maskSecrets(server.secrets) };
  const signIn = server.type !== 'openapi' &&
    server.credential && { credential: mapCredential(server.credential, maskValue) as CredentialSetting };
  const hidden = { ...secrets, ...signIn };
  if (server.type === 'stdio') return { ...server, ...(server.env && { env: maskValues(server.env) }), ...hidden };
  const shown = { ...server, ...(server.headers && { headers: maskValues(server.headers) }), ...hidden };
  if (shown.type !== 'openapi' || !shown.openapi.auth) return shown;
  return {
    ...shown,
    openapi: { ...shown.openapi, auth: maskAuth(shown.openapi.auth as Record<string, Record<string, string>>) },
  };
}
