// The counters of one limited thing: a minute that slides and a day in UTC. Windows begin at the same moments for all
// workers, so that their counts can be added up.

export const minuteMs = 60_000;
export const dayMs = 86_400_000;

/** The name of a day in UTC, as 2026-01-31. */
export function dayOf(nowMs: number): string {
  return new Date(nowMs).toISOString().slice(0, 10);
}

/** The name of a minute in UTC, as 2026-01-31T10:05. */
export function minuteOf(nowMs: number): string {
  return new Date(nowMs).toISOString().slice(0, 16);
}

/**
 * Calls within one minute or day. `count` has those of other workers as far as this one has heard of them; `unsent` is the
 * part of it that the others have not heard of.
 */
export class Window {
  /** Which one since 1970; -1 before the first. */
  index = -1;
  count = 0;
  /** Calls of the one before, if it was the one right before. */
  previous = 0;
  unsent = 0;

  constructor(readonly lengthMs: number) {}

  /** Milliseconds until one more call fits below `limit`, counting the last `lengthMs`; 0: it fits now. */
  waitSliding(limit: number, nowMs: number): number {
    const { count, previous, lengthMs } = this;
    const passed = nowMs - this.index * lengthMs;
    if (count + previous * (1 - passed / lengthMs) <= limit - 1) return 0;
    // Of the calls before, so many more must have slid out; where this window alone is full, it must be the one before.
    if (count < limit) return Math.max(1, Math.ceil(lengthMs * (1 - (limit - 1 - count) / previous) - passed));
    return Math.max(1, Math.ceil(lengthMs - passed + lengthMs * (1 - (limit - 1) / count)));
  }

  /** As above, counting from the beginning of the window. */
  waitFixed(limit: number, nowMs: number): number {
    return this.count < limit ? 0 : Math.max(1, (this.index + 1) * this.lengthMs - nowMs);
  }

  add(): void {
    this.count++;
    this.unsent++;
  }
}
