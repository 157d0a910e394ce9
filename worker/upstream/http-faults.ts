// Errors of HTTP upstreams, and which of them came before a byte was sent.
import { HubError } from '../../lib/errors';
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
export function neverSent(server: string, message: string, cause: unknown): HubError {
  const extras = { server, reason: 'connect-failed', retryable: true, didNotRun: true, cause };
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

export function statusError(server: string, status: number): HubError {
  const message = `The server "${server}" answered with HTTP status ${status}.`;
  const code = status === 429 ? 'BUSY' : 'UPSTREAM_UNAVAILABLE';
  return new HubError(code, message, { server, reason: `http-${status}`, retryable: status === 429 || status >= 500 });
}

const connectFaults = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'EGRESS_REFUSED',
  'UND_ERR_CONNECT_TIMEOUT',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_HAS_EXPIRED',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'ERR_SSL_WRONG_VERSION_NUMBER',
]);

/** True for faults that come before a byte of the request was sent. */
export function isConnectFault(error: Error): boolean {
  return connectFaults.has(codeOf(error));
}

/** Node joins the faults of several addresses into an AggregateError. */
function codeOf(error: Error): string {
  const { code, errors } = error as NodeJS.ErrnoException & { errors?: Error[] };
  return code ?? (errors?.[0] ? codeOf(errors[0]) : '');
}

export function connectMessage(url: URL, error: Error): string {
  const code = codeOf(error);
  if (code === 'ECONNREFUSED') return `Nothing listens at ${url.host} (connection refused).`;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `The host name ${url.hostname} cannot be resolved.`;
  if (code === 'EGRESS_REFUSED') return `${url.hostname}: address not allowed (see MCPHUB_EGRESS).`;
  if (code === 'UND_ERR_CONNECT_TIMEOUT')
    return `${url.host} did not accept a connection within ${connectMs / 1000} s.`;
  return `No connection to ${url.host} (${code}).`;
}
