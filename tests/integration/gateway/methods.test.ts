// What an MCP client can do on the gateway's endpoints, asked by the official SDK client over a real socket.
import {
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fairNow } from '../../support/fair-clock';
import {
  keyActor,
  memoryUpstream,
  RpcFailure,
  rpc,
  serverRow,
  startGateway,
  type TestGateway,
  toolServer,
} from '../../support/gateway';
import { lastMessage, modernPost } from '../../support/modern';
import { until } from '../../support/until';

let hub: TestGateway;

/** A server with a bit of everything; `tag` shows up in all its answers. */
function fullServer(tag: string, subscribed: string[] = []) {
  const capabilities = { tools: {}, resources: { subscribe: true }, prompts: {}, completions: {}, logging: {} };
  return memoryUpstream(
    capabilities,
    (method, params, { onProgress }, signal) => {
      switch (method) {
        case 'tools/list':
          return { tools: [tool('echo'), tool('steps'), tool('wait'), tool('link'), tool(`only-${tag}`)] };
        case 'resources/list':
          return {
            resources: [
              { uri: 'demo://same', name: 'same' },
              { uri: `demo://${tag}`, name: tag },
            ],
          };
        case 'resources/templates/list':
          return { resourceTemplates: [{ uriTemplate: `${tag}://item/{id}`, name: 'item' }] };
        case 'prompts/list':
          return { prompts: [{ name: 'greet', arguments: [{ name: 'who' }] }] };
        case 'tools/call':
          return callTool(tag, params, onProgress, signal);
        case 'resources/read':
          return { contents: [{ uri: params.uri, text: `${tag} read ${params.uri}` }] };
        case 'resources/subscribe':
          subscribed.push(String(params.uri));
          return {};
        case 'prompts/get':
          return { messages: [{ role: 'user', content: { type: 'text', text: `${tag} greets` } }] };
        case 'completion/complete':
          return { completion: { values: [tag, JSON.stringify(params.ref)] } };
        case 'logging/setLevel':
        case 'resources/unsubscribe':
          return {};
        default:
          return new RpcFailure({ code: -32601, message: method });
      }
    },
    `How to use ${tag}.`,
  );
}

function tool(name: string) {
  return { name, description: `does ${name}`, inputSchema: { type: 'object' }, 'x-own': { kept: true } };
}

function callTool(
  tag: string,
  params: Record<string, unknown>,
  onProgress: ((params: Record<string, unknown>) => void) | undefined,
  signal: AbortSignal,
): unknown {
  const text = (value: string) => ({ content: [{ type: 'text', text: value }] });
  if (params.name === 'steps') {
    for (const progress of [1, 2, 3]) onProgress?.({ progressToken: 'ours', progress, total: 3 });
    return text('done');
  }
  if (params.name === 'wait')
    return new Promise((resolve) => signal.addEventListener('abort', () => resolve(text('late'))));
  if (params.name === 'link') {
    return {
      content: [{ type: 'resource_link', uri: 'demo://same', name: 'same' }],
      structuredContent: { uri: 'demo://same' },
    };
  }
  return text(`${tag}: ${JSON.stringify(params)}`);
}

async function opened(upstreams: Record<string, ReturnType<typeof fullServer>>): Promise<void> {
  for (const [name, upstream] of Object.entries(upstreams)) hub.supervisor.open(`id-${name}`, upstream);
  const ids = Object.keys(upstreams).map((name) => `id-${name}`);
  await until(() => ids.every((id) => hub.stored.has(id)), 5000);
}

beforeEach(async () => {
  hub = await startGateway({ servers: [serverRow('one'), serverRow('two'), serverRow('spare')] });
});

afterEach(() => hub.close());

