// Tasks of a real server with sessions (server-everything over HTTP) with clients of the official SDK: begun, followed,
// asked about, cancelled, and run by the hub for clients that know nothing of tasks.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { CallToolResultSchema, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { freePort } from '../../../scripts/launcher/port';
import { createEgress, openUpstream, type Upstream } from '../../../worker/upstream';
import { keyActor, serverRow, startGateway, type TestGateway } from '../../support/gateway';
import { modernPost, modernResult } from '../../support/modern';
import { until } from '../../support/until';
import { remote, startProgram } from '../../support/upstreams';

const require = createRequire(import.meta.url);
const research = { name: 'simulate-research-query', arguments: { topic: 'bees' } };
const path = '/api/mcp/everything';
const taskId = /^[A-Za-z0-9_-]{80,}$/;
let hub: TestGateway;
let upstream: Upstream;
let program: Awaited<ReturnType<typeof startProgram>>;
/** Everything that the server said of its tasks, as the hub heard it. */
const serverIds = new Set<string>();
const sent: { method: string; params?: Record<string, unknown> | undefined }[] = [];

beforeAll(async () => {
  const manifest = require.resolve('@modelcontextprotocol/server-everything/package.json');
  const port = await freePort();
  const args = [join(dirname(manifest), 'dist/index.js'), 'streamableHttp'];
  program = await startProgram(process.execPath, args, { PORT: String(port) }, /listening on port (\d+)/);
  hub = await startGateway({ servers: [serverRow('everything')] });
  hub.keys.set('key-b', keyActor('b'));
  upstream = await openUpstream(
    remote(`http://127.0.0.1:${port}/mcp`),
    {
      client: { name: 'mcphub', version: '0' },
      egress: createEgress('private-allowed'),
      signal: new AbortController().signal,
      process: { marker: '', ownEnv: {}, beforeStop: async () => {}, reap: async () => {} },
    },
    {
      notification: (method, params) => {
        if (typeof params?.taskId === 'string') serverIds.add(params.taskId);
        hub.supervisor.notify('id-everything', method, params);
      },
      closed: () => undefined,
      spawned: () => undefined,
      stderr: () => undefined,
      doubtful: () => undefined,
    },
  );
  const call: Upstream['call'] = (method, params, options) => {
    sent.push({ method, params });
    return upstream.call(method, params, options);
  };
  hub.supervisor.open('id-everything', Object.create(upstream, { call: { value: call } }));
  await until(() => hub.stored.size === 1, 20_000);
});

afterAll(async () => {
  await upstream.close();
  await hub.close();
  await program.stop();
});

/** A client that keeps what it is told, and answers questions. */
async function connect(key = 'key-a', capabilities: object = { elicitation: {} }) {
  const heard: { method: string; params: Record<string, unknown> }[] = [];
  const asked: Record<string, unknown>[] = [];
  const { client } = await hub.client(path, key, capabilities, (each) => {
    each.fallbackNotificationHandler = async ({ method, params }) => void heard.push({ method, params: params ?? {} });
    if (!('elicitation' in capabilities)) return;
    each.setRequestHandler(ElicitRequestSchema, ({ params }) => {
      asked.push(params);
      return { action: 'accept', content: { interpretation: 'technical' } };
    });
  });
  await client.listTools();
  return { client, heard, asked };
}

async function begin(client: Client, args: object = {}) {
  const params = { ...research, arguments: { ...research.arguments, ...args }, task: { ttl: 60_000 } };
  const { task } = await client.request(
    { method: 'tools/call', params },
    z.looseObject({ task: z.looseObject({ taskId: z.string() }) }),
  );
  return task.taskId;
}

it('a client begins a task, is told how it goes, and gets its result by an id that no server made', async () => {
  const { client, heard } = await connect();
  expect(client.getServerCapabilities()?.tasks).toEqual({ cancel: {}, requests: { tools: { call: {} } } });
  const steps: string[] = [];
  let id = '';
  for await (const step of client.experimental.tasks.callToolStream(research, CallToolResultSchema)) {
    steps.push(step.type);
    if (step.type === 'taskCreated') id = step.task.taskId;
    if (step.type === 'taskStatus') expect(step.task.taskId).toBe(id);
    if (step.type === 'result') {
      expect(JSON.stringify(step.result.content)).toContain('Research Report: bees');
      expect(step.result._meta).toEqual({ 'io.modelcontextprotocol/related-task': { taskId: id } });
    }
    if (step.type === 'error') throw step.error;
  }
  expect(steps[0]).toBe('taskCreated');
  expect(steps.at(-1)).toBe('result');
  expect(id).toMatch(taskId);
  await until(() => heard.some(({ params }) => params.status === 'completed'), 5000);
  expect(new Set(heard.map(({ method, params }) => `${method} ${params.taskId}`))).toEqual(
    new Set([`notifications/tasks/status ${id}`]),
  );
  expect(serverIds.size).toBeGreaterThan(0);
  for (const own of serverIds) expect(JSON.stringify(heard)).not.toContain(own);
  expect(hub.records.filter(({ tool }) => tool === research.name)).toMatchObject([{ outcome: 'ok' }]);
});

