// Waiting for a condition with a deadline: the only way in which tests wait for time to pass.
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Polls `check` until it holds.
 * @param describe called for the message when the deadline passes
 * @throws what `check` throws
 */
export async function until(
  check: () => boolean | Promise<boolean>,
  deadlineMs: number,
  describe: () => string = () => 'the condition did not come true',
): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!(await check())) {
    if (performance.now() > deadline) throw new Error(`after ${deadlineMs} ms: ${describe()}`);
    await delay(20);
  }
}
