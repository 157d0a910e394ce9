import { describe, expect, it } from 'vitest';
import { serverStates } from '../../../../lib/servers/schema';
import { initialState, moves, transition } from '../../../../worker/supervisor/transitions';

/** The table once more, as a person would write it down: from → allowed. A change there must be made here too. */
const allowed: Record<string, string> = {
  stopped: 'starting disabled asleep crashed',
  disabled: 'starting stopped asleep crashed',
  asleep: 'starting stopped disabled crashed',
  starting: 'ready retrying crashed needs-auth stopping',
  ready: 'degraded retrying crashed needs-auth stopping',
  degraded: 'ready retrying crashed needs-auth stopping',
  retrying: 'starting ready crashed needs-auth stopping stopped disabled asleep',
  crashed: 'starting ready retrying needs-auth stopping stopped disabled asleep',
  'needs-auth': 'starting retrying crashed stopping stopped disabled asleep',
  stopping: 'starting stopped disabled asleep crashed',
};

describe('transition', () => {
  it('knows a row for every state', () => {
    expect(Object.keys(moves).sort()).toEqual([...serverStates].sort());
  });

  for (const from of serverStates) {
    for (const to of serverStates) {
      const may = from === to || allowed[from]?.split(' ').includes(to);
      it(`${from} → ${to} is ${may ? 'allowed' : 'refused'}`, () => {
        const before = { ...initialState(from, 1000), version: 7 };
        if (!may) {
          expect(() => transition(before, to, null, 2000)).toThrow(`from ${from} to ${to}`);
          return;
        }
        const after = transition(before, to, { reason: 'exited', message: 'It ended.' }, 2000);
        expect(after).toMatchObject({ state: to, reason: 'exited', message: 'It ended.', version: 8 });
        expect(after.since).toBe(from === to ? before.since : '1970-01-01T00:00:02.000Z');
      });
    }
  }

  it('forgets the reason of a fault once all is well', () => {
    const failed = transition(initialState('starting', 0), 'retrying', { reason: 'exited', message: 'x' }, 1);
    expect(transition(failed, 'starting', null, 2)).toMatchObject({ reason: null, message: null });
  });

  it('gives a later life of the worker higher versions', () => {
    let state = initialState('stopped', 1_000_000);
    for (let move = 0; move < 100; move += 1) state = transition(state, 'stopped', null, 1_000_100);
    expect(initialState('stopped', 1_005_000).version).toBeGreaterThan(state.version);
  });
});
