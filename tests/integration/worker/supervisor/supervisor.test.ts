import { readdirSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import type { ServerStatus } from '../../../../lib/servers/schema';
import type { DesiredServer } from '../../../../worker/supervisor';
import { measureMs } from '../../../../worker/supervisor/usage';
import type { Upstream } from '../../../../worker/upstream';
import { fairNow } from '../../../support/fair-clock';
import { referenceProgram } from '../../../support/reference';
import {
  desired,
  processesWith,
  program,
  remote,
  startHttpFixture,
  stdioTarget,
  supervise,
  until,
} from '../../../support/upstreams';

const running: { supervisor: { stop(): Promise<void> }; installationId: string }[] = [];

async function begin(rows: DesiredServer[], options: Parameters<typeof supervise>[1] = {}) {
  const made = supervise(rows, options);
  running.push(made);
  await made.supervisor.start();
  return made;
}

const call = (upstream: Upstream, name: string, args: Record<string, unknown> = {}) =>
  upstream.call('tools/call', { name, arguments: args }, { timeoutMs: 10_000 }).answer;
const textOf = async (answer: Promise<{ value: unknown }>) =>
  ((await answer).value as { content: [{ text: string }] }).content[0].text;

afterEach(async () => {
  for (const { supervisor, installationId } of running.splice(0)) {
    await supervisor.stop();
    expect(processesWith(installationId)).toEqual([]);
  }
});

describe('the supervisor', () => {
  it('starts what shall run, leaves the rest alone, and shows each state', async () => {
    const on = desired(stdioTarget('good'));
    const off = desired(stdioTarget('good'), { running: false });
    const disabled = desired(stdioTarget('good'), { enabled: false });
    const faulty = desired(stdioTarget('good'), { fault: 'The variable TOKEN has no value.' });
    const { supervisor, reach, state } = await begin([on, off, disabled, faulty]);
    expect(await reach(on, 'ready')).toMatchObject({
      reason: null,
      ready: 1,
      total: 1,
      instances: [{ state: 'ready', protocolVersion: '2025-11-25', serverInfo: { name: 'fixture-good' } }],
    });
    expect([state(off), state(disabled)]).toEqual(['stopped', 'disabled']);
    expect(await reach(faulty, 'crashed')).toMatchObject({ message: 'The variable TOKEN has no value.' });
    expect(await textOf(call(supervisor.upstreamOf(on.id), 'echo', { text: 'hi' }))).toBe('hi');
    for (const row of [off, disabled, faulty]) {
      expect(() => supervisor.upstreamOf(row.id)).toThrow(expect.objectContaining({ code: 'UPSTREAM_UNAVAILABLE' }));
    }
  });

  it('tells every change with a rising version, opens before it shows "ready", and says nothing after "removed"', async () => {
    const row = desired(stdioTarget('good'));
    const rows = [row];
    const made = supervise(rows);
    const { supervisor, reach, installationId } = made;
    running.push(made);
    const seen: ServerStatus[] = [];
    const order: string[] = [];
    supervisor.on('status', (status) => {
      seen.push(status);
      order.push(status.state);
    });
    supervisor.on('opened', () => order.push('opened'));
    supervisor.on('removed', () => order.push('removed'));
    await supervisor.start();
    await reach(row, 'ready');
    rows.length = 0;
    await supervisor.reconcile();
    await until('the end', () => processesWith(installationId).length === 0);
    expect(order).toEqual(['starting', 'opened', 'ready', 'removed']);
    expect(supervisor.status(row.id)).toBeUndefined();
    expect(seen.map(({ version }) => version)).toEqual(seen.map((_, index) => (seen[0]?.version ?? 0) + index));
  });

  it('restarts just the server whose configuration changed', async () => {
    const [kept, changed] = [desired(stdioTarget('good')), desired(stdioTarget('good'))];
    const rows = [kept, changed];
    const { supervisor, reach } = await begin(rows);
    for (const row of rows) await reach(row, 'ready');
    const pid = (row: DesiredServer) => textOf(call(supervisor.upstreamOf(row.id), 'pid'));
    const before = await Promise.all(rows.map(pid));
    rows[1] = { ...changed, env: { NEW: 'value' }, hash: 'another' };
    await supervisor.reconcile();
    await until('the new start', () => supervisor.status(changed.id)?.instances[0]?.restarts === 1);
    await reach(changed, 'ready');
    const after = await Promise.all(rows.map(pid));
    expect(after[0]).toBe(before[0]);
    expect(after[1]).not.toBe(before[1]);
  });

  it('stops and starts a server as its row says [F-TRAP-09]', async () => {
    const row = desired(stdioTarget('good'));
    const rows = [row];
    const { supervisor, installationId, reach } = await begin(rows);
    await reach(row, 'ready');
    rows[0] = { ...row, running: false };
    await supervisor.reconcile();
    await reach(row, 'stopped');
    expect(processesWith(installationId)).toEqual([]);
    rows[0] = { ...row, enabled: false };
    await supervisor.reconcile();
    await reach(row, 'disabled');
    rows[0] = row;
    await supervisor.reconcile();
    await reach(row, 'ready');
  });

  it('starts a server again that was killed, and fails its calls at once', async () => {
    const row = desired(stdioTarget('grandchild'));
    const { supervisor, reach } = await begin([row]);
    await reach(row, 'ready');
    const upstream = supervisor.upstreamOf(row.id);
    const pid = Number(await textOf(call(upstream, 'pid')));
    const hanging = call(upstream, 'sleep', { ms: 60_000 });
    const killedAt = fairNow();
    process.kill(pid, 'SIGKILL');
    await expect(hanging).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(fairNow() - killedAt).toBeLessThan(1_000);
    expect(await reach(row, 'retrying')).toMatchObject({
      reason: 'killed',
      lastExit: { reason: 'killed', signal: 'SIGKILL' },
      nextRetryAt: expect.any(String),
    });
    expect(() => supervisor.upstreamOf(row.id)).toThrow(
      expect.objectContaining({ extras: expect.objectContaining({ retryable: true }) }),
    );
    await reach(row, 'ready');
    expect(supervisor.status(row.id)?.instances[0]?.restarts).toBe(1);
  });

  it('starts one without sessions again too, and listens again to what it tells [N-STDIO-04, N-STDIO-07]', async () => {
    const row = desired(program(process.execPath, [referenceProgram('modern'), 'stdio']));
    const { supervisor, installationId, reach } = await begin([row]);
    const told: string[] = [];
    supervisor.on('notification', (_id, method) => void told.push(method));
    await reach(row, 'ready');
    expect(supervisor.upstreamOf(row.id).handshake.era).toBe('modern');
    const [pid] = processesWith(installationId);
    process.kill(Number.parseInt(pid ?? '', 10), 'SIGKILL');
    await reach(row, 'retrying');
    await reach(row, 'ready');
    expect(supervisor.status(row.id)?.instances[0]?.restarts).toBe(1);
    // A subscription is acknowledged some time after it was sent, so the list changes until it is told.
    await until('the changed list', async () => {
      await call(supervisor.upstreamOf(row.id), 'test_trigger_tool_change');
      return told.includes('notifications/tools/list_changed');
    });
  });

  it('survives a database that is away: all goes on, and it catches up', async () => {
    const row = desired(stdioTarget('good'));
    let away = false;
    const { supervisor, reach } = await begin([], {
      loadDesired: async () => {
        if (away) throw new Error('no database');
        return [row];
      },
    });
    await reach(row, 'ready');
    away = true;
    await supervisor.reconcile();
    expect(await textOf(call(supervisor.upstreamOf(row.id), 'echo', { text: 'still here' }))).toBe('still here');
  });

  it('keeps stderr of a flooding server bounded, tells what it dropped, and batches the lines', async () => {
    const row = desired(stdioTarget('stderr-flood'));
    const { supervisor, reach } = await begin([row]);
    let batches = 0;
    supervisor.on('log', () => {
      batches += 1;
    });
    const begun = performance.now();
    await reach(row, 'ready');
    await until('dropped lines', async () => (await supervisor.logs(row.id, 0, 5_000)).dropped > 0);
    const seconds = Math.ceil((performance.now() - begun) / 1000) + 1;
    const { lines } = await supervisor.logs(row.id, 0, 5_000);
    expect(lines.length).toBeLessThan(seconds * 200 + 10);
    expect(batches).toBeLessThan(seconds * 10 + 2);
  });

  it('reports memory, processor time and processes of a server [F-LIMIT-05]', async () => {
    const row = desired(stdioTarget('good'));
    const { reach, supervisor } = await begin([row]);
    await reach(row, 'ready');
    const rss = await until('a measurement', () => supervisor.status(row.id)?.instances[0]?.rssBytes, 30_000);
    expect(rss).toBeGreaterThan(10 * 1024 * 1024);
    const [instance] = supervisor.status(row.id)?.instances ?? [];
    expect(instance).toMatchObject({ processes: 1, cpuSeconds: expect.any(Number), cpuPercent: expect.any(Number) });
    expect(instance?.cpuSeconds).toBeGreaterThan(0);
  });

  it('shows a failed listing as degraded, and a good one as ready again', async () => {
    const row = desired(stdioTarget('good'));
    const { supervisor, reach } = await begin([row]);
    await reach(row, 'ready');
    supervisor.listed(row.id, { tools: 3, fault: 'tools/list was refused.' });
    expect(supervisor.status(row.id)).toMatchObject({
      state: 'degraded',
      tools: 3,
      message: 'tools/list was refused.',
    });
    supervisor.listed(row.id, { tools: 4, fault: null });
    expect(supervisor.status(row.id)).toMatchObject({ state: 'ready', tools: 4, message: null });
  });
});

describe('a server that cannot start is red within 2 s', () => {
  for (const [what, target, message] of [
    ['a missing command', program('no-such-command-here'), 'not found on PATH'],
    ['an exit code', stdioTarget('crash-at-start', '7'), 'exit code 7'],
    ['a clean exit', stdioTarget('clean-exit'), 'exit code 0'],
    ['text and an exit', stdioTarget('not-mcp'), 'not MCP: "Hello, this is a web server"'],
    ['text without an exit', stdioTarget('not-mcp', 'stay'), 'not MCP: "Hello, this is a web server"'],
    ['an echo', program('cat'), 'not MCP'],
    ['endless text', stdioTarget('print-forever'), 'not MCP'],
    ['nothing at the address', remote('http://127.0.0.1:9/mcp'), 'connection refused'],
    ['a refused address', remote('http://169.254.169.254/'), 'address not allowed'],
    ['an unknown host', remote('http://no-such-host.invalid/'), 'cannot be resolved'],
  ] as const) {
    it(what, async () => {
      const row = desired(target);
      const { supervisor, reach } = await begin([row]);
      const status = await reach(row, 'retrying', 2_000);
      expect(status.message).toContain(message);
      expect(() => supervisor.upstreamOf(row.id)).toThrow(message);
    });
  }

  it('and shows the last lines of stderr [F-START-04]', async () => {
    const row = desired(stdioTarget('crash-at-start'));
    const { supervisor, reach } = await begin([row]);
    const status = await reach(row, 'retrying', 2_000);
    expect(status.message).toContain('fatal: giving up');
    expect(status.lastExit?.stderr).toEqual(['cannot open the database', 'fatal: giving up']);
    expect((await supervisor.logs(row.id, 0, 100)).lines.map(({ text }) => text)).toContain('cannot open the database');
  });

  it('retries for ever, calls it crashed after six exits, and tries at once when asked or changed [F-EXIT-04, F-EXIT-07]', async () => {
    const row = desired(stdioTarget('crash-at-start'));
    const rows = [row];
    const delays: number[] = [];
    const { supervisor, reach } = await begin(rows, {
      clock: {
        now: () => Date.now(),
        monotonic: () => performance.now(),
        // Delays of restarts pass at once; the last one, that of a crashed server, is kept.
        after(ms, run) {
          const isRestart = [1_000, 2_000, 4_000, 8_000, 16_000].includes(ms);
          if (ms >= 1_000 && ms !== measureMs && ms !== 15_000) delays.push(ms);
          const timer = setTimeout(run, isRestart ? 1 : ms);
          return () => clearTimeout(timer);
        },
      },
    });
    expect(await reach(row, 'crashed')).toMatchObject({ attempt: 6, nextRetryAt: expect.any(String) });
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 60_000]);
    await supervisor.restart(row.id);
    await until('a fresh start', () => supervisor.status(row.id)?.attempt === 1);
    await reach(row, 'crashed');
    rows[0] = { ...row, args: stdioTarget('good').args, hash: 'mended' };
    await supervisor.reconcile();
    await reach(row, 'ready');
  });
});

