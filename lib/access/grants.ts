// Grants: what a user allowed an MCP client to do at one endpoint of the hub. Made on the consent page, shown and ended by
// the user or an admin; a code or refresh token that comes twice ends one too (OAuth 2.1, 4.1.3 and 4.3.1).
import { randomUUID } from 'node:crypto';
import { and, desc, eq, gt, inArray, max } from 'drizzle-orm';
import { oauthRecords, users } from '../../drizzle/schema';
import type { Tx } from '../db/types';
import { HubError } from '../errors';
import { type AuditSource, writeAudit } from '../telemetry/audit';
import { can, canSome } from './can';
import type { Ctx } from './context';
import { isUuid } from './keys';
import { evictUnusedClients, keyOf, type OauthPayload } from './oauth-records';
import type { GrantView } from './schema';
import { hashSecret } from './secrets';

const listMax = 1000;
/** Until the first token is issued; then it lives as long as its refresh tokens. */
const unusedGrantMs = 60 * 60 * 1000;
/** Clients that registered themselves are forgotten after this time if nobody allows them anything. */
const unusedClientMs = 24 * 60 * 60 * 1000;
const unusedClientsMax = 1000;

export interface GrantGift {
  clientId: string;
  /** As the client calls itself. */
  clientName: string;
  /** URL of the endpoint (RFC 8707). */
  resource: string;
  scopes: readonly string[];
  redirectUri: string;
}

interface GrantPayload extends OauthPayload {
  accountId: string;
  clientId: string;
  clientName: string;
  /** Scopes by resource; one resource. */
  resources: Record<string, string>;
  redirectUris: string[];
}

type Source = Pick<Ctx, 'db' | 'actor' | 'requestId' | 'address'>;

/**
 * The actor, a user, allows a client something: once more, or more than before, or for the first time. One grant per user,
 * client and endpoint. @returns its id. @throws HubError FORBIDDEN for anybody who is no user
 */
export async function giveGrant(ctx: Source, gift: GrantGift): Promise<string> {
  const { userId } = ctx.actor;
  if (ctx.actor.kind !== 'user' || !userId) throw new HubError('FORBIDDEN');
  const { clientId, clientName, resource } = gift;
  return ctx.db.transaction(async (tx) => {
    const known = await findOwn(tx, userId, clientId, resource, true);
    const former = known ? scopesOf(known.payload, resource) : [];
    const scopes = [...new Set([...former, ...gift.scopes])];
    const redirectUris = [...new Set([...(known?.payload.redirectUris ?? []), gift.redirectUri])].slice(-20);
    const payload: GrantPayload = {
      kind: 'Grant',
      iat: Math.floor(Date.now() / 1000),
      accountId: userId,
      clientId,
      clientName,
      resources: { [resource]: scopes.join(' ') },
      redirectUris,
    };
    const id = known?.id ?? randomUUID();
    if (known) await tx.update(oauthRecords).set({ payload }).where(keyOf('Grant', id));
    else {
      await tx.insert(oauthRecords).values({
        model: 'Grant',
        idHash: hashSecret(id),
        grantId: id,
        payload,
        userId,
        clientId,
        expiresAt: new Date(Date.now() + unusedGrantMs),
      });
    }
    if (known && scopes.length === former.length) return id;
    await writeAudit(tx, ctx, {
      action: known ? 'grant.updated' : 'grant.created',
      resourceType: 'grant',
      resourceId: id,
      resourceName: clientName,
      ...(known && { before: { scopes: former } }),
      after: { client: clientId, endpoint: resource, scopes, redirect: gift.redirectUri },
    });
    return id;
  });
}

/**
 * The grant that a user gave this client for the endpoint, if it covers all these scopes and the redirect; null: the user
 * is to be asked.
 */
export async function findGrant({ db, actor }: Source, gift: Omit<GrantGift, 'clientName'>): Promise<string | null> {
  if (!actor.userId) return null;
  const known = await findOwn(db, actor.userId, gift.clientId, gift.resource);
  if (!known?.payload.redirectUris.includes(gift.redirectUri)) return null;
  const held = scopesOf(known.payload, gift.resource);
  return gift.scopes.every((scope) => held.includes(scope)) ? known.id : null;
}

async function findOwn(
  db: Ctx['db'] | Tx,
  userId: string,
  clientId: string,
  resource: string,
  forUpdate = false,
): Promise<{ id: string; payload: GrantPayload } | null> {
  const query = db
    .select({ id: oauthRecords.grantId, payload: oauthRecords.payload })
    .from(oauthRecords)
    .where(and(isLiveGrant(), eq(oauthRecords.userId, userId), eq(oauthRecords.clientId, clientId)));
  const rows = await (forUpdate ? query.for('update') : query);
  for (const { id, payload } of rows) {
    if (id && Object.hasOwn((payload as GrantPayload).resources, resource)) {
      return { id, payload: payload as GrantPayload };
    }
  }
  return null;
}

function isLiveGrant() {
  return and(eq(oauthRecords.model, 'Grant'), gt(oauthRecords.expiresAt, new Date()));
}

function scopesOf({ resources }: GrantPayload, resource: string): string[] {
  return (resources[resource] ?? '').split(' ').filter(Boolean);
}

