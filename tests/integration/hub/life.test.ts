// What outlives a program of the hub that is killed: sessions, committed rows, the call log but for its last second. And
// what must not: processes of servers, wherever they went.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { desc } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { requestLogs } from '../../../drizzle/schema';
import { createControlClient } from '../../../lib/control';
import { type Database, openDatabase } from '../../../lib/db';
import { runtimeDir, socketPaths } from '../../../lib/env';
import { root } from '../../../scripts/prepare.mjs';
import { silentLog } from '../../support/database';
import { fairNow } from '../../support/fair-clock';
import { type Hub, type HubOptions, startHub } from '../../support/hub';
import { openSession, resumeSession, statuses } from '../../support/hub-client';
import { until } from '../../support/until';

const program = join(root, 'tests/support/servers/stdio.mjs');
const fixture = (mode = 'good', more: object = {}) => ({ command: process.execPath, args: [program, mode], ...more });
const config = {
  mcpServers: {
    good: fixture('good', { timeoutMs: 1_000 }),
    crash: fixture('crash-after', { args: [program, 'crash-after', '0'] }),
    grandchild: fixture('grandchild-session'),
  },
};

let hub: Hub;

beforeAll(async () => {
  hub = await startHub({ config });
  await ready(hub, 'good', 'crash', 'grandchild');
});

afterAll(() => hub?.stop());

async function ready(of: Hub, ...names: string[]): Promise<void> {
  await until(
    async () => {
      const now = await statuses(of);
      return names.every((name) => now[name]?.state === 'ready');
    },
    20_000,
    of.logs,
  );
}

/** Kills a program of the hub and waits for its next life. */
async function killed(of: Hub, part: 'worker' | 'database'): Promise<void> {
  const before = of.pid(part);
  of.kill(part);
  await until(() => of.pid(part) !== null && of.pid(part) !== before, 10_000, of.logs);
  await until(async () => (await fetch(`${of.url}/readyz`).catch(() => null))?.status === 200, 20_000, of.logs);
}

