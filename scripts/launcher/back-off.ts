// When to start a program again after it ended: 0.5 s, doubled up to 30 s, so that a broken program does not eat the
// machine; a program that ran for 30 s starts afresh.

const firstMs = 500;
const mostMs = 30_000;
const stableMs = 30_000;
const jitter = 0.2;

export interface BackOff {
  /** The wait before the next start. @param ranMs how long the program ran this time */
  next(ranMs: number): number;
}

/** @param random a number from 0 to 1, as Math.random */
export function createBackOff(random: () => number = Math.random): BackOff {
  let failures = 0;
  return {
    next(ranMs) {
      if (ranMs >= stableMs) failures = 0;
      const delayMs = Math.min(firstMs * 2 ** failures, mostMs);
      failures += 1;
      return Math.round(delayMs * (1 - jitter + 2 * jitter * random()));
    },
  };
}
