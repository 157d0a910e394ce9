// The supervisor of one worker among several. Servers behind a URL run here as in every worker; of the stdio servers
// this worker runs its share (leases.ts) and reaches the others at their owners (upstream/forwarding.ts). Each server
// has one worker that answers for it, the owner or, for a URL, the leader: its word on state, log and lists counts
// everywhere. For the rest of the worker it looks as if all servers ran here.
import { EventEmitter } from 'node:events';
import { HubError } from '../../lib/errors';
import type { DesiredServer } from '../../lib/servers';
import type { LogLine, ServerStatus } from '../../lib/servers/schema';
import type { Fleet, Tag } from '../fleet';
import { createForwarder, type Forwarded, type Forwarder, openForwarded } from '../upstream/forwarding';
import type { Handshake } from '../upstream/types';

import type { Leases } from './leases';
import { unavailable } from './pool-status';
import { createSupervisor, type SupervisorOptions } from './supervisor';
import type { Supervisor, SupervisorEvents } from './types';
import { createSharedUpstreams } from './wishes';

/** An upstream that its owner no longer holds open gets this long for the answers that are under way to us. */
const lingerMs = 2_000;

export interface SharedOptions extends SupervisorOptions {
  fleet: Fleet;
  /** Unix socket of this worker, where others reach its servers. */
  socketPath: string;
  makeLeases(changed: () => void): Leases;
  /** Asks another worker for lines of a server's log. */
  logsAt(owner: Tag, serverId: string, after: number, limit: number): Promise<{ lines: LogLine[]; dropped: number }>;
}

export interface SharedSupervisor extends Supervisor {
  /** Whether this worker answers for the server: stores its lists, shows its state. */
  answersFor(serverId: string): boolean;
  /** For other workers: servers that run here. */
  forwarder: Forwarder;
  /** Lines of a server that runs here. */
  ownLogs: Supervisor['logs'];
  /** Takes over nothing any more; the hub is about to stop. */
  retire(): void;
}

/** What is known of a server for which another worker answers. */
interface Known {
  status: ServerStatus;
  owner: Tag;
}

interface Remote {
  owner: Tag;
  /** Tells one life of the server from the next. */
  life: string;
  upstream: Forwarded;
}