/** Processes whose environment or arguments hold the word. */
function processesWith(word: string, file: 'environ' | 'cmdline' = 'environ'): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/${file}`, 'latin1').includes(word);
      } catch {
        return false;
      }
    });
}

/** Runs with the hub's own database open, as another program of the hub would. */
async function inDatabase<T>(of: Hub, run: (database: Database) => Promise<T>): Promise<T> {
  const database = await openDatabase({ socketDir: runtimeDir(of.dataDir), log: silentLog });
  try {
    return await run(database);
  } finally {
    await database.close();
  }
}

const callRows = (of: Hub) =>
  inDatabase(of, ({ db }) => db.select().from(requestLogs).orderBy(desc(requestLogs.id)).limit(200));

describe('the call log', () => {
  it('has a row for each call, whatever became of it, and no secret of its arguments', async () => {
    const session = await openSession(hub);
    await session.call('good__echo', { text: 'hello', apiKey: 'planted-secret-1', nested: { password: 'planted-2' } });
    await session.call('good__no-such-tool');
    await session.call('nobody__nothing', { authorization: 'Bearer planted-secret-3' });
    await session.call('crash__echo');
    await session.call('good__sleep', { ms: 5_000 });
    const left = session.post({
      jsonrpc: '2.0',
      id: 'left',
      method: 'tools/call',
      params: { name: 'good__sleep', arguments: { ms: 700 } },
    });
    await session.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'left' } });
    await left;
    let rows: Awaited<ReturnType<typeof callRows>> = [];
    await until(
      async () => {
        rows = await callRows(hub);
        return rows.length >= 6;
      },
      5_000,
      () => JSON.stringify(rows),
    );
    const seen = rows.map(({ server, tool, outcome, errorCode }) => [server, tool, outcome, errorCode]);
    expect(seen).toEqual(
      expect.arrayContaining([
        ['good', 'echo', 'ok', null],
        [null, null, 'denied', -32602],
        ['crash', 'echo', 'interrupted', 1007],
        ['good', 'sleep', 'timeout', 1002],
        ['good', 'sleep', 'cancelled', 1007],
      ]),
    );
    expect(JSON.stringify(rows)).not.toMatch(/planted/);
    expect(JSON.stringify(rows)).toContain('nobody__nothing');
    for (const row of rows) expect(row.requestId).toMatch(/^\S{8,}$/);
  });

  it('misses at most the last second when the worker is killed', async () => {
    const session = await openSession(hub);
    for (let at = 0; at < 20; at += 1) await session.call('good__echo', { text: `early-${at}` });
    const writtenAt = fairNow();
    await until(() => fairNow() - writtenAt > 1_000, 2_000);
    await killed(hub, 'worker');
    const kept = JSON.stringify(await callRows(hub));
    for (let at = 0; at < 20; at += 1) expect(kept).toContain(`"early-${at}"`);
    await ready(hub, 'good');
  });

  it('keeps every committed row when the database is killed', async () => {
    const session = await openSession(hub);
    for (let at = 0; at < 10; at += 1) await session.call('good__echo', { text: `kept-${at}` });
    await until(async () => JSON.stringify(await callRows(hub)).includes('"kept-9"'), 5_000);
    await killed(hub, 'database');
    const kept = JSON.stringify(await callRows(hub));
    for (let at = 0; at < 10; at += 1) expect(kept).toContain(`"kept-${at}"`);
  });
});

describe('a worker that is killed', () => {
  it('takes no session with it: the next one goes on without initialize, and an ended one stays ended [F-HUB-01]', async () => {
    const kept = await openSession(hub);
    const ended = await openSession(hub);
    expect((await ended.end()).status).toBe(204);
    expect((await ended.request('ping')).status).toBe(404);
    await killed(hub, 'worker');
    await ready(hub, 'good');
    const answer = await resumeSession(hub, kept.id).call('good__echo', { text: 'still here' });
    expect([answer.status, answer.json.result?.content[0].text]).toEqual([200, 'still here']);
    const again = await resumeSession(hub, ended.id).request('ping');
    expect([again.status, again.json.error.code]).toEqual([404, -32001]);
  });

  it('leaves no process of its servers after the restart, not even a grandchild in a session of its own [F-HUB-01]', async () => {
    const marked = (of: number[]) =>
      of.filter((pid) => readFileSync(`/proc/${pid}/environ`, 'latin1').includes('MCPHUB_INSTANCE='));
    await ready(hub, 'good', 'grandchild');
    const worker = hub.pid('worker');
    const before = (await statuses(hub)).grandchild?.instances[0]?.pid;
    const instance = /MCPHUB_INSTANCE=([^:]+):/.exec(readFileSync(`/proc/${before}/environ`, 'latin1'))?.[1] ?? '';
    const old = processesWith(`MCPHUB_INSTANCE=${instance}:`);
    expect(marked(old).length).toBeGreaterThanOrEqual(3);
    await killed(hub, 'worker');
    expect(hub.pid('worker')).not.toBe(worker);
    await ready(hub, 'good', 'grandchild');
    const now = processesWith(`MCPHUB_INSTANCE=${instance}:`);
    expect(now.filter((pid) => old.includes(pid))).toEqual([]);
  });

  it('cuts calls under way at once instead of letting them hang [F-HUB-01]', async () => {
    const session = await openSession(hub);
    const begun = fairNow();
    const call = session.call('good__sleep', { ms: 900 }).then(
      () => 'answered',
      () => 'cut',
    );
    hub.kill('worker');
    expect(await call).toBe('cut');
    expect(fairNow() - begun).toBeLessThan(1_000);
    await ready(hub, 'good');
  });
});

describe('a hub that is told to stop', () => {
  let own: Hub | undefined;

  afterEach(async () => {
    await own?.stop();
    own = undefined;
  });

  async function startOwn(options: HubOptions = {}): Promise<Hub> {
    const mcpServers = { slow: fixture('good', { timeoutMs: 600_000 }), stubborn: fixture('ignore-sigterm') };
    own = await startHub({ config: { mcpServers }, ...options });
    await ready(own, 'slow', 'stubborn');
    return own;
  }

  async function isUnderWay({ dataDir }: Hub): Promise<void> {
    const client = createControlClient(socketPaths(dataDir).worker);
    await until(async () => (await client.call('hub.stats', {})).inflight > 0, 2_000);
  }

  it('lets a call under way end, and refuses new work meanwhile [F-HUB-03]', async () => {
    const running = await startOwn();
    const session = await openSession(running);
    const call = session.call('slow__sleep', { ms: 2_000 });
    await isUnderWay(running);
    const ended = running.terminate();
    await until(async () => (await fetch(`${running.url}/readyz`).catch(() => null))?.status !== 200, 2_000);
    expect((await call).json.result.content[0].text).toBe('slept 2000');
    expect(await ended).toBe(0);
  });

  it('twice ends at once although a call hangs, and leaves no process', async () => {
    const running = await startOwn();
    const session = await openSession(running);
    const call = session.call('slow__sleep', { ms: 600_000 }).catch(() => null);
    await isUnderWay(running);
    const begun = fairNow();
    const ended = running.terminate();
    await until(() => fairNow() - begun > 700, 2_000);
    void running.terminate();
    expect(await ended).toBe(130);
    expect(fairNow() - begun).toBeLessThan(3_000);
    await call;
    await running.stop(); // asserts that nothing is left
  });
});
