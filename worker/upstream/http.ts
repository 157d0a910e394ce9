// A server behind a URL: streamable HTTP as a client (basic/transports, 2025-03-26 … 2025-11-25) on undici's dispatch.
// Every body is counted after decompression, redirects stay on the origin, and the address guard sees each connect. A
// session that the server forgot is opened again and the refused request repeated, since it did not run.
import { createBrotliDecompress, createGunzip, createInflate, constants as zlib } from 'node:zlib';
import { type Dispatcher, Pool } from 'undici';
import { HubError } from '../../lib/errors';
import type { Sending } from './connection';
import type { Egress } from './egress';
import { createEventStream } from './event-stream';
import type { LineSplitter } from './lines';
import { maxMessageBytes, type Transport, type TransportEvents } from './transport';
import type { CloseReason, UpstreamTarget } from './types';

const connectMs = 10_000;
const maxRedirects = 5;
const maxConnections = 256;
const quietMs = 2_000;
const deleteMs = 2_000;
/** A request that never left us may be sent again: it did not run. */
const connectRetries = 2;
const streamRetryMs = 1_000;
const streamRetryMaxMs = 30_000;
/** So many failed connects of the listening stream in a row mean that the server is gone. */
const streamFailuresMax = 3;
/** A cut answer stream whose events carried ids may be taken up again so often. */
const resumesMax = 5;
/** JSON-RPC code that servers built on the reference SDK send with 400 for a session they do not know. */
const noSessionCode = -32000;

/** What may be sent while a new session is made; everything else waits for it. */
const handshakeMethods = new Set(['initialize', 'notifications/initialized']);

const reservedHeaders = new Set([
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
]);

export interface HttpOptions {
  target: UpstreamTarget;
  egress: Egress;
  /** Delay of a retry, a number from 0 to 1. */
  random?: () => number;
}

export interface HttpTransport extends Transport {
  /** The version that later requests name (MCP-Protocol-Version). */
  speak(version: string): void;
  /** Opens the stream for messages outside calls; a server without one answers 405 and that is fine. */
  listen(): void;
  /** Whether such a stream is open. */
  readonly listening: boolean;
  /** Resolves when the server has taken all notifications sent so far: one POST may overtake another. */
  quiet(): Promise<void>;
  /** Makes a new session on a server that forgot ours; called once for all requests that met this. */
  onSessionLost(renew: () => Promise<void>): void;
}