describe('slow and hanging servers', () => {
  it('delay nobody', async () => {
    const good = desired(stdioTarget('good'));
    const others = ['silent', 'silent', 'slow-start', 'ignore-sigterm'].map((mode) => desired(stdioTarget(mode)));
    const rows = [...others, good];
    const { supervisor, reach, state } = await begin(rows);
    await reach(good, 'ready', 3_000);
    expect(state(others[0] as DesiredServer)).toBe('starting');
    await reach(others[3] as DesiredServer, 'ready');
    rows.splice(0, rows.length, { ...good, hash: 'another' });
    const begun = fairNow();
    await supervisor.reconcile();
    await until('the restart', () => supervisor.status(good.id)?.instances[0]?.restarts === 1);
    await reach(good, 'ready');
    expect(fairNow() - begun).toBeLessThan(5_000);
  });
});

describe('a server that hangs', () => {
  it('fails its calls in time and goes on if it answers a ping', async () => {
    const row = desired(stdioTarget('hang-on-call'));
    const { supervisor, reach, state } = await begin([row]);
    await reach(row, 'ready');
    const upstream = supervisor.upstreamOf(row.id);
    const hanging = Array.from(
      { length: 4 },
      () => upstream.call('tools/call', { name: 'echo' }, { timeoutMs: 100 }).answer,
    );
    for (const { status } of await Promise.allSettled(hanging)) expect(status).toBe('rejected');
    await upstream.call('ping', undefined, { timeoutMs: 5_000 }).answer;
    expect(state(row)).toBe('ready');
  });

  it('is started anew after three time-outs and a ping without an answer', async () => {
    const row = desired(stdioTarget('good'));
    const { supervisor, reach } = await begin([row]);
    await reach(row, 'ready');
    const upstream = supervisor.upstreamOf(row.id);
    process.kill(Number(await textOf(call(upstream, 'pid'))), 'SIGSTOP');
    const hanging = Array.from(
      { length: 3 },
      () => upstream.call('tools/call', { name: 'echo' }, { timeoutMs: 100 }).answer,
    );
    for (const { status } of await Promise.allSettled(hanging)) expect(status).toBe('rejected');
    expect(await reach(row, 'retrying')).toMatchObject({ reason: 'hung' });
    await reach(row, 'ready');
    expect(await textOf(call(supervisor.upstreamOf(row.id), 'echo', { text: 'back' }))).toBe('back');
  });
});

