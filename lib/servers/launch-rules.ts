// What a server's launch settings may not contain, whoever sends them.
import { X509Certificate } from 'node:crypto';
import ipaddr from 'ipaddr.js';
import type { FieldFault } from '../errors';
import { pointerOf } from '../input';
import { expandSecrets } from './expand';
import { isMasked } from './masking';
import type { ServerInput, ServerTls } from './schema';

/** Variables that make a child load foreign code; Windows does not tell cases apart. */
const codeLoading = /^(NODE_OPTIONS|BASH_ENV|LD_.*|DYLD_.*)$/i;

/** @returns all faults of a server that a caller wants to save */
export function launchFaults(server: ServerInput): FieldFault[] {
  const shared = [...maskFaults('secrets', server.secrets), ...secretFaults(server)];
  if (server.type === 'stdio') return [...envFaults(server.env ?? {}), ...maskFaults('env', server.env), ...shared];
  const endpoints = (server.endpoints ?? []).flatMap(({ url }, at) =>
    urlFaults(url, pointerOf(['endpoints', at, 'url'])),
  );
  const tls = certificateFault(server.tls);
  const certificates = tls ? [{ pointer: '/tls/ca', detail: tls }] : [];
  return [
    ...urlFaults(server.url, '/url'),
    ...certificates,
    ...endpoints,
    ...maskFaults('headers', server.headers),
    ...shared,
  ];
}

/** Variables that no row may set, the servers file's neither. */
export function refusedVariables(env: Record<string, string>): string[] {
  return Object.keys(env).filter((name) => codeLoading.test(name));
}

/** Why a row that was saved nevertheless cannot be run, in a plain sentence; null if it can. */
export function launchFaultOf(env: Record<string, string>): string | null {
  const [name] = refusedVariables(env);
  return name === undefined ? null : `The variable "${name}" would load foreign code: remove it from "env".`;
}

/** As launchFaultOf, for certificates. */
export function tlsFaultOf(tls: ServerTls | null): string | null {
  const fault = tls && certificateFault(tls);
  return fault ? `"tls.ca" ${fault}.` : null;
}

const pemBlock = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g;

function certificateFault({ ca }: ServerTls = {}): string | null {
  if (ca === undefined) return null;
  const blocks = [...ca.matchAll(pemBlock)];
  if (blocks.length === 0) return 'is no certificate in PEM form, which begins with -----BEGIN CERTIFICATE-----';
  for (const [at, [text, kind]] of blocks.entries()) {
    if (kind?.endsWith('PRIVATE KEY')) return 'holds a private key, which belongs to nobody but its server';
    if (kind !== 'CERTIFICATE') return `holds a ${kind?.toLowerCase()}, where only certificates belong`;
    try {
      new X509Certificate(text);
    } catch {
      return `cannot be read: certificate ${at + 1} of ${blocks.length} is damaged`;
    }
  }
  return null;
}

function envFaults(env: Record<string, string>): FieldFault[] {
  return Object.keys(env).flatMap((name) => {
    const pointer = pointerOf(['env', name]);
    if (codeLoading.test(name)) return [{ pointer, detail: 'is refused: this variable would load foreign code' }];
    return name.includes('=') ? [{ pointer, detail: 'is not a legal name of a variable' }] : [];
  });
}

function maskFaults(field: 'env' | 'headers' | 'secrets', values: Record<string, string> = {}): FieldFault[] {
  return Object.entries(values).flatMap(([name, value]) => {
    const pointer = pointerOf([field, name]);
    if (field === 'headers' && !isHeaderValue(value)) return [{ pointer, detail: headerRule }];
    return isMasked(value) ? [{ pointer, detail: 'is a masked value: enter the real one' }] : [];
  });
}

const headerRule = 'must not contain line breaks, nor characters that a header cannot carry';

/** What an HTTP header may hold (RFC 9110, 5.5). */
function isHeaderValue(value: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(value);
}

/** References to secrets that the server does not have, and secrets that do not fit where they are used. */
function secretFaults(server: ServerInput): FieldFault[] {
  const secrets = server.secrets ?? {};
  const field = server.type === 'stdio' ? 'env' : 'headers';
  const used = server.type === 'stdio' ? server.env : server.headers;
  const references = expandSecrets(used ?? {}, {}).unset;
  const missing = references.filter(({ name }) => !Object.hasOwn(secrets, name));
  const names = server.type === 'stdio' ? [] : new Set(references.map(({ name }) => name));
  return [
    ...missing.map(({ key, name }) => ({
      pointer: pointerOf([field, key]),
      detail: `refers to the secret "${name}", which this server does not have: add it to "secrets", or write $\${${name}} for the text itself`,
    })),
    ...[...names].flatMap((name) =>
      isHeaderValue(secrets[name] ?? '') ? [] : [{ pointer: pointerOf(['secrets', name]), detail: headerRule }],
    ),
  ];
}

/**
 * Refuses link-local and cloud-metadata addresses written as such. Names are resolved and checked at each connect, by
 * the guarded client: what a name means can change until then.
 */
function urlFaults(url: string, pointer: string): FieldFault[] {
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
  if (!ipaddr.isValid(host)) return [];
  const address = ipaddr.process(host);
  const metadata = address.range() === 'linkLocal' || address.toNormalizedString() === 'fd00:ec2:0:0:0:0:0:254';
  return metadata ? [{ pointer, detail: 'address not allowed: link-local and metadata addresses' }] : [];
}
