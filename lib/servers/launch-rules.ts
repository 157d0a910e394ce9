// What a server's launch settings may not contain, whoever sends them.
import { X509Certificate } from 'node:crypto';
import { posix, win32 } from 'node:path';
import type { FieldFault } from '../errors';
import { pointerOf } from '../input';
import type { OpenApiInput, OpenApiSettings } from '../openapi/schema';
import { leadsToRefused } from './addresses';
import { clientSecretFaults, credentialFaults } from './credential';
import { expandSecrets } from './expand';
import { isHeaderValue } from './header-value';
import { isMasked } from './masking';
import { authTexts, maskedPlaces } from './openapi/auth';
import type { ServerInput, ServerTls } from './schema';
import { variableFault } from './variables';

/** Linux takes 128 KiB in one argument or variable, and 2 MiB of all of them. */
const launchBytesMax = 256 * 1024;

/** How a server is started or reached, filled in or not. */
export interface Launch {
  command?: string | null | undefined;
  args?: string[] | undefined;
  env?: Record<string, string> | undefined;
  cwd?: string | null | undefined;
  url?: string | null | undefined;
  endpoints?: readonly { url: string }[] | undefined;
  openapi?: OpenApiSettings | null | undefined;
}

/** @returns all faults of a server that a caller wants to save */
export function launchFaults(server: ServerInput): FieldFault[] {
  const ofCredential = server.type === 'openapi' ? [] : [...credentialFaults(server), ...clientSecretFaults(server)];
  return [...policyFaults(server), ...ofCredential, ...typeFaults(server)];
}

/** Settings that would have no effect beside others. */
function policyFaults(server: ServerInput): FieldFault[] {
  if (server.type === 'openapi') return [];
  const { isolation = 'shared', startOnDemand = false, idleStopSeconds, warmInstances = 0 } = server;
  const faults: FieldFault[] = [];
  if (isolation === 'shared') {
    const detail = 'needs "isolation" of "user" or "session": a shared server has nobody to wait for';
    if (warmInstances > 0) faults.push({ pointer: '/warmInstances', detail });
    if (idleStopSeconds !== undefined && !startOnDemand) {
      faults.push({
        pointer: '/idleStopSeconds',
        detail: 'needs "startOnDemand", or "isolation" of "user" or "session"',
      });
    }
    return faults;
  }
  const detail = 'belongs to shared servers: with "isolation" each caller has one instance';
  if (server.type === 'stdio' && (server.replicas ?? 1) > 1) faults.push({ pointer: '/replicas', detail });
  if (server.type !== 'stdio' && (server.endpoints ?? []).length > 0) faults.push({ pointer: '/endpoints', detail });
  return faults;
}

function typeFaults(server: ServerInput): FieldFault[] {
  const shared = [...maskFaults('secrets', server.secrets), ...secretFaults(server)];
  if (server.type !== 'stdio') {
    const tls = certificateFault(server.tls);
    const certificates = tls ? [{ pointer: '/tls/ca', detail: tls }] : [];
    const masked = server.type === 'openapi' ? maskedCredentials(server.openapi) : [];
    return [...rowFaults(server), ...masked, ...certificates, ...maskFaults('headers', server.headers), ...shared];
  }
  const relative = server.cwd !== undefined && !isAbsolute(server.cwd) && !server.cwd.includes('..');
  const detail = 'is relative: give the full path, for it does not say what it is relative to';
  return [
    ...rowFaults(server),
    ...(relative ? [{ pointer: '/cwd', detail }] : []),
    ...maskFaults('env', server.env),
    ...shared,
  ];
}

function maskedCredentials({ auth }: OpenApiInput): FieldFault[] {
  return maskedPlaces(auth).map(([scheme, field]) => ({
    pointer: pointerOf(['openapi', 'auth', scheme, field]),
    detail: 'is a masked value: enter the real one',
  }));
}

function openApiFaults({ documentUrl, baseUrl, auth }: OpenApiSettings): FieldFault[] {
  const tokenUrls = Object.entries(auth ?? {}).flatMap(([scheme, { tokenUrl }]) =>
    urlFaults(pointerOf(['openapi', 'auth', scheme, 'tokenUrl']), tokenUrl),
  );
  return [...urlFaults('/openapi/documentUrl', documentUrl), ...urlFaults('/openapi/baseUrl', baseUrl), ...tokenUrls];
}

/** Faults that no row may have, one of the servers file neither; asked again when references are filled in. */
export function rowFaults({ command, args = [], env = {}, cwd, url, endpoints = [], openapi }: Launch): FieldFault[] {
  return [
    ...pathFaults('/command', command),
    ...args.flatMap((arg, at) => (arg.includes('\0') ? [{ pointer: `/args/${at}`, detail: nulRule }] : [])),
    ...envFaults(env),
    ...sizeFaults(args, env),
    ...pathFaults('/cwd', cwd),
    ...climbFaults(cwd),
    ...urlFaults('/url', url),
    ...endpoints.flatMap((each, at) => urlFaults(pointerOf(['endpoints', at, 'url']), each.url)),
    ...openApiFaults(openapi ?? {}),
  ];
}

