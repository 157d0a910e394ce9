// Tasks at the gateway, of servers in memory: which ones are offered to whom, what reaches which server under which id.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CallOptions } from '../../../worker/upstream';
import { readEvents } from '../../support/event-reader';
import {
  keyActor,
  memoryUpstream,
  RpcFailure,
  rpc,
  serverRow,
  startGateway,
  type TestGateway,
} from '../../support/gateway';
import { messagesOf, modernPost, modernResult } from '../../support/modern';
import { until } from '../../support/until';

type Json = Record<string, unknown>;

const extension = 'io.modelcontextprotocol/tasks';
const declared = { extensions: { [extension]: {} } };
const offer = { tools: {}, tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } } };
const text = (value: string) => ({ content: [{ type: 'text', text: value }] });
const times = { createdAt: '2026-01-01T00:00:00Z', lastUpdatedAt: '2026-01-01T00:00:00Z' };

/** Both servers give their tasks the same ids, as servers may that do not know each other. */
interface Fixture {
  asked: { method: string; params: Json }[];
  status: string;
  /** Of the last call that wanted progress. */
  progress?: CallOptions['onProgress'];
  progressLasts?: boolean | undefined;
}
let hub: TestGateway;
let one: Fixture;
let two: Fixture;
let fresh: Fixture;

const tools = [
  { name: 'maybe', inputSchema: { type: 'object' }, execution: { taskSupport: 'optional' } },
  { name: 'always', inputSchema: { type: 'object' }, execution: { taskSupport: 'required' } },
  { name: 'never', inputSchema: { type: 'object' } },
];

function legacyServer(name: string, fixture: Fixture, capabilities: Json = offer) {
  return memoryUpstream(capabilities, (method, params, { onProgress, progressLasts }) => {
    if (method === 'tools/list') return { tools };
    fixture.asked.push({ method, params });
    const task = { taskId: 'task-number-1', status: fixture.status, ttl: 1000, pollInterval: 10, ...times };
    if (method === 'tools/call') {
      onProgress?.({ progress: 3 });
      Object.assign(fixture, { progress: onProgress, progressLasts });
      return params.task ? { task, _meta: { kept: true } } : text(`${name} ran ${JSON.stringify(params)}`);
    }
    if (params.taskId !== 'task-number-1')
      return new RpcFailure({ code: -32602, message: `unknown: ${params.taskId}` });
    if (method === 'tasks/get') return { ...task, statusMessage: 'task-number-1 goes on' };
    if (method === 'tasks/cancel') return { ...task, status: 'cancelled' };
    if (method !== 'tasks/result') return new RpcFailure({ code: -32601, message: method });
    return { ...text(name), _meta: { 'io.modelcontextprotocol/related-task': { taskId: 'task-number-1' } } };
  });
}

/** Makes a task of each call of `job`, and takes more of `careless` than it may. */
function modernServer(fixture: Fixture) {
  return memoryUpstream(
    { tools: {}, extensions: { [extension]: {} } },
    (method, params, { client }) => {
      if (method === 'tools/list')
        return { tools: ['job', 'careless'].map((name) => ({ name, inputSchema: { type: 'object' } })) };
      fixture.asked.push({ method, params });
      const task = { taskId: 'task-number-1', status: fixture.status, ttlMs: null, pollIntervalMs: 10, ...times };
      const { extensions } = (client?.capabilities ?? {}) as { extensions?: Json };
      if (method === 'tools/call') {
        if (params.name !== 'careless' && !extensions?.[extension])
          return { resultType: 'complete', ...text('at once') };
        return { resultType: 'task', ...task };
      }
      if (params.taskId !== 'task-number-1') return new RpcFailure({ code: -32602, message: 'unknown' });
      if (method !== 'tasks/get') return { resultType: 'complete' };
      if (fixture.status !== 'input_required') return { resultType: 'complete', ...task, result: text('done') };
      const inputRequests = {
        who: {
          method: 'elicitation/create',
          params: { message: 'Who?', requestedSchema: { type: 'object', properties: {} } },
        },
      };
      return { resultType: 'complete', ...task, inputRequests };
    },
    undefined,
    'modern',
  );
}

beforeEach(async () => {
  const fixture = (): Fixture => ({ asked: [], status: 'working' });
  [one, two, fresh] = [fixture(), fixture(), fixture()];
  hub = await startGateway({ servers: ['one', 'two', 'fresh', 'plain'].map((name) => serverRow(name)) });
  await openAll(hub);
});

