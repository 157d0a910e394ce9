// Ten servers in one hub, three of them bad: what a bad one costs the others, and what people are told of it. Then the
// servers file: an edit touches what it names and nothing else.
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from '../../../scripts/prepare.mjs';
import { fairNow } from '../../support/fair-clock';
import { type Hub, startHub, writeConfig } from '../../support/hub';
import { configFaults, openSession, statuses } from '../../support/hub-client';
import { until } from '../../support/until';

const program = join(root, 'tests/support/servers/stdio.mjs');
const fixture = (mode = 'good', more: object = {}) => ({ command: process.execPath, args: [program, mode], ...more });
const good = ['one', 'two', 'three', 'four', 'five', 'six', 'seven'];

type Entry = Record<string, unknown>;
const entries: Record<string, Entry> = {
  ...Object.fromEntries(good.map((name) => [name, fixture()])),
  mute: fixture('silent'),
  hanging: fixture('hang-on-call', { timeoutMs: 600_000 }),
  crashing: fixture('crash-at-start'),
};

let hub: Hub;

beforeAll(async () => {
  hub = await startHub({
    config: { mcpServers: entries },
    env: { FROM_HUB: 'value of the hub', FROM_ENV: 'second value', EMPTY_ONE: '' },
  });
  await allGood();
});

afterAll(() => hub?.stop());

async function states(): Promise<Record<string, string>> {
  return Object.fromEntries(Object.entries(await statuses(hub)).map(([name, { state }]) => [name, state]));
}

async function pids(): Promise<Record<string, number | null | undefined>> {
  return Object.fromEntries(Object.entries(await statuses(hub)).map(([name, each]) => [name, each.instances[0]?.pid]));
}

/** Without the one that crashes by itself: its process comes and goes whatever the file says. */
async function livingPids(): Promise<Record<string, number | null | undefined>> {
  const { crashing: _comesAndGoes, ...living } = await pids();
  return living;
}

async function allGood(): Promise<void> {
  await until(
    async () => {
      const now = await states();
      return good.every((name) => now[name] === 'ready');
    },
    20_000,
    hub.logs,
  );
}

async function shows(
  name: string,
  check: (status: Awaited<ReturnType<typeof statuses>>[string]) => boolean,
  ms = 5000,
) {
  let last: unknown;
  await until(
    async () => {
      const status = (await statuses(hub))[name];
      last = status;
      return status !== undefined && check(status);
    },
    ms,
    () => JSON.stringify(last),
  );
  return (await statuses(hub))[name] as Awaited<ReturnType<typeof statuses>>[string];
}

/** Writes the file with these changes; undefined removes an entry. @returns when it was written */
function edit(changes: Record<string, Entry | undefined>): number {
  for (const [name, entry] of Object.entries(changes)) {
    if (entry) entries[name] = entry;
    else delete entries[name];
  }
  writeConfig(hub.configFile, { mcpServers: entries });
  return fairNow();
}

const textOf = (json: { result?: { content: { text: string }[] } }) => json.result?.content[0]?.text;

