// The verbs of servers. A server that an actor may not see reads as absent. Rows that belong to the servers file are
// read-only here; starting and stopping them is allowed.
import { randomUUID } from 'node:crypto';
import { eq, sql } from 'drizzle-orm';
import { servers, upstreamCredentials, upstreamSignIns } from '../../drizzle/schema';
import { can } from '../access/can';
import type { Ctx } from '../access/context';
import { giveUpTokens } from '../access/given-up';
import type { Actor } from '../access/schema';
import type { Sealer } from '../access/vault/seal';
import type { Db, Tx } from '../db/types';
import { HubError } from '../errors';
import type { EventName } from '../events/schema';
import { invalidInput, parseInput } from '../input';
import type { OpenApiInput, OpenApiPatch, OpenApiSettings } from '../openapi/schema';
import { writeAudit } from '../telemetry/audit';
import { checkVersion, type VersionCheck } from '../telemetry/versions';
import { mayOpen } from './anonymous';
import { mapCredential, patchCredential, signsInElsewhere } from './credential';
import { launchFaults } from './launch-rules';
import { mergeValues, standIn, standIns } from './masking';
import { changeName, claimName } from './names';
import { patchAuth } from './openapi/auth';
import {
  completed,
  describeDocuments,
  dropDocument,
  loadDocument,
  type ReadDocument,
  saveDocument,
} from './openapi/documents';
import { findReentries } from './reentry';
import {
  countTools,
  findServer,
  type KnownServer,
  readServers,
  type ServerRow,
  serverResource,
  viewOfServer,
} from './rows';
import { type ServerInput, type ServerPatch, type ServerView, serverInputSchema, serverPatchSchema } from './schema';
import { hasValues, mapAuth, sealColumns } from './stored';

/** All servers that the actor may see, by name. */
export async function listServers(ctx: Ctx): Promise<ServerView[]> {
  const known = (await readServers(ctx.db)).filter((each) => can(ctx.actor, 'read', serverResource(each)));
  return views(ctx, known);
}

/** @throws HubError NOT_FOUND */
export async function getServer(ctx: Ctx, name: string): Promise<ServerView> {
  return view(ctx, await findServer(ctx, ctx.db, name, 'read'));
}

/**
 * The server whose log the actor wants to read. Output of a program can hold what its tools would never tell, so
 * seeing the server is not enough.
 * @throws HubError NOT_FOUND, FORBIDDEN
 */
export async function requireServerLogs(ctx: Ctx, name: string): Promise<ServerView> {
  const known = await findServer(ctx, ctx.db, name, 'read');
  if (!can(ctx.actor, 'read', { ...serverResource(known), type: 'log' })) {
    throw new HubError('FORBIDDEN', `You may see the server "${known.row.name}" but not its log.`);
  }
  return view(ctx, known);
}

