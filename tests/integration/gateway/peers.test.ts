// Two gateways of one hub, as two workers have them: what arrives at one and concerns a call, a question or a stream of
// the other gets there.
import { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { SearchMessage, SessionMessage } from '../../../worker/fleet/messages';
import type { PeerLine } from '../../../worker/gateway';
import { readEvents } from '../../support/event-reader';
import {
  initialize,
  memoryUpstream,
  RpcFailure,
  rpc,
  serverRow,
  startGateway,
  type TestGateway,
} from '../../support/gateway';
import { modernPost } from '../../support/modern';
import { until } from '../../support/until';

type Json = Record<string, unknown>;

const names = ['0-one', '1-two'] as const;
let dir: string;
let gateways: TestGateway[];
let sockets: Server[];
let watched: string[][];
/** What is said while this is a list arrives when somebody lets it. */
let held: (() => void)[] | null;

/** Both lines, joined in memory; what is said travels as JSON, as between processes. */
function createLines(): PeerLine[] {
  const events = new EventEmitter();
  const lineOf = <M>(self: string, kind: string) => ({
    send(message: M, to?: string) {
      const text = JSON.stringify(message);
      for (const name of names) {
        if (name === self || (to && to !== name)) continue;
        const arrive = () => events.emit(`${kind} ${name}`, JSON.parse(text), self);
        if (held) held.push(arrive);
        else arrive();
      }
    },
    onMessage(listener: (message: M, from: string) => void) {
      events.on(`${kind} ${self}`, listener);
      return () => void events.off(`${kind} ${self}`, listener);
    },
  });
  return names.map((self) => ({
    self,
    members: () => names,
    ...lineOf<SessionMessage>(self, 'session'),
    searches: lineOf<SearchMessage>(self, 'search'),
    onHello: () => () => {},
    onChange: () => () => {},
    socketOf: (worker) => join(dir, worker),
  }));
}

const execution = { taskSupport: 'optional' };

function server(at: number) {
  const text = (value: unknown) => ({ content: [{ type: 'text', text: JSON.stringify(value) }] });
  const form = { message: 'Who?', requestedSchema: { type: 'object', properties: {} } };
  const made = memoryUpstream(
    {
      tools: {},
      resources: { subscribe: true },
      logging: {},
      tasks: { cancel: {}, requests: { tools: { call: {} } } },
    },
    async (method, params, { client }, signal) => {
      if (method === 'tools/list')
        return { tools: ['ask', 'log', 'job'].map((name) => ({ name, inputSchema: { type: 'object' }, execution })) };
      if (method === 'resources/list') return { resources: [{ uri: 'memo://one', name: 'One' }] };
      if (method === 'resources/templates/list') return { resourceTemplates: [] };
      // Each worker has a session of its own with such a server, which knows its own tasks only.
      const task = { taskId: `task-of-${names[at]}`, status: 'working', ttl: null };
      if (params.name === 'job') return { task };
      if (method === 'tasks/get') {
        return params.taskId === task.taskId ? task : new RpcFailure({ code: -32602, message: 'unknown' });
      }
      if (method !== 'tools/call') return {};
      if (params.name === 'ask') return text((await client?.ask('elicitation/create', form, signal))?.value);
      for (const level of ['debug', 'error']) client?.notify('notifications/message', { level, data: level });
      return text(`by ${names[at]}`);
    },
  );
  const watch: typeof made.watch = async (uris) => {
    watched[at] = [...uris];
    return [];
  };
  return Object.assign(Object.create(made) as typeof made, { watch });
}

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'mcphub-peers-'));
  watched = [[], []];
  held = null;
  const lines = createLines();
  const one = await startGateway({ servers: [serverRow('notes')], peers: lines[0] });
  gateways = [one, await startGateway({ previous: one, peers: lines[1] })];
  sockets = await Promise.all(
    gateways.map(async ({ gateway }, at) => {
      const socket = createServer((request, response) => gateway.handle(request, response));
      await new Promise<void>((resolve) => socket.listen(join(dir, names[at] as string), resolve));
      return socket;
    }),
  );
  for (const [at, gateway] of gateways.entries()) {
    gateway.supervisor.open('id-notes', server(at));
    await until(() => gateway.supervisor.outcomes.length > 0, 5_000);
  }
});

