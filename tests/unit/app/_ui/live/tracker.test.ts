import { describe, expect, it } from 'vitest';
import { createTracker } from '../../../../../app/_ui/live/tracker';

const frame = (rev: number, room = 'server:1', src = 'w1') => ({ src, room, rev, at: '' });

describe('tracker of revs', () => {
  it('calls every room stale after the first connect', () => {
    expect(createTracker().seeRooms({ src: 'w1', revs: { 'server:1': 4, calls: 0 } })).toEqual(['server:1', 'calls']);
  });

  it('takes frames in their order, drops repeated ones and names a gap', () => {
    const tracker = createTracker();
    tracker.seeRooms({ src: 'w1', revs: { 'server:1': 4 } });
    expect([5, 6, 6, 5, 8, 9].map((rev) => tracker.seeFrame(frame(rev)))).toEqual([
      'next',
      'next',
      'old',
      'old',
      'gap',
      'next',
    ]);
  });

  it('calls only the rooms stale that moved on while the socket was away', () => {
    const tracker = createTracker();
    tracker.seeRooms({ src: 'w1', revs: { a: 1, b: 1 } });
    tracker.seeFrame(frame(2, 'a'));
    expect(tracker.seeRooms({ src: 'w1', revs: { a: 2, b: 3, c: 0 } })).toEqual(['b', 'c']);
  });

  it('calls every room stale when another worker life answers, even with equal revs', () => {
    const tracker = createTracker();
    tracker.seeRooms({ src: 'w1', revs: { a: 1 } });
    expect(tracker.seeRooms({ src: 'w2', revs: { a: 1 } })).toEqual(['a']);
    expect(tracker.seeFrame(frame(2, 'a', 'w2'))).toBe('next');
  });
});
