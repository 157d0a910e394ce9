import { expect, test } from 'vitest';
import { createStartTurns } from '../../../../worker/supervisor/start-turns';

/** A clock whose timers run when the test says so. */
function fixture(places: number) {
  const timers = new Set<() => void>();
  const turns = createStartTurns(
    {
      now: () => 0,
      monotonic: () => 0,
      after(_ms, run) {
        timers.add(run);
        return () => timers.delete(run);
      },
    },
    places,
  );
  const begun: number[] = [];
  const take = (name: number, signal = new AbortController().signal) =>
    turns.take(signal).then((end) => {
      begun.push(name);
      return end;
    });
  return { take, begun, timers };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test('so many load at a time, in the order in which they came', async () => {
  const { take, begun } = fixture(2);
  const ends = [take(1), take(2)];
  void take(3);
  void take(4);
  await settled();
  expect(begun).toEqual([1, 2]);
  const endFirst = await ends[0];
  endFirst?.();
  endFirst?.();
  await settled();
  expect(begun).toEqual([1, 2, 3]);
  (await ends[1])?.();
  await settled();
  expect(begun).toEqual([1, 2, 3, 4]);
});

test('who takes long loses the turn', async () => {
  const { take, begun, timers } = fixture(1);
  const end = await take(1);
  void take(2);
  await settled();
  expect(begun).toEqual([1]);
  for (const run of [...timers]) run();
  await settled();
  expect(begun).toEqual([1, 2]);
  void take(3);
  end();
  await settled();
  expect(begun).toEqual([1, 2]);
});

test('who is no longer wanted does not wait, and takes nobody’s turn', async () => {
  const { take, begun } = fixture(1);
  const end = await take(1);
  const stop = new AbortController();
  void take(2, stop.signal);
  void take(3);
  stop.abort();
  await settled();
  expect(begun).toEqual([1, 2]);
  end();
  await settled();
  expect(begun).toEqual([1, 2, 3]);
  const endSecond = await take(4, AbortSignal.abort());
  endSecond();
  expect(begun).toEqual([1, 2, 3, 4]);
});