afterEach(() => hub.close());

async function openAll({ supervisor, stored }: TestGateway) {
  supervisor.open('id-one', legacyServer('one', one));
  supervisor.open('id-two', legacyServer('two', two));
  supervisor.open('id-fresh', modernServer(fresh));
  supervisor.open('id-plain', legacyServer('plain', { asked: [], status: 'working' }, { tools: {} }));
  await until(() => stored.size === 4, 10_000);
}

interface Ask {
  session: string;
  path?: string;
  key?: string;
}

async function ask(method: string, params: Json, { session, path, key }: Ask, at = hub) {
  const response = await at.post(rpc(method, params), { session, ...(path && { path }), ...(key && { key }) });
  return (await messagesOf(response)).at(-1) as { result?: Json; error?: { code: number; message: string } };
}

async function begin(name: string, where: Ask, at = hub): Promise<string> {
  const { result } = await ask('tools/call', { name, arguments: {}, task: { ttl: 5000 } }, where, at);
  return (result as { task: { taskId: string } }).task.taskId;
}

async function offered(path: string, version = '2025-11-25') {
  const params = { protocolVersion: version, capabilities: {}, clientInfo: { name: 'x', version: '1' } };
  const { result } = await (await hub.post(rpc('initialize', params), { path })).json();
  return result.capabilities as Json;
}

/** As a request of this revision names a task in its header too. */
function askModern(method: string, params: Json, capabilities: Json = declared, key = 'key-a', path = '/api/mcp') {
  return modernPost(hub, method, params, { path, key, capabilities, headers: { 'mcp-name': String(params.taskId) } });
}

describe('what is offered', () => {
  it('is what the visible servers of the same era offer, and never a list', async () => {
    const core = { cancel: {}, requests: { tools: { call: {} } } };
    expect((await offered('/api/mcp')).tasks).toEqual(core);
    expect(await offered('/api/mcp/one')).toMatchObject({ tasks: core });
    for (const path of ['/api/mcp/fresh', '/api/mcp/plain']) expect(await offered(path)).not.toHaveProperty('tasks');
    expect(await offered('/api/mcp', '2025-06-18')).not.toHaveProperty('tasks');
    const capabilities = async (path: string) =>
      (await modernResult(hub, 'server/discover', {}, { path })).capabilities as Json;
    expect(await capabilities('/api/mcp')).toMatchObject(declared);
    expect(await capabilities('/api/mcp')).not.toHaveProperty('tasks');
    expect(await capabilities('/api/mcp/one')).not.toHaveProperty('extensions');
    const session = await hub.session();
    expect((await ask('tasks/list', {}, { session })).error?.code).toBe(-32601);
  });

  it('a tool that only runs as a task may be called either way, one without tasks only plainly', async () => {
    const session = await hub.session();
    const { result } = await ask('tools/list', {}, { session });
    const shown = Object.fromEntries(
      (result as { tools: Json[] }).tools.map(({ name, execution }) => [name, (execution as Json)?.taskSupport]),
    );
    expect(shown).toMatchObject({
      one__maybe: 'optional',
      one__always: 'optional',
      plain__maybe: 'forbidden',
      plain__always: 'forbidden',
    });
    expect(shown.one__never).toBeUndefined();
    const never = await ask('tools/call', { name: 'one__never', arguments: {}, task: {} }, { session });
    expect(never.error?.code).toBe(-32601);
    expect(one.asked).toEqual([]);
  });

  it('is no part of other revisions and of endpoints without tasks: there the call is a plain one', async () => {
    const old = { session: await hub.session('/api/mcp', 'key-a', '2025-06-18') };
    const params = { name: 'one__maybe', arguments: {}, task: { ttl: 1 } };
    expect(JSON.stringify(await ask('tools/call', params, old))).toContain('one ran');
    expect(JSON.stringify(await modernResult(hub, 'tools/call', params))).toContain('one ran');
    const path = '/api/mcp/plain';
    const plain = { session: await hub.session(path), path };
    expect(JSON.stringify(await ask('tools/call', { ...params, name: 'maybe' }, plain))).toContain('plain ran');
    for (const { params: asked } of one.asked) expect(asked).not.toHaveProperty('task');
    for (const method of ['tasks/get', 'tasks/result', 'tasks/cancel']) {
      expect((await ask(method, { taskId: 'x' }, old)).error?.code).toBe(-32601);
      expect((await ask(method, { taskId: 'x' }, plain)).error?.code).toBe(-32601);
    }
  });
});

