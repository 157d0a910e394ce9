// How often one caller may do one thing: so much at once, then steadily. Who is over it is told when to come back.
import { LRUCache } from 'lru-cache';
import { HubError } from '../../lib/errors';

/** Callers that are remembered; one that was forgotten begins anew. */
const callersMax = 10_000;

export interface Rate {
  /** @throws HubError LIMIT_EXCEEDED */
  take(caller: string): void;
}

export interface RateOptions {
  /** What a refused caller reads. */
  text?: string;
  /** Monotonic milliseconds. */
  now?: () => number;
}

export function createRate(atOnce: number, perSecond: number, options: RateOptions = {}): Rate {
  const { now = () => performance.now() } = options;
  const text = options.text ?? `No more than ${perSecond} of these in a second: try again in a moment.`;
  /** When the caller has all its places again, ms; each use puts that off. */
  const freeAt = new LRUCache<string, number>({ max: callersMax });
  const stepMs = 1000 / perSecond;

  return {
    take(caller) {
      const nowMs = now();
      const next = Math.max(freeAt.get(caller) ?? 0, nowMs) + stepMs;
      const overMs = next - nowMs - atOnce * stepMs;
      if (overMs > 0) {
        const retryAfterMs = Math.ceil(overMs);
        throw new HubError('LIMIT_EXCEEDED', text, { reason: 'rate', retryable: true, retryAfterMs });
      }
      freeAt.set(caller, next);
    },
  };
}
