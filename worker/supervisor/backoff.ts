// When a server that ended is started again, and when it counts as crashed.

/** Delays in milliseconds. */
const firstMs = 1_000;
const maxMs = 300_000;
const jitter = 0.2;
export const stableMs = 60_000;
const crashExits = 5;
const crashWindowMs = 120_000;
/** "crashed" goes on trying, slowly. */
const crashedMs = 60_000;

/** Delay before start number `attempt` + 1 in milliseconds: 1, 2, 4 … 300 s, ±20 %. @param random from 0 to 1 */
export function restartDelayMs(attempt: number, random: number): number {
  const base = Math.min(firstMs * 2 ** Math.max(0, attempt - 1), maxMs);
  return Math.round(base * (1 - jitter + 2 * jitter * random));
}

export interface ExitRecord {
  /** Starts since the last time it was stable. */
  readonly attempts: number;
  readonly crashed: boolean;
  /** Notes a start. */
  started(): void;
  /** Notes an end. @param upMs how long it was ready @returns the delay before the next start */
  ended(nowMs: number, upMs: number, random: number): number;
  /** A new configuration or a person's wish: all is forgotten. */
  reset(): void;
}

/** @param nowMs in all functions: monotonic milliseconds */
export function createExitRecord(): ExitRecord {
  let exits: number[] = [];
  let attempts = 0;
  let crashed = false;

  function reset(): void {
    exits = [];
    attempts = 0;
    crashed = false;
  }

  return {
    get attempts() {
      return attempts;
    },
    get crashed() {
      return crashed;
    },
    started() {
      attempts += 1;
    },
    ended(nowMs, upMs, random) {
      if (upMs >= stableMs) {
        reset();
        attempts = 1;
      }
      exits = [...exits.filter((at) => nowMs - at < crashWindowMs), nowMs];
      // Once crashed it stays so until it was stable, however slow the retries have become.
      crashed ||= exits.length > crashExits;
      const delay = restartDelayMs(attempts, random);
      return crashed ? Math.max(delay, crashedMs) : delay;
    },
    reset,
  };
}
