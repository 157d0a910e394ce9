// The states of an instance as data, and the one function that changes them.
import type { ServerState } from '../../lib/servers/schema';

/** From each state, the states that may follow. A state may always be entered again to tell a new reason. */
export const moves: Record<ServerState, readonly ServerState[]> = {
  stopped: ['starting', 'disabled', 'asleep', 'crashed'],
  disabled: ['starting', 'stopped', 'asleep', 'crashed'],
  asleep: ['starting', 'stopped', 'disabled', 'crashed'],
  // "retrying" while it still runs: the program prints text that is not MCP, and may yet answer.
  starting: ['ready', 'retrying', 'crashed', 'needs-auth', 'stopping'],
  ready: ['degraded', 'retrying', 'crashed', 'needs-auth', 'stopping'],
  degraded: ['ready', 'retrying', 'crashed', 'needs-auth', 'stopping'],
  retrying: ['starting', 'ready', 'crashed', 'needs-auth', 'stopping', 'stopped', 'disabled', 'asleep'],
  crashed: ['starting', 'ready', 'retrying', 'needs-auth', 'stopping', 'stopped', 'disabled', 'asleep'],
  'needs-auth': ['starting', 'retrying', 'crashed', 'stopping', 'stopped', 'disabled', 'asleep'],
  // A stop ends in one of the resting states; a restart goes on to "starting" from here.
  stopping: ['starting', 'stopped', 'disabled', 'asleep', 'crashed'],
};

export interface InstanceState {
  state: ServerState;
  reason: string | null;
  message: string | null;
  /** Rises with every change. */
  version: number;
  /** RFC 3339. */
  since: string;
}

export interface Cause {
  reason: string;
  message: string;
}

/**
 * Versions go on from the clock, so that they rise across restarts of the worker too and a browser that stayed open
 * does not take the new worker's news for old.
 */
export function initialState(state: ServerState, nowMs: number): InstanceState {
  return { state, reason: null, message: null, version: nowMs, since: new Date(nowMs).toISOString() };
}

/**
 * The only writer of an instance's state.
 * @param cause null while all is well
 * @throws Error for a move that the table does not have: a fault of the caller
 */
export function transition(current: InstanceState, to: ServerState, cause: Cause | null, nowMs: number): InstanceState {
  if (to !== current.state && !moves[current.state].includes(to)) {
    throw new Error(`an instance cannot go from ${current.state} to ${to}`);
  }
  return {
    state: to,
    reason: cause?.reason ?? null,
    message: cause?.message ?? null,
    version: current.version + 1,
    since: to === current.state ? current.since : new Date(nowMs).toISOString(),
  };
}
