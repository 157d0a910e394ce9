// Several workers on one port: each server runs once, every worker answers for all of them, and what one worker takes
// with it when it is killed comes back at another.
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { McpError } from '@modelcontextprotocol/sdk/types.js';
import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { toolSearches, userRoles, users } from '../../../drizzle/schema';
import {
  createKey,
  createRole,
  createVault,
  loadKeyring,
  revokeKey,
  systemActor,
  updateRole,
} from '../../../lib/access';
import { loadUser } from '../../../lib/access/identities';
import { createControlClient } from '../../../lib/control';
import { openDatabase } from '../../../lib/db';
import { socketPaths } from '../../../lib/env';
import type { Bus } from '../../../lib/events/bus';
import { removeLimit, setLimit } from '../../../lib/limits';
import { createLog } from '../../../lib/log';
import { createGroup, updateGroup } from '../../../lib/servers';
import { root } from '../../../scripts/prepare.mjs';
import { eachDatabase, openTestDatabase, type TestDatabase } from '../../support/database';
import { fairNow } from '../../support/fair-clock';
import { initialize } from '../../support/gateway';
import { type Hub, startHub, writeConfig } from '../../support/hub';
import { statuses } from '../../support/hub-client';
import { until } from '../../support/until';
import { isAlive, type Line, linesTo, parentOf, running, speak, workersOf } from '../../support/workers';

const program = join(root, 'tests/support/servers/stdio.mjs');
const names = ['one', 'two', 'three', 'four'];

