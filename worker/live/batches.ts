// Collects items by key and hands them over together, at most once per interval and key. The first item of a quiet key
// waits one interval too; what does not fit into a frame is dropped from its beginning and counted.

export interface Batches<T> {
  add(key: string, items: readonly T[]): void;
  /** Forgets what waits. Idempotent. */
  close(): void;
}

/** @param flush receives the items of one key in order, and how many older ones were dropped */
export function createBatches<T>(
  intervalMs: number,
  maxItems: number,
  flush: (key: string, items: T[], dropped: number) => void,
): Batches<T> {
  const waiting = new Map<string, { items: T[]; dropped: number }>();
  let timer: NodeJS.Timeout | null = null;
  let closed = false;

  function flushAll(): void {
    timer = null;
    const batches = [...waiting];
    waiting.clear();
    for (const [key, { items, dropped }] of batches) flush(key, items, dropped);
  }

  return {
    add(key, items) {
      if (closed || items.length === 0) return;
      const batch = waiting.get(key) ?? { items: [], dropped: 0 };
      waiting.set(key, batch);
      batch.items.push(...items);
      const surplus = batch.items.length - maxItems;
      if (surplus > 0) {
        batch.items.splice(0, surplus);
        batch.dropped += surplus;
      }
      timer ??= setTimeout(flushAll, intervalMs);
      timer.unref();
    },
    close() {
      closed = true;
      if (timer) clearTimeout(timer);
      waiting.clear();
    },
  };
}
