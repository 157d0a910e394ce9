// A request on an MCP endpoint whose sender and endpoint are known, and the answer to one that is refused.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Actor } from '../../../lib/access/schema';
import { asHubError, errorTable, type HubError } from '../../../lib/errors';
import { errorReply } from '../call';
import type { Endpoint } from '../catalog/endpoints';
import { envelope, ignoreErrors, isGone } from './exchange';
import type { RequestId } from './json';
import type { ProtectedResource } from './protected-resource';

export const allowedMethods = 'GET, POST, DELETE, OPTIONS';

/** A request whose sender and endpoint are known. */
export interface Visit {
  request: IncomingMessage;
  response: ServerResponse;
  requestId: string;
  actor: Actor;
  endpoint: Endpoint;
}

/** What a Retry-After header says, in whole seconds. */
export function retryAfterSeconds({ extras }: HubError): number {
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
  protectedResource?: Pick<ProtectedResource, 'challenge'>,
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
  if (error.code === 'UNAUTHENTICATED' || error.code === 'INSUFFICIENT_SCOPE') {
    headers.push('www-authenticate', challengeOf(request, error, protectedResource));
  }
  if (error.code === 'METHOD_NOT_ALLOWED') headers.push('allow', allowedMethods);
  if (error.extras.retryAfterMs !== undefined) headers.push('retry-after', String(retryAfterSeconds(error)));
  if (!request.complete) headers.push('connection', 'close');
  response.writeHead(errorTable[error.code].status, headers);
  response.end(body);
}

function challengeOf(
  { url = '', headers }: IncomingMessage,
  { code, extras }: HubError,
  protectedResource: Pick<ProtectedResource, 'challenge'> | undefined,
): string {
  const isWrong = headers.authorization !== undefined;
  const fault = code === 'INSUFFICIENT_SCOPE' ? 'insufficient_scope' : isWrong ? 'invalid_token' : null;
  if (protectedResource) return protectedResource.challenge(url, fault, extras.scope);
  return `Bearer realm="mcphub"${fault ? `, error="${fault}"` : ''}`;
}
