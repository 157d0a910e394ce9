// One MCP endpoint over HTTP: who asks, what is sent, which era of the protocol answers it, and the exact answer to
// everything that is wrong. Bad input never throws past this file.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { can, missingScope } from '../../../lib/access/can';
import type { Actor, TokenScope } from '../../../lib/access/schema';
import { HubError } from '../../../lib/errors';
import { callerAddressOf } from '../../caller-address';
import { hostHint, type OriginRules } from '../../origin';
import type { Catalog } from '../catalog/catalog';
import type { Endpoint } from '../catalog/endpoints';
import type { View } from '../catalog/view';
import type { Legacy } from '../sessions/legacy';
import type { Sse } from '../sessions/sse';
import type { Modern } from '../stateless/modern';
import { checkMessage, idOf, type Message, parseJson } from './json';
import type { ProtectedResource } from './protected-resource';
import { checkPostHeaders, createBodyReader, endpointKeyOf, sseEndpointKeyOf, tokenOf } from './request';
import type { Strangers } from './strangers';
import { allowedMethods, refuse, type Visit } from './visit';

export interface HttpLimits {
  bodyBytes: number;
  bodyTimeoutMs: number;
  jsonDepth: number;
  jsonKeys: number;
  batchMessages: number;
}

export interface HttpDeps {
  resolveActor(token: string, address?: string, connection?: object): Actor | null | Promise<Actor | null>;
  origins: OriginRules;
  catalog: Pick<Catalog, 'endpoints'>;
  viewOf(actor: Actor, endpoint: Endpoint): View;
  /** Tells who is refused where to get a token. */
  protectedResource?: Pick<ProtectedResource, 'challenge'> | undefined;
  legacy: Legacy;
  modern: Modern;
  sse: Sse;
  /** Callers without a credential. */
  strangers: Strangers;
  limits: HttpLimits;
  newRequestId(request: IncomingMessage): string;
}

