// One POST of streamable HTTP as a client, or the GET stream beside it (basic/transports, 2025-03-26 … 2025-11-25), with
// all of its redirects, repeats and resumptions. What the exchanges of a connection share is in their channel.
import { createBrotliDecompress, createGunzip, createInflate, constants as zlib } from 'node:zlib';
import type { Dispatcher } from 'undici';
import { asHubError, HubError } from '../../lib/errors';
import { challengeOf } from './challenge';
import { createEventStream } from './event-stream';
import {
  badAnswer,
  isConnectFault,
  isRedirect,
  maxRedirects,
  neverSent,
  parseUrl,
  readRetryAfter,
  redirectRefused,
  statusError,
  tooLarge,
  unanswered,
} from './http-faults';
import type { LineSplitter } from './lines';
import type { Sending } from './pending';
import { maxMessageBytes, type TransportEvents } from './transport';
import type { Access, CloseReason } from './types';

/** A request that never left us may be sent again: it did not run. */
const connectRetries = 2;
const streamRetryMs = 1_000;
const streamRetryMaxMs = 30_000;
/** A server that wants to be left alone for longer, by the retry field of its events, is asked then all the same. */
const retryFieldMaxMs = 600_000;
/** So many failed connects of the listening stream in a row mean that the server is gone. */
const streamFailuresMax = 3;
/** A cut answer stream whose events carried ids may be taken up again so often. */
const resumesMax = 5;
/** JSON-RPC code that servers built on the reference SDK send with 400 for a session they do not know. */
const noSessionCode = -32000;

const shownHeaderChars = 300;
/** The answers to these tell what kind of HTTP server it is. */
const openingMethods = new Set(['initialize', 'server/discover']);
/** What may be sent while a new session is made; everything else waits for it. */
const handshakeMethods = new Set(['initialize', 'notifications/initialized']);

/** What all exchanges of one connection share. */
export interface Channel {
  /** The server's name, for error messages. */
  readonly server: string;
  readonly url: URL;
  readonly pool: Dispatcher;
  readonly events: TransportEvents;
  readonly random: () => number;
  /** What it proves itself with beside the row's headers, and which of it is in `postHeaders`. */
  readonly access: Access | null;
  generation: number;
  /** Path and query of the endpoint; a redirect changes it for all that follow. */
  path: string;
  /** Headers of every POST. */
  postHeaders: string[];
  session: string | null;
  /** Requests stand for themselves (2026-07-28): no stream is taken up again. */
  modern: boolean;
  closed: boolean;
  /** Whether the stream for messages outside calls is open. */
  listening: boolean;
  /** A new session on its way. */
  renewing: Promise<void> | null;
  /** POSTs without an answer that are under way. */
  readonly notifying: Set<Exchange>;
  /** The last of those is over. */
  quiet(): void;
  /** Headers of every request, whatever its verb. */
  commonHeaders(): string[];
  /** After a change of what they are made of. */
  rebuildHeaders(): void;
  adoptSession(id: string | undefined): void;
  /** @param used the session that the server does not know: another one may have taken its place already */
  renewSession(used: string | null): Promise<void>;
  /** Runs something after a delay unless the connection is closed by then. */
  later(ms: number, run: () => void): void;
  end(reason: CloseReason): Promise<void>;
}

/** One POST, or the GET stream, with all of its redirects, repeats and resumptions. */
export class Exchange implements Dispatcher.DispatchHandler, Sending {
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
  private wasDue = false;
  private refusals = 0;
  private generationUsed = 0;
  private challenge: string | undefined;
  private location: string | undefined;
  private contentType = '';
  private retryAfter: string | undefined;
  private lastEventId: string | null = null;
  private retryMs = streamRetryMs;
  private failures = 0;

  constructor(
    private readonly channel: Channel,
    /** Null for the GET stream. */
    private readonly body: string | null,
    private readonly id: string | undefined,
    private readonly method: string,
    /** Headers of this POST alone, flat. */
    private readonly mirrored?: readonly string[],
  ) {}

