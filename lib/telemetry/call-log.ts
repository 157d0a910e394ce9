// The call log's writing side: one row per tools/call, written in batches off the hot path. A crash loses the last
// batch at most; while the database is away rows wait in a bounded queue, and what does not fit is counted.
import { getTableColumns, type SQL, sql } from 'drizzle-orm';
import { CasingCache } from 'drizzle-orm/casing';
import { requestLogs } from '../../drizzle/schema';
import { isDatabaseUnavailable, rootMessage } from '../db/faults';
import type { Db } from '../db/types';
import type { Log } from '../log';
import { hideSecrets, redactArguments, redactText, storable } from './redact';

/** One finished call. `arguments` is kept by reference until its row is made. */
export type CallEntry = Omit<typeof requestLogs.$inferInsert, 'id'>;

export interface CallLogOptions {
  /** Longest time that a row waits while the database serves; 50 ms: rows that wait longer outlive the young generation. */
  flushMs?: number;
  /** Rows per insert; this many waiting rows also start one at once. */
  batchRows?: number;
  /** Rows kept while the database is away. */
  maxRows?: number;
  /** Told of each loss, for the metric. */
  onDropped?: (rows: number) => void;
}

export interface CallLog {
  /** Cheap and synchronous; never throws. */
  record(entry: CallEntry): void;
  /** Writes what is waiting now; resolves when it is stored or the database said no. */
  flush(): Promise<void>;
  /** Writes the rest and stops. Idempotent; later records are dropped. */
  close(): Promise<void>;
  /** Rows lost so far: queue full, closed, or refused by the database. */
  readonly dropped: number;
}

/** Rows waiting in memory; beyond it, they are kept without their arguments. */
const maxWaitingChars = 64 * 1024 * 1024;
/** Rows are made of so many calls at a time: those of a whole batch at once would hold up the calls that come meanwhile. */
const portionRows = 16;
const retryMaxMs = 10_000;

export function createCallLog(db: Db, log: Log, options: CallLogOptions = {}): CallLog {
  const { flushMs = 50, batchRows = 500, maxRows = 50_000, onDropped } = options;
  let fresh: CallEntry[] = [];
  const queue: Row[] = [];
  let waitingChars = 0;
  let dropped = 0;
  let failures = 0;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;

  function drop(rows: number): void {
    dropped += rows;
    onDropped?.(rows);
  }

  function schedule(delayMs: number): void {
    if (timer || closed) return;
    timer = setTimeout(() => {
      timer = undefined;
      void flush();
    }, delayMs);
    timer.unref();
  }

  function makeRows(): void {
    const entries = fresh;
    fresh = [];
    for (const entry of entries) {
      try {
        const row = rowOf(entry, waitingChars < maxWaitingChars);
        waitingChars += row.json.length;
        queue.push(row);
      } catch (error) {
        log.error({ err: error, requestId: entry.requestId }, 'a call record cannot be stored');
        drop(1);
      }
    }
  }

  function enqueue(): void {
    makeRows();
    if (queue.length >= batchRows && failures === 0 && !running) {
      clearTimeout(timer);
      timer = undefined;
      schedule(0);
    } else {
      schedule(flushMs);
    }
  }

  function flush(): Promise<void> {
    makeRows();
    running ??= drain().finally(() => {
      running = undefined;
      if (queue.length > 0) schedule(failures > 0 ? Math.min(flushMs * 2 ** failures, retryMaxMs) : flushMs);
    });
    return running;
  }

  async function drain(): Promise<void> {
    while (queue.length > 0) {
      try {
        await insertHead(queue.slice(0, batchRows));
        failures = 0;
      } catch (error) {
        if (failures++ === 0) {
          log.warn({ waiting: queue.length, cause: rootMessage(error) }, 'the call log waits for the database');
        }
        return;
      }
    }
  }

  /**
   * Writes the first rows of the queue and takes them off it. A row that the database refuses for itself must not hold
   * up the others: halves are tried until it is alone.
   */
  async function insertHead(rows: Row[]): Promise<void> {
    try {
      await db.execute(insertRows(rows));
      takeOff(rows.length);
    } catch (error) {
      if (isDatabaseUnavailable(error)) throw error;
      if (rows.length === 1) {
        log.error({ cause: rootMessage(error), requestId: rows[0]?.requestId }, 'a call record cannot be stored');
        takeOff(1);
        drop(1);
        return;
      }
      const half = Math.ceil(rows.length / 2);
      await insertHead(rows.slice(0, half));
      await insertHead(rows.slice(half));
    }
  }

  function takeOff(rows: number): void {
    // In place: an array that is left behind would keep its rows until the old generation is collected.
    for (const { json } of queue.splice(0, rows)) waitingChars -= json.length;
  }

  return {
    record(entry) {
      if (closed || queue.length + fresh.length >= maxRows) {
        drop(1);
        return;
      }
      if (fresh.push(entry) >= portionRows) enqueue();
      else schedule(flushMs);
    },
    flush,
    async close() {
      closed = true;
      clearTimeout(timer);
      timer = undefined;
      await running;
      await flush();
      if (queue.length > 0) drop(queue.length);
      queue.length = 0;
    },
    get dropped() {
      return dropped;
    },
  };
}

