// Which proxy leads to a host, by the variables that programs share: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY,
// of which the lower-case form wins, as in curl. This machine itself is never reached through one.
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { HubError } from '../../lib/errors';

export interface ProxyRoute {
  /** http or https, without credentials. */
  url: URL;
  /** Value of Proxy-Authorization; null: none. */
  authorization: string | null;
  /** For people, without credentials: "proxy.example:3128 (HTTPS_PROXY)". */
  label: string;
}

type Environment = Record<string, string | undefined>;

/** @returns the proxy for connections to a URL, or null. @throws HubError for a variable that cannot be used */
export function createProxies(env: Environment): (url: URL) => ProxyRoute | null {
  const bypass = readBypass(variableOf(env, 'NO_PROXY')?.value ?? '');
  const ofAll = variableOf(env, 'ALL_PROXY');
  const variables = {
    'http:': variableOf(env, 'HTTP_PROXY') ?? ofAll,
    'https:': variableOf(env, 'HTTPS_PROXY') ?? ofAll,
  };
  return (url) => {
    const variable = variables[url.protocol as keyof typeof variables];
    if (!variable) return null;
    const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
    if (isLoopback(host) || bypass(host, url.port || (url.protocol === 'https:' ? '443' : '80'))) return null;
    return readProxy(variable);
  };
}

interface Variable {
  name: string;
  value: string;
}

function variableOf(env: Environment, name: string): Variable | undefined {
  for (const each of [name.toLowerCase(), name]) {
    const value = env[each]?.trim();
    if (value) return { name: each, value };
  }
  return undefined;
}

function readProxy({ name, value }: Variable): ProxyRoute {
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`;
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || !/^https?:$/.test(url.protocol)) {
    const message = `${name} is not the URL of an http or https proxy: correct it and start the hub again.`;
    throw new HubError('UPSTREAM_UNAVAILABLE', message, { reason: 'connect-failed' });
  }
  const { username, password } = url;
  const credentials = username ? `${decoded(username)}:${decoded(password)}` : null;
  return {
    url: new URL(url.origin),
    authorization: credentials && `Basic ${Buffer.from(credentials).toString('base64')}`,
    label: `${url.host} (${name})`,
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function isLoopback(host: string): boolean {
  if (isIP(host)) return ipaddr.process(host).range() === 'loopback';
  return host === 'localhost' || host.endsWith('.localhost');
}

/** Names with all that is below them, addresses and CIDRs, each with a port where it has one; `*` is everything. */
function readBypass(list: string): (host: string, port: string) => boolean {
  const entries = list
    .toLowerCase()
    .split(/[\s,]+/)
    .filter(Boolean)
    .map(readEntry);
  return (host, port) =>
    entries.some((entry) => (entry.port === undefined || entry.port === port) && entry.covers(host));
}

function readEntry(entry: string): { port?: string | undefined; covers(host: string): boolean } {
  if (entry === '*') return { covers: () => true };
  if (ipaddr.isValidCIDR(entry)) {
    const [base, bits] = ipaddr.parseCIDR(entry);
    return {
      covers(host) {
        if (!isIP(host)) return false;
        const address = ipaddr.process(host);
        return address.kind() === base.kind() && address.match(base, bits);
      },
    };
  }
  const [, bracketed, plain = entry, port] = /^(?:\[([^\]]+)\]|([^:]*))(?::(\d+))?$/.exec(entry) ?? [];
  const name = (bracketed ?? plain).replace(/^\*?\./, '');
  return { port, covers: (host) => host === name || (isIP(host) === 0 && host.endsWith(`.${name}`)) };
}
