import { describe, expect, it } from 'vitest';
import { createExitRecord, restartDelayMs } from '../../../../worker/supervisor/backoff';

describe('restart delays', () => {
  it('double from 1 s to 300 s and stay there [F-EXIT-05]', () => {
    const middle = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 1000].map((attempt) => restartDelayMs(attempt, 0.5) / 1000);
    expect(middle).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
  });

  it('vary by 20 % to both sides [F-EXIT-05]', () => {
    expect([restartDelayMs(1, 0), restartDelayMs(1, 1)]).toEqual([800, 1200]);
    expect([restartDelayMs(10, 0), restartDelayMs(10, 1)]).toEqual([240_000, 360_000]);
  });

  it('begin anew after 60 s of being up, not before [F-EXIT-05]', () => {
    const record = createExitRecord();
    const fail = (nowMs: number, upMs: number) => {
      record.started();
      return record.ended(nowMs, upMs, 0.5);
    };
    expect([fail(0, 0), fail(1000, 0), fail(70_000, 59_999)]).toEqual([1000, 2000, 4000]);
    expect(fail(200_000, 60_000)).toBe(1000);
  });
});

describe('a server that ends again and again', () => {
  it('counts as crashed with the sixth exit in two minutes and is tried slowly from then on', () => {
    const record = createExitRecord();
    for (let exit = 1; exit <= 5; exit += 1) {
      record.started();
      record.ended(exit * 10_000, 0, 0.5);
    }
    expect(record.crashed).toBe(false);
    record.started();
    expect(record.ended(60_000, 0, 0.5)).toBe(60_000);
    expect(record.crashed).toBe(true);
  });

  it('is not crashed by six exits in a longer time', () => {
    const record = createExitRecord();
    for (let exit = 1; exit <= 20; exit += 1) {
      record.started();
      record.ended(exit * 25_000, 10_000, 0.5);
    }
    expect(record.crashed).toBe(false);
  });

  it('stays crashed however slow the retries become, until it was stable or somebody asked', () => {
    const record = createExitRecord();
    for (let exit = 1; exit <= 6; exit += 1) {
      record.started();
      record.ended(exit, 0, 0.5);
    }
    record.started();
    record.ended(10_000_000, 0, 0.5);
    expect(record.crashed).toBe(true);
    record.started();
    expect(record.ended(20_000_000, 60_000, 0.5)).toBe(1000);
    expect(record.crashed).toBe(false);
  });
});

describe('a budget of restarts an hour', () => {
  const fail = (record: ReturnType<typeof createExitRecord>, nowMs: number, granted: number) => {
    record.started();
    return record.ended(nowMs, 0, 0.5, granted);
  };

  it('is spent by starts of the last hour, and the next one waits until one of them has left it', () => {
    const record = createExitRecord();
    expect([fail(record, 0, 2), fail(record, 600_000, 2)]).toEqual([1_000, 2_000]);
    expect(record.overBudget).toBe(false);
    expect(fail(record, 1_200_000, 2)).toBe(1_000 + 3_600_000 - 1_200_000);
    expect([record.overBudget, record.crashed]).toEqual([true, true]);
    record.started();
    expect([record.overBudget, record.crashed]).toEqual([false, false]);
  });

  it('is not given back by being up for a while, but by a wish of somebody', () => {
    const record = createExitRecord();
    fail(record, 0, 1);
    record.stable();
    fail(record, 120_000, 1);
    expect(record.overBudget).toBe(true);
    record.reset();
    expect([fail(record, 130_000, 1), record.overBudget]).toEqual([1_000, false]);
  });

  it('of nothing is crashed at once, and tries once an hour', () => {
    const record = createExitRecord();
    expect([fail(record, 0, 0), record.crashed]).toEqual([3_600_000, true]);
    expect([fail(record, 3_600_000, 0), record.crashed]).toEqual([3_600_000, true]);
  });
});
