// What an OAuth access token opens at MCP endpoints, and how a client without one is told where to get it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readEvents } from '../../support/event-reader';
import {
  initialize,
  keyActor,
  memoryUpstream,
  type PostOptions,
  rpc,
  serverRow,
  startGateway,
  type TestGateway,
  tokenActor,
} from '../../support/gateway';
import { modernPost } from '../../support/modern';
import { until } from '../../support/until';

let hub: TestGateway;
/** Ends a call of `wait`, in the order in which they came. */
const waiting: (() => void)[] = [];

const tools = [
  { name: 'look', inputSchema: { type: 'object' }, annotations: { readOnlyHint: true } },
  { name: 'change', inputSchema: { type: 'object' } },
  { name: 'wait', inputSchema: { type: 'object' } },
];

beforeAll(async () => {
  hub = await startGateway({ servers: [serverRow('one'), serverRow('two')] });
  for (const name of ['one', 'two']) {
    hub.supervisor.open(
      `id-${name}`,
      memoryUpstream({ tools: {}, resources: {} }, (method, params) => {
        if (method === 'tools/list') return { tools };
        if (method === 'resources/list') return { resources: [{ name: 'r', uri: `demo://${name}` }] };
        if (method === 'resources/read') return { contents: [{ uri: `demo://${name}`, text: 'read' }] };
        if (params.name !== 'wait') return { content: [{ type: 'text', text: 'done' }] };
        return new Promise((resolve) => {
          waiting.push(() => resolve({ content: [] }));
        });
      }),
    );
  }
  await until(() => hub.stored.size === 2, 5000);
  hub.keys.set('caller', tokenActor('g1'));
  hub.keys.set('refreshed', tokenActor('g1'));
  hub.keys.set('other', tokenActor('g2'));
  hub.keys.set('reader', tokenActor('g3', { scopes: ['mcp:read'] }));
  hub.keys.set('for-one', tokenActor('g4', { endpoints: ['one'] }));
  hub.keys.set('for-nothing', tokenActor('g5', { endpoints: [] }));
  hub.keys.set('scopeless', tokenActor('g6', { scopes: [] }));
});
afterAll(() => hub.close());

const base = 'http://hub.example:3000';
const metadata = (path: string) => `resource_metadata="${base}/.well-known/oauth-protected-resource${path}"`;
const challengeOf = (response: Response) => response.headers.get('www-authenticate');
const start = (options: PostOptions) => hub.post(initialize(), options);

describe('without a credential that is good', () => {
  it('401 tells where the metadata is and which scope to ask for, alike for what exists and what does not [N-AUTH-02]', async () => {
    for (const path of ['/api/mcp', '/api/mcp/one', '/api/mcp/nowhere', '/api/mcp/one/sse']) {
      const response = await start({ path, key: null });
      expect([response.status, challengeOf(response)]).toEqual([401, `Bearer ${metadata(path)}, scope="mcp:call"`]);
    }
  });

  it('a token that is not known is called invalid', async () => {
    const response = await start({ key: 'x'.repeat(43) });
    expect([response.status, challengeOf(response)]).toEqual([
      401,
      `Bearer error="invalid_token", ${metadata('/api/mcp')}, scope="mcp:call"`,
    ]);
  });

  it('nothing of a strange path comes back in the header', async () => {
    const response = await start({ path: '/api/mcp/%22,evil', key: null });
    expect(challengeOf(response)).toBe(`Bearer ${metadata('')}, scope="mcp:call"`);
  });

  it('a token in the query is none [N-AUTH-04]', async () => {
    const response = await start({ path: '/api/mcp?access_token=caller', key: null });
    expect([response.status, challengeOf(response)]).toEqual([401, `Bearer ${metadata('/api/mcp')}, scope="mcp:call"`]);
  });
});

