// Who is at the other end of a request, as far as headers can tell: host, address, request id, and whether a browser
// sent it from one of our own pages. The door in the worker sets the forwarded headers and drops what clients put there.
import { allowedHost, readAllowedHosts } from '@/lib/allowed-hosts';
import { basePathOf } from '@/lib/base-path';

const requestIdForm = /^[A-Za-z0-9._-]{1,128}$/;
const loopbackNames: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

type ReadableHeaders = Pick<Headers, 'get'>;

/** The caller's request id if it is a plain one, else a new one. */
export function requestIdOf(headers: ReadableHeaders): string {
  const given = headers.get('x-request-id');
  return given && requestIdForm.test(given) ? given : crypto.randomUUID();
}

/** The address that the nearest proxy saw; clients can only add entries before that one. */
export function addressOf(headers: ReadableHeaders): string {
  return headers.get('x-forwarded-for')?.split(',').at(-1)?.trim() || 'unknown';
}

/** What a context holds of a request. */
export function visitOf(headers: ReadableHeaders): { requestId: string; address: string } {
  return { requestId: requestIdOf(headers), address: addressOf(headers) };
}

/** The settings that say under which addresses the hub is reached. */
export interface OwnAddresses {
  MCPHUB_PUBLIC_URL: string;
  MCPHUB_ALLOWED_HOSTS: string;
}

/**
 * The origin under which the visitor reaches the hub, null if it is none of ours. Beside the name of the public URL every
 * loopback name counts, because no other site can make a browser believe that it is called "localhost"; the port may be
 * another one where it is forwarded. So does what MCPHUB_ALLOWED_HOSTS names.
 */
export function visitorOrigin(headers: ReadableHeaders, settings: OwnAddresses): string | null {
  const host = headers.get('x-forwarded-host') ?? headers.get('host');
  const own = new URL(settings.MCPHUB_PUBLIC_URL);
  if (!host || !/^[\w.:[\]-]+$/.test(host) || !URL.canParse(`http://${host}`)) return null;
  // Behind a proxy that ends TLS the last hop is plain http; what the visitor sees is the public URL.
  if (host.toLowerCase() === own.host) return own.origin;
  const scheme = headers.get('x-forwarded-proto') === 'https' ? 'https' : 'http';
  const visited = new URL(`${scheme}://${host}`);
  if (visited.hostname === own.hostname || loopbackNames.has(visited.hostname)) return visited.origin;
  const read = readAllowedHosts(settings.MCPHUB_ALLOWED_HOSTS);
  const further = 'hosts' in read ? allowedHost(read.hosts, visited.hostname, visited.port) : undefined;
  return further ? new URL(`${further.protocol ?? scheme}://${host}`).origin : null;
}

/** The hub's URL as the visitor sees it, with its path and without a slash at its end; the public one where the host is none of ours. */
export function ownUrl(headers: ReadableHeaders, settings: OwnAddresses): string {
  const origin = visitorOrigin(headers, settings);
  return origin === null ? settings.MCPHUB_PUBLIC_URL : origin + basePathOf(settings.MCPHUB_PUBLIC_URL);
}

/**
 * True if a browser says that one of our own pages sent this. Asked for every write that a cookie authorises; a request
 * without Origin and Sec-Fetch-Site proves nothing and is refused.
 */
export function isFromOwnPage(headers: ReadableHeaders, settings: OwnAddresses): boolean {
  const own = visitorOrigin(headers, settings);
  if (own === null) return false;
  const origin = headers.get('origin');
  return origin === null ? headers.get('sec-fetch-site') === 'same-origin' : origin.toLowerCase() === own;
}