describe('lists', () => {
  it('an aggregate shows every tool under its server, whole and in the order of the servers [L-TOOL-03]', async () => {
    await opened({ one: fullServer('one'), two: fullServer('two') });
    const { client } = await hub.client();
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual([
      ...['echo', 'steps', 'wait', 'link', 'only-one'].map((name) => `one__${name}`),
      ...['echo', 'steps', 'wait', 'link', 'only-two'].map((name) => `two__${name}`),
    ]);
    const session = await hub.session();
    const raw = await (await hub.post(rpc('tools/list'), { session })).json();
    expect(raw.result.tools[0]).toEqual({ ...tool('echo'), name: 'one__echo' });
  });

  it('a single server shows its names as they are, or with its own name where prefix says so', async () => {
    hub.rows.servers[1] = serverRow('two', { prefix: 'always' });
    await hub.bus.emit('server.updated', { id: 'id-two', name: 'two' });
    await opened({ one: fullServer('one'), two: fullServer('two') });
    const one = await hub.client('/api/mcp/ONE');
    expect((await one.client.listTools()).tools[0]?.name).toBe('echo');
    const two = await hub.client('/api/mcp/two');
    expect((await two.client.listTools()).tools[0]?.name).toBe('two__echo');
    expect(one.client.getServerVersion()?.name).toBe('mcphub/one');
    expect(one.client.getInstructions()).toBe('How to use one.');
  });

  it('capabilities are the union of what the caller sees [L-LIFE-06, L-TOOL-01, L-RES-01, L-PROMPT-01, L-COMP-01, L-LOG-01]', async () => {
    await opened({ one: toolServer({ a: () => 1 }), two: fullServer('two') });
    const all = await hub.client();
    expect(Object.keys(all.client.getServerCapabilities() ?? {}).sort()).toEqual(
      ['completions', 'logging', 'prompts', 'resources', 'tools'].sort(),
    );
    const one = await hub.client('/api/mcp/one');
    expect(one.client.getServerCapabilities()).toEqual({ tools: { listChanged: true } });
  });

  it('more than a thousand tools come in pages, and a cursor that was altered is refused [L-PAGE-01]', async () => {
    hub.rows.servers = ['one', 'two'].map((name) => serverRow(name));
    await hub.bus.emit('server.deleted', { id: 'id-spare', name: 'spare' });
    const many = (from: number) =>
      toolServer(Object.fromEntries(Array.from({ length: 700 }, (_, i) => [`t${from + i}`, () => i])));
    await opened({ one: many(0), two: many(1000) });
    const { client } = await hub.client();
    const first = await client.listTools();
    expect(first.tools).toHaveLength(1000);
    const second = await client.listTools({ cursor: first.nextCursor });
    expect(second.tools).toHaveLength(400);
    expect(second.nextCursor).toBeUndefined();
    await expect(client.listTools({ cursor: `${first.nextCursor?.slice(0, -2)}AA` })).rejects.toMatchObject({
      code: -32602,
    });
    await expect(client.listResources({ cursor: first.nextCursor })).rejects.toMatchObject({ code: -32602 });
  });

  it('one hanging and one dead server among ten delay nobody', async () => {
    hub.rows.servers = Array.from({ length: 10 }, (_, index) => serverRow(`s${index}`));
    await hub.bus.emit('server.created', { id: 'id-s0', name: 's0' });
    const hanging = memoryUpstream({ tools: {} }, () => new Promise(() => undefined));
    hub.supervisor.open('id-s0', hanging);
    await opened(
      Object.fromEntries(Array.from({ length: 8 }, (_, index) => [`s${index + 1}`, toolServer({ a: () => 1 })])),
    );
    const { client } = await hub.client();
    const startedAt = fairNow();
    expect((await client.listTools()).tools).toHaveLength(8);
    expect(fairNow() - startedAt).toBeLessThan(200);
  });

  it('a stopped server keeps its tools, also over a restart; a disabled one loses them', async () => {
    await opened({ one: fullServer('one') });
    hub.supervisor.close('id-one');
    const session = await hub.session();
    const next = await startGateway({ previous: hub });
    try {
      const list = async () => (await (await next.post(rpc('tools/list'), { session })).json()).result.tools;
      expect(await list()).toHaveLength(5);
      hub.rows.servers[0] = serverRow('one', { enabled: false });
      await next.bus.emit('server.updated', { id: 'id-one', name: 'one' });
      expect(await list()).toHaveLength(0);
    } finally {
      await next.close();
    }
  });

  it('a tool that an administrator switched off is neither listed nor called', async () => {
    await opened({ one: fullServer('one') });
    hub.rows.servers[0] = serverRow('one', { overlays: { echo: { enabled: false } } });
    await hub.bus.emit('server.updated', { id: 'id-one', name: 'one' });
    const { client } = await hub.client('/api/mcp/one');
    expect((await client.listTools()).tools.map(({ name }) => name)).not.toContain('echo');
    await expect(client.callTool({ name: 'echo' })).rejects.toMatchObject({ code: -32602 });
  });
});