describe('of ten servers one hangs in initialize, one hangs in calls, one crashes', () => {
  it('and tools/list waits for none of them', async () => {
    const session = await openSession(hub);
    const begun = fairNow();
    const names = await session.tools();
    expect(fairNow() - begun).toBeLessThan(500);
    expect(good.every((name) => names.includes(`${name}__echo`))).toBe(true);
    expect(names).toContain('hanging__echo');
  });

  it('and calls of the others are answered while calls of the hanging one are under way', async () => {
    const session = await openSession(hub);
    const leave = new AbortController();
    const hung = Array.from({ length: 20 }, (_, at) =>
      session
        .post(
          { jsonrpc: '2.0', id: `hung-${at}`, method: 'tools/call', params: { name: 'hanging__echo' } },
          leave.signal,
        )
        .catch(() => null),
    );
    const begun = fairNow();
    const answers = await Promise.all(good.map((name) => session.call(`${name}__echo`, { text: name })));
    expect(fairNow() - begun).toBeLessThan(1_500);
    expect(answers.map(({ json }) => textOf(json))).toEqual(good);
    leave.abort();
    await Promise.all(hung);
  });

  it('and a call of the one in initialize fails at once and says why', async () => {
    const session = await openSession(hub, { endpoint: '/mute' });
    const begun = fairNow();
    const { json } = await session.call('echo');
    expect(fairNow() - begun).toBeLessThan(1_000);
    expect(json.error?.code ?? json.result).toBeOneOf([1001, -32602]);
  });

  it('and the crashing one shows its reason, the last lines of stderr, and when it is tried again', async () => {
    const status = await shows('crashing', ({ attempt, nextRetryAt }) => attempt >= 2 && nextRetryAt !== null, 15_000);
    expect(status.state).toBeOneOf(['retrying', 'crashed']);
    expect(status.lastExit).toMatchObject({ exitCode: 7 });
    expect(status.lastExit?.stderr).toContain('fatal: giving up');
    expect(Date.parse(status.nextRetryAt ?? '')).toBeGreaterThan(Date.parse(status.lastExit?.at ?? ''));
  });

  it('and a crash in the middle of a call answers 1007 within a second, and the server comes back', async () => {
    const session = await openSession(hub);
    const before = (await pids()).seven;
    const begun = fairNow();
    const { json } = await session.call('seven__exit', { code: 3 });
    expect(fairNow() - begun).toBeLessThan(1_000);
    expect(json.error.code).toBe(1007);
    expect(json.error.data).toMatchObject({ server: 'seven' });
    await shows('seven', ({ state, instances }) => state === 'ready' && instances[0]?.pid !== before, 10_000);
    expect(textOf((await session.call('seven__echo', { text: 'again' })).json)).toBe('again');
  });
});

describe('limits of a server', () => {
  it('stop it with the reason in its state and its last exit, while figures of the others are in /metrics', async () => {
    edit({ greedy: fixture('good', { limits: { memoryMb: 16, openFiles: 64 } }) });
    const status = await shows('greedy', ({ reason }) => reason === 'memory-limit', 10_000);
    expect(status.message).toMatch(/^memory: \d+ MB of 16 MB$/);
    expect(status.lastExit).toMatchObject({ reason: 'memory-limit', message: status.message });
    expect(status.unenforced).toBeUndefined();
    const metrics = await (await fetch(`${hub.url}/metrics`)).text();
    for (const name of ['memory_bytes', 'cpu_seconds_total', 'processes']) {
      expect(metrics).toMatch(new RegExp(`^mcphub_server_${name}\\{server_name="one"\\} [\\d.]+$`, 'm'));
    }
    edit({ greedy: undefined });
    await until(async () => (await statuses(hub)).greedy === undefined, 5_000);
  });

  it('and a variable that would load foreign code keeps an entry of the file from being taken over [T-START-04]', async () => {
    edit({ risky: fixture('good', { env: { NODE_OPTIONS: '--require /tmp/x.js' } }), twelve: fixture() });
    await shows('twelve', ({ state }) => state === 'ready', 10_000);
    expect(Object.keys(await statuses(hub))).not.toContain('risky');
    edit({ risky: undefined, twelve: undefined });
    await until(async () => (await statuses(hub)).twelve === undefined, 5_000);
  });
});

describe('a server that cannot start is red within 2 s and says why', () => {
  it.each([
    ['a missing command', { command: 'no-such-program-anywhere' }, /no-such-program-anywhere/],
    [
      'an exit code',
      { command: '/bin/sh', args: ['-c', 'echo "config missing: /etc/thing" >&2; exit 3'] },
      /code 3.*config missing: \/etc\/thing/s,
    ],
    ['no MCP', fixture('not-mcp'), /Hello, this is a web server|MCP/],
    ['no MCP, and running on', { command: process.execPath, args: [program, 'not-mcp', 'stay'] }, /MCP/],
    ['a missing folder', fixture('good', { cwd: '/no/such/folder' }), /folder|directory/],
    ['a remote port that is closed', { url: 'http://127.0.0.1:9/mcp' }, /127\.0\.0\.1:9|refused/],
  ])('%s [F-ROW-01, F-START-04]', async (what, entry, message) => {
    const name = what.replace(/[^a-z]+/gi, '-');
    const before = await pids();
    const edited = edit({ [name]: entry });
    const status = await shows(
      name,
      ({ state, message: told }) => told !== null && ['retrying', 'crashed'].includes(state),
    );
    expect(fairNow() - edited).toBeLessThan(2_000);
    expect(status.message).toMatch(message);
    edit({ [name]: undefined });
    await until(async () => (await statuses(hub))[name] === undefined, 5_000);
    for (const other of good) expect((await pids())[other]).toBe(before[other]);
  });
});

