// Addresses that the hub never connects to on behalf of a row, whatever the settings say: link-local ones and the
// metadata services of clouds, in every spelling. The guard at each connect asks here, and so does the check of a row.
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

export type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** Cloud metadata services outside the link-local range: AWS (IPv6), Alibaba, Azure, Oracle. */
const metadata = ['fd00:ec2::254', '100.100.100.200', '168.63.129.16', '192.0.0.192'].map((text) =>
  ipaddr.parse(text).toNormalizedString(),
);
const metadataHosts = new Set(['metadata.google.internal', 'metadata.goog', 'metadata']);
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
  return addresses.some((each) => neverRanges.has(each.range()) || metadata.includes(each.toNormalizedString()));
}

/** Whether a URL is one of these by its own words; what a name leads to is asked when it is resolved. */
export function leadsToRefused(url: URL): boolean {
  const host = hostOf(url);
  return isMetadataHost(host) || (isIP(host) !== 0 && isNeverAllowed(withEmbedded(ipaddr.parse(host))));
}

/** The address itself and, where it wraps an IPv4 address, that one too: mapped, compatible, NAT64, 6to4, Teredo. */
export function withEmbedded(address: Address): Address[] {
  if (address.kind() === 'ipv4') return [address];
  const bytes = address.toByteArray();
  const at = (start: number, flip = 0) => new ipaddr.IPv4(bytes.slice(start, start + 4).map((byte) => byte ^ flip));
  const starts = (...prefix: number[]) => prefix.every((byte, index) => bytes[index] === byte);
  const zeros = (start: number, end: number) => bytes.slice(start, end).every((byte) => byte === 0);
  if (zeros(0, 10) && bytes[10] === 0xff && bytes[11] === 0xff) return [at(12)];
  if (zeros(0, 12) && !zeros(12, 15)) return [address, at(12)];
  // RFC 6052 (64:ff9b::/96) and RFC 8215 (64:ff9b:1::/48, in its usual /96 layout).
  if (starts(0x00, 0x64, 0xff, 0x9b)) return [at(12)];
  if (starts(0x20, 0x02)) return [at(2)];
  if (starts(0x20, 0x01, 0x00, 0x00)) return [at(4), at(12, 0xff)];
  return [address];
}
