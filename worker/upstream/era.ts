// Which era a server is of, found out on the connection that is used afterwards: `server/discover` first, `initialize`
// where that is not answered as a modern server answers (basic/versioning and basic/transports, 2026-07-28).
import { asHubError, type HubError } from '../../lib/errors';
import type { Connection } from './connection';
import { isObject, protocolVersions, type RpcErrorValue, readServerInfo, refused } from './handshake';
import { modernVersions, serverInfoKey } from './modern';
import type { Era, EraMemory, Handshake } from './types';

/** Legacy programs may leave an unknown request without an answer. */
const programSilenceMs = 2_000;
const headerMismatchCode = -32020;
const missingCapabilityCode = -32021;
const versionRefusedCode = -32022;

export interface EraWays {
  connection: Connection;
  timeoutMs: number;
  /** So long without an answer to `server/discover` means that it is not known; default: as for a program. */
  silenceMs?: number;
  /** Makes connection and transport write requests of a modern version, or of the legacy revisions for null. */
  speak(version: string | null): void;
  /** The legacy handshake. */
  initialize(): Promise<Handshake>;
}

/**
 * Opens a connection in the era that the server is of.
 * @param wanted "auto" tries what the memory suggests first, then the other
 * @param memory what was found before; written to
 * @throws HubError as a call does, or UPSTREAM_BAD_ANSWER when the server is of neither era
 */
export async function openInEra(
  wanted: 'auto' | Era | undefined,
  memory: EraMemory,
  { connection, timeoutMs, silenceMs = programSilenceMs, speak, initialize }: EraWays,
): Promise<Handshake> {
  /** The connection has gone on to the legacy handshake; an answer that still comes must not change how it speaks. */
  let isLate = false;
  const legacyFirst = wanted === 'legacy' || (wanted !== 'modern' && memory.era === 'legacy');
  try {
    const handshake = await (legacyFirst ? beginLegacy() : beginModern());
    memory.era = handshake.era;
    return handshake;
  } catch (error) {
    // A program that ends over an unknown request is not asked that first the next time; any other guess is given up.
    const diedOfProbe = !legacyFirst && connection.received === 0 && asHubError(error).extras.reason === 'exited';
    memory.era = diedOfProbe ? 'legacy' : null;
    throw error;
  }

  async function beginLegacy(): Promise<Handshake> {
    speak(null);
    try {
      return await initialize();
    } catch (error) {
      if (wanted === 'legacy' || !isRefusal(error)) throw error;
      const handshake = await discover().catch(() => null);
      if (!handshake) throw error;
      return handshake;
    }
  }

  async function beginModern(): Promise<Handshake> {
    const discovering = discover();
    const found = wanted === 'modern' ? await discovering : await settledSoon(discovering);
    if (found && found !== 'silent') return found;
    if (wanted === 'modern') throw refused(`The server does not speak ${modernVersions.join(' or ')}.`);
    isLate = true;
    speak(null);
    try {
      return await initialize();
    } catch (error) {
      // A modern server that was only slow has refused "initialize", and its first answer may be here by now.
      const late = found === 'silent' && isRefusal(error) ? await discovering : null;
      if (!late) throw error;
      speak(late.protocolVersion);
      return late;
    }
  }

  /** The handshake of a modern server; null for any other. @throws HubError where there is no use in going on */
  async function discover(version: string = modernVersions[0]): Promise<Handshake | null> {
    speak(version);
    const answer = await connection.call('server/discover', undefined, { timeoutMs }).answer.catch((error) => {
      if (isFinal(asHubError(error))) throw error;
      return null;
    });
    if (!answer) return null;
    if (answer.kind === 'result') {
      const handshake = readDiscovery(answer.value as Record<string, unknown>);
      if (handshake && !isLate) speak(handshake.protocolVersion);
      return handshake;
    }
    const next = isLate ? null : versionAfter(answer.value as RpcErrorValue, version);
    return next === null ? null : discover(next);
  }

  /** The outcome, or "silent" where there is none in time; a rejection may still come and is no fault of its own. */
  function settledSoon(discovering: Promise<Handshake | null>): Promise<Handshake | null | 'silent'> {
    let timer: NodeJS.Timeout | undefined;
    const silent = new Promise<'silent'>((resolve) => {
      timer = setTimeout(() => resolve('silent'), Math.min(silenceMs, timeoutMs / 3));
    });
    discovering.catch(() => {});
    return Promise.race([discovering, silent]).finally(() => clearTimeout(timer));
  }
}

function readDiscovery(result: Record<string, unknown>): Handshake | null {
  const { supportedVersions, capabilities, instructions, _meta, serverInfo } = result;
  if (!Array.isArray(supportedVersions)) return null;
  const chosen = modernVersions.find((each) => supportedVersions.includes(each));
  if (!chosen) return null;
  const named = isObject(_meta) ? _meta[serverInfoKey] : undefined;
  return {
    era: 'modern',
    protocolVersion: chosen,
    capabilities: isObject(capabilities) ? capabilities : {},
    serverInfo: readServerInfo(named ?? serverInfo),
    ...(typeof instructions === 'string' && { instructions }),
  };
}

/** The version to go on with after an error. Null: it is no error of a modern server, or it serves legacy clients too. */
function versionAfter({ code, message, data }: RpcErrorValue, tried: string): string | null {
  const supported = isObject(data) ? data.supported : undefined;
  if (code === versionRefusedCode && Array.isArray(supported)) {
    const next = modernVersions.find((version) => version !== tried && supported.includes(version));
    if (next) return next;
    if (protocolVersions.some((version) => supported.includes(version))) return null;
    const named = supported.map(String).join(', ').slice(0, 200);
    throw refused(`The server speaks protocol version ${named || 'none'}, which the hub does not know.`);
  }
  const isModern = code === missingCapabilityCode && isObject(data) && isObject(data.requiredCapabilities);
  if (isModern || code === headerMismatchCode) throw refused(`"server/discover" was refused: ${message.slice(0, 500)}`);
  return null;
}

/** The era of a version that a server spoke before. */
export function eraOf(version: string): Era {
  return (protocolVersions as readonly string[]).includes(version) ? 'legacy' : 'modern';
}

/** The server answered, and does not want what it was asked for; "too early" and "too many" are no word on that. */
export function isRefusal(error: unknown): boolean {
  const { code, extras } = asHubError(error);
  return code === 'UPSTREAM_BAD_ANSWER' || /^http-4(?!08|25|29)\d\d$/.test(extras.reason ?? '');
}

/** Nothing can be asked of this server any more. */
function isFinal({ code, extras }: HubError): boolean {
  if (code === 'UPSTREAM_NEEDS_AUTH' || code === 'CANCELLED') return true;
  return code === 'UPSTREAM_UNAVAILABLE' && !/^http-/.test(extras.reason ?? '');
}
