// The shared cache layer on Redis: by its own protocol (ioredis) or over HTTP (Upstash).
import { setTimeout as delay } from 'node:timers/promises';
import { Redis as Upstash } from '@upstash/redis';
import { Redis } from 'ioredis';
import type { SharedCache } from './cache';

export interface RedisSettings {
  REDIS_URL?: string | undefined;
  UPSTASH_REDIS_REST_URL?: string | undefined;
  UPSTASH_REDIS_REST_TOKEN?: string | undefined;
}

/** Other programs may use the same Redis. */
const keyPrefix = 'mcphub:cache:';
const commandTimeoutMs = 500;

/** The shared layer that the settings ask for; undefined when they name none. REDIS_URL goes first. */
export function openSharedCache(settings: RedisSettings): SharedCache | undefined {
  if (settings.REDIS_URL) return onRedis(settings.REDIS_URL);
  const { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token } = settings;
  return url && token ? onUpstash(url, token) : undefined;
}

function onRedis(url: string): SharedCache {
  // A lost Redis must fail a read at once, not hold it back until it is there again.
  const redis = new Redis(url, {
    commandTimeout: commandTimeoutMs,
    connectTimeout: 2_000,
    enableOfflineQueue: false,
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(100 * 2 ** Math.min(attempt, 10), 5_000),
  });
  redis.on('error', () => {}); // each command reports its own failure; without a listener ioredis prints every attempt
  // Later attempts are ioredis' own. A Redis that takes the connection and then says nothing must not hold reads back.
  const connected = redis.connect().catch(() => {});
  const firstWait = Promise.race([connected, delay(commandTimeoutMs, undefined, { ref: false })]);
  async function ready() {
    if (redis.status !== 'ready') await firstWait;
    return redis;
  }
  return {
    get: async (key) => (await ready()).get(keyPrefix + key),
    async set(key, value, ttlMs) {
      await (await ready()).set(keyPrefix + key, value, 'PX', Math.ceil(ttlMs));
    },
    async del(key) {
      await (await ready()).del(keyPrefix + key);
    },
    async close() {
      redis.disconnect();
    },
  };
}

function onUpstash(url: string, token: string): SharedCache {
  const redis = new Upstash({
    url,
    token,
    automaticDeserialization: false,
    enableTelemetry: false,
    retry: false,
    signal: () => AbortSignal.timeout(commandTimeoutMs * 4),
  });
  return {
    get: (key) => redis.get<string>(keyPrefix + key),
    async set(key, value, ttlMs) {
      await redis.set(keyPrefix + key, value, { px: Math.ceil(ttlMs) });
    },
    async del(key) {
      await redis.del(keyPrefix + key);
    },
    async close() {},
  };
}
