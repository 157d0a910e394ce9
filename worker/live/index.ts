// Live updates for browsers: Socket.IO at /socket.io, namespace /live. The credential is the browser session's cookie,
// the rooms follow the rights of the actor behind it, and only the worker joins them: a browser asks for the log of a
// server, never for a room. Nothing is ever sent outside a room. Rows stay the truth, so a lost frame costs a refetch.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { type DefaultEventsMap, Server, type Socket } from 'socket.io';
import { can } from '../../lib/access/can';
import type { Actor } from '../../lib/access/schema';
import type { Bus } from '../../lib/events/bus';
import type { LiveCall, LiveDown, LiveName, LivePayloads, LiveUp } from '../../lib/events/live';
import type { Log } from '../../lib/log';
import { quotesOutput, withoutOutput } from '../../lib/servers/program-output';
import type { LogLine, ServerStatus } from '../../lib/servers/schema';
import type { CallEntry } from '../../lib/telemetry';
import type { LivePeers } from '../fleet/watching';
import type { Supervisor } from '../supervisor/types';
import { createBatches } from './batches';

export interface LiveOptions {
  /** @returns the actor of a browser session's Cookie header, or null; may reject while the database is away */
  resolveSession(cookieHeader: string): Promise<Actor | null>;
  /** The servers that the actor may read, each with whether it may read its log. */
  serversOf(actor: Actor): Promise<readonly { id: string; logs: boolean }[]>;
  /** Whether a page of this origin may connect. A request without an Origin is never asked about: it is refused. */
  allowsOrigin(origin: string, host: string | undefined): boolean;
  bus: Bus;
  supervisor: Pick<Supervisor, 'on'>;
  log: Log;
  /** Names this life of this worker to browsers. */
  src: string;
  /** Other workers, whose browsers may watch what happens here. */
  peers?: LivePeers;
  /** Milliseconds between two looks at whether a session still holds; default 5 minutes. */
  recheckMs?: number;
}

export interface Live {
  /** Takes an upgrade of /socket.io. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Answers a plain request under /socket.io: only upgrades are served, so it says 400. */
  handleRequest(request: IncomingMessage, response: ServerResponse): void;
  /** Tells of a finished call, if somebody watches. */
  call(entry: CallEntry): void;
  /** `ignored`: events that are unknown, malformed or not this actor's to ask for. `refused`: connections. */
  stats(): { sockets: number; ignored: number; refused: number };
  /** Ends every connection; resolves when they are gone. Idempotent. */
  close(): Promise<void>;
}

interface SocketData {
  actor: Actor;
  /** Servers whose log this actor may read. */
  readableLogs: Set<string>;
  /** The last change of rooms under way: changes of one socket follow each other, so the newest rights win. */
  settled: Promise<void>;
}

type LiveServer = Server<LiveUp, LiveDown, DefaultEventsMap, SocketData>;
type LiveSocket = Socket<LiveUp, LiveDown, DefaultEventsMap, SocketData>;

const frameMs = 100;
const maxLinesPerFrame = 1000;
const maxCallsPerFrame = 200;
const maxOpenLogs = 16;
const defaultRecheckMs = 5 * 60_000;

