// Which limits there are: set, listed, taken away. Enforced by limiter.ts.
import { and, asc, eq, sql } from 'drizzle-orm';
import { apiKeys, callLimits, endpointNames, quotaUsage, servers, users } from '../../drizzle/schema';
import { can } from '../access/can';
import type { Ctx } from '../access/context';
import { isUuid } from '../access/keys';
import type { Db, Tx } from '../db/types';
import { HubError } from '../errors';
import { parseInput } from '../input';
import { writeAudit } from '../telemetry/audit';
import { checkVersion, type VersionCheck } from '../telemetry/versions';
import {
  eachOfKind,
  type LimitInput,
  type LimitRef,
  type LimitSubject,
  type LimitView,
  limitInputSchema,
  limitRefSchema,
} from './schema';
import { dayOf } from './window';

type LimitRow = typeof callLimits.$inferSelect;

/** What is limited, as callers name it and as rows do. */
interface Found {
  subjectId: string;
  target: string;
  label: string;
}

/** All limits, by kind; those for "each" first. @throws HubError FORBIDDEN */
export async function listLimits(ctx: Ctx): Promise<LimitView[]> {
  if (!can(ctx.actor, 'read', { type: 'setting' })) throw new HubError('FORBIDDEN');
  const rows = await ctx.db
    .select({ limit: callLimits, today: quotaUsage.calls })
    .from(callLimits)
    .leftJoin(
      quotaUsage,
      and(
        eq(quotaUsage.subject, callLimits.subject),
        eq(quotaUsage.subjectId, callLimits.subjectId),
        eq(quotaUsage.day, dayOf(Date.now())),
      ),
    )
    .orderBy(asc(callLimits.subject), asc(callLimits.subjectId));
  const names = await namesOf(ctx.db);
  return rows.map(({ limit, today }) => viewOf(limit, nameOf(limit, names), today));
}

/**
 * Sets the limits of one thing, whole: what is not given does not limit. Doing it twice is no fault. Workers follow within a
 * second.
 * @throws HubError FORBIDDEN, INVALID_INPUT, also for what does not exist; STALE_VERSION, also for limits that are gone
 */
export async function setLimit(ctx: Ctx, input: LimitInput, check: VersionCheck = {}): Promise<LimitView> {
  if (!can(ctx.actor, 'update', { type: 'setting' })) throw new HubError('FORBIDDEN');
  const { subject, target, perMinute = null, concurrent = null, perDay = null } = parseInput(limitInputSchema, input);
  if (perMinute === null && concurrent === null && perDay === null) {
    throw new HubError('INVALID_INPUT', 'This limits nothing: give at least one number.', {
      faults: [{ pointer: '/perMinute', detail: 'or another limit must be given' }],
    });
  }
  const { found, row } = await ctx.db.transaction(async (tx) => {
    const known = await find(tx, { subject, target });
    if (!known) {
      throw new HubError('INVALID_INPUT', `There is no ${subject} ${JSON.stringify(target)}.`, {
        faults: [{ pointer: '/target', detail: `names no ${subject}` }],
      });
    }
    const { subjectId } = known;
    const [before] = await tx.select().from(callLimits).where(isRow(subject, subjectId)).for('update');
    if (before) await checkVersion(tx, versionOf(before, known), check);
    else if (check.ifVersion !== undefined) throw gone();
    const values = { perMinute, concurrent, perDay };
    const [written] = await tx
      .insert(callLimits)
      .values({ subject, subjectId, ...values })
      .onConflictDoUpdate({
        target: [callLimits.subject, callLimits.subjectId],
        set: { ...values, updatedAt: new Date(), version: sql`${callLimits.version} + 1` },
      })
      .returning();
    if (!written) throw new HubError('INTERNAL', undefined, { detail: 'upsert of a limit returned no row' });
    await writeAudit(tx, ctx, {
      action: 'limit.set',
      resourceType: 'limit',
      resourceId: `${subject}:${subjectId}`,
      resourceName: `${subject} ${known.label}`,
      before: before && numbersOf(before),
      after: values,
    });
    return { found: known, row: written };
  });
  await ctx.bus.emit('limits.changed', {});
  const { subject: kind, subjectId } = row;
  const [usage] = await ctx.db
    .select({ calls: quotaUsage.calls })
    .from(quotaUsage)
    .where(
      and(eq(quotaUsage.subject, kind), eq(quotaUsage.subjectId, subjectId), eq(quotaUsage.day, dayOf(Date.now()))),
    );
  return viewOf(row, found, usage?.calls ?? null);
}

/** Takes the limits of one thing away; those for "each" of its kind then hold for it. @throws HubError FORBIDDEN, NOT_FOUND, STALE_VERSION */
export async function removeLimit(ctx: Ctx, input: LimitRef, check: VersionCheck = {}): Promise<void> {
  if (!can(ctx.actor, 'update', { type: 'setting' })) throw new HubError('FORBIDDEN');
  const { subject, target } = parseInput(limitRefSchema, input);
  await ctx.db.transaction(async (tx) => {
    // What was limited may be gone; then its id is all that is left to name it by.
    const known = await find(tx, { subject, target });
    const subjectId = known?.subjectId ?? target;
    const [removed] = await tx.delete(callLimits).where(isRow(subject, subjectId)).returning();
    if (!removed) throw new HubError('NOT_FOUND', 'There is no such limit.');
    await checkVersion(tx, versionOf(removed, known), check);
    await writeAudit(tx, ctx, {
      action: 'limit.removed',
      resourceType: 'limit',
      resourceId: `${subject}:${subjectId}`,
      resourceName: `${subject} ${target}`,
      before: numbersOf(removed),
    });
  });
  await ctx.bus.emit('limits.changed', {});
}

