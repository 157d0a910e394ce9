import { expect, it } from 'vitest';
import { dealt, fairPart, isOwed } from '../../../../lib/limits/deal';

const own = (need: number, used = 0, had = used) => ({ had, used, need });

it('a worker that nobody waits beside gets half of what is free beyond its need, so that it seldom asks', () => {
  expect(dealt(9, own(1), [])).toBe(5);
  expect(dealt(9, own(1), [{ places: 5, wanted: 5 }])).toBe(3);
  expect(dealt(4, own(9), [])).toBe(4);
});

it('what is in use is never taken back, whatever the limit is by now', () => {
  expect(dealt(2, own(5, 5), [])).toBe(5);
  expect(dealt(2, own(5, 5), [{ places: 0, wanted: 3 }])).toBe(5);
});

it('beside one that is short a worker keeps its fair part at most', () => {
  const short = [{ places: 1, wanted: 4 }];
  expect([fairPart(6, 6, short), isOwed(6, 6, short), dealt(6, own(6, 0, 5), short)]).toEqual([3, true, 3]);
  expect(dealt(6, own(2, 0, 5), short)).toBe(2);
  // A third has it all, and has yet to give of it.
  expect(dealt(5, own(3), [...short.map((each) => ({ ...each, places: 0 })), { places: 5, wanted: 5 }])).toBe(0);
  expect(isOwed(6, 3, [{ places: 3, wanted: 4 }])).toBe(false);
});

it('with fewer places than workers a place goes from hand to hand', () => {
  const short = [{ places: 0, wanted: 1 }];
  expect([dealt(1, own(1, 0, 1), short), dealt(1, own(1, 0, 0), short)]).toEqual([0, 1]);
});