eachDatabase('a hub with two workers', (kind) => {
  let hub: Hub;
  let database: TestDatabase | undefined;
  /** Distinguishes this hub's servers from those of others. */
  const mark = `workers-${kind}-${process.pid}`;
  const server = (name: string) => ({
    command: process.execPath,
    args: [program, 'good', `${mark}-${name}`],
    // Lists what only some tests call.
    ...(name === 'four' && { env: { FIXTURE_TOOLS: 'all' } }),
  });
  const config = (...more: string[]) => ({
    mcpServers: Object.fromEntries([...names, ...more].map((name) => [name, server(name)])),
  });

  beforeAll(async () => {
    if (kind === 'postgres') database = await openTestDatabase(kind);
    const env = { MCPHUB_WORKERS: '2', ...(database?.url && { DATABASE_URL: database.url }) };
    hub = await startHub({ config: config(), env });
    await ready(...names);
  });

  afterAll(async () => {
    await hub?.stop();
    expect(running(mark)).toEqual([]);
    await database?.close();
  });

  async function ready(...wanted: string[]): Promise<void> {
    await until(
      async () => {
        const now = await statuses(hub);
        return wanted.every((name) => now[name]?.state === 'ready' && now[name].tools > 0);
      },
      30_000,
      hub.logs,
    );
  }

  const stats = () => createControlClient(socketPaths(hub.dataDir).worker).call('hub.stats', {});
  const processOf = (name: string) => running(`${mark}-${name}`);
  const ownerOf = (name: string) => parentOf(processOf(name)[0] ?? 0);
  const otherThan = (pid: number) => workersOf(hub).find((each) => each !== pid) ?? 0;

  async function bothWorkers(): Promise<number[]> {
    await until(() => workersOf(hub).length === 2, 10_000, hub.logs);
    return workersOf(hub);
  }

  /** Tools of all servers are known to every worker. */
  async function settled(): Promise<void> {
    const lines = await linesTo(hub, await bothWorkers());
    for (const line of lines) {
      const client = speak(line, await speak(line).open());
      const answers = async () => {
        const all = await Promise.all(names.map((name) => client.call(`${name}__echo`, { text: name })));
        return all.every(({ json }, at) => json.result?.content[0].text === names[at]);
      };
      await until(answers, 20_000, hub.logs);
      line.close();
    }
  }

  it('runs each server once, half of them at each worker, and both workers answer for all', async () => {
    const owners = names.map(ownerOf);
    for (const name of names) expect(processOf(name)).toHaveLength(1);
    for (const pid of await bothWorkers()) expect(owners.filter((owner) => owner === pid)).toHaveLength(2);
    await settled();
    const pids: string[] = [];
    for (const line of await linesTo(hub, workersOf(hub))) {
      const client = speak(line, await speak(line).open());
      const { json } = await client.call('one__pid');
      pids.push(json.result.content[0].text);
      line.close();
    }
    expect(pids).toEqual([String(processOf('one')[0]), String(processOf('one')[0])]);
  });

  it('shows states and logs of all servers, whichever worker is asked', async () => {
    for (const number of ['0', '1']) {
      const control = createControlClient(socketPaths(hub.dataDir).workerNumber(number));
      const { servers } = await control.call('servers.status', {});
      expect(servers.map(({ name, state }) => [name, state])).toEqual([...names].sort().map((name) => [name, 'ready']));
      for (const { id, instances } of servers) {
        expect(instances).toHaveLength(1);
        const { lines } = await control.call('servers.logs', { id, after: 0, limit: 100 });
        expect(lines.map(({ text }) => text).join('\n')).toContain(`pid ${instances[0]?.pid}`);
      }
    }
  });

  it('adds the figures of all workers up, and shows the state of each server once', async () => {
    const callsOf = async () => {
      const text = await (await fetch(`${hub.url}/metrics`)).text();
      expect(text.match(/^mcphub_server_status\{server_name="one",status="ready"\} 1$/gm)).toHaveLength(1);
      const calls = text.match(/^mcphub_tool_calls_total\{[^}]*tool="counter"[^}]*\} (\d+)$/m);
      return Number(calls?.[1] ?? 0);
    };
    for (const line of await linesTo(hub, workersOf(hub))) {
      await speak(line, await speak(line).open()).call('one__counter');
      line.close();
    }
    expect(await callsOf()).toBe(2);
  });

  it('counts a tool as found by a search, whichever worker its call arrives at', async () => {
    const log = createLog('test', 'silent');
    const { databaseDir } = socketPaths(hub.dataDir);
    const opened = await openDatabase({ url: database?.url, socketDir: databaseDir, log, wait: true });
    const lines = await linesTo(hub, await bothWorkers());
    const [searching, calling] = await Promise.all(lines.map(async (line) => speak(line, await speak(line).open())));
    const query = 'the counter of three';
    const rows = () => opened.db.select().from(toolSearches).where(eq(toolSearches.query, query));
    await searching?.call('search_tools', { query });
    await until(
      async () => {
        await calling?.call('three__counter');
        return (await rows()).length > 0;
      },
      10_000,
      hub.logs,
    );
    expect(await rows()).toMatchObject([{ called: 'three/counter', calledRank: expect.any(Number) }]);
    const text = await (await fetch(`${hub.url}/metrics`)).text();
    expect(text).toMatch(/^mcphub_search_called_rank_count(\{[^}]*\})? 1$/m);
    for (const line of lines) line.close();
    await opened.close();
  });

  it('passes progress, errors and large answers on from one worker to the other', async () => {
    const foreign = otherThan(ownerOf('two'));
    const [line] = await linesTo(hub, [foreign]);
    if (!line) throw new Error('no line');
    const client = speak(line, await speak(line).open());
    const progress = await client.request('tools/call', {
      name: 'two__progress',
      arguments: { steps: 3 },
      _meta: { progressToken: 'p1' },
    });
    expect(progress.text.match(/"progressToken":"p1"/g)).toHaveLength(3);
    expect(progress.json.result.content[0].text).toBe('3 steps');
    const big = await client.call('two__big', { bytes: 3_000_000 });
    expect(big.json.result.content[0].text).toHaveLength(3_000_000);
    const exited = await client.call('two__exit', { code: 3 });
    expect(exited.json.error.code).toBe(1007);
    await ready('two');
    line.close();
  });

  it('applies an edit of the servers file once', async () => {
    writeConfig(hub.configFile, config('five'));
    await ready('five');
    expect(processOf('five')).toHaveLength(1);
    writeConfig(hub.configFile, config());
    await until(() => processOf('five').length === 0, 10_000, hub.logs);
    const applied = hub.logs().match(/"created":\["five"\]/g);
    expect(applied).toHaveLength(1);
    expect('five' in (await statuses(hub))).toBe(false);
  });

  it('serves a session at whichever worker its requests arrive', async () => {
    const [one, other] = await linesTo(hub, await bothWorkers());
    if (!one || !other) throw new Error('no lines');
    const session = await speak(one).open();
    const here = speak(one, session);
    const there = speak(other, session);
    expect((await there.call('one__echo', { text: 'hello' })).json.result.content[0].text).toBe('hello');
    // A cancellation reaches the call, wherever it runs.
    const begun = fairNow();
    const slow = here.call('two__sleep', { ms: 30_000 }, 'slow');
    await until(async () => (await stats()).inflight > 0, 5_000);
    expect((await there.notify('notifications/cancelled', { requestId: 'slow' })).status).toBe(202);
    expect((await slow).text).not.toContain('slept');
    expect(fairNow() - begun).toBeLessThan(10_000);
    // An end is known to all at once.
    expect((await there.end()).status).toBe(204);
    await until(async () => (await here.request('ping')).status === 404, 2_000);
    for (const line of [one, other]) line.close();
  });

  it('a revoked key ends what runs for it at each worker within a second, and is refused there', async () => {
    const opened = await openDatabase({
      url: database?.url,
      socketDir: socketPaths(hub.dataDir).databaseDir,
      log: createLog('test', 'silent'),
      wait: false,
    });
    const { db } = opened;
    const [admin] = await db.select({ id: users.id }).from(users);
    const actor = (await loadUser(db, admin?.id ?? ''))?.actor;
    if (!actor) throw new Error('there is no admin');
    // As the web program tells its worker.
    const deliver = (name: string, payload: object) =>
      createControlClient(socketPaths(hub.dataDir).worker).call('events.deliver', { name, payload } as never);
    const vault = createVault(loadKeyring({ MCPHUB_DATA_DIR: hub.dataDir }));
    const ctx = { actor, db, bus: { emit: deliver } as unknown as Bus, vault, requestId: 'test' };
    const { key, secret } = await createKey(ctx, { name: 'to be revoked' });
    const lines = await linesTo(hub, await bothWorkers());
    const authorization = `Bearer ${secret}`;
    const call = {
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'one__sleep', arguments: { ms: 8_000 } },
    };
    const running = lines.map(async (line) => {
      const session = (await line.send('POST', initialize(), { authorization })).headers['mcp-session-id'];
      return line.send('POST', call, { authorization, 'mcp-session-id': String(session) });
    });
    await until(async () => (await stats()).inflight === lines.length, 10_000, hub.logs);
    const startedAt = fairNow();
    await revokeKey(ctx, key.id);
    for (const answer of await Promise.all(running)) expect(answer.json.error).toMatchObject({ code: 1009 });
    expect(fairNow() - startedAt).toBeLessThan(1_000);
    for (const line of lines) expect((await line.send('POST', initialize(), { authorization })).status).toBe(401);
    for (const line of lines) line.close();
    await opened.close();
  });

  it('a limit that is set, and one that is taken away, holds at every worker within a second; refusals are counted', async () => {
    const url = database?.url ?? undefined;
    const log = createLog('test', 'silent');
    const opened = await openDatabase({ url, socketDir: socketPaths(hub.dataDir).databaseDir, log, wait: true });
    const deliver = (name: string, payload: object) =>
      createControlClient(socketPaths(hub.dataDir).worker).call('events.deliver', { name, payload } as never);
    const vault = createVault(loadKeyring({ MCPHUB_DATA_DIR: hub.dataDir }));
    const bus = { emit: deliver } as unknown as Bus;
    const ctx = { actor: systemActor('test'), db: opened.db, bus, vault, requestId: 'test' };
    const lines = await linesTo(hub, await bothWorkers());
    const clients = await Promise.all(lines.map(async (line) => speak(line, await speak(line).open())));
    let refused = 0;
    const isRefused = async (client: (typeof clients)[number]) => {
      const { status, json } = await client.call('one__pid');
      if (status !== 429) return false;
      expect(json.error).toMatchObject({ code: 1008, data: { reason: 'quota' } });
      refused++;
      return true;
    };
    const limit = { subject: 'tool', target: 'one/pid' } as const;
    for (const client of clients) expect(await isRefused(client)).toBe(false);
    let startedAt = fairNow();
    await setLimit(ctx, { ...limit, perDay: 1 });
    for (const client of clients) await until(() => isRefused(client), 1_000, hub.logs);
    expect(fairNow() - startedAt).toBeLessThan(1_000);
    startedAt = fairNow();
    await removeLimit(ctx, limit);
    for (const client of clients) await until(async () => !(await isRefused(client)), 1_000, hub.logs);
    expect(fairNow() - startedAt).toBeLessThan(1_000);
    const text = await (await fetch(`${hub.url}/metrics`)).text();
    const counted = /^mcphub_limited_calls_total\{subject="tool",reason="quota"\} (\d+)$/m.exec(text)?.[1];
    expect(Number(counted)).toBe(refused);
    for (const line of lines) line.close();
    await opened.close();
  });

  it('calls at once are never more than their limit over both workers, and what a killed worker had is there again', async () => {
    const url = database?.url ?? undefined;
    const log = createLog('test', 'silent');
    const opened = await openDatabase({ url, socketDir: socketPaths(hub.dataDir).databaseDir, log, wait: true });
    const deliver = (name: string, payload: object) =>
      createControlClient(socketPaths(hub.dataDir).worker).call('events.deliver', { name, payload } as never);
    const vault = createVault(loadKeyring({ MCPHUB_DATA_DIR: hub.dataDir }));
    const bus = { emit: deliver } as unknown as Bus;
    const ctx = { actor: systemActor('test'), db: opened.db, bus, vault, requestId: 'test' };
    const pids = await bothWorkers();
    const rounds = await Promise.all(Array.from({ length: 6 }, () => linesTo(hub, pids)));
    const sessions = new Map<Line, string>();
    for (const line of rounds.flat()) sessions.set(line, await speak(line).open());
    const crowd = (line: Line, ms: number) => speak(line, sessions.get(line)).call('four__crowd', { ms });
    const limit = { subject: 'tool', target: 'four/crowd' } as const;
    await setLimit(ctx, { ...limit, concurrent: 4 });
    const [one] = rounds[0] ?? [];
    if (!one) throw new Error('no line');
    const mostAtOnce = async () => Number((await crowd(one, 0)).json.result.content[0].text);
    // Limited calls are refused from now on, at both: the reading of the limit is over.
    const many = async () => {
      const answers = await Promise.all(rounds.flat().map((line) => crowd(line, 400)));
      return answers.filter(({ status }) => status === 429).length;
    };
    await until(async () => (await many()) > 0, 10_000, hub.logs);
    await mostAtOnce();
    expect(await many()).toBeGreaterThan(0);
    expect(await mostAtOnce()).toBe(4);
    // One worker alone may have them all, after the other had some.
    for (const side of [0, 1]) {
      const own = rounds.slice(0, 4).map((round) => round[side] as Line);
      const answers = await Promise.all(own.map((line) => crowd(line, 400)));
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
      expect(await mostAtOnce()).toBe(4);
    }
    // A worker that is killed with all of them.
    const owner = ownerOf('four');
    const victim = otherThan(owner);
    const [theirs, ours] = [rounds.map((round) => round.find(({ pid }) => pid === victim) as Line), owner];
    const lost = theirs.slice(0, 4).map((line) => crowd(line, 20_000).catch(() => null));
    await until(async () => (await stats()).inflight >= 4, 10_000, hub.logs);
    const killedAt = fairNow();
    process.kill(victim, 'SIGKILL');
    await Promise.all(lost);
    const left = rounds.map((round) => round.find(({ pid }) => pid === ours) as Line).slice(0, 4);
    await until(
      async () => (await Promise.all(left.map((line) => crowd(line, 50)))).every(({ status }) => status === 200),
      10_000,
      hub.logs,
    );
    expect(fairNow() - killedAt).toBeLessThan(5_000);
    await removeLimit(ctx, limit);
    for (const line of rounds.flat()) line.close();
    await opened.close();
    await bothWorkers();
    await settled();
  });

  it('who leaves a group, or whose role is changed, loses calls and lists at every worker within a second', async () => {
    const url = database?.url ?? undefined;
    const log = createLog('test', 'silent');
    const opened = await openDatabase({ url, socketDir: socketPaths(hub.dataDir).databaseDir, log, wait: true });
    const { db } = opened;
    const deliver = (name: string, payload: object) =>
      createControlClient(socketPaths(hub.dataDir).worker).call('events.deliver', { name, payload } as never);
    const vault = createVault(loadKeyring({ MCPHUB_DATA_DIR: hub.dataDir }));
    const ctx = { actor: systemActor('test'), db, bus: { emit: deliver } as unknown as Bus, vault, requestId: 'test' };
    const ofGroups = { scope: 'group' } as const;
    const usable = [
      { resource: 'server', action: 'read', ...ofGroups } as const,
      { resource: 'tool', action: 'read', ...ofGroups } as const,
      { resource: 'tool', action: 'call', ...ofGroups } as const,
    ];
    const role = await createRole(ctx, { name: 'caller', permissions: usable });
    const [ada] = await db.insert(users).values({ username: 'ada' }).returning();
    if (!ada) throw new Error('no row');
    await db.insert(userRoles).values({ userId: ada.id, roleId: role.id });
    const team = { name: 'team', servers: [{ server: 'one', tools: 'all' as const }], members: ['ada'] };
    await createGroup(ctx, team);
    const actor = { ...systemActor('ada'), kind: 'user' as const, id: ada.id, userId: ada.id };
    const mayMakeKeys = [{ resource: 'key' as const, action: 'create' as const, scope: 'own' as const }];
    const { secret } = await createKey({ ...ctx, actor: { ...actor, permissions: mayMakeKeys } }, { name: 'k' });
    const authorization = `Bearer ${secret}`;
    const lines = await linesTo(hub, await bothWorkers());
    const ask = async (line: (typeof lines)[number], method: string, params: object = {}) => {
      const session = (await line.send('POST', initialize(), { authorization })).headers['mcp-session-id'];
      const body = { jsonrpc: '2.0', id: 1, method, params };
      return line.send('POST', body, { authorization, 'mcp-session-id': String(session) });
    };
    const toolsAt = async (line: (typeof lines)[number]) => (await ask(line, 'tools/list')).json.result.tools.length;
    const everywhere = async (there: boolean) =>
      (await Promise.all(lines.map(toolsAt))).every((count) => count > 0 === there);
    const changes = [
      { take: () => updateGroup(ctx, 'team', { members: [] }), give: () => updateGroup(ctx, 'team', team) },
      {
        take: () => updateRole(ctx, 'caller', { permissions: [] }),
        give: () => updateRole(ctx, 'caller', { permissions: usable }),
      },
    ];
    for (const { take, give } of changes) {
      await until(() => everywhere(true), 10_000, hub.logs);
      const running = lines.map((line) => ask(line, 'tools/call', { name: 'one__sleep', arguments: { ms: 8_000 } }));
      await until(async () => (await stats()).inflight === lines.length, 10_000, hub.logs);
      const startedAt = fairNow();
      await take();
      for (const answer of await Promise.all(running)) expect(answer.json.error).toMatchObject({ code: 1006 });
      expect(await everywhere(false)).toBe(true);
      expect(fairNow() - startedAt).toBeLessThan(1_000);
      await give();
    }
    for (const line of lines) line.close();
    await opened.close();
  });

  it('tells news on the one stream of a session, whichever worker has it', async () => {
    const pids = await bothWorkers();
    const [one, other] = await linesTo(hub, pids);
    if (!one || !other) throw new Error('no lines');
    const session = await speak(one).open();
    await speak(one, session).request('tools/list');
    const [streaming] = await linesTo(hub, [other.pid]);
    if (!streaming) throw new Error('no line');
    const heard: string[] = [];
    const stream = streaming.listen({ 'mcp-session-id': session }, (text) => heard.push(text));
    await stream.opened;
    await speak(one, session).call('three__add', { name: `news-${kind}` });
    await until(
      () => heard.join('').includes('notifications/tools/list_changed'),
      20_000,
      () => heard.join(''),
    );
    expect(heard.join('').match(/tools\/list_changed/g)).toHaveLength(1);
    stream.end();
    for (const line of [one, other, streaming]) line.close();
  });

  it('loses only calls under way when the owner of a server is killed, and runs its servers elsewhere at once', async () => {
    await settled();
    const owner = ownerOf('one');
    const before = new Map(names.map((name) => [name, processOf(name)[0] ?? 0]));
    const clients = await Promise.all(
      Array.from({ length: 6 }, async () => {
        const client = new Client({ name: 'load', version: '1' });
        const headers = { authorization: `Bearer ${hub.apiKey}` };
        await client.connect(new StreamableHTTPClientTransport(new URL(hub.mcpUrl), { requestInit: { headers } }));
        return client;
      }),
    );
    const faults: string[] = [];
    let answered = 0;
    let isOver = false;
    let slowestMs = 0;
    const load = clients.map(async (client, at) => {
      const name = names[at % names.length];
      while (!isOver) {
        const begun = fairNow();
        try {
          const args = { text: `${at}` };
          const result = await client.callTool({ name: `${name}__echo`, arguments: args }, undefined, {
            timeout: 20_000,
          });
          if ((result.content as { text: string }[])[0]?.text !== `${at}`) faults.push('a foreign answer');
          answered += 1;
        } catch (error) {
          const isRpc = error instanceof McpError && [1001, 1007].includes(error.code);
          const isReset = error instanceof Error && /fetch failed|terminated|ECONN|socket/i.test(error.message);
          if (!isRpc && !isReset) faults.push(String(error));
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        slowestMs = Math.max(slowestMs, fairNow() - begun);
      }
    });
    await until(() => answered > 100, 20_000);
    process.kill(owner, 'SIGKILL');
    const killedAt = answered;
    await until(() => answered > killedAt + 50, 20_000);
    await until(() => names.every((name) => processOf(name).length === 1 && ownerOf(name) !== owner), 20_000, hub.logs);
    await ready(...names);
    const atTakeover = answered;
    await until(() => answered > atTakeover + 100, 20_000);
    isOver = true;
    await Promise.all(load);
    expect(faults).toEqual([]);
    expect(slowestMs).toBeLessThan(10_000);
    await Promise.all(clients.map((client) => client.close()));
    // What it left behind is gone; what runs at the others was left alone.
    for (const [name, pid] of before) {
      const wasOurs = !isAlive(pid);
      expect([name, wasOurs]).toEqual([name, processOf(name)[0] !== pid]);
    }
    await bothWorkers();
    await settled();
    for (const name of names) expect(processOf(name)).toHaveLength(1);
  });

  it('stops the instance of a worker that stood still beyond its lease', async () => {
    const frozen = ownerOf('three');
    const old = processOf('three')[0] ?? 0;
    process.kill(frozen, 'SIGSTOP');
    try {
      await until(() => processOf('three').some((pid) => parentOf(pid) !== frozen), 60_000, hub.logs);
      await until(() => !isAlive(old) || processOf('three').length === 1, 10_000);
    } finally {
      process.kill(frozen, 'SIGCONT');
    }
    await until(() => processOf('three').length === 1 && ownerOf('three') !== frozen, 10_000, hub.logs);
    await settled();
    for (const name of names) expect(processOf(name)).toHaveLength(1);
  });

  it('lets calls under way end when it is told to stop, also those at another worker', async () => {
    const [line] = await linesTo(hub, [otherThan(ownerOf('one'))]);
    if (!line) throw new Error('no line');
    const client = speak(line, await speak(line).open());
    const call = client.call('one__sleep', { ms: 1_500 });
    await until(async () => (await stats()).inflight > 0, 5_000);
    const ended = hub.terminate();
    expect((await call).json.result.content[0].text).toBe('slept 1500');
    expect(await ended).toBe(0);
    line.close();
  });
});
