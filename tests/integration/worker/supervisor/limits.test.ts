// Limits of real programs that go over them: each is stopped with its reason and started again, and nobody else suffers.
import { afterEach, describe, expect, it } from 'vitest';
import type { DesiredServer } from '../../../../worker/supervisor';
import type { Upstream } from '../../../../worker/upstream';
import { desired, processesWith, program, stdioTarget, supervise, until } from '../../../support/upstreams';

const running: ReturnType<typeof supervise>[] = [];

async function begin(rows: DesiredServer[], options: Parameters<typeof supervise>[1] = {}) {
  const made = supervise(rows, options);
  running.push(made);
  await made.supervisor.start();
  for (const row of rows) await made.reach(row, 'ready');
  return made;
}

const call = (upstream: Upstream, name: string, args: Record<string, unknown> = {}) =>
  upstream.call('tools/call', { name, arguments: args }, { timeoutMs: 60_000 }).answer;
const textOf = async (answer: Promise<{ value: unknown }>) =>
  ((await answer).value as { content: [{ text: string }] }).content[0].text;

afterEach(async () => {
  for (const { supervisor, installationId } of running.splice(0)) {
    await supervisor.stop();
    expect(processesWith(installationId)).toEqual([]);
  }
});

describe('a server over a limit is stopped with the reason, and started again', () => {
  for (const [what, limits, tool, args, reason, message] of [
    ['of memory', { memoryMb: 200 }, 'hog', { mb: 300 }, 'memory-limit', /^memory: \d+ MB of 200 MB$/],
    [
      'of memory, taken by a child in a session of its own',
      { memoryMb: 300 },
      'hog',
      { mb: 400, inChild: true },
      'memory-limit',
      /^memory: \d+ MB of 300 MB$/,
    ],
    ['of processes', { processes: 5 }, 'fork', { count: 8 }, 'process-limit', /^processes: 9 of 5$/],
    ['of processor time', { cpuSeconds: 1 }, 'churn', {}, 'cpu-limit', /^processor time: \d+\.\d s of 1 s$/],
    [
      'of the processor over a while',
      { cpuPercent: 5 },
      'churn',
      {},
      'cpu-limit',
      /^processor: \d+ % of 5 % over 3 s$/,
    ],
  ] as const) {
    it(what, async () => {
      const bystander = desired(stdioTarget('good'));
      const row = desired(stdioTarget('good'), { limits });
      const { supervisor, reach } = await begin([row, bystander], { cpuWindowMs: 3_000 });
      const upstream = supervisor.upstreamOf(row.id);
      const untouched = await textOf(call(supervisor.upstreamOf(bystander.id), 'pid'));
      const waiting = call(upstream, 'sleep', { ms: 60_000 });
      const interrupted = expect(waiting).rejects.toMatchObject({
        code: 'INTERRUPTED',
        message: expect.stringMatching(message),
        extras: { reason },
      });
      await call(upstream, tool, args);
      const status = await reach(row, 'retrying', 30_000);
      expect(status).toMatchObject({ reason, message: expect.stringMatching(message) });
      expect(status.lastExit).toMatchObject({ reason, message: expect.stringMatching(message) });
      await interrupted;
      const { lines } = await supervisor.logs(row.id, 0, 1_000);
      expect(lines.map(({ text }) => text)).toContainEqual(expect.stringContaining(`over a limit: ${status.message}`));
      await reach(row, 'ready');
      expect(await textOf(call(supervisor.upstreamOf(row.id), 'echo', { text: 'back' }))).toBe('back');
      expect(await textOf(call(supervisor.upstreamOf(bystander.id), 'pid'))).toBe(untouched);
      expect(processesWith('sleep 603')).toEqual([]);
    });
  }

  it('also one that computes without ever looking up', async () => {
    const row = desired(stdioTarget('good'), { limits: { cpuSeconds: 1 } });
    const { supervisor, reach } = await begin([row]);
    await expect(call(supervisor.upstreamOf(row.id), 'spin')).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(await reach(row, 'retrying')).toMatchObject({ reason: 'cpu-limit' });
  });

  it('also before it has answered "initialize"', async () => {
    const row = desired(stdioTarget('silent'), { limits: { memoryMb: 16 } });
    const made = supervise([row]);
    running.push(made);
    await made.supervisor.start();
    expect(await made.reach(row, 'retrying', 20_000)).toMatchObject({ reason: 'memory-limit' });
  });

  it('and a limit that is raised meanwhile holds without a restart', async () => {
    const row = desired(stdioTarget('good'), { limits: { processes: 5 } });
    const rows = [row];
    const { supervisor } = await begin(rows);
    rows[0] = { ...row, limits: { processes: 20 } };
    await supervisor.reconcile();
    await call(supervisor.upstreamOf(row.id), 'fork', { count: 8 });
    await until('a measurement', () => supervisor.status(row.id)?.instances[0]?.processes === 9);
    expect(supervisor.status(row.id)).toMatchObject({ state: 'ready', instances: [{ restarts: 0 }] });
  });
});

