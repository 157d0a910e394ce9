// A server behind a URL: which transport and era it speaks, and what of the hub's side goes with each. Streamable HTTP
// comes first; a server that knows neither of its eras may still be one of HTTP+SSE (basic/transports, backwards
// compatibility, 2025-03-26 and later).
import { asHubError, HubError } from '../../lib/errors';
import { type Capabilities, createCapabilitySets, everything, mute } from './capability-sets';
import type { Egress } from './egress';
import { isRefusal, openInEra } from './era';
import { type Face, legacyFace, modernFace } from './face';
import { shakeHands } from './handshake';
import { type HttpTransport, openHttp } from './http';
import { createLink, type Link } from './link';
import { createEnvelope } from './modern';
import { createModernCalls } from './modern-calls';
import { openSse } from './sse';
import type { Access, ClientInfo, CloseReason, EraMemory, Handshake, UpstreamEvents, UpstreamTarget } from './types';

/** A server that keeps no stream open is asked in this rhythm whether it is there. */
const askEveryMs = 30_000;
/** A server that forgot its session is listed anew for that no more often than this. */
const supposeNewEveryMs = 60_000;
/** Over HTTP an unknown request gets an answer: who is silent is slow. */
const silenceMs = 10_000;
/** Answers to `initialize` after which HTTP+SSE is worth a try. */
const perhapsSse = new Set(['http-400', 'http-404', 'http-405']);

export interface RemoteOptions {
  target: UpstreamTarget;
  client: ClientInfo;
  egress: Egress;
  access: Access | null;
  memory: EraMemory;
  timeoutMs: number;
  random: () => number;
  notification: UpstreamEvents['notification'];
  inVain(message: string): void;
  /** Of a connection for one caller: what its client can do, once that is known. @throws HubError */
  declared?(): Promise<Capabilities>;
}

/** @throws HubError */
export async function openRemote(link: Link, options: RemoteOptions): Promise<Face> {
  const { target, client, egress, access, memory, timeoutMs, random } = options;
  if (target.type === 'sse') return openOldRemote(link, options);
  if (target.type !== 'streamable-http') {
    const message = `Servers of type "${target.type}" are not supported.`;
    throw new HubError('UPSTREAM_UNAVAILABLE', message, { reason: 'connect-failed' });
  }
  const { connection } = link;
  const http = link.attach((events) => openHttp({ target, egress, access, random }, events));
  const calls = createModernCalls(
    connection,
    () => options.notification('notifications/tools/list_changed', undefined),
    () => stillModern(link),
  );
  try {
    const handshake = await openInEra(target.era, memory, {
      connection,
      timeoutMs,
      silenceMs,
      speak(version) {
        connection.speak(version === null ? null : createEnvelope(version, client, true, everything));
        http.speak(version, version === null ? undefined : calls.mirror);
      },
      initialize: async () => initialize(link, http, (await options.declared?.()) ?? everything, options),
    });
    if (handshake.era === 'legacy') {
      return options.declared ? ownHttp(link, http, handshake, options) : legacyHttp(link, http, handshake, options);
    }
    const face = modernFace(link, handshake, options);
    const stopAsking = askSometimes(
      () => http.listening || face.isListening() || connection.inflight > 0,
      () => stillModern(link),
    );
    return {
      ...face,
      call: calls.call,
      faultOfTool: calls.faultOfTool,
      stop() {
        stopAsking();
        return face.stop();
      },
    };
  } catch (error) {
    if (target.era === 'modern' || link.end || !perhapsSse.has(asHubError(error).extras.reason ?? '')) throw error;
    await link.detach();
    connection.speak(null);
    return await openOldRemote(link, options).catch(async (later) => {
      await link.detach();
      // What was tried last says less than what a server of today was asked for.
      throw asHubError(later).extras.reason === 'needs-auth' ? later : error;
    });
  }
}

async function initialize(
  link: Link,
  http: HttpTransport,
  capabilities: Record<string, unknown>,
  { client, timeoutMs }: RemoteOptions,
): Promise<Handshake> {
  const handshake = await shakeHands(link.connection, client, capabilities, timeoutMs, (version) =>
    http.speak(version),
  );
  await http.quiet();
  return handshake;
}

