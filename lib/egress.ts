// What MCPHUB_EGRESS says: everything but the addresses that are never allowed, public addresses only, or a list of
// networks and hosts. Only the words; the guard of each connection is worker/upstream/egress.ts.
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

export interface Cidr {
  base: Address;
  bits: number;
}

export interface EgressList {
  cidrs: Cidr[];
  /** Lower case, `*.example.org` for all below a domain. */
  hosts: ReadonlySet<string>;
}

export type EgressRules = { mode: 'private-allowed' | 'public-only' } | { mode: 'list'; list: EgressList };

const modes = ['private-allowed', 'public-only'] as const;
/** Labels of letters, digits, hyphens and underscores (in use, though RFC 1123 has none), also below a star. */
const hostForm = /^(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** @returns the rules, or one sentence for each entry that cannot be used */
export function readEgress(text: string): { rules: EgressRules } | { faults: string[] } {
  const whole = text.trim().toLowerCase();
  for (const mode of modes) if (whole === mode) return { rules: { mode } };
  const entries = whole
    .split(',')
    .map((entry) => entry.trim())
    .filter(Boolean);
  const list = { cidrs: [] as Cidr[], hosts: new Set<string>() };
  const faults = entries.flatMap((entry) => {
    const cidr = cidrOf(entry);
    const fault = cidr ? null : hostFault(entry);
    if (cidr) list.cidrs.push(cidr);
    else if (!fault) list.hosts.add(entry);
    return fault ? [`"${entry.slice(0, 80)}" ${fault}`] : [];
  });
  if (entries.length === 0) faults.push('it names nothing');
  return faults.length > 0 ? { faults } : { rules: { mode: 'list', list } };
}

/** A network in CIDR notation or a single address; null for anything else. */
export function cidrOf(entry: string): Cidr | null {
  const [address = '', bits, ...more] = entry.split('/');
  const version = isIP(address);
  if (version === 0 || more.length > 0 || address.includes('%')) return null;
  const bitsMax = version === 4 ? 32 : 128;
  if (bits === undefined) return { base: ipaddr.parse(address), bits: bitsMax };
  return /^\d{1,3}$/.test(bits) && Number(bits) <= bitsMax ? { base: ipaddr.parse(address), bits: Number(bits) } : null;
}

function hostFault(entry: string): string | null {
  if (/^(private|public)[-_ ]?[a-z]*$/.test(entry)) return `stands in a list: ${modes.join(' and ')} stand alone`;
  if (entry.includes('://')) return 'is a URL: give the host alone';
  if (entry.includes('/')) return 'is no network such as 10.0.0.0/8 or fd00::/8';
  if (/^\[.*\]/.test(entry)) return 'is written with brackets: give an IPv6 address without them';
  if (/:\d+$/.test(entry) && entry.split(':').length === 2) return 'names a port: give the host alone';
  // A name that ends in a number is read as an IPv4 address (URL standard, "ends in a number").
  if (/(^|\.)(\d+|0x[0-9a-f]*)$/.test(entry)) return 'is no address such as 10.0.0.1';
  return hostForm.test(entry) ? null : 'is no network, address or host name (*.example.org for all below a domain)';
}