/**
 * The grants that the actor may see, newest first. @param userId only those of this user
 * @throws HubError FORBIDDEN; NOT_FOUND for a user whose grants the actor may not see
 */
export async function listGrants({ actor, db }: Ctx, userId?: string): Promise<GrantView[]> {
  if (!canSome(actor, 'update', 'user')) throw new HubError('FORBIDDEN');
  if (userId !== undefined && (!isUuid(userId) || !maySee(actor, userId))) throw new HubError('NOT_FOUND');
  const of = userId ?? (can(actor, 'update', { type: 'user' }) ? undefined : (actor.userId ?? ''));
  if (of === '') return [];
  const rows = await db
    .select({ row: oauthRecords, username: users.username })
    .from(oauthRecords)
    .innerJoin(users, eq(users.id, oauthRecords.userId))
    .where(and(isLiveGrant(), of === undefined ? undefined : eq(oauthRecords.userId, of)))
    .orderBy(desc(oauthRecords.createdAt))
    .limit(listMax);
  const ids = rows.flatMap(({ row }) => row.grantId ?? []);
  const used = ids.length === 0 ? [] : await lastUses(db, ids);
  const lastUse = new Map(used.map(({ id, at }) => [id, at]));
  return rows
    .filter(({ row }) => maySee(actor, row.userId))
    .map(({ row, username }) => toView(row, username, lastUse.get(row.grantId) ?? null));
}

function lastUses(db: Ctx['db'], ids: string[]) {
  return db
    .select({ id: oauthRecords.grantId, at: max(oauthRecords.lastUsedAt) })
    .from(oauthRecords)
    .where(inArray(oauthRecords.grantId, ids))
    .groupBy(oauthRecords.grantId);
}

function maySee(actor: Ctx['actor'], userId: string | null): boolean {
  return can(actor, 'update', { type: 'user', ownerId: userId });
}

/**
 * Ends a grant with all its codes and tokens; no request with them is accepted once this returns. Doing it twice is
 * NOT_FOUND, as for one of somebody whose grants the actor may not see. @throws HubError NOT_FOUND
 */
export async function revokeGrant(ctx: Ctx, id: string): Promise<void> {
  if (!isUuid(id)) throw new HubError('NOT_FOUND');
  const [row] = await ctx.db.select({ userId: oauthRecords.userId }).from(oauthRecords).where(keyOf('Grant', id));
  if (!row || !maySee(ctx.actor, row.userId)) throw new HubError('NOT_FOUND');
  if (!(await endGrant(ctx, id, 'revoked'))) throw new HubError('NOT_FOUND');
}

/**
 * Ends a grant whoever asks, and tells the workers, which end its sessions and calls. For the authorization server.
 * @param why `replayed`: a code or refresh token came a second time; `client`: the client gave it back
 * @returns false if it had ended before
 */
export async function endGrant(
  ctx: Pick<Ctx, 'db' | 'bus'> & AuditSource,
  id: string,
  why: 'revoked' | 'replayed' | 'client',
): Promise<boolean> {
  const isEnded = await ctx.db.transaction(async (tx) => {
    // First the grant itself: from then on nothing more is issued under it.
    const [grant] = await tx.delete(oauthRecords).where(keyOf('Grant', id)).returning();
    await tx.delete(oauthRecords).where(eq(oauthRecords.grantId, id));
    if (!grant) return false;
    const { clientName, clientId, resources } = grant.payload as GrantPayload;
    await writeAudit(tx, ctx, {
      action: 'grant.revoked',
      resourceType: 'grant',
      resourceId: id,
      resourceName: clientName,
      before: { user: grant.userId, client: clientId, resources },
      after: { why },
    });
    return true;
  });
  await ctx.bus.emit('grant.revoked', { grantId: id });
  return isEnded;
}

/**
 * Keeps a client that registered itself (RFC 7591), bounded in number: where many registered that nobody ever allowed
 * anything, the oldest of them goes.
 */
export async function registerClient(ctx: Pick<Ctx, 'db'> & AuditSource, metadata: OauthPayload): Promise<void> {
  const clientId = String(metadata.client_id);
  await ctx.db.transaction(async (tx) => {
    await evictUnusedClients(tx, unusedClientsMax);
    await tx.insert(oauthRecords).values({
      model: 'Client',
      idHash: hashSecret(clientId),
      clientId,
      payload: metadata,
      expiresAt: new Date(Date.now() + unusedClientMs),
    });
    await writeAudit(tx, ctx, {
      action: 'client.registered',
      resourceType: 'client',
      resourceId: clientId,
      resourceName: String(metadata.client_name ?? clientId).slice(0, 200),
      after: { redirects: metadata.redirect_uris },
    });
  });
}

function toView(row: typeof oauthRecords.$inferSelect, user: string, lastUsedAt: Date | null): GrantView {
  const { clientId, clientName, resources } = row.payload as GrantPayload;
  const [[resource, scopes] = ['', '']] = Object.entries(resources);
  return {
    id: row.grantId ?? '',
    user,
    client: clientName,
    clientId,
    resource,
    scopes: scopes.split(' ').filter(Boolean),
    createdAt: row.createdAt.toISOString(),
    lastUsedAt: lastUsedAt?.toISOString() ?? null,
    expiresAt: row.expiresAt?.toISOString() ?? null,
  };
}