describe('a token', () => {
  it('for one endpoint opens that one and no other, whether it exists or not [N-AUTH-03]', async () => {
    expect((await start({ path: '/api/mcp/One', key: 'for-one' })).status).toBe(200);
    for (const path of ['/api/mcp', '/api/mcp/two', '/api/mcp/nowhere', '/api/mcp/two/sse']) {
      const response = await start({ path, key: 'for-one' });
      expect([path, response.status, challengeOf(response)]).toEqual([
        path,
        401,
        expect.stringContaining('error="invalid_token"'),
      ]);
    }
    expect((await start({ path: '/api/mcp/one', key: 'for-nothing' })).status).toBe(401);
  });

  it('without any scope of the hub opens nothing', async () => {
    const response = await start({ key: 'scopeless' });
    expect([response.status, challengeOf(response)]).toEqual([
      403,
      `Bearer error="insufficient_scope", ${metadata('/api/mcp')}, scope="mcp:read"`,
    ]);
  });

  it('must come with each request, also within a session [N-AUTH-06]', async () => {
    const session = await hub.session('/api/mcp', 'caller');
    expect((await hub.post(rpc('tools/list'), { session, key: null })).status).toBe(401);
    expect((await hub.post(rpc('tools/list'), { session, key: 'caller' })).status).toBe(200);
  });

  it('that replaces another of its grant goes on with the session; one of another grant does not know it', async () => {
    const session = await hub.session('/api/mcp', 'caller');
    expect((await hub.post(rpc('tools/list'), { session, key: 'refreshed' })).status).toBe(200);
    expect((await hub.post(rpc('tools/list'), { session, key: 'other' })).status).toBe(404);
  });
});

describe('with mcp:read alone', () => {
  it('everything that the user may see is listed, and what only reads works', async () => {
    const { client } = await hub.client('/api/mcp', 'reader');
    expect((await client.listTools()).tools).toHaveLength(6);
    expect(await client.callTool({ name: 'one__look' })).toMatchObject({ content: [{ text: 'done' }] });
    expect(await client.readResource({ uri: 'demo://one' })).toMatchObject({ contents: [{ text: 'read' }] });
  });

  it.each([
    ['/api/mcp', 'one__change'],
    ['/api/mcp/one', 'change'],
  ])(
    'a call on %s that may change something is 403 with the scope to ask for, in both eras [N-AUTH-07]',
    async (path, name) => {
      const expected = `Bearer error="insufficient_scope", ${metadata(path)}, scope="mcp:call"`;
      const session = await hub.session(path, 'reader');
      const legacy = await hub.post(rpc('tools/call', { name }), { path, session, key: 'reader' });
      expect([legacy.status, challengeOf(legacy)]).toEqual([403, expected]);
      const modern = await modernPost(hub, 'tools/call', { name }, { path, key: 'reader' });
      expect([modern.status, challengeOf(modern)]).toEqual([403, expected]);
      expect(await modern.json()).toMatchObject({ error: { code: 1006 } });
    },
  );

  it('a batch with such a call is refused as a whole', async () => {
    const session = await hub.session('/api/mcp/one', 'reader', '2025-03-26');
    const batch = [rpc('tools/call', { name: 'look' }, 1), rpc('tools/call', { name: 'change' }, 2)];
    const response = await hub.post(batch, { path: '/api/mcp/one', session, key: 'reader' });
    expect(response.status).toBe(403);
  });
});

describe('a grant that is revoked', () => {
  it('ends the streams and calls of its tokens, and of no other', async () => {
    hub.keys.set('short', tokenActor('g7'));
    const session = await hub.session('/api/mcp/one', 'short');
    const stream = await hub.post(null, { path: '/api/mcp/one', session, key: 'short', method: 'GET' });
    const mine = hub.post(rpc('tools/call', { name: 'wait' }), { path: '/api/mcp/one', session, key: 'short' });
    await until(() => waiting.length === 1, 5000);
    const theirSession = await hub.session('/api/mcp/one', 'other');
    const theirs = hub.post(rpc('tools/call', { name: 'wait' }), {
      path: '/api/mcp/one',
      session: theirSession,
      key: 'other',
    });
    await until(() => waiting.length === 2, 5000);
    hub.keys.delete('short');
    await hub.bus.emit('grant.revoked', { grantId: 'g7' });
    expect(await (await mine).json()).toMatchObject({ error: { message: expect.stringContaining('taken back') } });
    await stream.text();
    expect((await hub.post(rpc('tools/list'), { path: '/api/mcp/one', session, key: 'short' })).status).toBe(401);
    waiting[1]?.();
    expect(await (await theirs).json()).toMatchObject({ result: { content: [] } });
  });
});

