// worker/live over a real http server and the real Socket.IO client; sessions, rights and supervisor are plain values.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { io, type Socket } from 'socket.io-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Actor, Permission } from '../../../lib/access/schema';
import { type Bus, createBus } from '../../../lib/events/bus';
import type { LiveCall, LiveDown, LiveName, LiveRooms, LiveUp } from '../../../lib/events/live';
import { createLog } from '../../../lib/log';
import type { LogLine, ServerStatus } from '../../../lib/servers/schema';
import type { CallEntry } from '../../../lib/telemetry';
import { createLive, type Live } from '../../../worker/live';
import type { SupervisorEvents } from '../../../worker/supervisor/types';

const origin = 'http://hub.example';
const all = (resource: Permission['resource']): Permission => ({ resource, action: 'read', scope: 'all' });

/** A supervisor as far as live sees it. */
function createSupervisorDouble() {
  const listeners: { [E in keyof SupervisorEvents]: Set<SupervisorEvents[E]> } = {
    status: new Set(),
    log: new Set(),
    opened: new Set(),
    notification: new Set(),
    observed: new Set(),
    removed: new Set(),
  };
  return {
    on<E extends keyof SupervisorEvents>(event: E, listener: SupervisorEvents[E]) {
      listeners[event].add(listener);
      return () => void listeners[event].delete(listener);
    },
    status: (id: string, version: number) => {
      for (const listener of listeners.status) listener({ id, name: id, state: 'ready', version } as ServerStatus);
    },
    fell: (id: string, version: number) => {
      const at = '2030-01-01T00:00:00Z';
      const message = 'The program ended with exit code 7. Last line of stderr: planted output';
      const lastExit = { at, reason: 'exited', message, exitCode: 7, stderr: ['planted output'] };
      const status = { id, name: id, state: 'retrying', version, message, lastExit, instances: [{ message }] };
      for (const listener of listeners.status) listener(status as unknown as ServerStatus);
    },
    log: (id: string, lines: LogLine[]) => {
      for (const listener of listeners.log) listener(id, lines);
    },
    listenerCount: () => Object.values(listeners).reduce((sum, set) => sum + set.size, 0),
  };
}

function actor(id: string, permissions: Permission[]): Actor {
  return { kind: 'user', id, userId: id, name: id, permissions, groupIds: [], keyScope: null };
}

