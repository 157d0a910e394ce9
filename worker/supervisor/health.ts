// Asks a server that nobody calls whether it is there, in the rhythm of its row. A server that is busy is left alone:
// its calls say more. Any answer is a sign of life, a refusal too.
import type { HealthCheck, ServerStatus } from '../../lib/servers/schema';
import type { CloseReason, Upstream } from '../upstream';
import type { Clock } from './clock';

const defaultTimeoutSeconds = 5;
/** So that servers which began together are not asked together for ever. */
const jitter = 0.2;
/** So many failures in a row, and the instance is started or connected anew. */
export const failuresBeforeRestart = 3;

export type Health = NonNullable<ServerStatus['instances'][number]['health']>;

export interface HealthOptions {
  clock: Clock;
  random: () => number;
  settings: HealthCheck;
  /** After each check. @param health what is known now */
  checked(health: Health): void;
}

/** Checks until it is told to end, which it does by itself with the connection. @returns what ends it */
export function watchHealth(upstream: Upstream, { clock, random, settings, checked }: HealthOptions): () => void {
  const timeoutMs = (settings.timeoutSeconds ?? defaultTimeoutSeconds) * 1000;
  const method = upstream.handshake.era === 'modern' ? 'server/discover' : 'ping';
  let failures = 0;
  let isOver = false;
  let cancel = next();

  function next(): () => void {
    const ms = settings.intervalSeconds * 1000 * (1 - jitter + 2 * jitter * random());
    return clock.after(Math.round(ms), () => void check());
  }

  async function check(): Promise<void> {
    if (upstream.inflight === 0) {
      const begun = clock.monotonic();
      const ok = await upstream.call(method, undefined, { timeoutMs }).answer.then(
        () => true,
        () => false,
      );
      if (isOver) return;
      failures = ok ? 0 : failures + 1;
      checked({ at: new Date(clock.now()).toISOString(), ok, failures, ms: Math.round(clock.monotonic() - begun) });
    }
    if (!isOver) cancel = next();
  }

  return () => {
    isOver = true;
    cancel();
  };
}

export function unhealthy({ failures }: Health): CloseReason {
  const message = `It did not answer ${failures} health checks in a row.`;
  return { reason: 'unhealthy', message, atOnce: true };
}
