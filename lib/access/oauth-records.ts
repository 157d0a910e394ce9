// What the authorization server remembers: codes, tokens, grants, registered clients and sign-ins under way, each found
// by the hash of its id, so that the table lets nobody in. A grant holds what was issued under it: nothing is saved for
// one that has ended, and all of it goes with it.
import { and, eq, isNull, lt, sql } from 'drizzle-orm';
import { oauthRecords } from '../../drizzle/schema';
import type { Db, Tx } from '../db/types';
import { hashSecret } from './secrets';

export type OauthPayload = Record<string, unknown>;

/** A client that nobody uses any more is forgotten after this time. */
const clientIdleSeconds = 90 * 24 * 60 * 60;

export interface OauthRecords {
  /** What was saved, with `jti` and, where it was used, `consumed` (seconds since 1970); null once it expired. */
  find(model: string, id: string): Promise<OauthPayload | null>;
  /**
   * Saves or replaces; the id itself is not kept. @param ttlSeconds absent: no end.
   * @returns false where the payload names a grant that has ended: then nothing is saved
   */
  save(model: string, id: string, payload: OauthPayload, ttlSeconds?: number): Promise<boolean>;
  /** @returns false if it was used before, or is gone */
  consume(model: string, id: string): Promise<boolean>;
  remove(model: string, id: string): Promise<void>;
  /** Whether somebody allowed this client something. */
  isAllowedAnything(clientId: string): Promise<boolean>;
}

export function createOauthRecords(db: Db): OauthRecords {
  return {
    async find(model, id) {
      const [row] = await db.select().from(oauthRecords).where(keyOf(model, id));
      if (!row || (row.expiresAt && row.expiresAt.getTime() <= Date.now())) return null;
      const consumed = row.consumedAt && { consumed: Math.floor(row.consumedAt.getTime() / 1000) };
      return { ...row.payload, jti: id, ...consumed };
    },
    async save(model, id, { jti: _id, consumed: _consumed, ...payload }, ttlSeconds) {
      const grantId = textOf(payload.grantId);
      const values = {
        payload,
        grantId,
        userId: textOf(payload.accountId),
        clientId: textOf(payload.clientId) ?? textOf(payload.client_id),
        expiresAt: ttlSeconds === undefined ? null : new Date(Date.now() + ttlSeconds * 1000),
      };
      const write = (to: Db | Tx) =>
        to
          .insert(oauthRecords)
          .values({ model, idHash: hashSecret(id), ...values })
          .onConflictDoUpdate({ target: [oauthRecords.model, oauthRecords.idHash], set: values });
      if (grantId === null || model === 'Interaction') {
        await write(db);
        return true;
      }
      return db.transaction(async (tx) => {
        // The grant's row stays locked until the end: who ends the grant meanwhile finds this one too.
        const isThere = await touchGrant(tx, grantId, model === 'RefreshToken' ? values.expiresAt : null);
        if (!isThere) return false;
        if (model === 'RefreshToken' && values.clientId) await touchClient(tx, values.clientId);
        await write(tx);
        return true;
      });
    },
    async consume(model, id) {
      const used = await db
        .update(oauthRecords)
        .set({ consumedAt: new Date() })
        .where(and(keyOf(model, id), isNull(oauthRecords.consumedAt)))
        .returning({ model: oauthRecords.model });
      return used.length > 0;
    },
    async remove(model, id) {
      await db.delete(oauthRecords).where(keyOf(model, id));
    },
    async isAllowedAnything(clientId) {
      const known = await db
        .select({ model: oauthRecords.model })
        .from(oauthRecords)
        .where(and(eq(oauthRecords.model, 'Grant'), eq(oauthRecords.clientId, clientId)))
        .limit(1);
      return known.length > 0;
    },
  };
}

/** A grant lives as long as its youngest refresh token. @returns false if there is none any more */
async function touchGrant(tx: Tx, grantId: string, expiresAt: Date | null): Promise<boolean> {
  const now = new Date();
  const [grant] = await tx
    .update(oauthRecords)
    .set({ lastUsedAt: now, ...(expiresAt && { expiresAt }) })
    .where(keyOf('Grant', grantId))
    .returning({ expiresAt: oauthRecords.expiresAt });
  return grant !== undefined && (grant.expiresAt === null || grant.expiresAt > now);
}

async function touchClient(tx: Tx, clientId: string): Promise<void> {
  const now = Date.now();
  await tx
    .update(oauthRecords)
    .set({ lastUsedAt: new Date(now), expiresAt: new Date(now + clientIdleSeconds * 1000) })
    .where(keyOf('Client', clientId));
}

/** @returns how many rows went */
export async function deleteExpiredOauthRecords(db: Db, now: Date): Promise<number> {
  const gone = await db
    .delete(oauthRecords)
    .where(lt(oauthRecords.expiresAt, now))
    .returning({ model: oauthRecords.model });
  return gone.length;
}

/** Clients that registered themselves and that nobody has allowed anything yet. */
const unused = and(eq(oauthRecords.model, 'Client'), isNull(oauthRecords.lastUsedAt));

/** Makes room for one more: of the unused clients at most `max - 1` stay, the youngest. */
export async function evictUnusedClients(tx: Tx, max: number): Promise<void> {
  const surplus = tx
    .select({ idHash: oauthRecords.idHash })
    .from(oauthRecords)
    .where(unused)
    .orderBy(sql`${oauthRecords.createdAt} desc`)
    .offset(max - 1);
  await tx.delete(oauthRecords).where(and(unused, sql`${oauthRecords.idHash} in ${surplus}`));
}

/** The row of one thing. */
export function keyOf(model: string, id: string) {
  return and(eq(oauthRecords.model, model), eq(oauthRecords.idHash, hashSecret(id)));
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
