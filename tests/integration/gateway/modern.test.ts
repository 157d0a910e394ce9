// Revision 2026-07-28 on the gateway's endpoints: raw requests for every answer that HTTP must give, the official client
// for everything that it can do.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CallOptions } from '../../../worker/upstream/types';
import { fairNow } from '../../support/fair-clock';
import {
  keyActor,
  memoryUpstream,
  RpcFailure,
  rpc,
  serverRow,
  startGateway,
  type TestGateway,
} from '../../support/gateway';
import { lastMessage, messagesOf, modernClient, modernPost, modernResult, modernVersion } from '../../support/modern';
import { until } from '../../support/until';

let hub: TestGateway;
const cancelled: string[] = [];
const seen: Record<string, unknown>[] = [];
const held: (() => void)[] = [];

const region = { type: 'string', 'x-mcp-header': 'Region' };
const limit = { type: 'integer', 'x-mcp-header': 'Limit' };
const inner = { type: 'object', properties: { dry: { type: 'boolean', 'x-mcp-header': 'Dry' } } };

function answers(method: string, params: Record<string, unknown>, { onProgress }: CallOptions, signal: AbortSignal) {
  switch (method) {
    case 'tools/list':
      return {
        tools: [
          ...['echo', 'mine', 'empty', 'typed', 'steps', 'wait', 'big', 'refuse', 'naïve tool'].map((name) => ({
            name,
            inputSchema: { type: 'object' },
          })),
          { name: 'query', inputSchema: { type: 'object', properties: { region, limit, inner } } },
          { name: 'odd', inputSchema: { type: 'object', properties: { a: region, b: region } } },
        ],
      };
    case 'resources/list':
      return { resources: [{ uri: 'demo://a', name: 'a' }] };
    case 'prompts/list':
      return { prompts: [{ name: 'greet' }] };
    case 'resources/read':
      if (params.uri === 'demo://gone') return new RpcFailure({ code: -32002, message: 'not found' });
      return {
        contents: [{ uri: params.uri, text: 'ttlMs' }],
        ...(params.uri === 'demo://hinted' && { resultType: 'complete', ttlMs: 7, cacheScope: 'public' }),
      };
    case 'prompts/get':
      return { messages: [{ role: 'user', content: { type: 'text', text: 'hello' } }] };
    case 'completion/complete':
      return { completion: { values: ['x'] } };
    case 'tools/call':
      seen.push(params);
      return callTool(params, onProgress, signal);
    default:
      return new RpcFailure({ code: -32601, message: method });
  }
}

async function callTool(
  { name, arguments: args }: Record<string, unknown>,
  onProgress: CallOptions['onProgress'],
  signal: AbortSignal,
): Promise<unknown> {
  switch (name) {
    case 'empty':
      return {};
    case 'typed':
      return { resultType: 'complete', content: [], note: '"resultType"' };
    case 'big':
      return { content: [{ type: 'text', text: 'é'.repeat(20_000) }] };
    case 'refuse':
      return new RpcFailure({ code: Number((args as { code: number }).code), message: 'no' });
    case 'steps':
      onProgress?.({ progress: 1, total: 2 });
      onProgress?.({ progress: 2, total: 2 });
      return { content: [{ type: 'text', text: 'done' }] };
    case 'mine': {
      const { tag } = args as { tag: number };
      // All are under way before the first goes on, the last one first.
      await new Promise<void>((resolve) => held.unshift(resolve));
      onProgress?.({ progress: 1, message: `step of ${tag}` });
      return { content: [{ type: 'text', text: `end of ${tag}` }] };
    }
    case 'wait':
      return new Promise((resolve) =>
        signal.addEventListener('abort', () => {
          cancelled.push(String((args as { tag: string }).tag));
          resolve({});
        }),
      );
    default:
      return { content: [{ type: 'text', text: JSON.stringify(args ?? null) }] };
  }
}

beforeEach(async () => {
  cancelled.length = 0;
  seen.length = 0;
  hub = await startGateway({ servers: [serverRow('demo'), serverRow('other')] });
  const capabilities = { tools: {}, resources: { subscribe: true }, prompts: {}, completions: {}, logging: {} };
  hub.supervisor.open('id-demo', memoryUpstream(capabilities, answers, 'How to use demo.'));
  await until(() => hub.gateway.toolCount('id-demo') > 0, 2000);
});