afterEach(async () => {
  await Promise.all(gateways.map((gateway) => gateway.close()));
  for (const socket of sockets) {
    socket.closeAllConnections();
    await new Promise((resolve) => socket.close(resolve));
  }
  rmSync(dir, { recursive: true, force: true });
});

const pair = () => gateways as [TestGateway, TestGateway];
const ask = (id: string) => rpc('tools/call', { name: 'notes__ask', arguments: {} }, id);

it('brings the answer of a client to the worker whose server asked', async () => {
  const [one, two] = pair();
  const session = await one.session(undefined, undefined, undefined, { elicitation: {} });
  const stream = readEvents(await one.post(ask('a'), { session }));
  const question = (await stream.message()) as Json;
  const answer = { jsonrpc: '2.0', id: question.id, result: { action: 'accept', content: { name: 'Ada' } } };
  expect((await two.post(answer, { session })).status).toBe(202);
  expect(JSON.stringify(await stream.message())).toContain('Ada');
});

it('cancels a call and ends a session at the other worker', async () => {
  const [one, two] = pair();
  const session = await one.session(undefined, undefined, undefined, { elicitation: {} });
  const stream = readEvents(await one.post(ask('b'), { session }));
  await stream.next();
  await two.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'b' } }, { session });
  await until(() => one.gateway.stats().inflight === 0, 5_000);
  expect((await two.post(undefined, { session, method: 'DELETE' })).status).toBe(204);
  expect((await one.post(rpc('ping'), { session })).status).toBe(404);
});

it('sends updates to the stream of a session, wherever it is, once, and ends a subscription from anywhere', async () => {
  const [one, two] = pair();
  const session = await one.session();
  const headers = { accept: 'text/event-stream' };
  readEvents(await one.post(undefined, { session, method: 'GET', headers }));
  const newest = readEvents(await two.post(undefined, { session, method: 'GET', headers }));
  await one.post(rpc('resources/subscribe', { uri: 'memo://one' }), { session });
  expect(watched[0]).toEqual(['memo://one']);
  for (const gateway of gateways) {
    gateway.supervisor.notify('id-notes', 'notifications/resources/updated', { uri: 'memo://one' });
  }
  expect(await newest.message()).toMatchObject({ params: { uri: 'memo://one' } });
  await two.post(rpc('resources/unsubscribe', { uri: 'memo://one' }), { session });
  await until(() => watched[0]?.length === 0, 5_000);
});

it('lets a session that set its log level at one worker hear that level at the other', async () => {
  const [one, two] = pair();
  const session = await one.session();
  await one.post(rpc('logging/setLevel', { level: 'error' }), { session });
  const answer = await (await two.post(rpc('tools/call', { name: 'notes__log' }), { session })).text();
  expect(answer).toContain('"data":"error"');
  expect(answer).not.toContain('"data":"debug"');
});

it('takes up a parked call from whichever worker its retry reaches', async () => {
  const [one, two] = pair();
  const params = { name: 'notes__ask', arguments: {} };
  const options = { capabilities: { elicitation: { form: {} } } };
  const first = (await (await modernPost(one, 'tools/call', params, options)).json()) as { result: Json };
  const { requestState, inputRequests } = first.result as { requestState: string; inputRequests: Json };
  const inputResponses = Object.fromEntries(
    Object.keys(inputRequests).map((key) => [key, { action: 'accept', content: { name: 'Ada' } }]),
  );
  const retry = { ...params, requestState, inputResponses };
  expect(await (await modernPost(two, 'tools/call', retry, options)).text()).toContain('Ada');
  expect(await (await modernPost(two, 'tools/call', retry, options)).text()).toContain('not valid');
});

