// Door of the cache.
export { type Cache, type CacheOptions, createCache, type SharedCache } from './cache';
export { openSharedCache, type RedisSettings } from './redis';
