// Addresses that the hub never connects to on behalf of a row, whatever the settings say: link-local ones and the
// metadata services of clouds, in every spelling. The guard at each connect asks here, and so does the check of a row.
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

export type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** Cloud metadata services outside the link-local range: AWS and Google (IPv6), Alibaba, Azure, Oracle. */
const metadata = ['fd00:ec2::254', 'fd20:ce::254', '100.100.100.200', '168.63.129.16', '192.0.0.192'].map((text) =>
  bytesOf(ipaddr.parse(text)),
);
const metadataHosts = new Set(['metadata.google.internal', 'metadata.goog', 'metadata', 'instance-data']);
const neverRanges = new Set(['linkLocal', 'multicast', 'broadcast', 'unspecified']);

/** The URL's host without the brackets of IPv6. WHATWG URLs have already normalised decimal, octal and hex forms. */
export function hostOf(url: URL): string {
  return url.hostname
    .replace(/^\[|\]$/g, '')
    .toLowerCase()
    .replace(/\.$/, '');
}

/** Whether a host, as `hostOf` gives it, is a name of a metadata service. */
export function isMetadataHost(host: string): boolean {
  return metadataHosts.has(host);
}

/** Whether an address, or the IPv4 address inside it, is refused in every mode. */
export function isNeverAllowed(addresses: readonly Address[]): boolean {
  return addresses.some((each) => neverRanges.has(each.range()) || metadata.includes(bytesOf(each)));
}

/** Without the zone that an IPv6 address may name. */
function bytesOf(address: Address): string {
  return address.toByteArray().join('.');
}

/** Whether a URL is one of these by its own words; what a name leads to is asked when it is resolved. */
export function leadsToRefused(url: URL): boolean {
  const host = hostOf(url);
  return isMetadataHost(host) || (isIP(host) !== 0 && isNeverAllowed(withEmbedded(ipaddr.parse(host))));
}

/**
 * The address itself and, where it wraps IPv4 addresses, those too, or those alone where it stands for nothing else:
 * mapped, translated, compatible, NAT64, 6to4, Teredo, ISATAP.
 */
export function withEmbedded(address: Address): Address[] {
  if (address.kind() === 'ipv4') return [address];
  const bytes = address.toByteArray();
  const ipv4 = (...places: number[]) => new ipaddr.IPv4(places.map((place) => bytes[place] ?? 0));
  const last = ipv4(12, 13, 14, 15);
  const has = (start: number, ...wanted: number[]) => wanted.every((byte, index) => bytes[start + index] === byte);
  const zeros = (start: number, end: number) => bytes.slice(start, end).every((byte) => byte === 0);
  if (zeros(0, 10) && has(10, 0xff, 0xff)) return [last];
  // ::ffff:0:a.b.c.d (RFC 2765).
  if (zeros(0, 8) && has(8, 0xff, 0xff, 0, 0)) return [last];
  if (zeros(0, 12) && !zeros(12, 15)) return [address, last];
  // RFC 8215, 64:ff9b:1::/48: in its usual layout of a /96, or in that of a /48 (RFC 6052, 2.2).
  if (has(0, 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01)) return zeros(6, 12) ? [last] : [last, ipv4(6, 7, 9, 10)];
  if (has(0, 0x00, 0x64, 0xff, 0x9b)) return [last];
  if (has(0, 0x20, 0x02)) return [ipv4(2, 3, 4, 5)];
  if (has(0, 0x20, 0x01, 0x00, 0x00)) {
    return [ipv4(4, 5, 6, 7), new ipaddr.IPv4(bytes.slice(12).map((byte) => byte ^ 0xff))];
  }
  if (has(8, 0x00, 0x00, 0x5e, 0xfe) || has(8, 0x02, 0x00, 0x5e, 0xfe)) return [address, last];
  return [address];
}
