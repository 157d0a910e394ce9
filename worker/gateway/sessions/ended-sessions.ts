// The short deny-list of sessions that were ended before they expired, in Postgres, with a cache of what is known.
import { eq, lt } from 'drizzle-orm';
import { LRUCache } from 'lru-cache';
import { endedSessions } from '../../../drizzle/schema';
import type { Db } from '../../../lib/db/types';

export interface EndedSessions {
  /** @param idHash SHA-256 (hex) of the session id */
  has(idHash: string): Promise<boolean>;
  /** @param expiresAt when the id would have become void by itself */
  add(idHash: string, expiresAt: Date): Promise<void>;
}

/** How often ids that have become void by themselves are taken off the list. */
const cleanEveryMs = 60_000;

export function createEndedSessions(db: Db): EndedSessions {
  // Only the ended ones are kept: once ended, always ended. Few clients use an id after they ended it.
  const known = new LRUCache<string, true>({ max: 5_000 });
  let cleanAtMs = 0;
  return {
    async has(idHash) {
      if (known.has(idHash)) return true;
      const rows = await db
        .select({ idHash: endedSessions.idHash })
        .from(endedSessions)
        .where(eq(endedSessions.idHash, idHash));
      if (rows.length > 0) known.set(idHash, true);
      return rows.length > 0;
    },
    async add(idHash, expiresAt) {
      known.set(idHash, true);
      await db.insert(endedSessions).values({ idHash, expiresAt }).onConflictDoNothing();
      const nowMs = performance.now();
      if (nowMs < cleanAtMs) return;
      cleanAtMs = nowMs + cleanEveryMs;
      await db.delete(endedSessions).where(lt(endedSessions.expiresAt, new Date()));
    },
  };
}
