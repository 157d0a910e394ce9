// Gives memory back once the hub has nothing to do. V8 collects when something is allocated: what a busy time left, and
// the room in which it lay, would otherwise stay for as long as the hub is idle.
import { Session } from 'node:inspector';
import { type EventLoopUtilization, performance } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';

const lookMs = 1_000;
/** The event loop was at work for a smaller part of the last second. */
const quietShare = 0.01;
const quietLooks = 5;
/**
 * A collection takes 50 to 100 ms, and V8 also drops what it learned of code that nobody runs at that moment: for about
 * a second the calls after it cost twice as much. So many sessions that came or went are worth that: each leaves some
 * 15 kB behind.
 */
const worthSessions = 500;
/** So much that anything else left is worth it too, but seldom: pauses between bursts of calls are not idleness. */
const worthBytes = 32 * 1024 * 1024;
const pauseMs = 300_000;

/** What is measured, and how memory is collected. */
export interface Heap {
  now(): number;
  /** Part of the time since the last question that the event loop was at work, 0 to 1. */
  busyShare(): number;
  usedBytes(): number;
  collect(): void;
}

export function ownHeap(): Heap {
  // The only way in this version of Node that also gives emptied pages back to the system; `gc()` keeps them.
  let session: Session | undefined;
  let last: EventLoopUtilization = performance.eventLoopUtilization();
  return {
    now: () => performance.now(),
    busyShare() {
      const before = last;
      last = performance.eventLoopUtilization();
      return performance.eventLoopUtilization(last, before).utilization;
    },
    usedBytes: () => getHeapStatistics().used_heap_size,
    collect() {
      if (!session) {
        session = new Session();
        session.connect();
      }
      session.post('HeapProfiler.collectGarbage');
    },
  };
}

/**
 * @param sessions those open now
 * @returns what has to be called once a second
 */
export function collectWhenIdle(heap: Heap, sessions: () => number): () => void {
  /** The least in use since the last collection. */
  let keptBytes = 0;
  let keptSessions = 0;
  let collectedAt = -Infinity;
  let quiet = 0;
  return () => {
    quiet = heap.busyShare() < quietShare ? quiet + 1 : 0;
    const usedBytes = heap.usedBytes();
    keptBytes = Math.min(keptBytes, usedBytes);
    if (quiet < quietLooks) return;
    const isDue = heap.now() - collectedAt > pauseMs && usedBytes - keptBytes > worthBytes;
    if (!isDue && Math.abs(sessions() - keptSessions) < worthSessions) return;
    heap.collect();
    keptBytes = Infinity;
    keptSessions = sessions();
    collectedAt = heap.now();
  };
}

/** @returns a function that ends it */
export function startIdleCollection(sessions: () => number, heap = ownHeap()): () => void {
  const timer = setInterval(collectWhenIdle(heap, sessions), lookMs).unref();
  return () => clearInterval(timer);
}
