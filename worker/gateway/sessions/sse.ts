// HTTP+SSE, the transport of 2024-11-05 (basic/transports): a GET opens the stream and names a URL; what is POSTed there
// is answered on the stream. A session lives exactly as long as its stream. Methods, calls and questions are those of
// the sessions of later revisions.
import type { ServerResponse } from 'node:http';
import { asHubError, HubError } from '../../../lib/errors';
import { errorReply } from '../call';
import {
  envelope,
  ignoreErrors,
  isGone,
  type Reply,
  type SessionOutlet,
  toEvent,
  unreadMaxBytes,
} from '../http/exchange';
import { checkMessage, type Message, type RequestId } from '../http/json';
import { accepts, pathOf } from '../http/request';
import type { Visit } from '../http/visit';
import { batchVersion, type Legacy } from './legacy';
import { credentialOf, type Session, type Sessions } from './sessions';
import type { OpenStream, Streams } from './streams';

export interface SseDeps {
  legacy: Legacy;
  sessions: Sessions;
  streams: Streams;
  batchMessages: number;
  /** Names this worker where there are several: it is a part of the URL that a stream names, for POSTs at others. */
  worker: string | undefined;
  /** Lets another worker take what was POSTed for a stream of its own. @returns false when there is no such worker */
  passOn(visit: Visit, body: unknown, worker: string): boolean;
  report(error: unknown, requestId: string): void;
}

/** Answers may pile up so far before a client that does not read is cut; one answer alone may be larger. */
const answersMaxBytes = 16 * 1024 * 1024;

/** The one stream of a session, as the way of everything that its client is told. */
class SseOutlet implements SessionOutlet {
  readonly #response: ServerResponse;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  get isGone(): boolean {
    return isGone(this.#response);
  }

  notify(method: string, params: unknown): void {
    if (this.isGone || this.#response.writableLength > unreadMaxBytes) return;
    this.#write(Buffer.from(JSON.stringify({ jsonrpc: '2.0', method, params })));
  }

  request(id: string, method: string, params: unknown): boolean {
    if (this.isGone || this.#response.writableLength > unreadMaxBytes) return false;
    this.#write(Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, method, params })));
    return true;
  }

  answer(id: RequestId | null, reply: Reply): void {
    if (!reply || this.isGone) return;
    if (this.#response.writableLength > answersMaxBytes) this.#response.destroy();
    else this.#write(envelope(id, reply));
  }

  /** The stream keeps itself alive. */
  keepAlive(): void {}

  #write(message: Buffer): void {
    this.#response.write(toEvent(message));
  }
}

interface OpenSession {
  session: Session;
  stream: OpenStream;
  outlet: SseOutlet;
  isInitialized: boolean;
  /** Messages whose answers are still to come. */
  running: number;
  /** Ends the stream, and the session with it. */
  end(): void;
}

export function createSse({ legacy, sessions, streams, batchMessages, worker, passOn, report }: SseDeps) {
  const open = new Map<string, OpenSession>();
  let isDraining = false;

  function openStream({ request, response, actor, endpoint, requestId }: Visit): void {
    if (!accepts(request.headers.accept, 'text', 'event-stream')) {
      throw new HubError('NOT_ACCEPTABLE', 'The Accept header must allow text/event-stream.');
    }
    legacy.refuseWhileDraining();
    if (isGone(response)) return;
    const session = sessions.create(actor, endpoint.key, '2024-11-05', {}, '');
    let stream: OpenStream;
    try {
      stream = streams.open(session, actor, response, requestId);
    } catch (error) {
      sessions.drop(session);
      throw error;
    }
    const end = () => void response.end();
    open.set(session.id, { session, stream, outlet: new SseOutlet(response), isInitialized: false, running: 0, end });
    response.once('close', () => {
      open.delete(session.id);
      sessions.drop(session);
    });
    // Relative, so that it is right behind every proxy; the path is the one that was asked for, but for its case.
    const query = new URLSearchParams({ sessionId: session.id, ...(worker && { worker }) });
    response.write(`event: endpoint\ndata: ${pathOf(endpoint.key)}/sse?${query}\n\n`);
  }

  /** Takes a parsed body: 202 at once, and what comes of it on the stream. @throws HubError as a refusal */
  async function post(visit: Visit, body: unknown, bodyBytes: number): Promise<void> {
    const { request, response, requestId, actor, endpoint } = visit;
    const query = new URLSearchParams((request.url ?? '').split('?')[1]);
    const id = query.get('sessionId');
    if (!id) throw new HubError('INVALID_REQUEST', 'POST to the URL that the stream named.');
    const opened = open.get(id);
    if (!opened && passOn(visit, body, query.get('worker') ?? '')) return;
    const session = opened?.session;
    if (!session || session.credential !== credentialOf(actor) || session.endpointKey !== endpoint.key) {
      throw new HubError('SESSION_NOT_FOUND', 'This stream has ended or was never opened here: open one by GET.');
    }
    // The session ends with its stream, so a token that took the place of the one that opened it counts for the stream.
    const { stream } = opened;
    if ((stream.actor.expiresAtMs ?? 0) < (actor.expiresAtMs ?? 0)) stream.actor = actor;
    const isBatch = Array.isArray(body);
    if (isBatch && (session.protocolVersion !== batchVersion || body.length === 0 || body.length > batchMessages)) {
      throw new HubError('INVALID_REQUEST', `Arrays exist in revision ${batchVersion} only, of 1 to ${batchMessages}.`);
    }
    const messages = isBatch ? body.map(checkMessage) : [checkMessage(body)];
    response.on('error', ignoreErrors);
    if (!isGone(response)) {
      response.writeHead(202, ['x-request-id', requestId, 'content-length', '0']);
      response.end();
    }
    await Promise.all(messages.map((message) => take(visit, opened, message, bodyBytes)));
  }

  /** Never rejects: the POST has its answer already. */
  async function take(visit: Visit, opened: OpenSession, message: Message, bodyBytes: number): Promise<void> {
    const { session, outlet } = opened;
    const { id, method } = message;
    opened.running++;
    try {
      if (method === undefined || id === undefined) return legacy.takeAside(visit, session, message);
      if (method === 'initialize') {
        if (opened.isInitialized) throw new HubError('INVALID_REQUEST', 'This session is initialized already.');
        const terms = legacy.settle(message);
        session.protocolVersion = terms.protocolVersion;
        session.clientCapabilities = terms.capabilities;
        session.clientName = terms.clientName;
        opened.isInitialized = true;
        outlet.answer(id, legacy.welcome(visit, session));
      } else if (!opened.isInitialized && method !== 'ping') {
        throw new HubError('INVALID_REQUEST', 'Send "initialize" first.');
      } else {
        await legacy.answer(visit, session, outlet, message, id, bodyBytes);
      }
    } catch (thrown) {
      if (asHubError(thrown).code === 'INTERNAL') report(thrown, visit.requestId);
      outlet.answer(id ?? null, errorReply(thrown, method ?? '', visit.requestId));
    } finally {
      opened.running--;
      endIfDone(opened);
    }
  }

  /** Answers have no other way to the client than the stream, so it ends with the last of them. */
  function endIfDone({ running, end }: OpenSession): void {
    if (isDraining && running === 0) end();
  }

  return {
    openStream,
    post,
    has: (session: Session) => open.has(session.id),
    /** Ends each stream as soon as no call of it is under way. */
    drain(): void {
      isDraining = true;
      for (const opened of open.values()) endIfDone(opened);
    },
    /** Streams that are open. */
    get size() {
      return open.size;
    },
  };
}

export type Sse = ReturnType<typeof createSse>;
