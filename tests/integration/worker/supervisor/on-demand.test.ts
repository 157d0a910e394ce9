// A server that starts on demand: asleep until a call needs it, started once for all that wait, stopped when idle.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DesiredServer } from '../../../../worker/supervisor';
import type { SupervisorOptions } from '../../../../worker/supervisor/supervisor';
import type { ClientSide, Upstream } from '../../../../worker/upstream';
import {
  desired,
  processesWith,
  program,
  remote,
  repository,
  startHttpFixture,
  supervise,
  until,
} from '../../../support/upstreams';

const fixture = join(repository, 'tests/support/servers/remembering.mjs');
const running: ReturnType<typeof supervise>[] = [];
let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mcphub-on-demand-'));
  file = join(folder, 'starts');
});

afterEach(async () => {
  for (const { supervisor, installationId } of running.splice(0)) {
    await supervisor.stop();
    expect(processesWith(installationId)).toEqual([]);
  }
  rmSync(folder, { recursive: true });
}, 30_000);

/** As it was stored when the server was listed in an earlier life. */
const said = { protocolVersion: '2025-11-25', serverInfo: { name: 'remembering' }, capabilities: { tools: {} } };
const starts = () => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').length : 0);

function rowOf(change: Partial<DesiredServer> = {}, delayMs = 0): DesiredServer {
  const target = program(process.execPath, [fixture, file, String(delayMs)]);
  return desired(target, { startOnDemand: true, said, ...change });
}

async function begin(row: DesiredServer, options: Partial<SupervisorOptions> = {}) {
  const rows = [row];
  const made = supervise(rows, options);
  running.push(made);
  await made.supervisor.start();
  const upstream = () => made.supervisor.upstreamOf(row.id);
  const change = async (to: Partial<DesiredServer>) => {
    rows[0] = { ...(rows[0] as DesiredServer), ...to };
    await made.supervisor.reconcile();
  };
  return { ...made, upstream, change, state: () => made.state(row) };
}

const client: ClientSide = {
  user: 'u',
  conversation: 's',
  isPassing: false,
  owner: 's',
  capabilities: {},
  ask: () => Promise.reject(new Error('nobody is asked here')),
  notify: () => undefined,
};

function call(upstream: Upstream, name: string, args: object = {}, timeoutMs = 20_000) {
  return upstream.call('tools/call', { name, arguments: args }, { timeoutMs, client });
}

async function say(upstream: Upstream, name: string, args: object = {}): Promise<string> {
  const { value } = await call(upstream, name, args).answer;
  return (value as { content: { text: string }[] }).content[0]?.text ?? '';
}