afterEach(() => hub.close());

const path = '/api/mcp/demo';
const prefix = 'io.modelcontextprotocol/';

describe('what a request must say', () => {
  const call = { name: 'echo', arguments: {} };
  const rows: [string, number, number, Parameters<typeof modernPost>[3], string?, Record<string, unknown>?][] = [
    ['no MCP-Protocol-Version', 400, -32020, { headers: { 'mcp-protocol-version': null } }],
    ['another MCP-Protocol-Version', 400, -32020, { headers: { 'mcp-protocol-version': '2025-11-25' } }],
    ['no Mcp-Method', 400, -32020, { headers: { 'mcp-method': null } }],
    ['another Mcp-Method', 400, -32020, { headers: { 'mcp-method': 'tools/list' } }],
    ['Mcp-Method in other letters', 400, -32020, { headers: { 'mcp-method': 'TOOLS/CALL' } }],
    ['no Mcp-Name', 400, -32020, { headers: { 'mcp-name': null } }],
    ['another Mcp-Name', 400, -32020, { headers: { 'mcp-name': 'echo2' } }],
    ['an illegal Mcp-Name', 400, -32020, { headers: { 'mcp-name': 'ech\xf6' } }],
    ['a broken encoding of Mcp-Name', 400, -32020, { headers: { 'mcp-name': '=?base64?ZWNobw?=' } }],
    ['another encoded Mcp-Name', 400, -32020, { headers: { 'mcp-name': '=?base64?ZWNoYQ==?=' } }],
    ['no version in the body', 400, -32602, { meta: { [`${prefix}protocolVersion`]: undefined } }],
    ['no capabilities', 400, -32602, { meta: { [`${prefix}clientCapabilities`]: undefined } }],
    ['capabilities that are a list', 400, -32602, { meta: { [`${prefix}clientCapabilities`]: [] } }],
    ['an unknown log level', 400, -32602, { meta: { [`${prefix}logLevel`]: 'loud' } }],
    [
      'an unknown version',
      400,
      -32022,
      { meta: { [`${prefix}protocolVersion`]: '1900-01-01' }, headers: { 'mcp-protocol-version': '1900-01-01' } },
    ],
    [
      'a version with sessions',
      400,
      -32022,
      { meta: { [`${prefix}protocolVersion`]: '2025-11-25' }, headers: { 'mcp-protocol-version': '2025-11-25' } },
    ],
    ['an unknown method', 404, -32601, {}, 'no/such'],
    ...['ping', 'logging/setLevel', 'resources/subscribe', 'resources/unsubscribe', 'initialize', 'tasks/list'].map(
      (method): [string, number, number, object, string] => [`the method ${method}`, 404, -32601, {}, method],
    ),
    ['an unknown tool', 200, -32602, {}, 'tools/call', { name: 'nope' }],
    ['a tool without a name', 200, -32602, {}, 'tools/call', {}],
    ['a cursor that is none', 200, -32602, {}, 'tools/list', { cursor: 'x' }],
    ['an unknown prompt', 200, -32602, {}, 'prompts/get', { name: 'nope' }],
    ['a resource that is gone', 200, -32602, {}, 'resources/read', { uri: 'demo://gone' }],
    ['no key', 401, 1009, { key: null }],
    ['another endpoint', 404, -32602, { path: '/api/mcp/nope' }],
  ];

  it.each(rows)(
    '%s → %i, %i [N-RPC-03, N-META-01, N-HTTP-09, N-HTTP-10, N-HTTP-11, N-HTTP-12, N-HTTP-14, N-LOG-03, N-PAGE-01]',
    async (_what, status, code, options, method = 'tools/call', params = call) => {
      const response = await modernPost(hub, method, params, { path, id: 'seven', ...options });
      const { id, error } = (await response.json()) as { id: unknown; error: { code: number; data?: unknown } };
      expect([response.status, error.code]).toEqual([status, code]);
      expect(id).toBe(code === 1009 || options?.path ? null : 'seven');
    },
  );

  it('an unknown version is answered with those that are served, and what was asked [N-VER-01]', async () => {
    const headers = { 'mcp-protocol-version': '2030-01-01' };
    const meta = { [`${prefix}protocolVersion`]: '2030-01-01' };
    const response = await modernPost(hub, 'server/discover', {}, { headers, meta });
    const { error } = (await response.json()) as { error: { data: unknown } };
    expect(error.data).toMatchObject({ supported: [modernVersion], requested: '2030-01-01' });
  });

  it('an unknown version in the header alone is of this era, whatever session it names', async () => {
    const session = await hub.session();
    const response = await hub.post(rpc('ping'), { session, headers: { 'mcp-protocol-version': '2030-01-01' } });
    expect([response.status, ((await response.json()) as { error: { code: number } }).error.code]).toEqual([
      400, -32022,
    ]);
  });

  it('a session id and Last-Event-ID mean nothing [N-HTTP-17, N-RPC-09]', async () => {
    const headers = { 'mcp-session-id': 'nonsense', 'last-event-id': '3' };
    const response = await modernPost(hub, 'tools/list', {}, { path, headers });
    expect([response.status, response.headers.get('mcp-session-id')]).toEqual([200, null]);
  });

  it('a name that no header can hold is compared in its encoding [N-HTTP-13]', async () => {
    const name = 'naïve tool';
    const encoded = `=?base64?${Buffer.from(name).toString('base64')}?=`;
    const response = await modernPost(hub, 'tools/call', { name }, { path, headers: { 'mcp-name': encoded } });
    expect(await lastMessage(response)).toMatchObject({ result: { resultType: 'complete' } });
  });

  it('an array is refused, whatever it holds [N-HTTP-22]', async () => {
    const headers = { 'mcp-protocol-version': modernVersion, 'mcp-method': 'tools/list' };
    const response = await hub.post([rpc('tools/list')], { headers });
    const { error } = (await response.json()) as { error: { code: number } };
    expect([response.status, error.code]).toEqual([400, -32600]);
  });

  it('a notification is taken with 202, an answer is refused [N-HTTP-02, N-HTTP-05]', async () => {
    const headers = { 'mcp-protocol-version': modernVersion };
    const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } };
    const taken = await hub.post(cancel, { headers });
    expect([taken.status, await taken.text()]).toEqual([202, '']);
    const answer = await hub.post({ jsonrpc: '2.0', id: 1, result: {} }, { headers });
    expect([answer.status, ((await answer.json()) as { error: { code: number } }).error.code]).toEqual([400, -32600]);
  });

  it.each(['GET', 'DELETE'])('%s without a session is 405 [N-HTTP-16]', async (method) => {
    const response = await hub.post(undefined, { method });
    expect([response.status, response.headers.get('allow')]).toEqual([405, expect.stringContaining('POST')]);
  });
});

