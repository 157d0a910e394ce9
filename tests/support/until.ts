// Waiting for a condition with a deadline: the only way in which tests wait for time to pass.
import { setTimeout as delay } from 'node:timers/promises';
import { fairNow } from './fair-clock';

/**
 * Polls `check` until it holds.
 * @param explain called for the message when the deadline passes
 * @throws what `check` throws
 */
export async function until(
  check: () => boolean | Promise<boolean>,
  deadlineMs: number,
  explain: () => string = () => 'the condition did not come true',
): Promise<void> {
  const deadline = fairNow() + deadlineMs;
  while (!(await check())) {
    if (fairNow() > deadline) throw new Error(`after ${deadlineMs} ms: ${explain()}`);
    await delay(20);
  }
}
