// Keeps the table `instances` after the fact: who runs what, for other workers and for people. It never decides what
// runs here (leases.ts does, where there are several workers), and a database that is slow or away only makes the
// table late.
import { and, eq, gte, lt, or, sql } from 'drizzle-orm';
import { instances, type LastExit } from '../../drizzle/schema';
import type { Db } from '../../lib/db/types';
import type { Log } from '../../lib/log';

const flushMs = 500;
/** An owner that is silent for so long has lost its rows to whoever claims them. */
const leaseSeconds = 30;
const renewMs = 10_000;
const leaseExpiresAt = sql`now() + make_interval(secs => ${leaseSeconds})`;

export interface InstanceRow {
  id: string;
  serverId: string;
  ordinal: number;
  state: string;
  pid: number | null;
  startedAt: Date | null;
  restarts: number;
  lastExit: LastExit | null;
}

export interface InstanceStore {
  /** Rows of an earlier life say nothing about what runs now. Waits for the database no longer than one statement. */
  reset(): Promise<void>;
  /** Queues a row; of several for one place only the last is written. */
  record(row: InstanceRow): void;
  /** The server has so many places now: the rows of more are removed. */
  keep(serverId: string, places: number): void;
  remove(serverId: string): void;
  /** Writes what is queued and gives the leases back. */
  close(): Promise<void>;
}

/**
 * @param workerId names this worker; the same at each start of a hub with one worker
 * @param isLeased rows are claimed and renewed by leases.ts: only those that this worker holds are written
 */
export function createInstanceStore(db: Db, workerId: string, log: Log, isLeased = false): InstanceStore {
  /** By server and place. */
  const owned = new Map<string, InstanceRow>();
  const dirty = new Set<string>();
  let timer: NodeJS.Timeout | null = null;
  let writing: Promise<void> = Promise.resolve();
  const renewal = isLeased ? undefined : setInterval(renew, renewMs).unref();

  /** One statement for all rows. Where it meets fewer than there are, or fails, all are written again. */
  function renew(): void {
    writing = writing.then(async () => {
      const renewed = await db
        .update(instances)
        .set({ leaseExpiresAt })
        .where(eq(instances.workerId, workerId))
        .returning({ id: instances.id })
        .catch((error: unknown) => {
          log.debug({ err: error }, 'the instance rows were not renewed');
          return [];
        });
      if (renewed.length < owned.size) for (const key of owned.keys()) mark(key);
    });
  }

  function mark(key: string): void {
    dirty.add(key);
    timer ??= setTimeout(() => {
      timer = null;
      writing = writing.then(flush);
    }, flushMs).unref();
  }

  async function flush(): Promise<void> {
    const rows = [...dirty].flatMap((key) => owned.get(key) ?? []);
    dirty.clear();
    if (rows.length === 0) return;
    try {
      if (isLeased) for (const row of rows) await write(row);
      else await claim(rows);
    } catch {
      // One row whose server is gone fails the whole statement; the others are worth writing.
      for (const row of rows) {
        await (isLeased ? write(row) : claim([row])).catch((error: unknown) =>
          log.debug({ err: error }, 'an instance row was not written'),
        );
      }
    }
  }

  /** Writes a row if it is ours. The first place of a server is the lease; who has it has the others. */
  async function write(row: InstanceRow): Promise<void> {
    if (row.ordinal > 0) return claim([row]);
    await db
      .update(instances)
      .set(row)
      .where(and(eq(instances.serverId, row.serverId), eq(instances.ordinal, 0), eq(instances.workerId, workerId)));
  }

  /** Claims and writes in one conditional statement: a row that another worker holds stays as it is. */
  async function claim(rows: InstanceRow[]): Promise<void> {
    await db
      .insert(instances)
      .values(rows.map((row) => ({ ...row, workerId, epoch: 1, leaseExpiresAt })))
      .onConflictDoUpdate({
        target: [instances.serverId, instances.ordinal],
        set: {
          id: sql`excluded.id`,
          workerId: sql`excluded.worker_id`,
          epoch: sql`${instances.epoch} + case when ${instances.id} = excluded.id then 0 else 1 end`,
          leaseExpiresAt: sql`excluded.lease_expires_at`,
          state: sql`excluded.state`,
          pid: sql`excluded.pid`,
          startedAt: sql`excluded.started_at`,
          restarts: sql`excluded.restarts`,
          lastExit: sql`excluded.last_exit`,
          updatedAt: sql`now()`,
        },
        setWhere: or(
          eq(instances.workerId, workerId),
          sql`${instances.workerId} is null`,
          sql`${instances.leaseExpiresAt} is null`,
          lt(instances.leaseExpiresAt, sql`now()`),
        ),
      });
  }

  async function release(): Promise<void> {
    await db
      .update(instances)
      .set({ state: 'stopped', pid: null, startedAt: null, leaseExpiresAt: null })
      .where(eq(instances.workerId, workerId));
  }

  /** Removes the rows of these places, and of those after them. */
  function remove(serverId: string, from: number): void {
    for (let place = from; owned.delete(keyOf(serverId, place)); place++) dirty.delete(keyOf(serverId, place));
    writing = writing.then(async () => {
      await db
        .delete(instances)
        .where(and(eq(instances.serverId, serverId), gte(instances.ordinal, from), eq(instances.workerId, workerId)))
        .catch((error: unknown) => log.debug({ err: error }, 'an instance row was not removed'));
    });
  }

  return {
    async reset() {
      await release().catch((error: unknown) => log.warn({ err: error }, 'old instance rows were not reset'));
    },
    record(row) {
      const key = keyOf(row.serverId, row.ordinal);
      owned.set(key, row);
      mark(key);
    },
    keep(serverId, places) {
      if (owned.has(keyOf(serverId, places))) remove(serverId, places);
    },
    remove: (serverId) => remove(serverId, 0),
    async close() {
      clearInterval(renewal);
      if (timer) clearTimeout(timer);
      writing = writing.then(flush);
      await writing;
      await release().catch(() => {});
    },
  };
}

function keyOf(serverId: string, ordinal: number): string {
  return `${serverId} ${ordinal}`;
}