/** All rows, for the limiter. */
export function loadLimits(db: Db): Promise<LimitRow[]> {
  return db.select().from(callLimits);
}

const gone = () =>
  new HubError('STALE_VERSION', 'These limits were taken away since you read them.', {
    hint: 'Read them again and repeat the change.',
  });

/** What versions are compared of. */
function versionOf({ subject, subjectId, version }: LimitRow, found: Found | null) {
  return { id: `${subject}:${subjectId}`, name: `${subject} ${found?.label ?? subjectId}`, version };
}

function isRow(subject: LimitSubject, subjectId: string) {
  return and(eq(callLimits.subject, subject), eq(callLimits.subjectId, subjectId));
}

function numbersOf({ perMinute, concurrent, perDay }: LimitRow) {
  return { perMinute, concurrent, perDay };
}

function viewOf(row: LimitRow, found: Found | null, today: number | null): LimitView {
  return {
    subject: row.subject,
    target: found?.target ?? row.subjectId,
    label: found?.label ?? null,
    ...numbersOf(row),
    today: row.perDay === null || row.subjectId === eachOfKind ? null : (today ?? 0),
    updatedAt: row.updatedAt.toISOString(),
    version: row.version,
  };
}

const each: Found = { subjectId: eachOfKind, target: eachOfKind, label: 'each' };

async function find(tx: Tx, { subject, target }: LimitRef): Promise<Found | null> {
  if (target === eachOfKind) return each;
  if (subject === 'key') {
    if (!isUuid(target)) return null;
    const [key] = await keyNames(tx).where(eq(apiKeys.id, target));
    return key ? keyFound(key) : null;
  }
  if (subject === 'user') {
    const [user] = await tx
      .select({ id: users.id, name: users.username })
      .from(users)
      .where(eq(sql`lower(${users.username})`, target.toLowerCase()));
    return user ? { subjectId: user.id, target: user.name, label: user.name } : null;
  }
  const slash = subject === 'tool' ? target.indexOf('/') : target.length;
  const tool = target.slice(slash + 1);
  if (slash < 1 || (subject === 'tool' && tool === '')) return null;
  const [server] = await tx
    .select({ id: servers.id, name: servers.name })
    .from(servers)
    .innerJoin(endpointNames, eq(endpointNames.serverId, servers.id))
    .where(eq(endpointNames.name, target.slice(0, slash).toLowerCase()));
  if (!server) return null;
  const suffix = subject === 'tool' ? `/${tool}` : '';
  const name = server.name + suffix;
  return { subjectId: server.id + suffix, target: name, label: name };
}

function keyNames(db: Db | Tx) {
  return db
    .select({ id: apiKeys.id, name: apiKeys.name, owner: users.username })
    .from(apiKeys)
    .innerJoin(users, eq(users.id, apiKeys.userId))
    .$dynamic();
}

function keyFound({ id, name, owner }: { id: string; name: string; owner: string }): Found {
  return { subjectId: id, target: id, label: `${owner}/${name}` };
}

interface Names {
  keys: Map<string, Found>;
  users: Map<string, string>;
  servers: Map<string, string>;
}

/** Names of everything that has a limit. */
async function namesOf(db: Db): Promise<Names> {
  const limited = (subject: LimitSubject) =>
    sql`(select subject_id from ${callLimits} where ${callLimits.subject} = ${subject})`;
  const [keyRows, userRows, serverRows] = await Promise.all([
    keyNames(db).where(sql`${apiKeys.id}::text in ${limited('key')}`),
    db
      .select({ id: users.id, name: users.username })
      .from(users)
      .where(sql`${users.id}::text in ${limited('user')}`),
    db.select({ id: servers.id, name: servers.name }).from(servers),
  ]);
  return {
    keys: new Map(keyRows.map((row) => [row.id, keyFound(row)])),
    users: new Map(userRows.map(({ id, name }) => [id, name])),
    servers: new Map(serverRows.map(({ id, name }) => [id, name])),
  };
}

function nameOf({ subject, subjectId }: LimitRow, names: Names): Found | null {
  if (subjectId === eachOfKind) return each;
  if (subject === 'key') return names.keys.get(subjectId) ?? null;
  if (subject === 'user') return named(subjectId, names.users.get(subjectId));
  if (subject === 'server') return named(subjectId, names.servers.get(subjectId));
  const slash = subjectId.indexOf('/');
  const server = names.servers.get(subjectId.slice(0, slash));
  return named(subjectId, server && server + subjectId.slice(slash));
}

function named(subjectId: string, name: string | undefined): Found | null {
  return name === undefined ? null : { subjectId, target: name, label: name };
}
