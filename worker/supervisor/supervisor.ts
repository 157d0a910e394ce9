// Brings what runs into line with the rows: at the start, on a hint, and on a timer. Servers do not wait for each other.
import { EventEmitter } from 'node:events';
import type { Log } from '../../lib/log';
import type { LogLine, ServerStatus } from '../../lib/servers/schema';
import { createEgress } from '../upstream';
import { type Clock, systemClock } from './clock';
import type { InstanceOptions } from './instance';
import type { InstanceStore } from './instance-store';
import { type Platform, platformOf } from './limits';
import { createPool, type Pool, type PoolOptions } from './pool';
import { unavailable } from './pool-status';
import { createProcessTrees, type ProcessTrees } from './process-tree';
import { createStartTurns } from './start-turns';
import type { DesiredServer, Supervisor, SupervisorEvents } from './types';
import { createUsageWatch, measureMs } from './usage';

/** A lost hint costs this delay at most. */
const reconcileMs = 15_000;
/** Of the time that may go into looking at processes: hundreds of them are looked at more rarely, but not too rarely. */
const measureShareMax = 0.005;
const measurePauseMaxMs = 5_000;
/** Log events reach the browser at most ten times a second. */
const logBatchMs = 100;

export interface SupervisorOptions {
  /** The rows as they are now. May reject while the database is away: then all goes on as it is. */
  loadDesired(): Promise<DesiredServer[]>;
  log: Log;
  /** Names this hub's processes; the same at each start, and no other hub's. */
  installationId: string;
  /** MCPHUB_EGRESS. */
  egress: string;
  /** The environment that children inherit their few allowed variables from. */
  ownEnv: Record<string, string | undefined>;
  /** The hub's version, told to servers. */
  version: string;
  store?: InstanceStore;
  clock?: Clock;
  random?: () => number;
  trees?: ProcessTrees;
  platform?: Platform;
  /** See createUsageWatch. */
  cpuWindowMs?: number;
  handshakeTimeoutMs?: number;
  documentsOf?: InstanceOptions['documentsOf'];
  accessFor?: InstanceOptions['accessFor'];
}