describe('after stop', () => {
  for (const mode of ['grandchild', 'grandchild-session', 'grandchild-without-marker', 'ignore-sigterm']) {
    it(`no process of "${mode}" is left within 8 s`, async () => {
      // Sleeps that nobody else's test has.
      const seconds = `600.${process.pid}`;
      const row = desired(stdioTarget(mode, seconds));
      const { supervisor, installationId, reach } = await begin([row]);
      await reach(row, 'ready');
      const needle = mode.startsWith('grandchild') && `sleep ${seconds}`;
      if (needle) expect(processesWith(needle)).toHaveLength(1);
      const begun = fairNow();
      await supervisor.stop();
      expect(fairNow() - begun).toBeLessThan(8_000);
      expect(processesWith(installationId)).toEqual([]);
      if (needle) expect(processesWith(needle)).toEqual([]);
    });
  }

  it('a second stop does nothing, and nothing starts any more', async () => {
    const row = desired(stdioTarget('good'));
    const { supervisor, installationId, reach } = await begin([row]);
    await reach(row, 'ready');
    await Promise.all([supervisor.stop(), supervisor.stop()]);
    await supervisor.reconcile();
    expect(supervisor.status(row.id)?.state).toBe('stopped');
    expect(processesWith(installationId)).toEqual([]);
  });

  it('a start sweeps what a killed life of this installation left, and nothing of another [F-STOP-03]', async () => {
    const mine = desired(stdioTarget('grandchild-session'));
    // As a killed life: it starts nothing again, however long the look at the processes takes.
    const first = await begin([mine], { random: () => 1_000 });
    await first.reach(mine, 'ready');
    const other = desired(stdioTarget('good'));
    const stranger = await begin([other]);
    await stranger.reach(other, 'ready');
    const second = await begin([], { installationId: first.installationId });
    expect(processesWith(first.installationId)).toEqual([]);
    expect(processesWith(stranger.installationId)).toHaveLength(1);
    await second.supervisor.stop();
  });

  it('twenty times over, no process and no open file is left [F-STOP-05]', async () => {
    const row = desired(stdioTarget('good'));
    const rows = [row];
    const { supervisor, installationId, reach } = await begin(rows);
    await reach(row, 'ready');
    const openFiles = () => readdirSync('/proc/self/fd').length;
    const before = openFiles();
    for (let cycle = 1; cycle <= 20; cycle += 1) {
      await supervisor.restart(row.id);
      await until(`start ${cycle}`, () => supervisor.status(row.id)?.instances[0]?.restarts === cycle);
      await reach(row, 'ready');
    }
    expect(processesWith(installationId)).toHaveLength(1);
    expect(openFiles()).toBeLessThanOrEqual(before + 2);
  });
});

describe('a remote server', () => {
  it('that wants a sign-in is shown so', async () => {
    const fixture = await startHttpFixture();
    const row = desired(remote(`${fixture.url}/auth`));
    const { supervisor, reach } = await begin([row]);
    expect((await reach(row, 'needs-auth')).message).toContain('401');
    expect(() => supervisor.upstreamOf(row.id)).toThrow(expect.objectContaining({ code: 'UPSTREAM_NEEDS_AUTH' }));
    await fixture.stop();
  });

  it('that goes away is retried and used again when it is back [F-HTTP-01]', async () => {
    const fixture = await startHttpFixture();
    const row = desired(remote(`${fixture.url}/mcp`));
    const { supervisor, reach } = await begin([row]);
    await reach(row, 'ready');
    await fixture.stop();
    await expect(call(supervisor.upstreamOf(row.id), 'echo')).rejects.toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' });
    await reach(row, 'retrying');
    const back = await startHttpFixture(Number(new URL(fixture.url).port));
    await reach(row, 'ready', 20_000);
    expect(await textOf(call(supervisor.upstreamOf(row.id), 'echo', { text: 'back' }))).toBe('back');
    await back.stop();
  });
});