/** @throws HubError INVALID_INPUT for a URL that may not be connected to */
export function openHttp(
  { target, egress, random = Math.random }: HttpOptions,
  events: TransportEvents,
): HttpTransport {
  const url = parseUrl(target.url, egress);
  const pool = new Pool(url.origin, {
    connections: maxConnections,
    connect: { lookup: egress.lookup, timeout: connectMs },
    // The connection keeps the deadlines of calls; undici's own would need two timers for each request.
    headersTimeout: 0,
    bodyTimeout: 0,
    maxHeaderSize: 16 * 1024,
  });
  const ownHeaders = Object.entries(target.headers)
    .filter(([name]) => !reservedHeaders.has(name.toLowerCase()))
    .flat();
  const timers = new Set<NodeJS.Timeout>();
  let path = url.pathname + url.search;
  let session: string | null = null;
  let version: string | null = null;
  let postHeaders: string[] = [];
  let closed = false;
  let closing: Promise<void> | null = null;
  let listener: Exchange | null = null;
  let listening = false;
  const notifying = new Set<Exchange>();
  let waiting: (() => void)[] = [];
  let renew: (() => Promise<void>) | null = null;
  let renewing: Promise<void> | null = null;
  rebuildHeaders();

  function rebuildHeaders(): void {
    postHeaders = [
      'content-type',
      'application/json',
      'accept',
      'application/json, text/event-stream',
      ...commonHeaders(),
    ];
  }

  function commonHeaders(): string[] {
    const headers = ['accept-encoding', 'identity', ...ownHeaders];
    if (session !== null) headers.push('mcp-session-id', session);
    if (version !== null) headers.push('mcp-protocol-version', version);
    return headers;
  }

  function unavailable(message: string, reason: string, cause?: unknown): HubError {
    return new HubError('UPSTREAM_UNAVAILABLE', message, { server: target.name, reason, retryable: true, cause });
  }

  function later(ms: number, run: () => void): void {
    const timer = setTimeout(() => {
      timers.delete(timer);
      if (!closed) run();
    }, ms);
    timers.add(timer.unref());
  }

  function end(reason: CloseReason): Promise<void> {
    closing ??= shutDown(reason);
    return closing;
  }

  async function shutDown(reason: CloseReason): Promise<void> {
    closed = true;
    for (const timer of timers) clearTimeout(timer);
    events.closed(reason);
    listener?.abort();
    if (session !== null && reason.reason === 'stopped') await endSession();
    await pool.destroy().catch(() => {});
  }

  /** The session is deleted if the server answers in time; it may refuse with 405, and nothing depends on it. */
  async function endSession(): Promise<void> {
    const signal = AbortSignal.timeout(deleteMs);
    await pool
      .request({ method: 'DELETE', path, headers: commonHeaders(), signal })
      .then(({ body }) => body.dump({ limit: 4096, signal }))
      .catch(() => {});
  }

  /** One POST, or the GET stream, with all of its redirects, repeats and resumptions. */
  class Exchange implements Dispatcher.DispatchHandler, Sending {
    private controller: Dispatcher.DispatchController | null = null;
    private aborted = false;
    private status = 0;
    private stream: LineSplitter | null = null;
    private decoder: ReturnType<typeof createGunzip> | null = null;
    private chunks: Buffer[] = [];
    private bytes = 0;
    private settled = false;
    private redirects = 0;
    private connects = 0;
    private resumes = 0;
    private renewals = 0;
    private sessionUsed: string | null = null;
    private location: string | undefined;
    private contentType = '';
    private lastEventId: string | null = null;
    private retryMs = streamRetryMs;
    private failures = 0;

    constructor(
      /** Null for the GET stream. */
      private readonly body: string | null,
      private readonly id: string | undefined,
      private readonly method: string,
    ) {}

    /** Everything about a POST that has no answer is over. */
    private noted(): void {
      if (!notifying.delete(this) || notifying.size > 0) return;
      for (const resolve of waiting) resolve();
      waiting = [];
    }

    start(): void {
      if (this.aborted || closed) return;
      if (renewing && !handshakeMethods.has(this.method)) {
        renewing.then(
          () => this.start(),
          (error: HubError) => this.fail(error),
        );
        return;
      }
      if (this.id === undefined && this.body !== null) notifying.add(this);
      this.status = 0;
      this.stream = null;
      this.decoder = null;
      this.chunks = [];
      this.bytes = 0;
      this.sessionUsed = session;
      const resuming = this.body === null || this.resumes > 0;
      const request: Dispatcher.DispatchOptions = resuming
        ? { method: 'GET', path, headers: this.getHeaders() }
        : { method: 'POST', path, headers: postHeaders, body: this.body };
      pool.dispatch(request, this);
    }

    private getHeaders(): string[] {
      const headers = ['accept', 'text/event-stream', ...commonHeaders()];
      if (this.lastEventId !== null) headers.push('last-event-id', this.lastEventId);
      return headers;
    }

    abort(): void {
      this.aborted = true;
      this.decoder?.destroy();
      this.controller?.abort(new Error('aborted'));
    }

    onRequestStart(controller: Dispatcher.DispatchController): void {
      this.controller = controller;
      if (this.aborted) controller.abort(new Error('aborted'));
    }

    onResponseStart(
      controller: Dispatcher.DispatchController,
      status: number,
      headers: Record<string, string | string[] | undefined>,
    ): void {
      this.controller = controller;
      this.status = status;
      this.location = one(headers.location);
      this.contentType = mediaType(one(headers['content-type']));
      if (status === 200 && this.method === 'initialize') adoptSession(one(headers['mcp-session-id']));
      const isStream = status === 200 && this.contentType === 'text/event-stream';
      if (isStream) this.stream = this.createStream();
      if (this.body === null) {
        listening = isStream;
        if (isStream) this.failures = 0;
      }
      this.startDecoding(one(headers['content-encoding']));
    }

    private createStream(): LineSplitter {
      return createEventStream(maxMessageBytes, {
        event: ({ event, data }) => {
          if (event === 'message' && data.length > 0) this.deliver(data);
        },
        overlong: (head, tail, length) => {
          events.overlong(head, tail, length);
          this.fail(tooLarge(target.name));
        },
        id: (id) => {
          this.lastEventId = id;
        },
        retry: (ms) => {
          this.retryMs = Math.min(Math.max(ms, 100), streamRetryMaxMs);
        },
      });
    }

    /** We ask for identity; a server that compresses all the same is understood, and its output counted. */
    private startDecoding(encoding: string | undefined): void {
      const name = encoding?.trim().toLowerCase();
      if (!name || name === 'identity') return;
      const decoder =
        name === 'gzip' || name === 'x-gzip'
          ? createGunzip({ finishFlush: zlib.Z_SYNC_FLUSH })
          : name === 'deflate'
            ? createInflate({ finishFlush: zlib.Z_SYNC_FLUSH })
            : name === 'br'
              ? createBrotliDecompress()
              : null;
      if (!decoder) {
        this.giveUp(badAnswer(`The server "${target.name}" sent the content encoding ${JSON.stringify(name)}.`));
        return;
      }
      decoder.on('data', (chunk: Buffer) => this.take(chunk));
      decoder.once('end', () => this.finish());
      decoder.once('error', () => this.giveUp(badAnswer(`The answer of "${target.name}" cannot be decompressed.`)));
      this.decoder = decoder;
    }

    onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
      const { decoder } = this;
      if (!decoder) {
        this.take(chunk);
      } else if (!decoder.write(chunk)) {
        controller.pause();
        decoder.once('drain', () => controller.resume());
      }
    }

    private take(chunk: Buffer): void {
      if (this.aborted) return;
      if (this.stream) {
        this.stream.push(chunk);
        return;
      }
      this.bytes += chunk.length;
      if (this.bytes > maxMessageBytes) this.giveUp(tooLarge(target.name));
      else this.chunks.push(chunk);
    }

    onResponseEnd(): void {
      if (this.decoder) this.decoder.end();
      else this.finish();
    }

    onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
      this.controller = null;
      if (this.aborted || closed) return;
      if (this.status !== 0 || !isConnectFault(error)) {
        this.cut(error);
        return;
      }
      const refused = (error as NodeJS.ErrnoException).code === 'EGRESS_REFUSED';
      const message = connectMessage(url, error);
      if (this.body === null) {
        this.relisten();
      } else if (this.connects < connectRetries && !refused && this.method !== 'initialize') {
        this.connects += 1;
        later(100 + random() * 300, () => this.start());
      } else {
        this.fail(unavailable(message, 'connect-failed', error));
        void end({ reason: 'connect-failed', message });
      }
    }

    /** The stream broke or the connection was lost after the request may have been read. */
    private cut(error: Error): void {
      if (this.body === null) this.relisten();
      else if (!this.resume()) {
        const message = `The connection to "${target.name}" broke before the answer was complete.`;
        this.fail(
          new HubError('INTERRUPTED', message, { server: target.name, reason: 'cut', retryable: true, cause: error }),
        );
      }
    }

    private finish(): void {
      if (this.aborted || closed) return;
      this.controller = null;
      if (this.status === 401) {
        const message = `The server wants a sign-in (HTTP 401 from ${url.origin}).`;
        this.fail(new HubError('UPSTREAM_NEEDS_AUTH', message, { server: target.name, reason: 'needs-auth' }));
        void end({ reason: 'needs-auth', message });
      } else if (this.body === null) {
        this.finishListening();
      } else if (isRedirect(this.status)) {
        this.redirect();
      } else if (this.stream) {
        this.stream.end();
        this.noted();
        if (!this.settled && this.id !== undefined && !this.resume()) this.endedWithoutAnswer();
      } else {
        this.finishBody();
      }
    }

    private finishBody(): void {
      const body = this.chunks.length === 1 && this.chunks[0] ? this.chunks[0] : Buffer.concat(this.chunks);
      this.chunks = [];
      const lost = this.status === 404 || (this.status === 400 && rpcErrorCode(body) === noSessionCode);
      if (lost && this.sessionUsed !== null && this.renewals === 0 && this.method !== 'initialize') {
        this.repeatInNewSession();
      } else if (this.id === undefined) {
        // A notification: 202, or a refusal that nobody waits for.
        this.noted();
      } else if (body.length > 0 && this.contentType.endsWith('json') && this.deliver(body)) {
        if (this.settled) return;
        if (this.status >= 400) this.fail(statusError(target.name, this.status));
        else this.endedWithoutAnswer();
      } else if (this.status >= 400) {
        this.fail(statusError(target.name, this.status));
      } else if (this.status === 202 || this.status === 204 || body.length === 0) {
        this.endedWithoutAnswer();
      } else {
        const what = this.contentType || 'no content type';
        this.fail(badAnswer(`The server "${target.name}" answered with ${what} instead of MCP.`));
      }
    }

    private repeatInNewSession(): void {
      this.renewals += 1;
      renewSession(this.sessionUsed).then(
        () => this.start(),
        (error: HubError) => this.fail(error),
      );
    }

    private redirect(): void {
      const next = this.location === undefined ? null : parse(this.location, new URL(path, url));
      this.redirects += 1;
      if (!next || next.origin !== url.origin || this.status === 303 || this.redirects > maxRedirects) {
        const where = next && next.origin !== url.origin ? ` to ${next.origin}` : '';
        const message = `The server "${target.name}" redirects${where}; only ${maxRedirects} redirects on its own origin are followed.`;
        this.fail(unavailable(message, 'redirect-refused'));
        return;
      }
      path = next.pathname + next.search;
      this.start();
    }

    /** Takes up a stream that ended early, if its events had ids (resumability, 2025-03-26 and later). */
    private resume(): boolean {
      if (this.settled || this.id === undefined || this.lastEventId === null || this.resumes >= resumesMax)
        return false;
      this.resumes += 1;
      later(this.retryMs, () => this.start());
      return true;
    }

    /** @returns whether the bytes are MCP */
    private deliver(data: Buffer): boolean {
      const answered = events.message(data, this.body === null ? '' : this.id);
      if (answered && this.id !== undefined && !events.pending(this.id)) this.settled = true;
      return answered;
    }

    private endedWithoutAnswer(): void {
      this.fail(badAnswer(`The server "${target.name}" ended its answer without answering.`));
    }

    private giveUp(error: HubError): void {
      this.fail(error);
      this.abort();
    }

    private fail(error: HubError): void {
      this.settled = true;
      this.noted();
      if (this.id !== undefined) events.failed(this.id, error);
    }

    private finishListening(): void {
      listening = false;
      if (this.stream) {
        this.relisten();
      } else if (this.status === 404 && this.sessionUsed !== null) {
        renewSession(this.sessionUsed).then(
          () => later(this.retryMs, () => this.start()),
          () => this.relisten(),
        );
      } else if (this.status >= 500) {
        this.relisten();
      }
      // Anything else, 405 above all: the server offers no such stream.
    }

    private relisten(): void {
      listening = false;
      this.failures += 1;
      if (this.failures > streamFailuresMax) {
        void end({ reason: 'connect-failed', message: `${url.origin} does not answer any more.` });
        return;
      }
      const delay = Math.min(this.retryMs * 2 ** (this.failures - 1), streamRetryMaxMs);
      later(delay * (0.8 + 0.4 * random()), () => this.start());
    }
  }

  function adoptSession(id: string | undefined): void {
    session = id !== undefined && /^[\x21-\x7e]{1,1024}$/.test(id) ? id : null;
    rebuildHeaders();
  }

  function renewSession(used: string | null): Promise<void> {
    if (!renewing && session !== used) return Promise.resolve();
    renewing ??= (async () => {
      if (!renew) throw unavailable('The server has forgotten the session.', 'session-lost');
      session = null;
      version = null;
      rebuildHeaders();
      await renew();
    })().finally(() => {
      renewing = null;
    });
    return renewing;
  }

  return {
    get listening() {
      return listening;
    },
    send(text, id, method) {
      if (closed) return undefined;
      const exchange = new Exchange(text, id, method);
      exchange.start();
      return exchange;
    },
    speak(next) {
      version = next;
      rebuildHeaders();
    },
    listen() {
      if (listener || closed) return;
      listener = new Exchange(null, undefined, '');
      listener.start();
    },
    quiet() {
      if (notifying.size === 0 || closed) return Promise.resolve();
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

function parseUrl(text: string | null, egress: Egress): URL {
  const url = text === null ? null : parse(text);
  if (!url) throw new HubError('INVALID_INPUT', 'The URL cannot be read.', { reason: 'address-refused' });
  egress.checkUrl(url);
  return url;
}

function parse(text: string, base?: URL): URL | null {
  return URL.canParse(text, base) ? new URL(text, base) : null;
}

function one(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

/** Without parameters, in lower case. */
function mediaType(header = ''): string {
  if (header === 'application/json') return header; // nearly always, and this runs for every answer
  return header.split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}

function rpcErrorCode(body: Buffer): unknown {
  if (body.length === 0 || body.length > 64 * 1024) return undefined;
  try {
    return (JSON.parse(body.toString('utf8')) as { error?: { code?: unknown } } | null)?.error?.code;
  } catch {
    return undefined;
  }
}

function badAnswer(message: string): HubError {
  return new HubError('UPSTREAM_BAD_ANSWER', message, { reason: 'bad-answer' });
}

function tooLarge(server: string): HubError {
  return badAnswer(`The answer of "${server}" is larger than ${maxMessageBytes / 1024 / 1024} MiB.`);
}

function statusError(server: string, status: number): HubError {
  const message = `The server "${server}" answered with HTTP status ${status}.`;
  const code = status === 429 ? 'BUSY' : 'UPSTREAM_UNAVAILABLE';
  return new HubError(code, message, { server, reason: `http-${status}`, retryable: status === 429 || status >= 500 });
}

const connectFaults = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'EGRESS_REFUSED',
  'UND_ERR_CONNECT_TIMEOUT',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_HAS_EXPIRED',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'ERR_SSL_WRONG_VERSION_NUMBER',
]);

/** True for faults that come before a byte of the request was sent. */
function isConnectFault(error: Error): boolean {
  return connectFaults.has(codeOf(error));
}

/** Node joins the faults of several addresses into an AggregateError. */
function codeOf(error: Error): string {
  const { code, errors } = error as NodeJS.ErrnoException & { errors?: Error[] };
  return code ?? (errors?.[0] ? codeOf(errors[0]) : '');
}

function connectMessage(url: URL, error: Error): string {
  const code = codeOf(error);
  if (code === 'ECONNREFUSED') return `Nothing listens at ${url.host} (connection refused).`;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `The host name ${url.hostname} cannot be resolved.`;
  if (code === 'EGRESS_REFUSED') return `${url.hostname}: address not allowed (see MCPHUB_EGRESS).`;
  if (code === 'UND_ERR_CONNECT_TIMEOUT')
    return `${url.host} did not accept a connection within ${connectMs / 1000} s.`;
  return `No connection to ${url.host} (${code}).`;
}
