// The socket of one browser tab: connects, connects again, notices what was missed and tells its listeners. It knows
// no React; the provider beside it holds one per tab.
import type { Socket } from 'socket.io-client';
import type { LiveDown, LiveFrame, LiveName, LiveRooms, LiveUp } from '@/lib/events/live';
import { hubPath } from '../hub-path';
import { createTracker } from './tracker';

export type LiveStatus = 'connecting' | 'live' | 'paused';

export interface LiveConnection {
  status(): LiveStatus;
  onStatus(listener: () => void): () => void;
  on<N extends LiveName>(name: N, listener: (frame: LiveFrame<N>) => void): () => void;
  /** Called when data may be out of date: frames were missed in `rooms`, or `newLife`: another worker answers. */
  onStale(listener: (rooms: string[], newLife: boolean) => void): () => void;
  /** Asks for the log of a server, now and after every reconnect. Several views may share it. @returns ends it */
  followLog(serverId: string): () => void;
  close(): void;
}

type LiveSocket = Socket<LiveDown, LiveUp>;

/** How long a loss stays unmentioned. */
const graceMs = 3_000;
const retryMs = 5_000;

/**
 * Connects at once, lazily loading the client library.
 * @param onSignedOut called when the hub says that there is no session any more
 */
export function createLiveConnection(onSignedOut: () => void): LiveConnection {
  const tracker = createTracker();
  const statusListeners = new Set<() => void>();
  const staleListeners = new Set<(rooms: string[], newLife: boolean) => void>();
  const frameListeners = new Map<LiveName, Set<(frame: LiveFrame) => void>>();
  const logs = new Map<string, number>();
  let status: LiveStatus = 'connecting';
  let source: string | null = null;
  let socket: LiveSocket | null = null;
  let graceTimer: ReturnType<typeof setTimeout> | undefined;
  let retryTimer: ReturnType<typeof setTimeout> | undefined;
  let closed = false;

  function setStatus(next: LiveStatus): void {
    if (status === next) return;
    status = next;
    for (const listener of statusListeners) listener();
  }

  /** Short losses are not worth a word: the reconnect fetches what was missed. */
  function lost(): void {
    if (status === 'live') setStatus('connecting');
    graceTimer ??= setTimeout(() => setStatus('paused'), graceMs);
  }

  /** After a refusal or a cut by the hub the library gives up; we do not. */
  function retryLater(): void {
    clearTimeout(retryTimer);
    retryTimer = setTimeout(() => socket?.connect(), retryMs);
  }

  function found({ src, revs }: LiveRooms): void {
    clearTimeout(graceTimer);
    graceTimer = undefined;
    const newLife = src !== source;
    source = src;
    const stale = tracker.seeRooms({ src, revs });
    setStatus('live');
    if (stale.length > 0) for (const listener of staleListeners) listener(stale, newLife);
  }

  function receive(name: LiveName, frame: LiveFrame): void {
    const order = tracker.seeFrame(frame);
    if (order === 'old') return;
    for (const listener of frameListeners.get(name) ?? []) listener(frame);
    if (order === 'gap') for (const listener of staleListeners) listener([frame.room], false);
  }

  async function open(): Promise<void> {
    lost();
    const { io } = await import('socket.io-client');
    if (closed) return;
    const made: LiveSocket = io('/live', {
      path: hubPath('/socket.io'),
      transports: ['websocket'],
      reconnectionDelay: 500,
      reconnectionDelayMax: 5_000,
    });
    socket = made;
    made.on('live.rooms', found);
    made.onAny((name: LiveName | 'live.rooms', frame: LiveFrame) => {
      if (name !== 'live.rooms') receive(name, frame);
    });
    made.on('connect', () => {
      for (const id of logs.keys()) made.emit('log.open', id);
    });
    made.on('disconnect', () => {
      lost();
      if (!made.active) retryLater();
    });
    made.on('connect_error', (error) => {
      lost();
      if (made.active) return;
      if (error.message === 'UNAUTHENTICATED') onSignedOut();
      retryLater();
    });
  }

  open().catch(() => retryOpen());

  /** The library itself could not be loaded, e.g. while the hub restarts. */
  function retryOpen(): void {
    if (closed) return;
    retryTimer = setTimeout(() => open().catch(retryOpen), retryMs);
  }

  return {
    status: () => status,
    onStatus: (listener) => subscribe(statusListeners, listener),
    onStale: (listener) => subscribe(staleListeners, listener),
    on(name, listener) {
      const listeners = frameListeners.get(name) ?? new Set();
      frameListeners.set(name, listeners);
      return subscribe(listeners, listener as unknown as (frame: LiveFrame) => void);
    },
    followLog(serverId) {
      const views = (logs.get(serverId) ?? 0) + 1;
      logs.set(serverId, views);
      if (views === 1 && socket?.connected) socket.emit('log.open', serverId);
      let ended = false;
      return () => {
        if (ended) return;
        ended = true;
        const left = (logs.get(serverId) ?? 1) - 1;
        if (left > 0) return void logs.set(serverId, left);
        logs.delete(serverId);
        if (socket?.connected) socket.emit('log.close', serverId);
      };
    },
    close() {
      closed = true;
      clearTimeout(graceTimer);
      clearTimeout(retryTimer);
      socket?.close();
    },
  };
}

function subscribe<T>(listeners: Set<T>, listener: T): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}