describe('tools/call', () => {
  it('passes everything on untouched but the name, and answers with the bytes of the server [L-RPC-06]', async () => {
    await opened({ one: fullServer('one') });
    const session = await hub.session();
    const params = { name: 'one__echo', arguments: { a: 1 }, _meta: { 'x/y': 1 }, future: [1] };
    const response = await hub.post(rpc('tools/call', params, 'id-7'), { session });
    const { id, result } = await response.json();
    expect(id).toBe('id-7');
    expect(result.content[0].text).toBe(`one: ${JSON.stringify({ ...params, name: 'echo' })}`);
  });

  it('takes an original name that exactly one visible server has', async () => {
    await opened({ one: fullServer('one'), two: fullServer('two') });
    const { client } = await hub.client();
    const result = await client.callTool({ name: 'only-two' });
    expect(JSON.stringify(result)).toContain('two:');
    await expect(client.callTool({ name: 'echo' })).rejects.toMatchObject({ code: -32602 });
  });

  it('progress reaches the caller under its own token, before the answer [L-HTTP-07]', async () => {
    await opened({ one: fullServer('one') });
    const { client } = await hub.client();
    const seen: number[] = [];
    const result = await client.callTool({ name: 'one__steps' }, undefined, {
      onprogress: ({ progress }) => seen.push(progress),
    });
    expect(seen).toEqual([1, 2, 3]);
    expect(result.content).toEqual([{ type: 'text', text: 'done' }]);
  });

  it('without a token the answer is plain JSON [L-PROG-01]', async () => {
    await opened({ one: fullServer('one') });
    const session = await hub.session();
    const response = await hub.post(rpc('tools/call', { name: 'one__steps' }), { session });
    expect(response.headers.get('content-type')).toBe('application/json');
  });

  it('a cancelled call is cancelled at the server and gets no answer [L-CANCEL-01]', async () => {
    await opened({ one: fullServer('one') });
    const session = await hub.session();
    const call = hub.post(rpc('tools/call', { name: 'one__wait' }, 'w'), { session });
    await until(() => hub.gateway.stats().inflight === 1, 2000);
    const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'w' } };
    expect((await hub.post(cancel, { session })).status).toBe(202);
    expect(await (await call).text()).toBe('');
    expect(hub.gateway.stats().inflight).toBe(0);
    expect(hub.records.at(-1)).toMatchObject({ outcome: 'cancelled', tool: 'wait' });
  });

  it('a client cannot cancel a call of another session [L-CANCEL-04]', async () => {
    await opened({ one: fullServer('one') });
    const [mine, theirs] = await Promise.all([hub.session(), hub.session()]);
    const gone = new AbortController();
    const call = fetch(`${hub.url}/api/mcp`, {
      method: 'POST',
      signal: gone.signal,
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        authorization: 'Bearer key-a',
        'mcp-session-id': mine,
      },
      body: JSON.stringify(rpc('tools/call', { name: 'one__wait' }, 'w')),
    }).catch(() => null);
    await until(() => hub.gateway.stats().inflight === 1, 2000);
    await hub.post(
      { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'w' } },
      { session: theirs },
    );
    expect(hub.gateway.stats().inflight).toBe(1);
    gone.abort();
    await call;
  });

  it("concurrent callers never get each other's answer", async () => {
    hub.supervisor.open(
      'id-one',
      toolServer({ echo: (args) => new Promise((resolve) => setImmediate(() => resolve(args.marker))) }),
    );
    await until(() => hub.stored.has('id-one'), 5000);
    const sessions = await Promise.all(Array.from({ length: 5 }, () => hub.session()));
    await Promise.all(
      Array.from({ length: 300 }, async (_, index) => {
        const marker = `m${index}`;
        const body = rpc('tools/call', { name: 'one__echo', arguments: { marker } }, index % 3);
        const { id, result } = await (await hub.post(body, { session: sessions[index % 5] as string })).json();
        expect([id, result.content[0].text]).toEqual([index % 3, marker]);
      }),
    );
  });

  it('a server that is down, an error of the server and a full queue are told apart', async () => {
    await hub.close();
    hub = await startGateway({ servers: [serverRow('one')], limits: { inflightPerServer: 1, queuedPerServer: 0 } });
    await opened({ one: fullServer('one') });
    const session = await hub.session();
    const wait = hub.post(rpc('tools/call', { name: 'one__wait' }, 'w'), { session });
    await until(() => hub.gateway.stats().inflight === 1, 2000);
    const busy = await hub.post(rpc('tools/call', { name: 'one__echo' }), { session });
    expect([busy.status, (await busy.json()).error.code]).toEqual([429, 1003]);
    await hub.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'w' } }, { session });
    await wait;
    hub.supervisor.close('id-one');
    const down = await hub.post(rpc('tools/call', { name: 'one__echo' }), { session });
    expect([down.status, (await down.json()).error.code]).toEqual([200, 1001]);
    expect(hub.records.map(({ outcome }) => outcome)).toEqual(['busy', 'cancelled', 'unavailable']);
  });

  it('a server with limits of its own has as many places as they say, and the others have the usual ones', async () => {
    await hub.close();
    const limits = { concurrentCalls: 2, queuedCalls: 0 };
    hub = await startGateway({ servers: [serverRow('one', { limits }), serverRow('two')] });
    await opened({ one: fullServer('one'), two: fullServer('two') });
    const session = await hub.session();
    const ids = ['1', '2', '3', '4'];
    const waits = ids.map((id) => {
      const name = Number(id) <= 2 ? 'one__wait' : 'two__wait';
      return hub.post(rpc('tools/call', { name }, id), { session });
    });
    await until(() => hub.gateway.stats().inflight === 4, 2000);
    const busy = await hub.post(rpc('tools/call', { name: 'one__echo' }), { session });
    expect([busy.status, (await busy.json()).error.code]).toEqual([429, 1003]);
    expect((await hub.post(rpc('tools/call', { name: 'two__echo' }), { session })).status).toBe(200);
    for (const requestId of ids) {
      await hub.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } }, { session });
    }
    await Promise.all(waits);
    expect((await hub.post(rpc('tools/call', { name: 'one__echo' }), { session })).status).toBe(200);
  });

  it('every call leaves one record, also of a tool that nobody knows', async () => {
    await opened({ one: fullServer('one') });
    const { client } = await hub.client('/api/mcp/one');
    await client.callTool({ name: 'echo', arguments: { a: 1 } });
    await client.callTool({ name: 'nothing' }).catch(() => undefined);
    expect(hub.records).toHaveLength(2);
    expect(hub.records[0]).toMatchObject({
      keyId: 'a',
      actor: 'a',
      client: 'test',
      endpoint: '/api/mcp/one',
      serverId: 'id-one',
      server: 'one',
      tool: 'echo',
      outcome: 'ok',
      errorCode: null,
      arguments: { a: 1 },
    });
    expect(hub.records[1]).toMatchObject({ server: null, tool: null, outcome: 'denied', errorCode: -32602 });
  });

  it("the dashboard's call takes the same path", async () => {
    await opened({ one: fullServer('one') });
    const call = { actor: keyActor('x'), server: 'one', requestId: 'r-1', arguments: { a: 1 } };
    const answer = await hub.gateway.callTool({ ...call, tool: 'echo' });
    expect(answer).toMatchObject({ result: { content: [{ type: 'text' }] }, bytes: expect.any(Number) });
    const denied = await hub.gateway.callTool({ ...call, tool: 'echo', actor: keyActor('y', 'user') });
    expect(denied.error).toMatchObject({ code: -32602 });
    expect(hub.records.at(0)).toMatchObject({ requestId: 'r-1', client: 'dashboard', outcome: 'ok' });
  });
});

