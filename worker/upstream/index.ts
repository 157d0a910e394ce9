// The door of this folder: opens one upstream, whatever its transport.
import { asHubError, HubError } from '../../lib/errors';
import { type Connection, createConnection, type Wire } from './connection';
import type { Egress } from './egress';
import { type ClientInfo, shakeHands } from './handshake';
import { openHttp } from './http';
import { openStdio } from './stdio';
import type { Transport, TransportEvents } from './transport';
import type { CloseReason, Handshake, OpenEvents, Upstream, UpstreamTarget } from './types';

export { createEgress, type Egress } from './egress';
export { markerName } from './environment';
export { listAll } from './listing';
export type * from './types';

/** Connect and handshake together. */
const handshakeMs = 30_000;
/** How long a program that printed text which is not MCP may stay silent before that is reported. */
const doubtMs = 700;
/** So many lines or messages that are not MCP before the first one that is: this is another kind of program. */
const garbageMax = 200;
/** A remote server without a stream of its own is asked in this rhythm whether it is there. */
const pingEveryMs = 30_000;

export interface OpenOptions {
  client: ClientInfo;
  egress: Egress;
  /** Ends the attempt; the promise then rejects when nothing of it is left. */
  signal: AbortSignal;
  handshakeTimeoutMs?: number;
  random?: () => number;
  /** stdio only. */
  process: {
    /** Value of MCPHUB_INSTANCE in the child. */
    marker: string;
    ownEnv: Record<string, string | undefined>;
    beforeStop(pid: number): Promise<void>;
    reap(pid: number): Promise<void>;
  };
}

/**
 * Starts or connects to a server and shakes hands.
 * @throws HubError whose `extras.reason` is that of `closed`, once nothing of the attempt is left
 */
