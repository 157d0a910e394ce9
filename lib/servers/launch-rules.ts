// What a server's launch settings may not contain, whoever sends them.
import ipaddr from 'ipaddr.js';
import type { FieldFault } from '../errors';
import { pointerOf } from '../input';
import { isMasked } from './masking';
import type { ServerInput } from './schema';

/** Variables that make a child load foreign code; Windows does not tell cases apart. */
const codeLoading = /^(NODE_OPTIONS|BASH_ENV|LD_.*|DYLD_.*)$/i;

/** @returns all faults of a server that a caller wants to save */
export function launchFaults(server: ServerInput): FieldFault[] {
  if (server.type === 'stdio') return [...envFaults(server.env ?? {}), ...maskFaults('env', server.env)];
  const endpoints = (server.endpoints ?? []).flatMap(({ url }, at) =>
    urlFaults(url, pointerOf(['endpoints', at, 'url'])),
  );
  return [...urlFaults(server.url, '/url'), ...endpoints, ...maskFaults('headers', server.headers)];
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

function envFaults(env: Record<string, string>): FieldFault[] {
  return Object.keys(env).flatMap((name) => {
    const pointer = pointerOf(['env', name]);
    if (codeLoading.test(name)) return [{ pointer, detail: 'is refused: this variable would load foreign code' }];
    return name.includes('=') ? [{ pointer, detail: 'is not a legal name of a variable' }] : [];
  });
}

function maskFaults(field: 'env' | 'headers', values: Record<string, string> = {}): FieldFault[] {
  return Object.entries(values).flatMap(([name, value]) => {
    const pointer = pointerOf([field, name]);
    if (/[\r\n]/.test(value) && field === 'headers') return [{ pointer, detail: 'must not contain line breaks' }];
    return isMasked(value) ? [{ pointer, detail: 'is a masked value: enter the real one' }] : [];
  });
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