/** Those of these servers whose logs the actor may read, by id. */
export async function readableLogs(ctx: Ctx, ids: readonly string[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const known = await readServers(ctx.db, [...ids]);
  const readable = known.filter((each) => can(ctx.actor, 'read', { ...serverResource(each), type: 'log' }));
  return new Set(readable.map(({ row }) => row.id));
}

/** The servers that an actor may see, each with whether their logs are open to it; for live updates. */
export async function listWatchable(db: Db, actor: Actor): Promise<{ id: string; logs: boolean }[]> {
  const known = (await readServers(db)).filter((each) => can(actor, 'read', serverResource(each)));
  return known.map((each) => ({ id: each.row.id, logs: can(actor, 'read', { ...serverResource(each), type: 'log' }) }));
}

/**
 * Adds a server that shall run. Adding starts a program or opens a connection, so it is a right of its own.
 * @param read for OpenAPI servers; without it the document is read when the server starts
 * @throws HubError FORBIDDEN, INVALID_INPUT, CONFLICT
 */
export async function createServer(ctx: Ctx, input: ServerInput, read?: ReadDocument): Promise<ServerView> {
  mayCreate(ctx);
  const checked = checkServer(input);
  if (checked.anonymous) mayOpen(ctx);
  const server = await withDocument(checked, null, read);
  const row = await ctx.db.transaction((tx) => insertServer(ctx, tx, server));
  await ctx.bus.emit('server.created', { id: row.id, name: row.name });
  return view(ctx, { row, memberships: [] });
}

/**
 * Applies a JSON merge patch. Opening it to everybody needs the right to change settings, too. Changing how a stdio server is launched, or where the document of an OpenAPI server comes
 * from, needs the right to create servers, too.
 * @throws HubError NOT_FOUND, FORBIDDEN, INVALID_INPUT, CONFLICT, STALE_VERSION
 */
export async function updateServer(
  ctx: Ctx,
  name: string,
  patch: ServerPatch,
  check: VersionCheck = {},
  read?: ReadDocument,
): Promise<ServerView> {
  const change = parseInput(serverPatchSchema, patch);
  const prepared = change.openapi && (await prepareDocument(ctx, name, change, read));
  const known = await ctx.db.transaction(async (tx) => {
    const { row, memberships } = await findServer(ctx, tx, name, 'update', true);
    await checkVersion(tx, row, check);
    // What was read belongs to the row as it was then.
    await checkVersion(tx, row, { ifVersion: prepared?.version });
    const server = prepared?.server ?? mergedServer(row, change);
    if (server.anonymous && !row.anonymous) mayOpen(ctx);
    if (startsOtherProgram(await ctx.vault.sealer(tx), row, server)) mayCreate(ctx);
    return { row: await replaceServer(ctx, tx, row, server), memberships };
  });
  await ctx.bus.emit('server.updated', { id: known.row.id, name: known.row.name });
  return view(ctx, known);
}

/** @throws HubError NOT_FOUND, FORBIDDEN, CONFLICT, STALE_VERSION */
export async function deleteServer(ctx: Ctx, name: string, check: VersionCheck = {}): Promise<void> {
  const row = await ctx.db.transaction(async (tx) => {
    const { row } = await findServer(ctx, tx, name, 'delete', true);
    refuseFileRow(row);
    await checkVersion(tx, row, check);
    await giveUpTokens(tx, eq(upstreamCredentials.serverId, row.id));
    await tx.delete(servers).where(eq(servers.id, row.id));
    await writeAudit(tx, ctx, { action: 'server.deleted', ...named(row), before: settingsOf(row) });
    return row;
  });
  await ctx.bus.emit('server.deleted', { id: row.id, name: row.name });
}

/** Wants the server to run. A server that should run already is hurried: its back-off ends. */
export async function startServer(ctx: Ctx, name: string): Promise<ServerView> {
  return operate(ctx, name, 'running', 'server.started', (row) =>
    row.desired === 'running' ? 'server.restart' : 'server.updated',
  );
}

export async function stopServer(ctx: Ctx, name: string): Promise<ServerView> {
  return operate(ctx, name, 'stopped', 'server.stopped', () => 'server.updated');
}

/** Ends the server's instances and starts them at once; a stopped server is started. */
export async function restartServer(ctx: Ctx, name: string): Promise<ServerView> {
  return operate(ctx, name, 'running', 'server.restarted', () => 'server.restart');
}

async function operate(
  ctx: Ctx,
  name: string,
  desired: ServerRow['desired'],
  action: string,
  eventOf: (before: ServerRow) => Extract<EventName, 'server.updated' | 'server.restart'>,
): Promise<ServerView> {
  const { before, known } = await ctx.db.transaction(async (tx) => {
    const { row: before, memberships } = await findServer(ctx, tx, name, 'operate', true);
    if (desired === 'running' && !before.enabled) throw switchedOff(before);
    const row = before.desired === desired ? before : await writeServer(tx, before.id, { desired });
    await writeAudit(tx, ctx, { action, ...named(row) });
    return { before, known: { row, memberships } };
  });
  await ctx.bus.emit(eventOf(before), { id: known.row.id, name: known.row.name });
  return view(ctx, known);
}

/** Also for the import: one server within the caller's transaction. The caller has asked `can` and checked the input. */
export async function insertServer(
  ctx: Ctx,
  tx: Tx,
  server: ServerInput,
  origin: Partial<Pick<ServerRow, 'label' | 'extra' | 'source' | 'sourceFile'>> = {},
): Promise<ServerRow> {
  const id = randomUUID();
  const [row] = await tx
    .insert(servers)
    .values({
      id,
      ...sealColumns(await ctx.vault.sealer(tx), id, columnsOf(server)),
      ...origin,
      createdBy: ctx.actor.userId,
    })
    .returning();
  if (!row) throw new HubError('INTERNAL', undefined, { detail: 'insert into servers returned no row' });
  await claimName(tx, row.name, { serverId: id });
  await keepDocument(tx, row, server, null);
  await writeAudit(tx, ctx, { action: 'server.created', ...named(row), after: settingsOf(row) });
  return row;
}

/** Also for the import: gives `row` the settings of `server` within the caller's transaction. */
export async function replaceServer(
  ctx: Ctx,
  tx: Tx,
  row: ServerRow,
  server: ServerInput,
  origin: Partial<Pick<ServerRow, 'label' | 'extra' | 'sourceFile'>> = {},
): Promise<ServerRow> {
  await changeName(tx, row.name, server.name, { serverId: row.id });
  const columns = sealColumns(await ctx.vault.sealer(tx), row.id, columnsOf(server), row);
  const changed = await writeServer(tx, row.id, { ...columns, ...origin });
  if (signsInElsewhere(row, changed)) await dropCredentials(tx, row);
  await keepDocument(tx, changed, server, row);
  await writeAudit(tx, ctx, {
    action: 'server.updated',
    ...named(changed),
    before: settingsOf(row),
    after: settingsOf(changed),
  });
  return changed;
}

/** @param row as it was when they were given */
async function dropCredentials(tx: Tx, row: ServerRow): Promise<void> {
  const serverId = row.id;
  await giveUpTokens(tx, eq(upstreamCredentials.serverId, serverId), row);
  await tx.delete(upstreamCredentials).where(eq(upstreamCredentials.serverId, serverId));
  await tx.delete(upstreamSignIns).where(eq(upstreamSignIns.serverId, serverId));
}

async function writeServer(tx: Tx, id: string, change: Partial<ServerRow>): Promise<ServerRow> {
  const [row] = await tx
    .update(servers)
    .set({ ...change, version: sql`${servers.version} + 1` })
    .where(eq(servers.id, id))
    .returning();
  if (!row) throw new HubError('NOT_FOUND');
  return row;
}

/** @throws HubError FORBIDDEN */
export function mayCreate(ctx: Ctx): void {
  if (!can(ctx.actor, 'create', { type: 'server' })) {
    throw new HubError('FORBIDDEN', 'You may not add servers or change what they run: ask an administrator.');
  }
}

/** @throws HubError INVALID_INPUT */
export function checkServer(input: unknown): ServerInput {
  const server = parseInput(serverInputSchema, input);
  const faults = launchFaults(server);
  if (faults.length > 0) throw invalidInput(faults);
  return server;
}

/** @throws HubError CONFLICT */
export function refuseFileRow(row: ServerRow): void {
  if (row.source !== 'file') return;
  const file = row.sourceFile ?? 'the servers file';
  throw new HubError('CONFLICT', `"${row.name}" comes from ${file} and is read-only here.`, {
    hint: `Change or remove its entry in ${file}: the hub watches that file and follows at once.`,
  });
}

export function switchedOff(row: ServerRow): HubError {
  const hint =
    row.source === 'file'
      ? `Remove "disabled" from its entry in ${row.sourceFile ?? 'the servers file'}.`
      : 'Enable it first.';
  return new HubError('CONFLICT', `"${row.name}" is switched off.`, { hint });
}

/** Every settable column of a server, so that what the input leaves out gets its default. */
export function columnsOf(server: ServerInput) {
  const stdio = server.type === 'stdio' ? server : undefined;
  const remote = server.type === 'stdio' || server.type === 'openapi' ? undefined : server;
  const tls = server.type === 'stdio' ? undefined : server.tls;
  const policy = server.type === 'openapi' ? undefined : server;
  return {
    name: server.name,
    description: server.description ?? '',
    type: server.type,
    command: stdio?.command ?? null,
    args: stdio?.args ?? [],
    env: stdio?.env ?? {},
    cwd: stdio?.cwd ?? null,
    url: remote?.url ?? null,
    headers: server.type === 'stdio' ? {} : (server.headers ?? {}),
    secrets: server.secrets ?? {},
    era: server.type === 'sse' || server.type === 'openapi' ? ('auto' as const) : (server.era ?? 'auto'),
    enabled: server.enabled ?? true,
    timeoutMs: server.timeoutMs ?? null,
    prefix: server.prefix ?? 'never',
    toolList: server.toolList ?? {},
    anonymous: server.anonymous ?? false,
    limits: (server.limits ?? {}) as Record<string, number>,
    tls: tls && Object.keys(tls).length > 0 ? tls : null,
    healthCheck: server.healthCheck ?? null,
    replicas: stdio?.replicas ?? 1,
    endpoints: remote?.endpoints ?? [],
    balancing: policy?.balancing ?? 'round-robin',
    openapi: server.type === 'openapi' ? settingsWithoutDocument(server.openapi) : null,
    repeatSafeCalls: server.repeatSafeCalls ?? false,
    definitionChanges: server.definitionChanges ?? 'warn',
    isolation: policy?.isolation ?? 'shared',
    startOnDemand: policy?.startOnDemand ?? false,
    idleStopSeconds: policy?.idleStopSeconds ?? null,
    warmInstances: policy?.warmInstances ?? 0,
    credential: (policy?.credential ?? null) as Record<string, unknown> | null,
  };
}

/** The settings of a row under the names of ServerInput, with stand-ins for what is sealed; the audit trail masks those. */
export function settingsOf(row: ServerRow): Record<string, unknown> {
  const shared = {
    name: row.name,
    description: row.description,
    type: row.type,
    enabled: row.enabled,
    prefix: row.prefix,
    ...(Object.keys(row.toolList).length > 0 && { toolList: row.toolList }),
    ...(row.anonymous && { anonymous: true }),
    ...(Object.keys(row.limits).length > 0 && { limits: row.limits }),
    ...(row.timeoutMs !== null && { timeoutMs: row.timeoutMs }),
    ...(row.healthCheck !== null && { healthCheck: row.healthCheck }),
    ...(Object.keys(row.secrets).length > 0 && { secrets: standIns(row.secrets) }),
    ...(row.balancing !== 'round-robin' && { balancing: row.balancing }),
    ...(row.repeatSafeCalls && { repeatSafeCalls: true }),
    ...(row.definitionChanges !== 'warn' && { definitionChanges: row.definitionChanges }),
    ...(row.isolation !== 'shared' && { isolation: row.isolation }),
    ...(row.startOnDemand && { startOnDemand: true }),
    ...(row.idleStopSeconds !== null && { idleStopSeconds: row.idleStopSeconds }),
    ...(row.warmInstances > 0 && { warmInstances: row.warmInstances }),
    ...(row.credential !== null && { credential: mapCredential(row.credential, standIn) }),
  };
  const tls = row.tls === null ? {} : { tls: row.tls };
  if (row.type === 'openapi')
    return { ...shared, headers: standIns(row.headers), ...tls, openapi: row.openapi && mapAuth(row.openapi, standIn) };
  const more = { ...(row.endpoints.length > 0 && { endpoints: row.endpoints }), ...tls };
  if (row.type === 'sse') return { ...shared, url: row.url, headers: standIns(row.headers), ...more };
  const era = row.era === 'auto' ? {} : { era: row.era };
  if (row.type !== 'stdio') return { ...shared, ...era, url: row.url, headers: standIns(row.headers), ...more };
  return {
    ...shared,
    ...era,
    command: row.command,
    args: row.args,
    env: standIns(row.env),
    ...(row.cwd !== null && { cwd: row.cwd }),
    ...(row.replicas > 1 && { replicas: row.replicas }),
  };
}

/**
 * What a server would be after a patch.
 * @throws HubError INVALID_INPUT, CONFLICT for a row of the servers file
 */
export function mergedServer(row: ServerRow, patch: ServerPatch): ServerInput {
  const change = parseInput(serverPatchSchema, patch);
  refuseFileRow(row);
  return checkServer(patchedServer(row, change));
}

/** What the server looks like after the patch; settings of its former type are dropped. Not checked yet. */
function patchedServer(
  row: ServerRow,
  { env, headers, secrets, limits, toolList, openapi, credential, ...patch }: ServerPatch,
): Record<string, unknown> {
  const type = patch.type ?? row.type;
  const kept = type === row.type ? settingsOf(row) : { ...settingsOf(row), ...formerSettings };
  const merged: Record<string, unknown> = { ...kept, ...patch };
  if (type === 'stdio' || env) merged.env = mergeValues(row.env, env);
  if (type !== 'stdio' || headers) merged.headers = mergeValues(row.headers, headers);
  if (secrets !== undefined) merged.secrets = mergeValues(row.secrets, secrets);
  if (openapi) merged.openapi = patchedOpenApi(type === row.type ? (row.openapi ?? {}) : {}, openapi);
  if (credential !== undefined) merged.credential = credential && patchCredential(row.credential, credential);
  if (toolList !== undefined) merged.toolList = toolList && withoutNull({ ...row.toolList, ...toolList });
  if (limits !== undefined) merged.limits = limits === null ? null : withoutNull({ ...row.limits, ...limits });
  return withoutNull(merged);
}

/** The credentials are replaced whole: a scheme that is left out is not used any more. */
function patchedOpenApi(stored: Record<string, unknown>, { auth, ...patch }: OpenApiPatch): Record<string, unknown> {
  const credentials = auth && patchAuth(stored.auth as Parameters<typeof patchAuth>[0], auth);
  return withoutNull({
    ...mapAuth(stored, standIn),
    ...patch,
    ...(auth !== undefined && { auth: credentials ?? null }),
  });
}

function settingsWithoutDocument({ document: _document, ...settings }: OpenApiInput): Record<string, unknown> {
  return settings;
}

async function withDocument(server: ServerInput, stored: string | null, read?: ReadDocument): Promise<ServerInput> {
  if (server.type !== 'openapi' || !read) return server;
  return { ...server, openapi: await completed(read, server.openapi, stored) };
}

/** Reads outside of the transaction, which must not wait for others' machines; the version holds what was read. */
async function prepareDocument(
  ctx: Ctx,
  name: string,
  change: ServerPatch,
  read: ReadDocument | undefined,
): Promise<{ server: ServerInput; version: number }> {
  const { row } = await findServer(ctx, ctx.db, name, 'update');
  const server = mergedServer(row, change);
  if (server.type !== 'openapi') return { server, version: row.version };
  const former = row.openapi as OpenApiSettings | null;
  const { document, documentUrl } = server.openapi;
  const isElsewhere = document === undefined && documentUrl !== former?.documentUrl && documentUrl !== undefined;
  if (document !== undefined || isElsewhere) mayCreate(ctx);
  const stored = isElsewhere ? null : await loadDocument(ctx.db, row.id);
  return { server: await withDocument(server, stored, read), version: row.version };
}

/** Stores the document that was given, and drops the one of another address: it is fetched when the server starts. */
async function keepDocument(tx: Tx, row: ServerRow, server: ServerInput, former: ServerRow | null): Promise<void> {
  const given = server.type === 'openapi' ? server.openapi : null;
  const before = former?.openapi as OpenApiSettings | null | undefined;
  if (given?.document !== undefined) await saveDocument(tx, row.id, given.document);
  else if (before && given?.documentUrl !== before.documentUrl) await dropDocument(tx, row.id);
}

function withoutNull(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null && value !== undefined));
}

