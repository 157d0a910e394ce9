// What MCPHUB_TRUSTED_PROXIES says: the proxies whose X-Forwarded-For is believed. Nobody is by default, not even this
// machine: anybody can write that header, and limits and the audit trail go by the address.
import ipaddr from 'ipaddr.js';
import { type Cidr, cidrOf } from './egress';

/** @returns the networks, or one sentence for each entry that cannot be used */
export function readTrustedProxies(text: string): { proxies: Cidr[] } | { faults: string[] } {
  const proxies: Cidr[] = [];
  const faults: string[] = [];
  for (const each of text.split(',')) {
    const entry = each.trim().toLowerCase();
    if (entry === '') continue;
    const cidr = cidrOf(entry);
    if (!cidr) faults.push(`"${entry.slice(0, 80)}" is no address or network such as 10.0.0.2, 10.0.0.0/8 or fd00::/8`);
    else if (cidr.bits === 0) faults.push(`"${entry}" trusts everybody: name the proxies`);
    else proxies.push(cidr);
  }
  return faults.length > 0 ? { faults } : { proxies };
}

/** As readTrustedProxies. @throws Error for what the settings would not have taken */
export function trustedProxies(text: string): Cidr[] {
  const read = readTrustedProxies(text);
  if ('faults' in read) throw new Error(`MCPHUB_TRUSTED_PROXIES: ${read.faults.join('; ')}`);
  return read.proxies;
}

/**
 * Who sent a request: from the right, the first entry of X-Forwarded-For that is no trusted proxy, because each proxy adds
 * whom it saw at the end and passes on what came before unread. What is no address ends the search at the last proxy that
 * is known. Without a port, and IPv4 as such.
 * @param peer at the other end of the connection
 * @param forwardedFor the header; several of them joined by commas
 */
export function callerAddress(
  peer: string | undefined,
  forwardedFor: string | undefined,
  proxies: readonly Cidr[],
): string | undefined {
  const nearest = parsed(peer ?? '');
  if (!nearest || !isTrusted(nearest, proxies)) return peer;
  let known = nearest;
  const entries = forwardedFor?.split(',') ?? [];
  for (let at = entries.length - 1; at >= 0; at -= 1) {
    const next = parsed(withoutPort((entries[at] ?? '').trim()));
    if (!next) break;
    known = next;
    if (!isTrusted(next, proxies)) break;
  }
  return known.toString();
}

function isTrusted(address: ipaddr.IPv4 | ipaddr.IPv6, proxies: readonly Cidr[]): boolean {
  return proxies.some(({ base, bits }) => base.kind() === address.kind() && address.match(base, bits));
}

/** An IPv4 address in IPv6 is one of IPv4. Only the usual forms: "1" and "0x7f.1" are none. */
function parsed(text: string): ipaddr.IPv4 | ipaddr.IPv6 | null {
  const isUsual = ipaddr.IPv4.isValidFourPartDecimal(text) || (text.includes(':') && ipaddr.IPv6.isValid(text));
  return isUsual ? ipaddr.process(text) : null;
}

/** Some proxies write "192.0.2.1:4711" and "[2001:db8::1]:4711", as in RFC 7239, 6. */
function withoutPort(entry: string): string {
  const [, inside, v4] = /^(?:\[([^\]]*)\](?::\d{1,5})?|([\d.]+):\d{1,5})$/.exec(entry) ?? [];
  return inside ?? v4 ?? entry;
}