describe('resources and prompts', () => {
  it('two servers with the same URI: the older keeps it, the later is reached by its own', async () => {
    await opened({ one: fullServer('one'), two: fullServer('two') });
    const { client } = await hub.client();
    const { resources } = await client.listResources();
    expect(resources.map(({ uri }) => uri)).toEqual([
      'demo://same',
      'demo://one',
      'mcphub:two:demo://same',
      'demo://two',
    ]);
    const read = async (uri: string) => (await client.readResource({ uri })).contents[0];
    expect(await read('demo://same')).toEqual({ uri: 'demo://same', text: 'one read demo://same' });
    expect(await read('mcphub:two:demo://same')).toEqual({
      uri: 'mcphub:two:demo://same',
      text: 'two read demo://same',
    });
    expect(await read('two://item/5')).toMatchObject({ text: 'two read two://item/5' });
    const link = await client.callTool({ name: 'two__link' });
    expect(link).toMatchObject({
      content: [{ uri: 'mcphub:two:demo://same' }],
      structuredContent: { uri: 'demo://same' },
    });
    const own = await client.callTool({ name: 'one__link' });
    expect(own).toMatchObject({ content: [{ uri: 'demo://same' }] });
    await expect(client.readResource({ uri: 'nobody://here' })).rejects.toMatchObject({ code: -32602 });
  });

  it('templates, prompts and completion lead to their server', async () => {
    await opened({ one: fullServer('one'), two: fullServer('two') });
    const { client } = await hub.client();
    expect((await client.listResourceTemplates()).resourceTemplates).toHaveLength(2);
    expect((await client.listPrompts()).prompts.map(({ name }) => name)).toEqual(['one__greet', 'two__greet']);
    expect(await client.getPrompt({ name: 'two__greet' })).toMatchObject({
      messages: [{ content: { text: 'two greets' } }],
    });
    const argument = { name: 'who', value: 'x' };
    const byPrompt = await client.complete({ ref: { type: 'ref/prompt', name: 'two__greet' }, argument });
    expect(byPrompt.completion.values).toEqual(['two', '{"type":"ref/prompt","name":"greet"}']);
    const byUri = await client.complete({ ref: { type: 'ref/resource', uri: 'one://item/{id}' }, argument });
    expect(byUri.completion.values[0]).toBe('one');
  });

  it('an updated resource is told to its subscribers under the URI that they know [L-RES-05]', async () => {
    const subscribed: string[] = [];
    await opened({ one: fullServer('one'), two: fullServer('two', subscribed) });
    const { client } = await hub.client();
    const other = await hub.client();
    const seen: string[] = [];
    client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void seen.push(params.uri));
    other.client.setNotificationHandler(ResourceUpdatedNotificationSchema, () => void seen.push('wrong'));
    await client.subscribeResource({ uri: 'mcphub:two:demo://same' });
    expect(subscribed).toEqual(['demo://same']);
    hub.supervisor.notify('id-one', 'notifications/resources/updated', { uri: 'demo://same' });
    hub.supervisor.notify('id-two', 'notifications/resources/updated', { uri: 'demo://same' });
    await until(() => seen.length > 0, 3000);
    await client.unsubscribeResource({ uri: 'mcphub:two:demo://same' });
    hub.supervisor.notify('id-two', 'notifications/resources/updated', { uri: 'demo://same' });
    await client.ping();
    expect(seen).toEqual(['mcphub:two:demo://same']);
  });
});

