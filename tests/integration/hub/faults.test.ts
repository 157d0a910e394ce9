// One hub with a good server and one for each kind of misbehaviour. Every row is a fixture that really behaves so: what
// its callers get, what people are shown of it, and that the good one is served meanwhile as if nothing were. The ids
// are those of tests/requirements/faults.ts.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createControlClient } from '../../../lib/control';
import { socketPaths } from '../../../lib/env';
import type { ServerStatus } from '../../../lib/servers/schema';
import { root } from '../../../scripts/prepare.mjs';
import { fairNow } from '../../support/fair-clock';
import { type Hub, startHub, writeConfig } from '../../support/hub';
import { type McpSession, openSession, statuses, untilShown } from '../../support/hub-client';
import { until } from '../../support/until';
import { processesWith } from '../../support/upstreams';

const program = join(root, 'tests/support/servers/stdio.mjs');
const fixture = (mode = 'good', argument = '', more: object = {}) => ({
  command: process.execPath,
  args: [program, mode, argument],
  env: { FIXTURE_TOOLS: 'all' },
  ...more,
});

/** Names the grandchildren of this run among all processes of the machine. */
const seconds = (kind: number) => `60${kind}.${process.pid}`;

const entries: Record<string, object | undefined> = {
  bystander: fixture(),
  'crash-at-start': fixture('crash-at-start'),
  'clean-exit': fixture('exit-after-start', '1500'),
  'crash-after': fixture('crash-after', '3'),
  killed: fixture('grandchild', seconds(1)),
  hanging: fixture('hang-on-call', '', { timeoutMs: 400 }),
  spinning: fixture('good', '', { timeoutMs: 500 }),
  busy: fixture('good', '', { limits: { cpuSeconds: 2 } }),
  silent: fixture('silent'),
  version: fixture('version', '1999-01-01'),
  garbage: fixture('stdout-garbage'),
  'stdout-flood': fixture('stdout-flood'),
  'stderr-flood': fixture('stderr-flood'),
  'progress-flood': fixture(),
  enormous: fixture('enormous-line'),
  'wrong-id': fixture('wrong-id', '', { timeoutMs: 400 }),
  duplicate: fixture('duplicate'),
  'number-id': fixture('number-id'),
  crossed: fixture('crossed'),
  late: fixture('good', '', { timeoutMs: 200 }),
  'not-an-object': fixture('not-an-object'),
  'bad-tools': fixture('bad-tools'),
  'endless-pages': fixture('endless-pages'),
  'repeating-cursor': fixture('repeating-cursor'),
  'huge-catalogue': fixture('huge-catalogue', '3000'),
  'list-changed-flood': fixture('list-changed-flood'),
  memory: fixture('good', '', { limits: { memoryMb: 250 } }),
  forking: fixture('good', '', { limits: { processes: 5 } }),
  opening: fixture('good', '', { limits: { openFiles: 64 } }),
  'ignore-sigterm': fixture('ignore-sigterm', seconds(2)),
  grandchild: fixture('grandchild', seconds(3)),
  'grandchild-session': fixture('grandchild-session', seconds(4)),
  'grandchild-without-marker': fixture('grandchild-without-marker', seconds(5)),
  spent: fixture('crash-at-start', '', { limits: { restartsPerHour: 0 } }),
  'spent-too': fixture('crash-at-start', '', { limits: { restartsPerHour: 0 } }),
};
/** These never become ready, or do not stay so. */
const unready = new Set(['crash-at-start', 'clean-exit', 'silent', 'version', 'spent', 'spent-too']);

let hub: Hub;
let bystander: McpSession;
let worker: number | null;

beforeAll(async () => {
  hub = await startHub({ config: { mcpServers: entries } });
  const good = Object.keys(entries).filter((name) => !unready.has(name));
  let now: Record<string, ServerStatus> = {};
  await until(
    async () => {
      now = await statuses(hub);
      return good.every((name) => ['ready', 'degraded'].includes(now[name]?.state ?? ''));
    },
    60_000,
    () => JSON.stringify(good.map((name) => [name, now[name]?.state, now[name]?.message])),
  );
  bystander = await openSession(hub, { endpoint: '/bystander' });
  worker = hub.pid('worker');
});

afterAll(() => hub?.stop());

const shown = (name: string, check: (status: ServerStatus) => boolean, deadlineMs?: number) =>
  untilShown(hub, name, check, deadlineMs);
const of = (name: string) => openSession(hub, { endpoint: `/${name}` });
const textOf = ({ json }: Awaited<ReturnType<McpSession['call']>>) => json.result?.content?.[0]?.text;