describe('Mcp-Param headers', () => {
  const rows: [string, Record<string, unknown>, Record<string, string>, number][] = [
    [
      'all as in the body',
      { region: 'eu', limit: 5, inner: { dry: true } },
      { Region: 'eu', Limit: '5', Dry: 'true' },
      200,
    ],
    ['a number in other digits', { limit: 42 }, { Limit: '42.0' }, 200],
    [
      'an encoded value',
      { region: 'Zürich' },
      { Region: `=?base64?${Buffer.from('Zürich').toString('base64')}?=` },
      200,
    ],
    ['a value of null', { region: null }, {}, 200],
    ['headers that no parameter has', {}, { Foreign: 'x' }, 200],
    ['no header', { region: 'eu' }, {}, 400],
    ['another value', { region: 'eu' }, { Region: 'us' }, 400],
    ['a header without a value', {}, { Region: 'us' }, 400],
    ['an illegal header', { region: 'ö' }, { Region: 'ö' }, 400],
    ['another number', { limit: 42 }, { Limit: '43' }, 400],
    ['another truth', { inner: { dry: false } }, { Dry: 'true' }, 400],
  ];

  it.each(rows)(
    '%s: %j [N-PARAM-01, N-PARAM-02, N-PARAM-03, N-PARAM-04, N-PARAM-05]',
    async (_what, args, params, status) => {
      const headers = Object.fromEntries(Object.entries(params).map(([name, value]) => [`mcp-param-${name}`, value]));
      const response = await modernPost(hub, 'tools/call', { name: 'query', arguments: args }, { path, headers });
      const answer = (await response.json()) as { error?: { code: number } };
      expect([response.status, answer.error?.code]).toEqual([status, status === 200 ? undefined : -32020]);
    },
  );

  it('annotations that break the rules ask for nothing', async () => {
    const response = await modernPost(hub, 'tools/call', { name: 'odd', arguments: { a: 'x' } }, { path });
    expect(response.status).toBe(200);
  });
});

