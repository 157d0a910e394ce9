// Cache in three layers: memory of this process, then Redis where there is one, then the loader (a query, mostly).
// Values are plain JSON. The cache is never the truth: a failure of Redis costs time, not an answer, and a value may be
// as old as its time to live.
import { LRUCache } from 'lru-cache';

/** The second layer, shared by all processes. */
export interface SharedCache {
  get(key: string): Promise<string | null>;
  set(key: string, value: string, ttlMs: number): Promise<void>;
  del(key: string): Promise<void>;
  close(): Promise<void>;
}

export interface CacheOptions {
  l2?: SharedCache | undefined;
  /** Entries held in memory; default 10,000. */
  maxEntries?: number;
  /** Called when the shared layer fails for the first time, and again (without an error) when it works again. */
  report?: (error?: unknown) => void;
  /** Random number in [0, 1), for the jitter. */
  random?: () => number;
}

export interface Cache {
  /**
   * The value of `key`, from the nearest layer that has it. Callers at the same moment share one load. `null` is a value
   * and is kept like any other. An error of `load` reaches every waiting caller and is not kept.
   * @param ttlMs time to live in every layer, shortened at random by up to 10% so that entries do not end together
   */
  get<T>(key: string, load: () => Promise<T>, ttlMs: number): Promise<T>;
  set<T>(key: string, value: T, ttlMs: number): Promise<void>;
  /** Removes the key from both layers; a load that is running now will not be kept. */
  del(key: string): Promise<void>;
  /** Removes the key from this process's memory only: for a hint that came from another process. */
  forget(key: string): void;
  close(): Promise<void>;
}

interface Entry {
  value: unknown;
}

interface Flight {
  promise: Promise<unknown>;
  /** A `del` or `set` came while it ran: what it brings is out of date. */
  stale: boolean;
}

/** While the shared layer fails it is asked again only this often: every read would pay for its time-out. */
const retryAfterMs = 5_000;

export function createCache(options: CacheOptions = {}): Cache {
  const { l2, report, maxEntries = 10_000, random = Math.random } = options;
  const memory = new LRUCache<string, Entry>({ max: maxEntries });
  const flights = new Map<string, Flight>();
  let failedAt: number | undefined;

  /** Runs against the shared layer; undefined when there is none or it does not work. */
  async function shared<T>(run: (layer: SharedCache) => Promise<T>): Promise<T | undefined> {
    if (!l2 || (failedAt !== undefined && performance.now() - failedAt < retryAfterMs)) return undefined;
    try {
      const result = await run(l2);
      if (failedAt !== undefined) report?.();
      failedAt = undefined;
      return result;
    } catch (error) {
      if (failedAt === undefined) report?.(error);
      failedAt = performance.now();
      return undefined;
    }
  }

  function keep(key: string, entry: Entry, ttlMs: number): void {
    if (ttlMs > 0) memory.set(key, entry, { ttl: Math.max(1, Math.round(ttlMs)) });
  }

  async function store(key: string, value: unknown, ttlMs: number): Promise<void> {
    const jitteredMs = ttlMs * (1 - random() / 10);
    keep(key, { value }, jitteredMs);
    if (jitteredMs >= 1) await shared((layer) => layer.set(key, JSON.stringify({ value }), jitteredMs));
  }

  /** Values written by another version may not parse; they count as absent. */
  async function readShared(key: string): Promise<Entry | undefined> {
    const text = await shared((layer) => layer.get(key));
    if (!text) return undefined;
    try {
      const entry: unknown = JSON.parse(text);
      return typeof entry === 'object' && entry !== null && 'value' in entry ? { value: entry.value } : undefined;
    } catch {
      return undefined;
    }
  }

  async function fly<T>(key: string, load: () => Promise<T>, ttlMs: number, flight: () => Flight): Promise<T> {
    const found = await readShared(key);
    if (found) {
      // How long it has left there is not known; a tenth of the full time bounds how much older it can get.
      if (!flight().stale) keep(key, found, ttlMs / 10);
      return found.value as T;
    }
    const value = await load();
    if (!flight().stale) await store(key, value, ttlMs);
    return value;
  }

  function outdate(key: string): void {
    const flight = flights.get(key);
    if (flight) flight.stale = true;
    flights.delete(key);
    memory.delete(key);
  }

  return {
    get<T>(key: string, load: () => Promise<T>, ttlMs: number): Promise<T> {
      const held = memory.get(key);
      if (held) return Promise.resolve(held.value as T);
      const running = flights.get(key);
      if (running) return running.promise as Promise<T>;
      const flight: Flight = { promise: Promise.resolve(), stale: false };
      const promise = fly(key, load, ttlMs, () => flight).finally(() => {
        if (flights.get(key) === flight) flights.delete(key);
      });
      flight.promise = promise;
      flights.set(key, flight);
      return promise;
    },
    async set(key, value, ttlMs) {
      outdate(key);
      await store(key, value, ttlMs);
    },
    async del(key) {
      outdate(key);
      await shared((layer) => layer.del(key));
    },
    forget: outdate,
    async close() {
      memory.clear();
      await l2?.close();
    },
  };
}