export async function openUpstream(
  target: UpstreamTarget,
  options: OpenOptions,
  events: OpenEvents,
): Promise<Upstream> {
  const timeoutMs = options.handshakeTimeoutMs ?? handshakeMs;
  let transport: Transport | null = null;
  let closeReason: CloseReason | null = null;
  let garbage = '';
  let doubtTimer: NodeJS.Timeout | null = null;
  let open = false;

  const wire: Wire = {
    send: (text, id, method) => transport?.send(text, id, method),
  };
  const connection = createConnection(target.name, wire, {
    notification: (method, params) => events.notification(method, params),
    hung: () => void close({ reason: 'hung', message: 'The server answered neither calls nor a ping.' }),
  });

  function onClosed(reason: CloseReason): void {
    if (doubtTimer) clearTimeout(doubtTimer);
    closeReason ??= open ? reason : explain(reason, garbage);
    connection.end(errorOf(closeReason, target.name, open));
    events.closed(closeReason);
  }

  /** Not MCP in any likelihood: too much text, or our own request echoed. */
  function onGarbage(sample: string, count: number): void {
    if (connection.received > 0 || open) return;
    garbage = sample;
    if (count >= garbageMax) void close({ reason: 'handshake-failed', message: notMcp(garbage) });
    doubtTimer ??= setTimeout(() => {
      if (connection.received === 0 && !closeReason) events.doubtful(notMcp(garbage));
    }, doubtMs).unref();
  }

  const transportEvents: TransportEvents = {
    message: (bytes, onlyFor) => connection.receive(bytes, onlyFor),
    overlong: (head, tail, length) => connection.receiveOverlong(head, tail, length),
    pending: (id) => connection.pending(id),
    failed: (id, error) => connection.fail(id, error),
    closed: onClosed,
  };

  async function close(reason: CloseReason): Promise<void> {
    await transport?.close(reason);
  }

  const onAbort = () => void close({ reason: 'stopped', message: 'The server was stopped.' });
  options.signal.addEventListener('abort', onAbort, { once: true });
  try {
    if (options.signal.aborted) throw new HubError('CANCELLED', undefined, { reason: 'stopped' });
    const { handshake, ended } = await connect();
    open = true;
    return {
      handshake,
      get inflight() {
        return connection.inflight;
      },
      call: connection.call,
      notify: connection.notify,
      async close() {
        ended();
        await close({ reason: 'stopped', message: 'The server was stopped.' });
      },
    };
  } catch (error) {
    const reason = closeReason ?? reasonOf(error, timeoutMs);
    if (transport) await close(reason);
    else onClosed(reason);
    throw errorOf(closeReason ?? reason, target.name, false, error);
  } finally {
    options.signal.removeEventListener('abort', onAbort);
    if (doubtTimer) clearTimeout(doubtTimer);
  }

  function connect(): Promise<{ handshake: Handshake; ended: () => void }> {
    if (target.type === 'stdio') return connectStdio();
    if (target.type === 'streamable-http') return connectHttp();
    throw new HubError('UPSTREAM_UNAVAILABLE', `Servers of type "${target.type}" are not supported.`, {
      reason: 'connect-failed',
    });
  }

  async function connectStdio() {
    transport = openStdio(
      { target, ...options.process },
      { ...transportEvents, spawned: events.spawned, stderr: events.stderr, garbage: onGarbage },
    );
    const handshake = await shake(connection, () => {});
    return { handshake, ended: () => {} };
  }

  async function connectHttp() {
    const http = openHttp({ target, egress: options.egress, random: options.random }, transportEvents);
    transport = http;
    const shakeAndSettle = async () => {
      const handshake = await shake(connection, (version) => http.speak(version));
      await http.quiet();
      return handshake;
    };
    http.onSessionLost(async () => {
      await shakeAndSettle();
    });
    const handshake = await shakeAndSettle();
    http.listen();
    const timer = setInterval(() => {
      if (http.listening || connection.inflight > 0) return;
      // A failed connect closes the transport; any answer, an error too, is a sign of life.
      connection.call('ping', undefined, { timeoutMs: pingEveryMs }).answer.catch(() => {});
    }, pingEveryMs).unref();
    return { handshake, ended: () => clearInterval(timer) };
  }

  function shake(over: Connection, versioned: (version: string) => void): Promise<Handshake> {
    return shakeHands(over, options.client, timeoutMs, versioned);
  }
}

function notMcp(sample: string): string {
  return `The program printed text that is not MCP: ${JSON.stringify(sample.trim())}.`;
}

/** An end before the handshake, with what the program printed instead of it. */
function explain(reason: CloseReason, garbage: string): CloseReason {
  if (reason.reason !== 'exited' && reason.reason !== 'killed') return reason;
  const message = `${reason.message.replace(/\.$/, '')} before it answered "initialize".`;
  return { ...reason, message: garbage ? `${message} ${notMcp(garbage)}` : message };
}

function reasonOf(error: unknown, timeoutMs: number): CloseReason {
  const { code, message, extras } = asHubError(error);
  if (code === 'UPSTREAM_TIMEOUT') {
    return {
      reason: 'handshake-failed',
      message: `The server did not answer "initialize" within ${timeoutMs / 1000} s.`,
    };
  }
  const known = ['connect-failed', 'needs-auth', 'stopped'];
  if (extras.reason === 'address-refused') return { reason: 'connect-failed', message };
  return { reason: known.includes(extras.reason ?? '') ? String(extras.reason) : 'handshake-failed', message };
}

/** What calls get that were under way, or are made later. */
function errorOf({ reason, message }: CloseReason, server: string, wasOpen: boolean, cause?: unknown): HubError {
  const extras = { server, reason, cause };
  if (reason === 'needs-auth') return new HubError('UPSTREAM_NEEDS_AUTH', message, extras);
  const code = wasOpen && reason !== 'connect-failed' ? 'INTERRUPTED' : 'UPSTREAM_UNAVAILABLE';
  return new HubError(code, message, { ...extras, retryable: true });
}