describe('sessions and streams', () => {
  it('a changed list is told once, and only to those whose list changed [L-TOOL-02]', async () => {
    await opened({ one: fullServer('one'), two: fullServer('two') });
    const [one, two] = [await hub.client('/api/mcp/one'), await hub.client('/api/mcp/two')];
    const seen: string[] = [];
    one.client.setNotificationHandler(ToolListChangedNotificationSchema, () => void seen.push('one'));
    two.client.setNotificationHandler(ToolListChangedNotificationSchema, () => void seen.push('two'));
    await Promise.all([one.client.listTools(), two.client.listTools()]);
    hub.rows.servers[0] = serverRow('one', { overlays: { echo: { enabled: false } } });
    await hub.bus.emit('server.updated', { id: 'id-one', name: 'one' });
    hub.rows.servers[0] = serverRow('one', { overlays: { echo: { enabled: false }, link: { enabled: false } } });
    await hub.bus.emit('server.updated', { id: 'id-one', name: 'one' });
    await until(() => seen.length > 0, 5000);
    expect((await one.client.listTools()).tools).toHaveLength(3);
    expect(seen).toEqual(['one']);
  });

  it('a session goes on at another gateway with the same key ring', async () => {
    await opened({ one: fullServer('one') });
    const session = await hub.session();
    const next = await startGateway({ previous: hub });
    try {
      const response = await next.post(rpc('tools/list'), { session });
      expect((await response.json()).result.tools).toHaveLength(5);
    } finally {
      await next.close();
    }
  });

  it('a deleted session is gone for good, also at another gateway [L-HTTP-16]', async () => {
    const session = await hub.session();
    expect((await hub.post(null, { session, method: 'DELETE' })).status).toBe(204);
    const next = await startGateway({ previous: hub });
    try {
      for (const each of [hub, next]) {
        const response = await each.post(rpc('ping'), { session });
        expect([response.status, (await response.json()).error.code]).toEqual([404, -32001]);
      }
    } finally {
      await next.close();
    }
  });

  it('a session is bound to its credential and endpoint, and ends with age [L-SEC-01]', async () => {
    let now = Date.now();
    await hub.close();
    hub = await startGateway({ servers: [serverRow('one')], now: () => now });
    hub.keys.set('key-b', keyActor('b'));
    const session = await hub.session();
    const status = async (options: object) => (await hub.post(rpc('ping'), { session, ...options })).status;
    expect(await status({})).toBe(200);
    expect(await status({ key: 'key-b' })).toBe(404);
    expect(await status({ path: '/api/mcp/one' })).toBe(404);
    expect(await status({ session: `${session.slice(0, -4)}AAAA` })).toBe(404);
    now += 8 * 24 * 3600_000;
    expect(await status({})).toBe(404);
  });

  it('what runs for a revoked key is cancelled at its server, and the answer withheld', async () => {
    hub.keys.set('key-b', keyActor('b'));
    const cancelled: string[] = [];
    hub.supervisor.open(
      'id-one',
      memoryUpstream({ tools: {} }, (method, params, _options, signal) => {
        if (method === 'tools/list') return { tools: [{ name: 'wait', inputSchema: { type: 'object' } }] };
        const { who } = params.arguments as { who: string };
        signal.addEventListener('abort', () => void cancelled.push(who));
        return new Promise(() => undefined);
      }),
    );
    await until(() => hub.stored.get('id-one')?.tools[0]?.name === 'wait', 5000);
    const params = (who: string) => ({ name: 'wait', arguments: { who } });
    const session = async (key: string, who: string) => {
      const id = await hub.session('/api/mcp/one', key);
      return hub.post(rpc('tools/call', params(who)), { path: '/api/mcp/one', session: id, key });
    };
    const theirs = [
      session('key-b', 'session'),
      modernPost(hub, 'tools/call', params('modern'), { path: '/api/mcp/one', key: 'key-b' }),
    ];
    const mine = session('key-a', 'other');
    await until(() => hub.gateway.stats().inflight === 3, 5000);
    hub.keys.delete('key-b');
    await hub.bus.emit('key.revoked', { id: 'b', userId: 'user-b', secretHash: '' });
    for (const response of await Promise.all(theirs)) {
      expect((await lastMessage(response))?.error).toMatchObject({ code: 1009 });
    }
    expect(cancelled.sort()).toEqual(['modern', 'session']);
    expect(hub.gateway.stats().inflight).toBe(1);
    hub.supervisor.close('id-one');
    mine.catch(() => undefined);
  });

  it('a revoked key is refused at once and its stream ends [N-AUTH-06]', async () => {
    hub.keys.set('key-b', keyActor('b'));
    const session = await hub.session('/api/mcp', 'key-b');
    const stream = await hub.post(null, { session, key: 'key-b', method: 'GET' });
    expect(stream.headers.get('content-type')).toBe('text/event-stream');
    hub.keys.delete('key-b');
    await hub.bus.emit('key.revoked', { id: 'b', userId: 'user-b', secretHash: '' });
    expect(await stream.text()).toBe('');
    expect((await hub.post(rpc('ping'), { session, key: 'key-b' })).status).toBe(401);
  });

  it('a draining gateway ends its streams and begins nothing new, but finishes calls', async () => {
    await opened({ one: fullServer('one') });
    const session = await hub.session();
    const stream = await hub.post(null, { session, method: 'GET' });
    hub.gateway.drain();
    expect(await stream.text()).toBe('');
    const again = await hub.post(null, { session, method: 'GET' });
    expect([again.status, again.headers.get('retry-after')]).toEqual([503, '3']);
    expect((await hub.post(rpc('initialize', { protocolVersion: '2025-11-25' }))).status).toBe(503);
    expect((await hub.post(rpc('tools/call', { name: 'one__echo' }), { session })).status).toBe(200);
  });

  it('initialize settles on a revision that both know [L-LIFE-02, L-LIFE-03]', async () => {
    const asked = {
      '2025-03-26': '2025-03-26',
      '2025-06-18': '2025-06-18',
      '2024-11-05': '2024-11-05',
      '1999': '2025-11-25',
    };
    for (const [version, settled] of Object.entries(asked)) {
      const { result } = await (await hub.post({ ...rpc('initialize', { protocolVersion: version }) })).json();
      expect(result.protocolVersion).toBe(settled);
    }
  });

  it('arrays of messages work in sessions of 2025-03-26 alone [L-RPC-07]', async () => {
    await opened({ one: fullServer('one') });
    const body = [
      rpc('ping', undefined, 1),
      { jsonrpc: '2.0', method: 'notifications/initialized' },
      rpc('nope', {}, 2),
    ];
    const old = await hub.session('/api/mcp', 'key-a', '2025-03-26');
    const answers = await (await hub.post(body, { session: old })).json();
    expect(answers.map((answer: { id: number }) => answer.id).sort()).toEqual([1, 2]);
    expect((await hub.post([body[1]], { session: old })).status).toBe(202);
    const current = await hub.session();
    expect((await hub.post(body, { session: current })).status).toBe(400);
  });
});

