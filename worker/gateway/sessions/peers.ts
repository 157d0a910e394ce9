// Sessions over several workers. A session's id opens at every worker, but its stream, its calls and its questions are
// each at one of them: here is what they tell each other, so that a client need not know.
import { request as httpRequest } from 'node:http';
import { LRUCache } from 'lru-cache';
import { HubError } from '../../../lib/errors';
import { hopByHop } from '../../../lib/hop-by-hop';
import type { SessionMessage } from '../../fleet/messages';
import { ignoreErrors, isGone } from '../http/exchange';
import { idOf } from '../http/json';
import { refuse, type Visit } from '../http/visit';
import type { SearchLine } from '../open-searches';
import type { Session } from './sessions';

/** The line to the other workers. */
export interface PeerLine {
  /** Names this worker. */
  readonly self: string;
  members(): readonly string[];
  /** To one worker, or to all others. */
  send(message: SessionMessage, to?: string): void;
  onMessage(listener: (message: SessionMessage, from: string) => void): () => void;
  /** Somebody is new and knows nothing yet. */
  onHello(listener: (from: string) => void): () => void;
  onChange(listener: () => void): () => void;
  /** What they say of searches for tools. */
  readonly searches: SearchLine;
  /** Unix socket at which a worker takes MCP requests too. */
  socketOf(worker: string): string;
}

/** What the rest of the gateway does when another worker says something of a session that is in use here. */
export interface PeerParts {
  /** The session, if it is in use here. */
  peek(id: string): Session | undefined;
  /** Ends it here without telling anybody. */
  forget(session: Session): void;
  unpin(session: Session): void;
  /** To a stream that is open here. */
  deliver(session: Session, method: string, params: unknown): void;
  sessionsWithStream(): Iterable<Session>;
  hasStreamHere(id: string): boolean;
  takeAnswer(session: Session, message: Extract<SessionMessage, { about: 'answer' }>['message']): void;
  unsubscribe(session: Session, uri: string): void;
}

type StreamMessage = Extract<SessionMessage, { about: 'stream' }>;

/** Log levels that sessions set at other workers, until they are used here. */
const levelsMax = 10_000;

export interface Peers {
  tell(message: SessionMessage): void;
  /** Whether the session's newest stream is at another worker. */
  hasStream(session: Session): boolean;
  /** Sends to a stream at another worker. @returns false when there is none */
  send(session: Session, method: string, params: unknown): boolean;
  streamOpened(session: Session): void;
  streamClosed(session: Session): void;
  /** A session is used here for the first time. */
  adopt(session: Session): void;
  /**
   * Lets another worker answer a request whose body was read already.
   * @returns false when there is no such worker (any more)
   */
  passOn(visit: Visit, body: unknown, worker: string): boolean;
  close(): void;
}

export function createPeers(line: PeerLine, parts: PeerParts): Peers {
  /** Session id → worker with its newest stream, where that is not this one. */
  const streams = new Map<string, string>();
  const levels = new LRUCache<string, number>({ max: levelsMax });

  function streamElsewhere(id: string, worker: string, isOpen: boolean): void {
    if (isOpen) {
      streams.set(id, worker);
      return;
    }
    if (streams.get(id) !== worker) return;
    streams.delete(id);
    const session = parts.peek(id);
    if (session) parts.unpin(session);
  }

  /**
   * Two streams that open at the same instant at two workers: each would take the other's for the newer one, and what
   * is told of no call would reach neither. The worker with the greater name has it then.
   */
  function isOurs({ session, isOpen, after }: StreamMessage, from: string): boolean {
    return isOpen && after !== line.self && !streams.has(session) && from < line.self && parts.hasStreamHere(session);
  }

  function hear(message: SessionMessage, from: string): void {
    if (message.about === 'stream') {
      if (isOurs(message, from)) return;
      streamElsewhere(message.session, from, message.isOpen);
      return;
    }
    const session = parts.peek(message.session);
    if (message.about === 'level') {
      if (session) session.logLevel = message.level;
      else levels.set(message.session, message.level);
      return;
    }
    if (!session) return;
    if (message.about === 'cancel') session.calls.get(message.requestId)?.cancel(message.reason);
    else if (message.about === 'answer') parts.takeAnswer(session, message.message);
    else if (message.about === 'notify') parts.deliver(session, message.method, message.params);
    else if (message.about === 'unsubscribe') parts.unsubscribe(session, message.uri);
    else parts.forget(session);
  }

  const unsubscribe = [
    line.onMessage(hear),
    line.onHello((from) => {
      for (const { id } of parts.sessionsWithStream()) {
        if (!streams.has(id)) line.send({ about: 'stream', session: id, isOpen: true }, from);
      }
    }),
    line.onChange(() => {
      for (const [id, worker] of streams) if (!line.members().includes(worker)) streamElsewhere(id, worker, false);
    }),
  ];

  return {
    tell: (message) => line.send(message),
    hasStream: ({ id }) => streams.has(id),
    send({ id }, method, params) {
      const worker = streams.get(id);
      if (worker !== undefined) line.send({ about: 'notify', session: id, method, params }, worker);
      return worker !== undefined;
    },
    streamOpened({ id }) {
      const after = streams.get(id);
      streams.delete(id);
      line.send({ about: 'stream', session: id, isOpen: true, after });
    },
    streamClosed: ({ id }) => line.send({ about: 'stream', session: id, isOpen: false }),
    adopt(session) {
      session.logLevel ??= levels.get(session.id) ?? null;
    },
    passOn(visit, body, worker) {
      if (worker === line.self || !line.members().includes(worker)) return false;
      forward(visit, body, line.socketOf(worker));
      return true;
    },
    close() {
      for (const stop of unsubscribe.splice(0)) stop();
    },
  };
}

const ended = 'The worker that this request was meant for has ended: begin anew.';

/** The request as it came, and the answer as it comes. The other worker asks for the credential again. */
function forward({ request, response, requestId }: Visit, body: unknown, socketPath: string): void {
  const text = JSON.stringify(body);
  const headers: Record<string, string | string[]> = { 'content-length': String(Buffer.byteLength(text)) };
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined && name !== 'content-length' && !hopByHop.has(name)) headers[name] = value;
  }
  const { method, url } = request;
  response.on('error', ignoreErrors);
  const outgoing = httpRequest({ socketPath, path: url, method, headers, agent: false }, (incoming) => {
    if (isGone(response)) return void incoming.destroy();
    const passed = Object.entries(incoming.headers).filter(([name]) => !hopByHop.has(name));
    response.writeHead(incoming.statusCode ?? 502, Object.fromEntries(passed));
    incoming.pipe(response);
    incoming.on('error', () => response.destroy());
  });
  // It has just ended, and what belonged to it with it.
  outgoing.on('error', () => refuse(request, response, new HubError('INTERRUPTED', ended), requestId, idOf(body)));
  response.on('close', () => outgoing.destroy());
  outgoing.end(text);
}
