// What an open connection offers to the rest of the worker, as far as it depends on the era alone.
import type { Link } from './link';
import { createListening } from './listening';
import { createSubscriptions } from './subscriptions';
import type { Handshake, Upstream, UpstreamEvents } from './types';

/** Time for a server to take or give up a subscription. */
const asideMs = 10_000;

/** An upstream without its end. */
export interface Face
  extends Pick<Upstream, 'handshake' | 'call' | 'notify' | 'watch' | 'faultOfTool' | 'keepsSession'> {
  inflight(): number;
  /** Ends what goes on beside the connection: timers, streams, further connections. Idempotent. */
  stop(): Promise<void> | void;
}

export interface FaceOptions {
  target: { name: string };
  random: () => number;
  notification: UpstreamEvents['notification'];
  /** The connection is one caller's. */
  isOwn?: boolean;
}

/** `renew`: a new session knows none of the subscriptions. */
export function legacyFace(
  { connection }: Link,
  handshake: Handshake,
  { target, isOwn = false }: FaceOptions,
): Face & { renew(): Promise<void> } {
  const subscriptions = createSubscriptions(
    target.name,
    handshake.capabilities,
    (method, params) => connection.call(method, params, { timeoutMs: asideMs }).answer,
  );
  return {
    handshake,
    call: connection.call,
    // Shared by all callers, it declares nothing of any client.
    notify: (method, params, client) => {
      if (!client || isOwn) connection.notify(method, params);
    },
    watch: subscriptions.watch,
    renew: subscriptions.renew,
    inflight: () => connection.inflight,
    stop: () => undefined,
  };
}

export function modernFace(
  { connection }: Link,
  handshake: Handshake,
  { target, random, notification }: FaceOptions,
): Face & { isListening(): boolean } {
  const listening = createListening({
    server: target.name,
    connection,
    capabilities: handshake.capabilities,
    notification,
    random,
  });
  listening.start();
  return {
    handshake,
    call: connection.call,
    // The modern revision has no notification of clients but the one that cancels, which calls send themselves.
    notify: () => undefined,
    watch: listening.watch,
    isListening: () => listening.isOpen,
    inflight: () => connection.inflight,
    stop: listening.stop,
  };
}
