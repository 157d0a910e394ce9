// What the hub asks of authorization servers as a client: small JSON documents and forms, over the guarded client of all
// outbound requests, with the certificate authorities that the server's row trusts. Metadata names the addresses, so each
// is checked before it is used; none is ever opened or run here.
import { createHash } from 'node:crypto';
import { HubError } from '../../lib/errors';
import type { DesiredServer } from '../../lib/servers';
import { createHttpClient, type Egress, type HttpAnswer, type HttpRequest } from '../upstream';

const answerMs = 10_000;
const answerMaxBytes = 256 * 1024;
/** Characters that RFC 3986 allows nowhere in a URL, and the beginnings of what a shell would run. */
const suspicious = /[\s"'<>\\^`{|}]|\$\(/;

/** The server on whose behalf somebody is asked. */
export type AskedFor = Pick<DesiredServer, 'url' | 'tls'>;
export type AskingFor = (server: AskedFor) => Asking;

export interface Asking {
  /** Equal where the same authorities are trusted; what was learned with one must not be believed by another. */
  readonly trust: string;
  /** A GET of a document. Redirects are followed on the origin only. @throws HubError as `post` does */
  get(url: URL): Promise<HttpAnswer>;
  /** A GET of a page, as far as its first answer. @throws HubError as `post` does */
  look(url: URL): Promise<HttpAnswer>;
  /**
   * A POST, whose redirects are not followed.
   * @throws HubError UPSTREAM_UNAVAILABLE, UPSTREAM_TIMEOUT, INTERRUPTED, UPSTREAM_BAD_ANSWER; INVALID_INPUT for a refused address
   */
  post(url: URL, body: string, headers: Record<string, string>): Promise<HttpAnswer>;
}

/** @param userAgent "name/version" */
export function createAsking(egress: Egress, userAgent: string): AskingFor {
  async function send(
    { url: own, tls }: AskedFor,
    url: URL,
    sent: Pick<HttpRequest, 'method' | 'stays' | 'headers' | 'body'>,
  ): Promise<HttpAnswer> {
    // A name for the certificate is that of the server itself; whom to trust is said for all that belongs to it.
    const isServer = own !== null && new URL(own).origin === url.origin;
    const trusted = isServer ? tls : tls?.ca === undefined ? null : { ca: tls.ca };
    const client = createHttpClient({ server: url.host, egress, tls: trusted, tlsOrigin: url.origin });
    const late = new AbortController();
    const message = `${url.host} did not answer within ${answerMs / 1000} s.`;
    const error = new HubError('UPSTREAM_TIMEOUT', message, { reason: 'timeout', retryable: true });
    const timer = setTimeout(() => late.abort(error), answerMs);
    try {
      return await client.request(url, {
        ...sent,
        path: url.pathname + url.search,
        headers: { accept: 'application/json', 'user-agent': userAgent, ...sent.headers },
        maxBytes: answerMaxBytes,
        signal: late.signal,
      });
    } finally {
      clearTimeout(timer);
      await client.close();
    }
  }

  return (server) => ({
    trust: server.tls?.ca === undefined ? '' : createHash('sha256').update(server.tls.ca).digest('base64url'),
    get: (url) => send(server, url, { method: 'GET', headers: {} }),
    look: (url) => send(server, url, { method: 'GET', headers: { accept: 'text/html' }, stays: true }),
    post: (url, body, headers) => send(server, url, { method: 'POST', headers, body: Buffer.from(body), stays: true }),
  });
}

/**
 * An address from a metadata document, which is to be asked or opened in a browser.
 * @param what names it in the message
 * @throws HubError UPSTREAM_BAD_ANSWER unless it is https, or http on this machine (basic/authorization, 2026-07-28)
 */
export function namedUrl(text: unknown, what: string): URL {
  const shown = typeof text === 'string' ? JSON.stringify(text.slice(0, 200)) : 'nothing';
  if (typeof text !== 'string' || suspicious.test(text) || !URL.canParse(text)) {
    throw refused(`names ${shown} as its ${what}, which is no usable URL`);
  }
  const url = new URL(text);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url))) {
    throw refused(`names ${shown} as its ${what}; only https is used, and http on this machine`);
  }
  if (url.username || url.password) throw refused(`names a ${what} with credentials in it`);
  return url;
}

export function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname);
}

/** The object that an answer holds. @throws HubError UPSTREAM_BAD_ANSWER */
export function jsonObject({ body }: HttpAnswer, what: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    value = null;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw refused(`gave ${what} that is no JSON object`);
  return value as Record<string, unknown>;
}

/** @param why goes on after "The sign-in service …" */
export function refused(why: string): HubError {
  return new HubError('UPSTREAM_BAD_ANSWER', `The sign-in service of the server ${why}.`, { reason: 'oauth' });
}
