// Errors of HTTP upstreams, and which of them came before a byte was sent.
import { HubError } from '../../lib/errors';
import type { ProxyRoute } from './proxies';
import { maxMessageBytes } from './transport';

/** Time for TCP and TLS together. */
export const connectMs = 10_000;

export function parseUrl(text: string, base?: URL): URL | null {
  return URL.canParse(text, base) ? new URL(text, base) : null;
}

export function unavailable(server: string, message: string, reason: string, cause?: unknown): HubError {
  return new HubError('UPSTREAM_UNAVAILABLE', message, { server, reason, retryable: true, cause });
}

/** No connection was made for the request. */
export function neverSent(server: string, message: string, cause: ConnectFault): HubError {
  const extras = { server, reason: 'connect-failed', retryable: !cause.isFinal, didNotRun: true, cause };
  return new HubError('UPSTREAM_UNAVAILABLE', message, extras);
}

export function unanswered(server: string): HubError {
  const message = `The server "${server}" ended its answer without answering.`;
  return new HubError('UPSTREAM_BAD_ANSWER', message, { server, reason: 'unanswered' });
}

export function badAnswer(message: string): HubError {
  return new HubError('UPSTREAM_BAD_ANSWER', message, { reason: 'bad-answer' });
}

export function tooLarge(server: string): HubError {
  return badAnswer(`The answer of "${server}" is larger than ${maxMessageBytes / 1024 / 1024} MiB.`);
}

/** On the origin of the URL; more of them, or one that leads elsewhere, are an error. */
export const maxRedirects = 5;

export function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}

/** @param next where it leads, if that can be read */
export function redirectRefused(server: string, next: URL | null, { origin }: URL): HubError {
  const where = next && next.origin !== origin ? ` to ${next.origin}` : '';
  const message = `The server "${server}" redirects${where}; only ${maxRedirects} redirects on its own origin are followed.`;
  return unavailable(server, message, 'redirect-refused');
}

/** A server that asks for more is asked again after so long all the same. */
export const retryAfterMaxMs = 300_000;

/**
 * The value of Retry-After in milliseconds (RFC 9110, 10.2.3: seconds or a date), `retryAfterMaxMs` at most; undefined
 * where there is none, or none that can be read. @param nowMs wall clock
 */
export function readRetryAfter(value: string | undefined, nowMs = Date.now()): number | undefined {
  const text = value?.trim();
  if (!text) return undefined;
  const isDate = /^[A-Z][a-z]{2}/.test(text);
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : isDate ? Date.parse(text) - nowMs : Number.NaN;
  return Number.isFinite(ms) ? Math.min(Math.max(0, ms), retryAfterMaxMs) : undefined;
}

/** @param retryAfter the header of that name */
export function statusError(server: string, status: number, retryAfter?: string): HubError {
  const message =
    status === 407
      ? `The proxy before "${server}" wants a sign-in (HTTP status 407).`
      : `The server "${server}" answered with HTTP status ${status}.`;
  const code = status === 429 ? 'BUSY' : 'UPSTREAM_UNAVAILABLE';
  const retryAfterMs = status === 429 || status === 503 ? readRetryAfter(retryAfter) : undefined;
  const extras = { server, reason: `http-${status}`, retryable: status === 429 || status >= 500 };
  return new HubError(code, message, retryAfterMs === undefined ? extras : { ...extras, retryAfterMs });
}

/** A connection that was not made: nothing of the request has been sent. */
export class ConnectFault extends Error {
  constructor(
    /** A plain sentence, with what to do. */
    message: string,
    /** Trying again at once would end the same way. */
    readonly isFinal: boolean,
    cause: Error,
  ) {
    super(message, { cause });
  }
}

/** True for faults that come before a byte of the request was sent. */
export function isConnectFault(error: Error): error is ConnectFault {
  return error instanceof ConnectFault;
}

/** Why no connection to the server at `url` was made. */
export function connectFault(url: URL, error: Error): ConnectFault {
  const code = codeOf(error);
  const certificate = certificateMessage(url, code, error);
  if (certificate) return new ConnectFault(certificate, true, error);
  return new ConnectFault(
    code === 'EGRESS_REFUSED' ? refusedMessage(url, error) : unreachedMessage(url.host, url.hostname, code),
    code === 'EGRESS_REFUSED',
    error,
  );
}

/** The proxy itself was not reached. */
export function proxyUnreached({ label, url }: ProxyRoute, error: Error): ConnectFault {
  const why = unreachedMessage(url.host, url.hostname, codeOf(error));
  return new ConnectFault(`The proxy ${label} cannot be used: ${why}`, false, error);
}

/** The proxy answered, and made no connection. */
export function proxyRefused({ label }: ProxyRoute, { host }: URL, status: number): ConnectFault {
  const why =
    status === 407
      ? 'wants a sign-in: put user and password into its URL, http://user:password@host:port'
      : `did not connect to ${host} (HTTP status ${status}): allow it there, or name the host in NO_PROXY`;
  return new ConnectFault(`The proxy ${label} ${why}.`, status === 407 || status === 403, new Error(`HTTP ${status}`));
}

function refusedMessage({ hostname }: URL, { message }: Error): string {
  return message.startsWith('address of') ? `${hostname}: address not allowed (see MCPHUB_EGRESS).` : message;
}

/** Node joins the faults of several addresses into an AggregateError. */
function codeOf(error: Error): string {
  const { code, errors } = error as NodeJS.ErrnoException & { errors?: Error[] };
  return code ?? (errors?.[0] ? codeOf(errors[0]) : '');
}

function unreachedMessage(host: string, hostname: string, code: string): string {
  if (code === 'ECONNREFUSED') return `Nothing listens at ${host} (connection refused).`;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `The host name ${hostname} cannot be resolved.`;
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return `${host} did not accept a connection within ${connectMs / 1000} s.`;
  return `No connection to ${host}${code ? ` (${code})` : ''}.`;
}

const trustIt =
  'put the certificate of its authority into "tls.ca" of this server, or name its file in NODE_EXTRA_CA_CERTS';
const unknownAuthority = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'SELF_SIGNED_CERT_IN_CHAIN',
]);

/** What is wrong with the server's certificate; null where something else is. */
function certificateMessage({ host }: URL, code: string, error: Error): string | null {
  const its = `The certificate of ${host}`;
  if (code === 'DEPTH_ZERO_SELF_SIGNED_CERT') {
    return `${its} is signed by itself: if you trust it, put it into "tls.ca" of this server.`;
  }
  if (unknownAuthority.has(code)) return `${its} comes from an authority that the hub does not know: ${trustIt}.`;
  if (code === 'CERT_HAS_EXPIRED') return `${its} has expired: it has to be renewed there.`;
  if (code === 'CERT_NOT_YET_VALID') return `${its} is not valid yet: compare the clocks of both machines.`;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const names =
      (error as { cert?: { subjectaltname?: string } }).cert?.subjectaltname?.slice(0, 200) ?? 'other names';
    return `${its} is for ${names}: use such a name in the URL, or set "tls.serverName".`;
  }
  if (code === 'EPROTO' || /^ERR_SSL_/.test(code)) {
    return `${host} does not speak TLS as the hub does (${code}): is its URL one of http:// ?`;
  }
  return /^(CERT_|ERR_TLS_CERT)/.test(code) ? `${its} is not accepted (${code}).` : null;
}