/** Answers of the good server, one after the other, each the right one. @returns their times in ms, shortest first */
async function othersServed(count = 20): Promise<number[]> {
  const times: number[] = [];
  for (let at = 0; at < count; at += 1) {
    const begun = fairNow();
    expect(textOf(await bystander.call('echo', { text: `other ${at}` }))).toBe(`other ${at}`);
    times.push(fairNow() - begun);
  }
  return times.toSorted((one, other) => one - other);
}

async function pidOf(name: string): Promise<number> {
  return (await shown(name, ({ instances }) => typeof instances[0]?.pid === 'number')).instances[0]?.pid as number;
}

async function inflight(): Promise<number> {
  return (await createControlClient(socketPaths(hub.dataDir).worker).call('hub.stats', {})).inflight;
}

/** Writes the servers file with these changes; undefined removes an entry. */
function edit(changes: Record<string, object | undefined>): void {
  Object.assign(entries, changes);
  writeConfig(hub.configFile, { mcpServers: entries });
}

async function remove(...names: string[]): Promise<void> {
  edit(Object.fromEntries(names.map((name) => [name, undefined])));
  await until(async () => {
    const now = await statuses(hub);
    return names.every((name) => now[name] === undefined);
  }, 10_000);
}

/** Children of the worker that ended and were not waited for. */
function zombies(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => readStat(pid))
    .filter((stat) => new RegExp(`\\) Z ${hub.pid('worker')} `).test(stat));
}

function readStat(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return ''; // it has ended
  }
}

/** Resident memory in MB. */
function rssOf(pid: number | null): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) / 1024;
}

/** What the markers of this hub's processes begin with. */
async function installation(): Promise<string> {
  const environment = readFileSync(`/proc/${await pidOf('bystander')}/environ`, 'latin1');
  return /MCPHUB_INSTANCE=([^:\0]+:)/.exec(environment)?.[1] as string;
}

/** It serves again, with another process. */
async function isBack(name: string, formerPid: number): Promise<void> {
  await shown(name, ({ state, instances }) => state === 'ready' && instances[0]?.pid !== formerPid, 20_000);
  expect(textOf(await (await of(name)).call('echo', { text: 'back' }))).toBe('back');
}

describe('a program that ends', () => {
  it('at its start is tried again by delays that rise, with its reason, stderr and the next attempt shown [F-EXIT-01]', async () => {
    const { message, lastExit, nextRetryAt, state } = await shown(
      'crash-at-start',
      ({ attempt, nextRetryAt: next }) => attempt >= 3 && next !== null,
      20_000,
    );
    expect(state).toBeOneOf(['retrying', 'crashed']);
    expect(message).toContain('fatal: giving up');
    expect(lastExit).toMatchObject({
      reason: 'exited',
      exitCode: 7,
      stderr: expect.arrayContaining(['fatal: giving up']),
    });
    // After the third exit in a row: 4 s ± 20 %.
    expect(Date.parse(nextRetryAt ?? '') - Date.parse(lastExit?.at ?? '')).toBeGreaterThanOrEqual(3_000);
    const { json } = await (await of('crash-at-start')).call('echo');
    expect(json.error).toMatchObject({ code: expect.toBeOneOf([1001, -32602]) });
    await othersServed();
  });

  it('in good order soon after its start is tried again too, and says so [F-EXIT-02]', async () => {
    const { lastExit, message } = await shown('clean-exit', ({ reason }) => reason === 'exited', 20_000);
    expect(lastExit).toMatchObject({ exitCode: 0 });
    expect(message).toContain('exit code 0');
    await othersServed();
  });

  it('in a call fails that call with 1007 within a second, its tools stay listed, and it serves again [F-EXIT-03, F-EXIT-09]', async () => {
    const session = await of('crash-after');
    const pid = await pidOf('crash-after');
    for (const text of ['1', '2', '3']) expect(textOf(await session.call('echo', { text }))).toBe(text);
    const begun = fairNow();
    const { json } = await session.call('echo', { text: '4' });
    expect(fairNow() - begun).toBeLessThan(1_000);
    expect(json.error).toMatchObject({ code: 1007, data: { server: 'crash-after', reason: 'exited' } });
    expect(await session.tools()).toContain('echo');
    await othersServed();
    await isBack('crash-after', pid);
  });

  it('by SIGKILL fails its calls within a second though a grandchild holds its pipes, which is ended too [F-EXIT-03]', async () => {
    const session = await of('killed');
    const pid = await pidOf('killed');
    expect(processesWith(`sleep ${seconds(1)}`)).toHaveLength(1);
    const [grandchild] = processesWith(`sleep ${seconds(1)}`);
    const call = session.call('sleep', { ms: 60_000 });
    await until(async () => (await inflight()) > 0, 5_000);
    const begun = fairNow();
    process.kill(pid, 'SIGKILL');
    expect((await call).json.error.code).toBe(1007);
    expect(fairNow() - begun).toBeLessThan(1_000);
    await isBack('killed', pid);
    expect(processesWith(`sleep ${seconds(1)}`)).not.toContain(grandchild);
    expect(processesWith(`sleep ${seconds(1)}`)).toHaveLength(1);
  });

  it('and has had its restarts waits as long as it shows, and a changed entry is tried at once [F-EXIT-06, F-EXIT-07]', async () => {
    const { message, nextRetryAt } = await shown(
      'spent',
      ({ state, nextRetryAt: next }) => state === 'crashed' && next !== null,
    );
    expect(message).toContain('0 restarts an hour');
    expect(Date.parse(nextRetryAt ?? '') - Date.now()).toBeGreaterThan(1_800_000);
    const begun = fairNow();
    edit({ spent: fixture('good', '', { limits: { restartsPerHour: 0 } }) });
    await shown('spent', ({ state }) => state === 'ready', 5_000);
    expect(fairNow() - begun).toBeLessThan(5_000);
  });
});

