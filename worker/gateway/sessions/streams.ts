// The GET streams of sessions: what a server says outside of any call reaches the client here. Of several open streams
// of one session the newest gets each message, exactly once.
import type { ServerResponse } from 'node:http';
import type { Actor } from '../../../lib/access/schema';
import { HubError } from '../../../lib/errors';
import { ignoreErrors, isGone, keepAliveMs, streamHeaders, toEvent, unreadMaxBytes } from '../http/exchange';
import { partyOf } from '../http/strangers';
import { type Session, userOf } from './sessions';

export interface OpenStream {
  session: Session;
  /** With the rights that it has now. */
  actor: Actor;
  response: ServerResponse;
  release(): void;
}

export interface StreamLimits {
  streams: number;
  /** Of one user; of callers without a credential, of one address. */
  streamsPerUser: number;
  /** Of all callers without a credential together. */
  streamsOfStrangers: number;
}

/** Streams of sessions at other workers; see peers.ts. */
export interface StreamPeers {
  hasStream(session: Session): boolean;
  send(session: Session, method: string, params: unknown): boolean;
  streamOpened(session: Session): void;
  streamClosed(session: Session): void;
}

export function createStreams(limits: StreamLimits, closed: (session: Session) => void, peers?: StreamPeers) {
  /** Streams of each session, newest last. */
  const bySession = new Map<Session, OpenStream[]>();
  const perUser = new Map<string, number>();
  let count = 0;
  let ofStrangers = 0;

  function remove(stream: OpenStream): void {
    const streams = bySession.get(stream.session);
    const at = streams?.indexOf(stream) ?? -1;
    if (!streams || at === -1) return;
    streams.splice(at, 1);
    if (streams.length === 0) {
      bySession.delete(stream.session);
      peers?.streamClosed(stream.session);
    }
    stream.release();
    closed(stream.session);
  }

  /** @throws HubError UNAVAILABLE when as many as allowed are open */
  function reserve(actor: Actor, response: ServerResponse): () => void {
    const isStranger = actor.kind === 'anonymous';
    const user = partyOf(actor, userOf(actor), response);
    const ofUser = perUser.get(user) ?? 0;
    const isFull = count >= limits.streams || (isStranger && ofStrangers >= limits.streamsOfStrangers);
    if (isFull || ofUser >= limits.streamsPerUser) {
      throw new HubError('UNAVAILABLE', 'Too many event streams are open: close some, or try again later.', {
        retryAfterMs: 30_000,
      });
    }
    perUser.set(user, ofUser + 1);
    count++;
    if (isStranger) ofStrangers++;
    return () => {
      count--;
      if (isStranger) ofStrangers--;
      const left = (perUser.get(user) ?? 1) - 1;
      if (left > 0) perUser.set(user, left);
      else perUser.delete(user);
    };
  }

  function end(stream: OpenStream): void {
    if (!isGone(stream.response)) stream.response.end();
    remove(stream);
  }

  const keepAlive = setInterval(() => {
    for (const streams of bySession.values()) {
      for (const { response } of streams) if (!isGone(response)) response.write(': alive\n\n');
    }
  }, keepAliveMs);
  keepAlive.unref();

  return {
    /** Counts a stream of another kind against the same limits. @returns to be called once, when it is gone */
    reserve,

    /** @throws HubError UNAVAILABLE when as many as allowed are open */
    open(session: Session, actor: Actor, response: ServerResponse, requestId: string): OpenStream {
      const stream = { session, actor, response, release: reserve(actor, response) };
      const streams = bySession.get(session);
      if (streams) streams.push(stream);
      else bySession.set(session, [stream]);
      peers?.streamOpened(session);
      response.on('error', ignoreErrors);
      response.on('close', () => remove(stream));
      response.writeHead(200, [...streamHeaders, 'x-request-id', requestId]);
      // The headers must leave now: a client waits for them before it goes on.
      response.flushHeaders();
      return stream;
    },

    /** Sends a notification to the session's newest stream. @returns false when none is open */
    send(session: Session, method: string, params?: unknown): boolean {
      if (peers?.hasStream(session)) return peers.send(session, method, params);
      return this.sendHere(session, method, params);
    },

    /** As send, whatever other workers have. */
    sendHere(session: Session, method: string, params?: unknown): boolean {
      const stream = bySession.get(session)?.at(-1);
      if (!stream || isGone(stream.response)) return false;
      if (stream.response.writableLength > unreadMaxBytes) {
        // It reads nothing: cut, so that the client notices, connects anew and lists again.
        stream.response.destroy();
        return false;
      }
      stream.response.write(toEvent(Buffer.from(JSON.stringify({ jsonrpc: '2.0', method, params }))));
      return true;
    },

    has: (session: Session) => bySession.has(session),

    /** The newest stream of every session that has one. */
    *newest(): Generator<OpenStream> {
      for (const streams of bySession.values()) {
        const stream = streams.at(-1);
        if (stream && !peers?.hasStream(stream.session)) yield stream;
      }
    },

    /** Every open stream here. */
    *all(): Generator<OpenStream> {
      for (const streams of [...bySession.values()]) yield* [...streams];
    },

    /** Ends all streams that `matches` picks, e.g. those of a revoked key. */
    endWhere(matches: (stream: OpenStream) => boolean): void {
      for (const streams of [...bySession.values()])
        for (const stream of [...streams]) if (matches(stream)) end(stream);
    },

    close(): void {
      clearInterval(keepAlive);
      for (const streams of [...bySession.values()]) for (const stream of [...streams]) end(stream);
    },
  };
}

export type Streams = ReturnType<typeof createStreams>;
