// Has the tools embedded that have no vector yet: one worker does it, batch by batch, and stores each batch before it asks
// for the next. What a restart finds stored is not asked for again.
import { isDatabaseUnavailable, rootMessage } from '../../../lib/db/faults';
import type { Log } from '../../../lib/log';
import { EmbeddingFault } from './fault';
import type { EmbeddingService } from './service';

export interface EmbeddingJobDeps {
  service: EmbeddingService;
  /** What has to be embedded: texts by their keys. */
  wanted(): ReadonlyMap<string, string>;
  /** Whether a vector of the right length is stored. */
  has(key: string): boolean;
  save(vectors: ReadonlyMap<string, Float32Array>): Promise<void>;
  /** All that is wanted is stored, but for texts that were refused. */
  done(keys: readonly string[]): Promise<void>;
  log: Log;
}

export interface EmbeddingJob {
  /** From now on it embeds what is missing. */
  start(): void;
  /** Something may be missing. */
  wake(): void;
  /** Texts that the service does not take. */
  readonly refused: number;
  /** Idempotent; a batch under way is cut by closing the service. */
  close(): Promise<void>;
}

/** What most services of one's own take at once. */
const batchSize = 32;
const batchMs = 60_000;
const restMs = 300;
const faultRestMs = 1_000;
/** After so many texts in a row that are refused it is not the texts. */
const refusedMax = 3;

export function createEmbeddingJob({ service, wanted, has, save, done, log }: EmbeddingJobDeps): EmbeddingJob {
  const refused = new Set<string>();
  let refusedInRow = 0;
  let size = batchSize;
  let isStarted = false;
  let isClosed = false;
  let isWanted = false;
  let running: Promise<void> | null = null;
  let timer: NodeJS.Timeout | null = null;

  function schedule(delayMs: number): void {
    isWanted = true;
    if (!isStarted || isClosed || running || timer) return;
    timer = setTimeout(() => {
      timer = null;
      running = run().finally(() => {
        running = null;
        if (isWanted) schedule(restMs);
      });
    }, delayMs);
    timer.unref();
  }

  async function run(): Promise<void> {
    isWanted = false;
    try {
      const all = wanted();
      const missing = [...all].filter(([key]) => !has(key) && !refused.has(key));
      for (let at = 0; at < missing.length && !isClosed; ) {
        const batch = missing.slice(at, at + size);
        await embed(batch);
        at += batch.length;
      }
      if (!isClosed) await done([...all.keys()]);
    } catch (error) {
      if (isClosed) return;
      // Such faults are told by the service itself, once.
      if (!(error instanceof EmbeddingFault)) {
        const level = isDatabaseUnavailable(error) ? 'warn' : 'error';
        log[level]({ cause: rootMessage(error) }, 'vectors of tools could not be stored yet');
      }
      retry(Math.max(faultRestMs, service.retryAtMs - performance.now()));
    }
  }

  function retry(delayMs: number): void {
    isWanted = false;
    timer = setTimeout(() => {
      timer = null;
      schedule(0);
    }, delayMs);
    timer.unref();
  }

  /**
   * A batch that is refused is halved, until it is known which text it is, or that it was too many.
   * @returns whether all texts were taken
   * @throws EmbeddingFault
   */
  async function embed(batch: [key: string, text: string][]): Promise<boolean> {
    if (isClosed) return false;
    const texts = batch.map(([, text]) => text);
    let vectors: Float32Array[];
    try {
      vectors = await service.embed(texts, batchMs, refusedInRow < refusedMax);
    } catch (error) {
      if (!(error instanceof EmbeddingFault) || error.code !== 'input-refused' || service.fault) throw error;
      if (batch.length > 1) {
        const half = batch.length >> 1;
        const first = await embed(batch.slice(0, half));
        const second = await embed(batch.slice(half));
        if (first && second) size = Math.min(size, half);
        return first && second;
      }
      refusedInRow++;
      refused.add(batch[0]?.[0] ?? '');
      log.warn(
        { text: texts[0]?.slice(0, 80) },
        'the embeddings service refuses this tool: it is found by its words alone',
      );
      return false;
    }
    refusedInRow = 0;
    await save(new Map(batch.map(([key], at) => [key, vectors[at] as Float32Array])));
    return true;
  }

  return {
    start() {
      isStarted = true;
      schedule(0);
    },
    wake: () => schedule(restMs),
    get refused() {
      return refused.size;
    },
    async close() {
      isClosed = true;
      if (timer) clearTimeout(timer);
      await running;
    },
  };
}
