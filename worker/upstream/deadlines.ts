// One coarse timer for all deadlines of calls: a pair of setTimeout and clearTimeout per call costs more than the call's
// own bookkeeping. A deadline is met up to one tick late.

const tickMs = 50;
const watchers = new Set<(now: number) => void>();
let timer: NodeJS.Timeout | null = null;

/** Runs `check` with the monotonic time in milliseconds at every tick. @returns a function that ends it */
export function everyTick(check: (now: number) => void): () => void {
  watchers.add(check);
  timer ??= setInterval(tick, tickMs).unref();
  return () => {
    watchers.delete(check);
    if (watchers.size > 0 || !timer) return;
    clearInterval(timer);
    timer = null;
  };
}

function tick(): void {
  const now = performance.now();
  for (const check of watchers) check(now);
}