export function createSharedSupervisor(options: SharedOptions): SharedSupervisor {
  const { fleet, log, socketPath } = options;
  const emitter = new EventEmitter();
  emitter.setMaxListeners(0);
  const remotes = new Map<string, Remote>();
  const known = new Map<string, Known>();
  /** All servers that exist, and those of them that only one worker runs. */
  let desired = new Map<string, DesiredServer>();
  /** Stdio servers that run here. */
  let share: ReadonlySet<string> = new Set();
  let isClosed = false;

  const leases = options.makeLeases(() => void local.reconcile());
  const local = createSupervisor({ ...options, loadDesired: loadShare });
  const sharedUpstream = createSharedUpstreams(() => fleet.members);
  const forwarder = createForwarder((serverId, worker) => sharedUpstream(local.upstreamOf(serverId), worker));

  function emit<E extends keyof SupervisorEvents>(event: E, ...args: Parameters<SupervisorEvents[E]>): void {
    for (const listener of emitter.listeners(event)) {
      try {
        (listener as (...args: unknown[]) => void)(...args);
      } catch (error) {
        log.error({ err: error, event }, 'a listener of the supervisor failed');
      }
    }
  }

  function isLocal(serverId: string): boolean {
    return share.has(serverId) || (desired.has(serverId) && !isShared(serverId));
  }

  /** One worker runs it, for all. */
  function isShared(serverId: string): boolean {
    const server = desired.get(serverId);
    return server !== undefined && runsOnce(server);
  }

  /** Its upstream is there whether it runs or not: calls start what they need. */
  function isLazy(serverId: string): boolean {
    const server = desired.get(serverId);
    return server !== undefined && (server.startOnDemand || server.isolation !== 'shared');
  }

  function answersFor(serverId: string): boolean {
    return isShared(serverId) ? share.has(serverId) : desired.has(serverId) && fleet.leads;
  }

  /** What the local supervisor works towards: everything behind a URL, and our share of the rest. */
  async function loadShare(): Promise<DesiredServer[]> {
    const all = await options.loadDesired();
    const before = desired;
    desired = new Map(all.map((each) => [each.id, each]));
    for (const serverId of before.keys()) if (!desired.has(serverId)) forget(serverId);
    const had = share;
    share = await leases.share(all.filter(runsOnce).map(({ id }) => id));
    // What every worker connects to from now on needs no way to the others.
    for (const serverId of remotes.keys()) if (!isShared(serverId)) retire(serverId);
    for (const serverId of share) if (!had.has(serverId)) takeOver(serverId);
    // What the new owner said of it was not believed as long as the server was thought to be ours.
    if ([...had].some((serverId) => !share.has(serverId) && desired.has(serverId))) fleet.send({ kind: 'hello' });
    return all.filter(({ id }) => isLocal(id));
  }

  function takeOver(serverId: string): void {
    // Said once the local supervisor knows the server.
    setImmediate(() => tell(serverId));
    retire(serverId, new HubError('INTERRUPTED', 'The server has moved to another worker.', { retryable: true }));
  }

  function forget(serverId: string): void {
    retire(serverId, new HubError('INTERRUPTED', 'The server was removed.'));
    known.delete(serverId);
    emit('removed', serverId);
  }

  /** Tells all workers, and this one, what a server of ours is like. */
  function tell(serverId: string): void {
    const status = local.status(serverId);
    if (!status || !answersFor(serverId) || isClosed) return;
    const shown = known.get(serverId)?.status.version ?? 0;
    // Versions rise across owners, so that nobody takes the new one's word for old.
    const said = status.version > shown ? status : { ...status, version: shown + 1 };
    known.set(serverId, { status: said, owner: fleet.self });
    fleet.send(messageOf(said));
    emit('status', said);
  }

  function messageOf(status: ServerStatus) {
    const at = isShared(status.id) ? socketPath : null;
    return { kind: 'server' as const, status, at, handshake: at === null ? null : handshakeOf(status.id) };
  }

  function handshakeOf(serverId: string): Handshake | null {
    try {
      return local.upstreamOf(serverId).handshake;
    } catch {
      return null;
    }
  }

  /** Lets go of what we had open to a former owner. @param error for calls under way; absent: they may end */
  function retire(serverId: string, error?: HubError): void {
    const remote = remotes.get(serverId);
    if (!remote) return;
    remotes.delete(serverId);
    const { upstream } = remote;
    if (error) upstream.end(error);
    else setTimeout(() => upstream.end(new HubError('INTERRUPTED', undefined, { retryable: true })), lingerMs).unref();
  }

  function hear(from: Tag, status: ServerStatus, at: string | null, handshake: Handshake | null): void {
    const { id } = status;
    if (!fleet.members.includes(from)) return;
    // Two workers think that it is theirs: the rows know better, and whoever is right says so again.
    if (answersFor(id)) {
      if (isShared(id)) void local.reconcile().then(() => tell(id));
      return;
    }
    const before = known.get(id);
    if (before?.owner === from && before.status.version > status.version) return;
    known.set(id, { status, owner: from });
    const life = `${from} ${lifeOf(status)}`;
    const remote = remotes.get(id);
    if (at === null || handshake === null) retire(id);
    else if (remote?.owner === from && isLazy(id)) renew(id, remote, life, status, handshake);
    else if (remote?.life !== life) open(id, { from, at, life, status, handshake });
    emit('status', status);
  }

  /** It woke, or sleeps; who waits for it over the way that we have goes on waiting. */
  function renew(serverId: string, remote: Remote, life: string, status: ServerStatus, handshake: Handshake): void {
    const isOther = remote.life !== life;
    remote.life = life;
    remote.upstream.handshake = handshake;
    if (isOther && isListable(status)) emit('opened', serverId, remote.upstream);
  }

  function open(
    serverId: string,
    {
      from,
      at,
      life,
      status,
      handshake,
    }: { from: Tag; at: string; life: string; status: ServerStatus; handshake: Handshake },
  ): void {
    retire(serverId);
    const isIsolated = desired.get(serverId)?.isolation !== 'shared';
    const upstream = openForwarded(
      { server: { id: serverId, name: status.name }, socketPath: at, handshake, worker: fleet.self, isIsolated },
      {
        notification: (method, params) => emit('notification', serverId, method, params),
        hung: () => fleet.send({ kind: 'hung', serverId }, from),
        closed: () => {
          if (remotes.get(serverId)?.upstream === upstream) remotes.delete(serverId);
        },
      },
    );
    remotes.set(serverId, { owner: from, life, upstream });
    if (!isLazy(serverId) || isListable(status)) emit('opened', serverId, upstream);
  }

  /** What ran at workers that have ended is between two owners now. */
  function mourn(): void {
    for (const [id, { status, owner }] of known) {
      if (fleet.members.includes(owner) || answersFor(id)) continue;
      const message = 'The worker that ran the server has ended; another one takes it over.';
      retire(
        id,
        new HubError('INTERRUPTED', message, { server: status.name, reason: 'worker-ended', retryable: true }),
      );
      if (!isShared(id) || status.reason === 'worker-ended') continue;
      const runs = status.state !== 'stopped' && status.state !== 'disabled';
      if (!runs) continue;
      const between: ServerStatus = {
        ...status,
        state: 'retrying',
        reason: 'worker-ended',
        message,
        version: status.version + 1,
        since: new Date().toISOString(),
        ready: 0,
        instances: [],
      };
      known.set(id, { status: between, owner });
      emit('status', between);
    }
    // A new leader answers for what every worker runs.
    if (fleet.leads) for (const id of desired.keys()) if (known.get(id)?.owner !== fleet.self) tell(id);
    void local.reconcile();
  }

  /** Log messages are only passed on while it is clear whose call they belong to, over all workers. */
  function spoke(
    serverId: string,
    method: string,
    params: Record<string, unknown> | undefined,
    whose: string | undefined,
  ): void {
    if (isShared(serverId) && whose === undefined && method === 'notifications/message') {
      if (inflightAt(serverId) !== 1) return;
      const elsewhere = forwarder.onlyCallAt(serverId);
      if (elsewhere) elsewhere(method, params);
      else emit('notification', serverId, method, params);
      return;
    }
    emit('notification', serverId, method, params, whose);
    if (isShared(serverId)) fleet.send({ kind: 'notification', serverId, method, params, whose });
  }

  function inflightAt(serverId: string): number {
    try {
      return local.upstreamOf(serverId).inflight;
    } catch {
      return 0;
    }
  }

  local.on('status', ({ id }) => tell(id));
  local.on('log', (id, lines) => {
    if (answersFor(id)) emit('log', id, lines);
  });
  local.on('opened', (id, upstream) => {
    if (share.has(id)) emit('opened', id, sharedUpstream(upstream, fleet.self));
    else if (isLocal(id)) emit('opened', id, upstream);
  });
  local.on('notification', spoke);
  local.on('observed', (id, observation, ordinal) => emit('observed', id, observation, ordinal));
  // `removed` of the local supervisor may only mean that the server moved away; forget() tells of the others.

  const unsubscribe = [
    fleet.on('server', ({ status, at, handshake }, from) => hear(from, status, at, handshake)),
    fleet.on('notification', ({ serverId, method, params, whose }, from) => {
      if (known.get(serverId)?.owner === from) emit('notification', serverId, method, params, whose);
    }),
    fleet.on('released', ({ conversation }) => local.release(conversation)),
    fleet.on('hung', ({ serverId }) => {
      if (share.has(serverId)) void local.restart(serverId);
    }),
    fleet.on('hello', (_message, from) => {
      for (const status of local.statuses()) {
        const said = known.get(status.id)?.status ?? status;
        if (answersFor(status.id)) fleet.send(messageOf(said), from);
      }
    }),
    fleet.onChange(mourn),
  ];

  return {
    forwarder,
    answersFor,
    ownLogs: local.logs,
    retire: leases.retire,
    async start() {
      fleet.send({ kind: 'hello' });
      await local.start();
    },
    reconcile: local.reconcile,
    restart: local.restart,
    status: (serverId) => known.get(serverId)?.status ?? local.status(serverId),
    statuses() {
      const all = new Map(local.statuses().map((status) => [status.id, status]));
      for (const [id, { status, owner }] of known) {
        const own = owner === fleet.self ? all.get(id) : undefined;
        all.set(id, own ? { ...own, version: Math.max(own.version, status.version) } : status);
      }
      return [...all.values()].toSorted((one, other) => (one.name.toLowerCase() < other.name.toLowerCase() ? -1 : 1));
    },
    upstreamOf(serverId) {
      const remote = remotes.get(serverId);
      if (remote) return remote.upstream;
      if (share.has(serverId)) return sharedUpstream(local.upstreamOf(serverId), fleet.self);
      if (isLocal(serverId)) return local.upstreamOf(serverId);
      throw unavailable(known.get(serverId)?.status);
    },
    listingUpstreamOf(serverId) {
      const remote = remotes.get(serverId);
      const status = known.get(serverId)?.status;
      if (!remote) {
        if (share.has(serverId)) return sharedUpstream(local.listingUpstreamOf(serverId), fleet.self);
        if (isLocal(serverId)) return local.listingUpstreamOf(serverId);
      } else if (!isLazy(serverId) || (status && isListable(status))) return remote.upstream;
      throw unavailable(status);
    },
    release(conversation) {
      local.release(conversation);
      fleet.send({ kind: 'released', conversation });
    },
    // Each worker hears of the change by itself.
    renewCredential: local.renewCredential,
    logs(serverId, after, limit) {
      const owner = known.get(serverId)?.owner;
      if (!owner || owner === fleet.self || !fleet.members.includes(owner)) return local.logs(serverId, after, limit);
      return options.logsAt(owner, serverId, after, limit);
    },
    listed: local.listed,
    on(event, listener) {
      emitter.on(event, listener);
      return () => void emitter.off(event, listener);
    },
    async stop() {
      leases.retire();
      await local.stop();
      isClosed = true;
      leases.close();
      for (const stop of unsubscribe.splice(0)) stop();
      for (const serverId of [...remotes.keys()]) retire(serverId, new HubError('INTERRUPTED', 'The hub is stopping.'));
    },
    kill: local.kill,
  };
}

/** What needs one process, or one place where it is known who uses what. */
function runsOnce({ type, isolation, startOnDemand }: DesiredServer): boolean {
  return type === 'stdio' || isolation !== 'shared' || startOnDemand;
}

/** The instance that lists come from runs. */
function isListable({ instances }: ServerStatus): boolean {
  return instances.some(({ state, whose, draining }) => {
    return whose === undefined && !draining && (state === 'ready' || state === 'degraded');
  });
}

/** One of several instances may come and go: the server lives on. */
function lifeOf({ total, instances }: ServerStatus): string {
  if (total > 1) return `of ${total}`;
  return `${instances[0]?.id} ${instances[0]?.restarts}`;
}