const formerSettings = {
  command: undefined,
  args: undefined,
  env: undefined,
  cwd: undefined,
  url: undefined,
  headers: undefined,
  era: undefined,
  limits: undefined,
  tls: undefined,
  replicas: undefined,
  endpoints: undefined,
  balancing: undefined,
  credential: undefined,
  openapi: undefined,
};

function startsOtherProgram(sealer: Sealer, row: ServerRow, server: ServerInput): boolean {
  if (server.type !== 'stdio') return false;
  const wanted = columnsOf(server);
  const launch = ({ type, command, args, cwd }: Pick<ServerRow, 'type' | 'command' | 'args' | 'cwd'>) =>
    JSON.stringify([type, command, args, cwd]);
  const hasSame = (column: 'env' | 'secrets') => hasValues(sealer, row, column, wanted[column]);
  return launch(row) !== launch(wanted) || !hasSame('env') || !hasSame('secrets');
}

function named(row: ServerRow) {
  return { resourceType: 'server', resourceId: row.id, resourceName: row.name };
}

async function view(ctx: Ctx, known: KnownServer): Promise<ServerView> {
  const [shown] = await views(ctx, [known]);
  return shown as ServerView;
}

async function views(ctx: Ctx, known: KnownServer[]): Promise<ServerView[]> {
  const counts = await countTools(ctx, ctx.db, known);
  const documents = await documentsOf(ctx, known);
  const rows = known.map(({ row }) => row);
  const reentries = await findReentries(ctx, rows);
  return known.map((each) =>
    viewOfServer(ctx, each, {
      toolCount: counts.get(each.row.id) ?? 0,
      document: documents.get(each.row.id) ?? null,
      needsReentry: reentries.get(each.row.id) ?? [],
    }),
  );
}

function documentsOf(ctx: Ctx, known: KnownServer[]): ReturnType<typeof describeDocuments> {
  const ids = known.filter(({ row }) => row.type === 'openapi').map(({ row }) => row.id);
  return describeDocuments(ctx.db, ids);
}
