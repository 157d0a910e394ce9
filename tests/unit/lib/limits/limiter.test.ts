import { beforeEach, describe, expect, it } from 'vitest';
import { type Bus, createBus } from '../../../../lib/events/bus';
import { createLimiter, type Limiter } from '../../../../lib/limits';
import type { LimitSubject } from '../../../../lib/limits/schema';
import { keyOf, type Usage, type UsageStore } from '../../../../lib/limits/usage';
import { until } from '../../../support/until';

const server = { id: 's1', name: 'demo' };
const midnight = Date.UTC(2026, 0, 31);
const minute = 60_000;

let nowMs: number;
let rows: {
  subject: LimitSubject;
  subjectId: string;
  perMinute: number | null;
  concurrent: number | null;
  perDay: number | null;
}[];
let bus: Bus;
let sums: Map<string, Usage>;
let isAway: boolean;

beforeEach(() => {
  nowMs = midnight + 10 * 3600_000;
  rows = [];
  sums = new Map();
  isAway = false;
  bus = createBus((error) => {
    throw error;
  });
});

/** What the table does. */
const store: UsageStore = {
  load: async () => [...sums.values()],
  add: async (usage) => {
    if (isAway) throw new Error('away');
    return usage.map((each) => {
      const key = keyOf(each);
      const sum = { ...each, calls: (sums.get(key)?.calls ?? 0) + each.calls };
      sums.set(key, sum);
      return sum;
    });
  },
  removeOld: async () => undefined,
};

async function limiterOf(refused: string[] = []): Promise<Limiter> {
  const onRefused = (subject: string, reason: string) => void refused.push(`${subject} ${reason}`);
  const limiter = createLimiter({ store, load: async () => rows, bus, now: () => nowMs, onRefused });
  await limiter.start();
  return limiter;
}

function limit(subject: LimitSubject, subjectId: string, numbers: Partial<(typeof rows)[number]>): void {
  rows.push({ subject, subjectId, perMinute: null, concurrent: null, perDay: null, ...numbers });
}

/** How many of `times` calls get through, each over at once. */
function callsOf(limiter: Limiter, times: number, key: string | null = 'k', user = 'u', tool = 't'): number {
  let passed = 0;
  for (let at = 0; at < times; at++) {
    try {
      limiter.admit(key, user, server, tool)?.release();
      passed++;
    } catch (error) {
      expect(error).toMatchObject({ code: 'LIMIT_EXCEEDED', extras: { server: 'demo', retryable: true } });
    }
  }
  return passed;
}

function waitOf(limiter: Limiter): number {
  try {
    limiter.admit('k', 'u', server, 't');
  } catch (error) {
    return (error as { extras: { retryAfterMs: number } }).extras.retryAfterMs;
  }
  return 0;
}

