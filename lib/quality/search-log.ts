// Writes down what came of searches for tools, and what smart endpoints gave models to read. In portions, off the path of
// calls; while the database is away a bounded number waits, and what does not fit is counted.
import { sql } from 'drizzle-orm';
import { searchCosts, toolSearches } from '../../drizzle/schema';
import { isDatabaseUnavailable, rootMessage } from '../db/faults';
import type { Db } from '../db/types';
import type { Log } from '../log';
import { redactText, storable } from '../telemetry/redact';

/** One search and what came of it. */
export type SearchEntry = Omit<typeof toolSearches.$inferInsert, 'id'>;

/** What was given to a model: a list of tools, the hits of a search, definitions. `fullTokens`: of the whole list in place of it. */
export interface SearchCost {
  kind: 'list' | 'search' | 'describe';
  endpoint: string;
  shownTokens: number;
  fullTokens: number;
}

export interface SearchLog {
  /** Cheap and synchronous; never throws. */
  record(entry: SearchEntry): void;
  spend(cost: SearchCost): void;
  /** Writes what is waiting now; resolves when it is stored or the database said no. */
  flush(): Promise<void>;
  /** Writes the rest and stops. Idempotent. */
  close(): Promise<void>;
}

export interface SearchLogOptions {
  flushMs?: number;
  maxRows?: number;
  /** Told of each loss, for the metric. */
  onDropped?: (rows: number) => void;
  /** Wall clock in ms. */
  now?: () => number;
}

const queryMaxChars = 2_000;
const foundMax = 10;
/** 12 parameters a row; the wire protocol counts them in 16 bits. */
const batchRows = 500;

export function createSearchLog(db: Db, log: Log, options: SearchLogOptions = {}): SearchLog {
  const { flushMs = 1_000, maxRows = 5_000, onDropped, now = Date.now } = options;
  const queue: SearchEntry[] = [];
  let costs = new Map<string, typeof searchCosts.$inferInsert>();
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let failures = 0;
  let isClosed = false;

  function schedule(): void {
    if (timer || isClosed) return;
    timer = setTimeout(
      () => {
        timer = undefined;
        void flush();
      },
      Math.min(flushMs * 2 ** failures, 30_000),
    );
    timer.unref();
  }

  function flush(): Promise<void> {
    running ??= drain().finally(() => {
      running = undefined;
      if (queue.length + costs.size > 0) schedule();
    });
    return running;
  }

  async function drain(): Promise<void> {
    try {
      while (queue.length > 0) {
        await insertHead(queue.slice(0, batchRows));
      }
      await writeCosts();
      failures = 0;
    } catch (error) {
      if (failures++ === 0) log.warn({ cause: rootMessage(error) }, 'what came of searches waits for the database');
    }
  }

  /** Writes the first rows of the queue and takes them off it. One that is refused for itself must not hold up the others. */
  async function insertHead(rows: SearchEntry[]): Promise<void> {
    try {
      await db.insert(toolSearches).values(rows);
      queue.splice(0, rows.length);
    } catch (error) {
      if (isDatabaseUnavailable(error)) throw error;
      if (rows.length === 1) {
        log.error({ cause: rootMessage(error) }, 'a search cannot be recorded');
        queue.splice(0, 1);
        onDropped?.(1);
        return;
      }
      const half = Math.ceil(rows.length / 2);
      await insertHead(rows.slice(0, half));
      await insertHead(rows.slice(half));
    }
  }

  async function writeCosts(): Promise<void> {
    if (costs.size === 0) return;
    const written = costs;
    costs = new Map();
    try {
      await db
        .insert(searchCosts)
        .values([...written.values()])
        .onConflictDoUpdate({
          target: [searchCosts.day, searchCosts.endpoint],
          set: {
            lists: sql`${searchCosts.lists} + excluded.lists`,
            searches: sql`${searchCosts.searches} + excluded.searches`,
            fullTokens: sql`${searchCosts.fullTokens} + excluded.full_tokens`,
            shownTokens: sql`${searchCosts.shownTokens} + excluded.shown_tokens`,
          },
        });
    } catch (error) {
      // Whatever the database cannot take is no reason to try it for ever.
      if (isDatabaseUnavailable(error)) for (const cost of written.values()) add(cost);
      throw error;
    }
  }

  function add(cost: typeof searchCosts.$inferInsert): void {
    const key = `${cost.day} ${cost.endpoint}`;
    const sum = costs.get(key);
    if (!sum) return void costs.set(key, cost);
    for (const name of ['lists', 'searches', 'fullTokens', 'shownTokens'] as const) {
      sum[name] = (sum[name] ?? 0) + (cost[name] ?? 0);
    }
  }

  return {
    record(entry) {
      if (isClosed || queue.length >= maxRows) return void onDropped?.(1);
      queue.push({
        ...entry,
        actor: clean(entry.actor, 128),
        client: entry.client == null ? null : clean(entry.client, 128),
        endpoint: clean(entry.endpoint, 128),
        query: redactText(clean(entry.query, queryMaxChars)),
        found: entry.found.slice(0, foundMax).map((tool) => clean(tool, 256)),
        called: entry.called == null ? null : clean(entry.called, 256),
      });
      schedule();
    },
    spend({ kind, endpoint, shownTokens, fullTokens }) {
      if (isClosed) return;
      const day = new Date(now()).toISOString().slice(0, 10);
      const counts = { lists: kind === 'list' ? 1 : 0, searches: kind === 'search' ? 1 : 0 };
      add({ day, endpoint: clean(endpoint, 128), ...counts, fullTokens, shownTokens });
      schedule();
    },
    flush,
    async close() {
      isClosed = true;
      clearTimeout(timer);
      timer = undefined;
      await running;
      await flush();
      if (queue.length > 0) onDropped?.(queue.length);
      queue.length = 0;
    },
  };
}

function clean(text: string, maxLength: number): string {
  return storable(text.slice(0, maxLength));
}