describe('answers', () => {
  it('server/discover: only versions of this era, capabilities, instructions, how long it holds, who answers [N-VER-02, N-DISC-01, N-DISC-02, N-META-05, N-TOOL-01, N-RES-04, N-PROMPT-01]', async () => {
    expect(await modernResult(hub, 'server/discover', {}, { path })).toMatchObject({
      resultType: 'complete',
      supportedVersions: [modernVersion],
      capabilities: { tools: { listChanged: true }, resources: { subscribe: true }, prompts: {}, completions: {} },
      instructions: 'How to use demo.',
      ttlMs: expect.any(Number),
      cacheScope: 'private',
      _meta: { [`${prefix}serverInfo`]: { name: 'mcphub/demo', version: '0.0.0' } },
    });
  });

  it.each(['tools/list', 'resources/list', 'resources/templates/list', 'prompts/list'])(
    '%s is complete [N-RPC-04, N-CACHE-01, N-CACHE-03]',
    async (method) => {
      const result = await modernResult(hub, method, {}, { path });
      expect(result).toMatchObject({ resultType: 'complete', cacheScope: 'private' });
      expect(result.ttlMs).toBeLessThanOrEqual(30_000);
      expect(result._meta).toHaveProperty([`${prefix}serverInfo`, 'name'], 'mcphub/demo');
    },
  );

  it('the bytes of a server stay as they are behind "resultType"', async () => {
    const text = await (
      await modernPost(hub, 'tools/call', { name: 'echo', arguments: { b: 1, a: 2 } }, { path })
    ).text();
    const own = JSON.stringify({ content: [{ type: 'text', text: '{"b":1,"a":2}' }] });
    expect(text).toBe(`{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete",${own.slice(1)}}`);
  });

  it.each([
    ['empty', { resultType: 'complete' }],
    ['typed', { resultType: 'complete', content: [], note: '"resultType"' }],
    ['big', { resultType: 'complete', content: [{ type: 'text', text: 'é'.repeat(20_000) }] }],
  ])('the result of "%s" is complete once', async (name, expected) => {
    const text = await (await modernPost(hub, 'tools/call', { name }, { path })).text();
    expect(JSON.parse(text).result).toEqual(expected);
    expect(text.match(/"resultType":"complete"/g)).toHaveLength(1);
  });

  it.each([
    ['demo://a', 0],
    ['demo://hinted', 7],
  ])('resources/read of %s may be kept for %i ms, by one caller [N-CACHE-01]', async (uri, ttlMs) => {
    const result = await modernResult(hub, 'resources/read', { uri }, { path });
    expect(result).toEqual({
      resultType: 'complete',
      ttlMs,
      cacheScope: 'private',
      contents: [{ uri, text: 'ttlMs' }],
    });
  });

  it.each([
    [-32021, 400, -32021],
    [-32020, 200, 1004],
    [-32022, 200, 1004],
    [-32050, 200, 1004],
    [-32002, 200, -32602],
    [-32601, 200, -32601],
    [77, 200, 77],
  ])("a server's error %i becomes %i, %i [N-RPC-06, N-RPC-08, N-META-04, N-RES-02]", async (code, status, expected) => {
    const response = await modernPost(hub, 'tools/call', { name: 'refuse', arguments: { code } }, { path });
    const { error } = (await response.json()) as { error: { code: number } };
    expect([response.status, error.code]).toEqual([status, expected]);
  });

  it('a server sees neither the envelope nor the progress token of the client', async () => {
    const meta = {
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01',
      [`${prefix}logLevel`]: 'info',
    };
    await modernResult(hub, 'tools/call', { name: 'echo' }, { path, meta });
    await modernResult(hub, 'tools/call', { name: 'echo' }, { path });
    expect(seen.map(({ _meta }) => _meta)).toEqual([{ traceparent: meta.traceparent }, undefined]);
  });

  it('progress arrives on the stream of its request, before the answer [N-HTTP-03, N-HTTP-04, N-HTTP-06, N-HTTP-07]', async () => {
    const response = await modernPost(hub, 'tools/call', { name: 'steps' }, { path, meta: { progressToken: 'p' } });
    expect(response.headers.get('x-accel-buffering')).toBe('no');
    const [one, two, last] = await messagesOf(response);
    expect([one, two]).toMatchObject([
      { method: 'notifications/progress', params: { progress: 1, progressToken: 'p' } },
      { method: 'notifications/progress', params: { progress: 2, progressToken: 'p' } },
    ]);
    expect(last).toMatchObject({ id: 1, result: { resultType: 'complete' } });
  });

  it('one record per call, with the name of the client', async () => {
    await modernResult(hub, 'tools/call', { name: 'echo' }, { path });
    expect(hub.records).toMatchObject([{ tool: 'echo', client: 'raw', outcome: 'ok', endpoint: path }]);
  });
});

