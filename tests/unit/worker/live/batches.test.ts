import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createBatches } from '../../../../worker/live/batches';

describe('batches', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('hands over the items of a key together and in order, once per interval', () => {
    const frames: [string, number[]][] = [];
    const batches = createBatches<number>(100, 10, (key, items) => frames.push([key, items]));
    batches.add('a', [1, 2]);
    batches.add('b', [9]);
    batches.add('a', [3]);
    vi.advanceTimersByTime(99);
    expect(frames).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(frames).toEqual([
      ['a', [1, 2, 3]],
      ['b', [9]],
    ]);
  });

  it('sends at most ten frames a second, however many items come', () => {
    let frames = 0;
    const batches = createBatches<number>(100, 1000, () => frames++);
    for (let ms = 0; ms < 1000; ms++) {
      batches.add('a', [ms]);
      vi.advanceTimersByTime(1);
    }
    expect(frames).toBe(10);
  });

  it('drops the oldest items beyond its bound and says how many', () => {
    const frames: [number[], number][] = [];
    const batches = createBatches<number>(100, 3, (_key, items, dropped) => frames.push([items, dropped]));
    batches.add('a', [1, 2, 3, 4]);
    batches.add('a', [5]);
    vi.advanceTimersByTime(100);
    expect(frames).toEqual([[[3, 4, 5], 2]]);
  });

  it('says nothing more after close, which may be called twice', () => {
    let frames = 0;
    const batches = createBatches<number>(100, 3, () => frames++);
    batches.add('a', [1]);
    batches.close();
    batches.close();
    batches.add('a', [2]);
    vi.advanceTimersByTime(500);
    expect(frames).toBe(0);
  });
});
