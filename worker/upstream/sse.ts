// HTTP+SSE as a client, the transport of 2024-11-05 (basic/transports): one GET whose event stream carries everything
// that the server says, and POSTs to the address that its first event names. The same guards as for streamable HTTP:
// bytes are counted, the address stays on the origin, and the address guard sees each connect.
import type { Dispatcher } from 'undici';
import { HubError } from '../../lib/errors';
import type { Egress } from './egress';
import { createEventStream } from './event-stream';
import { checkedUrl, reservedHeaders } from './http';
import { isConnectFault, neverSent, parseUrl, statusError, unavailable } from './http-faults';
import type { LineSplitter } from './lines';
import { openOriginPool } from './origin-pool';
import { maxMessageBytes, type Transport, type TransportEvents } from './transport';
import type { CloseReason, UpstreamTarget } from './types';

const maxConnections = 64;
const maxRedirects = 5;
const maxEndpointChars = 8192;
/** What a server says to a POST is of no interest beyond its status. */
const maxReplyBytes = 64 * 1024;
const postMs = 60_000;

export interface SseOptions {
  target: UpstreamTarget;
  egress: Egress;
}

export interface SseTransport extends Transport {
  /** Opens the stream. Resolves when it has named the address for messages. @throws HubError */
  open(timeoutMs: number): Promise<void>;
  /** The version that later requests name (MCP-Protocol-Version). */
  speak(version: string): void;
}

/** @throws HubError INVALID_INPUT for a URL that may not be connected to */
export function openSse({ target, egress }: SseOptions, events: TransportEvents): SseTransport {
  const url = checkedUrl(target.url, egress);
  const { name } = target;
  const pool = openOriginPool(url, { egress, tls: target.tls, connections: maxConnections });
  const ownHeaders = Object.entries(target.headers)
    .filter(([header]) => !reservedHeaders.has(header.toLowerCase()))
    .flat();
  const posts = new AbortController();
  let stream: Dispatcher.DispatchController | null = null;
  let endpoint: string | null = null;
  let version: string | null = null;
  let closing: Promise<void> | null = null;
  let redirects = 0;
  let settle: ((error: HubError | null) => void) | null = null;

  function commonHeaders(): string[] {
    const headers = ['accept-encoding', 'identity', ...ownHeaders];
    if (version !== null) headers.push('mcp-protocol-version', version);
    return headers;
  }

  function end(reason: CloseReason): Promise<void> {
    closing ??= shutDown(reason);
    return closing;
  }

  async function shutDown(reason: CloseReason): Promise<void> {
    // Before the stream stands, the failed open() tells the end.
    if (endpoint !== null) events.closed(reason);
    opened(unavailable(name, reason.message, reason.reason));
    stream?.abort(new Error('closed'));
    posts.abort();
    await pool.destroy().catch(() => {});
  }

  function opened(error: HubError | null): void {
    settle?.(error);
    settle = null;
  }

  /** The stream cannot be opened, or is over: nothing can be answered any more. */
  function lose(error: HubError, reason = 'connect-failed'): void {
    opened(error);
    void end({ reason, message: error.message });
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
    let reader: LineSplitter | null = null;
    let status = 0;
    let location: string | undefined;
    let retryAfter: string | undefined;
    pool.dispatch(
      { method: 'GET', path, headers },
      {
        onRequestStart(controller) {
          stream = controller;
          if (closing) controller.abort(new Error('closed'));
        },
        onResponseStart(controller, code, received) {
          status = code;
          location = one(received.location);
          retryAfter = one(received['retry-after']);
          const type = one(received['content-type'])?.split(';', 1)[0]?.trim().toLowerCase();
          const encoding = one(received['content-encoding'])?.trim().toLowerCase() ?? 'identity';
          if (code === 200 && type === 'text/event-stream' && encoding === 'identity') reader = readEvents();
          else if (code === 200) lose(badStream(name, type ?? 'no content type'));
          if (!reader && code < 300) controller.abort(new Error('not an event stream'));
        },
        onResponseData(_controller, chunk) {
          reader?.push(chunk);
        },
        onResponseEnd() {
          if (closing) return;
          if (reader) lose(unavailable(name, `"${name}" has ended its event stream.`, 'cut'), 'cut');
          else if (status >= 300 && status < 400) redirect(path, location);
          else if (status === 401) lose(needsAuth(name, url), 'needs-auth');
          else lose(statusError(name, status, retryAfter));
        },
        onResponseError(_controller, error) {
          if (closing) return;
          const message = isConnectFault(error) ? error.message : `The connection to "${name}" broke.`;
          const reason = reader ? 'cut' : 'connect-failed';
          const neverWent = isConnectFault(error);
          lose(neverWent ? neverSent(name, message, error) : unavailable(name, message, reason, error), reason);
        },
      },
    );
  }

  function redirect(from: string, location: string | undefined): void {
    const next = location === undefined ? null : parseUrl(location, new URL(from, url));
    redirects += 1;
    if (!next || next.origin !== url.origin || redirects > maxRedirects) {
      lose(unavailable(name, `The server "${name}" redirects to where the hub does not follow.`, 'redirect-refused'));
      return;
    }
    get(next.pathname + next.search);
  }

  function readEvents(): LineSplitter {
    return createEventStream(maxMessageBytes, {
      event: ({ event, data }) => {
        if (closing) return;
        if (event === 'endpoint') takeEndpoint(data);
        else if (event === 'message' && data.length > 0) events.message(data);
      },
      overlong: events.overlong,
    });
  }

  async function post(path: string, text: string, id: string | undefined): Promise<void> {
    const headers = ['content-type', 'application/json', 'accept', '*/*', ...commonHeaders()];
    const signal = AbortSignal.any([posts.signal, AbortSignal.timeout(postMs)]);
    try {
      const {
        statusCode,
        headers: received,
        body,
      } = await pool.request({ method: 'POST', path, headers, body: text, signal });
      await body.dump({ limit: maxReplyBytes, signal });
      if (statusCode < 300) return;
      if (statusCode === 401) lose(needsAuth(name, url), 'needs-auth');
      else if (id !== undefined) events.failed(id, statusError(name, statusCode, one(received['retry-after'])));
    } catch (error) {
      if (closing) return;
      const fault = error as Error;
      if (isConnectFault(fault)) lose(neverSent(name, fault.message, fault));
      else if (id !== undefined) events.failed(id, cut(name, fault));
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
      if (closing || endpoint === null) return undefined;
      void post(endpoint, text, id);
      return undefined;
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

function badStream(name: string, what: string): HubError {
  const message = `The server "${name}" answered with ${what} instead of an event stream.`;
  return new HubError('UPSTREAM_BAD_ANSWER', message, { reason: 'bad-answer' });
}

function needsAuth(name: string, { origin }: URL): HubError {
  const message = `The server wants a sign-in (HTTP 401 from ${origin}).`;
  return new HubError('UPSTREAM_NEEDS_AUTH', message, { server: name, reason: 'needs-auth' });
}

function cut(server: string, cause: Error): HubError {
  const message = `The connection to "${server}" broke before it took the request.`;
  return new HubError('INTERRUPTED', message, { server, reason: 'cut', retryable: true, cause });
}