describe('an edit of the servers file', () => {
  it('adds, changes and removes what it names, and leaves the processes of the others alone', async () => {
    const before = await pids();
    edit({ one: fixture('good', { env: { CHANGED: 'yes' } }), two: undefined, eight: fixture() });
    await shows('eight', ({ state }) => state === 'ready');
    await shows('one', ({ state, instances }) => state === 'ready' && instances[0]?.pid !== before.one);
    await until(async () => (await statuses(hub)).two === undefined, 5_000);
    const after = await pids();
    for (const name of ['three', 'four', 'five', 'six', 'hanging']) expect(after[name]).toBe(before[name]);
    const session = await openSession(hub);
    const names = await session.tools();
    expect(names).toContain('eight__echo');
    expect(names.some((name) => name.startsWith('two__'))).toBe(false);
    expect(JSON.parse(textOf((await session.call('one__env')).json) ?? '').CHANGED).toBe('yes');
  });

  it('that breaks the JSON changes nothing, and its fault names line, column and entry', async () => {
    const before = await livingPids();
    writeFileSync(hub.configFile, '{\n  "mcpServers": {\n    "one": {\n      "command": "x",,\n    }\n  }\n}\n');
    await until(async () => (await configFaults(hub)).length > 0, 5_000);
    const [fault] = await configFaults(hub);
    expect(fault).toMatch(/line 4, column 22.*"one"/);
    await until(() => hub.logs().includes('line 4, column 22'), 2_000, hub.logs);
    expect(await livingPids()).toEqual(before);
    edit({});
    await until(async () => (await configFaults(hub)).length === 0, 5_000);
    expect(await livingPids()).toEqual(before);
  });

  it('with a bad entry leaves the last good state of that one and takes over the others', async () => {
    const before = await pids();
    const three = entries.three as Entry;
    edit({ three: { ...three, args: 'not a list' }, nine: fixture() });
    await shows('nine', ({ state }) => state === 'ready');
    const faults = (await configFaults(hub)).join('\n');
    expect(faults).toMatch(/line \d+, column \d+: the entry "three" has a fault: "args"/);
    await until(() => hub.logs().includes('the entry \\"three\\"'), 2_000, hub.logs);
    expect((await pids()).three).toBe(before.three);
    edit({ three });
    await until(async () => (await configFaults(hub)).length === 0, 5_000);
    expect((await pids()).three).toBe(before.three);
  });

  it('that replaces the file by renaming is seen; a file that is gone changes nothing', async () => {
    const before = await pids();
    const draft = `${hub.configFile}.tmp`;
    writeConfig(draft, { mcpServers: { ...entries, renamed: fixture() } });
    renameSync(draft, hub.configFile);
    await shows('renamed', ({ state }) => state === 'ready');
    rmSync(hub.configFile);
    await until(async () => (await configFaults(hub)).length > 0, 8_000);
    expect((await configFaults(hub))[0]).toMatch(/gone/);
    expect((await pids()).four).toBe(before.four);
    edit({});
    await until(async () => (await statuses(hub)).renamed === undefined, 8_000);
    expect((await pids()).four).toBe(before.four);
  });

  it('may use variables of the hub; one without a value is a fault of its server alone', async () => {
    const before = await pids();
    edit({
      vars: fixture('good', {
        env: {
          A: '${FROM_HUB}',
          B: '${NOT_SET_ANYWHERE:-fallback}',
          C: '${env:FROM_ENV}',
          D: '$FROM_HUB',
          E: '${EMPTY_ONE}',
        },
      }),
      unset: fixture('good', { env: { TOKEN: '${NOT_SET_ANYWHERE}' } }),
    });
    await shows('vars', ({ state }) => state === 'ready');
    const session = await openSession(hub);
    const env = JSON.parse(textOf((await session.call('vars__env')).json) ?? '');
    expect(env).toMatchObject({ A: 'value of the hub', B: 'fallback', C: 'second value', D: '$FROM_HUB', E: '' });
    expect(env.FROM_HUB).toBeUndefined();
    expect(env.MCPHUB_BOOTSTRAP_API_KEY).toBeUndefined();
    const status = await shows('unset', ({ state }) => state === 'crashed');
    expect(status.message).toMatch(/"NOT_SET_ANYWHERE".*"unset"/);
    expect((await pids()).four).toBe(before.four);
  });
});
