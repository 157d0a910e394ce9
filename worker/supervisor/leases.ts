// Which worker runs which stdio server, when there are several: a lease per server, a row of `instances` with epoch and
// expiry. It is claimed by one conditional statement, so that of two workers exactly one gets it, on any Postgres and
// on the embedded database. Every worker computes the same even share from the same rows; the claim decides.
import { createHash } from 'node:crypto';
import { eq, inArray, isNull, lt, or, sql } from 'drizzle-orm';
import { instances } from '../../drizzle/schema';
import type { Db } from '../../lib/db/types';
import type { Log } from '../../lib/log';

/** An owner that is silent for so long has lost its servers to whoever claims them. */
const leaseMs = 15_000;
const renewMs = 5_000;
/** After a fault of the database, or of our own clock, expired leases may be those of owners who had the same fault. */
const retryMs = 500;
/** So long a server is left to the worker whose share it is. */
const patienceMs = 8_000;
const lookAgainMs = 1_000;

export interface LeaseOptions {
  db: Db;
  log: Log;
  /** Names this life of this worker in the rows. */
  workerId: string;
  /** Ids of all workers that live, this one included. */
  members(): readonly string[];
  /** Ids of workers that have ended: their leases are void. */
  dead(): readonly string[];
  /** Ends what a worker left running of a server; resolves when nothing of it is left. `instanceId` as in the row. */
  clear(workerId: string, instanceId: string): Promise<unknown>;
  /** Something may be claimed, or was lost: ask for the share anew. */
  changed(): void;
  leaseMs?: number;
  renewMs?: number;
}

export interface Leases {
  /**
   * Of these servers those that this worker runs, after it claimed its part of what nobody runs.
   * @throws what the database throws
   */
  share(serverIds: readonly string[]): Promise<ReadonlySet<string>>;
  /** From now on nothing is claimed; what is held is kept up until close(). */
  retire(): void;
  close(): void;
}

interface Row {
  serverId: string;
  workerId: string | null;
  /** Of all its instances; the row of the first one is the lease. */
  ids: string[];
  epoch: number;
  isExpired: boolean;
}

