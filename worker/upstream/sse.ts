// HTTP+SSE as a client, the transport of 2024-11-05 (basic/transports): one GET whose event stream carries everything
// that the server says, and POSTs to the address that its first event names. The same guards as for streamable HTTP:
// bytes are counted, the address stays on the origin, and the address guard sees each connect.
import type { Dispatcher } from 'undici';
import { asHubError, HubError, isHubError } from '../../lib/errors';
import { challengeOf } from './challenge';
import type { Egress } from './egress';
import { createEventStream } from './event-stream';
import { checkedUrl, reservedHeaders } from './http';
import {
  isConnectFault,
  isRedirect,
  maxRedirects,
  neverSent,
  parseUrl,
  redirectRefused,
  statusError,
  unavailable,
} from './http-faults';
import type { LineSplitter } from './lines';
import { openOriginPool } from './origin-pool';
import { maxMessageBytes, type Transport, type TransportEvents } from './transport';
import type { Access, CloseReason, UpstreamTarget } from './types';

const maxConnections = 64;
const maxEndpointChars = 8192;
/** What a server says to a POST is of no interest beyond its status. */
const maxReplyBytes = 64 * 1024;
/** So long a server may take to answer a POST that no call waits for any more. */
const postMs = 60_000;
const sweepMs = 10_000;

export interface SseOptions {
  target: UpstreamTarget;
  egress: Egress;
  access?: Access | null | undefined;
}

/** A POST that has no complete answer yet. What it brought may be answered over the stream long before that. */
interface Post {
  id: string | undefined;
  begunAt: number;
  abort: AbortController;
}

export interface SseTransport extends Transport {
  /** Opens the stream. Resolves when it has named the address for messages. @throws HubError */
  open(timeoutMs: number): Promise<void>;
  /** The version that later requests name (MCP-Protocol-Version). */
  speak(version: string): void;
}

