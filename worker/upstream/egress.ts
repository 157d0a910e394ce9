// How the hub gets out on behalf of a server's row: to which addresses, through which proxy. Literals in URLs and every
// address that a name resolves to are checked at each connect, so a name that changes its address gains nothing.
// Link-local and cloud metadata addresses are refused in every mode. A proxy resolves names itself, so what it is asked
// for is checked before: see `destination`.
import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import { readFileSync } from 'node:fs';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { type Cidr, type EgressList, readEgress } from '../../lib/egress';
import { HubError } from '../../lib/errors';
import { type Address, hostOf, isMetadataHost, isNeverAllowed, withEmbedded } from '../../lib/servers/addresses';
import { createProxies, type ProxyRoute } from './proxies';

export interface Egress {
  /** @throws HubError INVALID_INPUT with "address not allowed" */
  checkUrl(url: URL): void;
  /** Whether an IP address may be connected to, `host` being the name it was found by. */
  allows(address: string, host?: string): boolean;
  /** A `lookup` for sockets that only ever gives allowed addresses. */
  lookup: LookupFunction;
  /** The proxy for connections to a URL; null: none. @throws HubError for a setting that cannot be used */
  proxyFor(url: URL): ProxyRoute | null;
  /** Addresses of the hub's own network are not all allowed: a proxy is told the address that was checked. */
  readonly isStrict: boolean;
  /**
   * What a proxy shall be asked for: the host of the URL, or the address that it has, where only some are allowed. A name
   * that cannot be resolved here is the proxy's matter in the mode `private-allowed`, and refused in the others.
   * @throws Error with the code EGRESS_REFUSED
   */
  destination(url: URL): Promise<string>;
  /** PEM of NODE_EXTRA_CA_CERTS, which Node leaves out where a row brings certificates of its own. */
  extraRoots(): string[];
}

export interface EgressOptions {
  /** For tests: the resolver behind `lookup`. */
  resolve?: typeof systemLookup;
  /** Where the variables of proxies are read; default: there are none. */
  env?: Record<string, string | undefined>;
}

/** A name that a proxy is to resolve is looked up here no longer than this. */
const lookAheadMs = 2_000;

/**
 * @param setting `private-allowed`, `public-only`, or a comma-separated list of CIDRs, addresses and host names
 *   (`*.example.org` for all below a domain)
 * @throws Error for one that lib/env.ts would not have let pass
 */
export function createEgress(setting: string, { resolve = systemLookup, env = {} }: EgressOptions = {}): Egress {
  const read = readEgress(setting);
  if ('faults' in read) throw new Error(`MCPHUB_EGRESS: ${read.faults.join('; ')}`);
  const { rules } = read;
  const isStrict = rules.mode !== 'private-allowed';
  const list = rules.mode === 'list' ? rules.list : null;

  function allows(text: string, host = ''): boolean {
    if (!ipaddr.isValid(text)) return false;
    const addresses = withEmbedded(ipaddr.parse(text));
    if (isNeverAllowed(addresses)) return false;
    if (!isStrict) return true;
    if (list) return isListed(list, host) || addresses.every((each) => list.cidrs.some((cidr) => inside(each, cidr)));
    // Of the wrapping kinds (6to4, NAT64 …) the addresses inside decide.
    const inner = addresses.filter((each) => each.kind() === 'ipv4');
    return (inner.length > 0 ? inner : addresses).every((each) => each.range() === 'unicast');
  }

  function checkUrl(url: URL): void {
    const host = hostOf(url);
    const literal = isIP(host) !== 0;
    if (!/^https?:$/.test(url.protocol)) throw notAllowed(url, 'only http and https are');
    if (url.username || url.password) throw notAllowed(url, 'put credentials into headers');
    if (isMetadataHost(host) || (literal && !allows(host, host))) throw notAllowed(url, 'see MCPHUB_EGRESS');
  }

  const lookup: LookupFunction = (host, options, callback) => {
    resolve(host, { ...options, all: true }, (error, found: LookupAddress[]) => {
      if (error) {
        callback(error, '', 0);
        return;
      }
      const allowed = isMetadataHost(host.toLowerCase()) ? [] : found.filter(({ address }) => allows(address, host));
      const first = allowed[0];
      if (!first) {
        callback(refusal(`address of ${host} not allowed`), '', 0);
      } else if (options.all) {
        callback(null, allowed);
      } else {
        callback(null, first.address, first.family);
      }
    });
  };

  async function destination(url: URL): Promise<string> {
    const host = hostOf(url);
    const isNamed = list !== null && isListed(list, host);
    const found = isIP(host) === 0 ? await resolved(host) : [{ address: host }];
    if (found === null && (!isStrict || isNamed) && !isMetadataHost(host)) return host;
    const good = (found ?? []).filter(({ address }) => allows(address, host));
    const [first] = good;
    // Which of its addresses a proxy takes is not known: in the open mode all have to be good.
    if (!first || isMetadataHost(host) || (!isStrict && good.length < (found ?? []).length)) {
      const isUnknown = found === null && !isMetadataHost(host);
      throw refusal(
        isUnknown
          ? `${host} cannot be resolved here, so whether its address is allowed is not known (see MCPHUB_EGRESS).`
          : `address of ${host} not allowed`,
      );
    }
    return isStrict && !isNamed ? first.address : host;
  }

  /** The addresses of a name; null where it has none, or does not tell in time. */
  function resolved(host: string): Promise<LookupAddress[] | null> {
    return new Promise((done) => {
      const timer = setTimeout(() => done(null), lookAheadMs);
      resolve(host, { all: true }, (error, found: LookupAddress[]) => {
        clearTimeout(timer);
        done(error || found.length === 0 ? null : found);
      });
    });
  }

  let roots: string[] | null = null;
  function extraRoots(): string[] {
    const file = env.NODE_EXTRA_CA_CERTS;
    roots ??= file ? [readIfThere(file)] : [];
    return roots;
  }

  return { allows, checkUrl, lookup, proxyFor: createProxies(env), isStrict, destination, extraRoots };
}

function refusal(message: string): Error {
  return Object.assign(new Error(message), { code: 'EGRESS_REFUSED' });
}

/** As Node does, which warns and goes on. */
function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function notAllowed(url: URL, why: string): HubError {
  return new HubError('INVALID_INPUT', `${url.origin}: address not allowed (${why}).`, { reason: 'address-refused' });
}

function inside(address: Address, { base, bits }: Cidr): boolean {
  return address.kind() === base.kind() && address.match(base, bits);
}

/** Names only: an address is never let pass for being written like one. */
function isListed({ hosts }: EgressList, host: string): boolean {
  const name = host.toLowerCase();
  if (isIP(name)) return false;
  const labels = name.split('.');
  return hosts.has(name) || labels.some((_, index) => index > 0 && hosts.has(`*.${labels.slice(index).join('.')}`));
}