describe('a program that hangs', () => {
  it('in a call: 1002, it is told, its late answer reaches nobody, and its place is free [F-HANG-01, F-ANSWER-02]', async () => {
    const session = await of('late');
    const late = await Promise.all([1, 2, 3, 4].map(() => session.call('sleep', { ms: 900 })));
    expect(late.map(({ json }) => json.error?.code)).toEqual([1002, 1002, 1002, 1002]);
    expect(late[0]?.json.error.data).toMatchObject({ server: 'late', reason: 'timeout', retryable: true });
    const until900 = fairNow() + 1_200;
    for (let at = 0; fairNow() < until900; at += 1) {
      expect(textOf(await session.call('echo', { text: `own ${at}` }))).toBe(`own ${at}`);
    }
    expect(JSON.parse(textOf(await session.call('cancelled')))).toHaveLength(4);
    expect(await inflight()).toBe(0);
    await othersServed();
  });

  it('in all calls, but answers a ping, is left running [F-HANG-02]', async () => {
    const session = await of('hanging');
    const pid = await pidOf('hanging');
    for (let at = 0; at < 4; at += 1) expect((await session.call('echo')).json.error.code).toBe(1002);
    expect(await pidOf('hanging')).toBe(pid);
    await othersServed();
  });

  it('computing for ever is started anew after three time-outs and a ping without an answer [F-HANG-02, F-HANG-03]', async () => {
    const session = await of('spinning');
    const pid = await pidOf('spinning');
    const spins = await Promise.all([1, 2, 3].map(() => session.call('spin')));
    expect(spins.map(({ json }) => json.error.code)).toEqual([1002, 1002, 1002]);
    await othersServed();
    const { message } = await shown('spinning', ({ reason }) => reason === 'hung', 15_000);
    expect(message).toContain('neither calls nor a ping');
    await isBack('spinning', pid);
  });
});

describe('a program that does not become ready', () => {
  it('since it never answers "initialize" is starting, its calls fail at once, no list waits for it [F-START-01]', async () => {
    const session = await openSession(hub);
    const begun = fairNow();
    expect(await session.tools()).toContain('bystander__echo');
    const { json } = await (await of('silent')).call('echo');
    expect(fairNow() - begun).toBeLessThan(1_000);
    expect(json.error.code).toBeOneOf([1001, -32602]);
    expect((await statuses(hub)).silent?.state).toBeOneOf(['starting', 'retrying']);
    await othersServed();
  });

  it('yet shows "starting" and is waited for by nobody [F-START-02]', async () => {
    edit({ slow: fixture('slow-start', '2500') });
    await shown('slow', ({ state }) => state === 'starting');
    const session = await openSession(hub);
    const begun = fairNow();
    expect(await session.tools()).toContain('bystander__echo');
    expect(fairNow() - begun).toBeLessThan(500);
    await othersServed();
    await shown('slow', ({ state, tools }) => state === 'ready' && tools > 0, 15_000);
    expect(textOf(await (await of('slow')).call('echo', { text: 'here now' }))).toBe('here now');
    await remove('slow');
  });

  it('since it speaks a version that nobody knows says which one [F-START-03]', async () => {
    const { message } = await shown('version', ({ reason }) => reason === 'handshake-failed');
    expect(message).toContain('1999-01-01');
    await othersServed();
  });
});

