// What a server's launch settings may not contain, whoever sends them. The operator's own file is not asked: whoever
// can write it owns the machine's settings anyway.
import ipaddr from 'ipaddr.js';
import type { FieldFault } from '../errors';
import { pointerOf } from '../input';
import { isMasked } from './masking';
import type { ServerInput } from './schema';

/** Variables that make a child load foreign code. */
const codeLoading = /^(NODE_OPTIONS|BASH_ENV|LD_.*|DYLD_.*)$/;

/** @returns all faults of a server that a caller wants to save */
export function launchFaults(server: ServerInput): FieldFault[] {
  if (server.type === 'stdio') return [...envFaults(server.env ?? {}), ...maskFaults('env', server.env)];
  return [...urlFaults(server.url), ...maskFaults('headers', server.headers)];
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
function urlFaults(url: string): FieldFault[] {
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
  if (!ipaddr.isValid(host)) return [];
  const address = ipaddr.process(host);
  const metadata = address.range() === 'linkLocal' || address.toNormalizedString() === 'fd00:ec2:0:0:0:0:0:254';
  return metadata ? [{ pointer: '/url', detail: 'address not allowed: link-local and metadata addresses' }] : [];
}