export function createLeases(options: LeaseOptions): Leases {
  const { db, log, workerId } = options;
  const lengthMs = options.leaseMs ?? leaseMs;
  const everyMs = options.renewMs ?? renewMs;
  /** Server id → epoch of our lease. */
  const held = new Map<string, number>();
  /** When a server was first seen without an owner. */
  const freeSince = new Map<string, number>();
  const expiry = sql`now() + make_interval(secs => ${lengthMs / 1000})`;
  let isRetired = false;
  let isClosed = false;
  let renewedAt = performance.now();
  let trustExpiryFrom = 0;
  let timer: NodeJS.Timeout | undefined;
  let lookTimer: NodeJS.Timeout | undefined;

  /** After a time in which we (or the database) stood still, others may have stood still as well: they renew first. */
  function noteFault(): void {
    trustExpiryFrom = performance.now() + 2 * everyMs;
  }

  function schedule(ms: number): void {
    if (!isClosed) timer = setTimeout(() => void renew(), ms).unref();
  }

  async function renew(): Promise<void> {
    if (performance.now() - renewedAt > lengthMs) noteFault();
    try {
      const kept = await db
        .update(instances)
        .set({ leaseExpiresAt: expiry })
        .where(eq(instances.workerId, workerId))
        .returning({ serverId: instances.serverId, ordinal: instances.ordinal, epoch: instances.epoch });
      renewedAt = performance.now();
      const leases = kept.filter(({ ordinal }) => ordinal === 0);
      const epochs = new Map(leases.map(({ serverId, epoch }) => [serverId, epoch]));
      const lost = [...held].filter(([serverId, epoch]) => epochs.get(serverId) !== epoch);
      for (const [serverId] of lost) held.delete(serverId);
      if (lost.length > 0) {
        log.warn({ servers: lost.map(([serverId]) => serverId) }, 'another worker has taken over servers');
        options.changed();
      }
      schedule(everyMs);
    } catch (error) {
      // Nobody can claim anything either while the database is away, so what runs goes on.
      noteFault();
      log.debug({ err: error }, 'leases could not be renewed');
      schedule(retryMs);
    }
  }

  async function readRows(): Promise<Map<string, Row>> {
    const rows = await db
      .select({
        serverId: instances.serverId,
        workerId: instances.workerId,
        id: instances.id,
        ordinal: instances.ordinal,
        epoch: instances.epoch,
        isExpired: sql<boolean>`coalesce(${instances.leaseExpiresAt} < now(), true)`,
      })
      .from(instances)
      .orderBy(instances.ordinal);
    const leases = new Map<string, Row>();
    for (const { id, ordinal, ...row } of rows) {
      if (ordinal === 0) leases.set(row.serverId, { ...row, ids: [id] });
      else leases.get(row.serverId)?.ids.push(id);
    }
    return leases;
  }

  function isFree(row: Row | undefined, dead: ReadonlySet<string>): boolean {
    if (!row?.workerId || dead.has(row.workerId)) return true;
    return row.isExpired && row.workerId !== workerId && performance.now() >= trustExpiryFrom;
  }

  /** One statement: whoever comes second finds the condition false. */
  async function claim(serverIds: string[], dead: readonly string[]): Promise<string[]> {
    const claimed = await db
      .insert(instances)
      .values(serverIds.map((serverId) => ({ serverId, workerId, epoch: 1, leaseExpiresAt: expiry, state: 'stopped' })))
      .onConflictDoUpdate({
        target: [instances.serverId, instances.ordinal],
        set: {
          workerId: sql`excluded.worker_id`,
          epoch: sql`${instances.epoch} + 1`,
          leaseExpiresAt: sql`excluded.lease_expires_at`,
          updatedAt: sql`now()`,
        },
        setWhere: or(
          isNull(instances.workerId),
          isNull(instances.leaseExpiresAt),
          lt(instances.leaseExpiresAt, sql`now()`),
          inArray(instances.workerId, [...dead]),
        ),
      })
      .returning({ serverId: instances.serverId, epoch: instances.epoch });
    for (const { serverId, epoch } of claimed) held.set(serverId, epoch);
    return claimed.map(({ serverId }) => serverId);
  }

  /** Ours of the free servers: each goes to the worker with the fewest, as every worker reckons it. */
  function chosen(free: string[], rows: ReadonlyMap<string, Row>): string[] {
    const load = new Map(options.members().map((member) => [member, 0]));
    const isTaken = new Set(free);
    for (const { workerId: owner, serverId } of rows.values()) {
      if (owner !== null && load.has(owner) && !isTaken.has(serverId)) load.set(owner, (load.get(owner) ?? 0) + 1);
    }
    const nowMs = performance.now();
    return free.toSorted().filter((serverId) => {
      const [owner] = [...load].toSorted(
        ([one, ofOne], [other, ofOther]) => ofOne - ofOther || (rank(serverId, one) < rank(serverId, other) ? -1 : 1),
      );
      if (owner) load.set(owner[0], owner[1] + 1);
      // The worker whose share it is may hang: then it goes to the first who asks.
      return owner?.[0] === workerId || nowMs - (freeSince.get(serverId) ?? nowMs) > patienceMs;
    });
  }

  return {
    async share(serverIds) {
      if (!timer) schedule(everyMs);
      if (performance.now() - renewedAt > lengthMs) noteFault();
      const dead = options.dead();
      const isDead = new Set(dead);
      const rows = await readRows().catch((error: unknown) => {
        noteFault();
        throw error;
      });
      const wanted = new Set(serverIds);
      for (const serverId of held.keys()) {
        if (!wanted.has(serverId) || rows.get(serverId)?.workerId !== workerId) held.delete(serverId);
      }
      for (const serverId of wanted) {
        const row = rows.get(serverId);
        if (row?.workerId === workerId && !held.has(serverId)) held.set(serverId, row.epoch);
      }
      const free = isRetired
        ? []
        : serverIds.filter((serverId) => !held.has(serverId) && isFree(rows.get(serverId), isDead));
      for (const serverId of freeSince.keys()) if (!free.includes(serverId)) freeSince.delete(serverId);
      for (const serverId of free) if (!freeSince.has(serverId)) freeSince.set(serverId, performance.now());
      const ours = chosen(free, rows);
      const claimed = ours.length > 0 ? await claim(ours, dead) : [];
      await Promise.all(
        claimed.flatMap((serverId) => {
          const { workerId: owner, ids } = rows.get(serverId) ?? { workerId: null, ids: [] };
          return owner === null ? [] : ids.map((id) => options.clear(owner, id));
        }),
      );
      const waits = serverIds.some((serverId) => !held.has(serverId) && rows.get(serverId)?.isExpired !== false);
      if ((claimed.length < free.length || waits) && !isClosed) {
        clearTimeout(lookTimer);
        lookTimer = setTimeout(options.changed, lookAgainMs).unref();
      }
      return new Set(held.keys());
    },
    retire() {
      isRetired = true;
    },
    close() {
      isClosed = true;
      clearTimeout(timer);
      clearTimeout(lookTimer);
    },
  };
}

/** Where all workers own as many, each server has its own order of them (rendezvous hashing). */
function rank(serverId: string, workerId: string): string {
  return createHash('sha256').update(`${serverId} ${workerId}`).digest('hex');
}

/** Gives back all that a hub's workers ever held; for a start, when none of them lives. @param hubId begins their ids */
export async function releaseAll(db: Db, hubId: string): Promise<void> {
  await db
    .update(instances)
    .set({ state: 'stopped', pid: null, startedAt: null, leaseExpiresAt: null, workerId: null })
    .where(or(eq(instances.workerId, hubId), sql`starts_with(${instances.workerId}, ${`${hubId}.`})`));
}