describe('the limiter', () => {
  it('lets everything through, and makes nothing, where there are no limits', async () => {
    const limiter = await limiterOf();
    expect(limiter.admit('k', 'u', server, 't')).toBeNull();
    limit('key', 'other', { perMinute: 1 });
    await bus.emit('limits.changed', {});
    expect(limiter.admit('k', 'u', server, 't')).toBeNull();
    await limiter.close();
  });

  it('refuses what is over a minute, and says exactly when the next one fits', async () => {
    limit('key', 'k', { perMinute: 10 });
    const refused: string[] = [];
    const limiter = await limiterOf(refused);
    expect(callsOf(limiter, 15)).toBe(10);
    expect(refused).toEqual(Array(5).fill('key rate'));
    const wait = waitOf(limiter);
    nowMs += wait - 1;
    expect(callsOf(limiter, 1)).toBe(0);
    nowMs += 1;
    expect(callsOf(limiter, 2)).toBe(1);
    await limiter.close();
  });

  it('lets no more than the limit through in any minute that slides, but for one call', async () => {
    limit('user', '*', { perMinute: 60 });
    const limiter = await limiterOf();
    const times: number[] = [];
    for (let at = 0; at < 400; at++) {
      for (let each = callsOf(limiter, 2); each > 0; each--) times.push(nowMs);
      nowMs += 700;
    }
    for (const end of times) {
      const within = times.filter((time) => time > end - minute && time <= end).length;
      // The calls of the minute before are taken to be spread evenly over it.
      expect(within).toBeLessThanOrEqual(60 * 1.35);
    }
    const tenMinutes = times.filter((time) => time < (times[0] ?? 0) + 4 * minute).length;
    expect(tenMinutes).toBeLessThanOrEqual(60 * 5);
    await limiter.close();
  });

  it('holds a place as long as the call runs, and gives it back once', async () => {
    limit('server', 's1', { concurrent: 2 });
    const limiter = await limiterOf();
    const [one, two] = [limiter.admit(null, 'u', server, 't'), limiter.admit('k', 'u', server, 't')];
    expect(waitOf(limiter)).toBe(1000);
    one?.release();
    one?.release();
    const three = limiter.admit('k', 'u', server, 't');
    expect(() => limiter.admit('k', 'u', server, 't')).toThrow('no more than 2 calls at once');
    two?.release();
    three?.release();
    expect(callsOf(limiter, 5)).toBe(5);
    await limiter.close();
  });

  it('begins a quota anew at midnight UTC', async () => {
    limit('tool', 's1/t', { perDay: 3 });
    const limiter = await limiterOf();
    expect(callsOf(limiter, 5)).toBe(3);
    expect(callsOf(limiter, 5, 'k', 'u', 'another tool')).toBe(5);
    expect(waitOf(limiter)).toBe(midnight + 24 * 3600_000 - nowMs);
    nowMs = midnight + 24 * 3600_000;
    expect(callsOf(limiter, 5)).toBe(3);
    await limiter.close();
  });

  it('counts each key by itself under "*", and a key with its own limits by those alone', async () => {
    limit('key', '*', { perMinute: 2 });
    limit('key', 'vip', { perDay: 100 });
    const limiter = await limiterOf();
    expect([callsOf(limiter, 5, 'a'), callsOf(limiter, 5, 'b'), callsOf(limiter, 5, 'vip')]).toEqual([2, 2, 5]);
    expect(callsOf(limiter, 5, null)).toBe(5);
    await limiter.close();
  });

  it('counts a call that one limit refuses in no other', async () => {
    limit('key', 'k', { perMinute: 100 });
    limit('tool', 's1/full', { perDay: 1 });
    const limiter = await limiterOf();
    expect(callsOf(limiter, 50, 'k', 'u', 'full')).toBe(1);
    expect(callsOf(limiter, 200)).toBe(99);
    await limiter.close();
  });

  it('follows a change at once, and keeps what was counted', async () => {
    limit('key', 'k', { perMinute: 5 });
    const limiter = await limiterOf();
    expect(callsOf(limiter, 10)).toBe(5);
    rows = [];
    limit('key', 'k', { perMinute: 8 });
    await bus.emit('limits.changed', {});
    expect(callsOf(limiter, 10)).toBe(3);
    rows = [];
    await bus.emit('limits.changed', {});
    expect(callsOf(limiter, 10)).toBe(10);
    await limiter.close();
  });

  it('adds up with other workers, and takes over what was used before a start', async () => {
    limit('user', 'u', { perDay: 10, perMinute: 100 });
    const [one, two] = [await limiterOf(), await limiterOf()];
    expect(callsOf(one, 6)).toBe(6);
    await one.close();
    expect(callsOf(two, 1)).toBe(1);
    await two.close();
    const three = await limiterOf();
    expect(callsOf(three, 10)).toBe(3);
    await three.close();
  });

  it('adds up also the calls that came while it wrote', async () => {
    limit('key', 'k', { perDay: 100 });
    let write = () => {};
    const slow: UsageStore = {
      ...store,
      add: async (usage) => {
        await new Promise<void>((resolve) => {
          write = resolve;
        });
        return store.add(usage);
      },
    };
    const limiter = createLimiter({ store: slow, load: async () => rows, bus, now: () => nowMs });
    await limiter.start();
    const written = () => [...sums.values()].reduce((sum, { calls }) => sum + calls, 0);
    const untilWritten = (calls: number) =>
      until(() => {
        write();
        return written() === calls;
      }, 10_000);
    callsOf(limiter, 1);
    await untilWritten(1);
    // The next time is later than its end, and than that of the timer for calls that come meanwhile.
    callsOf(limiter, 1);
    const begun = write;
    await until(() => write !== begun, 10_000);
    callsOf(limiter, 1);
    let looks = 0;
    await until(() => ++looks > 3, 10_000);
    await untilWritten(3);
    const closing = limiter.close();
    write();
    await closing;
  });

  it('goes on by its own count while the store is away, and loses no call of it', async () => {
    limit('key', 'k', { perDay: 10 });
    const limiter = await limiterOf();
    isAway = true;
    expect(callsOf(limiter, 4)).toBe(4);
    await limiter.close();
    expect(sums.size).toBe(0);
    const next = await limiterOf();
    expect(callsOf(next, 4)).toBe(4);
    await new Promise<void>((resolve) => setImmediate(resolve));
    isAway = false;
    await next.close();
    expect([...sums.values()]).toMatchObject([{ subject: 'key', subjectId: 'k', day: '2026-01-31', calls: 4 }]);
  });
});