  /** Everything about a POST that has no answer is over. */
  private noted(): void {
    if (!this.channel.notifying.delete(this) || this.channel.notifying.size > 0) return;
    this.channel.quiet();
  }

  start(): void {
    if (this.aborted || this.channel.closed) return;
    if (this.channel.renewing && !handshakeMethods.has(this.method)) {
      this.channel.renewing.then(
        () => this.start(),
        (error: HubError) => this.fail(error),
      );
      return;
    }
    const { access } = this.channel;
    if (access !== null && !this.prove(access)) return;
    if (this.id === undefined && this.body !== null) this.channel.notifying.add(this);
    this.status = 0;
    this.stream = null;
    this.decoder = null;
    this.chunks = [];
    this.bytes = 0;
    this.sessionUsed = this.channel.session;
    const { channel, mirrored } = this;
    const resuming = this.body === null || this.resumes > 0;
    const request: Dispatcher.DispatchOptions = resuming
      ? { method: 'GET', path: channel.path, headers: this.getHeaders() }
      : {
          method: 'POST',
          path: channel.path,
          headers: mirrored ? channel.postHeaders.concat(mirrored) : channel.postHeaders,
          body: this.body,
        };
    this.channel.pool.dispatch(request, this);
  }

  /** @returns false when what the request proves itself with is renewed first; then it starts by itself */
  private prove(access: Access): boolean {
    if (!this.wasDue && access.isDue()) {
      this.wasDue = true;
      this.startRenewed(access, null);
      return false;
    }
    if (access.generation !== this.channel.generation) this.channel.rebuildHeaders();
    this.generationUsed = access.generation;
    return true;
  }

  private startRenewed(access: Access, refused: number | null): void {
    access.renew(refused).then(
      () => this.start(),
      (error: unknown) => this.denied(asHubError(error)),
    );
  }

  /** Nothing proves who is behind the request. */
  private denied(error: HubError): void {
    if (this.aborted || this.channel.closed) return;
    this.fail(error);
    if (error.code === 'UPSTREAM_NEEDS_AUTH') {
      void this.channel.end({ reason: 'needs-auth', message: error.message, data: error.extras.data });
    } else if (this.body === null) {
      this.relisten();
    }
  }

  private getHeaders(): string[] {
    const headers = ['accept', 'text/event-stream', ...this.channel.commonHeaders()];
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
    if (status >= 400) {
      this.retryAfter = one(headers['retry-after']);
      this.challenge = one(headers['www-authenticate']);
    }
    if (status === 200 && this.method === 'initialize') this.channel.adoptSession(one(headers['mcp-session-id']));
    if (openingMethods.has(this.method)) this.tellFacts(headers);
    const isStream = status === 200 && this.contentType === 'text/event-stream';
    if (isStream) this.stream = this.createStream();
    if (this.body === null) {
      this.channel.listening = isStream;
      if (isStream) this.failures = 0;
    }
    this.startDecoding(one(headers['content-encoding']));
  }

  private tellFacts(headers: Record<string, string | string[] | undefined>): void {
    this.channel.events.sighted?.({
      kind: 'http',
      status: this.status,
      contentType: this.contentType,
      contentEncoding: one(headers['content-encoding']) ?? null,
      session: headers['mcp-session-id'] !== undefined,
      redirects: this.redirects,
      server: one(headers.server)?.slice(0, shownHeaderChars) ?? null,
      challenge: one(headers['www-authenticate'])?.slice(0, shownHeaderChars) ?? null,
    });
  }

