// Who runs the servers: the supervisor of the only worker, or one that shares them with fellow workers, with all that
// this needs: leases, the processes that a dead worker left, and the way to the others' sockets.
import { randomBytes } from 'node:crypto';
import { renameSync, rmSync, symlinkSync } from 'node:fs';
import { basename } from 'node:path';
import type { Opener } from '../lib/access/vault/envelope';
import { type ControlAnswer, type ControlBody, createControlClient } from '../lib/control';
import type { Db } from '../lib/db/types';
import { type Env, socketPaths } from '../lib/env';
import type { Mates } from '../lib/limits';
import type { Log } from '../lib/log';
import { documentStore, listDesired } from '../lib/servers';
import { knowSecrets } from '../lib/telemetry/redact';
import type { ControlPeers } from './control';
import type { Fleet, Tag } from './fleet';
import type { PeerLine } from './gateway';
import {
  createInstanceStore,
  createLeases,
  createProcessTrees,
  createSharedSupervisor,
  createSupervisor,
  releaseAll,
} from './supervisor';
import type { SupervisorOptions } from './supervisor/supervisor';
import type { Supervisor } from './supervisor/types';

export interface Supervision {
  supervisor: Supervisor;
  /** Where this worker's control socket lies. */
  socketPath: string;
  /** Whether this worker writes down and shows what is learned of a server; every server has one such worker. */
  answersFor(serverId: string): boolean;
  /** What an earlier run of this hub left: processes and rows. Before any worker starts a server. */
  clearAll(): Promise<void>;
  /** From now on this worker is the one that the web program talks to. */
  lead(): void;
  /** Takes over no servers any more. */
  retire(): void;
  /** Resolves when other workers wait for no call here, or after `graceMs`. */
  idle(graceMs: number): Promise<void>;
  /** This life of this worker, unlike any other on the database, and those of its hub. */
  named: { worker: string; mates: Mates | null };
  peers?: ControlPeers;
  /** Metrics of the other workers that answer. */
  metricsOfOthers?(): Promise<unknown[][]>;
  /** What the gateway says to the others. */
  line?: PeerLine;
}

const statsMs = 1_000;
const logsMs = 5_000;
const idleLookMs = 20;

export interface SupervisionOptions {
  db: Db;
  env: Env;
  log: Log;
  version: string;
  processEnv: Record<string, string | undefined>;
  /** Opens what rows hold sealed. */
  opener: Opener;
  /** What an instance proves itself with. */
  accessFor: SupervisorOptions['accessFor'];
  /** Names this hub's processes and rows. */
  installationId: string;
  /** The other workers; null for the only one. */
  fleet: Fleet | null;
}

export function createSupervision(options: SupervisionOptions): Supervision {
  const { db, env, log, version, processEnv, opener, installationId, fleet } = options;
  const sockets = socketPaths(env.MCPHUB_DATA_DIR);
  const common = {
    loadDesired: async () => {
      const desired = await listDesired(db, processEnv, opener);
      knowSecrets(desired);
      return desired;
    },
    log,
    egress: env.MCPHUB_EGRESS,
    documentsOf: (serverId: string) => documentStore(db, serverId),
    accessFor: options.accessFor,
    ownEnv: processEnv,
    version,
  };
  if (!fleet) {
    const store = createInstanceStore(db, installationId, log);
    return {
      supervisor: createSupervisor({ ...common, installationId, store }),
      socketPath: sockets.worker,
      answersFor: () => true,
      clearAll: () => releaseAll(db, installationId),
      lead() {},
      retire() {},
      idle: async () => {},
      named: { worker: `${installationId}.${randomBytes(6).toString('base64url')}`, mates: null },
    };
  }

  const trees = createProcessTrees();
  const workerId = (tag: Tag) => `${installationId}.${tag}`;
  const socketOf = (tag: Tag) => sockets.workerNumber(tag.split('-')[0] ?? '');
  const socketPath = socketOf(fleet.self);
  const others = () => fleet.members.filter((tag) => tag !== fleet.self);
  const sweeps = new Map<Tag, Promise<number>>();

  /** Ends what a dead worker's servers left; once. */
  function sweep(tag: Tag): Promise<number> {
    const under = sweeps.get(tag) ?? trees.sweep(`${installationId}:${tag}`);
    sweeps.set(tag, under);
    return under;
  }

  async function clear(owner: string, instanceId: string): Promise<void> {
    const tag = owner.slice(installationId.length + 1);
    if (fleet?.dead.includes(tag)) await sweep(tag);
    else await trees.kill(`${installationId}:${tag}:${instanceId}`);
  }

  const supervisor = createSharedSupervisor({
    ...common,
    fleet,
    trees,
    installationId: `${installationId}:${fleet.self}`,
    store: createInstanceStore(db, workerId(fleet.self), log, true),
    socketPath,
    makeLeases: (changed) =>
      createLeases({
        db,
        log,
        workerId: workerId(fleet.self),
        members: () => fleet.members.map(workerId),
        dead: () => fleet.dead.map(workerId),
        clear,
        changed,
      }),
    logsAt: (owner, id, after, limit) =>
      createControlClient(socketOf(owner)).call(
        'servers.logs',
        { id, after, limit, own: true },
        { signal: AbortSignal.timeout(logsMs) },
      ),
  });
  /** One question to all others; who has just ended gives nothing. */
  async function ask<N extends 'hub.stats' | 'hub.metrics'>(
    name: N,
    body: ControlBody<N>,
  ): Promise<ControlAnswer<N>[]> {
    const asked = others().map((tag) =>
      createControlClient(socketOf(tag)).call(name, body, { signal: AbortSignal.timeout(statsMs) }),
    );
    const answers = await Promise.allSettled(asked);
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  }

  fleet.onChange(() => {
    if (fleet.leads) for (const tag of fleet.dead) void sweep(tag);
  });

  return {
    supervisor,
    socketPath,
    answersFor: supervisor.answersFor,
    async clearAll() {
      await trees.sweep(installationId);
      await releaseAll(db, installationId);
    },
    lead() {
      // Renamed into place, so that there is no moment without it.
      const draft = `${sockets.worker}.${fleet.self}`;
      rmSync(draft, { force: true });
      symlinkSync(basename(socketPath), draft);
      renameSync(draft, sockets.worker);
    },
    retire: supervisor.retire,
    async idle(graceMs) {
      const until = performance.now() + graceMs;
      while (supervisor.forwarder.inflight > 0 && performance.now() < until) {
        await new Promise((resolve) => setTimeout(resolve, idleLookMs));
      }
    },
    named: {
      worker: workerId(fleet.self),
      mates: {
        living: () => fleet.members.map(workerId),
        dead: () => fleet.dead.map(workerId),
        onChange: fleet.onChange,
      },
    },
    metricsOfOthers: async () => (await ask('hub.metrics', {})).map(({ values }) => values),
    line: {
      self: fleet.self,
      members: () => fleet.members,
      send: (message, to) => fleet.send({ kind: 'session', message }, to),
      onMessage: (listener) => fleet.on('session', ({ message }, from) => listener(message, from)),
      onHello: (listener) => fleet.on('hello', (_message, from) => listener(from)),
      onChange: fleet.onChange,
      searches: {
        send: (message, to) => fleet.send({ kind: 'search', message }, to),
        onMessage: (listener) => fleet.on('search', ({ message }, from) => listener(message, from)),
      },
      socketOf,
    },
    peers: {
      forwarder: supervisor.forwarder,
      ownLogs: supervisor.ownLogs,
      stats: () => ask('hub.stats', { own: true }),
    },
  };
}
