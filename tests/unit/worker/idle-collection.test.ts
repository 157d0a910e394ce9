import { expect, test, vi } from 'vitest';
import { collectWhenIdle, ownHeap } from '../../../worker/idle-collection';

const mib = 1024 * 1024;

/** A heap with 20 MiB in use that nobody needs; a second passes with each look. */
function fixture() {
  const heap = { kept: 30 * mib, garbage: 20 * mib, share: 0, seconds: 100, collections: 0 };
  const look = collectWhenIdle({
    now: () => heap.seconds * 1000,
    busyShare: () => heap.share,
    usedBytes: () => heap.kept + heap.garbage,
    collect() {
      heap.garbage = 0;
      heap.collections += 1;
    },
  });
  const pass = (seconds: number) => {
    for (let second = 0; second < seconds; second++) {
      heap.seconds += 1;
      look();
    }
  };
  return { heap, pass };
}

test('what a busy time left is collected after three quiet seconds, and once only', () => {
  const { heap, pass } = fixture();
  pass(2);
  expect(heap.collections).toBe(0);
  pass(1);
  expect(heap).toMatchObject({ collections: 1, garbage: 0 });
  pass(60);
  expect(heap.collections).toBe(1);
});

test('a busy hub is left alone', () => {
  const { heap, pass } = fixture();
  heap.share = 0.3;
  pass(60);
  expect(heap.collections).toBe(0);
});

test('load that comes and goes is not answered with one collection after the other', () => {
  const { heap, pass } = fixture();
  for (let round = 0; round < 20; round++) {
    heap.share = 0.5;
    heap.garbage += 20 * mib;
    pass(1);
    heap.share = 0;
    pass(3);
  }
  // 80 s with at least 10 s in between.
  expect(heap.collections).toBeGreaterThan(2);
  expect(heap.collections).toBeLessThanOrEqual(8);
});

test('a little growth is not worth it', () => {
  const { heap, pass } = fixture();
  pass(3);
  heap.garbage = 3 * mib;
  pass(30);
  expect(heap.collections).toBe(1);
});

test('a collection gives garbage, and its room, back', async () => {
  let garbage = Array.from({ length: 500_000 }, (_, at) => ({ at, text: `text ${at}` }));
  expect(garbage.length).toBe(500_000);
  const heap = ownHeap();
  const before = { used: heap.usedBytes(), room: process.memoryUsage().heapTotal };
  garbage = [];
  heap.collect();
  await vi.waitFor(() => {
    expect(before.used - heap.usedBytes()).toBeGreaterThan(20 * mib);
    expect(before.room - process.memoryUsage().heapTotal).toBeGreaterThan(20 * mib);
  });
});
