// A server behind a URL: streamable HTTP as a client (basic/transports, 2025-03-26 … 2026-07-28) on undici's dispatch.
// Every body is counted after decompression, redirects stay on the origin, and the address guard sees each connect. A
// session that the server forgot is opened again and the refused request repeated, since it did not run.
import { HubError } from '../../lib/errors';
import type { Egress } from './egress';
import { type Channel, Exchange } from './http-exchange';
import { parseUrl, unavailable } from './http-faults';
import { openOriginPool } from './origin-pool';
import type { Transport, TransportEvents } from './transport';
import type { Access, CloseReason, UpstreamTarget } from './types';

const maxConnections = 256;
const quietMs = 2_000;
const deleteMs = 2_000;

export const reservedHeaders: ReadonlySet<string> = new Set([
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'upgrade',
  'keep-alive',
  'te',
  'trailer',
  'expect',
  'content-type',
  'accept',
  'accept-encoding',
  'mcp-session-id',
  'mcp-protocol-version',
  'last-event-id',
  'mcp-method',
  'mcp-name',
]);

export interface HttpOptions {
  target: UpstreamTarget;
  egress: Egress;
  access?: Access | null | undefined;
  /** A unix socket to connect to in place of the URL's host: one of our own, which no rule on addresses concerns. */
  socketPath?: string;
  /** Delay of a retry, a number from 0 to 1. */
  random?: () => number;
}

export type Mirror = (method: string, params: Record<string, unknown> | undefined) => string[];

export interface HttpTransport extends Transport {
  /**
   * The version that later requests name (MCP-Protocol-Version); null before there is one. @param mirror for a modern
   * version: the headers that repeat parts of a request (basic/transports/streamable-http, 2026-07-28), flat
   */
  speak(version: string | null, mirror?: Mirror): void;
  /** Opens the stream for messages outside calls; a server without one answers 405 and that is fine. */
  listen(): void;
  /** Whether such a stream is open. */
  readonly listening: boolean;
  /** Whether the server gave a session id. */
  readonly hasSession: boolean;
  /** Resolves when the server has taken all notifications sent so far: one POST may overtake another. */
  quiet(): Promise<void>;
  /** Makes a new session on a server that forgot ours; called once for all requests that met this. */
  onSessionLost(renew: () => Promise<void>): void;
}

/** @throws HubError INVALID_INPUT for a URL that may not be connected to */
export function openHttp(
  { target, egress, access = null, socketPath, random = Math.random }: HttpOptions,
  events: TransportEvents,
): HttpTransport {
  const url = socketPath ? new URL(target.url ?? '') : checkedUrl(target.url, egress);
  const pool = openOriginPool(url, { egress, tls: target.tls, connections: maxConnections, socketPath });
  const ownHeaders = Object.entries(target.headers)
    .filter(([name]) => !reservedHeaders.has(name.toLowerCase()))
    .flat();
  const timers = new Set<NodeJS.Timeout>();
  let version: string | null = null;
  let mirror: Mirror | undefined;
  let closing: Promise<void> | null = null;
  let listener: Exchange | null = null;
  let waiting: (() => void)[] = [];
  let renew: (() => Promise<void>) | null = null;
  const channel: Channel = {
    server: target.name,
    url,
    pool,
    events,
    random,
    access,
    generation: 0,
    path: url.pathname + url.search,
    postHeaders: [],
    session: null,
    modern: false,
    closed: false,
    listening: false,
    renewing: null,
    notifying: new Set(),
    quiet() {
      for (const resolve of waiting) resolve();
      waiting = [];
    },
    commonHeaders,
    rebuildHeaders,
    adoptSession,
    renewSession,
    later,
    end,
  };
  rebuildHeaders();

  function rebuildHeaders(): void {
    if (access) channel.generation = access.generation;
    channel.postHeaders = [
      'content-type',
      'application/json',
      'accept',
      'application/json, text/event-stream',
      ...commonHeaders(),
    ];
  }

  function commonHeaders(): string[] {
    const headers = ['accept-encoding', 'identity', ...ownHeaders];
    if (access) headers.push(...access.headers);
    if (channel.session !== null) headers.push('mcp-session-id', channel.session);
    if (version !== null) headers.push('mcp-protocol-version', version);
    return headers;
  }

  function later(ms: number, run: () => void): void {
    const timer = setTimeout(() => {
      timers.delete(timer);
      if (!channel.closed) run();
    }, ms);
    timers.add(timer.unref());
  }

  function end(reason: CloseReason): Promise<void> {
    closing ??= shutDown(reason);
    return closing;
  }

  async function shutDown(reason: CloseReason): Promise<void> {
    channel.closed = true;
    for (const timer of timers) clearTimeout(timer);
    events.closed(reason);
    listener?.abort();
    if (channel.session !== null && reason.reason === 'stopped') await endSession();
    await pool.destroy().catch(() => {});
  }

  /** The session is deleted if the server answers in time; it may refuse with 405, and nothing depends on it. */
  async function endSession(): Promise<void> {
    const signal = AbortSignal.timeout(deleteMs);
    await pool
      .request({ method: 'DELETE', path: channel.path, headers: commonHeaders(), signal })
      .then(({ body }) => body.dump({ limit: 4096, signal }))
      .catch(() => {});
  }

  function adoptSession(id: string | undefined): void {
    channel.session = id !== undefined && /^[\x21-\x7e]{1,1024}$/.test(id) ? id : null;
    rebuildHeaders();
  }

  function renewSession(used: string | null): Promise<void> {
    if (!channel.renewing && channel.session !== used) return Promise.resolve();
    channel.renewing ??= (async () => {
      if (!renew) throw unavailable(target.name, 'The server has forgotten the session.', 'session-lost');
      channel.session = null;
      version = null;
      rebuildHeaders();
      mirror = undefined;
      await renew();
    })().finally(() => {
      channel.renewing = null;
    });
    return channel.renewing;
  }

  return {
    get listening() {
      return channel.listening;
    },
    get hasSession() {
      return channel.session !== null;
    },
    send(text, id, method, params) {
      if (channel.closed) return undefined;
      const exchange = new Exchange(channel, text, id, method, mirror?.(method, params));
      exchange.start();
      return exchange;
    },
    speak(next, nextMirror) {
      version = next;
      mirror = nextMirror;
      channel.modern = nextMirror !== undefined;
      rebuildHeaders();
    },
    listen() {
      if (listener || channel.closed) return;
      listener = new Exchange(channel, null, undefined, '');
      listener.start();
    },
    quiet() {
      if (channel.notifying.size === 0 || channel.closed) return Promise.resolve();
      return new Promise((resolve) => {
        waiting.push(resolve);
        later(quietMs, resolve);
      });
    },
    onSessionLost(run) {
      renew = run;
    },
    close: end,
  };
}

/** @throws HubError INVALID_INPUT */
export function checkedUrl(text: string | null, egress: Egress): URL {
  const url = text === null ? null : parseUrl(text);
  if (!url) throw new HubError('INVALID_INPUT', 'The URL cannot be read.', { reason: 'address-refused' });
  egress.checkUrl(url);
  return url;
}