describe('rights', () => {
  it('a user sees and calls what the own groups offer, and nothing else [L-TOOL-05, T-POLICY-01]', async () => {
    hub.rows.groups = [
      {
        id: 'g',
        name: 'Team',
        prefix: 'always',
        anonymous: false,
        ownerId: null,
        servers: [{ serverId: 'id-one', tools: ['echo'] }],
      },
      {
        id: 'h',
        name: 'Others',
        prefix: 'never',
        anonymous: false,
        ownerId: null,
        servers: [{ serverId: 'id-two', tools: null }],
      },
    ];
    hub.keys.set('key-u', keyActor('u', 'user', { groupIds: ['g'] }));
    await hub.bus.emit('group.created', { id: 'g', name: 'Team' });
    await opened({ one: fullServer('one'), two: fullServer('two') });
    for (const path of ['/api/mcp', '/api/mcp/team']) {
      const { client } = await hub.client(path, 'key-u');
      expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['one__echo']);
      await expect(client.callTool({ name: 'one__link' })).rejects.toMatchObject({ code: -32602 });
      await expect(client.callTool({ name: 'two__echo' })).rejects.toMatchObject({ code: -32602 });
    }
    const statuses = await Promise.all(
      ['/api/mcp/others', '/api/mcp/two', '/api/mcp/nothing'].map(async (path) => {
        const response = await hub.post(rpc('ping'), { path, key: 'key-u' });
        return [response.status, (await response.json()).error.message];
      }),
    );
    expect(new Set(statuses.map((each) => JSON.stringify(each))).size).toBe(1);
    expect(statuses[0]?.[0]).toBe(404);
  });

  it('a key for one tool opens that tool and no other thing of its server [L-TOOL-05, L-RES-04]', async () => {
    hub.keys.set('key-t', keyActor('t', 'admin', { keyScope: { tools: ['one/echo'] } }));
    await opened({ one: fullServer('one') });
    const { client } = await hub.client('/api/mcp/one', 'key-t');
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['echo']);
    expect((await client.listResources()).resources).toEqual([]);
    await expect(client.readResource({ uri: 'demo://one' })).rejects.toMatchObject({ code: -32602 });
  });
});
