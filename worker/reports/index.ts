// Keeps what is noticed of every server while it is used, in memory and, a little later, in the table server_reports, so
// that a server which sleeps, or a hub which was restarted, still shows it. Nothing here is on the way of a call.
import type { ServerLife } from '../../lib/diagnosis/schema';
import type { Log } from '../../lib/log';
import type { Supervisor } from '../supervisor/types';
import { addTo, emptyLife } from './life';

/** Of a server that changes all the time one row is written so often. */
const writeEveryMs = 5_000;

export interface ReportsOptions {
  supervisor: Pick<Supervisor, 'on'>;
  /** Whether this worker writes down what is noticed of a server. */
  answersFor(serverId: string): boolean;
  load(): Promise<ReadonlyMap<string, ServerLife>>;
  /** A server that was deleted meanwhile is left alone. */
  store(serverId: string, life: ServerLife): Promise<void>;
  log: Log;
  writeMs?: number;
}

export interface Reports {
  /** Reads what is stored; what was noticed before is added to it. @throws what `load` throws */
  start(): Promise<void>;
  /** What was noticed of a server; null before anything was, and for a server of another worker. */
  lifeOf(serverId: string): ServerLife | null;
  /** Writes what is waiting to be written. Idempotent. */
  close(): Promise<void>;
}

export function createReports(options: ReportsOptions): Reports {
  const { supervisor, answersFor, log, writeMs = writeEveryMs } = options;
  const lives = new Map<string, ServerLife>();
  const dirty = new Set<string>();
  /** What comes before the stored part is read. */
  let early: (() => void)[] | null = [];
  let timer: NodeJS.Timeout | null = null;
  let writing: Promise<void> = Promise.resolve();
  let isClosed = false;

  const unsubscribe = [
    supervisor.on('observed', (serverId, observation, ordinal) => {
      if (!answersFor(serverId)) return;
      const at = new Date().toISOString();
      const add = () => {
        const life = lives.get(serverId) ?? emptyLife(at);
        lives.set(serverId, life);
        addTo(life, observation, ordinal, at);
        mark(serverId);
      };
      if (early) early.push(add);
      else add();
    }),
    supervisor.on('removed', (serverId) => {
      lives.delete(serverId);
      dirty.delete(serverId);
    }),
  ];

  function mark(serverId: string): void {
    dirty.add(serverId);
    if (timer || isClosed) return;
    timer = setTimeout(() => {
      timer = null;
      writing = writing.then(write);
    }, writeMs).unref();
  }

  async function write(): Promise<void> {
    const ids = [...dirty];
    dirty.clear();
    for (const id of ids) {
      const life = lives.get(id);
      if (!life) continue;
      await options.store(id, life).catch((error: unknown) => {
        // What is in memory serves; the next thing noticed writes it again.
        log.debug({ err: error, serverId: id }, 'what was noticed of a server was not stored');
      });
    }
  }

  let closing: Promise<void> | null = null;
  return {
    async start() {
      const stored = await options.load();
      for (const [id, life] of stored) if (!lives.has(id)) lives.set(id, life);
      const waiting = early ?? [];
      early = null;
      for (const add of waiting) add();
    },
    lifeOf: (serverId) => (answersFor(serverId) ? (lives.get(serverId) ?? null) : null),
    close() {
      closing ??= (async () => {
        isClosed = true;
        for (const stop of unsubscribe) stop();
        if (timer) clearTimeout(timer);
        await writing;
        if (early === null) await write();
      })();
      return closing;
    },
  };
}