export function createHttp(deps: HttpDeps) {
  const { resolveActor, origins, catalog, viewOf, protectedResource, legacy, sse, modern, strangers, limits } = deps;
  const { newRequestId } = deps;
  const bodies = createBodyReader(limits.bodyBytes, limits.bodyTimeoutMs);

  /**
   * Answers one request. Never throws, whatever comes. A request whose credential and session are known goes its way
   * without waiting: each promise that it had to wait for would cost as much as the looking-up itself.
   */
  function handle(request: IncomingMessage, response: ServerResponse): void {
    const requestId = newRequestId(request);
    const fail = (error: unknown) => refuse(request, response, error, requestId, null, protectedResource);
    try {
      const { host, origin } = request.headers;
      if (!origins.allowsHost(host)) throw new HubError('FORBIDDEN', 'This Host is not served here.', refusedHost);
      if (origin !== undefined && !origins.allowsOrigin(origin, host)) {
        throw new HubError('FORBIDDEN', 'Pages of this origin may not send requests here.', refusedHost);
      }
      if (request.method === 'OPTIONS') return void answerOptions(response, requestId);
      const token = tokenOf(request);
      const found =
        token === null
          ? strangers.actorOf(request.headers.authorization)
          : resolveActor(token, callerAddressOf(request), request.socket);
      if (found instanceof Promise) {
        found.then((actor) => enter(request, response, requestId, actor, fail)).catch(fail);
      } else {
        enter(request, response, requestId, found, fail);
      }
    } catch (error) {
      fail(error);
    }
  }

  /** Rises when somebody's rights change: who was recognised before that is asked for again once the body is there. */
  let generation = 0;

  /** @throws HubError for a request that is refused at once; what is refused later goes to `fail` */
  function enter(
    request: IncomingMessage,
    response: ServerResponse,
    requestId: string,
    actor: Actor | null,
    fail: (error: unknown) => void,
  ): void {
    if (!actor) throw new HubError('UNAUTHENTICATED');
    const url = request.url ?? '';
    const sseKey = url.includes('/sse') ? sseEndpointKeyOf(url) : null;
    const key = sseKey ?? endpointKeyOf(url);
    if (actor.token) checkToken(actor, key);
    const endpoint = endpointFor(actor, key);
    if (actor.kind === 'anonymous') strangers.admit(callerAddressOf(request), response);
    const visit = { request, response, requestId, actor, endpoint };
    if (request.method === 'POST') {
      checkPostHeaders(request, limits.bodyBytes, sseKey === null);
      const known = generation;
      bodies.read(
        request,
        (bytes) => {
          if (known === generation) takeBody(visit, bytes, sseKey !== null, fail);
          else recogniseAgain(visit, () => takeBody(visit, bytes, sseKey !== null, fail)).catch(fail);
        },
        fail,
      );
    } else if (sseKey !== null) {
      if (request.method !== 'GET') throw new HubError('METHOD_NOT_ALLOWED');
      sse.openStream(visit);
    } else if (request.headers['mcp-session-id'] === undefined) {
      // Only sessions know GET and DELETE.
      throw new HubError('METHOD_NOT_ALLOWED');
    } else if (request.method === 'GET') {
      legacy.openStream(visit).catch(fail);
    } else if (request.method === 'DELETE') {
      legacy.endSession(visit).catch(fail);
    } else {
      throw new HubError('METHOD_NOT_ALLOWED');
    }
  }

  /** A body may take half a minute to come. @throws HubError UNAUTHENTICATED, NOT_FOUND (by the promise) */
  async function recogniseAgain(visit: Visit, goOn: () => void): Promise<void> {
    const { request, endpoint } = visit;
    const token = tokenOf(request);
    const actor =
      token === null
        ? strangers.actorOf(request.headers.authorization)
        : await resolveActor(token, callerAddressOf(request));
    if (!actor) throw new HubError('UNAUTHENTICATED');
    if (actor.token) checkToken(actor, endpoint.key);
    visit.actor = actor;
    visit.endpoint = endpointFor(actor, endpoint.key);
    goOn();
  }

  /**
   * Whether a token is for this endpoint and for anything at all; of others it tells nothing, not even whether they exist.
   * @throws HubError UNAUTHENTICATED, INSUFFICIENT_SCOPE
   */
  function checkToken(actor: Actor, key: string | null): void {
    const endpoints = actor.token?.endpoints ?? null;
    if (endpoints !== null && (key === null || !endpoints.includes(key))) {
      throw new HubError('UNAUTHENTICATED', 'This token was given for another endpoint.');
    }
    const scope = missingScope(actor);
    if (scope) throw insufficient(scope);
  }

  /** Looked at before anything is answered, because clients ask for more by the status of the answer (RFC 6750, 3.1). */
  function checkScopes({ actor, endpoint }: Visit, body: unknown): void {
    for (const message of Array.isArray(body) ? body : [body]) {
      const { method, params } = (message ?? {}) as { method?: unknown; params?: Record<string, unknown> };
      if (method !== 'tools/call') continue;
      const tool = viewOf(actor, endpoint).called(params);
      const scope = tool && missingScope(actor, tool.resource);
      if (scope) throw insufficient(scope);
    }
  }

  /**
   * @throws HubError NOT_FOUND, alike for what does not exist and for what is not the actor's; UNAUTHENTICATED for both
   * where nobody said who asks
   */
  function endpointFor(actor: Actor, key: string | null): Endpoint {
    const isNobody = actor.kind === 'anonymous';
    const endpoint = key === null ? undefined : catalog.endpoints.byKey.get(key);
    if (endpoint && (endpoint.resource ? can(actor, 'read', endpoint.resource) : !isNobody)) return endpoint;
    if (isNobody) throw new HubError('UNAUTHENTICATED');
    throw new HubError('NOT_FOUND', 'There is no such MCP endpoint, or it is not yours to see.', {
      hint: 'Use /api/mcp, or /api/mcp/ and the name of a server or group.',
    });
  }

  function takeBody(visit: Visit, bytes: Buffer, isSse: boolean, fail: (error: unknown) => void): void {
    try {
      const body = parseJson(bytes, limits.jsonDepth, limits.jsonKeys);
      if (visit.actor.token) checkScopes(visit, body);
      const answering = isSse ? sse.post(visit, body, bytes.length) : post(visit, body, bytes.length);
      answering?.catch(fail);
    } catch (error) {
      fail(error);
    }
  }

  function post(visit: Visit, body: unknown, bodyBytes: number): Promise<void> | undefined {
    const { request, response, requestId } = visit;
    if (Array.isArray(body)) return legacy.postBatch(visit, body, bodyBytes);
    let message: Message;
    try {
      message = checkMessage(body);
    } catch (error) {
      refuse(request, response, error, requestId, idOf(body));
      return;
    }
    const era = modern.accepts(request.headers, message.params) ? modern : legacy;
    return era.post(visit, message, bodyBytes);
  }

  return {
    handle,
    /** Somebody's rights changed. */
    forgetCallers: () => void generation++,
    close: bodies.close,
  };
}

const insufficient = (scope: TokenScope) => new HubError('INSUFFICIENT_SCOPE', undefined, { scope });

const refusedHost = { hint: hostHint };

/** No CORS headers: a page of another origin is not allowed to call. */
function answerOptions(response: ServerResponse, requestId: string): void {
  response.writeHead(204, ['allow', allowedMethods, 'x-request-id', requestId]);
  response.end();
}