function legacyHttp(link: Link, http: HttpTransport, handshake: Handshake, options: RemoteOptions): Face {
  const { connection } = link;
  const { notification } = options;
  const sets = createCapabilitySets({
    server: options.target.name,
    main: link,
    hasSessions: () => http.hasSession,
    open: (capabilities, closed) => openFurther(capabilities, closed),
  });
  const face = legacyFace(link, handshake, options);
  let supposedNewAt = Number.NEGATIVE_INFINITY;
  renewWith(link, http, everything, options, () => {
    void face.renew();
    sets.sessionMade(connection);
    // It has probably been started anew, perhaps as another version. Some lose sessions all the time, listing ones too.
    if (performance.now() - supposedNewAt < supposeNewEveryMs) return;
    supposedNewAt = performance.now();
    notification('notifications/tools/list_changed', undefined);
  });
  http.listen();
  const stopAsking = askSometimes(
    () => http.listening || connection.inflight > 0,
    () => connection.call('ping', undefined, { timeoutMs: askEveryMs }).answer,
  );

  async function openFurther(capabilities: Record<string, unknown>, closed: () => void): Promise<Link> {
    const further = createLink(options.target.name, {
      // The main connection hears of lists and resources.
      notification: (method, params) => {
        if (!method.endsWith('/list_changed') && method !== 'notifications/resources/updated') {
          notification(method, params);
        }
      },
      hasOwnSession: true,
      inVain: options.inVain,
      closed,
    });
    try {
      const { target, egress, access, random } = options;
      const own = further.attach((events) => openHttp({ target, egress, access, random }, events));
      await initialize(further, own, capabilities, options);
      renewWith(further, own, capabilities, options, () => sets.sessionMade(further.connection));
      further.opened();
      own.listen();
      return further;
    } catch (error) {
      await further.close({ reason: 'handshake-failed', message: asHubError(error).message });
      throw error;
    }
  }

  return {
    ...face,
    call: sets.call,
    notify: sets.notify,
    keepsSession: () => http.hasSession,
    inflight: () => sets.inflight,
    async stop() {
      stopAsking();
      await sets.close();
    },
  };
}

/** The connection of one caller: one session, with what its client can do. */
function ownHttp(link: Link, http: HttpTransport, handshake: Handshake, options: RemoteOptions): Face {
  const { connection } = link;
  const face = legacyFace(link, handshake, { ...options, isOwn: true });
  void options.declared?.().then((capabilities) => {
    renewWith(link, http, capabilities, options, () => void face.renew());
  });
  http.listen();
  const stopAsking = askSometimes(
    () => http.listening || connection.inflight > 0,
    () => connection.call('ping', undefined, { timeoutMs: askEveryMs }).answer,
  );
  return { ...face, keepsSession: () => http.hasSession, stop: stopAsking };
}

/** A session that the server forgot is made anew; a server that refuses that has changed and is opened from the start. */
function renewWith(
  link: Link,
  http: HttpTransport,
  capabilities: Record<string, unknown>,
  options: RemoteOptions,
  renewed: () => void,
): void {
  http.onSessionLost(async () => {
    try {
      await initialize(link, http, capabilities, options);
    } catch (error) {
      const { message } = asHubError(error);
      if (isRefusal(error)) setImmediate(() => void link.close({ reason: 'handshake-failed', message }));
      throw error;
    }
    renewed();
  });
}

async function openOldRemote(link: Link, options: RemoteOptions): Promise<Face> {
  const { target, client, egress, access, timeoutMs } = options;
  const { connection } = link;
  const sse = link.attach((events) => openSse({ target, egress, access }, events));
  const begunAt = performance.now();
  await sse.open(timeoutMs);
  const leftMs = Math.max(1, timeoutMs - (performance.now() - begunAt));
  const declared = (await options.declared?.()) ?? mute;
  const handshake = await shakeHands(connection, client, declared, leftMs, (version) => sse.speak(version));
  const face = legacyFace(link, handshake, { ...options, isOwn: options.declared !== undefined });
  const stopAsking = askSometimes(
    () => connection.inflight > 0,
    () => connection.call('ping', undefined, { timeoutMs: askEveryMs }).answer,
  );
  return { ...face, keepsSession: () => true, stop: stopAsking };
}

/** A failed connect closes the transport; any answer, an error too, is a sign of life. */
function askSometimes(isBusy: () => boolean, ask: () => Promise<unknown>): () => void {
  const timer = setInterval(() => {
    if (!isBusy()) ask().catch(() => {});
  }, askEveryMs).unref();
  return () => clearInterval(timer);
}

/** A server that answers the question of modern clients otherwise has been replaced: it is opened from the start. */
async function stillModern(link: Link): Promise<boolean> {
  const reason: CloseReason = {
    reason: 'handshake-failed',
    message: 'The server no longer answers "server/discover".',
  };
  let isGone: boolean;
  try {
    isGone =
      (await link.connection.call('server/discover', undefined, { timeoutMs: askEveryMs }).answer).kind === 'error';
  } catch (error) {
    isGone = isRefusal(error);
  }
  // Not awaited: whoever asks may be a call, which the end of the link settles.
  if (isGone) void link.close(reason);
  return !isGone;
}
