// One MCP endpoint over HTTP: who asks, what is sent, which era of the protocol answers it, and the exact answer to
// everything that is wrong. Bad input never throws past this file.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { can } from '../../lib/access/can';
import type { Actor } from '../../lib/access/schema';
import { HubError } from '../../lib/errors';
import type { OriginRules } from '../origin';
import type { Catalog } from './catalog';
import type { Endpoint } from './endpoints';
import { checkMessage, idOf, type Message, parseJson } from './json';
import type { Legacy } from './legacy';
import type { Modern } from './modern';
import { checkPostHeaders, createBodyReader, endpointKeyOf, sseEndpointKeyOf, tokenOf } from './request';
import type { Sse } from './sse';
import { allowedMethods, refuse, type Visit } from './visit';

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
  catalog: Pick<Catalog, 'endpoints'>;
  legacy: Legacy;
  modern: Modern;
  sse: Sse;
  limits: HttpLimits;
  newRequestId(request: IncomingMessage): string;
}

export function createHttp({ resolveActor, origins, catalog, legacy, sse, modern, limits, newRequestId }: HttpDeps) {
  const bodies = createBodyReader(limits.bodyBytes, limits.bodyTimeoutMs);

  /** Answers one request. Never rejects, whatever comes. */
  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = newRequestId(request);
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
      const url = request.url ?? '';
      const sseKey = url.includes('/sse') ? sseEndpointKeyOf(url) : null;
      const endpoint = endpointFor(actor, sseKey ?? endpointKeyOf(url));
      const visit = { request, response, requestId, actor, endpoint };
      if (sseKey !== null) return await handleSse(visit);
      if (request.method === 'POST') await post(visit);
      // Only sessions know GET and DELETE.
      else if (request.headers['mcp-session-id'] === undefined) throw new HubError('METHOD_NOT_ALLOWED');
      else if (request.method === 'GET') await legacy.openStream(visit);
      else if (request.method === 'DELETE') await legacy.endSession(visit);
      else throw new HubError('METHOD_NOT_ALLOWED');
    } catch (error) {
      refuse(request, response, error, requestId);
    }
  }

  /** @throws HubError NOT_FOUND, alike for what does not exist and for what is not the actor's */
  function endpointFor(actor: Actor, key: string | null): Endpoint {
    const endpoint = key === null ? undefined : catalog.endpoints.byKey.get(key);
    if (endpoint && (!endpoint.resource || can(actor, 'read', endpoint.resource))) return endpoint;
    throw new HubError('NOT_FOUND', 'There is no such MCP endpoint, or it is not yours to see.', {
      hint: 'Use /api/mcp, or /api/mcp/ and the name of a server or group.',
    });
  }

  async function handleSse(visit: Visit): Promise<void> {
    const { request } = visit;
    if (request.method === 'GET') return sse.openStream(visit);
    if (request.method !== 'POST') throw new HubError('METHOD_NOT_ALLOWED');
    checkPostHeaders(request, limits.bodyBytes, false);
    const bytes = await bodies.read(request);
    await sse.post(visit, parseJson(bytes, limits.jsonDepth, limits.jsonKeys), bytes.length);
  }

  async function post(visit: Visit): Promise<void> {
    const { request, response, requestId } = visit;
    checkPostHeaders(request, limits.bodyBytes);
    const bytes = await bodies.read(request);
    const body = parseJson(bytes, limits.jsonDepth, limits.jsonKeys);
    if (Array.isArray(body)) return legacy.postBatch(visit, body, bytes.length);
    let message: Message;
    try {
      message = checkMessage(body);
    } catch (error) {
      return refuse(request, response, error, requestId, idOf(body));
    }
    const era = modern.accepts(request.headers, message.params) ? modern : legacy;
    return era.post(visit, message, bytes.length);
  }

  return { handle, close: bodies.close };
}

const hostHint = { hint: 'If this is your own address, set MCPHUB_PUBLIC_URL to it.' };

/** No CORS headers: a page of another origin is not allowed to call. */
function answerOptions(response: ServerResponse, requestId: string): void {
  response.writeHead(204, ['allow', allowedMethods, 'x-request-id', requestId]);
  response.end();
}