describe('live updates', () => {
  let http: Server;
  let url: string;
  let live: Live;
  let bus: Bus;
  let supervisor: ReturnType<typeof createSupervisorDouble>;
  /** Cookie → actor, and user → what it may read; both may change during a test. */
  let sessions: Map<string, Actor>;
  let servers: Map<string, { id: string; logs: boolean }[]>;
  let browsers: Browser[];

  interface Browser {
    socket: Socket<LiveDown, LiveUp>;
    frames: { name: LiveName; frame: Record<string, unknown> & { room: string; rev: number; src: string } }[];
    rooms: LiveRooms[];
  }

  beforeEach(async () => {
    sessions = new Map([
      ['session=ann', actor('ann', [])],
      ['session=bob', actor('bob', [{ resource: 'call', action: 'read', scope: 'own' }])],
      ['session=root', actor('root', [all('call'), all('setting'), all('server')])],
    ]);
    servers = new Map([
      ['ann', [{ id: 's1', logs: true }]],
      ['bob', [{ id: 's2', logs: false }]],
      [
        'root',
        [
          { id: 's1', logs: true },
          { id: 's2', logs: true },
        ],
      ],
    ]);
    browsers = [];
    bus = createBus(() => undefined);
    supervisor = createSupervisorDouble();
    live = createLive({
      resolveSession: async (cookie) => sessions.get(cookie) ?? null,
      serversOf: async (who) => servers.get(who.id) ?? [],
      allowsOrigin: (value) => value === origin,
      bus,
      supervisor,
      log: createLog('test', 'silent'),
      src: 'w1',
      recheckMs: 50,
    });
    http = createServer((request, response) => live.handleRequest(request, response));
    http.on('upgrade', (request, socket, head) => live.handleUpgrade(request, socket, head));
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  });

  afterEach(async () => {
    for (const { socket } of browsers) socket.disconnect();
    await live.close();
    await bus.close();
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  });

  function browser(user: string, headers: Record<string, string> = { origin }): Browser {
    const socket: Socket<LiveDown, LiveUp> = io(`${url}/live`, {
      transports: ['websocket'],
      reconnection: false,
      forceNew: true,
      extraHeaders: { cookie: `session=${user}`, ...headers },
    });
    const made: Browser = { socket, frames: [], rooms: [] };
    socket.onAny((name, frame) => {
      if (name === 'live.rooms') made.rooms.push(frame);
      else made.frames.push({ name, frame });
    });
    browsers.push(made);
    return made;
  }

  /** A browser whose rooms are joined. */
  async function joined(user: string): Promise<Browser> {
    const made = browser(user);
    await until(() => made.rooms.length > 0);
    return made;
  }

  const openLog = (of: Browser, id: string) => of.socket.timeout(2000).emitWithAck('log.open', id);
  const names = (of: Browser) => of.frames.map(({ name }) => name);

  it('tell what a program printed last to those alone who may read its log', async () => {
    const [root, bob] = [await joined('root'), await joined('bob')];
    for (const version of [1, 2]) supervisor.fell('s2', version);
    supervisor.status('s2', 3);
    await until(() => root.frames.length === 3 && bob.frames.length === 3);
    expect(root.frames[0]?.frame).toMatchObject({
      message: 'The program ended with exit code 7. Last line of stderr: planted output',
      lastExit: { stderr: ['planted output'] },
    });
    expect(JSON.stringify(bob.frames)).not.toContain('planted output');
    expect(bob.frames[0]?.frame).toMatchObject({
      message: 'The program ended with exit code 7.',
      lastExit: { exitCode: 7, message: 'The program ended with exit code 7.' },
      instances: [{ message: 'The program ended with exit code 7.' }],
    });
    for (const { frames } of [root, bob]) {
      expect(frames.map(({ name, frame }) => [name, frame.room, frame.rev])).toEqual(
        [1, 2, 3].map((rev) => ['server.status', 'server:s2', rev]),
      );
    }
  });

  it('joins each session to the rooms of its rights and names their revs', async () => {
    supervisor.status('s1', 1);
    const [ann, bob, root] = await Promise.all([joined('ann'), joined('bob'), joined('root')]);
    expect(ann.rooms[0]).toEqual({ src: 'w1', revs: { 'user:ann': 0, 'server:s1': 1 } });
    expect(bob.rooms[0]).toEqual({ src: 'w1', revs: { 'user:bob': 0, 'calls:bob': 0, 'server:s2': 0 } });
    expect(Object.keys(root.rooms[0]?.revs ?? {}).sort()).toEqual(
      ['admin', 'calls', 'server:s1', 'server:s2', 'user:root'].sort(),
    );
  });

  it('never sends an event of a server to somebody who may not read it', async () => {
    const [ann, bob, root] = await Promise.all([joined('ann'), joined('bob'), joined('root')]);
    supervisor.status('s1', 1);
    await bus.emit('server.updated', { id: 's1', name: 's1' });
    await bus.emit('tools.changed', { id: 's1', name: 's1', added: 1, removed: 0, changed: 0 });
    supervisor.status('s2', 1);
    await until(() => bob.frames.length > 0 && ann.frames.length === 3 && root.frames.length === 4);
    expect(bob.frames.map(({ name, frame }) => [name, frame.id])).toEqual([['server.status', 's2']]);
    expect(names(ann)).toEqual(['server.status', 'server.updated', 'tools.changed']);
  });

  it('numbers the frames of a room without gaps', async () => {
    const ann = await joined('ann');
    for (const version of [1, 2, 3]) supervisor.status('s1', version);
    await until(() => ann.frames.length === 3);
    expect(ann.frames.map(({ frame }) => [frame.room, frame.rev, frame.src])).toEqual([
      ['server:s1', 1, 'w1'],
      ['server:s1', 2, 'w1'],
      ['server:s1', 3, 'w1'],
    ]);
  });

  it('refuses a connection without a session, from a foreign origin, and without an origin', async () => {
    const nobody = browser('nobody');
    const [error] = await onceOf(nobody.socket, 'connect_error');
    expect((error as Error).message).toBe('UNAUTHENTICATED');
    await onceOf(browser('ann', { origin: 'http://evil.example' }).socket, 'connect_error');
    await onceOf(browser('ann', {}).socket, 'connect_error');
    expect(live.stats()).toMatchObject({ sockets: 0, refused: 3 });
  });

  it('lets nobody into the root namespace', async () => {
    const root = io(url, { transports: ['websocket'], reconnection: false, forceNew: true, extraHeaders: { origin } });
    const error = await new Promise<Error>((resolve) => root.once('connect_error', resolve));
    root.close();
    expect(error.message).toBe('NOT_FOUND');
  });

  it('serves no polling, where the origin could not be checked', async () => {
    const response = await fetch(`${url}/socket.io/?EIO=4&transport=polling`, { headers: { origin } });
    expect(response.status).toBe(400);
  });

  it('joins the rooms of a new server before it tells of the server', async () => {
    const [ann, bob] = await Promise.all([joined('ann'), joined('bob')]);
    servers.set('ann', [
      { id: 's1', logs: true },
      { id: 's3', logs: true },
    ]);
    await bus.emit('server.created', { id: 's3', name: 'third' });
    supervisor.status('s3', 1);
    supervisor.status('s2', 1);
    await until(() => ann.frames.length === 2 && bob.frames.length === 1);
    expect(names(ann)).toEqual(['server.created', 'server.status']);
    expect(ann.rooms.at(-1)?.revs).toHaveProperty('server:s3', 0);
    expect(bob.frames[0]?.frame.id).toBe('s2');
  });

  it('tells of a deleted server and then leaves its room', async () => {
    const ann = await joined('ann');
    servers.set('ann', []);
    await bus.emit('server.deleted', { id: 's1', name: 's1' });
    supervisor.status('s1', 9);
    await until(() => ann.rooms.length === 2);
    expect(names(ann)).toEqual(['server.deleted']);
    expect(ann.rooms.at(-1)?.revs).toEqual({ 'user:ann': 0 });
  });

  it('sends a log only while its view is open, in batches', async () => {
    const ann = await joined('ann');
    supervisor.log('s1', [line(1)]);
    expect(await openLog(ann, 's1')).toBe(true);
    supervisor.log('s1', [line(2)]);
    supervisor.log('s1', [line(3), line(4)]);
    await until(() => ann.frames.length === 1);
    expect(ann.frames[0]?.frame.lines).toEqual([line(2), line(3), line(4)]);
    ann.socket.emit('log.close', 's1');
    supervisor.status('s1', 1);
    await until(() => ann.frames.length === 2);
    supervisor.log('s1', [line(5)]);
    supervisor.status('s1', 2);
    await until(() => ann.frames.length === 3);
    expect(names(ann)).toEqual(['server.log', 'server.status', 'server.status']);
  });

  it("ignores and counts a wish for a log that is not theirs, another's, or not an id", async () => {
    const bob = await joined('bob');
    expect(await openLog(bob, 's2')).toBe(false);
    expect(await openLog(bob, 's1')).toBe(false);
    expect(await openLog(bob, { room: 'admin' } as unknown as string)).toBe(false);
    bob.socket.emit('join' as 'log.close', 'admin');
    await until(() => live.stats().ignored === 4);
    supervisor.log('s1', [line(1)]);
    await bus.emit('config.reloaded', { file: 'mcp.json', faults: [] });
    supervisor.status('s2', 1);
    await until(() => bob.frames.length === 1);
    expect(names(bob)).toEqual(['server.status']);
  });

  it('sends calls to those who may read all of them, and to each user their own', async () => {
    const [ann, bob, root] = await Promise.all([joined('ann'), joined('bob'), joined('root')]);
    live.call(call('r1', 'bob'));
    live.call(call('r2', 'ann'));
    live.call(call('r3', null));
    await until(() => bob.frames.length === 1 && root.frames.length === 1);
    const ids = (of: Browser) =>
      of.frames.flatMap(({ frame }) => frame.calls as LiveCall[]).map((each) => each.requestId);
    expect(ids(root)).toEqual(['r1', 'r2', 'r3']);
    expect(ids(bob)).toEqual(['r1']);
    expect(ann.frames).toEqual([]);
  });

  it('tells of an MCP session to its user and to admins alone', async () => {
    const [ann, bob, root] = await Promise.all([joined('ann'), joined('bob'), joined('root')]);
    await bus.emit('session.opened', { client: 'claude-code', userId: 'ann', endpoint: '/api/mcp' });
    supervisor.status('s2', 1);
    await until(() => ann.frames.length === 1 && bob.frames.length === 1 && root.frames.length === 2);
    expect(names(ann)).toEqual(['session.opened']);
    expect(names(bob)).toEqual(['server.status']);
    expect(names(root)).toEqual(['session.opened', 'server.status']);
  });

  it('cuts a session at once when its rights change and it no longer holds', async () => {
    const [ann, bob] = await Promise.all([joined('ann'), joined('bob')]);
    sessions.delete('session=ann');
    const gone = onceOf(ann.socket, 'disconnect');
    await bus.emit('access.changed', { userId: 'ann' });
    await gone;
    expect(ann.frames).toEqual([]);
    expect(bob.socket.connected).toBe(true);
  });

  it('cuts an ended session at the next check without any event', async () => {
    const ann = await joined('ann');
    const gone = onceOf(ann.socket, 'disconnect');
    sessions.delete('session=ann');
    await gone;
    expect(live.stats().sockets).toBe(0);
  });

  it('takes away rooms and an open log with the right to them', async () => {
    const ann = await joined('ann');
    await openLog(ann, 's1');
    servers.set('ann', [{ id: 's2', logs: true }]);
    await bus.emit('access.changed', { userId: 'ann' });
    await until(() => names(ann).includes('access.changed'));
    expect(ann.rooms.at(-1)?.revs).toEqual({ 'user:ann': 0, 'server:s2': 0 });
    supervisor.status('s1', 1);
    supervisor.log('s1', [line(1)]);
    supervisor.status('s2', 1);
    await until(() => names(ann).includes('server.status'));
    expect(ann.frames.map(({ frame }) => frame.id)).toEqual([undefined, 's2']);
  });

  it('keeps a connection while the session cannot be checked, and refuses new ones', async () => {
    const ann = await joined('ann');
    const held = new Map(sessions);
    const away = sessions;
    away.get = () => {
      throw new Error('database away');
    };
    await bus.emit('access.changed', { userId: 'ann' });
    const [error] = await onceOf(browser('bob').socket, 'connect_error');
    expect((error as Error).message).toBe('UNAVAILABLE');
    expect(ann.socket.connected).toBe(true);
    sessions = held;
  });

  it('ends every connection and every subscription on close, which may be called twice', async () => {
    const ann = await joined('ann');
    const gone = onceOf(ann.socket, 'disconnect');
    await Promise.all([live.close(), live.close()]);
    await gone;
    expect(supervisor.listenerCount()).toBe(0);
    await onceOf(browser('ann').socket, 'connect_error');
    expect(live.stats().sockets).toBe(0);
  });
});

function line(seq: number): LogLine {
  return { seq, at: '2026-01-01T00:00:00.000Z', stream: 'stderr', text: `line ${seq}` };
}

function call(requestId: string, userId: string | null): CallEntry {
  return {
    requestId,
    at: new Date('2026-01-01T00:00:00.000Z'),
    userId,
    actor: userId ?? 'nobody',
    client: null,
    serverId: 's1',
    server: 's1',
    tool: 'echo',
    outcome: 'ok',
    durationMs: 1,
    endpoint: '/api/mcp',
    requestBytes: 0,
    responseBytes: 0,
  };
}

function onceOf(socket: Socket<LiveDown, LiveUp>, event: 'connect_error' | 'disconnect'): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${event} in time`)), 5000);
    socket.once(event, (...args: unknown[]) => {
      clearTimeout(timer);
      resolve(args);
    });
  });
}

/** Polls until `holds`, for at most 20 seconds. */
async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error('did not happen in time');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
