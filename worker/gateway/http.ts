// One MCP endpoint over HTTP, for sessions of 2025-03-26 to 2025-11-25 (basic/transports): who asks, what is sent, and
// the exact answer to everything that is wrong. Bad input never throws past this file.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { can } from '../../lib/access/can';
import type { Actor } from '../../lib/access/schema';
import { asHubError, errorTable, HubError } from '../../lib/errors';
import type { OriginRules } from '../origin';
import { errorReply } from './call';
import type { Catalog } from './catalog';
import type { Endpoint } from './endpoints';
import { Exchange, envelope, ignoreErrors, isGone } from './exchange';
import { checkMessage, idOf, type Message, parseJson, type RequestId } from './json';
import type { Methods } from './methods';
import { accepts, checkPostHeaders, createBodyReader, endpointKeyOf, tokenOf } from './request';
import type { Session, Sessions } from './sessions';
import type { Streams } from './streams';
import type { View } from './view';

/** Revisions whose sessions are served, latest first. */
export const sessionVersions = ['2025-11-25', '2025-06-18', '2025-03-26'] as const;
const latestVersion = sessionVersions[0];
/** The only revision that knows arrays of messages. */
const batchVersion = '2025-03-26';
const allowedMethods = 'GET, POST, DELETE, OPTIONS';

export interface HttpLimits {
  bodyBytes: number;
  bodyTimeoutMs: number;
  jsonDepth: number;
  jsonKeys: number;
  batchMessages: number;
}

export interface HttpDeps {
  resolveActor(token: string, address?: string): Actor | null | Promise<Actor | null>;
  origins: OriginRules;
  catalog: Catalog;
  sessions: Sessions;
  streams: Streams;
  methods: Methods;
  viewOf(actor: Actor, endpoint: Endpoint): View;
  limits: HttpLimits;
  version: string;
  /** After a session began. */
  opened(session: Session, actor: Actor): void;
  /** A stream was opened: tell what changed since the client looked last. */
  streamOpened(session: Session, actor: Actor): void;
  isDraining(): boolean;
  report(error: unknown, requestId: string): void;
  newRequestId(request: IncomingMessage): string;
}

/** A request whose sender and endpoint are known. */
interface Visit {
  request: IncomingMessage;
  response: ServerResponse;
  requestId: string;
  actor: Actor;
  endpoint: Endpoint;
}

