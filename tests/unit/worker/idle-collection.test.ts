import { expect, test, vi } from 'vitest';
import { collectWhenIdle, ownHeap } from '../../../worker/idle-collection';

const mib = 1024 * 1024;

/** A heap with 50 MiB in use that nobody needs; a second passes with each look. */
function fixture() {
  const heap = { kept: 30 * mib, garbage: 50 * mib, share: 0, seconds: 1000, sessions: 0, collections: 0 };
  const look = collectWhenIdle(
    {
      now: () => heap.seconds * 1000,
      busyShare: () => heap.share,
      usedBytes: () => heap.kept + heap.garbage,
      collect() {
        heap.garbage = 0;
        heap.collections += 1;
      },
    },
    () => heap.sessions,
  );
  const pass = (seconds: number) => {
    for (let second = 0; second < seconds; second++) {
      heap.seconds += 1;
      look();
    }
  };
  return { heap, pass };
}

test('what a busy time left is collected after five quiet seconds, and once only', () => {
  const { heap, pass } = fixture();
  pass(4);
  expect(heap.collections).toBe(0);
  pass(1);
  expect(heap).toMatchObject({ collections: 1, garbage: 0 });
  pass(3600);
  expect(heap.collections).toBe(1);
});

test('a hub with a few calls a second is not idle', () => {
  const { heap, pass } = fixture();
  heap.share = 0.02;
  heap.sessions = 1000;
  pass(3600);
  expect(heap.collections).toBe(0);
});

test('what came with a thousand sessions is collected, and what they leave when they close', () => {
  const { heap, pass } = fixture();
  pass(5);
  for (const sessions of [1000, 0]) {
    heap.sessions = sessions;
    heap.garbage = 8 * mib;
    heap.share = 0.5;
    pass(1);
    heap.share = 0;
    pass(4);
    expect(heap.garbage).toBeGreaterThan(0);
    pass(1);
    expect(heap.garbage).toBe(0);
  }
  expect(heap.collections).toBe(3);
});

test('pauses between bursts of calls are not used: what follows would be slow each time', () => {
  const { heap, pass } = fixture();
  for (let round = 0; round < 40; round++) {
    heap.share = 0.5;
    heap.garbage += 40 * mib;
    heap.sessions = 64;
    pass(5);
    heap.share = 0;
    heap.sessions = 0;
    pass(10);
  }
  // 600 s with at least 300 s in between.
  expect(heap.collections).toBe(2);
});

test('a little growth is not worth it', () => {
  const { heap, pass } = fixture();
  pass(5);
  heap.garbage = 20 * mib;
  heap.sessions = 100;
  pass(3600);
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
