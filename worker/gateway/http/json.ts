// Checks the bytes of a body before they are parsed, and the shape of a JSON-RPC message after it.
import { isUtf8 } from 'node:buffer';
import { HubError } from '../../../lib/errors';

export type RequestId = string | number;

/** A request has an id, a notification has none, a response has no method. */
export interface Message {
  id?: RequestId;
  method?: string;
  params?: Record<string, unknown>;
  /** Of a response, unchecked. */
  result?: unknown;
  error?: unknown;
}

const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const openBracket = 0x5b;
const closeBrace = 0x7d;
const closeBracket = 0x5d;
const colon = 0x3a;
/** Fewer bytes than this cannot nest too deep or hold too many keys. */
const harmlessBytes = 64;

/**
 * Parses a JSON text in UTF-8.
 * @throws HubError PARSE_ERROR for anything that is not JSON (a BOM and UTF-16 included), INVALID_REQUEST for what is
 * nested too deep or has too many keys, found before the parser builds it
 */
export function parseJson(bytes: Buffer, maxDepth: number, maxKeys: number): unknown {
  if (!isUtf8(bytes)) throw new HubError('PARSE_ERROR', 'The body is not valid UTF-8.');
  if (bytes.length > harmlessBytes) checkStructure(bytes, maxDepth, maxKeys);
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new HubError('PARSE_ERROR');
  }
}

/** One pass over the bytes, strings skipped: brackets give the depth, colons the number of keys. */
function checkStructure(bytes: Buffer, maxDepth: number, maxKeys: number): void {
  let depth = 0;
  let keys = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte === quote) {
      at = endOfString(bytes, at + 1);
    } else if (byte === colon) {
      if (++keys > maxKeys) throw new HubError('INVALID_REQUEST', `The body has more than ${maxKeys} keys.`);
    } else if (byte === openBrace || byte === openBracket) {
      if (++depth > maxDepth) throw new HubError('INVALID_REQUEST', `The body is nested deeper than ${maxDepth}.`);
    } else if (byte === closeBrace || byte === closeBracket) {
      depth--;
    }
  }
}

function endOfString(bytes: Buffer, start: number): number {
  let end = bytes.indexOf(quote, start);
  while (end !== -1) {
    let slashes = 0;
    while (bytes[end - 1 - slashes] === backslash) slashes++;
    if (slashes % 2 === 0) return end;
    end = bytes.indexOf(quote, end + 1);
  }
  return bytes.length;
}

/**
 * The one message in a parsed body.
 * @throws HubError INVALID_REQUEST: not an object, another `jsonrpc`, an id that is null or no string or integer, no
 * method; INVALID_INPUT: params that are no object
 */
export function checkMessage(value: unknown): Message {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new HubError('INVALID_REQUEST', 'A message must be a JSON object.');
  }
  const { jsonrpc, id, method, params } = value as Record<string, unknown>;
  if (jsonrpc !== '2.0') throw new HubError('INVALID_REQUEST', 'The member "jsonrpc" must be "2.0".');
  if (id !== undefined && typeof id !== 'string' && !Number.isSafeInteger(id)) {
    throw new HubError('INVALID_REQUEST', 'The member "id" must be a string or an integer.');
  }
  if (typeof method !== 'string' || method === '') {
    const isResponse = method === undefined && id !== undefined && ('result' in value || 'error' in value);
    if (!isResponse) throw new HubError('INVALID_REQUEST', 'The member "method" must be a string.');
    const { result, error } = value as { result?: unknown; error?: unknown };
    return { id: id as RequestId, result, error };
  }
  if (params !== undefined && (typeof params !== 'object' || params === null || Array.isArray(params))) {
    throw new HubError('INVALID_INPUT', 'The member "params" must be an object.');
  }
  return { id: id as RequestId | undefined, method, params: params as Record<string, unknown> | undefined };
}

/** The id to answer a faulty message with, or null where it has none that can be used. */
export function idOf(value: unknown): RequestId | null {
  if (typeof value !== 'object' || value === null || !('id' in value)) return null;
  return typeof value.id === 'string' || Number.isSafeInteger(value.id) ? (value.id as RequestId) : null;
}
