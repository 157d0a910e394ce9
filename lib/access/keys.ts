// API keys: made, listed, rotated, revoked. A key acts as its owner, never with more rights, and less where it has a scope.
import { and, desc, eq, isNull } from 'drizzle-orm';
import { apiKeys, users } from '../../drizzle/schema';
import type { Tx } from '../db/types';
import { HubError } from '../errors';
import { parseInput } from '../input';
import { writeAudit, writeAuditLast } from '../telemetry/audit';
import { can, canSome } from './can';
import type { Ctx } from './context';
import { lowerScope } from './identities';
import {
  type Action,
  type KeyInput,
  type KeyRotation,
  type KeyScope,
  type KeyView,
  keyInputSchema,
  keyRotationSchema,
} from './schema';
import { hashSecret, newKeySecret, shownPrefix } from './secrets';

const listMax = 1000;

/**
 * Makes a key of the asking user. The secret is in this answer and nowhere else.
 * @throws HubError FORBIDDEN, INVALID_INPUT
 */
export async function createKey(ctx: Ctx, input: KeyInput): Promise<{ key: KeyView; secret: string }> {
  const { userId } = ctx.actor;
  if (!userId || !can(ctx.actor, 'create', { type: 'key', ownerId: userId })) throw new HubError('FORBIDDEN');
  const { name, scope, expiresAt } = parseInput(keyInputSchema, input);
  const expiry = expiryOf(expiresAt);
  const secret = newKeySecret();
  const row = await ctx.db.transaction(async (tx) => {
    const [owner] = await tx.select({ username: users.username }).from(users).where(eq(users.id, userId));
    if (!owner) throw new HubError('FORBIDDEN');
    if (ctx.actor.kind === 'key') await refuseLongerLife(tx, ctx.actor.id, expiry);
    const inserted = await insertKey(tx, secret, { userId, name, scope: normalScope(scope), expiresAt: expiry });
    await writeAudit(tx, ctx, {
      action: 'key.created',
      resourceType: 'key',
      resourceId: inserted.id,
      resourceName: name,
      after: { scope: inserted.scope, expiresAt: inserted.expiresAt },
    });
    return { ...inserted, owner: owner.username };
  });
  await ctx.bus.emit('key.created', { id: row.id, userId });
  return { key: toView(row), secret };
}

/** @throws HubError INVALID_INPUT for one in the past */
function expiryOf(expiresAt: string | null | undefined): Date | null {
  const expiry = expiresAt ? new Date(expiresAt) : null;
  if (expiry && expiry.getTime() <= Date.now()) {
    throw new HubError('INVALID_INPUT', 'The expiry lies in the past.', {
      faults: [{ pointer: '/expiresAt', detail: 'must be in the future' }],
    });
  }
  return expiry;
}

type NewKey = Pick<typeof apiKeys.$inferInsert, 'userId' | 'name' | 'scope' | 'expiresAt' | 'replaces'>;

async function insertKey(tx: Tx, secret: string, key: NewKey): Promise<typeof apiKeys.$inferSelect> {
  const [inserted] = await tx
    .insert(apiKeys)
    .values({ ...key, prefix: shownPrefix(secret), secretHash: hashSecret(secret) })
    .returning();
  if (!inserted) throw new HubError('INTERNAL', undefined, { detail: 'insert of a key returned no row' });
  return inserted;
}

const hourMs = 3_600_000;

/**
 * Gives an own key a new secret, with the same name and scope. The old secret works for `overlapHours` more, or not at all; it
 * can be revoked before. Only the owner may do so, because the secret lets one act as the owner.
 * @throws HubError NOT_FOUND, also where the actor has no right; CONFLICT for a key that ended or was replaced already;
 * INVALID_INPUT
 */
export async function rotateKey(
  ctx: Ctx,
  id: string,
  input: KeyRotation,
): Promise<{ key: KeyView; secret: string; replaced: KeyView }> {
  const { actor } = ctx;
  const { overlapHours, expiresAt } = parseInput(keyRotationSchema, input);
  const secret = newKeySecret();
  const given = expiryOf(expiresAt);
  const { made, old } = await ctx.db.transaction((tx) =>
    writeAuditLast(tx, ctx, async (source) => {
      const known = await lockOwnKey(tx, ctx, id);
      const { key: former } = known;
      const nowMs = Date.now();
      if (former.revokedAt || (former.expiresAt && former.expiresAt.getTime() <= nowMs)) {
        throw new HubError('CONFLICT', 'This key has ended: make a new one.');
      }
      const [successor] = await tx
        .select({ id: apiKeys.id })
        .from(apiKeys)
        .where(and(eq(apiKeys.replaces, id), isNull(apiKeys.revokedAt)));
      if (successor) throw new HubError('CONFLICT', 'This key was replaced already: rotate the one that replaces it.');
      const expiry = expiresAt === undefined ? former.expiresAt : given;
      if (actor.kind === 'key') await refuseLongerLife(tx, actor.id, expiry);
      const { userId, name, scope } = former;
      const inserted = await insertKey(tx, secret, { userId, name, scope, expiresAt: expiry, replaces: id });
      const end = new Date(Math.min(nowMs + overlapHours * hourMs, former.expiresAt?.getTime() ?? Number.MAX_VALUE));
      const [ended] = await tx
        .update(apiKeys)
        .set(overlapHours === 0 ? { revokedAt: new Date(nowMs) } : { expiresAt: end })
        .where(eq(apiKeys.id, id))
        .returning();
      if (!ended) throw new HubError('INTERNAL', undefined, { detail: 'update of a key returned no row' });
      await writeAudit(tx, source, {
        action: 'key.created',
        resourceType: 'key',
        resourceId: inserted.id,
        resourceName: name,
        after: { scope, expiresAt: expiry, replaces: id },
      });
      await writeAudit(tx, source, {
        action: 'key.rotated',
        resourceType: 'key',
        resourceId: id,
        resourceName: name,
        before: { expiresAt: former.expiresAt, revokedAt: null },
        after: { expiresAt: ended.expiresAt, revokedAt: ended.revokedAt, replacedBy: inserted.id },
      });
      return { made: { ...inserted, owner: known.owner }, old: { ...ended, owner: known.owner } };
    }),
  );
  const { userId, secretHash } = old;
  await ctx.bus.emit('key.created', { id: made.id, userId });
  await ctx.bus.emit(old.revokedAt ? 'key.revoked' : 'key.updated', { id, userId, secretHash });
  return { key: toView(made), secret, replaced: toView(old) };
}