describe('tasks of sessions', () => {
  it('get to their own server of two that use the same ids, whatever became of the session', async () => {
    const first = { session: await hub.session() };
    const ids = [await begin('one__maybe', first), await begin('two__maybe', first)];
    expect(new Set(ids).size).toBe(2);
    await hub.post(null, { session: first.session, method: 'DELETE' });
    const later = { session: await hub.session() };
    for (const [at, name] of ['one', 'two'].entries()) {
      const taskId = ids[at] as string;
      const got = await ask('tasks/get', { taskId, _meta: { kept: 1 } }, later);
      expect(got.result).toMatchObject({ taskId, status: 'working', statusMessage: `${taskId} goes on` });
      const { result } = await ask('tasks/result', { taskId }, later);
      expect(result).toEqual({ ...text(name), _meta: { 'io.modelcontextprotocol/related-task': { taskId } } });
      expect((await ask('tasks/cancel', { taskId }, later)).result).toMatchObject({ taskId, status: 'cancelled' });
    }
    for (const { asked } of [one, two]) {
      expect(asked.map(({ method }) => method)).toEqual(['tools/call', 'tasks/get', 'tasks/result', 'tasks/cancel']);
      expect(asked[1]?.params).toEqual({ taskId: 'task-number-1', _meta: { kept: 1 } });
      expect(asked[0]?.params).toMatchObject({ name: 'maybe', task: { ttl: 5000 } });
    }
    expect(hub.records).toMatchObject([
      { tool: 'maybe', outcome: 'ok' },
      { tool: 'maybe', outcome: 'ok' },
    ]);
  });

  it('outlive the hub', async () => {
    const id = await begin('one__maybe', { session: await hub.session() });
    const next = await startGateway({ previous: hub });
    await openAll(next);
    const { result } = await ask('tasks/get', { taskId: id }, { session: await next.session() }, next);
    expect(result).toMatchObject({ taskId: id, status: 'working' });
    await next.close();
  });

  it('are nobody else’s, and nothing at all for who lost the right to their tool', async () => {
    hub.keys.set('key-b', keyActor('b'));
    const mine = { session: await hub.session() };
    const taskId = await begin('one__maybe', mine);
    const path = '/api/mcp/one';
    const theirs = { session: await hub.session('/api/mcp', 'key-b'), key: 'key-b' };
    const elsewhere = { session: await hub.session(path), path };
    const answers = [];
    for (const method of ['tasks/get', 'tasks/result', 'tasks/cancel']) {
      answers.push(await ask(method, { taskId }, theirs), await ask(method, { taskId }, elsewhere));
      for (const id of ['task-number-1', '', 7, undefined]) answers.push(await ask(method, { taskId: id }, mine));
      answers.push(await (await askModern(method, { taskId })).json());
    }
    expect(new Set(answers.map(({ error }) => error?.code))).toEqual(new Set([-32602, -32601]));
    expect(answers.filter(({ error }) => error?.code === -32601)).toHaveLength(1);
    hub.keys.set('key-a', keyActor('a', 'admin', { keyScope: { servers: ['two'] } }));
    expect((await ask('tasks/get', { taskId }, mine)).error?.code).toBeDefined();
    expect(one.asked).toHaveLength(1);
  });

  it('tell their own session how they go', async () => {
    const sessions = [await hub.session(), await hub.session()];
    const streams = await Promise.all(sessions.map((session) => hub.post(null, { session, method: 'GET' })));
    const [mine, other] = streams.map((stream) => readEvents(stream));
    const silence = other?.message().catch(() => 'nothing');
    const id = await begin('two__maybe', { session: sessions[0] as string });
    hub.supervisor.notify('id-one', 'notifications/tasks/status', { taskId: 'task-number-1', status: 'failed' });
    hub.supervisor.notify('id-two', 'notifications/tasks/status', { taskId: 'task-number-9', status: 'failed' });
    hub.supervisor.notify('id-two', 'notifications/tasks/status', {
      taskId: 'task-number-1',
      status: 'completed',
      ttl: null,
    });
    expect(await mine?.message()).toMatchObject({
      method: 'notifications/tasks/status',
      params: { taskId: id, status: 'completed', ttl: null },
    });
    await Promise.all([mine?.cancel(), other?.cancel()]);
    expect(await silence).toBe('nothing');
  });
});

