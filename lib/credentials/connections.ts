// The verbs of connections: what users enter or grant so that the hub reaches servers on their behalf, and what those who
// manage a server see of it. Values are sealed here and opened by the worker alone.
import { randomUUID } from 'node:crypto';
import { and, asc, eq, inArray, isNull, or, sql } from 'drizzle-orm';
import { type StoredValues, upstreamCredentials, users } from '../../drizzle/schema';
import { can } from '../access/can';
import type { Ctx } from '../access/context';
import { giveUpTokens } from '../access/given-up';
import { isUuid } from '../access/keys';
import type { Tx } from '../db/types';
import { type FieldFault, HubError } from '../errors';
import { invalidInput, parseInput, pointerOf } from '../input';
import { isHeaderValue } from '../servers/header-value';
import { findServer, readServers, type ServerRow, serverResource } from '../servers/rows';
import { writeAudit } from '../telemetry/audit';
import { ownedBy } from './owner';
import {
  type ConnectionInput,
  type ConnectionView,
  type CredentialSetting,
  connectionInputSchema,
  type OAuthSetting,
  type StaticSetting,
  type StoredConnectionView,
} from './schema';
import { placeOfCredential } from './sealed';

type CredentialRow = typeof upstreamCredentials.$inferSelect;

const table = 'upstream_credentials';

/** The own connections to all servers that the actor may see and at which each user signs in, by name. */
export async function listConnections(ctx: Ctx): Promise<ConnectionView[]> {
  const known = (await readServers(ctx.db)).filter(
    (each) => settingOf(each.row)?.per === 'user' && can(ctx.actor, 'read', serverResource(each)),
  );
  return ownViews(
    ctx,
    known.map(({ row }) => row),
  );
}

/**
 * The own connection to a server; where one is for all callers that one, for who may change the server.
 * @throws HubError NOT_FOUND, also for a server at which the actor has nothing to sign in to
 */
export async function getConnection(ctx: Ctx, name: string): Promise<ConnectionView> {
  const known = await findServer(ctx, ctx.db, name, 'read');
  const per = settingOf(known.row)?.per;
  const isOpen = per === 'user' || (per === 'hub' && can(ctx.actor, 'update', serverResource(known)));
  if (!isOpen) throw noSignIn(known.row);
  return ownView(ctx, known.row);
}

/**
 * Stores own values for a server; those that are left out stay. Setting the same again changes nothing but the time.
 * @throws HubError NOT_FOUND, FORBIDDEN (also for keys with a scope), INVALID_INPUT, CONFLICT where OAuth is used
 */
export async function setConnection(ctx: Ctx, name: string, input: ConnectionInput): Promise<ConnectionView> {
  const { values } = parseInput(connectionInputSchema, input);
  const { row, userId } = await ctx.db.transaction(async (tx) => {
    const { row } = await findServer(ctx, tx, name, 'read', true);
    const setting = settingOf(row);
    if (setting?.per !== 'user') throw noSignIn(row);
    const userId = requireOwn(ctx);
    if (setting.kind !== 'static') {
      throw new HubError('CONFLICT', `"${row.name}" is signed in to by OAuth: there is nothing to enter.`);
    }
    const given = checkedValues(setting, values);
    const before = await lockOwn(tx, row.id, userId);
    const sealer = await ctx.vault.sealer(tx);
    const id = before?.id ?? randomUUID();
    const sealed: StoredValues = { ...keptValues(setting, before) };
    for (const [field, value] of Object.entries(given)) {
      sealed[field] = { ...sealer.seal(placeOfCredential(table, id, field), value), mask: '***' };
    }
    const columns = { kind: 'static' as const, issuer: '', clientId: null, scopes: [], expiresAt: null, fault: null };
    if (before) {
      await tx
        .update(upstreamCredentials)
        .set({ ...columns, values: sealed, version: sql`${upstreamCredentials.version} + 1` })
        .where(eq(upstreamCredentials.id, id));
    } else await tx.insert(upstreamCredentials).values({ id, serverId: row.id, userId, ...columns, values: sealed });
    await writeAudit(tx, ctx, {
      action: 'credential.stored',
      ...named(row),
      after: { ...ownedBy(await nameOf(tx, userId)), kind: 'static', fields: Object.keys(given).sort() },
    });
    return { row, userId };
  });
  await ctx.bus.emit('credential.changed', { serverId: row.id, userId });
  return ownView(ctx, row);
}

