// The line to the thread that ranks. It is started by the first search; one that died or hangs is replaced by the next.
import type { Worker } from 'node:worker_threads';
import { HubError } from '../../lib/errors';
import type { Log } from '../../lib/log';
import { startThread } from '../threads';
import type { Order, Ranking, Reply } from './thread';

/** A search takes milliseconds; the first one waits for an index of some thousand tools. */
const answerMs = 10_000;
const waitingMax = 256;
const memoryMb = 512;

const program = { source: new URL('./thread.ts', import.meta.url), bundle: './search-thread.mjs' };

interface Waiting {
  resolve(ranking: Ranking): void;
  reject(error: HubError): void;
  timer: NodeJS.Timeout;
}

export interface Ranker {
  /** Whether a thread runs that knows what it was told. False: tell it everything first. */
  readonly isStarted: boolean;
  tell(order: Exclude<Order, { kind: 'search' }>): void;
  /** @throws HubError UNAVAILABLE, BUSY */
  search(text: string, limit: number, allowed: Uint8Array, vector: Float32Array | null): Promise<Ranking>;
  close(): Promise<void>;
}

export function createRanker(log: Log): Ranker {
  const waiting = new Map<number, Waiting>();
  let thread: Worker | null = null;
  let nextId = 1;

  function start(): Worker {
    const started = startThread(program, { resourceLimits: { maxOldGenerationSizeMb: memoryMb } });
    started.on('message', (reply: Reply) => {
      const asked = take(reply.id);
      if (!asked) return;
      if ('ranking' in reply) asked.resolve(reply.ranking);
      else asked.reject(new HubError('INTERNAL', undefined, { detail: reply.fault }));
    });
    started.on('error', (error) => end(started, error));
    started.on('exit', () => end(started, null));
    // It shall not keep the worker alive.
    started.unref();
    return started;
  }

  function take(id: number): Waiting | undefined {
    const asked = waiting.get(id);
    waiting.delete(id);
    if (asked) clearTimeout(asked.timer);
    return asked;
  }

  function end(ended: Worker, error: unknown): void {
    if (thread !== ended) return;
    thread = null;
    if (error) log.error({ err: error }, 'the search for tools ended; the next search begins anew');
    for (const id of [...waiting.keys()]) take(id)?.reject(unavailable());
    void ended.terminate();
  }

  const current = () => {
    thread ??= start();
    return thread;
  };

  return {
    get isStarted() {
      return thread !== null;
    },
    tell: (order) => current().postMessage(order),
    search(text, limit, allowed, vector) {
      if (waiting.size >= waitingMax) {
        return Promise.reject(new HubError('BUSY', 'Too many searches wait already.', { retryAfterMs: 1000 }));
      }
      const asked = current();
      const id = nextId++;
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          log.error('a search for tools took too long');
          end(asked, null);
        }, answerMs);
        waiting.set(id, { resolve, reject, timer });
        asked.postMessage({ kind: 'search', id, text, limit, allowed, vector } satisfies Order);
      });
    },
    async close() {
      const open = thread;
      if (!open) return;
      end(open, null);
      await open.terminate();
    },
  };
}

function unavailable(): HubError {
  return new HubError('UNAVAILABLE', 'The search for tools has failed; try again.', {
    retryable: true,
    retryAfterMs: 1000,
  });
}
