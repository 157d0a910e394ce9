// Instances of callers and starts on demand over two workers: whichever worker takes a request, it reaches the one
// instance that it may reach, and after a restart of the hub what slept sleeps.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from '../../../scripts/prepare.mjs';
import { type Hub, startHub } from '../../support/hub';
import { openSession, statuses } from '../../support/hub-client';
import { until } from '../../support/until';
import { type Line, linesTo, running, speak, workersOf } from '../../support/workers';

const fixture = join(root, 'tests/support/servers/remembering.mjs');
const modernVersion = '2026-07-28';

describe('a hub with two workers', () => {
  let hub: Hub;
  let lines: Line[] = [];
  const folder = mkdtempSync(join(tmpdir(), 'mcphub-instances-'));
  const server = (name: string, settings: object) => ({
    command: process.execPath,
    args: [fixture, join(folder, name), '200'],
    ...settings,
  });
  const config = {
    mcpServers: {
      each: server('each', { isolation: 'session', warmInstances: 1, limits: { instances: 8 } }),
      users: server('users', { isolation: 'user' }),
      lazy: server('lazy', { startOnDemand: true, idleStopSeconds: 2 }),
      many: server('many', { replicas: 3 }),
    },
  };
  const starts = (name: string) => readFileSync(join(folder, name), 'utf8').trim().split('\n').length;
  const processesOf = (name: string) => running(join(folder, name));

  async function start(dataDir?: string): Promise<void> {
    hub = await startHub({ config, env: { MCPHUB_WORKERS: '2' }, ...(dataDir && { dataDir }) });
    await until(() => workersOf(hub).length === 2, 20_000, hub.logs);
    lines = await linesTo(hub, workersOf(hub));
    const all = Object.keys(config.mcpServers).map((name) => `${name}__pid`);
    for (const line of lines) {
      const listed = async () => {
        const client = speak(line, await speak(line).open());
        const { json } = await client.request('tools/list');
        const names = json.result.tools.map(({ name }: { name: string }) => name);
        return all.every((name) => names.includes(name));
      };
      await until(listed, 30_000, hub.logs);
    }
  }

  beforeAll(() => start());

  afterAll(async () => {
    for (const line of lines) line.close();
    await hub?.stop();
    expect(running(folder)).toEqual([]);
    rmSync(folder, { recursive: true });
  });

  const textOf = (answer: { json: { result?: { content: { text: string }[] }; error?: { message: string } } }) =>
    answer.json.result?.content[0]?.text ?? `error: ${answer.json.error?.message}`;
  const owned = async (name: string) =>
    (await statuses(hub))[name]?.instances.filter(({ whose, draining }) => whose && !draining) ?? [];

  it('keeps sessions apart, each at one instance whichever worker it comes to, until it ends', async () => {
    const [one, two] = lines as [Line, Line];
    const sessions = await Promise.all([one, two, one, two, one].map((line) => speak(line).open()));
    for (let round = 0; round < 4; round++) {
      const line = round % 2 === 0 ? one : two;
      for (const [at, session] of sessions.entries()) {
        const said = await speak(line, session).call('each__remember', { text: `${at}/${round}` });
        const all = Array.from({ length: round + 1 }, (_, each) => `${at}/${each}`);
        expect(textOf(said)).toBe(all.join(','));
      }
    }
    expect(await owned('each')).toHaveLength(5);
    for (const [at, session] of sessions.entries()) await speak(lines[at % 2] as Line, session).end();
    await until(async () => (await owned('each')).length === 0, 15_000, hub.logs);
  });

  /** As a client of 2026-07-28 calls. */
  const call = (line: Line, name: string, args: object, capabilities: object = {}, more: object = {}) =>
    line.send(
      'POST',
      {
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: {
          name,
          arguments: args,
          ...more,
          _meta: {
            'io.modelcontextprotocol/protocolVersion': modernVersion,
            'io.modelcontextprotocol/clientCapabilities': capabilities,
          },
        },
      },
      { 'mcp-protocol-version': modernVersion, 'mcp-method': 'tools/call', 'mcp-name': name },
    );

  it('keeps the instance of a call that waits for its client, and brings the answer there over any worker', async () => {
    const able = { elicitation: { form: {} } };
    const asked = await Promise.all(
      lines.map((line, at) => call(line, 'each__ask', { message: `question ${at}` }, able)),
    );
    expect(await owned('each')).toHaveLength(2);
    const ends = await Promise.all(
      asked.map(({ json: { result } }, at) => {
        expect(result.resultType).toBe('input_required');
        const [[key, wish]] = Object.entries(result.inputRequests) as [[string, { params: { message: string } }]];
        expect(wish.params.message).toBe(`question ${at}`);
        const inputResponses = { [key]: { action: 'accept', content: { name: `answer ${at}` } } };
        const other = lines[(at + 1) % 2] as Line;
        return call(other, 'each__ask', { message: `question ${at}` }, able, {
          inputResponses,
          requestState: result.requestState,
        });
      }),
    );
    for (const [at, end] of ends.entries()) expect(JSON.parse(textOf(end)).content.name).toBe(`answer ${at}`);
    await until(async () => (await owned('each')).length === 0, 15_000, hub.logs);
  });

  it('gives each call without a session a fresh instance, and the caller beyond the limit a clear answer', async () => {
    for (const line of lines) {
      expect(textOf(await call(line, 'each__remember', { text: 'a' }))).toBe('a');
      expect(textOf(await call(line, 'each__remember', { text: 'b' }))).toBe('b');
    }
    await until(async () => (await owned('each')).length === 0, 15_000, hub.logs);
    const sessions = await Promise.all(Array.from({ length: 9 }, () => openSession(hub)));
    const answers = await Promise.all(sessions.map((session) => session.call('each__remember', { text: session.id })));
    const refused = answers.filter(({ json }) => json.error);
    expect(refused).toHaveLength(1);
    expect(refused[0]?.status).toBe(429);
    expect(refused[0]?.json.error).toMatchObject({ code: 1003, data: { reason: 'instances', retryable: true } });
    for (const [at, { json }] of answers.entries()) {
      if (!json.error) expect(json.result.content[0].text).toBe(sessions[at]?.id);
    }
    await Promise.all(sessions.map((session) => session.end()));
    await until(async () => (await owned('each')).length === 0, 15_000, hub.logs);
  });

  it('keeps one instance for a user over all workers and sessions', async () => {
    const texts: string[] = [];
    for (const [at, line] of [...lines, ...lines].entries()) {
      const client = speak(line, await speak(line).open());
      texts.push(textOf(await client.call('users__remember', { text: String(at) })));
    }
    expect(texts).toEqual(['0', '0,1', '0,1,2', '0,1,2,3']);
    expect(await owned('users')).toHaveLength(1);
  });

  it('wakes a server once for calls that come to both workers, and lets it sleep again', async () => {
    const asleep = async () => (await statuses(hub)).lazy?.state === 'asleep' && processesOf('lazy').length === 0;
    await until(asleep, 20_000, hub.logs);
    const before = starts('lazy');
    const clients = await Promise.all(lines.map(async (line) => ({ line, id: await speak(line).open() })));
    const pids = new Set<string>();
    await Promise.all(clients.map(async ({ line, id }) => pids.add(textOf(await speak(line, id).call('lazy__pid')))));
    expect(pids.size).toBe(1);
    expect(pids).toEqual(new Set(processesOf('lazy').map(String)));
    expect(starts('lazy')).toBe(before + 1);
    await until(asleep, 20_000, hub.logs);
  });

  it('shares the calls of both workers among the processes of one server, and does without one that was killed', async () => {
    await until(async () => (await statuses(hub)).many?.ready === 3, 20_000, hub.logs);
    expect(processesOf('many')).toHaveLength(3);
    const pidsOver = async (line: Line) => {
      const pids = new Set<string>();
      // No sessions of the server's own to keep: each new session of ours may go to another process.
      for (let call = 0; call < 12; call++) {
        const client = speak(line, await speak(line).open());
        pids.add(textOf(await client.call('many__pid')));
      }
      return pids;
    };
    for (const line of lines) expect((await pidsOver(line)).size).toBeGreaterThan(1);
    const [killed = 0] = processesOf('many');
    process.kill(killed, 'SIGKILL');
    await until(() => !processesOf('many').includes(killed), 5_000);
    for (const line of lines) expect(await pidsOver(line)).not.toContain(String(killed));
    await until(async () => (await statuses(hub)).many?.ready === 3, 20_000, hub.logs);
  });

  it('does not start what slept when the hub starts again, and lists its tools all the same', async () => {
    const before = starts('lazy');
    for (const line of lines.splice(0)) line.close();
    const { dataDir } = hub;
    await hub.stop({ keepData: true });
    await start(dataDir);
    expect((await statuses(hub)).lazy).toMatchObject({ state: 'asleep', instances: [] });
    expect(starts('lazy')).toBe(before);
    for (const line of lines) {
      const client = speak(line, await speak(line).open());
      expect(textOf(await client.call('lazy__remember', { text: 'x' }))).toContain('x');
    }
    expect(starts('lazy')).toBe(before + 1);
  });
});