export function createHttp(deps: HttpDeps) {
  const { resolveActor, origins, catalog, sessions, streams, methods, viewOf, limits, version, report } = deps;
  const bodies = createBodyReader(limits.bodyBytes, limits.bodyTimeoutMs);

  /** Answers one request. Never rejects, whatever comes. */
  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = deps.newRequestId(request);
    try {
      const { host, origin } = request.headers;
      if (!origins.allowsHost(host)) throw new HubError('FORBIDDEN', 'This Host is not served here.', hostHint);
      if (origin !== undefined && !origins.allowsOrigin(origin, host)) {
        throw new HubError('FORBIDDEN', 'Pages of this origin may not send requests here.', hostHint);
      }
      if (request.method === 'OPTIONS') return void answerOptions(response, requestId);
      const token = tokenOf(request);
      const found = token === null ? null : resolveActor(token, request.socket.remoteAddress);
      const actor = found instanceof Promise ? await found : found;
      if (!actor) throw new HubError('UNAUTHENTICATED');
      const endpoint = endpointFor(actor, request.url ?? '');
      const visit = { request, response, requestId, actor, endpoint };
      if (request.method === 'POST') await post(visit);
      else if (request.method === 'GET') await openStream(visit);
      else if (request.method === 'DELETE') await endSession(visit);
      else throw new HubError('METHOD_NOT_ALLOWED');
    } catch (error) {
      refuse(request, response, error, requestId);
    }
  }

  /** @throws HubError NOT_FOUND, alike for what does not exist and for what is not the actor's */
  function endpointFor(actor: Actor, url: string): Endpoint {
    const key = endpointKeyOf(url);
    const endpoint = key === null ? undefined : catalog.endpoints.byKey.get(key);
    if (endpoint && (!endpoint.resource || can(actor, 'read', endpoint.resource))) return endpoint;
    throw new HubError('NOT_FOUND', 'There is no such MCP endpoint, or it is not yours to see.', {
      hint: 'Use /api/mcp, or /api/mcp/ and the name of a server or group.',
    });
  }

  async function post(visit: Visit): Promise<void> {
    const { request, response, requestId } = visit;
    checkPostHeaders(request, limits.bodyBytes);
    const bytes = await bodies.read(request);
    const body = parseJson(bytes, limits.jsonDepth, limits.jsonKeys);
    if (Array.isArray(body)) return postBatch(visit, body, bytes.length);
    let message: Message;
    try {
      message = checkMessage(body);
      checkVersionHeader(request);
      if (message.method === 'initialize') return initialize(visit, message);
    } catch (error) {
      return refuse(request, response, error, requestId, idOf(body));
    }
    let session: Session;
    try {
      const opening = sessionOf(visit);
      session = opening instanceof Promise ? await opening : opening;
    } catch (error) {
      return refuse(request, response, error, requestId, idOf(body));
    }
    const exchange = new Exchange(response, requestId);
    if (message.method === undefined || message.id === undefined) {
      takeNotification(session, message);
      return exchange.accepted();
    }
    await answer(visit, session, exchange, message, message.id, bytes.length);
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
    if (body.length === 0 || body.length > limits.batchMessages) {
      throw new HubError('INVALID_REQUEST', `An array must hold 1 to ${limits.batchMessages} messages.`);
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
        if (message.method === undefined || message.id === undefined) return takeNotification(session, message);
        await answer(visit, session, exchange, message, message.id, bodyBytes);
      }),
    );
    exchange.endBatch();
  }

  /** Runs one request of a session and sends what comes of it. */
  async function answer(
    { actor, endpoint, requestId }: Visit,
    session: Session,
    exchange: Exchange,
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
        id,
        params,
        session,
        client: null,
        clientName: session.clientName,
        actor,
        view,
        exchange,
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

  function takeNotification(session: Session, { method, params }: Message): void {
    if (method !== 'notifications/cancelled') return;
    const { requestId, reason } = params ?? {};
    if (typeof requestId !== 'string' && typeof requestId !== 'number') return;
    session.calls.get(requestId)?.cancel(typeof reason === 'string' ? reason.slice(0, 500) : 'cancelled by the client');
  }

  function initialize({ actor, endpoint, response, requestId }: Visit, { id, params }: Message): void {
    if (id === undefined) throw new HubError('INVALID_REQUEST', '"initialize" must have an id.');
    refuseWhileDraining();
    const { protocolVersion: asked, capabilities, clientInfo } = params ?? {};
    if (typeof asked !== 'string') throw new HubError('INVALID_INPUT', '"protocolVersion" must be a string.');
    const protocolVersion = sessionVersions.find((known) => known === asked) ?? latestVersion;
    const client = (clientInfo ?? {}) as { name?: unknown };
    const session = sessions.create(
      actor,
      endpoint.key,
      protocolVersion,
      typeof capabilities === 'object' && capabilities !== null ? (capabilities as Record<string, unknown>) : {},
      typeof client.name === 'string' ? client.name : '',
    );
    const { capabilities: offered, instructions } = viewOf(actor, endpoint).about();
    const name = endpoint.kind === 'all' ? 'mcphub' : `mcphub/${endpoint.name}`;
    const result = {
      protocolVersion,
      capabilities: offered,
      serverInfo: { name, title: endpoint.kind === 'all' ? 'MCPHub' : `MCPHub: ${endpoint.name}`, version },
      ...(instructions && { instructions }),
    };
    const exchange = new Exchange(response, requestId);
    exchange.answerWithSession(id, { kind: 'result', body: JSON.stringify(result) }, session.id);
    deps.opened(session, actor);
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
        hint: `Served revisions: ${sessionVersions.join(', ')}.`,
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
    if (isGone(response)) return;
    response.writeHead(204, ['x-request-id', requestId]);
    response.end();
  }

  return { handle, close: bodies.close };
}

const hostHint = { hint: 'If this is your own address, set MCPHUB_PUBLIC_URL to it.' };

/** An absent header means the session's own version. @throws HubError INVALID_REQUEST for one that is not served */
function checkVersionHeader({ headers }: IncomingMessage): void {
  const header = headers['mcp-protocol-version'];
  if (header === undefined || sessionVersions.some((known) => known === header)) return;
  throw new HubError('INVALID_REQUEST', 'The header MCP-Protocol-Version names a revision that is not served here.', {
    hint: `Served revisions: ${sessionVersions.join(', ')}.`,
  });
}

/** No CORS headers: a page of another origin is not allowed to call. */
function answerOptions(response: ServerResponse, requestId: string): void {
  response.writeHead(204, ['allow', allowedMethods, 'x-request-id', requestId]);
  response.end();
}

function retryAfterSeconds({ extras }: HubError): number {
  return Math.ceil((extras.retryAfterMs ?? 1000) / 1000);
}

/**
 * Answers with an HTTP status and a JSON-RPC error. Where the body was not read to its end the connection closes, so
 * that the rest of it is not taken for the next request.
 */
export function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  thrown: unknown,
  requestId: string,
  id: RequestId | null = null,
): void {
  response.on('error', ignoreErrors);
  if (isGone(response)) return;
  const error = asHubError(thrown);
  if (response.headersSent) return void response.destroy();
  const body = envelope(id, errorReply(error, '', requestId));
  const headers = [
    'content-type',
    'application/json',
    'content-length',
    String(body.length),
    'x-request-id',
    requestId,
  ];
  if (error.code === 'UNAUTHENTICATED') {
    const isWrong = request.headers.authorization !== undefined;
    headers.push('www-authenticate', `Bearer realm="mcphub"${isWrong ? ', error="invalid_token"' : ''}`);
  }
  if (error.code === 'METHOD_NOT_ALLOWED') headers.push('allow', allowedMethods);
  if (error.extras.retryAfterMs !== undefined) headers.push('retry-after', String(retryAfterSeconds(error)));
  if (!request.complete) headers.push('connection', 'close');
  response.writeHead(errorTable[error.code].status, headers);
  response.end(body);
}
