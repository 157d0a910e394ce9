// The door of this folder: opens one upstream, whatever its transport and era.
import { asHubError, HubError } from '../../lib/errors';
import { type Capabilities, canonical, everything, mute } from './capability-sets';
import type { Egress } from './egress';
import { openInEra } from './era';
import { type Face, legacyFace, modernFace } from './face';
import { shakeHands } from './handshake';
import { createLink, errorOf, hasEnded, withoutStop } from './link';
import { createEnvelope } from './modern';
import { openOpenApi } from './openapi';
import { openRemote } from './remote';
import { openPatiently } from './retries';
import { openStdio } from './stdio';
import type {
  Access,
  ClientInfo,
  ClientSide,
  CloseReason,
  DocumentStore,
  EraMemory,
  OpenEvents,
  Upstream,
  UpstreamTarget,
} from './types';

export { challengeOf } from './challenge';
export { createClientDocuments, type FetchDocument } from './client-documents';
export { createEgress, type Egress } from './egress';
export { childEnvironment, markerName } from './environment';
export { eraOf } from './era';
export { listAll } from './listing';
export { readDocument } from './openapi';
export { createHttpClient, type HttpAnswer, type HttpRequest } from './openapi/client';
export { faultOfFolder, findProgram } from './program';
export type * from './types';

/** Connect and handshake together. */
const handshakeMs = 30_000;
/** How long a program that printed text which is not MCP may stay silent before that is reported. */
const doubtMs = 700;
/** So many lines or messages that are not MCP before the first one that is: this is another kind of program. */
const garbageMax = 200;

export interface OpenOptions {
  client: ClientInfo;
  egress: Egress;
  /** Ends the attempt; the promise then rejects when nothing of it is left. A CloseReason may be its reason. */
  signal: AbortSignal;
  handshakeTimeoutMs?: number;
  random?: () => number;
  /** What earlier connections found; without it each one finds out anew. */
  memory?: EraMemory;
  /**
   * The connection serves one caller only: its first client, whose capabilities are declared. Until that is known all is
   * made ready but the legacy handshake.
   */
  borrower?: Promise<ClientSide> | undefined;
  /** What the connection proves itself with, beside the row. */
  access?: Access | null | undefined;
  /** openapi only. */
  documents?: DocumentStore | undefined;
  /** stdio only. */
  process: {
    /** Value of MCPHUB_INSTANCE in the child. */
    marker: string;
    ownEnv: Record<string, string | undefined>;
    /** As in StdioOptions. */
    launcher?: readonly string[];
    beforeStop(pid: number): Promise<void>;
    reap(pid: number): Promise<void>;
  };
}

/**
 * Starts or connects to a server and shakes hands; one behind a URL is asked again after a fault that may pass.
 * @throws HubError whose `extras.reason` is that of `closed`, once nothing of the attempt is left
 */
export function openUpstream(target: UpstreamTarget, options: OpenOptions, events: OpenEvents): Promise<Upstream> {
  const { handshakeTimeoutMs: timeoutMs = handshakeMs, random = Math.random, signal } = options;
  if (target.type === 'stdio') return openOnce(target, options, events, timeoutMs);
  if (target.type === 'openapi') {
    const { client } = options;
    return openOpenApi({
      target,
      settings: target.openapi ?? {},
      egress: options.egress,
      documents: options.documents ?? noDocuments,
      userAgent: `${client.name}/${client.version}`,
      signal,
      closed: events.closed,
    });
  }
  return openPatiently((own, leftMs) => openOnce(target, options, own, leftMs), events, { timeoutMs, random, signal });
}

