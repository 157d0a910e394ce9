// The wall clock of a running hub jumps: that of its worker, its database and its launcher at once. Only what people were
// promised by date (keys with an expiry) goes by it; all durations go by the monotonic clock.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from '../../../scripts/prepare.mjs';
import { fairNow } from '../../support/fair-clock';
import { type Hub, startHub } from '../../support/hub';
import { openSession, statuses, untilShown } from '../../support/hub-client';
import { until } from '../../support/until';

const program = join(root, 'tests/support/servers/stdio.mjs');
const fixture = (mode = 'good', more: object = {}) => ({ command: process.execPath, args: [program, mode], ...more });
const hourMs = 3_600_000;
/** Longer than a lease is renewed in, and than rows are reconciled in. */
const watchedMs = 16_000;

function jump(to: Hub, ms: number): void {
  writeFileSync(join(to.dataDir, 'clock-offset'), String(ms));
  const pids = (['launcher', 'database', 'worker'] as const).flatMap((part) => to.pid(part) ?? []);
  expect(pids).toHaveLength(3);
  for (const pid of pids) process.kill(pid, 'SIGUSR2');
}

// Side by side: both watch for a while whether anything happens.
it.concurrent.for([
  ['ahead', hourMs],
  ['back', -hourMs],
] as const)(
  'an hour %s: nothing expires, nothing is restarted, nothing is cut off [F-HUB-04]',
  async ([, ms], { onTestFinished }) => {
    const hub = await startHub({
      config: {
        mcpServers: {
          good: fixture('good', { timeoutMs: 60_000 }),
          spent: fixture('crash-at-start', { limits: { restartsPerHour: 0 } }),
        },
      },
      env: { NODE_OPTIONS: `--require ${join(root, 'tests/support/clock-jump.cjs')}` },
    });
    onTestFinished(() => hub.stop());
    const { url } = hub;
    const good = await untilShown(hub, 'good', ({ state, tools }) => state === 'ready' && tools > 0, 20_000);
    const spent = await untilShown(hub, 'spent', ({ state }) => state === 'crashed', 20_000);
    const programs = (['database', 'worker'] as const).map((part) => hub.pid(part));
    const session = await openSession(hub);
    const underWay = session.call('good__sleep', { ms: 6_000 });
    const begun = fairNow();

    jump(hub, ms);
    for (let at = 0; fairNow() - begun < watchedMs; at += 1) {
      const { json } = await session.call('good__echo', { text: `at ${at}` });
      expect(json.result.content[0].text).toBe(`at ${at}`);
      await until(() => fairNow() - begun > (at + 1) * 250, 1_000);
    }
    expect((await underWay).json.result.content[0].text).toBe('slept 6000');
    const now = await statuses(hub);
    expect(now.good).toMatchObject({ state: 'ready', instances: [{ pid: good.instances[0]?.pid, restarts: 0 }] });
    // Its next attempt is an hour away by the clock that does not jump.
    expect(now.spent).toMatchObject({ state: 'crashed', attempt: spent.attempt, lastExit: spent.lastExit });
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    expect((await openSession(hub)).id).toBeTruthy();
    expect(programs).toEqual((['database', 'worker'] as const).map((part) => hub.pid(part)));
    const complaints = hub
      .logs()
      .split('\n')
      .filter((line) => /"level":[456]0/.test(line) && !line.includes('A new master key'));
    expect(complaints).toEqual([]);

    // It really jumped, and whoever ends now is started again after the usual second.
    await session.call('good__exit', { code: 1 });
    const { lastExit } = await untilShown(hub, 'good', ({ lastExit: exit }) => exit !== null);
    expect(Math.abs(Date.parse(lastExit?.at ?? '') - Date.now() - ms)).toBeLessThan(60_000);
    await untilShown(hub, 'good', ({ state }) => state === 'ready', 10_000);
  },
);