describe('a server that starts on demand', () => {
  it('sleeps until it is called, starts once for all calls that come first, and sleeps again', async () => {
    const { upstream, state, supervisor } = await begin(rowOf({ idleStopSeconds: 1 }, 300));
    await until('asleep', () => state() === 'asleep');
    expect(upstream().handshake.era).toBe('legacy');
    expect(() => supervisor.listingUpstreamOf(supervisor.statuses()[0]?.id ?? '')).toThrow('is asleep');
    await expect(upstream().call('ping', undefined, { timeoutMs: 1_000 }).answer).rejects.toThrow('is asleep');
    expect(starts()).toBe(0);
    const pids = await Promise.all(Array.from({ length: 20 }, () => say(upstream(), 'pid')));
    expect(new Set(pids).size).toBe(1);
    expect(starts()).toBe(1);
    await until('asleep again', () => state() === 'asleep');
    expect(supervisor.statuses()[0]).toMatchObject({
      ready: 0,
      total: 0,
      instances: [],
      lastExit: { reason: 'stopped' },
    });
    expect(await say(upstream(), 'remember', { text: 'a' })).toBe('a');
    expect(starts()).toBe(2);
  });

  it('does not sleep while a call is under way or a resource is listened to', async () => {
    const { upstream, state } = await begin(rowOf({ idleStopSeconds: 1 }));
    const pid = await say(upstream(), 'sleep', { ms: 2_500 });
    expect(await say(upstream(), 'pid')).toBe(pid);
    await upstream().watch(['memo://one']);
    const end = Date.now() + 2_500;
    await until('some time', () => Date.now() > end);
    expect(state()).toBe('ready');
    await upstream().watch([]);
    await until('asleep', () => state() === 'asleep');
    expect(await upstream().watch(['memo://one'])).toEqual([]);
    expect(state()).toBe('ready');
  });

  it('answers all who wait with the reason when it cannot start', async () => {
    writeFileSync(`${file}.refuse`, '');
    const { upstream, state } = await begin(rowOf({ idleStopSeconds: 1 }, 100));
    const ends = await Promise.allSettled(Array.from({ length: 5 }, () => call(upstream(), 'pid').answer));
    for (const end of ends) {
      expect(end).toMatchObject({ status: 'rejected', reason: { code: 'UPSTREAM_UNAVAILABLE' } });
      expect(String((end as PromiseRejectedResult).reason.message)).toContain('the disk is full');
    }
    expect(starts()).toBe(1);
    rmSync(`${file}.refuse`);
    await until('a later start', () => say(upstream(), 'pid').catch(() => ''));
    await until('asleep', () => state() === 'asleep');
  });

  it('ends a wait at the deadline of the call, or when the caller takes it back, and starts all the same', async () => {
    const { upstream, state } = await begin(rowOf({}, 1_500));
    const short = call(upstream(), 'pid', {}, 200);
    const taken = call(upstream(), 'remember', { text: 'not wanted' });
    const kept = say(upstream(), 'remember', { text: 'kept' });
    taken.cancel('changed my mind');
    await expect(taken.answer).rejects.toMatchObject({ code: 'CANCELLED' });
    await expect(short.answer).rejects.toMatchObject({ code: 'UPSTREAM_TIMEOUT' });
    expect(state()).toBe('starting');
    expect(await kept).toBe('kept');
    expect(starts()).toBe(1);
  });

  it('gives up at the time-out of the handshake', async () => {
    const { upstream } = await begin(rowOf({}, 60_000), { handshakeTimeoutMs: 500 });
    await expect(call(upstream(), 'pid').answer).rejects.toThrow('did not answer "initialize"');
  });

  it('is started once to be known, again when it was changed, and when somebody starts it', async () => {
    const { upstream, state, supervisor, change } = await begin(rowOf({ said: null, idleStopSeconds: 1 }));
    const { id = '' } = supervisor.statuses()[0] ?? {};
    await until('ready', () => state() === 'ready');
    supervisor.listed(id, { tools: 3, fault: null });
    await until('asleep', () => state() === 'asleep');
    expect(supervisor.status(id)?.tools).toBe(3);
    await change({ hash: 'another' });
    await until('ready', () => state() === 'ready');
    supervisor.listed(id, { tools: 4, fault: null });
    await until('asleep', () => state() === 'asleep');
    await supervisor.restart(id);
    await until('ready', () => state() === 'ready');
    await until('asleep', () => state() === 'asleep');
    await change({ running: false });
    expect(state()).toBe('stopped');
    expect(() => upstream()).toThrow('is stopped');
    await change({ running: true });
    await until('ready', () => state() === 'ready');
    await change({ startOnDemand: false, idleStopSeconds: null });
    const end = Date.now() + 1_500;
    await until('some time', () => Date.now() > end);
    expect(state()).toBe('ready');
    await change({ startOnDemand: true, idleStopSeconds: 1 });
    await until('asleep', () => state() === 'asleep');
  });

  it('with several processes starts them together, and knows the log level that was set before', async () => {
    const { upstream, state, supervisor } = await begin(rowOf({ replicas: 2, idleStopSeconds: 1 }));
    await upstream()
      .call('logging/setLevel', { level: 'error' }, { timeoutMs: 1_000 })
      .answer.catch(() => {});
    await say(upstream(), 'pid');
    await until('both', () => supervisor.statuses()[0]?.ready === 2);
    await until('asleep', () => state() === 'asleep');
    const { upstream: single } = await begin(rowOf());
    await single()
      .call('logging/setLevel', { level: 'error' }, { timeoutMs: 1_000 })
      .answer.catch(() => {});
    expect(await say(single(), 'log', { word: 'x' })).toBe('error');
  });

  it('closes the connection to a remote server, and opens it with the next call', async () => {
    const http = await startHttpFixture();
    try {
      const row = desired(remote(`${http.url}/good`), { startOnDemand: true, idleStopSeconds: 1, said });
      const { upstream, state } = await begin(row);
      expect(state()).toBe('asleep');
      expect(await say(upstream(), 'echo', { text: 'hello' })).toBe('hello');
      await until('asleep', () => state() === 'asleep');
      expect(await say(upstream(), 'echo', { text: 'again' })).toBe('again');
    } finally {
      await running.at(-1)?.supervisor.stop();
      await http.stop();
    }
  });

  it('that gives each user an instance sleeps beside them, and nobody waits for anybody else', async () => {
    const { upstream, state, supervisor } = await begin(rowOf({ isolation: 'user', idleStopSeconds: 1 }));
    expect(state()).toBe('asleep');
    const ann = say(upstream(), 'remember', { text: 'a' });
    const bob = upstream().call(
      'tools/call',
      { name: 'remember', arguments: { text: 'b' } },
      { timeoutMs: 5_000, client: { ...client, user: 'bob' } },
    ).answer;
    expect(await ann).toBe('a');
    expect((await bob).value).toMatchObject({ content: [{ text: 'b' }] });
    expect(supervisor.statuses()[0]).toMatchObject({ state: 'ready', ready: 2, total: 2 });
    await until('asleep', () => state() === 'asleep');
    expect(starts()).toBe(2);
  });
});