/**
 * All rows as one JSON parameter: a statement with a parameter per cell costs the query builder, the driver and the
 * database several times as much as the rows themselves.
 */
function insertRows(rows: Row[]): SQL {
  return sql`insert into ${requestLogs} (${columnNames}) select ${columnNames}
    from json_to_recordset(${`[${rows.map(({ json }) => json).join()}]`}::json) as r(${columnTypes})`;
}

type Snake<S extends string> = S extends `${infer Head}${infer Tail}`
  ? `${Head extends Lowercase<Head> ? Head : `_${Lowercase<Head>}`}${Snake<Tail>}`
  : S;
/** A record as it is sent to the database. It is text at once, so that a batch is no work that calls have to wait for. */
interface Row {
  requestId: string;
  json: string;
}
/** A record under the names of its columns. */
type StoredRow = { [K in keyof Required<CallEntry> as Snake<K>]: CallEntry[K] };

const casing = new CasingCache('snake_case');
const columns = Object.values(getTableColumns(requestLogs)).filter(({ name }) => name !== 'id');
const columnNames = sql.raw(columns.map((column) => casing.getColumnCasing(column)).join(', '));
const columnTypes = sql.raw(
  columns.map((column) => `${casing.getColumnCasing(column)} ${column.getSQLType()}`).join(', '),
);

/** As far as names and texts of strangers are concerned, a row is made safe here. */
function rowOf(entry: CallEntry, withArguments: boolean): Row {
  const row: StoredRow = {
    at: entry.at,
    request_id: clean(entry.requestId, 128),
    user_id: entry.userId,
    key_id: entry.keyId,
    actor: clean(entry.actor, 128),
    client: entry.client == null ? null : clean(entry.client, 128),
    endpoint: clean(entry.endpoint, 128),
    server_id: entry.serverId,
    server: entry.server == null ? null : clean(entry.server, 64),
    tool: entry.tool == null ? null : clean(entry.tool, 128),
    shown_tool: entry.shownTool,
    outcome: entry.outcome,
    error_code: entry.errorCode,
    error_message: entry.errorMessage == null ? null : redactText(clean(hidden(entry, entry.errorMessage), 1_000)),
    duration_ms: entry.durationMs,
    request_bytes: entry.requestBytes,
    response_bytes: entry.responseBytes,
    arguments:
      entry.arguments === undefined || !withArguments
        ? null
        : redactArguments(entry.arguments, undefined, entry.serverId),
  };
  return { requestId: entry.requestId, json: JSON.stringify(row) };
}

function hidden({ serverId }: CallEntry, text: string): string {
  return serverId ? hideSecrets(serverId, text) : text;
}

function clean(text: string, maxLength: number): string {
  return storable(text.slice(0, maxLength));
}
