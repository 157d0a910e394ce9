import { describe, expect, it } from 'vitest';
import { createExitRecord, restartDelayMs } from '../../../../worker/supervisor/backoff';

describe('restart delays', () => {
  it('double from 1 s to 300 s and stay there', () => {
    const middle = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 1000].map((attempt) => restartDelayMs(attempt, 0.5) / 1000);
    expect(middle).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
  });

  it('vary by 20 % to both sides', () => {
    expect([restartDelayMs(1, 0), restartDelayMs(1, 1)]).toEqual([800, 1200]);
    expect([restartDelayMs(10, 0), restartDelayMs(10, 1)]).toEqual([240_000, 360_000]);
  });

  it('begin anew after 60 s of being up, not before', () => {
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
