// The session era on an MCP endpoint: revisions 2024-11-05 to 2025-11-25 (basic/lifecycle, basic/transports). A session
// begins with "initialize"; its requests, arrays, stream and end are answered here.
import type { IncomingMessage } from 'node:http';
import type { Actor } from '../../../lib/access/schema';
import { asHubError, errorTable, HubError } from '../../../lib/errors';
import type { SessionMessage } from '../../fleet/messages';
import { errorReply } from '../call';
import { type Endpoint, serverInfoOf } from '../catalog/endpoints';
import type { View } from '../catalog/view';
import { Exchange, isGone, type Reply, type SessionOutlet } from '../http/exchange';
import { checkMessage, idOf, type Message, type RequestId } from '../http/json';
import { accepts } from '../http/request';
import { refuse, retryAfterSeconds, type Visit } from '../http/visit';
import type { Methods } from '../methods';
import { isObject, modernVersions } from '../stateless/envelope';
import { taskVersion, withoutExtension } from '../tasks/task-offers';
import { type Questions, SessionClient } from './questions';
import type { Session, Sessions } from './sessions';
import type { Streams } from './streams';

/** Revisions whose sessions are served, latest first. */
export const sessionVersions = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'] as const;
const latestVersion = sessionVersions[0];
/** The only revision that knows arrays of messages. */
export const batchVersion = '2025-03-26';

export interface LegacyDeps {
  sessions: Sessions;
  streams: Streams;
  methods: Methods;
  questions: Questions;
  /** Tells the other workers what concerns none of the calls here. */
  tell(message: SessionMessage): void;
  viewOf(actor: Actor, endpoint: Endpoint): View;
  /** Lets the worker at which a task lives take a request about it. @returns false when that is this one, or gone */
  passOnTask(visit: Visit, message: Message): boolean;
  batchMessages: number;
  version: string;
  /** After a session began. */
  opened(session: Session, actor: Actor): void;
  /** A stream was opened: tell what changed since the client looked last. */
  streamOpened(session: Session, actor: Actor): void;
  rootsChanged(session: Session, view: View): void;
  isDraining(): boolean;
  report(error: unknown, requestId: string): void;
}