it('hands what is POSTed for a stream of HTTP+SSE on to the worker that has it', async () => {
  const [one, two] = pair();
  const headers = { accept: 'text/event-stream' };
  const stream = readEvents(await one.post(undefined, { path: '/api/mcp/sse', method: 'GET', headers }));
  const { data: path } = await stream.next();
  expect((await two.post(initialize('2024-11-05'), { path })).status).toBe(202);
  expect(await stream.message()).toMatchObject({ id: 1, result: { protocolVersion: '2024-11-05' } });
  expect((await two.post(initialize('2024-11-05'), { path, key: 'key-unknown' })).status).toBe(401);
});

it('knows where a stream of HTTP+SSE is before anybody has said so', async () => {
  const [one, two] = pair();
  held = [];
  const headers = { accept: 'text/event-stream' };
  const stream = readEvents(await one.post(undefined, { path: '/api/mcp/sse', method: 'GET', headers }));
  const { data: path } = await stream.next();
  expect((await two.post(initialize('2024-11-05'), { path })).status).toBe(202);
  expect(await stream.message()).toMatchObject({ id: 1 });
});

it('sends nothing round in circles, whoever thinks that the other one has a stream', async () => {
  const [one, two] = pair();
  const session = await one.session();
  held = [];
  const headers = { accept: 'text/event-stream' };
  for (const gateway of [one, two]) readEvents(await gateway.post(undefined, { session, method: 'GET', headers }));
  for (const arrive of held) arrive();
  held = null;
  for (const worker of ['', ...names]) {
    const path = `/api/mcp/sse?sessionId=${session}&worker=${worker}`;
    expect((await one.post(rpc('ping'), { path })).status).toBe(404);
  }
});

it('tells a changed list once to a session whose streams opened at both workers at the same instant', async () => {
  const [one, two] = pair();
  const session = await one.session();
  held = [];
  const headers = { accept: 'text/event-stream' };
  const open = (gateway: TestGateway) => gateway.post(undefined, { session, method: 'GET', headers });
  const [ofOne, ofTwo] = [readEvents(await open(one)), readEvents(await open(two))];
  for (const arrive of held) arrive();
  held = null;
  const other = memoryUpstream({ tools: {} }, () => ({ tools: [{ name: 'new', inputSchema: { type: 'object' } }] }));
  for (const { supervisor } of gateways) supervisor.open('id-notes', other);
  expect(await ofTwo.message()).toMatchObject({ method: 'notifications/tools/list_changed' });
  for (const { gateway } of gateways) await until(() => gateway.toolCount('id-notes') === 1, 5_000);
  const silence = ofOne.message().catch(() => 'nothing');
  await ofOne.cancel();
  expect(await silence).toBe('nothing');
});

it('tells the client of a parked call that its worker has just ended', async () => {
  const [one, two] = pair();
  const params = { name: 'notes__ask', arguments: {} };
  const options = { capabilities: { elicitation: { form: {} } } };
  const first = (await (await modernPost(one, 'tools/call', params, options)).json()) as { result: Json };
  const retry = { ...params, requestState: first.result.requestState, inputResponses: {} };
  const socket = sockets[0] as Server;
  await new Promise((resolve) => socket.close(resolve));
  const answer = await modernPost(two, 'tools/call', retry, { ...options, id: 'again' });
  expect([answer.status, await answer.json()]).toMatchObject([503, { id: 'again', error: { code: 1007 } }]);
});

it('asks about a task where it was begun, and tells of it where the stream of its session is', async () => {
  const [one, two] = pair();
  const session = await one.session();
  const headers = { accept: 'text/event-stream' };
  const stream = readEvents(await two.post(undefined, { session, method: 'GET', headers }));
  const begun = await one.post(rpc('tools/call', { name: 'notes__job', task: {} }), { session });
  const { taskId } = (await begun.json()).result.task;
  const asked = await two.post(rpc('tasks/get', { taskId }, 'there'), { session });
  expect(await asked.json()).toMatchObject({ id: 'there', result: { taskId, status: 'working' } });
  for (const { supervisor } of gateways) {
    supervisor.notify('id-notes', 'notifications/tasks/status', { taskId: 'task-of-0-one', status: 'completed' });
  }
  expect(await stream.message()).toMatchObject({ params: { taskId, status: 'completed' } });
});
