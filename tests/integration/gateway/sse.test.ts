// Clients of 2024-11-05, which speak HTTP+SSE: through the official client and with raw requests.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { ElicitRequestSchema, ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readEvents } from '../../support/event-reader';
import {
  initialize,
  keyActor,
  memoryUpstream,
  rpc,
  serverRow,
  startGateway,
  type TestGateway,
} from '../../support/gateway';
import { until } from '../../support/until';

let hub: TestGateway;
let tools = ['echo', 'ask', 'wait', 'big'];
let cancelled = 0;
let progressSeen = () => {};
const clients: Client[] = [];

function server() {
  return memoryUpstream({ tools: { listChanged: true } }, async (method, params, { client, onProgress }, signal) => {
    if (method === 'tools/list') return { tools: tools.map((name) => ({ name, inputSchema: { type: 'object' } })) };
    const text = (value: unknown) => ({ content: [{ type: 'text', text: String(value) }] });
    const args = (params.arguments ?? {}) as Record<string, unknown>;
    if (params.name === 'ask') {
      const form = { message: 'Who?', requestedSchema: { type: 'object', properties: {} } };
      return text(JSON.stringify(await client?.ask('elicitation/create', form, signal)));
    }
    if (params.name === 'wait') {
      return new Promise(() => signal.addEventListener('abort', () => cancelled++));
    }
    if (params.name === 'big') return text('x'.repeat(Number(args.bytes)));
    if (onProgress) {
      onProgress({ progress: 1 });
      await new Promise<void>((resolve) => {
        progressSeen = resolve;
      });
    }
    return text(args.text);
  });
}

beforeEach(async () => {
  cancelled = 0;
  tools = ['echo', 'ask', 'wait', 'big'];
  hub = await startGateway({
    servers: [serverRow('one')],
    groups: [
      {
        id: 'g',
        name: 'Team',
        prefix: 'never',
        anonymous: false,
        ownerId: null,
        servers: [{ serverId: 'id-one', tools: ['echo'] }],
      },
    ],
    limits: { streamsPerUser: 3 },
  });
  hub.keys.set('key-b', keyActor('b'));
  hub.supervisor.open('id-one', server());
  const session = await hub.session();
  await until(async () => {
    const { result } = await (await hub.post(rpc('tools/list'), { session })).json();
    return result.tools.length > 0;
  }, 5000);
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await hub.close();
});

async function connect(path: string, prepare?: (client: Client) => void) {
  const headers = { authorization: 'Bearer key-a' };
  const transport = new SSEClientTransport(new URL(hub.url + path), {
    requestInit: { headers },
    eventSourceInit: {
      fetch: (url, init) => fetch(url, { ...init, headers: { ...headers, accept: 'text/event-stream' } }),
    },
  });
  const client = new Client({ name: 'old', version: '1' }, { capabilities: { elicitation: {} } });
  prepare?.(client);
  await client.connect(transport);
  clients.push(client);
  return client;
}

/** A raw client: its stream, and how to POST to the URL that the stream named. */
async function open(path = '/api/mcp/sse', key = 'key-a') {
  const response = await hub.post(null, { path, key, method: 'GET' });
  const reader = readEvents(response);
  const { event, data } = await reader.next();
  expect(event).toBe('endpoint');
  const send = (body: unknown, as = key) => hub.post(body, { path: data, key: as, headers: { accept: '*/*' } });
  return { reader, data, send };
}

async function begun(version = '2024-11-05', capabilities = {}) {
  const opened = await open();
  await opened.send(initialize(version, 0, capabilities));
  expect((await opened.reader.message()).result.protocolVersion).toBe(version);
  return opened;
}

describe('the official client', () => {
  it.each([
    ['/api/mcp/sse', ['one__echo', 'one__ask', 'one__wait', 'one__big'], 'one__echo'],
    ['/api/mcp/one/sse', ['echo', 'ask', 'wait', 'big'], 'echo'],
    ['/api/mcp/Team/sse', ['echo'], 'echo'],
  ])('%s lists, calls with progress, and is asked back [L-SSE-02]', async (path, names, echo) => {
    const client = await connect(path, (made) =>
      made.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: { name: 'Ada' } })),
    );
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(names);
    const steps: number[] = [];
    const call = { name: echo, arguments: { text: 'hé\u2028llo' } };
    const { content } = await client.callTool(call, undefined, {
      onprogress: ({ progress }) => {
        steps.push(progress);
        progressSeen();
      },
    });
    expect(content).toEqual([{ type: 'text', text: 'hé\u2028llo' }]);
    expect(steps).toEqual([1]);
    await expect(client.callTool({ name: 'nothing' })).rejects.toMatchObject({ code: -32602 });
    const asker = names.find((name) => name.endsWith('ask'));
    if (!asker) return;
    const asked = (await client.callTool({ name: asker })) as { content: { text: string }[] };
    expect(asked.content[0]?.text).toContain('Ada');
  });

  it('hears that a list changed', async () => {
    const client = await connect('/api/mcp/sse');
    let changes = 0;
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => void changes++);
    await client.listTools();
    tools = ['echo', 'more'];
    hub.supervisor.notify('id-one', 'notifications/tools/list_changed');
    await until(() => changes === 1, 10_000);
    expect((await client.listTools()).tools).toHaveLength(2);
  });
});