it('a question about a task reaches its client with the id that it knows, also after its session has ended', async () => {
  const { client } = await connect();
  const id = await begin(client, { ambiguous: true });
  await until(async () => (await client.experimental.tasks.getTask(id)).status === 'input_required', 10_000);
  await client.close();

  const again = await connect();
  const result = await again.client.experimental.tasks.getTaskResult(id, CallToolResultSchema);
  expect(JSON.stringify(result.content)).toContain('bees (technical)');
  expect(again.asked).toMatchObject([{ _meta: { 'io.modelcontextprotocol/related-task': { taskId: id } } }]);
  // A client of another kind has another connection to the server, but the task is where it was.
  const { client: plain } = await connect('key-a', {});
  expect(await plain.experimental.tasks.getTask(id)).toMatchObject({ taskId: id, status: 'completed' });
});

it('a task of a client with roots is where it was for its other sessions, with or without any', async () => {
  const { client } = await connect('key-a', { roots: {}, elicitation: {} });
  const id = await begin(client);
  await client.close();
  for (const capabilities of [{ roots: {}, elicitation: {} }, {}]) {
    const { client: other } = await connect('key-a', capabilities);
    expect(await other.experimental.tasks.getTask(id)).toMatchObject({ taskId: id, status: 'working' });
  }
});

it('a task is read and cancelled by its own credential on its own endpoint only [L-TASK-01]', async () => {
  const { client } = await connect();
  const { client: stranger } = await connect('key-b');
  const { client: elsewhere } = await hub.client('/api/mcp', 'key-a', { elicitation: {} });
  // It waits for an answer, so it does not end by itself.
  const id = await begin(client, { ambiguous: true });
  const altered = `${id.slice(0, -5)}${id.at(-5) === 'A' ? 'B' : 'A'}${id.slice(-4)}`;
  const errors = new Set<string>();
  const tries: [Client, string][] = [
    [stranger, id],
    [elsewhere, id],
    [client, altered],
    [client, 'x'],
    [client, String([...serverIds].at(-1))],
  ];
  for (const [who, what] of tries) {
    const { tasks } = who.experimental;
    for (const attempt of [() => tasks.getTask(what), () => tasks.cancelTask(what), () => tasks.getTaskResult(what)]) {
      const error = await attempt().then(
        () => null,
        (thrown) => thrown,
      );
      expect(error?.code).toBe(-32602);
      errors.add(error.message);
    }
  }
  expect(errors.size).toBe(1);
  expect((await client.experimental.tasks.getTask(id)).status).toMatch(/^(working|input_required)$/);

  expect(await client.experimental.tasks.cancelTask(id)).toMatchObject({ taskId: id, status: 'cancelled' });
  expect(await client.experimental.tasks.getTask(id)).toMatchObject({ taskId: id, status: 'cancelled' });
  const twice = await client.experimental.tasks.cancelTask(id).then(
    () => null,
    (thrown) => thrown,
  );
  expect(twice.code).toBe(-32602);
  for (const own of serverIds) expect(twice.message).not.toContain(own);
});

it('a tool that requires a task is run as one for whoever calls it [L-TASK-02]', async () => {
  const modern = modernResult(hub, 'tools/call', research, { path });
  const old = await hub.session(path, 'key-a', '2025-06-18');
  const reply = hub.post({ jsonrpc: '2.0', id: 7, method: 'tools/call', params: research }, { path, session: old });
  const { client, asked } = await connect();
  const progress: (string | undefined)[] = [];
  const args = { ...research.arguments, ambiguous: true };
  const plain = client.callTool({ ...research, arguments: args }, undefined, {
    onprogress: ({ message }) => progress.push(message),
  });
  const direct = hub.gateway.callTool({
    actor: keyActor('d'),
    server: 'everything',
    tool: research.name,
    arguments: { topic: 'bees' },
    requestId: 'direct',
  });

  expect(JSON.stringify((await modern).content)).toContain('Research Report: bees');
  expect(await modern).not.toHaveProperty('_meta');
  expect(JSON.stringify(await (await reply).json())).toContain('Research Report: bees');
  expect(JSON.stringify((await plain).content)).toContain('bees (technical)');
  expect(asked).toHaveLength(1);
  expect(asked[0]).not.toHaveProperty(['_meta', 'io.modelcontextprotocol/related-task']);
  expect(progress).toContain('Analyzing content...');
  expect(JSON.stringify(await direct)).toContain('Research Report: bees');
  const tool = (await client.listTools()).tools.find(({ name }) => name === research.name);
  expect(tool?.execution).toEqual({ taskSupport: 'optional' });
  expect(hub.gateway.stats().inflight).toBe(0);
});

it('who takes back the call of such a tool, or leaves, cancels the task behind it', async () => {
  const cancelled = () => sent.filter(({ method }) => method === 'tasks/cancel').map(({ params }) => params?.taskId);
  const { client } = await connect();
  const leaving = new AbortController();
  const takingBack = new AbortController();
  const leave = () => modernPost(hub, 'tools/call', research, { path, signal: leaving.signal }).catch(() => null);
  const takeBack = () => client.callTool(research, undefined, { signal: takingBack.signal }).catch(() => null);
  for (const [start, controller] of [
    [leave, leaving],
    [takeBack, takingBack],
  ] as const) {
    const before = cancelled().length;
    const asked = sent.length;
    const call = start();
    await until(() => sent.slice(asked).some(({ method }) => method === 'tasks/get'), 10_000);
    controller.abort();
    await call;
    await until(() => cancelled().length > before, 5000);
    expect(serverIds).toContain(cancelled().at(-1));
  }
  await until(() => hub.gateway.stats().inflight === 0, 5000);
  expect(hub.records.slice(-2)).toMatchObject([{ outcome: 'cancelled' }, { outcome: 'cancelled' }]);
});
