// The vectors that the search for tools ranks by, where a service of embeddings is set up: which are stored, the job that
// has missing ones made, and the vectors of requests.
import type { Db } from '../../../lib/db/types';
import type { Bus } from '../../../lib/events/bus';
import { vectorKey } from '../../../lib/routing';
import { keepVectors, moveVectors, readVectors, saveVectors, storedKeys } from '../../../lib/routing/vectors';
import type { Embeddings } from '../vectors';
import { createEmbeddingJob } from './job';
import { createRequestVectors } from './requests';
import { createEmbeddingService, type EmbeddingServiceOptions } from './service';

export interface EmbeddingsDeps extends EmbeddingServiceOptions {
  db: Db;
  bus: Bus;
}

/** Clocks of the database and of this machine, and rows that were written while others were read. */
const overlapMs = 10_000;
const refreshMs = 1_000;
const keepEveryMs = 3_600_000;

export function createEmbeddings(deps: EmbeddingsDeps): Embeddings {
  const { db, bus, log, settings } = deps;
  const { model } = settings;
  const service = createEmbeddingService({ ...deps, measured: () => job.wake() });
  const requests = createRequestVectors(service);
  /** Key → length of the vector. */
  const stored = new Map<string, number>();
  let newest = new Date(0);
  let version = 0;
  let texts: () => Iterable<string> = () => [];
  let refreshTimer: NodeJS.Timeout | null = null;
  let keepAgainMs = 0;
  let isClosed = false;

  const keyOf = (text: string) => vectorKey(model, text);
  const has = (key: string) => {
    const length = stored.get(key);
    return length !== undefined && (service.dimension === null || length === service.dimension);
  };

  async function refresh(): Promise<void> {
    const rows = await storedKeys(db, model, new Date(newest.getTime() - overlapMs));
    for (const { key, dimensions, storedAt } of rows) {
      stored.set(key, dimensions);
      newest = storedAt;
    }
    service.dimension ??= rows.at(-1)?.dimensions ?? null;
    version++;
  }

  const job = createEmbeddingJob({
    service,
    wanted: () => new Map(Array.from(texts(), (text) => [keyOf(text), text])),
    has,
    async save(vectors) {
      await saveVectors(db, model, vectors);
      for (const [key, vector] of vectors) stored.set(key, vector.length);
      version++;
      await bus.emit('tools.embedded', { count: vectors.size });
    },
    async done(keys) {
      if (keys.length === 0 || performance.now() < keepAgainMs) return;
      keepAgainMs = performance.now() + keepEveryMs;
      const gone = await keepVectors(db, keys);
      if (gone > 0) log.info({ gone }, 'vectors of tools that are long gone were deleted');
      while (!isClosed && (await moveVectors(db)) > 0);
    },
    log,
  });

  // Told by the worker that stored them, to the others too; what was stored here is known already.
  const unsubscribe = bus.on('tools.embedded', () => {
    if (isClosed) return;
    refreshTimer ??= setTimeout(() => {
      refreshTimer = null;
      refresh().catch((err: unknown) => log.warn({ err }, 'the vectors of tools could not be read'));
    }, refreshMs);
    refreshTimer.unref();
  });

  return {
    model,
    get warning() {
      return service.fault?.message ?? null;
    },
    get version() {
      return version;
    },
    get dimension() {
      return service.dimension;
    },
    start: refresh,
    lead: job.start,
    wake: job.wake,
    textsFrom(source) {
      texts = source;
    },
    keyOf,
    has,
    read: (keys) => readVectors(db, keys),
    ofRequest: requests.of,
    async close() {
      isClosed = true;
      unsubscribe();
      if (refreshTimer) clearTimeout(refreshTimer);
      await service.close();
      await job.close();
    },
  };
}
