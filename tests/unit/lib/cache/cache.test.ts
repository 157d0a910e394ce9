import { describe, expect, it } from 'vitest';
import { createCache, type SharedCache } from '../../../../lib/cache/index';

interface Layer extends SharedCache {
  values: Map<string, string>;
  ttls: number[];
  broken: boolean;
  asked: number;
}

/** A shared layer in memory that can be broken. */
function memoryLayer(): Layer {
  const layer: Layer = {
    values: new Map(),
    ttls: [],
    broken: false,
    asked: 0,
    async get(key) {
      touch();
      return layer.values.get(key) ?? null;
    },
    async set(key, value, ttlMs) {
      touch();
      layer.values.set(key, value);
      layer.ttls.push(ttlMs);
    },
    async del(key) {
      touch();
      layer.values.delete(key);
    },
    async close() {},
  };
  function touch() {
    layer.asked += 1;
    if (layer.broken) throw new Error('no connection');
  }
  return layer;
}

function loader<T>(...values: T[]) {
  const state = { calls: 0, load: async () => values[Math.min(state.calls++, values.length - 1)] as T };
  return state;
}

describe('cache', () => {
  it('loads once and then answers from memory', async () => {
    const cache = createCache();
    const source = loader('a', 'b');
    expect([await cache.get('k', source.load, 1_000), await cache.get('k', source.load, 1_000)]).toEqual(['a', 'a']);
    expect(source.calls).toBe(1);
  });

  it('lets callers at the same moment share one load', async () => {
    const cache = createCache();
    let calls = 0;
    const load = () => new Promise<number>((resolve) => setImmediate(() => resolve(++calls)));
    const answers = await Promise.all(Array.from({ length: 50 }, () => cache.get('k', load, 1_000)));
    expect(new Set(answers)).toEqual(new Set([1]));
  });

  it('keeps null as a value', async () => {
    const layer = memoryLayer();
    const source = loader<string | null>(null, 'later');
    const cache = createCache({ l2: layer });
    expect([await cache.get('k', source.load, 1_000), await cache.get('k', source.load, 1_000)]).toEqual([null, null]);
    expect(await createCache({ l2: layer }).get('k', source.load, 1_000)).toBeNull();
    expect(source.calls).toBe(1);
  });

  it('does not keep a failed load, and every waiting caller sees the failure', async () => {
    const cache = createCache();
    const fail = () => Promise.reject(new Error('query failed'));
    const both = await Promise.allSettled([cache.get('k', fail, 1_000), cache.get('k', fail, 1_000)]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await cache.get('k', async () => 'good', 1_000)).toBe('good');
  });

  it('shares values between processes through the second layer', async () => {
    const layer = memoryLayer();
    await createCache({ l2: layer }).get('k', async () => ({ deep: [1, 2] }), 1_000);
    const never = () => Promise.reject(new Error('not to be asked'));
    expect(await createCache({ l2: layer }).get('k', never, 1_000)).toEqual({ deep: [1, 2] });
  });

  it('shortens the time to live at random by up to a tenth', async () => {
    const layer = memoryLayer();
    for (const random of [0, 0.5, 1]) await createCache({ l2: layer, random: () => random }).set('k', 1, 1_000);
    expect(layer.ttls).toEqual([1_000, 950, 900]);
  });

  it('keeps nothing when the time to live is zero', async () => {
    const source = loader(1, 2);
    const cache = createCache({ l2: memoryLayer() });
    expect([await cache.get('k', source.load, 0), await cache.get('k', source.load, 0)]).toEqual([1, 2]);
  });

  it('answers although the second layer fails, reports it once and leaves it alone for a while', async () => {
    const layer = memoryLayer();
    layer.broken = true;
    const reports: unknown[] = [];
    const cache = createCache({ l2: layer, report: (error) => reports.push(error) });
    for (const key of ['a', 'b', 'c']) expect(await cache.get(key, async () => key, 1_000)).toBe(key);
    await cache.del('a');
    expect(reports).toHaveLength(1);
    expect(layer.asked).toBe(1);
  });

  it('takes a broken value of the second layer for an absent one', async () => {
    const layer = memoryLayer();
    layer.values.set('k', '{"val');
    expect(await createCache({ l2: layer }).get('k', async () => 'loaded', 1_000)).toBe('loaded');
  });

  it('does not keep what a load brings after the key was deleted', async () => {
    const layer = memoryLayer();
    const cache = createCache({ l2: layer });
    let finish: (value: string) => void = () => {};
    let started: () => void = () => {};
    const running = new Promise<void>((resolve) => {
      started = resolve;
    });
    const slow = () =>
      new Promise<string>((resolve) => {
        finish = resolve;
        started();
      });
    const old = cache.get('k', slow, 1_000);
    await running;
    await cache.del('k');
    finish('old');
    expect(await old).toBe('old');
    expect(await cache.get('k', async () => 'new', 1_000)).toBe('new');
    expect(layer.values.get('k')).toBe('{"value":"new"}');
  });

  it('forgets only in its own memory when a hint comes', async () => {
    const layer = memoryLayer();
    const cache = createCache({ l2: layer });
    await cache.set('k', 'old', 1_000);
    layer.values.set('k', '{"value":"new"}');
    cache.forget('k');
    expect(await cache.get('k', () => Promise.reject(new Error('not to be asked')), 1_000)).toBe('new');
  });

  it('holds no more entries than it may', async () => {
    const cache = createCache({ maxEntries: 2 });
    const source = loader(1, 2, 3, 4);
    for (const key of ['a', 'b', 'c', 'a']) await cache.get(key, source.load, 1_000);
    expect(source.calls).toBe(4);
  });
});