/** Forgets the own connection. @throws HubError NOT_FOUND, also where nothing is stored; FORBIDDEN for keys with a scope */
export async function deleteConnection(ctx: Ctx, name: string): Promise<void> {
  const { row, userId } = await ctx.db.transaction(async (tx) => {
    const { row } = await findServer(ctx, tx, name, 'read', true);
    const userId = requireOwn(ctx);
    const before = await lockOwn(tx, row.id, userId);
    if (!before) throw new HubError('NOT_FOUND', `You are not connected to "${row.name}".`);
    await remove(ctx, tx, row, before, await nameOf(tx, userId));
    return { row, userId };
  });
  await ctx.bus.emit('credential.changed', { serverId: row.id, userId });
}

/**
 * What is stored of a server's sign-ins: the hub's own first, then those of users that the actor may see, by name.
 * @throws HubError NOT_FOUND, FORBIDDEN for who may not change the server
 */
export async function listServerConnections(ctx: Ctx, name: string): Promise<StoredConnectionView[]> {
  const { row } = await findServer(ctx, ctx.db, name, 'update');
  const found = await ctx.db
    .select({ credential: upstreamCredentials, user: users.username })
    .from(upstreamCredentials)
    .leftJoin(users, eq(users.id, upstreamCredentials.userId))
    .where(eq(upstreamCredentials.serverId, row.id))
    .orderBy(
      sql`${upstreamCredentials.userId} is not null`,
      sql`lower(${users.username})`,
      asc(upstreamCredentials.id),
    );
  const shown = found.filter(({ credential }) => maySee(ctx, credential));
  const lost = await lostOf(
    ctx,
    shown.map(({ credential }) => credential),
  );
  return shown.map(({ credential, user }) => {
    const reason = lost.has(credential.id) ? lostReason : credential.fault;
    return {
      id: credential.id,
      user,
      kind: credential.kind,
      state: reason === null ? 'connected' : 'failed',
      reason,
      scopes: credential.scopes,
      issuer: credential.issuer || null,
      since: credential.createdAt.toISOString(),
      lastUsedAt: credential.lastUsedAt?.toISOString() ?? null,
    };
  });
}

/**
 * Takes a stored sign-in of a server away, the hub's own or a user's.
 * @throws HubError NOT_FOUND, FORBIDDEN for who may not change the server
 */
export async function deleteServerConnection(ctx: Ctx, name: string, id: string): Promise<void> {
  const gone = await ctx.db.transaction(async (tx) => {
    const { row } = await findServer(ctx, tx, name, 'update', true);
    const [found] = isUuid(id)
      ? await tx
          .select({ credential: upstreamCredentials, user: users.username })
          .from(upstreamCredentials)
          .leftJoin(users, eq(users.id, upstreamCredentials.userId))
          .where(and(eq(upstreamCredentials.id, id), eq(upstreamCredentials.serverId, row.id)))
          .for('update', { of: upstreamCredentials })
      : [];
    if (!found || !maySee(ctx, found.credential)) throw new HubError('NOT_FOUND', 'There is no such connection.');
    await remove(ctx, tx, row, found.credential, found.user);
    return found.credential;
  });
  await ctx.bus.emit('credential.changed', { serverId: gone.serverId, userId: gone.userId });
}

/** As an admin set it; its secret is of no interest here. */
export function settingOf(row: ServerRow): OAuthSetting | StaticSetting | null {
  return row.credential as CredentialSetting | null;
}

function noSignIn(row: ServerRow): HubError {
  return new HubError('NOT_FOUND', `There is nothing to connect: users do not sign in to "${row.name}".`);
}

/** A connection is a part of the own account. @returns the user's id */
export function requireOwn({ actor }: Ctx): string {
  if (actor.userId !== null && can(actor, 'update', { type: 'user', ownerId: actor.userId })) return actor.userId;
  throw new HubError('FORBIDDEN', 'Only users with full use of their account sign in to servers.');
}

/** The actor may be a key, which has a name of its own. */
async function nameOf(tx: Tx, userId: string): Promise<string> {
  const [user] = await tx.select({ name: users.username }).from(users).where(eq(users.id, userId));
  return user?.name ?? '';
}

function maySee({ actor }: Ctx, { userId }: CredentialRow): boolean {
  return userId === null || can(actor, 'read', { type: 'user', ownerId: userId });
}

async function lockOwn(tx: Tx, serverId: string, userId: string): Promise<CredentialRow | undefined> {
  const [row] = await tx
    .select()
    .from(upstreamCredentials)
    .where(and(eq(upstreamCredentials.serverId, serverId), eq(upstreamCredentials.userId, userId)))
    .for('update');
  return row;
}

/** @param user its name; null: the credential is the hub's */
async function remove(
  ctx: Ctx,
  tx: Tx,
  server: ServerRow,
  credential: CredentialRow,
  user: string | null,
): Promise<void> {
  await giveUpTokens(tx, eq(upstreamCredentials.id, credential.id));
  await tx.delete(upstreamCredentials).where(eq(upstreamCredentials.id, credential.id));
  const { kind, issuer, scopes } = credential;
  await writeAudit(tx, ctx, {
    action: 'credential.deleted',
    ...named(server),
    before: { ...ownedBy(user), kind, ...(issuer && { issuer, scopes }) },
  });
}

