// The legacy handshake as a client: initialize, then notifications/initialized (lifecycle, 2024-11-05 … 2025-11-25).
// What is declared depends on the transport: where it cannot tell whose call a server's question belongs to, nothing is
// that a server could ask for.
import { HubError } from '../../lib/errors';
import type { Connection } from './connection';
import type { ClientInfo, Handshake } from './types';

/** Newest first. */
export const protocolVersions = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'] as const;

/**
 * Opens the session. A server that refuses the newest version instead of naming its own is asked once more.
 * @throws HubError as a call does, or UPSTREAM_BAD_ANSWER for an answer that is no handshake
 */
export async function shakeHands(
  connection: Connection,
  client: ClientInfo,
  capabilities: Record<string, unknown>,
  timeoutMs: number,
  versioned: (version: string) => void,
): Promise<Handshake> {
  let asked: string = protocolVersions[0];
  let answer = await initialize(connection, client, capabilities, asked, timeoutMs);
  if (answer.kind === 'error') {
    const fallback = versionAfter(answer.value as RpcErrorValue);
    if (fallback) {
      asked = fallback;
      answer = await initialize(connection, client, capabilities, asked, timeoutMs);
    }
  }
  if (answer.kind === 'error') throw refused(`"initialize" was refused: ${(answer.value as RpcErrorValue).message}`);
  const handshake = readHandshake(answer.value as Record<string, unknown>);
  versioned(handshake.protocolVersion);
  connection.notify('notifications/initialized');
  return handshake;
}

export interface RpcErrorValue {
  code: number;
  message: string;
  data?: unknown;
}

function initialize(
  connection: Connection,
  clientInfo: ClientInfo,
  capabilities: Record<string, unknown>,
  protocolVersion: string,
  timeoutMs: number,
) {
  return connection.call('initialize', { protocolVersion, capabilities, clientInfo }, { timeoutMs }).answer;
}

/** -32602 is what the lifecycle page shows for an unsupported version, with `data.supported`. */
function versionAfter({ code, data }: RpcErrorValue): string | null {
  if (code !== -32602 && code !== -32022) return null;
  const supported = (data as { supported?: unknown } | undefined)?.supported;
  if (!Array.isArray(supported)) return protocolVersions.at(-1) ?? null;
  return protocolVersions.find((version) => supported.includes(version)) ?? null;
}

function readHandshake(result: Record<string, unknown>): Handshake {
  const { protocolVersion, capabilities, serverInfo, instructions } = result;
  if (typeof protocolVersion !== 'string') throw refused('The answer to "initialize" names no protocolVersion.');
  if (!(protocolVersions as readonly string[]).includes(protocolVersion)) {
    throw refused(`The server speaks protocol version ${protocolVersion.slice(0, 40)}, which the hub does not know.`);
  }
  return {
    era: 'legacy',
    protocolVersion,
    capabilities: isObject(capabilities) ? capabilities : {},
    serverInfo: readServerInfo(serverInfo),
    ...(typeof instructions === 'string' && { instructions }),
  };
}

/** What a server says of itself, with a name in any case. */
export function readServerInfo(serverInfo: unknown): Handshake['serverInfo'] {
  const info = (isObject(serverInfo) ? serverInfo : {}) as { name?: unknown; version?: unknown };
  return {
    ...info,
    name: typeof info.name === 'string' ? info.name : 'unknown',
    version: typeof info.version === 'string' ? info.version : undefined,
  };
}

export function refused(message: string): HubError {
  return new HubError('UPSTREAM_BAD_ANSWER', message, { reason: 'handshake-failed' });
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
