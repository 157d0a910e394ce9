// The headers that mirror a request's body (revision 2026-07-28, basic/transports/streamable-http, "Request Metadata"):
// intermediaries act on them, so they must say what the body says.
import { isUtf8 } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http';
import { HubError } from '../../../lib/errors';

/** Which member of `params` the header Mcp-Name repeats. */
const nameSources = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
  ['tasks/get', 'taskId'],
  ['tasks/update', 'taskId'],
  ['tasks/cancel', 'taskId'],
]);

const plainText = /^[\t\x20-\x7e]*$/;
const sentinelStart = '=?base64?';
const sentinelEnd = '?=';
/** An HTTP field name (RFC 9110 §5.6.2). */
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Whether a text may be sent as a header as it is, but for white space at its ends. */
export function isPlainText(text: string): boolean {
  return plainText.test(text);
}

/** The value behind a header, or null where it holds what no header may, or is not what it claims to be. */
export function decodeHeader(header: string): string | null {
  if (!plainText.test(header)) return null;
  if (!header.startsWith(sentinelStart) || !header.endsWith(sentinelEnd)) return header;
  const encoded = header.slice(sentinelStart.length, -sentinelEnd.length);
  const bytes = Buffer.from(encoded, 'base64');
  // Buffer.from skips what is not base64, so several spellings would mean one value.
  return bytes.toString('base64') === encoded && isUtf8(bytes) ? bytes.toString() : null;
}

/** @throws HubError HEADER_MISMATCH when Mcp-Method or Mcp-Name is missing, illegal or not what the body says */
export function checkStandardHeaders(
  headers: IncomingHttpHeaders,
  method: string,
  params: Record<string, unknown> | undefined,
): void {
  const named = headers['mcp-method'];
  if (named === undefined) throw mismatch('Mcp-Method', 'is missing');
  if (named !== method) throw mismatch('Mcp-Method', 'is not the method of the body');
  const source = nameSources.get(method);
  const value = source && params?.[source];
  // A body without a name is wrong in itself, which the method says better.
  if (typeof value !== 'string') return;
  checkHeader(headers, 'Mcp-Name', 'mcp-name', value);
}

function checkHeader(headers: IncomingHttpHeaders, shown: string, name: string, value: string): void {
  const header = headers[name];
  if (typeof header !== 'string') throw mismatch(shown, 'is missing');
  const decoded = decodeHeader(header);
  if (decoded === null) throw mismatch(shown, 'holds characters or an encoding that are not allowed');
  if (decoded !== value) throw mismatch(shown, 'is not the value in the body');
}

function mismatch(header: string, what: string): HubError {
  return new HubError('HEADER_MISMATCH', `The header ${header} ${what}.`);
}

interface ParamHeader {
  shown: string;
  name: string;
  type: 'string' | 'integer' | 'boolean';
  path: string[];
}

/** By the tool's definition, which lives as long as it is listed. */
const paramHeaders = new WeakMap<object, readonly ParamHeader[] | null>();

/**
 * Checks the headers Mcp-Param-* of a tools/call that the tool's `x-mcp-header` annotations ask for; others are left
 * alone. A definition whose annotations break the rules asks for none: clients must not use it at all.
 * @throws HubError HEADER_MISMATCH
 */
export function checkParamHeaders(
  headers: IncomingHttpHeaders,
  definition: { inputSchema?: unknown },
  args: unknown,
): void {
  let wanted = paramHeaders.get(definition);
  if (wanted === undefined) {
    wanted = readParamHeaders(definition.inputSchema);
    paramHeaders.set(definition, wanted);
  }
  if (wanted === null) return;
  for (const { shown, name, type, path } of wanted) {
    let value = args;
    for (const key of path) {
      value =
        typeof value === 'object' && value !== null && Object.hasOwn(value, key)
          ? (value as Record<string, unknown>)[key]
          : undefined;
    }
    if (value === undefined || value === null) {
      if (headers[name] !== undefined) throw mismatch(shown, 'has no value in the body');
    } else if (type === 'integer' && typeof value === 'number') {
      checkInteger(headers, shown, name, value);
    } else if (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number') {
      checkHeader(headers, shown, name, String(value));
    } else if (headers[name] !== undefined) {
      throw mismatch(shown, 'is not the value in the body');
    }
  }
}

/** Compared as numbers: 42.0 is 42. */
function checkInteger(headers: IncomingHttpHeaders, shown: string, name: string, value: number): void {
  const header = headers[name];
  if (typeof header !== 'string') throw mismatch(shown, 'is missing');
  const decoded = decodeHeader(header);
  if (decoded === null || !/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(decoded)) throw mismatch(shown, 'is not a number');
  if (Number(decoded) !== value) throw mismatch(shown, 'is not the value in the body');
}

/** @returns null where there is nothing to check */
function readParamHeaders(schema: unknown): readonly ParamHeader[] | null {
  const found: ParamHeader[] = [];
  const isValid = collect(schema, [], found, new Set());
  return isValid && found.length > 0 ? found : null;
}

/** Follows chains of `properties` only. @returns false when an annotation breaks a rule */
function collect(schema: unknown, path: string[], found: ParamHeader[], names: Set<string>): boolean {
  if (typeof schema !== 'object' || schema === null || path.length > 32) return true;
  const { properties } = schema as { properties?: unknown };
  if (typeof properties !== 'object' || properties === null) return true;
  for (const [key, property] of Object.entries(properties)) {
    if (typeof property !== 'object' || property === null) continue;
    const at = [...path, key];
    const header: unknown = (property as Record<string, unknown>)['x-mcp-header'];
    if (header !== undefined) {
      const { type } = property as { type?: unknown };
      const isPrimitive = type === 'string' || type === 'integer' || type === 'boolean';
      if (typeof header !== 'string' || !token.test(header) || !isPrimitive) return false;
      const name = `mcp-param-${header.toLowerCase()}`;
      if (names.has(name)) return false;
      names.add(name);
      found.push({ shown: `Mcp-Param-${header}`, name, type, path: at });
    }
    if (!collect(property, at, found, names)) return false;
  }
  return true;
}
