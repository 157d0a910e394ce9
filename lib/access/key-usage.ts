// Writes when and from where a key was last used: at most once a minute per key, in batches, off the request's path.
import { eq } from 'drizzle-orm';
import { apiKeys } from '../../drizzle/schema';
import type { Db } from '../db/types';
import type { Log } from '../log';

const perKeyMs = 60_000;
const batchMs = 1_000;

export interface KeyUsage {
  touch(keyId: string, address: string | null): void;
  close(): Promise<void>;
}

export function createKeyUsage(
  db: Db,
  { now, wallClock, log }: { now: () => number; wallClock: () => number; log?: Log },
): KeyUsage {
  const writtenAt = new Map<string, number>();
  let pending = new Map<string, { at: Date; address: string | null }>();
  let timer: NodeJS.Timeout | null = null;
  let closed = false;

  async function flush(): Promise<void> {
    const batch = pending;
    pending = new Map();
    try {
      for (const [keyId, { at, address }] of batch) {
        await db.update(apiKeys).set({ lastUsedAt: at, lastUsedFrom: address }).where(eq(apiKeys.id, keyId));
      }
    } catch (error) {
      // Only a date for people to look at: the next use writes it again.
      for (const keyId of batch.keys()) writtenAt.delete(keyId);
      log?.debug({ err: error }, 'last use of keys not written');
    }
  }

  return {
    touch(keyId, address) {
      const last = writtenAt.get(keyId);
      if (closed || (last !== undefined && now() - last < perKeyMs)) return;
      writtenAt.set(keyId, now());
      pending.set(keyId, { at: new Date(wallClock()), address });
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
