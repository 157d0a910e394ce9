// What sessions asked for that goes on: their log level and their subscriptions. It is kept in Postgres under the worker
// that holds it, so that neither a restart of the hub nor the end of a worker leaves a client deaf without its knowing.
import { and, desc, eq, inArray, notInArray } from 'drizzle-orm';
import { sessionWishes } from '../../../drizzle/schema';
import type { Db } from '../../../lib/db/types';

export interface Wishes {
  /** Severity (index) as in log-levels.ts; null: the client never set one. */
  logLevel: number | null;
  /** Exposed URIs. */
  subscriptions: string[];
}

export interface WishStore {
  /** Puts what `worker` holds of a session in the place of what it held before; nothing at all removes it. */
  save(idHash: string, worker: string, wishes: Wishes, expiresAt: Date): Promise<void>;
  /**
   * Takes over what no living worker holds; of several that ask, one gets it.
   * @param idHashes SHA-256 (hex) of session ids
   * @param others the other workers that live
   * @returns by idHash; what was not there is left out
   */
  takeOver(idHashes: readonly string[], worker: string, others: readonly string[]): Promise<Map<string, Wishes>>;
  /** A session ended. */
  remove(idHash: string): Promise<void>;
}

export function createWishStore(db: Db): WishStore {
  return {
    async save(idHash, worker, wishes, expiresAt) {
      if (wishes.logLevel === null && wishes.subscriptions.length === 0) {
        await db.delete(sessionWishes).where(and(eq(sessionWishes.idHash, idHash), eq(sessionWishes.worker, worker)));
        return;
      }
      await db
        .insert(sessionWishes)
        .values({ idHash, worker, ...wishes, expiresAt })
        .onConflictDoUpdate({
          target: [sessionWishes.idHash, sessionWishes.worker],
          set: { ...wishes, updatedAt: new Date() },
        });
    },

    async takeOver(idHashes, worker, others) {
      const orphaned = and(
        inArray(sessionWishes.idHash, [...idHashes]),
        others.length > 0 ? notInArray(sessionWishes.worker, [...others]) : undefined,
      );
      const known = db.select().from(sessionWishes).where(orphaned).orderBy(desc(sessionWishes.updatedAt));
      const taken = new Map<string, Wishes>();
      if ((await known.limit(1)).length === 0) return taken;
      await db.transaction(async (tx) => {
        const rows = await tx.delete(sessionWishes).where(orphaned).returning();
        rows.sort((a, b) => b.updatedAt.getTime() - a.updatedAt.getTime());
        const expiries = new Map<string, Date>();
        for (const { idHash, logLevel, subscriptions, expiresAt } of rows) {
          const newer = taken.get(idHash);
          expiries.set(idHash, expiresAt);
          taken.set(idHash, {
            logLevel: newer?.logLevel ?? logLevel,
            subscriptions: [...new Set([...(newer?.subscriptions ?? []), ...subscriptions])],
          });
        }
        const held = [...taken].map(([idHash, wishes]) => {
          return { idHash, worker, ...wishes, expiresAt: expiries.get(idHash) ?? new Date() };
        });
        if (held.length > 0) await tx.insert(sessionWishes).values(held);
      });
      return taken;
    },

    async remove(idHash) {
      await db.delete(sessionWishes).where(eq(sessionWishes.idHash, idHash));
    },
  };
}
