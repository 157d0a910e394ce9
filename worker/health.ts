// What /readyz says: which checks fail, since when and why. A sick MCP server is no check here; it never makes the hub
// unready.
import { sql } from 'drizzle-orm';
import { rootMessage } from '../lib/db';
import type { Db } from '../lib/db/types';
import type { Failing } from './door';

/** So long a lost database is bridged by what is in memory. */
const graceMs = 60_000;
const askEveryMs = 5_000;

export interface Health {
  fail(check: string, detail: string): void;
  pass(check: string): void;
  failing(): Failing[];
  /** Asks the database every few seconds; its loss counts as a fault after a minute. */
  watchDatabase(db: Db): void;
  close(): void;
}

/** @param pending checks that have not passed yet */
export function createHealth(pending: string[]): Health {
  const faults = new Map<string, Failing>();
  let timer: NodeJS.Timeout | undefined;
  let answeredAtMs = performance.now();

  function fail(check: string, detail: string): void {
    const since = faults.get(check)?.since ?? new Date().toISOString();
    faults.set(check, { check, since, detail });
  }

  async function ask(db: Db): Promise<void> {
    try {
      await db.execute(sql`select 1`);
      answeredAtMs = performance.now();
      faults.delete('database');
    } catch (error) {
      if (performance.now() - answeredAtMs > graceMs) fail('database', rootMessage(error));
    }
  }

  for (const check of pending) fail(check, 'Not started yet.');
  return {
    fail,
    pass: (check) => void faults.delete(check),
    failing: () => [...faults.values()],
    watchDatabase(db) {
      answeredAtMs = performance.now();
      timer = setInterval(() => void ask(db), askEveryMs);
      timer.unref();
    },
    close: () => clearInterval(timer),
  };
}