/** Starts taking connections as soon as the door hands them over. Session, origin and rights are checked here. */
export function createLive(options: LiveOptions): Live {
  const { bus, supervisor, log, src, peers } = options;
  const revs = new Map<string, number>();
  let ignored = 0;
  let refused = 0;
  let closing: Promise<void> | null = null;

  // Socket.IO wants an http server to listen on; this one never listens, the door hands it its connections.
  const carrier = createServer();
  const io: LiveServer = new Server(carrier, {
    path: '/socket.io',
    serveClient: false,
    // Browsers always send an Origin with an upgrade, but not with a same-origin GET: polling could not be checked.
    transports: ['websocket'],
    maxHttpBufferSize: 16 * 1024,
    // A connection that has joined no namespace by then is ended.
    connectTimeout: 10_000,
    allowRequest(request, done) {
      const { origin, host } = request.headers;
      const allowed = origin !== undefined && options.allowsOrigin(origin, host);
      if (!allowed) refused++;
      done(allowed ? null : 'origin not allowed', allowed);
    },
  });
  const namespace = io.of('/live');
  // The root namespace always exists; nobody has anything to look for there.
  io.use((_socket, next) => {
    refused++;
    next(new Error('NOT_FOUND'));
  });

  namespace.use(async (socket, next) => {
    try {
      const actor = await options.resolveSession(socket.handshake.headers.cookie ?? '');
      if (closing || actor?.kind !== 'user') throw new Error('UNAUTHENTICATED');
      socket.data = { actor, readableLogs: new Set(), settled: Promise.resolve() };
      next();
    } catch (error) {
      refused++;
      const known = error instanceof Error && error.message === 'UNAUTHENTICATED';
      if (!known) log.warn({ err: error }, 'a live connection could not be checked');
      next(new Error(known ? 'UNAUTHENTICATED' : 'UNAVAILABLE'));
    }
  });

  namespace.on('connection', (socket) => {
    socket.onAny((name: string) => {
      if (name !== 'log.open' && name !== 'log.close') ignored++;
    });
    socket.on('log.open', async (id, done) => {
      await socket.data.settled;
      const ok = isId(id) && socket.data.readableLogs.has(id) && openLogs(socket).length < maxOpenLogs;
      if (!ok) ignored++;
      else if (socket.connected) await socket.join(`logs:${id}`);
      if (typeof done === 'function') done(ok);
    });
    socket.on('log.close', (id) => {
      if (isId(id)) void socket.leave(`logs:${id}`);
      else ignored++;
    });
    void inTurn(socket, () => follow(socket, options.serversOf, true));
  });

  /** Sends a frame to one room. A room without listeners still counts its revs, so that nobody mistakes a gap. */
  function send<N extends LiveName>(room: string, name: N, payload: LivePayloads[N]): void {
    const rev = (revs.get(room) ?? 0) + 1;
    revs.set(room, rev);
    if (!namespace.adapter.rooms.has(room)) return;
    const frame = { ...payload, src, room, rev, at: new Date().toISOString() };
    namespace.to(room).emit(name, ...([frame] as unknown as Parameters<LiveDown[N]>));
  }

  /** As send(); what the program printed goes only to those who may read its log. */
  function sendStatus(status: ServerStatus): void {
    const room = `server:${status.id}`;
    if (!quotesOutput(status)) {
      send(room, 'server.status', status);
      return;
    }
    const rev = (revs.get(room) ?? 0) + 1;
    revs.set(room, rev);
    const more = { src, room, rev, at: new Date().toISOString() };
    const [whole, part] = [
      { ...status, ...more },
      { ...withoutOutput(status), ...more },
    ];
    for (const id of namespace.adapter.rooms.get(room) ?? []) {
      const socket = namespace.sockets.get(id);
      socket?.emit('server.status', socket.data.readableLogs.has(status.id) ? whole : part);
    }
  }

  /** Runs `work` after every change of this socket's rooms that is already under way. Never rejects. */
  function inTurn(socket: LiveSocket, work: () => Promise<void>): Promise<void> {
    socket.data.settled = socket.data.settled.then(async () => {
      if (!socket.connected) return;
      try {
        await work();
      } catch (error) {
        log.warn({ err: error }, 'the rooms of a live connection could not be determined');
        // Without its rooms a page would look alive and never change: the browser connects again instead.
        socket.disconnect(true);
      }
    });
    return socket.data.settled;
  }

  /** Brings the socket's rooms in line with the rights of its actor. */
  async function follow(socket: LiveSocket, serversOf = options.serversOf, first = false): Promise<void> {
    const servers = await serversOf(socket.data.actor);
    if (!socket.connected) return;
    const changed = await joinRooms(socket, servers);
    if (changed || first) socket.emit('live.rooms', { src, revs: revsOf(socket) });
  }

  async function joinRooms(socket: LiveSocket, servers: readonly { id: string; logs: boolean }[]): Promise<boolean> {
    const { data } = socket;
    data.readableLogs = new Set(servers.filter((server) => server.logs).map((server) => server.id));
    const wanted = new Set([...roomsOfActor(data.actor), ...servers.map((server) => `server:${server.id}`)]);
    for (const room of openLogs(socket)) if (data.readableLogs.has(room.slice('logs:'.length))) wanted.add(room);
    const current = joinedRooms(socket);
    const added = [...wanted].filter((room) => !current.includes(room));
    const removed = current.filter((room) => !wanted.has(room));
    if (added.length > 0) await socket.join(added);
    for (const room of removed) await socket.leave(room);
    return added.length + removed.length > 0;
  }

  function revsOf(socket: LiveSocket): Record<string, number> {
    return Object.fromEntries(joinedRooms(socket).map((room) => [room, revs.get(room) ?? 0]));
  }

  /** All sockets anew; each actor's servers are asked for once. */
  async function followAll(): Promise<void> {
    const asked = new Map<string, ReturnType<LiveOptions['serversOf']>>();
    const serversOf: LiveOptions['serversOf'] = (actor) => {
      const known = asked.get(actor.id) ?? options.serversOf(actor);
      asked.set(actor.id, known);
      return known;
    };
    await Promise.all([...namespace.sockets.values()].map((socket) => inTurn(socket, () => follow(socket, serversOf))));
  }

  /** Asks again who is behind the cookie; a session that has ended is cut. */
  async function recheck(socket: LiveSocket): Promise<void> {
    let actor: Actor | null;
    try {
      actor = await options.resolveSession(socket.handshake.headers.cookie ?? '');
    } catch (error) {
      // The database is away: what was true stays true until it can be asked.
      log.warn({ err: error }, 'a live session could not be checked again');
      return;
    }
    if (actor?.kind !== 'user') return void socket.disconnect(true);
    socket.data.actor = actor;
    await follow(socket);
  }

  const recheckAll = () => namespace.sockets.forEach((socket) => void inTurn(socket, () => recheck(socket)));
  const recheckUser = async (userId: string) => {
    const sockets = [...namespace.sockets.values()].filter((socket) => socket.data.actor.userId === userId);
    await Promise.all(sockets.map((socket) => inTurn(socket, () => recheck(socket))));
  };
  const timer = setInterval(recheckAll, options.recheckMs ?? defaultRecheckMs);
  timer.unref();

  /** To whoever watches the room, here or at another worker. */
  function share<N extends LiveName>(room: string, name: N, payload: LivePayloads[N]): void {
    send(room, name, payload);
    peers?.send(room, name, payload);
  }

  const isWatched = (room: string) => namespace.adapter.rooms.has(room) || peers?.isWatched(room) === true;
  const logs = createBatches<LogLine>(frameMs, maxLinesPerFrame, (id, lines) =>
    share(`logs:${id}`, 'server.log', { id, lines }),
  );
  const calls = createBatches<LiveCall>(frameMs, maxCallsPerFrame, (room, batch, dropped) =>
    share(room, 'call.finished', { calls: batch, dropped }),
  );
  if (peers) {
    const isShared = (room: string) => room.startsWith('logs:') || room.startsWith('calls');
    namespace.adapter.on('create-room', (room: string) => isShared(room) && peers.watch(room, true));
    namespace.adapter.on('delete-room', (room: string) => isShared(room) && peers.watch(room, false));
  }

  const unsubscribe = [
    supervisor.on('status', sendStatus),
    supervisor.on('log', (id, lines) => {
      if (isWatched(`logs:${id}`)) logs.add(id, lines);
    }),
    bus.on('server.created', async (server) => {
      await followAll();
      send(`server:${server.id}`, 'server.created', server);
    }),
    bus.on('server.updated', (server) => send(`server:${server.id}`, 'server.updated', server)),
    bus.on('server.deleted', async (server) => {
      send(`server:${server.id}`, 'server.deleted', server);
      await followAll();
      revs.delete(`server:${server.id}`);
      revs.delete(`logs:${server.id}`);
    }),
    bus.on('tools.changed', (change) => send(`server:${change.id}`, 'tools.changed', change)),
    bus.on('group.created', followAll),
    bus.on('group.updated', followAll),
    bus.on('group.deleted', followAll),
    bus.on('browser.ended', ({ userId }) => recheckUser(userId)),
    bus.on('access.changed', async (change) => {
      await recheckUser(change.userId);
      send(`user:${change.userId}`, 'access.changed', change);
    }),
    bus.on('role.changed', async ({ userIds }) => {
      const sockets = [...namespace.sockets.values()];
      const concerned = sockets.filter(({ data }) => userIds?.includes(data.actor.userId ?? '') ?? true);
      await Promise.all(concerned.map((socket) => inTurn(socket, () => recheck(socket))));
      // Pages ask again what they may show.
      for (const userId of new Set(concerned.map(({ data }) => data.actor.userId ?? ''))) {
        send(`user:${userId}`, 'access.changed', { userId });
      }
    }),
    bus.on('session.opened', (session) => {
      if (session.userId) send(`user:${session.userId}`, 'session.opened', session);
      send('admin', 'session.opened', session);
    }),
    bus.on('config.reloaded', (reload) => send('admin', 'config.reloaded', reload)),
    ...(peers ? [peers.onFrame(send)] : []),
  ];

  return {
    handleUpgrade: (request, socket, head) => void carrier.emit('upgrade', request, socket, head),
    handleRequest: (request, response) => void carrier.emit('request', request, response),
    call(entry) {
      for (const room of ['calls', `calls:${entry.userId}`]) if (isWatched(room)) calls.add(room, [liveCall(entry)]);
    },
    stats: () => ({ sockets: namespace.sockets.size, ignored, refused }),
    close() {
      closing ??= (async () => {
        clearInterval(timer);
        for (const stop of unsubscribe) stop();
        logs.close();
        calls.close();
        namespace.disconnectSockets(true);
        await io.close();
      })();
      return closing;
    },
  };
}

function liveCall(entry: CallEntry): LiveCall {
  return {
    requestId: entry.requestId,
    at: entry.at.toISOString(),
    userId: entry.userId ?? null,
    actor: entry.actor,
    client: entry.client ?? null,
    serverId: entry.serverId ?? null,
    server: entry.server ?? null,
    tool: entry.tool ?? null,
    outcome: entry.outcome,
    durationMs: entry.durationMs,
  };
}

/** Rooms that do not depend on single servers. */
function roomsOfActor(actor: Actor): string[] {
  const rooms = [`user:${actor.userId}`];
  if (can(actor, 'read', { type: 'call' })) rooms.push('calls');
  else if (can(actor, 'read', { type: 'call', ownerId: actor.userId })) rooms.push(`calls:${actor.userId}`);
  if (can(actor, 'read', { type: 'setting' })) rooms.push('admin');
  return rooms;
}

/** Every socket is also in a room of its own id, which is not ours. */
function joinedRooms(socket: LiveSocket): string[] {
  return [...socket.rooms].filter((room) => room !== socket.id);
}

function openLogs(socket: LiveSocket): string[] {
  return joinedRooms(socket).filter((room) => room.startsWith('logs:'));
}

function isId(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= 64;
}
