// subscriptions/listen of revision 2026-07-28, and log messages of one request.
import { request as httpRequest } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readEvents } from '../../support/event-reader';
import { keyActor, memoryUpstream, rpc, serverRow, startGateway, type TestGateway } from '../../support/gateway';
import { lastMessage, messagesOf, modernClient, modernPost, modernVersion } from '../../support/modern';
import { until } from '../../support/until';

type Json = Record<string, unknown>;

let hub: TestGateway;
let names: string[];
let uris: string[];
let running: (() => void)[];
const asked: [string, unknown][] = [];
const subscriptionId = 'io.modelcontextprotocol/subscriptionId';
const prefix = 'io.modelcontextprotocol/';

beforeEach(async () => {
  asked.length = 0;
  running = [];
  names = ['one'];
  uris = ['demo://a'];
  hub = await startGateway({
    servers: [serverRow('demo'), serverRow('plain')],
    limits: { streamsPerUser: 3 },
  });
  hub.keys.set('key-b', keyActor('b', 'user', { keyScope: { groups: [], servers: ['plain'], tools: [] } as never }));
  const capabilities = { tools: {}, resources: { subscribe: true }, logging: {} };
  hub.supervisor.open(
    'id-demo',
    memoryUpstream(capabilities, (method, params) => {
      asked.push([method, params.uri ?? params.level]);
      if (method === 'tools/list') return { tools: names.map((name) => ({ name, inputSchema: { type: 'object' } })) };
      if (method === 'resources/list') return { resources: uris.map((uri) => ({ uri, name: uri })) };
      if (method === 'tools/call') return new Promise((resolve) => running.push(() => resolve({ content: [] })));
      return {};
    }),
  );
  hub.supervisor.open(
    'id-plain',
    memoryUpstream({ tools: {} }, () => ({ tools: [{ name: 'x', inputSchema: { type: 'object' } }] })),
  );
  await until(() => hub.gateway.toolCount('id-demo') + hub.gateway.toolCount('id-plain') === 2, 2000);
});

afterEach(() => hub.close());

interface Stream {
  messages: Json[];
  text: () => string;
  ended: () => boolean;
  close(): void;
}

async function listen(notifications: unknown, options: Parameters<typeof modernPost>[3] = {}): Promise<Stream> {
  const gone = new AbortController();
  const response = await modernPost(
    hub,
    'subscriptions/listen',
    { notifications },
    { id: 'sub', path: '/api/mcp/demo', signal: gone.signal, ...options },
  );
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
  let text = '';
  let isEnded = false;
  const messages: Json[] = [];
  void (async () => {
    const decoder = new TextDecoder();
    try {
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
        text += decoder.decode(chunk, { stream: true });
        const lines = text.split('\n').filter((line) => line.startsWith('data: '));
        const whole = text.endsWith('\n\n') ? lines : lines.slice(0, -1);
        for (const line of whole.slice(messages.length)) messages.push(JSON.parse(line.slice(6)));
      }
    } catch {
      // The test closed it.
    }
    isEnded = true;
  })();
  await until(
    () => messages.length > 0,
    3000,
    () => 'no acknowledgement came',
  );
  return { messages, text: () => text, ended: () => isEnded, close: () => gone.abort() };
}

const methods = ({ messages }: Stream) => messages.map(({ method }) => method);
const acknowledged = 'notifications/subscriptions/acknowledged';

async function change(next: string[]): Promise<void> {
  names = next;
  hub.supervisor.notify('id-demo', 'notifications/tools/list_changed');
  await until(() => hub.gateway.toolCount('id-demo') === next.length, 8000);
}