async function openOnce(
  target: UpstreamTarget,
  options: OpenOptions,
  events: OpenEvents,
  timeoutMs: number,
): Promise<Upstream> {
  const { client, access = null, memory = { era: null }, random = Math.random } = options;
  let garbage = '';
  let doubtTimer: NodeJS.Timeout | null = null;
  let onEnd: () => void = () => {};
  const ending = new Promise<void>((resolve) => {
    onEnd = resolve;
  });
  const toldInVain = new Set<string>();
  const inVain = (message: string) => {
    if (toldInVain.has(message)) return;
    toldInVain.add(message);
    events.inVain?.(message);
  };
  const link = createLink(
    target.name,
    {
      notification: events.notification,
      inVain,
      sighted: events.sighted,
      closed: (reason) => {
        if (doubtTimer) clearTimeout(doubtTimer);
        onEnd();
        events.closed(reason);
      },
    },
    (reason) => explain(reason, garbage, target.era === 'modern' || memory.era === 'modern'),
  );
  const { connection } = link;
  const { borrower } = options;
  let isLent = false;
  void borrower?.then((first) => {
    isLent = true;
    connection.lend(first);
  });
  const onAbort = () => void link.close(reasonOfAbort(options.signal));
  options.signal.addEventListener('abort', onAbort, { once: true });
  try {
    if (options.signal.aborted) throw new HubError('CANCELLED', undefined, { reason: 'stopped' });
    const { notification } = events;
    const remote = {
      target,
      client,
      egress: options.egress,
      access,
      memory,
      timeoutMs,
      random,
      notification,
      inVain,
      ...(borrower && { declared }),
    };
    const face = target.type === 'stdio' ? await openProgram() : await openRemote(link, remote);
    link.opened();
    return {
      handshake: face.handshake,
      get inflight() {
        return face.inflight();
      },
      call: face.call,
      notify: face.notify,
      watch: face.watch,
      ...(face.faultOfTool && { faultOfTool: face.faultOfTool }),
      ...(face.keepsSession && { keepsSession: face.keepsSession }),
      async close(reason = stopped) {
        // Whoever is ended at once is not told goodbye first.
        if (!reason.atOnce) await face.stop();
        await link.close(reason);
      },
    };
  } catch (error) {
    const reason = link.end ?? reasonOf(error, timeoutMs);
    await link.close(reason);
    throw errorOf(link.end ?? reason, target.name, false, error);
  } finally {
    options.signal.removeEventListener('abort', onAbort);
    if (doubtTimer) clearTimeout(doubtTimer);
  }

  /** What the borrower can do, once there is one. @throws HubError when the connection ends before */
  async function declared(): Promise<Capabilities> {
    if (!borrower) return mute;
    if (!isLent) events.prepared?.();
    const client = await Promise.race([borrower, ending]);
    if (client) return canonical(client.capabilities);
    throw new HubError('CANCELLED', undefined, { reason: 'stopped' });
  }

  async function openProgram(): Promise<Face> {
    link.attach((transportEvents) =>
      openStdio(
        { target: access ? { ...target, env: { ...target.env, ...access.env } } : target, ...options.process },
        { ...transportEvents, spawned: events.spawned, stderr: events.stderr, garbage: onGarbage },
      ),
    );
    const handshake = await openInEra(target.era, memory, {
      connection,
      timeoutMs,
      speak: (version) =>
        connection.speak(version === null ? null : createEnvelope(version, client, false, everything)),
      initialize: async () => shakeHands(connection, client, await declared(), timeoutMs, () => {}),
    });
    const faceOptions = { target, random, notification: events.notification, isOwn: borrower !== undefined };
    return handshake.era === 'modern'
      ? modernFace(link, handshake, faceOptions)
      : legacyFace(link, handshake, faceOptions);
  }

  /** Not MCP in any likelihood: too much text, or our own request echoed. */
  function onGarbage(sample: string, count: number): void {
    if (connection.received > 0) return;
    if (count === 1) events.sighted?.({ kind: 'garbage', sample });
    garbage = sample;
    if (count >= garbageMax) void link.close({ reason: 'handshake-failed', message: notMcp(garbage) });
    doubtTimer ??= setTimeout(() => {
      if (connection.received === 0 && !link.end) events.doubtful(notMcp(garbage), 'handshake-failed');
    }, doubtMs).unref();
  }
}

const noDocuments: DocumentStore = { load: async () => null, save: async () => {} };

const stopped: CloseReason = { reason: 'stopped', message: 'The server was stopped.' };

function reasonOfAbort({ reason }: AbortSignal): CloseReason {
  return typeof reason?.reason === 'string' ? (reason as CloseReason) : stopped;
}

function notMcp(sample: string): string {
  return `The program printed text that is not MCP: ${JSON.stringify(sample.trim())}.`;
}

/** An end before the handshake, with what the program printed instead of it. */
function explain(reason: CloseReason, garbage: string, isModern: boolean): CloseReason {
  if (!hasEnded(reason)) return reason;
  const first = isModern ? 'server/discover' : 'initialize';
  const message = `${withoutStop(reason.message)} before it answered "${first}".`;
  return { ...reason, message: garbage ? `${message} ${notMcp(garbage)}` : message };
}

function reasonOf(error: unknown, timeoutMs: number): CloseReason {
  const { code, message, extras } = asHubError(error);
  const { retryAfterMs } = extras;
  if (code === 'UPSTREAM_TIMEOUT') {
    return {
      reason: 'handshake-failed',
      message: `The server did not answer "initialize" within ${timeoutMs / 1000} s.`,
    };
  }
  const known = ['connect-failed', 'needs-auth', 'stopped'];
  if (extras.reason === 'address-refused') return { reason: 'connect-failed', message };
  const reason = known.includes(extras.reason ?? '') ? String(extras.reason) : 'handshake-failed';
  return { reason, message, ...(retryAfterMs !== undefined && { retryAfterMs }) };
}