export function createSupervisor(options: SupervisorOptions): Supervisor {
  const { log, clock = systemClock, random = Math.random, trees = createProcessTrees(), store } = options;
  const watchUsage = createUsageWatch({ trees, monotonic: clock.monotonic, cpuWindowMs: options.cpuWindowMs });
  const emitter = new EventEmitter();
  emitter.setMaxListeners(0);
  const pools = new Map<string, Pool>();
  const removing = new Set<Promise<void>>();
  const timers: (() => void)[] = [];
  const unsent = new Map<string, LogLine[]>();
  let reconciling: Promise<void> | null = null;
  let nextReconcile: Promise<void> | null = null;
  /** Until the sweep is over nothing may start: it could not tell new processes from old ones. */
  let swept = false;
  let stopped = false;
  let stopping: Promise<void> | null = null;
  let measureFrom = 0;

  function emit<E extends keyof SupervisorEvents>(event: E, ...args: Parameters<SupervisorEvents[E]>): void {
    for (const listener of emitter.listeners(event)) {
      try {
        (listener as (...args: unknown[]) => void)(...args);
      } catch (error) {
        log.error({ err: error, event }, 'a listener of the supervisor failed');
      }
    }
  }

  const shared: Omit<PoolOptions, 'logged' | 'emit' | 'report'> = {
    clock,
    random,
    trees,
    platform: options.platform ?? platformOf(options.ownEnv.PATH),
    egress: createEgress(options.egress, { env: options.ownEnv }),
    installationId: options.installationId,
    ownEnv: options.ownEnv,
    turns: createStartTurns(clock),
    version: options.version,
    handshakeTimeoutMs: options.handshakeTimeoutMs,
    documentsOf: options.documentsOf,
    accessFor: options.accessFor,
  };

  function create(desired: DesiredServer): Pool {
    const pool: Pool = createPool(desired, {
      ...shared,
      logged: (line) => {
        if (isKnown()) queueLine(desired.id, line);
      },
      report: (error) => log.error({ err: error, server: desired.name }, 'a server could not be brought into line'),
      emit: (event, ...args) => {
        if (!isKnown()) return;
        if (event === 'status') record(pool, args[0] as ServerStatus);
        emit(event, ...args);
      },
    });
    // After "removed" nothing more is told of a server: a late state would bring it back to life elsewhere.
    const isKnown = () => pools.get(desired.id) === pool;
    pools.set(desired.id, pool);
    return pool;
  }

  function record(pool: Pool, { id: serverId, name, state, reason }: ServerStatus): void {
    log.debug({ server: name, state, reason }, 'server state');
    store?.keep(serverId, pool.size);
    for (const { id, ordinal, pid, lastExit, view } of pool.placed) {
      const { shown } = view;
      store?.record({
        id,
        serverId,
        ordinal,
        state: view.state,
        pid,
        startedAt: shown?.startedAt ? new Date(shown.startedAt) : null,
        restarts: shown?.restarts ?? 0,
        lastExit,
      });
    }
  }

  function queueLine(serverId: string, line: LogLine): void {
    if (unsent.size === 0) clock.after(logBatchMs, sendLines);
    const lines = unsent.get(serverId);
    if (lines) lines.push(line);
    else unsent.set(serverId, [line]);
  }

  function sendLines(): void {
    const batches = [...unsent];
    unsent.clear();
    for (const [serverId, lines] of batches) emit('log', serverId, lines);
  }

  async function reconcileOnce(): Promise<void> {
    let desired: DesiredServer[];
    try {
      desired = await options.loadDesired();
    } catch (error) {
      log.warn({ err: error }, 'the servers cannot be read now; all goes on as it is');
      return;
    }
    if (stopped) return;
    const wanted = new Map(desired.map((each) => [each.id, each]));
    for (const [id, pool] of pools) {
      if (!wanted.has(id)) remove(id, pool);
    }
    for (const each of desired) {
      const known = pools.get(each.id);
      (known ?? create(each)).want(each);
      if (known) continue;
      // To start a process takes milliseconds in which nothing else runs: requests have their turn between two.
      await new Promise((resolve) => setImmediate(resolve));
      if (stopped) return;
    }
  }

  function remove(serverId: string, pool: Pool): void {
    pools.delete(serverId);
    unsent.delete(serverId);
    const done = pool.remove().finally(() => {
      removing.delete(done);
      store?.remove(serverId);
    });
    removing.add(done);
    emit('removed', serverId);
  }

  function reconcile(): Promise<void> {
    if (!swept || stopped) return Promise.resolve();
    if (!reconciling) {
      reconciling = reconcileOnce().finally(() => {
        reconciling = null;
      });
      return reconciling;
    }
    nextReconcile ??= reconciling.then(() => {
      nextReconcile = null;
      return reconcile();
    });
    return nextReconcile;
  }

  function repeat(ms: number, run: () => Promise<void>): void {
    let cancel = clock.after(ms, again);
    function again(): void {
      void run()
        .catch((error: unknown) => log.error({ err: error }, 'a regular task of the supervisor failed'))
        .finally(() => {
          if (!stopped) cancel = clock.after(ms, again);
        });
    }
    timers.push(() => cancel());
  }

  async function measure(): Promise<void> {
    const begun = clock.monotonic();
    if (begun < measureFrom) return;
    await watchUsage([...pools.values()].flatMap(({ instances }) => instances));
    const ended = clock.monotonic();
    measureFrom = ended + Math.min((ended - begun) / measureShareMax, measurePauseMaxMs);
  }

  async function stopAll(): Promise<void> {
    stopped = true;
    for (const cancel of timers) cancel();
    const ends = [...pools.values()].map((pool) => pool.remove());
    await Promise.allSettled([...ends, ...removing]);
    sendLines();
    await store?.close();
  }

  return {
    async start() {
      const left = await trees.sweep(options.installationId);
      if (left > 0) log.warn({ processes: left }, 'ended processes that an earlier run left behind');
      await store?.reset();
      swept = true;
      repeat(reconcileMs, reconcile);
      repeat(measureMs, measure);
      await reconcile();
    },
    reconcile,
    async restart(serverId) {
      await reconcile();
      await pools.get(serverId)?.restart();
    },
    status: (serverId) => pools.get(serverId)?.status,
    statuses: () => [...pools.values()].map(({ status }) => status),
    upstreamOf(serverId) {
      const pool = pools.get(serverId);
      const upstream = pool?.upstream;
      if (!upstream) throw unavailable(pool?.status);
      return upstream;
    },
    listingUpstreamOf(serverId) {
      const pool = pools.get(serverId);
      const upstream = pool?.listing;
      if (!upstream) throw unavailable(pool?.status);
      return upstream;
    },
    release(conversation) {
      for (const pool of pools.values()) pool.release(conversation);
    },
    renewCredential: (serverId, user) => pools.get(serverId)?.renew(user),
    logs: (serverId, after, limit) => pools.get(serverId)?.ring.since(after, limit) ?? { lines: [], dropped: 0 },
    listed: (serverId, outcome) => pools.get(serverId)?.listed(outcome),
    on(event, listener) {
      emitter.on(event, listener);
      return () => void emitter.off(event, listener);
    },
    stop() {
      stopping ??= stopAll();
      return stopping;
    },
    async kill() {
      stopped = true;
      await trees.sweep(options.installationId);
    },
  };
}
