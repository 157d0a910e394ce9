// Deletes what has served its time: old call records, and what is known of sessions and tokens that have expired.
import { inArray, lt, sql } from 'drizzle-orm';
import { endedSessions, requestLogs, searchCosts, sessionWishes, toolSearches } from '../../drizzle/schema';
import { deleteExpiredOauthRecords } from '../../lib/access';
import { rootMessage } from '../../lib/db/faults';
import type { Db } from '../../lib/db/types';
import type { Log } from '../../lib/log';

export interface RetentionLimits {
  /** Age of the oldest call record; 30 days. */
  maxAgeDays?: number;
  /** Call records at most, roughly; 1,000,000. */
  maxRows?: number;
  /** Rows per delete, so that no other query waits long; 2,000. */
  batchRows?: number;
}

const dayMs = 86_400_000;
/** What came of searches: roughly, at most. */
const maxSearches = 50_000;

/** One sweep. @returns how many rows went */
export async function sweep(
  db: Db,
  now = new Date(),
  { maxAgeDays = 30, maxRows = 1_000_000, batchRows = 2_000 }: RetentionLimits = {},
): Promise<{ calls: number; sessions: number }> {
  const oldest = new Date(now.getTime() - maxAgeDays * dayMs);
  // Ids rise, so the newest row beyond the limit tells all the others; gaps only make it keep fewer.
  const [newest] = await db.select({ id: sql<string | null>`max(${requestLogs.id})` }).from(requestLogs);
  const lastSurplusId = Number(newest?.id ?? 0) - maxRows;
  let calls = await deleteCalls(db, lt(requestLogs.at, oldest), batchRows);
  if (lastSurplusId > 0) calls += await deleteCalls(db, sql`${requestLogs.id} <= ${lastSurplusId}`, batchRows);
  const sessions = await db
    .delete(endedSessions)
    .where(lt(endedSessions.expiresAt, now))
    .returning({ id: endedSessions.idHash });
  await deleteExpiredOauthRecords(db, now);
  await db.delete(toolSearches).where(lt(toolSearches.at, oldest));
  const newestSearch = sql`(select max(${toolSearches.id}) from ${toolSearches})`;
  await db.delete(toolSearches).where(sql`${toolSearches.id} <= ${newestSearch} - ${maxSearches}::bigint`);
  await db.delete(searchCosts).where(lt(searchCosts.day, oldest.toISOString().slice(0, 10)));
  await db.delete(sessionWishes).where(lt(sessionWishes.expiresAt, now));
  return { calls, sessions: sessions.length };
}

async function deleteCalls(db: Db, where: ReturnType<typeof sql>, batchRows: number): Promise<number> {
  let total = 0;
  for (;;) {
    const batch = db.select({ id: requestLogs.id }).from(requestLogs).where(where).limit(batchRows);
    const gone = await db.delete(requestLogs).where(inArray(requestLogs.id, batch)).returning({ id: requestLogs.id });
    total += gone.length;
    if (gone.length < batchRows) return total;
  }
}

export interface Retention {
  /** Idempotent; a sweep under way is waited for. */
  close(): Promise<void>;
}

/** Sweeps a minute after the start and then every hour. Failures are logged and left to the next sweep. */
export function startRetention({
  db,
  log,
  firstMs = 60_000,
  everyMs = 3_600_000,
}: {
  db: Db;
  log: Log;
  firstMs?: number;
  everyMs?: number;
}): Retention {
  let running: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  function schedule(delayMs: number): void {
    if (closed) return;
    timer = setTimeout(() => {
      running = run().finally(() => schedule(everyMs));
    }, delayMs);
    timer.unref();
  }

  async function run(): Promise<void> {
    try {
      const gone = await sweep(db);
      if (gone.calls + gone.sessions > 0) log.info(gone, 'old records deleted');
    } catch (error) {
      log.warn({ cause: rootMessage(error) }, 'old records could not be deleted');
    }
  }

  schedule(firstMs);
  return {
    async close() {
      closed = true;
      clearTimeout(timer);
      await running;
    },
  };
}