/** Why a row that was saved nevertheless cannot be run, in a plain sentence; null if it can. */
export function launchFaultOf(launch: Launch): string | null {
  const [fault] = rowFaults(launch);
  if (!fault) return null;
  return `The setting "${fault.pointer.slice(1).replaceAll('/', '.')}" ${fault.detail}.`;
}

const nulRule = 'must not contain NUL characters';

function pathFaults(pointer: string, path: string | null | undefined): FieldFault[] {
  const isPlain = !path || !/\p{Cc}/u.test(path);
  return isPlain ? [] : [{ pointer, detail: 'must not contain line breaks or other control characters' }];
}

function climbFaults(cwd: string | null | undefined): FieldFault[] {
  if (!cwd || isAbsolute(cwd) || !cwd.split(/[\\/]/).includes('..')) return [];
  return [{ pointer: '/cwd', detail: 'must not lead out by "..": give the full path' }];
}

function isAbsolute(path: string): boolean {
  // A reference at the beginning is filled in later, and looked at again.
  return posix.isAbsolute(path) || win32.isAbsolute(path) || path.startsWith('${');
}

function sizeFaults(args: string[], env: Record<string, string>): FieldFault[] {
  const sum = (texts: string[]) => texts.reduce((total, text) => total + Buffer.byteLength(text) + 1, 0);
  const [ofArgs, ofEnv] = [sum(args), sum(Object.entries(env).flat())];
  if (ofArgs + ofEnv <= launchBytesMax) return [];
  const detail = `is too large: arguments and variables may have ${launchBytesMax / 1024} KiB together and have ${Math.ceil((ofArgs + ofEnv) / 1024)} KiB`;
  return [{ pointer: ofArgs > ofEnv ? '/args' : '/env', detail }];
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
  return Object.entries(env).flatMap(([name, value]) => {
    const detail = envFault(name, value);
    return detail === null ? [] : [{ pointer: pointerOf(['env', name]), detail }];
  });
}

function envFault(name: string, value: string): string | null {
  return variableFault(name) ?? (value.includes('\0') ? nulRule : null);
}

function maskFaults(field: 'env' | 'headers' | 'secrets', values: Record<string, string> = {}): FieldFault[] {
  return Object.entries(values).flatMap(([name, value]) => {
    const pointer = pointerOf([field, name]);
    if (field === 'headers' && !isHeaderValue(value)) return [{ pointer, detail: headerRule }];
    return isMasked(value) ? [{ pointer, detail: 'is a masked value: enter the real one' }] : [];
  });
}

const headerRule = 'must not contain line breaks, nor characters that a header cannot carry';

/** References to secrets that the server does not have, and secrets that do not fit where they are used. */
function secretFaults(server: ServerInput): FieldFault[] {
  const secrets = server.secrets ?? {};
  const field = server.type === 'stdio' ? 'env' : 'headers';
  const used = server.type === 'stdio' ? server.env : server.headers;
  const auth = server.type === 'openapi' ? authFaults(server.openapi, secrets) : [];
  const references = expandSecrets(used ?? {}, {}).unset;
  const missing = references.filter(({ name }) => !Object.hasOwn(secrets, name));
  const names = server.type === 'stdio' ? [] : new Set(references.map(({ name }) => name));
  return [
    ...auth,
    ...missing.map(({ key, name }) => ({
      pointer: pointerOf([field, key]),
      detail: `refers to the secret "${name}", which this server does not have: add it to "secrets", or write $\${${name}} for the text itself`,
    })),
    ...[...names].flatMap((name) =>
      isHeaderValue(secrets[name] ?? '') ? [] : [{ pointer: pointerOf(['secrets', name]), detail: headerRule }],
    ),
  ];
}

/** Credentials go into headers, or into addresses, where they are encoded. */
function authFaults({ auth }: OpenApiInput, secrets: Record<string, string>): FieldFault[] {
  const { values, unset } = expandSecrets(authTexts(auth), secrets);
  const pointer = (key: string) => {
    const at = key.lastIndexOf('.');
    return pointerOf(['openapi', 'auth', key.slice(0, at), key.slice(at + 1)]);
  };
  const missing = unset.filter(({ name }) => !Object.hasOwn(secrets, name));
  return [
    ...missing.map(({ key, name }) => ({
      pointer: pointer(key),
      detail: `refers to the secret "${name}", which this server does not have: add it to "secrets"`,
    })),
    ...Object.entries(values).flatMap(([key, value]) =>
      isHeaderValue(value) ? [] : [{ pointer: pointer(key), detail: headerRule }],
    ),
  ];
}

/**
 * Refuses link-local and cloud-metadata addresses written as such. Names are resolved and checked at each connect, by
 * the guarded client: what a name means can change until then.
 */
function urlFaults(pointer: string, url: string | null | undefined): FieldFault[] {
  if (!url || !URL.canParse(url) || !leadsToRefused(new URL(url))) return [];
  return [{ pointer, detail: 'address not allowed: link-local and metadata addresses' }];
}