describe('a program that prints', () => {
  it('text that is no message among its messages is served, and the text skipped [F-FLOOD-01]', async () => {
    const session = await of('garbage');
    for (let at = 0; at < 20; at += 1) expect(textOf(await session.call('echo', { text: `${at}` }))).toBe(`${at}`);
    expect((await statuses(hub)).garbage?.state).toBe('ready');
  });

  it('one enormous line fails the call that it answers, and goes on [F-FLOOD-05]', async () => {
    const session = await of('enormous');
    const pid = await pidOf('enormous');
    const rss = rssOf(worker);
    const { json } = await session.call('echo');
    expect(json.error).toMatchObject({ code: 1004, message: expect.stringContaining('too large') });
    expect(rssOf(worker) - rss).toBeLessThan(66);
    expect(await pidOf('enormous')).toBe(pid);
    expect((await session.request('ping')).status).toBe(200);
    await othersServed();
  });

  it('without end on stdout or stderr answers all the same, others at p99 under 250 ms, memory bounded [F-FLOOD-02, F-FLOOD-03, F-FLOOD-06]', async () => {
    const sessions = [await of('stdout-flood'), await of('stderr-flood')];
    await othersServed(100);
    const rss = rssOf(worker);
    const times = await othersServed(300);
    expect(times[Math.ceil(times.length * 0.99) - 1]).toBeLessThan(250);
    for (const session of sessions) expect(textOf(await session.call('echo', { text: 'loud' }))).toBe('loud');
    expect(rssOf(worker) - rss).toBeLessThan(100);
    const pid = (await statuses(hub))['stderr-flood']?.id as string;
    const { lines } = await createControlClient(socketPaths(hub.dataDir).worker).call('servers.logs', {
      id: pid,
      after: 0,
      limit: 1_000,
    });
    expect(lines.length).toBeGreaterThan(0);
    await remove('stdout-flood', 'stderr-flood');
  });

  it('progress as fast as it can: its client gets it in order, the others their answers meanwhile [F-FLOOD-04]', async () => {
    const session = await of('progress-flood');
    const flood = session.post({
      jsonrpc: '2.0',
      id: 'flood',
      method: 'tools/call',
      params: { name: 'progress-flood', arguments: { count: 30_000 }, _meta: { progressToken: 'mine' } },
    });
    await until(async () => (await inflight()) > 0, 5_000);
    await othersServed(50);
    const { text } = await flood;
    const seen = [...text.matchAll(/"progress":(\d+)/g)].map(([, progress]) => Number(progress));
    expect(seen.every((progress, at) => at === 0 || progress > (seen[at - 1] as number))).toBe(true);
    expect(text).toContain('"flooded"');
    await remove('progress-flood');
  });
});

describe('a program that answers', () => {
  for (const name of ['duplicate', 'number-id', 'crossed']) {
    it(`twice, or under ids that are not its own (${name}): each caller gets its own answer [F-ANSWER-01]`, async () => {
      const sessions = await Promise.all([1, 2, 3, 4].map(() => of(name)));
      const texts = Array.from({ length: 40 }, (_, at) => `marker ${at}`);
      const answers = await Promise.all(
        texts.map((text, at) => (sessions[at % 4] as McpSession).call('echo', { text })),
      );
      expect(answers.map(textOf)).toEqual(texts);
    });
  }

  it('under unknown ids only: its calls time out [F-ANSWER-03]', async () => {
    expect((await (await of('wrong-id')).call('echo')).json.error.code).toBe(1002);
    await othersServed();
  });

  it('with a result that is no object: 1004 [F-ANSWER-04]', async () => {
    expect((await (await of('not-an-object')).call('echo')).json.error.code).toBe(1004);
  });
});

