// Time as the supervisor sees it, so that tests can move it.

export interface Clock {
  /** Wall clock, for what people read. */
  now(): number;
  /** Milliseconds that no clock change moves, for all durations. */
  monotonic(): number;
  /** @returns a function that ends the timer */
  after(ms: number, run: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};