describe('open files', () => {
  it('are limited from the first instruction on, without a shell in between', async () => {
    const row = desired({ ...stdioTarget('good'), args: [...stdioTarget('good').args, '$(id); echo "x"'] });
    const limited = { ...row, limits: { openFiles: 64 } };
    const { supervisor } = await begin([limited]);
    expect(await textOf(call(supervisor.upstreamOf(row.id), 'open', { count: 100 }))).toMatch(/^EMFILE after \d\d$/);
    expect(supervisor.status(row.id)?.unenforced).toBeUndefined();
    const [line] = processesWith(row.args.at(-1) as string);
    expect(line).toMatch(/^\d+ \S*node /);
  });

  it('of a missing command say the same as without a limit', async () => {
    const row = desired(program('no-such-command-here'), { limits: { openFiles: 64 } });
    const made = supervise([row]);
    running.push(made);
    await made.supervisor.start();
    expect((await made.reach(row, 'retrying')).message).toContain('not found on PATH');
  });

  it('and everything else that a platform cannot limit is named in the status', async () => {
    const limits = { memoryMb: 512, processes: 5, openFiles: 64, concurrentCalls: 2, restartsPerHour: 3 };
    const row = desired(stdioTarget('good'), { limits });
    const { supervisor } = await begin([row], { platform: { measures: false, prlimit: null, maxOpenFiles: 0 } });
    expect(supervisor.status(row.id)?.unenforced).toEqual(['memoryMb', 'processes', 'openFiles']);
    expect(await textOf(call(supervisor.upstreamOf(row.id), 'open', { count: 100 }))).toBe('opened 100');
  });
});

describe('restarts by itself', () => {
  it('end with their budget: the server counts as crashed and says when it is tried next [F-EXIT-06]', async () => {
    const row = desired(stdioTarget('crash-at-start'), { limits: { restartsPerHour: 2 } });
    const made = supervise([row], {
      clock: {
        now: () => Date.now(),
        monotonic: () => performance.now(),
        after(ms, run) {
          const timer = setTimeout(run, [1_000, 2_000].includes(ms) ? 1 : ms);
          return () => clearTimeout(timer);
        },
      },
    });
    running.push(made);
    await made.supervisor.start();
    const status = await made.reach(row, 'crashed');
    expect(status).toMatchObject({
      attempt: 3,
      reason: 'exited',
      message: expect.stringContaining('It has had the 2 restarts an hour that it is granted.'),
    });
    const waitMs = Date.parse(status.nextRetryAt ?? '') - Date.now();
    expect(waitMs).toBeGreaterThan(3_500_000);
    expect(waitMs).toBeLessThan(3_610_000);
    await made.supervisor.restart(row.id);
    await until('a fresh budget', () => made.supervisor.status(row.id)?.attempt === 1);
  });
});
