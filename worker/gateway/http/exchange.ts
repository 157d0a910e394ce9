// The answer to one POST. It is decided late: if the first thing to send is the answer itself it goes out as JSON in
// one write, if it is a notification (or if nothing happened for 15 s) an event stream is opened. Writing to a client
// that has gone does nothing.
import type { ServerResponse } from 'node:http';
import type { RequestId } from './json';

/** Comments keep proxies and clients from cutting a silent stream. */
export const keepAliveMs = 15_000;
const keepAliveComment = ': still working\n\n';
/** A client that leaves this much unread gets no more notifications until it reads. */
export const unreadMaxBytes = 1024 * 1024;
const newline = 0x0a;
const carriageReturn = 0x0d;

/** What a method answers: a result or an error, as JSON bytes or text. Null: the request gets no answer. */
export type Reply = { kind: 'result' | 'error'; body: Buffer | string } | null;

/** A response and its listener-free guard: an aborted connection emits an error that nobody needs. */
export function isGone(response: ServerResponse): boolean {
  return response.destroyed || response.writableEnded;
}

export function ignoreErrors(): void {}

/** Below this size a text is written faster than bytes: Node sends it in one piece with the header. */
const textMaxBytes = 16 * 1024;

/** Above it the bytes of a reply are written as they are, between two small pieces: a copy would cost more. */
const copiedMaxBytes = 64 * 1024;

/** A reply of any size, whose bytes need no copy. */
type LargeReply = { kind: 'result' | 'error'; body: Buffer };

function isLarge(reply: NonNullable<Reply>): reply is LargeReply {
  return typeof reply.body !== 'string' && reply.body.length > copiedMaxBytes;
}

/** The envelope in front of a reply; behind it there is one brace. */
function headOf(id: RequestId | null, kind: string): string {
  return `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"${kind}":`;
}

/** The envelope around a reply as text, for answers that go out alone; null where bytes are better. */
function smallEnvelope(id: RequestId | null, { kind, body }: NonNullable<Reply>): string | null {
  if (body.length > textMaxBytes) return null;
  return `${headOf(id, kind)}${body.toString()}}`;
}

/** The envelope around a reply, with the reply's bytes as they came. */
export function envelope(id: RequestId | null, reply: NonNullable<Reply>): Buffer {
  const head = headOf(id, reply.kind);
  if (typeof reply.body === 'string') return Buffer.from(`${head}${reply.body}}`);
  const bytes = Buffer.allocUnsafe(Buffer.byteLength(head) + reply.body.length + 1);
  const at = bytes.write(head);
  reply.body.copy(bytes, at);
  bytes[bytes.length - 1] = 0x7d;
  return bytes;
}

const eventHead = 'event: message\ndata: ';
const eventEnd = '\n\n';

/** JSON has line breaks only between tokens, so they may become spaces. */
function onOneLine(message: Buffer): Buffer {
  if (!message.includes(newline) && !message.includes(carriageReturn)) return message;
  const data = Buffer.from(message);
  data.forEach((byte, at) => {
    if (byte === newline || byte === carriageReturn) data[at] = 0x20;
  });
  return data;
}

/** One server-sent event. */
export function toEvent(message: Buffer): Buffer {
  return Buffer.concat([Buffer.from(eventHead), onOneLine(message), Buffer.from(eventEnd)]);
}

export const streamHeaders = [
  'content-type',
  'text/event-stream',
  'cache-control',
  'no-cache, no-transform',
  'x-accel-buffering',
  'no',
];

export class Exchange {
  readonly requestId: string;
  readonly #response: ServerResponse;
  /** Null for a single message; else the answers of an array so far. */
  readonly #batch: Buffer[] | null;
  #isStream = false;
  #lastWriteMs = performance.now();

  constructor(response: ServerResponse, requestId: string, isBatch = false) {
    this.#response = response;
    this.requestId = requestId;
    this.#batch = isBatch ? [] : null;
    response.on('error', ignoreErrors);
  }

