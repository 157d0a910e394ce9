// Which Host and Origin headers the hub answers to. A page of another site, or a name that an attacker points at this
// machine (DNS rebinding), is refused before anything else is looked at.
import { isIP } from 'node:net';
import { allowedHost, readAllowedHosts } from '../lib/allowed-hosts';

export interface OriginRules {
  /** Whether a request with this Host header is for us. */
  allowsHost(host: string | undefined): boolean;
  /**
   * Whether the host is one of ours, or an IP address: probes of a cluster name the address of a container. A name that
   * was pointed here stays a name in this header, so an address is no attack of that kind.
   */
  allowsProbe(host: string | undefined): boolean;
  /** Whether a page of this origin may send requests here; `host` is the request's Host header. */
  allowsOrigin(origin: string, host: string | undefined): boolean;
}

const loopbackNames = ['localhost', '127.0.0.1', '[::1]'];
const wildcards = new Set(['0.0.0.0', '::', '']);

/** For people who meet a refusal. */
export const hostHint = 'If it is your own address, set MCPHUB_PUBLIC_URL to it, or add it to MCPHUB_ALLOWED_HOSTS.';

/**
 * Loopback names, the address listened on, and the host of the public URL are ours, on any port: behind a forwarded
 * port the Host header names that one. Further ones come from MCPHUB_ALLOWED_HOSTS. An origin must be the public one, or
 * the very host and port of the request.
 */
export function createOriginRules(host: string, publicUrl: string, further = ''): OriginRules {
  const read = readAllowedHosts(further);
  if ('faults' in read) throw new Error(`MCPHUB_ALLOWED_HOSTS: ${read.faults.join('; ')}`);
  const { hosts } = read;
  const { hostname, origin: publicOrigin } = new URL(publicUrl);
  const names = new Set([...loopbackNames, hostname.toLowerCase()]);
  if (!wildcards.has(host)) names.add(host.includes(':') ? `[${host.toLowerCase()}]` : host.toLowerCase());

  function allowsHost(header: string | undefined): boolean {
    if (header === undefined) return false;
    const portAt = header.lastIndexOf(':');
    const hasPort = portAt > header.lastIndexOf(']');
    if (hasPort && !/^\d{0,5}$/.test(header.slice(portAt + 1))) return false;
    const name = hasPort ? header.slice(0, portAt) : header;
    if (names.has(name) || names.has(name.toLowerCase())) return true;
    return hosts.length > 0 && allowedHost(hosts, name, hasPort ? header.slice(portAt + 1) : '') !== undefined;
  }

  return {
    allowsHost,
    allowsProbe(header) {
      return allowsHost(header) || isIP(header?.replace(/:\d{1,5}$/, '').replace(/^\[(.*)\]$/, '$1') ?? '') !== 0;
    },
    allowsOrigin(origin, header) {
      if (origin === publicOrigin) return true;
      if (!header || !allowsHost(header)) return false;
      return origin === `http://${header}` || origin === `https://${header}`;
    },
  };
}
