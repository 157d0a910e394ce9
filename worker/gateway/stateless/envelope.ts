// What a request of revision 2026-07-28 says of itself: the reserved fields of `_meta` (basic/index, "_meta") and the
// decision which era a POST belongs to. Such a request stands for itself, so everything is looked at each time.
import type { IncomingHttpHeaders } from 'node:http';
import { HubError } from '../../../lib/errors';
import type { Message } from '../http/json';
import { logLevels, severityOf } from '../log-levels';
import { checkStandardHeaders, isPlainText } from './headers';

/** Revisions without sessions that are served, latest first. */
export const modernVersions = ['2026-07-28'] as const;
/** Revisions with sessions that exist; one that is not served here is refused by the session era. */
const legacyVersions = new Set(['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25']);

const prefix = 'io.modelcontextprotocol/';
const versionKey = `${prefix}protocolVersion`;
const capabilitiesKey = `${prefix}clientCapabilities`;
const clientInfoKey = `${prefix}clientInfo`;
const logLevelKey = `${prefix}logLevel`;
export const serverInfoKey = `${prefix}serverInfo`;
export const subscriptionIdKey = `${prefix}subscriptionId`;

const clientNameMaxChars = 64;
const versionMaxChars = 64;

export interface Envelope {
  capabilities: Record<string, unknown>;
  clientName: string | null;
  logLevel: string | undefined;
}

/**
 * Whether a message is of the era without sessions: it says so itself, or by a header that only that era has. Clients of
 * sessions may send the header Mcp-Method too; a version with sessions in the other header then decides.
 */
export function isModern(headers: IncomingHttpHeaders, params: Record<string, unknown> | undefined): boolean {
  const meta = params?._meta;
  if (typeof meta === 'object' && meta !== null && versionKey in meta) return true;
  const version = headers['mcp-protocol-version'];
  return version === undefined ? headers['mcp-method'] !== undefined : !legacyVersions.has(version as string);
}

/**
 * Checks the envelope and the headers of a request against each other.
 * @throws HubError HEADER_MISMATCH, UNSUPPORTED_VERSION, INVALID_INPUT; each with the HTTP status of its row
 */
export function readEnvelope(headers: IncomingHttpHeaders, { method = '', params }: Message): Envelope {
  const meta = isObject(params?._meta) ? params._meta : {};
  const header = headers['mcp-protocol-version'] as string | undefined;
  const version = meta[versionKey];
  if (typeof version !== 'string') {
    if (header !== undefined) checkVersion(header);
    throw missing(versionKey);
  }
  if (header === undefined) throw new HubError('HEADER_MISMATCH', 'The header MCP-Protocol-Version is missing.');
  if (header !== version) {
    throw new HubError('HEADER_MISMATCH', 'The header MCP-Protocol-Version is not the version in the body.');
  }
  checkVersion(version);
  const capabilities = meta[capabilitiesKey];
  if (!isObject(capabilities)) throw missing(capabilitiesKey);
  const logLevel = meta[logLevelKey];
  if (logLevel !== undefined && severityOf(logLevel) === -1) {
    throw new HubError('INVALID_INPUT', `"${logLevelKey}" must be one of ${logLevels.join(', ')}.`);
  }
  checkStandardHeaders(headers, method, params);
  const info = meta[clientInfoKey] as { name?: unknown } | null | undefined;
  const name = info?.name;
  return {
    capabilities,
    clientName: typeof name === 'string' ? name.slice(0, clientNameMaxChars) : null,
    logLevel: logLevel as string | undefined,
  };
}

function checkVersion(version: string): void {
  if (modernVersions.some((known) => known === version)) return;
  const requested = isPlainText(version) ? version.slice(0, versionMaxChars) : '';
  throw new HubError('UNSUPPORTED_VERSION', undefined, { data: { supported: modernVersions, requested } });
}

function missing(key: string): HubError {
  return new HubError('INVALID_INPUT', `Each request of this revision needs "${key}" in its "_meta".`);
}

/**
 * Takes the envelope out of a request's `_meta`, in place: it speaks of the client and of its connection to the hub,
 * and a server that is asked with an envelope that is not its own takes it for the wrong era.
 */
export function dropEnvelope(params: Record<string, unknown> | undefined): void {
  const meta = params?._meta;
  if (!params || !isObject(meta)) return;
  let rest: Record<string, unknown> | undefined;
  for (const key in meta) {
    if (key === versionKey || key === capabilitiesKey || key === clientInfoKey || key === logLevelKey) continue;
    rest ??= {};
    rest[key] = meta[key];
  }
  params._meta = rest;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
