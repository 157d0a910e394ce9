import { describe, expect, it } from 'vitest';
import { createRate } from '../../../../worker/gateway/rate';

describe('a rate', () => {
  it('lets so many through at once, then one by one, and counts each caller alone', () => {
    let nowMs = 5000;
    const rate = createRate(3, 10, { now: () => nowMs });
    const take = (caller = 'a') => {
      try {
        rate.take(caller);
        return true;
      } catch {
        return false;
      }
    };
    expect([take(), take(), take(), take(), take('b')]).toEqual([true, true, true, false, true]);
    nowMs += 100;
    expect([take(), take()]).toEqual([true, false]);
    nowMs += 60_000;
    expect([take(), take(), take(), take()]).toEqual([true, true, true, false]);
  });

  it('says when to come back', () => {
    const rate = createRate(1, 2, { now: () => 0 });
    rate.take('a');
    expect(() => rate.take('a')).toThrow(
      expect.objectContaining({ code: 'LIMIT_EXCEEDED', extras: expect.objectContaining({ retryAfterMs: 500 }) }),
    );
  });
});