  get isGone(): boolean {
    return isGone(this.#response);
  }

  /** Sends a notification that belongs to the request; dropped while the client does not read. */
  notify(method: string, params: unknown): void {
    if (this.isGone || this.#response.writableLength > unreadMaxBytes) return;
    this.#openStream();
    this.#write(toEvent(Buffer.from(JSON.stringify({ jsonrpc: '2.0', method, params }))));
  }

  /** Sends a request of a server to the client. @returns false when the client is gone or does not read */
  request(id: string, method: string, params: unknown): boolean {
    if (this.isGone || this.#response.writableLength > unreadMaxBytes) return false;
    this.#openStream();
    this.#write(toEvent(Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, method, params }))));
    return true;
  }

  /** Sends the answer to one request and, unless it came in an array, ends the response. */
  answer(id: RequestId | null, reply: Reply, status = 200, retryAfterSeconds?: number): void {
    if (this.isGone) return;
    if (reply && !this.#batch && !this.#isStream) {
      if (isLarge(reply)) this.#sendLarge(status, id, reply, retryAfterSeconds);
      else this.#sendJson(status, smallEnvelope(id, reply) ?? envelope(id, reply), retryAfterSeconds);
      return;
    }
    if (this.#batch && !this.#isStream) {
      if (reply) this.#batch.push(envelope(id, reply));
      return;
    }
    // No answer is owed, e.g. after a cancellation: a stream that ends says so.
    this.#openStream();
    if (reply && isLarge(reply)) this.#writeLarge(id, reply);
    else if (reply) this.#write(toEvent(envelope(id, reply)));
    if (!this.#batch) this.#response.end();
  }

  /** All messages of an array are dealt with. */
  endBatch(): void {
    if (this.isGone || !this.#batch) return;
    if (this.#isStream) this.#response.end();
    else if (this.#batch.length === 0) this.accepted();
    else {
      const parts = this.#batch.flatMap((bytes, index) => [Buffer.from(index === 0 ? '[' : ','), bytes]);
      this.#sendJson(200, Buffer.concat([...parts, Buffer.from(']')]));
    }
  }

  /** Nothing to answer: only notifications and responses came. */
  accepted(): void {
    if (this.isGone) return;
    this.#response.writeHead(202, ['x-request-id', this.requestId, 'content-length', '0']);
    this.#response.end();
  }

  /** The answer to `initialize`, which names the new session. */
  answerWithSession(id: RequestId, reply: NonNullable<Reply>, sessionId: string): void {
    if (this.isGone) return;
    this.#response.setHeader('mcp-session-id', sessionId);
    this.answer(id, reply);
  }

  /** Called by a timer: opens a stream for an answer that takes long, and keeps an open one alive. */
  keepAlive(nowMs: number): void {
    if (nowMs - this.#lastWriteMs < keepAliveMs || this.isGone) return;
    this.#openStream();
    this.#write(keepAliveComment);
  }

  #openStream(): void {
    if (this.#isStream) return;
    this.#isStream = true;
    this.#response.writeHead(200, [...streamHeaders, 'x-request-id', this.requestId]);
    for (const bytes of this.#batch ?? []) this.#write(toEvent(bytes));
  }

  #write(data: Buffer | string): void {
    this.#lastWriteMs = performance.now();
    this.#response.write(data);
  }

  /** An event in three pieces. */
  #writeLarge(id: RequestId | null, { kind, body }: LargeReply): void {
    this.#response.cork();
    this.#write(`${eventHead}${headOf(id, kind)}`);
    this.#write(onOneLine(body));
    this.#write(`}${eventEnd}`);
    this.#response.uncork();
  }

  /** JSON in three pieces. */
  #sendLarge(status: number, id: RequestId | null, { kind, body }: LargeReply, retryAfterSeconds?: number): void {
    const head = headOf(id, kind);
    this.#writeHead(status, Buffer.byteLength(head) + body.length + 1, retryAfterSeconds);
    this.#response.cork();
    this.#response.write(head);
    this.#response.write(body);
    this.#response.end('}');
  }

  #sendJson(status: number, body: Buffer | string, retryAfterSeconds?: number): void {
    this.#writeHead(status, Buffer.byteLength(body), retryAfterSeconds);
    this.#response.end(body);
  }

  #writeHead(status: number, bytes: number, retryAfterSeconds?: number): void {
    const headers = [
      'content-type',
      'application/json',
      'content-length',
      String(bytes),
      'x-request-id',
      this.requestId,
    ];
    if (retryAfterSeconds !== undefined) headers.push('retry-after', String(retryAfterSeconds));
    this.#response.writeHead(status, headers);
  }
}

/** Where the messages for a request of a session go: a stream of its own, or one that all requests of a session share. */
export type SessionOutlet = Pick<Exchange, 'isGone' | 'notify' | 'request' | 'answer' | 'keepAlive'>;
