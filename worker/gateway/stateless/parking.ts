// Calls that wait for a client without sessions to come back with its answers (revision 2026-07-28,
// basic/patterns/mrtr). The server holds the call open; here is only the handle by which the client's retry finds it,
// good for one use. What nobody comes back for is cancelled.
import { randomBytes } from 'node:crypto';
import type { Actor } from '../../../lib/access/schema';
import { HubError } from '../../../lib/errors';
import type { Target } from '../catalog/view';
import type { ModernCall } from './modern-call';
import type { RequestStates } from './request-state';

export interface ParkingLimits {
  /** How long a call waits for its client, ms. */
  parkedMs: number;
  /** Calls of one credential that wait at a time; of callers without one, of one address. */
  parkedPerCredential: number;
  /** Calls of all callers without a credential that wait at a time. */
  parkedOfStrangers: number;
}

/** Calls that wait in this process, of all callers together. */
const parkedMax = 10_000;
const sweepEveryMs = 1000;

interface Parked {
  call: ModernCall;
  party: string;
  untilMs: number;
}

/** @param worker names this life of this process: nobody else has a use for its handles */
export function createParking(states: RequestStates, limits: ParkingLimits, worker: string) {
  const parked = new Map<string, Parked>();
  const perParty = new Map<string, number>();
  let ofStrangers = 0;
  let isStopped = false;

  const sweep = setInterval(() => {
    const nowMs = performance.now();
    for (const [handle, { untilMs }] of parked) {
      if (untilMs <= nowMs) remove(handle)?.abandon('the client did not come back');
    }
  }, sweepEveryMs);
  sweep.unref();

  function remove(handle: string): ModernCall | undefined {
    const found = parked.get(handle);
    if (!found) return undefined;
    parked.delete(handle);
    if (isStranger(found.call)) ofStrangers--;
    const left = (perParty.get(found.party) ?? 1) - 1;
    if (left > 0) perParty.set(found.party, left);
    else perParty.delete(found.party);
    return found.call;
  }

  return {
    /**
     * Keeps a call for its client's retry.
     * @returns the state to send to the client
     * @throws HubError LIMIT_EXCEEDED when as many as allowed wait, UNAVAILABLE while the hub shuts down
     */
    park(call: ModernCall): string {
      if (isStopped) throw new HubError('UNAVAILABLE', 'The hub is shutting down.', { retryable: true });
      const { party } = call;
      const waiting = perParty.get(party) ?? 0;
      const isFull = parked.size >= parkedMax || (isStranger(call) && ofStrangers >= limits.parkedOfStrangers);
      if (isFull || waiting >= limits.parkedPerCredential) {
        const text = 'Too many calls wait for answers of this client: answer or drop some first.';
        throw new HubError('LIMIT_EXCEEDED', text, { retryable: true, retryAfterMs: 10_000 });
      }
      const handle = randomBytes(16).toString('base64url');
      const state = states.seal(call.asking, { kind: 'parked', worker, handle });
      parked.set(handle, { call, party, untilMs: performance.now() + limits.parkedMs });
      perParty.set(party, waiting + 1);
      if (isStranger(call)) ofStrangers++;
      return state;
    },

    /** The call behind a handle, which is void from then on; undefined where there is none (any more). */
    take: (state: { worker: string; handle: string }) => (state.worker === worker ? remove(state.handle) : undefined),

    /** Whose calls wait. */
    *actors(): Generator<{ actor: Actor }> {
      for (const { call } of parked.values()) yield { actor: call.asking.actor };
    },

    /** Cancels all calls of the actors that `matches` picks, e.g. of a revoked key. */
    endWhere(matches: (actor: Actor, target: Target | null) => boolean, reason: string): void {
      for (const [handle, { call }] of parked) {
        if (matches(call.asking.actor, call.target)) remove(handle)?.abandon(reason);
      }
    },

    /** Cancels all calls and keeps no more: nobody could come back for them. Idempotent. */
    stop(): void {
      isStopped = true;
      clearInterval(sweep);
      for (const handle of parked.keys()) remove(handle)?.abandon('the hub is shutting down');
    },

    get size(): number {
      return parked.size;
    },
  };
}

const isStranger = (call: ModernCall) => call.asking.actor.kind === 'anonymous';

export type Parking = ReturnType<typeof createParking>;