/** Without what belongs to fields that there are no more, and to another way of signing in. */
function keptValues(setting: StaticSetting, before: CredentialRow | undefined): StoredValues {
  if (before?.kind !== 'static') return {};
  const names = new Set(setting.fields.map(({ name }) => name));
  return Object.fromEntries(Object.entries(before.values).filter(([name]) => names.has(name)));
}

/** As they are sent: without what people copy along. @throws HubError INVALID_INPUT */
function checkedValues({ fields }: StaticSetting, values: Record<string, string>): Record<string, string> {
  const faults: FieldFault[] = [];
  const checked = Object.entries(values).map(([name, text]) => {
    const field = fields.find((each) => each.name === name);
    const at = pointerOf(['values', name]);
    const trimmed = text.trim();
    const value = field?.prefix && trimmed.toLowerCase().startsWith('bearer ') ? trimmed.slice(7).trim() : trimmed;
    if (!field) faults.push({ pointer: at, detail: 'is not asked for by this server' });
    else if (value === '') faults.push({ pointer: at, detail: 'must not be empty' });
    else if (field.header !== undefined && !isHeaderValue(value)) {
      faults.push({ pointer: at, detail: 'must not contain line breaks, nor characters that a header cannot carry' });
    }
    return [name, value];
  });
  if (faults.length === 0 && checked.length === 0) faults.push({ pointer: '/values', detail: 'holds no value' });
  if (faults.length > 0) throw invalidInput(faults);
  return Object.fromEntries(checked);
}

function named(row: ServerRow) {
  return { resourceType: 'server', resourceId: row.id, resourceName: row.name };
}

const lostReason = 'It was stored under a master key that the hub does not have any more: connect again.';

/** Ids of those of which a value cannot be opened. */
async function lostOf(ctx: Ctx, rows: CredentialRow[]): Promise<ReadonlySet<string>> {
  const sealed = rows.flatMap(({ id, values }) =>
    Object.values(values).flatMap((value) => (typeof value === 'string' ? [] : [{ id, sealed: value.sealed }])),
  );
  const lost = await ctx.vault.findLost(
    ctx.db,
    sealed.map((each) => each.sealed),
  );
  return new Set(sealed.filter((each) => lost.has(each.sealed)).map(({ id }) => id));
}

async function ownView(ctx: Ctx, row: ServerRow): Promise<ConnectionView> {
  const [view] = await ownViews(ctx, [row]);
  return view as ConnectionView;
}

async function ownViews(ctx: Ctx, rows: ServerRow[]): Promise<ConnectionView[]> {
  const ids = rows.map(({ id }) => id);
  const { userId } = ctx.actor;
  const isHubs = isNull(upstreamCredentials.userId);
  const stored = await ctx.db
    .select()
    .from(upstreamCredentials)
    .where(
      and(
        inArray(upstreamCredentials.serverId, ids),
        userId === null ? isHubs : or(isHubs, eq(upstreamCredentials.userId, userId)),
      ),
    );
  const lost = await lostOf(ctx, stored);
  return rows.map((row) => {
    const setting = settingOf(row) as CredentialSetting;
    const credential = stored.find(
      (each) =>
        each.serverId === row.id &&
        each.kind === setting.kind &&
        (each.userId === null ? setting.per === 'hub' : setting.per === 'user'),
    );
    const fields =
      setting.kind === 'static'
        ? setting.fields.map(({ name, label }) => ({
            name,
            label,
            stored: credential !== undefined && Object.hasOwn(credential.values, name),
          }))
        : [];
    const missing = fields.filter((field) => !field.stored).map(({ label }) => `"${label}"`);
    const fault = credential && (lost.has(credential.id) ? lostReason : credential.fault);
    const absent =
      missing.length > 0
        ? `${missing.join(', ')} still to be entered.`
        : setting.per === 'hub'
          ? 'Nobody has signed the hub in yet.'
          : 'You have not signed in to it yet.';
    const isThere = credential !== undefined && missing.length === 0;
    return {
      server: row.name,
      description: row.description,
      per: setting.per,
      kind: setting.kind,
      host: row.url !== null && URL.canParse(row.url) ? new URL(row.url).host : null,
      state: fault ? 'failed' : isThere ? 'connected' : 'missing',
      reason: fault ?? (isThere ? null : absent),
      fields,
      scopes: credential?.scopes ?? [],
      issuer: credential?.issuer || null,
      since: credential?.createdAt.toISOString() ?? null,
      lastUsedAt: credential?.lastUsedAt?.toISOString() ?? null,
    };
  });
}
