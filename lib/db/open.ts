// Opens the product's database: a Postgres by its URL, or the embedded one at its unix socket. Both speak the same
// protocol, so one driver and one set of queries serve both.
import { drizzle } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import * as schema from '../../drizzle/schema';
import type { Log } from '../log';
import { rootMessage } from './faults';
import type { Db } from './types';

/** One slow statement must not hold up the pool. */
const statementTimeoutMs = 5_000;
const connectTimeoutSeconds = 5;
/** The embedded database has one backend: more connections would only queue there instead of here. */
const poolSize = { embedded: 4, postgres: 10 };
/** The driver waits this long for connections that broke with a query on them, too: it never learns their end. */
const closeTimeoutSeconds = 2;

export interface Database {
  db: Db;
  kind: 'embedded' | 'postgres';
  log: Log;
  /** Lets queries in flight finish for 2 s, then cuts them. May be called twice. */
  close(): Promise<void>;
}

export interface DatabaseOptions {
  /** `postgres://…`; unset means the embedded database. */
  url?: string | undefined;
  /** Folder of the embedded database's socket. */
  socketDir: string;
  log: Log;
  /** Connections at most; default 4 to the embedded database, 10 to Postgres. */
  max?: number;
  /**
   * True (default): resolve when the database has answered, trying again until it does. False: resolve at once; queries
   * fail until the database is there.
   */
  wait?: boolean;
  /** Ends the waiting; the promise then rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** Opens a pool. A query on a lost connection fails at once and the next one connects again. */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const { url, log } = options;
  const kind = url ? 'postgres' : 'embedded';
  const common = {
    max: options.max ?? poolSize[kind],
    connect_timeout: connectTimeoutSeconds,
    // The driver's own back-off grows to 20 s, in which queries neither run nor fail.
    backoff: (attempt: number) => Math.min(0.05 * 2 ** attempt, 1),
    onnotice: (notice: postgres.Notice) => log.debug({ notice: notice.message }, 'database notice'),
  };
  const client = url
    ? postgres(url, { ...common, connection: { application_name: 'mcphub', statement_timeout: statementTimeoutMs } })
    : // No statement time-out here: the backend is single-threaded WebAssembly, in which no timer can fire, and the
      // setting would reach the other clients too.
      postgres({ ...common, host: options.socketDir, port: 5432, user: 'postgres', database: 'postgres', pass: '' });
  const database: Database = {
    db: drizzle({ client, schema, casing: 'snake_case' }),
    kind,
    log,
    close: () => client.end({ timeout: closeTimeoutSeconds }),
  };
  if (options.wait === false) return database;
  try {
    await waitUntilReachable(client, options);
  } catch (error) {
    await database.close();
    throw error;
  }
  return database;
}

async function waitUntilReachable(client: postgres.Sql, { log, signal }: DatabaseOptions): Promise<void> {
  let reported: string | undefined;
  for (let attempt = 0; ; attempt++) {
    signal?.throwIfAborted();
    try {
      await client`select 1`;
      if (reported) log.info('the database answers');
      return;
    } catch (error) {
      const reason = rootMessage(error);
      // Once per cause: a database that is down for an hour is one fact, not thousands.
      if (reason !== reported) log.warn({ reason }, 'waiting for the database');
      reported = reason;
    }
    await pause(Math.min(100 * 2 ** attempt, 2_000), signal);
  }
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
    function done() {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    }
  });
}