/** @throws HubError INVALID_INPUT for a URL that may not be connected to */
export function openSse({ target, egress, access = null }: SseOptions, events: TransportEvents): SseTransport {
  const url = checkedUrl(target.url, egress);
  const { name } = target;
  const pool = openOriginPool(url, { egress, tls: target.tls, connections: maxConnections });
  const ownHeaders = Object.entries(target.headers)
    .filter(([header]) => !reservedHeaders.has(header.toLowerCase()))
    .flat();
  const posts = new Set<Post>();
  const sweeping = setInterval(sweep, sweepMs).unref();
  let stream: Dispatcher.DispatchController | null = null;
  let endpoint: string | null = null;
  let version: string | null = null;
  let closing: Promise<void> | null = null;
  let isClosing = false;
  let redirects = 0;
  let refusals = 0;
  let settle: ((error: HubError | null) => void) | null = null;

  function commonHeaders(): string[] {
    const headers = ['accept-encoding', 'identity', ...ownHeaders];
    if (access) headers.push(...access.headers);
    if (version !== null) headers.push('mcp-protocol-version', version);
    return headers;
  }

  function end(reason: CloseReason): Promise<void> {
    if (!closing) {
      isClosing = true;
      closing = shutDown(reason);
    }
    return closing;
  }

  async function shutDown(reason: CloseReason): Promise<void> {
    // Before the stream stands, the failed open() tells the end.
    if (endpoint !== null) events.closed(reason);
    opened(unavailable(name, reason.message, reason.reason));
    stream?.abort(new Error('closed'));
    clearInterval(sweeping);
    for (const { abort } of posts) abort.abort();
    await pool.destroy().catch(() => {});
  }

  function opened(error: HubError | null): void {
    settle?.(error);
    settle = null;
  }

  /** The stream cannot be opened, or is over: nothing can be answered any more. */
  function lose(error: HubError, reason = 'connect-failed'): void {
    opened(error);
    void end({ reason, message: error.message, ...(error.extras.data && { data: error.extras.data }) });
  }

  function takeEndpoint(data: Buffer): void {
    if (endpoint !== null) return;
    const next = data.length > maxEndpointChars ? null : parseUrl(data.toString('utf8').trim(), url);
    if (!next || next.origin !== url.origin) {
      lose(refusedEndpoint(name, next));
      return;
    }
    endpoint = next.pathname + next.search;
    opened(null);
  }

  function get(path: string): void {
    const headers = ['accept', 'text/event-stream', 'cache-control', 'no-store', ...commonHeaders()];
    const generation = access?.generation ?? 0;
    let reader: LineSplitter | null = null;
    let isMoved = false;
    pool.dispatch(
      { method: 'GET', path, headers },
      {
        onRequestStart(controller) {
          stream = controller;
          if (isClosing) controller.abort(new Error('closed'));
        },
        // The status says all: what else such a server sends, and whether it ever ends, is of no interest.
        onResponseStart(controller, status, received) {
          if (isRedirect(status)) {
            isMoved = true;
            controller.abort(new Error('moved'));
            redirect(path, one(received.location));
          } else if (status === 401) {
            isMoved = true;
            controller.abort(new Error('refused'));
            refuse(path, generation);
          } else if (status !== 200) lose(statusError(name, status, one(received['retry-after'])));
          else {
            const fault = faultOfStream(name, received);
            if (fault) lose(fault);
            else reader = readEvents();
          }
        },
        onResponseData(_controller, chunk) {
          if (!isMoved) reader?.push(chunk);
        },
        onResponseEnd() {
          if (!isClosing && !isMoved) lose(unavailable(name, `"${name}" has ended its event stream.`, 'cut'), 'cut');
        },
        onResponseError(_controller, error) {
          if (isClosing || isMoved) return;
          const message = isConnectFault(error) ? error.message : `The connection to "${name}" broke.`;
          const reason = reader ? 'cut' : 'connect-failed';
          const neverWent = isConnectFault(error);
          lose(neverWent ? neverSent(name, message, error) : unavailable(name, message, reason, error), reason);
        },
      },
    );
  }

  /** What proves who asks is renewed once. */
  function refuse(path: string, generation: number): void {
    refusals += 1;
    if (!access || refusals > 1) {
      lose(access?.refusal() ?? needsAuth(name, url), 'needs-auth');
      return;
    }
    access.renew(generation).then(
      () => {
        if (!isClosing) get(path);
      },
      (error: unknown) => lose(asHubError(error), asHubError(error).extras.reason),
    );
  }

  function redirect(from: string, location: string | undefined): void {
    redirects += 1;
    const next = redirected(from, location, redirects);
    if (next instanceof HubError) lose(next);
    else get(next);
  }

  /** The path that a redirect leads to, or why it is not followed. */
  function redirected(from: string, location: string | undefined, count: number): string | HubError {
    const next = location === undefined ? null : parseUrl(location, new URL(from, url));
    if (!next || next.origin !== url.origin || count > maxRedirects) return redirectRefused(name, next, url);
    return next.pathname + next.search;
  }

  function readEvents(): LineSplitter {
    return createEventStream(maxMessageBytes, {
      event: ({ event, data }) => {
        if (isClosing) return;
        if (event === 'endpoint') takeEndpoint(data);
        else if (event === 'message' && data.length > 0) events.message(data);
      },
      overlong: events.overlong,
    });
  }

  /** A server may keep a POST until the call is over: it ends with its call, or after a while where none waits for it. */
  function sweep(): void {
    const now = performance.now();
    for (const { id, begunAt, abort } of posts) {
      if (now - begunAt > postMs && (id === undefined || !events.pending(id))) abort.abort();
    }
  }

  async function post(text: string, each: Post): Promise<void> {
    const { id } = each;
    posts.add(each);
    const rests: Promise<unknown>[] = [];
    try {
      const error = await deliver(text, each.abort.signal, rests);
      if (error && id !== undefined) events.failed(id, error);
    } catch (error) {
      if (isClosing) return;
      if (isHubError(error)) {
        if (id !== undefined) events.failed(id, error);
        if (error.code === 'UPSTREAM_NEEDS_AUTH') lose(error, 'needs-auth');
        return;
      }
      const fault = error as Error;
      const lost = isConnectFault(fault) ? neverSent(name, fault.message, fault) : null;
      if (id !== undefined) events.failed(id, lost ?? cut(name, fault));
      if (lost) lose(lost);
    } finally {
      await Promise.allSettled(rests);
      posts.delete(each);
    }
  }

  /**
   * Resolves when the server has taken the message, with the reason where it has not.
   * @param rests of the replies, read elsewhere: the status says all
   */
  async function deliver(text: string, signal: AbortSignal, rests: Promise<unknown>[]): Promise<HubError | null> {
    let denials = 0;
    for (let moves = 1; ; moves += 1) {
      if (access?.isDue()) await access.renew(null);
      const path = endpoint ?? '';
      const generation = access?.generation ?? 0;
      const headers = ['content-type', 'application/json', 'accept', '*/*', ...commonHeaders()];
      const reply = await pool.request({ method: 'POST', path, headers, body: text, signal });
      const { statusCode: status } = reply;
      rests.push(reply.body.dump({ limit: maxReplyBytes, signal }));
      if (status < 300 || isClosing) return null;
      if (isRedirect(status) && status !== 303) {
        const next = redirected(path, one(reply.headers.location), moves);
        if (next instanceof HubError) return next;
        endpoint = next;
        continue;
      }
      if (status === 401 && access && denials === 0) {
        denials += 1;
        await access.renew(generation);
        continue;
      }
      if (status === 401) {
        const refusal = access?.refusal() ?? needsAuth(name, url);
        lose(refusal, 'needs-auth');
        return refusal;
      }
      if (status === 403 && access) {
        const { error, scope = '' } = challengeOf(one(reply.headers['www-authenticate']));
        if (error === 'insufficient_scope') return access.wantsMore(scope.split(' ').filter(Boolean));
      }
      const error = status === 404 ? forgotten(name) : statusError(name, status, one(reply.headers['retry-after']));
      // The stream stands, but nothing that is sent arrives any more: only a new one helps.
      if (status === 404) setImmediate(() => lose(error, 'session-lost'));
      return error;
    }
  }

  return {
    open(timeoutMs) {
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          lose(unavailable(name, `The event stream of "${name}" names no address for messages.`, 'handshake-failed'));
        }, timeoutMs);
        settle = (error) => {
          clearTimeout(timer);
          if (error) reject(error);
          else resolve();
        };
        get(url.pathname + url.search);
      });
    },
    speak(next) {
      version = next;
    },
    send(text, id) {
      if (isClosing || endpoint === null) return undefined;
      const abort = new AbortController();
      void post(text, { id, begunAt: performance.now(), abort });
      return id === undefined ? undefined : { abort: () => abort.abort() };
    },
    close: end,
  };
}

