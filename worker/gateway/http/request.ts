// Reads an HTTP request on an MCP endpoint as far as it can be judged without knowing who asks: path, headers, body.
import type { IncomingMessage } from 'node:http';
import { endpointOfPath, endpointOfSsePath, mcpPath } from '../../../lib/access/endpoints';
import { HubError } from '../../../lib/errors';
import { Slots, type Slotted } from '../../slots';
import { allKey } from '../catalog/endpoints';

/** The endpoint key in a request target, or null for a path that no endpoint can have. */
export function endpointKeyOf(url: string): string | null {
  const queryAt = url.indexOf('?');
  return endpointOfPath(queryAt === -1 ? url : url.slice(0, queryAt));
}

/** The endpoint key in a request target of HTTP+SSE (`/api/mcp/sse`, `/api/mcp/{name}/sse`), or null for any other. */
export function sseEndpointKeyOf(url: string): string | null {
  const [path = ''] = url.split('?', 1);
  return endpointOfSsePath(path);
}

/** The path of an endpoint, for records. */
export function pathOf(key: string): string {
  return key === allKey ? mcpPath : `${mcpPath}/${key}`;
}

/** Tokens of other issuers carry claims, some of them many. */
const authorizationMaxChars = 8192;

/** The bearer token, or null. Query and cookies are no place for one. */
export function tokenOf({ headers }: IncomingMessage): string | null {
  const { authorization } = headers;
  if (authorization === undefined || authorization.length > authorizationMaxChars) return null;
  const isBearer = authorization.startsWith('Bearer ') || /^bearer /i.test(authorization);
  return isBearer ? authorization.slice('Bearer '.length).trim() || null : null;
}

/**
 * @param isAnswered whether the answer comes as the response to this POST, in a form that the client must accept
 * @throws HubError UNSUPPORTED_MEDIA_TYPE, NOT_ACCEPTABLE, PAYLOAD_TOO_LARGE
 */
export function checkPostHeaders({ headers }: IncomingMessage, maxBytes: number, isAnswered = true): void {
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    throw new HubError('UNSUPPORTED_MEDIA_TYPE', 'Send the body without a Content-Encoding.');
  }
  if (!isJson(headers['content-type'])) throw new HubError('UNSUPPORTED_MEDIA_TYPE');
  const { accept } = headers;
  if (isAnswered && !(accepts(accept, 'application', 'json') && accepts(accept, 'text', 'event-stream'))) {
    throw new HubError('NOT_ACCEPTABLE');
  }
  if (Number(headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
}

function isJson(contentType: string | undefined): boolean {
  if (contentType === 'application/json') return true;
  const [type, ...parameters] = (contentType ?? '').toLowerCase().split(';');
  if (type?.trim() !== 'application/json') return false;
  return parameters.every((parameter) => {
    const [name, value] = parameter.split('=');
    return name?.trim() !== 'charset' || /^"?utf-?8"?$/.test(value?.trim() ?? '');
  });
}

/** Whether an Accept header allows a type. A missing header allows everything (RFC 9110 §12.5.1). */
export function accepts(accept: string | undefined, type: string, subtype: string): boolean {
  if (accept === undefined) return true;
  if (accept.includes(`${type}/${subtype}`) && !accept.includes(';')) return true;
  return accept
    .toLowerCase()
    .split(',')
    .some((range) => {
      const [media = '', ...parameters] = range.split(';').map((part) => part.trim());
      const isMatch = media === '*/*' || media === `${type}/*` || media === `${type}/${subtype}`;
      return isMatch && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
    });
}

function tooLarge(maxBytes: number): HubError {
  return new HubError('PAYLOAD_TOO_LARGE', `The body is larger than ${maxBytes} bytes.`);
}

/** How late a body that stopped arriving may be noticed. */
const lookMs = 250;

export interface BodyReader {
  /**
   * Reads the whole body; calls one of the two, once.
   * @param failed HubError PAYLOAD_TOO_LARGE as soon as it is clear, REQUEST_TIMEOUT; CANCELLED when the client went away
   */
  read(request: IncomingMessage, done: (bytes: Buffer) => void, failed: (error: HubError) => void): void;
  close(): void;
}

/** A body that arrives. */
class ArrivingBody implements Slotted {
  slot = -1;
  readonly chunks: Buffer[] = [];
  length = 0;

  constructor(
    readonly untilMs: number,
    readonly failed: (error: HubError) => void,
  ) {}
}

/** One timer looks after all bodies that arrive: nearly all are complete in the next tick and need none of their own. */
export function createBodyReader(maxBytes: number, timeoutMs: number): BodyReader {
  const arriving = new Slots<ArrivingBody>();
  const timer = setInterval(() => {
    const nowMs = performance.now();
    for (const body of arriving) if (body.untilMs <= nowMs) fail(body, new HubError('REQUEST_TIMEOUT'));
  }, lookMs);
  timer.unref();

  function fail(body: ArrivingBody, error: HubError): void {
    if (arriving.delete(body)) body.failed(error);
  }

  return {
    read(request, done, failed) {
      const body = new ArrivingBody(performance.now() + timeoutMs, failed);
      arriving.add(body);
      request.on('data', (chunk: Buffer) => {
        if (body.slot === -1) return;
        body.length += chunk.length;
        if (body.length > maxBytes) fail(body, tooLarge(maxBytes));
        else body.chunks.push(chunk);
      });
      request.on('end', () => {
        if (!arriving.delete(body)) return;
        const { chunks, length } = body;
        done(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, length));
      });
      request.on('error', () => fail(body, new HubError('CANCELLED')));
    },
    close: () => clearInterval(timer),
  };
}
