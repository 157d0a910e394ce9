import { describe, expect, it } from 'vitest';
import { type ErrorCode, HubError } from '../../../../lib/errors';
import {
  type CircuitEvent,
  type CircuitState,
  circuitMoves,
  createCircuit,
} from '../../../../worker/supervisor/circuit';

/** The table once more, as a person would write it down: from → event=to. A change there must be made here too. */
const allowed: Record<CircuitState, string> = {
  closed: 'succeeded=closed failed=open unhealthy=open',
  open: 'tried=half-open healthy=closed',
  'half-open': 'succeeded=closed failed=open given-up=open healthy=closed unhealthy=open',
};

function make() {
  const seen: CircuitState[] = [];
  const clock = { now: 0 };
  const circuit = createCircuit(
    () => clock.now,
    () => seen.push(circuit.state),
  );
  const fail = (count: number, code: ErrorCode = 'UPSTREAM_TIMEOUT') => {
    for (let at = 0; at < count; at++) circuit.failed(new HubError(code), circuit.enter());
  };
  return { circuit, seen, clock, fail };
}

describe('the circuit of an instance', () => {
  it('moves as its table says', () => {
    for (const [from, moves] of Object.entries(circuitMoves)) {
      const text = Object.entries(moves)
        .map(([event, to]) => `${event as CircuitEvent}=${to}`)
        .join(' ');
      expect(text).toBe(allowed[from as CircuitState]);
    }
  });

  it('opens after five failures in a row, and not after four', () => {
    const { circuit, seen, fail } = make();
    fail(4);
    circuit.succeeded(false);
    fail(4);
    expect([circuit.state, circuit.admits()]).toEqual(['closed', true]);
    fail(1);
    expect([circuit.state, circuit.admits(), seen]).toEqual(['open', false, ['open']]);
  });

  it('counts what says something of the connection only', () => {
    const { circuit, fail } = make();
    for (const code of ['CANCELLED', 'BUSY', 'UPSTREAM_BAD_ANSWER', 'INTERNAL'] as const) fail(9, code);
    expect(circuit.state).toBe('closed');
    for (const code of ['UPSTREAM_UNAVAILABLE', 'INTERRUPTED'] as const) fail(3, code);
    expect(circuit.state).toBe('open');
  });

  it('is tried by one call at a time after 30 s', () => {
    const { circuit, clock, fail } = make();
    fail(5);
    clock.now = 29_999;
    expect(circuit.admits()).toBe(false);
    clock.now = 30_000;
    expect(circuit.admits()).toBe(true);
    expect(circuit.enter()).toBe(true);
    expect([circuit.state, circuit.admits(), circuit.enter()]).toEqual(['half-open', false, false]);
    circuit.failed(new HubError('UPSTREAM_TIMEOUT'), true);
    expect([circuit.state, circuit.admits()]).toEqual(['open', false]);
    clock.now = 60_000;
    expect(circuit.enter()).toBe(true);
    circuit.succeeded(true);
    expect([circuit.state, circuit.admits()]).toEqual(['closed', true]);
  });

  it('opens after a failed health check, and closes after a good one', () => {
    const { circuit, clock, seen, fail } = make();
    circuit.checked(false);
    expect([circuit.state, circuit.admits()]).toEqual(['open', false]);
    circuit.checked(true);
    expect([circuit.state, circuit.admits(), seen]).toEqual(['closed', true, ['open', 'closed']]);
    fail(4);
    expect(circuit.state).toBe('closed');
    circuit.checked(false);
    clock.now = 30_000;
    expect(circuit.enter()).toBe(true);
    circuit.checked(true);
    expect(circuit.state).toBe('closed');
  });

  it('believes no call that began before it opened', () => {
    const { circuit, clock, fail } = make();
    fail(5);
    circuit.succeeded(false);
    expect(circuit.state).toBe('open');
    clock.now = 30_000;
    circuit.enter();
    circuit.succeeded(false);
    circuit.failed(new HubError('INTERRUPTED'), false);
    expect(circuit.state).toBe('half-open');
  });

  it('is tried by the next call when the caller of the trial went away', () => {
    const { circuit, clock, fail } = make();
    fail(5);
    clock.now = 30_000;
    circuit.failed(new HubError('CANCELLED'), circuit.enter());
    expect([circuit.state, circuit.admits()]).toEqual(['open', true]);
  });
});
