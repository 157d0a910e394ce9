// HTTP for what is not MCP: calls of an API, its tokens, its document. The same guards as for every upstream: addresses
// are checked at each connect, redirects stay on the origin, answers are counted after decompression.
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress, createGunzip, createInflate, constants as zlib } from 'node:zlib';
import { type Dispatcher, errors } from 'undici';
import { HubError, isHubError } from '../../../lib/errors';
import type { Egress } from '../egress';
import { badAnswer, isConnectFault, neverSent, parseUrl } from '../http-faults';
import { openOriginPool } from '../origin-pool';
import type { TlsSettings } from '../types';
import { ValueFault } from './serialize';

const maxRedirects = 5;
const connections = 64;
const noBody = new Set([204, 205, 304]);

export interface HttpRequest {
  method: string;
  /** Path and query as they go out; nothing is normalised. */
  path: string;
  /** Names in lower case. */
  headers: Record<string, string>;
  body?: Buffer | undefined;
  maxBytes: number;
  /** Redirects are not followed, not even on the origin. */
  stays?: boolean;
  /** Its reason is what the promise rejects with. */
  signal: AbortSignal;
  /** Something came. */
  heard?: (() => void) | undefined;
}

export interface HttpAnswer {
  status: number;
  /** Names in lower case, several values joined. */
  headers: Record<string, string>;
  body: Buffer;
  /** Where a redirect leads that was not followed. */
  refusedRedirect: string | null;
}

export interface HttpClient {
  /**
   * @throws HubError UPSTREAM_UNAVAILABLE when nothing was sent, INTERRUPTED when the answer broke off,
   *   UPSTREAM_BAD_ANSWER for one that is too large or cannot be decompressed, INVALID_INPUT for a refused address;
   *   ValueFault when the request cannot be written
   */
  request(origin: URL, request: HttpRequest): Promise<HttpAnswer>;
  /** Cuts all that is under way. Idempotent. */
  close(): Promise<void>;
}

export interface HttpClientOptions {
  /** Its name, for messages. */
  server: string;
  egress: Egress;
  tls?: TlsSettings | null | undefined;
  /** The only origin that `tls` is for. */
  tlsOrigin?: string;
}

export function createHttpClient({ server, egress, tls, tlsOrigin }: HttpClientOptions): HttpClient {
  const pools = new Map<string, Dispatcher>();

  function poolOf(url: URL): Dispatcher {
    egress.checkUrl(url);
    const known = pools.get(url.origin);
    if (known) return known;
    // What a row says of certificates is about its API, not about others that it asks.
    const pool = openOriginPool(url, { egress, connections, tls: url.origin === tlsOrigin ? tls : null });
    pools.set(url.origin, pool);
    return pool;
  }

  async function request(origin: URL, first: HttpRequest): Promise<HttpAnswer> {
    const pool = poolOf(origin);
    let current = first;
    for (let redirects = 0; ; redirects += 1) {
      const answer = await exchange(pool, origin, current);
      const { status, headers } = answer;
      if (!isRedirect(status) || headers.location === undefined || first.stays) return answer;
      const next = parseUrl(headers.location, new URL(current.path, origin));
      if (next?.origin !== origin.origin || redirects === maxRedirects) {
        return { ...answer, refusedRedirect: next?.href ?? headers.location.slice(0, 500) };
      }
      current = redirected(current, status, next.pathname + next.search);
    }
  }

  async function exchange(
    pool: Dispatcher,
    origin: URL,
    { heard, maxBytes, stays: _stays, ...sent }: HttpRequest,
  ): Promise<HttpAnswer> {
    const { signal, path, headers, body = null } = sent;
    try {
      signal.throwIfAborted();
      const method = sent.method as Dispatcher.HttpMethod;
      const response = await pool.request({
        origin,
        method,
        path,
        headers: Object.entries(headers).flat(),
        body,
        signal,
      });
      heard?.();
      const received = joined(response.headers);
      const isEmpty = method === 'HEAD' || noBody.has(response.statusCode);
      const read = readBody(response.body, isEmpty ? '' : received['content-encoding'], maxBytes, heard);
      return { status: response.statusCode, headers: received, body: await read, refusedRedirect: null };
    } catch (error) {
      if (signal.aborted && isHubError(signal.reason)) throw signal.reason;
      throw faultOf(error as Error);
    }
  }

  async function readBody(
    body: Dispatcher.ResponseData['body'],
    encoding: string | undefined,
    maxBytes: number,
    heard: (() => void) | undefined,
  ): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let size = 0;
    let tooLarge: HubError | null = null;
    const take = async (source: AsyncIterable<Buffer>) => {
      for await (const chunk of source) {
        heard?.();
        size += chunk.length;
        if (size > maxBytes) {
          tooLarge = badAnswer(`The answer of "${server}" is larger than ${sizeText(maxBytes)}.`);
          throw tooLarge;
        }
        chunks.push(chunk);
      }
    };
    const decoder = decoderOf(encoding);
    try {
      if (decoder) await pipeline(body, decoder, take);
      else await pipeline(body, take);
    } catch (error) {
      // The streams that are cut because of it may report first.
      throw tooLarge ?? error;
    }
    return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
  }

  function decoderOf(encoding: string | undefined) {
    const name = encoding?.trim().toLowerCase();
    if (!name || name === 'identity') return null;
    if (name === 'gzip' || name === 'x-gzip') return createGunzip({ finishFlush: zlib.Z_SYNC_FLUSH });
    if (name === 'deflate') return createInflate({ finishFlush: zlib.Z_SYNC_FLUSH });
    if (name === 'br') return createBrotliDecompress();
    throw badAnswer(`The answer of "${server}" has the content encoding ${JSON.stringify(name.slice(0, 40))}.`);
  }

  function faultOf(error: NodeJS.ErrnoException): Error {
    if (isHubError(error)) return error;
    if (error instanceof errors.InvalidArgumentError) return new ValueFault(`cannot be sent: ${error.message}`);
    if (isConnectFault(error)) return neverSent(server, error.message, error);
    if (error.code?.startsWith('Z_') || error.code?.startsWith('ERR__ERROR_FORMAT')) {
      return badAnswer(`The answer of "${server}" cannot be decompressed.`);
    }
    const message = `The connection to "${server}" broke before the answer was complete.`;
    return new HubError('INTERRUPTED', message, { server, reason: 'cut', retryable: true, cause: error });
  }

  return {
    request,
    async close() {
      const all = [...pools.values()];
      pools.clear();
      await Promise.allSettled(all.map((pool) => pool.destroy()));
    },
  };
}

function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}

/** As browsers do (Fetch standard, HTTP-redirect fetch): all but 307 and 308 turn what is not GET or HEAD into GET. */
function redirected(request: HttpRequest, status: number, path: string): HttpRequest {
  const keeps = status === 307 || status === 308 || request.method === 'GET' || request.method === 'HEAD';
  if (keeps) return { ...request, path };
  const { 'content-type': _type, ...headers } = request.headers;
  return { ...request, path, method: 'GET', headers, body: undefined };
}

function joined(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const entries = Object.entries(headers).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]),
  );
}

function sizeText(bytes: number): string {
  return bytes >= 1024 * 1024 ? `${Math.round(bytes / 1024 / 1024)} MiB` : `${Math.round(bytes / 1024)} KiB`;
}
