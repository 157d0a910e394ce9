// When something was last used, for people to look at: at most once a minute each, written in batches, off the path of
// the request.
import type { Log } from '../log';

const perItemMs = 60_000;
const batchMs = 1_000;

export interface LastUse {
  touch(id: string, address: string | null): void;
  /** Writes what is still to be written. */
  close(): Promise<void>;
}

export interface LastUseParts {
  write(id: string, at: Date, address: string | null): Promise<unknown>;
  now: () => number;
  wallClock: () => number;
  log?: Log;
}

export function createLastUse({ write, now, wallClock, log }: LastUseParts): LastUse {
  const writtenAt = new Map<string, number>();
  let pending = new Map<string, { at: Date; address: string | null }>();
  let timer: NodeJS.Timeout | null = null;
  let closed = false;

  async function flush(): Promise<void> {
    const batch = pending;
    pending = new Map();
    // Older ones are due again anyway, and the map must not hold what nobody uses any more.
    for (const [id, at] of writtenAt) if (now() - at >= perItemMs) writtenAt.delete(id);
    try {
      for (const [id, { at, address }] of batch) await write(id, at, address);
    } catch (error) {
      // Only a date for people to look at: the next use writes it again.
      for (const id of batch.keys()) writtenAt.delete(id);
      log?.debug({ err: error }, 'last use not written');
    }
  }

  return {
    touch(id, address) {
      const last = writtenAt.get(id);
      if (closed || (last !== undefined && now() - last < perItemMs)) return;
      writtenAt.set(id, now());
      pending.set(id, { at: new Date(wallClock()), address });
      timer ??= setTimeout(() => {
        timer = null;
        void flush();
      }, batchMs).unref();
    },
    async close() {
      closed = true;
      if (timer) clearTimeout(timer);
      await flush();
    },
  };
}