export function createLegacy(deps: LegacyDeps) {
  const { sessions, streams, methods, questions, viewOf, batchMessages, version, report } = deps;

  /** Takes one message. Throws nothing that concerns the message; what it throws is for the entry to refuse. */
  function post(visit: Visit, message: Message, bodyBytes: number): Promise<void> | undefined {
    const { request, response, requestId } = visit;
    const fail = (error: unknown) => refuse(request, response, error, requestId, message.id ?? null);
    try {
      checkVersionHeader(request);
      if (message.method === 'initialize') {
        initialize(visit, message);
        return;
      }
      const opening = sessionOf(visit);
      if (!(opening instanceof Promise)) return postIn(opening, visit, message, bodyBytes);
      return opening.then((session) => postIn(session, visit, message, bodyBytes), fail);
    } catch (error) {
      fail(error);
    }
  }

  function postIn(session: Session, visit: Visit, message: Message, bodyBytes: number): Promise<void> | undefined {
    const { id, method } = message;
    if (method?.startsWith('tasks/') && deps.passOnTask(visit, message)) return;
    const exchange = new Exchange(visit.response, visit.requestId);
    if (method !== undefined && id !== undefined) return answer(visit, session, exchange, message, id, bodyBytes);
    takeAside(visit, session, message);
    exchange.accepted();
  }

  async function postBatch(visit: Visit, body: unknown[], bodyBytes: number): Promise<void> {
    const { request, response, requestId } = visit;
    checkVersionHeader(request);
    const session = await sessionOf(visit);
    if (session.protocolVersion !== batchVersion) {
      throw new HubError(
        'INVALID_REQUEST',
        `Arrays of messages exist in revision ${batchVersion} only: send one by one.`,
      );
    }
    if (body.length === 0 || body.length > batchMessages) {
      throw new HubError('INVALID_REQUEST', `An array must hold 1 to ${batchMessages} messages.`);
    }
    const exchange = new Exchange(response, requestId, true);
    await Promise.all(
      body.map(async (value) => {
        let message: Message;
        try {
          message = checkMessage(value);
          if (message.method === 'initialize') {
            throw new HubError('INVALID_REQUEST', '"initialize" must not be part of an array.');
          }
        } catch (error) {
          return exchange.answer(idOf(value), errorReply(error, '', requestId));
        }
        if (message.method === undefined || message.id === undefined) return takeAside(visit, session, message);
        await answer(visit, session, exchange, message, message.id, bodyBytes);
      }),
    );
    exchange.endBatch();
  }

  /** Runs one request of a session and sends what comes of it. */
  async function answer(
    { actor, endpoint, requestId }: Visit,
    session: Session,
    exchange: SessionOutlet,
    { method = '', params }: Message,
    id: RequestId,
    bodyBytes: number,
  ): Promise<void> {
    try {
      const run = methods.get(method);
      if (!run)
        throw new HubError('METHOD_NOT_FOUND', `The method ${JSON.stringify(method.slice(0, 128))} is not known.`);
      const view = viewOf(actor, endpoint);
      const reply = run({
        params,
        origin: {
          id,
          actor,
          target: null,
          session,
          exchange,
          client: new SessionClient(questions, session, exchange, view),
        },
        actor,
        view,
        clientName: session.clientName,
        requestId,
        bodyBytes,
      });
      exchange.answer(id, reply instanceof Promise ? await reply : reply);
    } catch (thrown) {
      const error = asHubError(thrown);
      if (error.code === 'CANCELLED') return exchange.answer(id, null);
      if (error.code === 'INTERNAL') report(thrown, requestId);
      const reply = errorReply(error, method, requestId);
      // Everything that was found after the message had been accepted is a JSON-RPC matter; only "come back later"
      // concerns HTTP too.
      const isBusy = errorTable[error.code].status === 429;
      exchange.answer(id, reply, isBusy ? 429 : 200, isBusy ? retryAfterSeconds(error) : undefined);
    }
  }

  /** Takes what gets no answer: a response of the client, or a notification. */
  function takeAside({ actor, endpoint }: Visit, session: Session, message: Message): void {
    if (message.method === undefined) {
      const { id, result, error } = message;
      const isTaken = questions.answer(session, message);
      if (!isTaken) deps.tell({ about: 'answer', session: session.id, message: { id, result, error } });
      return;
    }
    if (message.method === 'notifications/roots/list_changed') {
      return void deps.rootsChanged(session, viewOf(actor, endpoint));
    }
    if (message.method !== 'notifications/cancelled') return;
    const { requestId, reason } = message.params ?? {};
    if (typeof requestId !== 'string' && typeof requestId !== 'number') return;
    const why = typeof reason === 'string' ? reason.slice(0, 500) : 'cancelled by the client';
    const call = session.calls.get(requestId);
    if (call) call.cancel(why);
    else deps.tell({ about: 'cancel', session: session.id, requestId, reason: why });
  }

  function initialize(visit: Visit, message: Message): void {
    const { actor, endpoint, response, requestId } = visit;
    const { id } = message;
    if (id === undefined) throw new HubError('INVALID_REQUEST', '"initialize" must have an id.');
    refuseWhileDraining();
    const { protocolVersion, capabilities, clientName } = settle(message);
    const session = sessions.create(actor, endpoint.key, protocolVersion, capabilities, clientName);
    new Exchange(response, requestId).answerWithSession(id, welcome(visit, session), session.id);
  }

  /** What a client asks for in `initialize`, as far as it can have it. @throws HubError INVALID_INPUT */
  function settle({ params }: Message) {
    const { protocolVersion: asked, capabilities, clientInfo } = params ?? {};
    if (typeof asked !== 'string') throw new HubError('INVALID_INPUT', '"protocolVersion" must be a string.');
    const client = (clientInfo ?? {}) as { name?: unknown };
    return {
      protocolVersion: sessionVersions.find((known) => known === asked) ?? latestVersion,
      capabilities: isObject(capabilities) ? withoutExtension(capabilities) : {},
      clientName: typeof client.name === 'string' ? client.name : '',
    };
  }

  /** The result of `initialize`. From here on the session counts as begun. */
  function welcome({ actor, endpoint }: Visit, session: Session): NonNullable<Reply> {
    const view = viewOf(actor, endpoint);
    const { taskOffers } = view;
    const { capabilities, instructions } = view.about();
    const result = {
      protocolVersion: session.protocolVersion,
      capabilities: session.protocolVersion === taskVersion ? { ...capabilities, ...taskOffers.legacy } : capabilities,
      serverInfo: serverInfoOf(endpoint, version),
      ...(instructions && { instructions }),
    };
    deps.opened(session, actor);
    return { kind: 'result', body: JSON.stringify(result) };
  }

  function refuseWhileDraining(): void {
    if (!deps.isDraining()) return;
    throw new HubError('UNAVAILABLE', 'The hub is shutting down.', { retryable: true, retryAfterMs: 3000 });
  }

  /** @throws HubError INVALID_REQUEST without an id, SESSION_NOT_FOUND */
  function sessionOf({ request, actor, endpoint }: Visit): Session | Promise<Session> {
    const id = request.headers['mcp-session-id'];
    if (typeof id !== 'string' || id === '') {
      throw new HubError('INVALID_REQUEST', 'The header Mcp-Session-Id is missing: send "initialize" first.', {
        hint: `Served revisions: ${[...modernVersions, ...sessionVersions].join(', ')}.`,
      });
    }
    return sessions.open(id, actor, endpoint.key);
  }

  async function openStream(visit: Visit): Promise<void> {
    const { request, response, actor, requestId } = visit;
    if (request.headers.accept === undefined || !accepts(request.headers.accept, 'text', 'event-stream')) {
      throw new HubError(
        'NOT_ACCEPTABLE',
        'A GET opens an event stream: the Accept header must allow text/event-stream.',
      );
    }
    checkVersionHeader(request);
    refuseWhileDraining();
    const session = await sessionOf(visit);
    if (isGone(response)) return;
    streams.open(session, actor, response, requestId);
    deps.streamOpened(session, actor);
  }

  async function endSession(visit: Visit): Promise<void> {
    const { response, requestId } = visit;
    checkVersionHeader(visit.request);
    const session = await sessionOf(visit);
    await sessions.end(session);
    deps.tell({ about: 'end', session: session.id });
    if (isGone(response)) return;
    response.writeHead(204, ['x-request-id', requestId]);
    response.end();
  }

  return { post, postBatch, openStream, endSession, answer, takeAside, settle, welcome, refuseWhileDraining };
}

export type Legacy = ReturnType<typeof createLegacy>;

/** An absent header means the session's own version. @throws HubError INVALID_REQUEST for one that is not served */
function checkVersionHeader({ headers }: IncomingMessage): void {
  const header = headers['mcp-protocol-version'];
  if (header === undefined || sessionVersions.some((known) => known === header)) return;
  throw new HubError('INVALID_REQUEST', 'The header MCP-Protocol-Version names a revision that is not served here.', {
    hint: `Served revisions: ${sessionVersions.join(', ')}.`,
  });
}
