// Notices what the socket missed. Every frame carries the rev of its room, which rises by one; pure bookkeeping.
import type { LiveEnvelope, LiveRooms } from '@/lib/events/live';

export interface Tracker {
  /** @returns the rooms whose data may be out of date: new ones, ones with missed frames, all of another worker life */
  seeRooms(rooms: LiveRooms): string[];
  /** `old`: seen already, to be dropped. `gap`: usable, but frames before it are missing. */
  seeFrame(frame: LiveEnvelope): 'next' | 'gap' | 'old';
}

export function createTracker(): Tracker {
  let source: string | null = null;
  let revs = new Map<string, number>();

  return {
    seeRooms({ src, revs: latest }) {
      const known = src === source ? revs : new Map<string, number>();
      const stale = Object.entries(latest).filter(([room, rev]) => known.get(room) !== rev);
      source = src;
      revs = new Map(Object.entries(latest));
      return stale.map(([room]) => room);
    },
    seeFrame({ src, room, rev }) {
      if (src !== source) {
        source = src;
        revs = new Map();
      }
      const known = revs.get(room);
      if (known !== undefined && rev <= known) return 'old';
      revs.set(room, rev);
      return known === undefined || rev === known + 1 ? 'next' : 'gap';
    },
  };
}