describe('a stream', () => {
  it('begins with what is honoured, and names its request in every message [N-SUB-01, N-SUB-03]', async () => {
    const stream = await listen({
      toolsListChanged: true,
      promptsListChanged: true,
      resourcesListChanged: false,
      resourceSubscriptions: ['demo://a', 'demo://a', 'nowhere://x'],
      unknown: true,
    });
    expect(stream.messages[0]).toEqual({
      jsonrpc: '2.0',
      method: acknowledged,
      params: {
        notifications: { toolsListChanged: true, resourceSubscriptions: ['demo://a', 'nowhere://x'] },
        _meta: { [subscriptionId]: 'sub' },
      },
    });
    hub.supervisor.notify('id-demo', 'notifications/resources/updated', { uri: 'demo://a', title: 't' });
    await until(() => stream.messages.length === 2, 2000);
    expect(stream.messages[1]).toMatchObject({
      method: 'notifications/resources/updated',
      params: { uri: 'demo://a', title: 't', _meta: { [subscriptionId]: 'sub' } },
    });
    stream.close();
  });

  it('tells only those who asked, and whose own list changed [N-SUB-02]', async () => {
    const wants = await listen({ toolsListChanged: true });
    const other = await listen({ resourcesListChanged: true });
    const elsewhere = await listen({ toolsListChanged: true }, { path: '/api/mcp/plain' });
    await change(['one', 'two']);
    await until(() => wants.messages.length === 2, 3000);
    expect(methods(wants)).toEqual([acknowledged, 'notifications/tools/list_changed']);
    expect(wants.messages[1]).toMatchObject({ params: { _meta: { [subscriptionId]: 'sub' } } });
    expect([methods(other), methods(elsewhere)]).toEqual([[acknowledged], [acknowledged]]);
    for (const stream of [wants, other, elsewhere]) stream.close();
  });

  it('tells of changed resources, to sessions too [N-RES-03, L-RES-02]', async () => {
    const wants = await listen({ resourcesListChanged: true });
    const other = await listen({ toolsListChanged: true });
    const session = await hub.session();
    await hub.post(rpc('resources/list'), { session });
    const events = readEvents(await hub.post(null, { session, method: 'GET' }));
    uris = ['demo://a', 'demo://b'];
    hub.supervisor.notify('id-demo', 'notifications/resources/list_changed');
    await until(() => wants.messages.length === 2, 5000);
    expect(methods(wants)).toEqual([acknowledged, 'notifications/resources/list_changed']);
    expect(await events.message()).toMatchObject({ method: 'notifications/resources/list_changed' });
    expect(methods(other)).toEqual([acknowledged]);
    await events.cancel();
    for (const stream of [wants, other]) stream.close();
  });

  it('subscribes once for all, and no longer than somebody listens', async () => {
    const one = await listen({ resourceSubscriptions: ['demo://a'] });
    const two = await listen({ resourceSubscriptions: ['demo://a'] }, { id: 7 });
    hub.supervisor.notify('id-demo', 'notifications/resources/updated', { uri: 'demo://a' });
    await until(() => one.messages.length === 2 && two.messages.length === 2, 2000);
    expect(two.messages[1]).toMatchObject({ params: { _meta: { [subscriptionId]: 7 } } });
    one.close();
    two.close();
    await until(() => asked.some(([method]) => method === 'resources/unsubscribe'), 2000);
    expect(asked.filter(([method]) => method === 'resources/subscribe')).toHaveLength(1);
  });

  it('ends with the key: answered, told as cancelled, closed [N-SUB-04, N-CANCEL-02]', async () => {
    const stream = await listen({ toolsListChanged: true });
    await hub.bus.emit('key.revoked', { id: 'a', userId: 'user-a', name: 'a' } as never);
    await until(stream.ended, 2000);
    expect(stream.messages.slice(1)).toMatchObject([
      { id: 'sub', result: { resultType: 'complete', _meta: { [subscriptionId]: 'sub' } } },
      { method: 'notifications/cancelled', params: { requestId: 'sub', _meta: { [subscriptionId]: 'sub' } } },
    ]);
  });

  it('ends with the hub, and no new one begins', async () => {
    const stream = await listen({ toolsListChanged: true });
    hub.gateway.drain();
    await until(stream.ended, 2000);
    expect(stream.messages.at(-2)).toMatchObject({ id: 'sub', result: { resultType: 'complete' } });
    const late = await modernPost(hub, 'subscriptions/listen', { notifications: {} });
    expect([late.status, late.headers.get('retry-after')]).toEqual([503, '3']);
  });

  it('ends when its endpoint is gone', async () => {
    const stream = await listen({ toolsListChanged: true });
    hub.rows.servers.splice(0, 1);
    await hub.bus.emit('server.deleted', { id: 'id-demo', name: 'demo' } as never);
    await until(stream.ended, 5000);
    expect(stream.messages.at(-2)).toMatchObject({ id: 'sub', result: { resultType: 'complete' } });
  });

  it('counts against the streams of its user, and makes room when it ends', async () => {
    const streams = await Promise.all([1, 2, 3].map((id) => listen({ toolsListChanged: true }, { id })));
    const over = await modernPost(hub, 'subscriptions/listen', { notifications: {} });
    expect([over.status, over.headers.get('retry-after')]).toEqual([503, '30']);
    for (const stream of streams) stream.close();
    await until(async () => {
      const gone = new AbortController();
      const response = await modernPost(hub, 'subscriptions/listen', { notifications: {} }, { signal: gone.signal });
      gone.abort();
      return response.status === 200;
    }, 3000);
  });

  it.each([[undefined], [[]], [{ resourceSubscriptions: 'demo://a' }], [{ resourceSubscriptions: [1] }]])(
    'a filter that is none is refused: %j',
    async (notifications) => {
      const response = await modernPost(hub, 'subscriptions/listen', { notifications }, { id: 'sub' });
      expect(await lastMessage(response)).toMatchObject({ id: 'sub', error: { code: -32602 } });
    },
  );

  it('a client that reads nothing is cut', async () => {
    const { port } = new URL(hub.url);
    const body = JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'subscriptions/listen',
      params: {
        notifications: { resourceSubscriptions: ['demo://a'] },
        _meta: { [`${prefix}protocolVersion`]: modernVersion, [`${prefix}clientCapabilities`]: {} },
      },
    });
    const headers = {
      authorization: 'Bearer key-a',
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': modernVersion,
      'mcp-method': 'subscriptions/listen',
    };
    const isCut = await new Promise<boolean>((resolve) => {
      const request = httpRequest({ port, host: '127.0.0.1', path: '/api/mcp/demo', method: 'POST', headers });
      request.on('response', (response) => {
        response.pause();
        response.on('error', () => resolve(true));
        const big = 'x'.repeat(500_000);
        const flood = setInterval(() => {
          hub.supervisor.notify('id-demo', 'notifications/resources/updated', { uri: 'demo://a', big });
          if (asked.every(([method]) => method !== 'resources/unsubscribe')) return;
          clearInterval(flood);
          response.resume();
          response.on('end', () => resolve(false));
        }, 5);
      });
      request.end(body);
    });
    expect(isCut).toBe(true);
  });
});

