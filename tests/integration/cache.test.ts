import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type Cache, createCache, openSharedCache, type RedisSettings } from '../../lib/cache/index';
import { withRedis } from '../support/database';
import { fairNow } from '../support/fair-clock';
import { until } from '../support/until';
import { startUpstashDouble, type UpstashDouble } from '../support/upstash';

const caches: Cache[] = [];

afterEach(async () => {
  await Promise.all(caches.splice(0).map((cache) => cache.close()));
});

function open(settings: RedisSettings, report?: (error?: unknown) => void): Cache {
  const cache = createCache({ l2: openSharedCache(settings), ...(report && { report }) });
  caches.push(cache);
  return cache;
}

const never = () => Promise.reject(new Error('not to be asked'));

function shares(settings: () => RedisSettings): void {
  it('a value that one process loaded is found by another, null too', async () => {
    const key = randomUUID();
    await open(settings()).get(key, async () => ({ text: 'ü', list: [1, null] }), 10_000);
    expect(await open(settings()).get(key, never, 10_000)).toEqual({ text: 'ü', list: [1, null] });
    await open(settings()).get(`${key}:null`, async () => null, 10_000);
    expect(await open(settings()).get(`${key}:null`, never, 10_000)).toBeNull();
  });

  it('a text that looks like a number or JSON stays a text', async () => {
    for (const value of ['OK', '12', '{"a":1}', '']) {
      const key = randomUUID();
      await open(settings()).set(key, value, 10_000);
      expect(await open(settings()).get(key, never, 10_000)).toBe(value);
    }
  });

  it('a deleted key is gone for every process that asks anew', async () => {
    const key = randomUUID();
    const cache = open(settings());
    await cache.set(key, 1, 10_000);
    await cache.del(key);
    expect(await open(settings()).get(key, async () => 2, 10_000)).toBe(2);
  });

  it('a value ends with its time to live', async () => {
    const key = randomUUID();
    await open(settings()).set(key, 'short', 50);
    await until(async () => (await open(settings()).get(key, async () => 'loaded', 0)) === 'loaded', 20_000);
  });
}

withRedis('cache over Redis', (url) => {
  shares(() => ({ REDIS_URL: url }));
});

withRedis('cache over Upstash', (url) => {
  let double: UpstashDouble | undefined;
  afterEach(async () => {
    await double?.close();
    double = undefined;
  });

  describe('with the right token', () => {
    it('shares values over HTTP', async () => {
      double = await startUpstashDouble(url);
      const settings = { UPSTASH_REDIS_REST_URL: double.url, UPSTASH_REDIS_REST_TOKEN: double.token };
      const key = randomUUID();
      await open(settings).get(key, async () => ({ text: 'ü' }), 10_000);
      expect(await open(settings).get(key, never, 10_000)).toEqual({ text: 'ü' });
      expect(double.requests()).toBe(3);
      await open(settings).del(key);
      expect(await open(settings).get(key, async () => 'anew', 10_000)).toBe('anew');
    });
  });

  it('a refused token fails no read and is reported', async () => {
    double = await startUpstashDouble(url);
    const reports: unknown[] = [];
    const settings = { UPSTASH_REDIS_REST_URL: double.url, UPSTASH_REDIS_REST_TOKEN: 'wrong' };
    const cache = open(settings, (error) => reports.push(error));
    expect(await cache.get(randomUUID(), async () => 1, 10_000)).toBe(1);
    expect(reports).toHaveLength(1);
  });
});

describe('cache without its Redis', () => {
  it('answers every read from the loader, quickly, when nobody listens [F-DB-06]', async () => {
    const reports: unknown[] = [];
    const cache = open({ REDIS_URL: 'redis://127.0.0.1:1' }, (error) => reports.push(error));
    const startedAt = fairNow();
    for (const key of ['a', 'b', 'c']) expect(await cache.get(key, async () => key, 10_000)).toBe(key);
    expect(fairNow() - startedAt).toBeLessThan(3_000);
    expect(reports).toHaveLength(1);
  });

  it('answers although Redis accepts and then says nothing', async () => {
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const cache = open({ REDIS_URL: `redis://127.0.0.1:${(silent.address() as AddressInfo).port}` });
    expect(await cache.get('k', async () => 'loaded', 10_000)).toBe('loaded');
    await cache.close();
    silent.close();
  });
});