/** @throws HubError NOT_FOUND */
async function lockOwnKey(tx: Tx, { actor }: Ctx, id: string) {
  if (!isUuid(id)) throw new HubError('NOT_FOUND');
  const [known] = await tx
    .select({ key: apiKeys, owner: users.username })
    .from(apiKeys)
    .innerJoin(users, eq(users.id, apiKeys.userId))
    .where(eq(apiKeys.id, id))
    .for('update', { of: apiKeys });
  const isOwn = known !== undefined && known.key.userId === actor.userId;
  const ownerId = actor.userId;
  const may = (action: Action) => can(actor, action, { type: 'key', ownerId });
  if (!isOwn || !may('read') || !may('create') || !may('delete')) throw new HubError('NOT_FOUND');
  return known;
}

/** A key that will expire must not make itself a successor without end. */
async function refuseLongerLife(tx: Pick<Ctx['db'], 'select'>, keyId: string, expiry: Date | null): Promise<void> {
  const [maker] = await tx.select({ expiresAt: apiKeys.expiresAt }).from(apiKeys).where(eq(apiKeys.id, keyId));
  const end = maker?.expiresAt;
  if (end && (!expiry || expiry > end)) {
    throw new HubError('INVALID_INPUT', 'A key made with a key that expires must expire no later than that one.', {
      faults: [{ pointer: '/expiresAt', detail: `must be at or before ${end.toISOString()}` }],
    });
  }
}

/** A scope that limits nothing is stored as none. */
function normalScope(scope: KeyScope | null | undefined): KeyScope | null {
  return scope && (scope.groups || scope.servers || scope.tools || scope.readOnly) ? lowerScope(scope) : null;
}

/** The keys that the actor may see, newest first. @throws HubError FORBIDDEN */
export async function listKeys(ctx: Ctx): Promise<KeyView[]> {
  if (!canSome(ctx.actor, 'read', 'key')) throw new HubError('FORBIDDEN');
  const seesAll = can(ctx.actor, 'read', { type: 'key' });
  const { userId } = ctx.actor;
  if (!seesAll && !userId) return [];
  const rows = await ctx.db
    .select({ key: apiKeys, owner: users.username })
    .from(apiKeys)
    .innerJoin(users, eq(users.id, apiKeys.userId))
    .where(seesAll || !userId ? undefined : eq(apiKeys.userId, userId))
    .orderBy(desc(apiKeys.createdAt), desc(apiKeys.id))
    .limit(listMax);
  return rows
    .filter(({ key }) => can(ctx.actor, 'read', { type: 'key', ownerId: key.userId }))
    .map(({ key, owner }) => toView({ ...key, owner }));
}

/**
 * Ends a key for good; no request with it is accepted once this returns. Doing it twice is no fault.
 * @throws HubError NOT_FOUND, also where the actor has no right
 */
export async function revokeKey(ctx: Ctx, id: string): Promise<void> {
  if (!isUuid(id)) throw new HubError('NOT_FOUND');
  const [key] = await ctx.db.select().from(apiKeys).where(eq(apiKeys.id, id));
  if (!key || !can(ctx.actor, 'delete', { type: 'key', ownerId: key.userId })) throw new HubError('NOT_FOUND');
  await ctx.db.transaction(async (tx) => {
    const revoked = await tx
      .update(apiKeys)
      .set({ revokedAt: new Date() })
      .where(and(eq(apiKeys.id, id), isNull(apiKeys.revokedAt)))
      .returning({ id: apiKeys.id });
    if (revoked.length === 0) return;
    await writeAudit(tx, ctx, {
      action: 'key.revoked',
      resourceType: 'key',
      resourceId: id,
      resourceName: key.name,
      before: { prefix: key.prefix, lastUsedAt: key.lastUsedAt },
    });
  });
  await ctx.bus.emit('key.revoked', { id, userId: key.userId, secretHash: key.secretHash });
}

/** Postgres refuses other text for a uuid column with an error; here it is only an id that nothing has. */
export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}

function toView(row: typeof apiKeys.$inferSelect & { owner: string }): KeyView {
  return {
    id: row.id,
    name: row.name,
    prefix: row.prefix,
    owner: row.owner,
    scope: row.scope,
    expiresAt: row.expiresAt?.toISOString() ?? null,
    lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
    lastUsedFrom: row.lastUsedFrom,
    revokedAt: row.revokedAt?.toISOString() ?? null,
    replaces: row.replaces,
    createdAt: row.createdAt.toISOString(),
  };
}