describe('a token that expires', () => {
  it('ends the streams that it opened, of every kind, and a session over HTTP+SSE goes on with the next one', async () => {
    let clock = Date.now();
    const gateway = await startGateway({ servers: [serverRow('one')], now: () => clock });
    try {
      const inMs = (ms: number) => ({ expiresAtMs: clock + ms });
      gateway.keys.set('short', tokenActor('g1', {}, inMs(60_000)));
      gateway.keys.set('next', tokenActor('g1', {}, inMs(600_000)));
      gateway.keys.set('long', tokenActor('g2', {}, inMs(600_000)));
      const path = '/api/mcp/one';
      const open = async (key: string) => {
        const session = await gateway.session(path, key);
        const old = readEvents(await gateway.post(null, { path: `${path}/sse`, key, method: 'GET' }));
        const { data } = await old.next();
        return {
          get: await gateway.post(null, { path, session, key, method: 'GET' }),
          listen: await modernPost(gateway, 'subscriptions/listen', { notifications: {} }, { path, key }),
          old,
          say: (as: string, body: unknown) => gateway.post(body, { path: data, key: as, headers: { accept: '*/*' } }),
        };
      };
      const [mine, renewed, theirs] = [await open('short'), await open('short'), await open('long')];
      await renewed.say('next', initialize());
      clock += 60_001;
      await Promise.all([mine.get.text(), renewed.get.text(), renewed.listen.text()]);
      expect(await mine.listen.text()).toContain('"reason":"The key or token of the caller has expired."');
      await expect(mine.old.next()).rejects.toThrow('the stream ended');
      expect((await renewed.old.message()).result.protocolVersion).toBe('2025-11-25');
      await renewed.say('next', rpc('ping', {}, 7));
      expect(await renewed.old.message()).toMatchObject({ id: 7, result: {} });
      await theirs.say('long', initialize());
      expect((await theirs.old.message()).result).toBeDefined();
      await Promise.all([theirs.get.body?.cancel(), theirs.listen.body?.cancel()]);
      for (const { old } of [renewed, theirs]) await old.cancel();
    } finally {
      await gateway.close();
    }
  });
});

it('a key whose end is moved takes its streams along', async () => {
  hub.keys.set('rotated', keyActor('rotated'));
  const path = '/api/mcp/one';
  const session = await hub.session(path, 'rotated');
  const stream = await hub.post(null, { path, session, key: 'rotated', method: 'GET' });
  hub.keys.set('rotated', keyActor('rotated', 'admin', { expiresAtMs: Date.now() + 500 }));
  await hub.bus.emit('key.updated', { id: 'rotated', userId: 'user-rotated', secretHash: '' });
  expect(await stream.text()).toBe('');
});

it('who may not any more loses streams and calls, as with a key', async () => {
  hub.keys.set('fired', tokenActor('g9'));
  const session = await hub.session('/api/mcp/one', 'fired');
  const at = { path: '/api/mcp/one', session, key: 'fired' };
  const stream = await hub.post(null, { ...at, method: 'GET' });
  const waits = waiting.length;
  const call = hub.post(rpc('tools/call', { name: 'wait' }), at);
  await until(() => waiting.length === waits + 1, 5000);
  hub.keys.set('fired', tokenActor('g9', {}, { permissions: [] }));
  await hub.bus.emit('access.changed', { userId: 'user-g9' });
  expect(await (await call).json()).toMatchObject({ error: { code: 1006 } });
  hub.keys.delete('fired');
  await hub.bus.emit('access.changed', { userId: 'user-g9' });
  await stream.text();
  expect((await hub.post(rpc('tools/list'), at)).status).toBe(401);
});

it('a call is recorded with its user and the client that acted', async () => {
  hub.keys.set('named', tokenActor('g8', {}, { name: 'ada/Claude' }));
  const { client } = await hub.client('/api/mcp/one', 'named');
  await client.callTool({ name: 'look' });
  expect(hub.records.at(-1)).toMatchObject({ actor: 'ada/Claude', userId: 'user-g8', keyId: null, outcome: 'ok' });
});