describe('log messages', () => {
  it('reach the request that asked for them, from its level on, and no other stream [N-LOG-02]', async () => {
    const stream = await listen({ toolsListChanged: true });
    const meta = { [`${prefix}logLevel`]: 'warning' };
    const logs = modernPost(hub, 'tools/call', { name: 'one' }, { path: '/api/mcp/demo', meta });
    await until(() => running.length === 1, 2000);
    expect(asked).toContainEqual(['logging/setLevel', 'warning']);
    hub.supervisor.notify('id-demo', 'notifications/message', { level: 'info', data: 'quiet' });
    hub.supervisor.notify('id-demo', 'notifications/message', { level: 'error', data: 'loud' });
    running.shift()?.();
    const messages = await messagesOf(await logs);
    expect(messages).toMatchObject([
      { method: 'notifications/message', params: { data: 'loud' } },
      { id: 1, result: {} },
    ]);
    await until(() => asked.filter(([method]) => method === 'logging/setLevel').length === 2, 2000);
    expect(methods(stream)).toEqual([acknowledged]);
    stream.close();
  });

  it('reach nobody who did not ask [N-LOG-01]', async () => {
    const quiet = modernPost(hub, 'tools/call', { name: 'one' }, { path: '/api/mcp/demo' });
    await until(() => running.length === 1, 2000);
    hub.supervisor.notify('id-demo', 'notifications/message', { level: 'error', data: 'loud' });
    running.shift()?.();
    expect(await messagesOf(await quiet)).toHaveLength(1);
    expect(asked.filter(([method]) => method === 'logging/setLevel')).toEqual([]);
  });
});

describe('the official client', () => {
  it('listens, hears, and knows a graceful end', async () => {
    const client = await modernClient(hub, { path: '/api/mcp/demo' });
    let heard = 0;
    client.setNotificationHandler('notifications/resources/updated', () => void heard++);
    const subscription = await client.listen({ toolsListChanged: true, resourceSubscriptions: ['demo://a'] });
    expect(subscription.honoredFilter).toEqual({ toolsListChanged: true, resourceSubscriptions: ['demo://a'] });
    hub.supervisor.notify('id-demo', 'notifications/resources/updated', { uri: 'demo://a' });
    await until(() => heard === 1, 2000);
    hub.gateway.drain();
    expect(await subscription.closed).toBe('graceful');
    await client.close();
  });
});