describe('the progress of a task', () => {
  it('reaches the call while it begins the task, and then a stream of its session [L-TASK-03]', async () => {
    const session = await hub.session();
    const stream = readEvents(await hub.post(null, { session, method: 'GET' }));
    const params = { name: 'one__maybe', arguments: {}, task: {}, _meta: { progressToken: 'p' } };
    const messages = await messagesOf(await hub.post(rpc('tools/call', params), { session }));
    expect(messages[0]).toMatchObject({
      method: 'notifications/progress',
      params: { progressToken: 'p', progress: 3 },
    });
    expect(one.progressLasts).toBe(true);
    one.progress?.({ progress: 4, progressToken: 'of the hub', message: 'half' });
    expect(await stream.message()).toEqual({
      jsonrpc: '2.0',
      method: 'notifications/progress',
      params: { progressToken: 'p', progress: 4, message: 'half' },
    });
    await ask('tools/call', { name: 'one__never', arguments: {}, _meta: { progressToken: 'q' } }, { session });
    expect(one.progressLasts).toBeUndefined();
    await stream.cancel();
  });
});

describe('tools that only run as tasks', () => {
  it('are run as tasks for those who call them plainly, and what they say reaches the call as progress', async () => {
    const session = await hub.session();
    const params = { name: 'one__always', arguments: { a: 1 }, _meta: { progressToken: 'p' } };
    const call = hub.post(rpc('tools/call', params), { session }).then(messagesOf);
    await until(() => one.asked.filter(({ method }) => method === 'tasks/get').length > 1, 5000);
    one.status = 'completed';
    const messages = await call;
    expect(messages.at(-1)?.result).toEqual(text('one'));
    expect(messages.slice(0, -1).map(({ params }) => params)).toEqual([
      { progressToken: 'p', progress: 3 },
      { progressToken: 'p', progress: 4, message: '… goes on' },
    ]);
    expect(one.asked[0]).toMatchObject({
      method: 'tools/call',
      params: { name: 'always', arguments: { a: 1 }, task: {} },
    });
    expect(one.asked.at(-1)?.method).toBe('tasks/result');
    expect(hub.records).toMatchObject([{ tool: 'always', outcome: 'ok' }]);
  });

  it('give back what their server refuses', async () => {
    one.status = 'completed';
    const session = await hub.session();
    hub.supervisor.open(
      'id-one',
      memoryUpstream(offer, (method) =>
        method === 'tools/list' ? { tools } : new RpcFailure({ code: -32000, message: 'no' }),
      ),
    );
    expect((await ask('tools/call', { name: 'one__always' }, { session })).error).toMatchObject({
      code: -32000,
      message: 'no',
    });
  });
});