function one(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

function refusedEndpoint(name: string, next: URL | null): HubError {
  const where = next ? `on another origin (${next.origin})` : 'that cannot be read';
  return unavailable(name, `The server "${name}" names an address for messages ${where}.`, 'redirect-refused');
}

/** Null for an event stream that can be read. */
function faultOfStream(name: string, headers: Record<string, string | string[] | undefined>): HubError | null {
  const type = one(headers['content-type'])?.split(';', 1)[0]?.trim().toLowerCase();
  const encoding = one(headers['content-encoding'])?.trim().toLowerCase() ?? 'identity';
  const isStream = type === 'text/event-stream';
  if (isStream && encoding === 'identity') return null;
  const message = isStream
    ? `The server "${name}" compresses its event stream (${encoding.slice(0, 40)}), though the hub asked it not to.`
    : `The server "${name}" answered with ${type ?? 'no content type'} instead of an event stream.`;
  return new HubError('UPSTREAM_BAD_ANSWER', message, { reason: 'bad-answer' });
}

/** The address for messages is known no more: the message went nowhere. */
function forgotten(server: string): HubError {
  const message = `The server "${server}" does not know the address for messages that it named (HTTP status 404).`;
  const extras = { server, reason: 'session-lost', retryable: true, didNotRun: true };
  return new HubError('UPSTREAM_UNAVAILABLE', message, extras);
}

function needsAuth(name: string, { origin }: URL): HubError {
  const message = `The server wants a sign-in (HTTP 401 from ${origin}).`;
  return new HubError('UPSTREAM_NEEDS_AUTH', message, { server: name, reason: 'needs-auth' });
}

function cut(server: string, cause: Error): HubError {
  const message = `The connection to "${server}" broke before it took the request.`;
  return new HubError('INTERRUPTED', message, { server, reason: 'cut', retryable: true, cause });
}
