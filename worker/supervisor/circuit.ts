// The circuit of one instance among several: after failures in a row, or a failed health check, its server's calls go to
// the others, and now and then one call tries it again. Only what says something of the connection counts; errors of tools do not.
import { asHubError } from '../../lib/errors';

export type CircuitState = 'closed' | 'open' | 'half-open';
export type CircuitEvent = 'succeeded' | 'failed' | 'tried' | 'given-up' | 'healthy' | 'unhealthy';

const failuresMax = 5;
const probeAfterMs = 30_000;

/** What an event makes of a state, but for "failed" while closed, which is counted first. */
export const circuitMoves: Record<CircuitState, Partial<Record<CircuitEvent, CircuitState>>> = {
  closed: { succeeded: 'closed', failed: 'open', unhealthy: 'open' },
  // Calls that began before it opened still end: they say nothing new.
  open: { tried: 'half-open', healthy: 'closed' },
  // A caller that goes away says nothing of the instance: the next call tries it.
  'half-open': { succeeded: 'closed', failed: 'open', 'given-up': 'open', healthy: 'closed', unhealthy: 'open' },
};

/** Errors that say that the instance could not be reached, kept silent or ended in the middle of a call. */
const failures = new Set(['UPSTREAM_UNAVAILABLE', 'UPSTREAM_TIMEOUT', 'INTERRUPTED']);

export interface Circuit {
  readonly state: CircuitState;
  /** Whether a call may go to the instance. */
  admits(): boolean;
  /** A call goes to it. @returns whether this call is the one that tries it */
  enter(): boolean;
  succeeded(isProbe: boolean): void;
  /** @param error of a call, as the upstream gave it */
  failed(error: unknown, isProbe: boolean): void;
  /** A health check, which is no call. */
  checked(ok: boolean): void;
}

/** @param monotonic milliseconds that no clock change moves @param changed called after each change of the state */
export function createCircuit(monotonic: () => number, changed: () => void): Circuit {
  let state: CircuitState = 'closed';
  let failuresInRow = 0;
  let probeAt = 0;

  function take(event: CircuitEvent): void {
    const next = circuitMoves[state][event];
    if (next === undefined || next === state) return;
    // After a trial that was given up the next call may try at once.
    if (next === 'open') probeAt = event !== 'given-up' ? monotonic() + probeAfterMs : 0;
    if (next === 'closed') failuresInRow = 0;
    state = next;
    changed();
  }

  return {
    get state() {
      return state;
    },
    admits: () => state === 'closed' || (state === 'open' && monotonic() >= probeAt),
    enter() {
      if (state !== 'open' || monotonic() < probeAt) return false;
      take('tried');
      return true;
    },
    succeeded(isProbe) {
      if (state === 'closed') failuresInRow = 0;
      else if (isProbe) take('succeeded');
    },
    failed(error, isProbe) {
      const counts = failures.has(asHubError(error).code);
      if (state === 'closed') {
        if (!counts) return;
        failuresInRow += 1;
        if (failuresInRow >= failuresMax) take('failed');
      } else if (isProbe) take(counts ? 'failed' : 'given-up');
    },
    checked: (ok) => take(ok ? 'healthy' : 'unhealthy'),
  };
}