  private createStream(): LineSplitter {
    return createEventStream(maxMessageBytes, {
      event: ({ event, data }) => {
        if (event === 'message' && data.length > 0) this.deliver(data);
      },
      overlong: (head, tail, length) => {
        this.channel.events.overlong(head, tail, length);
        this.fail(tooLarge(this.channel.server));
      },
      id: (id) => {
        this.lastEventId = id;
      },
      retry: (ms) => {
        this.retryMs = Math.min(Math.max(ms, 100), retryFieldMaxMs);
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
      this.giveUp(badAnswer(`The server "${this.channel.server}" sent the content encoding ${JSON.stringify(name)}.`));
      return;
    }
    decoder.on('data', (chunk: Buffer) => this.take(chunk));
    decoder.once('end', () => this.finish());
    decoder.once('error', () =>
      this.giveUp(badAnswer(`The answer of "${this.channel.server}" cannot be decompressed.`)),
    );
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
    if (this.bytes > maxMessageBytes) this.giveUp(tooLarge(this.channel.server));
    else this.chunks.push(chunk);
  }

  onResponseEnd(): void {
    if (this.decoder) this.decoder.end();
    else this.finish();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.controller = null;
    if (this.aborted || this.channel.closed) return;
    if (this.status !== 0 || !isConnectFault(error)) {
      this.cut(error);
      return;
    }
    const { message, isFinal } = error;
    if (this.body === null) {
      this.relisten();
    } else if (this.connects < connectRetries && !isFinal && this.method !== 'initialize') {
      this.connects += 1;
      this.channel.later(100 + this.channel.random() * 300, () => this.start());
    } else {
      this.fail(neverSent(this.channel.server, message, error));
      void this.channel.end({ reason: 'connect-failed', message });
    }
  }

  /** The stream broke or the connection was lost after the request may have been read. */
  private cut(error: Error): void {
    if (this.body === null) this.relisten();
    else if (!this.resume()) {
      const message = `The connection to "${this.channel.server}" broke before the answer was complete.`;
      this.fail(
        new HubError('INTERRUPTED', message, {
          server: this.channel.server,
          reason: 'cut',
          retryable: true,
          cause: error,
        }),
      );
    }
  }

  private finish(): void {
    if (this.aborted || this.channel.closed) return;
    this.controller = null;
    const { access } = this.channel;
    if (this.status === 401 && access !== null) {
      // It did not run. Once with what is new; then a person has to do something.
      this.refusals += 1;
      if (this.refusals === 1) this.startRenewed(access, this.generationUsed);
      else this.denied(access.refusal());
    } else if (this.status === 401) {
      const message = `The server wants a sign-in (HTTP 401 from ${this.channel.url.origin}).`;
      this.fail(new HubError('UPSTREAM_NEEDS_AUTH', message, { server: this.channel.server, reason: 'needs-auth' }));
      void this.channel.end({ reason: 'needs-auth', message });
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
    if (this.status === 403 && this.wantMore()) return;
    const lost = this.status === 404 || (this.status === 400 && rpcErrorCode(body) === noSessionCode);
    if (lost && this.sessionUsed !== null && this.renewals === 0 && this.method !== 'initialize') {
      this.repeatInNewSession();
    } else if (this.id === undefined) {
      // A notification: 202, or a refusal that nobody waits for.
      this.noted();
    } else if (isBusy(this.status) && isRepeated(this.method)) {
      this.fail(statusError(this.channel.server, this.status, this.retryAfter));
    } else if (body.length > 0 && this.contentType.endsWith('json') && this.deliver(body)) {
      if (this.settled) return;
      if (this.status >= 400) this.fail(statusError(this.channel.server, this.status, this.retryAfter));
      else this.endedWithoutAnswer();
    } else if (this.status >= 400) {
      this.fail(statusError(this.channel.server, this.status, this.retryAfter));
    } else if (this.status === 202 || this.status === 204 || body.length === 0) {
      this.endedWithoutAnswer();
    } else {
      const what = this.contentType || 'no content type';
      this.fail(badAnswer(`The server "${this.channel.server}" answered with ${what} instead of MCP.`));
    }
  }

  /** @returns whether the server says that more rights are needed than were granted */
  private wantMore(): boolean {
    const { access } = this.channel;
    if (access === null) return false;
    const { error, scope = '' } = challengeOf(this.challenge);
    if (error !== 'insufficient_scope') return false;
    access.wantsMore(scope.split(' ').filter(Boolean)).then(
      (told) => this.fail(told),
      (fault: unknown) => this.fail(asHubError(fault)),
    );
    return true;
  }

  private repeatInNewSession(): void {
    this.renewals += 1;
    this.channel.events.sighted?.({ kind: 'session-lost' });
    this.channel.renewSession(this.sessionUsed).then(
      () => this.start(),
      (error: HubError) => this.fail(error),
    );
  }

  private redirect(): void {
    const { channel } = this;
    const { origin } = channel.url;
    const next = this.location === undefined ? null : parseUrl(this.location, new URL(channel.path, channel.url));
    this.redirects += 1;
    if (!next || next.origin !== origin || this.status === 303 || this.redirects > maxRedirects) {
      this.fail(redirectRefused(channel.server, next, channel.url));
      return;
    }
    channel.path = next.pathname + next.search;
    this.start();
  }

  /** Takes up a stream that ended early, if its events had ids (resumability, 2025-03-26 and later). */
  private resume(): boolean {
    if (this.settled || this.id === undefined || this.lastEventId === null || this.channel.modern) return false;
    if (this.resumes >= resumesMax) return false;
    this.resumes += 1;
    this.channel.later(this.retryMs, () => this.start());
    return true;
  }

  /** @returns whether the bytes are MCP */
  private deliver(data: Buffer): boolean {
    const answered = this.channel.events.message(data, this.body === null ? '' : this.id);
    if (answered && this.id !== undefined && !this.channel.events.pending(this.id)) this.settled = true;
    return answered;
  }

  private endedWithoutAnswer(): void {
    this.fail(unanswered(this.channel.server));
  }

  private giveUp(error: HubError): void {
    this.fail(error);
    this.abort();
  }

  private fail(error: HubError): void {
    this.settled = true;
    this.noted();
    if (this.id !== undefined) this.channel.events.failed(this.id, error);
  }

  private finishListening(): void {
    this.channel.listening = false;
    if (this.stream) {
      this.relisten();
    } else if (this.status === 404 && this.sessionUsed !== null) {
      this.channel.renewSession(this.sessionUsed).then(
        () => this.channel.later(this.retryMs, () => this.start()),
        () => this.relisten(),
      );
    } else if (this.status >= 500 || this.status === 429) {
      this.relisten(readRetryAfter(this.retryAfter));
    }
    // Anything else, 405 above all: the server offers no such stream.
  }

  /** @param atLeastMs how long the server wants to be left alone */
  private relisten(atLeastMs = 0): void {
    this.channel.listening = false;
    this.failures += 1;
    if (this.failures > streamFailuresMax) {
      void this.channel.end({
        reason: 'connect-failed',
        message: `${this.channel.url.origin} does not answer any more.`,
      });
      return;
    }
    const delay = Math.min(this.retryMs * 2 ** (this.failures - 1), Math.max(this.retryMs, streamRetryMaxMs));
    // Never earlier than the server wants it.
    this.channel.later(Math.max(delay, atLeastMs) * (1 + 0.4 * this.channel.random()), () => this.start());
  }
}

/** The server does not want to be asked just now (RFC 6585, 4; RFC 9110, 15.6.4). */
function isBusy(status: number): boolean {
  return status === 429 || status === 503;
}

/** Requests of the hub's own, which it sends again after a while: no answer but the status counts then. */
function isRepeated(method: string): boolean {
  return method === 'initialize' || method === 'server/discover' || method.endsWith('/list');
}

function one(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

/** Without parameters, in lower case. */
function mediaType(header = ''): string {
  if (header === 'application/json') return header; // nearly always, and this runs for every answer
  return header.split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

function rpcErrorCode(body: Buffer): unknown {
  if (body.length === 0 || body.length > 64 * 1024) return undefined;
  try {
    return (JSON.parse(body.toString('utf8')) as { error?: { code?: unknown } } | null)?.error?.code;
  } catch {
    return undefined;
  }
}
