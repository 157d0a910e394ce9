import { expect, it } from 'vitest';
import { type Attempts, countAttempt } from '../../../../lib/access/lockout';

const second = 1000;
const minute = 60 * second;
const none: Attempts = { failed: 0, untilMs: 0 };

/** Attempts as early as they are let. @returns the pauses before each of them, in seconds */
function pauses(attempts: number): number[] {
  let state = none;
  let now = 1_000_000;
  return Array.from({ length: attempts }, () => {
    const before = now;
    let counted = countAttempt(state, now);
    if ('waitMs' in counted) {
      now += counted.waitMs;
      counted = countAttempt(state, now);
    }
    if ('waitMs' in counted) throw new Error('still to wait');
    state = counted;
    return (now - before) / second;
  });
}

it('five attempts are free, then each one waits, twice as long as the last, up to a quarter of an hour', () => {
  expect(pauses(12)).toEqual([0, 0, 0, 0, 0, 30, 60, 120, 240, 480, 900, 900]);
});

it('an hour without an attempt forgets them', () => {
  const state = { failed: 9, untilMs: 10 * minute };
  expect(countAttempt(state, 9 * minute)).toEqual({ waitMs: minute });
  expect(countAttempt(state, 69 * minute)).toMatchObject({ failed: 10 });
  expect(countAttempt(state, 71 * minute)).toMatchObject({ failed: 1 });
});

it('a clock that was set back locks nobody out for longer than a pause', () => {
  expect(countAttempt({ failed: 6, untilMs: 1000 * minute }, 0)).toMatchObject({ failed: 7 });
});