describe('callers at once', () => {
  it('progress and answers of two with the same ids and tokens never cross [T-CROSS-01]', async () => {
    hub.keys.set('key-b', keyActor('b'));
    const rounds = Array.from({ length: 40 }, async (_, round) => {
      const key = round % 2 === 0 ? 'key-a' : 'key-b';
      const args = { name: 'mine', arguments: { tag: round } };
      const response = await modernPost(hub, 'tools/call', args, { path, key, meta: { progressToken: 1 } });
      const [step, last] = await messagesOf(response);
      expect(step).toMatchObject({ params: { progressToken: 1, message: `step of ${round}` } });
      expect(last).toMatchObject({ id: 1, result: { content: [{ text: `end of ${round}` }] } });
    });
    await until(() => held.length === rounds.length, 5000);
    for (const goOn of held.splice(0)) goOn();
    await Promise.all(rounds);
  });
});

describe('a client that goes', () => {
  it('cancels its call and no other, within 300 ms', async () => {
    const gone = new AbortController();
    const stays = modernPost(hub, 'tools/call', { name: 'wait', arguments: { tag: 'stays' } }, { path });
    const lost = modernPost(
      hub,
      'tools/call',
      { name: 'wait', arguments: { tag: 'lost' } },
      { path, signal: gone.signal },
    );
    stays.catch(() => undefined);
    lost.catch(() => undefined);
    await until(() => seen.length === 2, 2000);
    const startedAtMs = fairNow();
    gone.abort();
    await until(() => cancelled.length > 0, 2000);
    expect(fairNow() - startedAtMs).toBeLessThan(300);
    expect(cancelled).toEqual(['lost']);
    expect(hub.records).toMatchObject([{ tool: 'wait', outcome: 'cancelled' }]);
  });
});

describe('the official client', () => {
  it('connects, lists, calls, reads, gets and completes', async () => {
    const client = await modernClient(hub, { path });
    try {
      expect(client.getServerVersion()).toMatchObject({ name: 'mcphub/demo' });
      expect((await client.listTools()).tools.map(({ name }) => name)).toContain('query');
      expect(await client.callTool({ name: 'echo', arguments: { x: 1 } })).toMatchObject({
        content: [{ text: '{"x":1}' }],
      });
      const args = { region: 'Zürich', limit: 3, inner: { dry: false } };
      expect((await client.callTool({ name: 'query', arguments: args })).isError).toBeFalsy();
      expect(await client.readResource({ uri: 'demo://a' })).toMatchObject({ contents: [{ uri: 'demo://a' }] });
      expect((await client.getPrompt({ name: 'greet' })).messages).toHaveLength(1);
      const progress: number[] = [];
      await client.callTool({ name: 'steps' }, { onprogress: (step) => void progress.push(step.progress) });
      expect(progress).toEqual([1, 2]);
    } finally {
      await client.close();
    }
  });

  it("concurrent callers never get each other's answer", async () => {
    const clients = await Promise.all([1, 2, 3, 4].map(() => modernClient(hub, { path })));
    const texts = await Promise.all(
      Array.from({ length: 200 }, async (_, tag) => {
        const { content } = await (clients[tag % 4] as (typeof clients)[0]).callTool({
          name: 'echo',
          arguments: { tag },
        });
        return (content as { text: string }[])[0]?.text;
      }),
    );
    expect(texts).toEqual(texts.map((_, tag) => JSON.stringify({ tag })));
    await Promise.all(clients.map((client) => client.close()));
  });
});
