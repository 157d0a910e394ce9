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
const hourMs = 3_600_000;

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
  /** More starts were due within an hour than the server is granted; until the next start. */
  readonly overBudget: boolean;
  /**
   * Notes an end.
   * @param upMs how long it was ready
   * @param restartsPerHour starts by themselves that it is granted; undefined: as many as it takes
   * @returns the delay before the next start
   */
  ended(nowMs: number, upMs: number, random: number, restartsPerHour?: number): number;
  /** It has run for long enough: only the starts of the last hour still count. */
  stable(): void;
  /** A new configuration or a person's wish: all is forgotten. */
  reset(): void;
}

/** @param nowMs in all functions: monotonic milliseconds */
export function createExitRecord(): ExitRecord {
  let exits: number[] = [];
  let attempts = 0;
  let crashed = false;
  let overBudget = false;
  /** When it was, or is going to be, started by itself; oldest first. */
  let restarts: number[] = [];

  function stable(): void {
    exits = [];
    attempts = 0;
    crashed = false;
  }

  /** @returns the delay until the budget allows a start */
  function budgetDelay(nowMs: number, delayMs: number, restartsPerHour: number): number {
    restarts = restarts.filter((at) => nowMs - at < hourMs);
    overBudget = restarts.length >= restartsPerHour;
    // The one that has to leave the hour; a budget of nothing tries once an hour all the same, so that it heals.
    const blocking = restartsPerHour === 0 ? nowMs : restarts[restarts.length - restartsPerHour];
    const delay = overBudget ? Math.max(delayMs, (blocking ?? nowMs) + hourMs - nowMs) : delayMs;
    restarts.push(nowMs + delay);
    return delay;
  }

  return {
    get attempts() {
      return attempts;
    },
    get crashed() {
      return crashed || overBudget;
    },
    get overBudget() {
      return overBudget;
    },
    started() {
      overBudget = false;
      attempts += 1;
    },
    ended(nowMs, upMs, random, restartsPerHour = Infinity) {
      if (upMs >= stableMs) {
        stable();
        attempts = 1;
      }
      exits = [...exits.filter((at) => nowMs - at < crashWindowMs), nowMs];
      // Once crashed it stays so until it was stable, however slow the retries have become.
      crashed ||= exits.length > crashExits;
      const delay = restartDelayMs(attempts, random);
      return budgetDelay(nowMs, crashed ? Math.max(delay, crashedMs) : delay, restartsPerHour);
    },
    stable,
    reset() {
      stable();
      overBudget = false;
      restarts = [];
    },
  };
}
