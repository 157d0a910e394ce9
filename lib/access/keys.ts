// API keys: made, listed, revoked. A key acts as its owner, never with more rights, and less where it has a scope.
import { and, desc, eq, isNull } from 'drizzle-orm';
import { apiKeys, users } from '../../drizzle/schema';
import { HubError } from '../errors';
import { parseInput } from '../input';
import { writeAudit } from '../telemetry/audit';
import { can, canSome } from './can';
import type { Ctx } from './context';
import { lowerScope } from './identities';
import { type KeyInput, type KeyScope, type KeyView, keyInputSchema } from './schema';
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
  const expiry = expiresAt ? new Date(expiresAt) : null;
  if (expiry && expiry.getTime() <= Date.now()) {
    throw new HubError('INVALID_INPUT', 'The expiry lies in the past.', {
      faults: [{ pointer: '/expiresAt', detail: 'must be in the future' }],
    });
  }
  const secret = newKeySecret();
  const row = await ctx.db.transaction(async (tx) => {
    const [owner] = await tx.select({ username: users.username }).from(users).where(eq(users.id, userId));
    if (!owner) throw new HubError('FORBIDDEN');
    if (ctx.actor.kind === 'key') await refuseLongerLife(tx, ctx.actor.id, expiry);
    const [inserted] = await tx
      .insert(apiKeys)
      .values({
        userId,
        name,
        prefix: shownPrefix(secret),
        secretHash: hashSecret(secret),
        scope: normalScope(scope),
        expiresAt: expiry,
      })
      .returning();
    if (!inserted) throw new HubError('INTERNAL', undefined, { detail: 'insert of a key returned no row' });
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

/** A scope without any list limits nothing and is stored as none. */
function normalScope(scope: KeyScope | null | undefined): KeyScope | null {
  return scope && (scope.groups || scope.servers || scope.tools) ? lowerScope(scope) : null;
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
    createdAt: row.createdAt.toISOString(),
  };
}
