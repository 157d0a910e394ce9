// The brake on guessing, per account and whatever address it comes from. Five attempts are free; from then on each one
// has to wait, longer each time. It is kept in the user's row, so that a restart forgives nothing; names that no account
// has are braked in the same way in memory, so that the brake does not tell which accounts exist.
import { eq } from 'drizzle-orm';
import { LRUCache } from 'lru-cache';
import { users } from '../../drizzle/schema';
import type { Db } from '../db/types';
import { HubError } from '../errors';
import { singleton } from '../singleton';

const freeAttempts = 5;
const firstPauseMs = 30_000;
const longestPauseMs = 15 * 60_000;
/** After this time without an attempt the count begins anew. */
const forgetAfterMs = 60 * 60_000;
const strangersMax = 10_000;

/** `until`: no attempt is looked at before; after few attempts it is the time of the last one. */
export interface Attempts {
  failed: number;
  untilMs: number;
}

/** How long the next attempt must wait after `failed` ones. */
function pauseMs(failed: number): number {
  return failed < freeAttempts ? 0 : Math.min(firstPauseMs * 2 ** (failed - freeAttempts), longestPauseMs);
}

/** Counts an attempt: the new count, or how long it is too early for one. */
export function countAttempt({ failed, untilMs }: Attempts, nowMs: number): Attempts | { waitMs: number } {
  // A pause that is longer than any comes from a clock that was set back.
  const waits = untilMs > nowMs && untilMs <= nowMs + longestPauseMs;
  if (waits) return { waitMs: untilMs - nowMs };
  const count = untilMs < nowMs - forgetAfterMs ? 1 : failed + 1;
  return { failed: count, untilMs: nowMs + pauseMs(count) };
}

export interface Lockout {
  /**
   * Counts an attempt before it is looked at, so that many at once count too.
   * @param account null: there is none of that name
   * @throws HubError LIMIT_EXCEEDED with retryAfterMs
   */
  attempt(db: Db, account: { id: string } | null, name: string): Promise<void>;
  /** Takes one attempt back: it was right, but not the last one. */
  refund(db: Db, userId: string): Promise<void>;
}

/** @param now milliseconds since 1970 */
export function createLockout(now: () => number = Date.now): Lockout {
  const strangers = new LRUCache<string, Attempts>({ max: strangersMax });
  return {
    async attempt(db, account, name) {
      const key = name.toLowerCase();
      const result = await db.transaction(async (tx) => {
        const at = now();
        // Asked for a stranger too, whose row there is not: the same work.
        const [row] = await tx
          .select({ failed: users.failedSignIns, until: users.lockedUntil })
          .from(users)
          .where(eq(users.id, account?.id ?? '00000000-0000-0000-0000-000000000000'))
          .for('update');
        const before = row ? { failed: row.failed, untilMs: row.until?.getTime() ?? 0 } : strangers.get(key);
        const counted = countAttempt(before ?? { failed: 0, untilMs: 0 }, at);
        if ('waitMs' in counted) return counted;
        if (!row) strangers.set(key, counted);
        await tx
          .update(users)
          .set({ failedSignIns: counted.failed, lockedUntil: new Date(counted.untilMs) })
          .where(eq(users.id, account?.id ?? '00000000-0000-0000-0000-000000000000'));
        return null;
      });
      if (result) throw tooEarly(result.waitMs);
    },
    async refund(db, userId) {
      await db.transaction(async (tx) => {
        const [row] = await tx
          .select({ failed: users.failedSignIns })
          .from(users)
          .where(eq(users.id, userId))
          .for('update');
        const failedSignIns = Math.max(0, (row?.failed ?? 0) - 1);
        await tx
          .update(users)
          .set({ failedSignIns, lockedUntil: new Date(now()) })
          .where(eq(users.id, userId));
      });
    },
  };
}

/** Columns of an account that is not held back. */
export const unlocked = { failedSignIns: 0, lockedUntil: null };

function tooEarly(waitMs: number): HubError {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000));
  const time = seconds < 90 ? `${seconds} second${seconds === 1 ? '' : 's'}` : `${Math.ceil(seconds / 60)} minutes`;
  return new HubError('LIMIT_EXCEEDED', `Too many attempts for this name: try again in ${time}.`, {
    retryAfterMs: seconds * 1000,
  });
}

/** The lockout of this process. */
export function lockout(): Lockout {
  return singleton('access.lockout', () => createLockout());
}