describe('a program that lists', () => {
  it('bad tools among good ones: the good ones are served [F-LIST-01]', async () => {
    expect(await (await of('bad-tools')).tools()).toEqual(['first', 'unknown-fields', 'last']);
  });

  it.each([
    ['pages without end: the first hundred are served, and it says so', 'endless-pages', 100, /more than 100 pages/],
    ['a cursor again: what came before is served, and it says so', 'repeating-cursor', 2, /repeats a cursor/],
    ['3,001 tools: a thousand are served, and it says so', 'huge-catalogue', 1_000, /more than 1000 items/],
  ])('%s [F-LIST-02, F-LIST-03, F-LIST-04]', async (_what, name, count, message) => {
    const status = await shown(name, ({ state }) => state === 'degraded');
    expect([status.tools, status.message]).toEqual([count, expect.stringMatching(message)]);
    const session = await of(name);
    const names = await session.tools();
    expect(names).toHaveLength(count);
    if (names.includes('echo')) expect(textOf(await session.call('echo', { text: 'called' }))).toBe('called');
    await othersServed();
  });

  it('and says all the time that its list changed is asked again now and then, over the connection that is open [F-LIST-05, F-TRAP-03]', async () => {
    const session = await of('list-changed-flood');
    const pid = await pidOf('list-changed-flood');
    const startedAt = Date.parse((await statuses(hub))['list-changed-flood']?.instances[0]?.startedAt ?? '');
    await until(async () => Number(textOf(await session.call('lists'))) >= 3, 20_000);
    const lists = Number(textOf(await session.call('lists')));
    expect(lists).toBeLessThanOrEqual(8 + (Date.now() - startedAt) / 5_000);
    expect(await pidOf('list-changed-flood')).toBe(pid);
    expect((await statuses(hub))['list-changed-flood']?.instances).toMatchObject([{ restarts: 0, processes: 1 }]);
    await othersServed();
    await remove('list-changed-flood');
  });
});

describe('a program that takes too much', () => {
  it.each([
    ['memory', 'memory', 'hog', { mb: 300 }, 'memory-limit'],
    ['processor time, without ever looking up', 'busy', 'spin', {}, 'cpu-limit'],
    ['processes', 'forking', 'fork', { count: 8 }, 'process-limit'],
  ])(
    '%s is stopped with the reason, and serves again [F-LIMIT-01, F-LIMIT-02, F-LIMIT-03]',
    async (_what, name, tool, args, reason) => {
      const session = await of(name);
      const pid = await pidOf(name);
      const waiting = session.call('sleep', { ms: 60_000 });
      const taking = session.call(tool, args);
      expect((await waiting).json.error).toMatchObject({ code: 1007, data: { reason } });
      await taking;
      await shown(name, ({ lastExit }) => lastExit?.reason === reason, 20_000);
      await othersServed();
      await isBack(name, pid);
      const left = processesWith(await installation()).filter((line) => line.includes('sleep 603 '));
      expect(left).toEqual([]);
    },
  );

  it('open files gets no more of them, and goes on [F-LIMIT-04]', async () => {
    const session = await of('opening');
    expect(textOf(await session.call('open', { count: 100 }))).toMatch(/^EMFILE after \d\d$/);
    expect(textOf(await session.call('echo', { text: 'on' }))).toBe('on');
    await othersServed();
  });
});

describe('a program that shall end', () => {
  it('ignores SIGTERM, or left grandchildren in groups and sessions of their own: all gone in 8 s, no zombie [F-STOP-01, F-STOP-02, F-STOP-04]', async () => {
    const names = ['ignore-sigterm', 'grandchild', 'grandchild-session', 'grandchild-without-marker'];
    const pids = await Promise.all(names.map(pidOf));
    const words = [3, 4, 5].map((kind) => `sleep ${seconds(kind)}`);
    for (const word of words) expect(processesWith(word)).toHaveLength(1);
    await remove(...names);
    const begun = fairNow();
    const left = () => [
      ...words.flatMap(processesWith),
      ...pids.filter((pid) => readStat(String(pid)) !== '').map(String),
    ];
    await until(
      () => left().length === 0,
      10_000,
      () => left().join(),
    );
    expect(fairNow() - begun).toBeLessThan(8_000);
    expect(zombies()).toEqual([]);
    await othersServed();
  });
});

describe('through all of it', () => {
  it('the worker and the good server are the processes that they were at first', async () => {
    expect(hub.pid('worker')).toBe(worker);
    expect(await statuses(hub)).toMatchObject({ bystander: { state: 'ready', instances: [{ restarts: 0 }] } });
    expect(hub.logs()).not.toMatch(/"level":60/);
  });

  it('what is shown after a restart of the worker is found out anew: nobody is called crashed from memory [F-EXIT-08]', async () => {
    await shown('spent-too', ({ state }) => state === 'crashed');
    const killedAt = Date.now();
    hub.kill('worker');
    await until(() => ![null, worker].includes(hub.pid('worker')), 10_000);
    const { lastExit, attempt } = await shown('spent-too', ({ lastExit: exit }) => exit !== null, 20_000);
    expect(Date.parse(lastExit?.at ?? '')).toBeGreaterThan(killedAt);
    expect(attempt).toBe(1);
    await shown('bystander', ({ state }) => state === 'ready', 20_000);
    await othersServed();
  });
});