describe('the extension for requests without sessions', () => {
  const begunBy = async (key: string) =>
    (await modernResult(hub, 'tools/call', { name: 'fresh__job' }, { capabilities: declared, key })).taskId as string;
  const begun = () => begunBy('key-a');

  it('tasks are made for requests that declare the extension only, and asked about by such only [N-TASK-01]', async () => {
    expect(await modernResult(hub, 'tools/call', { name: 'fresh__job' })).toMatchObject({
      resultType: 'complete',
      ...text('at once'),
    });
    const session = await hub.session('/api/mcp', 'key-a', '2025-11-25', declared);
    expect((await ask('tools/call', { name: 'fresh__job' }, { session })).result).toMatchObject(text('at once'));
    for (const who of ['modern', 'session']) {
      const params = { name: 'fresh__careless' };
      const answer =
        who === 'modern'
          ? await (await modernPost(hub, 'tools/call', params)).json()
          : await ask('tools/call', params, { session });
      expect(answer.error.code).toBe(1004);
      expect(JSON.stringify(answer)).not.toContain('task-number-1');
    }
    const taskId = await begun();
    const listen = { notifications: { taskIds: [taskId] } };
    const tries = ['tasks/get', 'tasks/update', 'tasks/cancel'].map(
      (method) => [method, { taskId, inputResponses: {} }] as const,
    );
    for (const [method, params] of [...tries, ['subscriptions/listen', listen] as const]) {
      const refused = await askModern(method, params, {});
      expect(refused.status).toBe(400);
      expect((await refused.json()).error).toMatchObject({ code: -32021, data: { requiredCapabilities: declared } });
    }
    expect((await askModern('tasks/list', {})).status).toBe(404);
    expect((await askModern('tasks/result', { taskId })).status).toBe(404);
  });

  it('a task is asked about, told and cancelled under an id of the hub', async () => {
    const created = await modernResult(hub, 'tools/call', { name: 'fresh__job' }, { capabilities: declared });
    const taskId = created.taskId as string;
    expect(created).toMatchObject({ resultType: 'task', status: 'working', ttlMs: null });
    expect(JSON.stringify(created)).not.toContain('task-number-1');
    fresh.status = 'input_required';
    const capabilities = { ...declared, elicitation: {} };
    const waiting = (await (await askModern('tasks/get', { taskId }, capabilities)).json()).result;
    expect(waiting).toMatchObject({
      resultType: 'complete',
      taskId,
      inputRequests: { who: { method: 'elicitation/create' } },
    });
    const cannot = await (await askModern('tasks/get', { taskId })).json();
    expect(cannot.error.code).toBe(-32021);
    const inputResponses = { who: { action: 'accept', content: {} } };
    const updated = await (await askModern('tasks/update', { taskId, inputResponses }, capabilities)).json();
    expect(updated.result).toEqual({ resultType: 'complete' });
    expect(fresh.asked.at(-1)).toMatchObject({
      method: 'tasks/update',
      params: { taskId: 'task-number-1', inputResponses },
    });
    fresh.status = 'completed';
    const done = (await (await askModern('tasks/get', { taskId })).json()).result;
    expect(done).toMatchObject({ taskId, status: 'completed', result: text('done') });
    expect((await (await askModern('tasks/cancel', { taskId })).json()).result).toEqual({ resultType: 'complete' });
    const wrongHeader = await modernPost(
      hub,
      'tasks/get',
      { taskId },
      { capabilities: declared, headers: { 'mcp-name': 'x' } },
    );
    expect((await wrongHeader.json()).error.code).toBe(-32020);
  });

  it('who listens to tasks is told each state of its own ones, until they end [N-TASK-03]', async () => {
    hub.keys.set('key-b', keyActor('b'));
    const [taskId, foreign] = [await begun(), await begunBy('key-b')];
    const notifications = { taskIds: [taskId, foreign, 'task-number-1'] };
    const options = { id: 7, capabilities: declared };
    const reader = readEvents(await modernPost(hub, 'subscriptions/listen', { notifications }, options));
    const _meta = { 'io.modelcontextprotocol/subscriptionId': 7 };
    expect(await reader.message()).toMatchObject({
      method: 'notifications/subscriptions/acknowledged',
      params: { notifications: { taskIds: [taskId] }, _meta },
    });
    const working = await reader.message();
    expect(working).toMatchObject({ method: 'notifications/tasks', params: { taskId, status: 'working', _meta } });
    expect(working.params).not.toHaveProperty('resultType');
    fresh.status = 'completed';
    const done = await reader.message();
    expect(done).toMatchObject({
      method: 'notifications/tasks',
      params: { taskId, status: 'completed', result: text('done'), _meta },
    });
    expect(JSON.stringify([working, done])).not.toContain('task-number-1');
    const many = await askModern('subscriptions/listen', { notifications: { taskIds: Array(101).fill('x') } });
    expect((await many.json()).error.code).toBe(-32602);
    await reader.cancel();
  });

  it('a task is its own credential’s, on its own endpoint [N-TASK-02]', async () => {
    hub.keys.set('key-b', keyActor('b'));
    const taskId = await begun();
    const before = fresh.asked.length;
    const answers = [];
    for (const method of ['tasks/get', 'tasks/update', 'tasks/cancel']) {
      answers.push(await askModern(method, { taskId }, declared, 'key-b'));
      answers.push(await askModern(method, { taskId }, declared, 'key-a', '/api/mcp/fresh'));
      for (const id of ['task-number-1', `${taskId.slice(0, -1)}x`])
        answers.push(await askModern(method, { taskId: id }));
    }
    const errors = await Promise.all(answers.map(async (answer) => (await answer.json()).error));
    const kinds = new Set(errors.map(({ code, message }) => `${code} ${message}`));
    expect([...kinds]).toEqual([expect.stringMatching(/^-32602 /)]);
    const session = { session: await hub.session() };
    expect((await ask('tasks/get', { taskId }, session)).error?.code).toBe(-32602);
    expect(fresh.asked).toHaveLength(before);
  });
});