describe('a session lives as long as its stream', () => {
  it('calls end when the stream does, and its URL is gone', async () => {
    const { reader, send } = await begun();
    expect((await send(rpc('tools/call', { name: 'one__wait' }))).status).toBe(202);
    await until(() => hub.gateway.stats().inflight === 1, 5000);
    await reader.cancel();
    await until(() => cancelled === 1 && hub.gateway.stats().inflight === 0, 5000);
    expect((await send(rpc('ping'))).status).toBe(404);
  });

  it('a revoked key ends the stream', async () => {
    const { reader, send } = await begun();
    await hub.bus.emit('key.revoked', { id: 'a' } as never);
    await expect(reader.next()).rejects.toThrow();
    expect((await send(rpc('ping'))).status).toBe(404);
  });

  it('a hub that stops ends a stream after the last answer on it', async () => {
    const { reader, send } = await begun();
    const idle = await begun();
    const params = { name: 'one__echo', arguments: { text: 'late' }, _meta: { progressToken: 'p' } };
    await send(rpc('tools/call', params, 7));
    expect(await reader.message()).toMatchObject({ method: 'notifications/progress' });
    hub.gateway.drain();
    await expect(idle.reader.next()).rejects.toThrow();
    progressSeen();
    expect(await reader.message()).toMatchObject({ id: 7, result: { content: [{ text: 'late' }] } });
    await expect(reader.next()).rejects.toThrow();
  });

  it('a cancelled request gets no answer', async () => {
    const { reader, send } = await begun();
    await send(rpc('tools/call', { name: 'one__wait' }, 7));
    await until(() => hub.gateway.stats().inflight === 1, 5000);
    await send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } });
    await until(() => cancelled === 1, 5000);
    await send(rpc('ping', undefined, 8));
    expect(await reader.message()).toMatchObject({ id: 8, result: {} });
  });

  it('a client that reads nothing is cut, and nothing of it stays', async () => {
    const { send } = await begun();
    const bytes = 4 * 1024 * 1024;
    const before = hub.gateway.stats().sessions;
    let status = 202;
    for (let id = 1; id < 40 && status === 202; id++) {
      ({ status } = await send(rpc('tools/call', { name: 'one__big', arguments: { bytes } }, id)));
    }
    expect(status).toBe(404);
    expect(hub.gateway.stats().sessions).toBe(before - 1);
  });
});

describe('bad input', () => {
  it('the URL of a stream is bound to its credential and endpoint', async () => {
    const { data, send, reader } = await begun();
    expect((await send(rpc('ping'), 'key-b')).status).toBe(404);
    expect((await hub.post(rpc('ping'), { path: data, key: null })).status).toBe(401);
    expect((await hub.post(rpc('ping'), { path: data.replace('/sse', '/one/sse') })).status).toBe(404);
    expect((await hub.post(rpc('ping'), { path: data.slice(0, -3) })).status).toBe(404);
    expect((await hub.post(rpc('ping'), { path: '/api/mcp/sse' })).status).toBe(400);
    await send(rpc('ping', undefined, 5));
    expect(await reader.message()).toMatchObject({ id: 5 });
  });

  it('a session of the streamable transport has no such stream', async () => {
    const session = await hub.session();
    const stream = await hub.post(null, { session, method: 'GET' });
    expect((await hub.post(rpc('ping'), { path: `/api/mcp/sse?sessionId=${session}` })).status).toBe(404);
    await stream.body?.cancel();
  });

  it('what is no message is refused by the POST, what is no good request on the stream', async () => {
    const { send, reader } = await open();
    expect((await send('{"jsonrpc"')).status).toBe(400);
    expect((await send({ jsonrpc: '1.0', id: 1, method: 'ping' })).status).toBe(400);
    expect((await send([rpc('ping')])).status).toBe(400);
    await send(rpc('tools/list', {}, 1));
    expect(await reader.message()).toMatchObject({ id: 1, error: { code: -32600 } });
    await send(rpc('initialize', {}, 2));
    expect(await reader.message()).toMatchObject({ id: 2, error: { code: -32602 } });
    await send(initialize('2024-11-05', 3));
    expect(await reader.message()).toMatchObject({ id: 3, result: { protocolVersion: '2024-11-05' } });
    await send(initialize('2024-11-05', 4));
    expect(await reader.message()).toMatchObject({ id: 4, error: { code: -32600 } });
    await send(rpc('no/such', {}, 5));
    expect(await reader.message()).toMatchObject({ id: 5, error: { code: -32601 } });
  });

  it('paths, methods and headers that are not served', async () => {
    const get = async (path: string, headers = {}) => (await hub.post(null, { path, method: 'GET', headers })).status;
    expect(await get('/api/mcp/nobody/sse')).toBe(404);
    expect(await get('/api/mcp/sse/sse')).toBe(404);
    expect(await get('/api/mcp/one/sse/')).toBe(404);
    expect(await get('/api/mcp/sse', { accept: 'application/json' })).toBe(406);
    expect((await hub.post(null, { path: '/api/mcp/sse', method: 'DELETE' })).status).toBe(405);
    const { data } = await open();
    const text = await hub.post('hello', { path: data, headers: { 'content-type': 'text/plain' } });
    expect(text.status).toBe(415);
  });

  it('streams count for the limits of a user', async () => {
    for (let count = 0; count < 3; count++) await open();
    const refused = await hub.post(null, { path: '/api/mcp/sse', method: 'GET' });
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '30']);
  });

  it('arrays are taken in sessions of 2025-03-26', async () => {
    const { send, reader } = await begun('2025-03-26');
    expect((await send([rpc('ping', undefined, 1), rpc('ping', undefined, 2)])).status).toBe(202);
    expect([await reader.message(), await reader.message()].map(({ id }) => id)).toEqual([1, 2]);
  });
});
