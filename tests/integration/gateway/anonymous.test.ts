// Endpoints that an administrator opened to callers without a credential: what they reach, what they do not, and what
// happens when it is shut again.
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  initialize,
  keyActor,
  memoryUpstream,
  rpc,
  serverRow,
  startGateway,
  type TestGateway,
} from '../../support/gateway';
import { lastMessage, modernPost, modernResult } from '../../support/modern';
import { until } from '../../support/until';

type Answer = { result?: Record<string, unknown>; error?: { code: number; data?: { reason?: string } } };

let hub: TestGateway;
let cancelled: string[];

function server(tag: string) {
  return memoryUpstream({ tools: {}, resources: {}, prompts: {} }, (method, params, _options, signal) => {
    switch (method) {
      case 'tools/list':
        return { tools: ['echo', 'wait'].map((name) => ({ name, inputSchema: { type: 'object' } })) };
      case 'resources/list':
        return { resources: [{ uri: `demo://${tag}`, name: tag }] };
      case 'prompts/list':
        return { prompts: [{ name: 'greet' }] };
      case 'resources/read':
        return { contents: [{ uri: params.uri, text: tag }] };
      case 'tools/call':
        if (params.name !== 'wait') return { content: [{ type: 'text', text: tag }] };
        return new Promise((resolve) =>
          signal.addEventListener('abort', () => {
            cancelled.push(tag);
            resolve({ content: [] });
          }),
        );
      default:
        return {};
    }
  });
}

const group = (name: string, anonymous: boolean, offers: Record<string, string[] | null>) => ({
  id: name,
  name,
  prefix: 'always' as const,
  anonymous,
  ownerId: null,
  servers: Object.entries(offers).map(([of, tools]) => ({ serverId: `id-${of}`, tools })),
});

async function start(limits: Parameters<typeof startGateway>[0] = {}) {
  hub = await startGateway({
    servers: [serverRow('public', { anonymous: true }), serverRow('inner'), serverRow('other')],
    groups: [
      group('lobby', true, { inner: ['echo'], other: null }),
      group('office', false, { public: null, inner: null }),
    ],
    ...limits,
  });
  for (const { id, name } of hub.rows.servers) hub.supervisor.open(id, server(name));
  await until(() => hub.stored.size === 3, 5_000);
  hub.keys.set('member', keyActor('member', 'user', { groupIds: ['office'] }));
}

beforeEach(async () => {
  cancelled = [];
  await start();
});
afterEach(() => hub.close());

const nobody = { key: null };

async function ask(path: string, method: string, params?: object): Promise<Answer> {
  const opened = await hub.post(initialize(), { path, key: null });
  const session = opened.headers.get('mcp-session-id') ?? '';
  await opened.arrayBuffer();
  return (await lastMessage(await hub.post(rpc(method, params), { path, key: null, session }))) as Answer;
}

async function names(path: string, kind: 'tools' | 'resources' | 'prompts'): Promise<unknown[]> {
  const { result } = await ask(path, `${kind}/list`);
  const modern = await modernResult(hub, `${kind}/list`, {}, { path, key: null });
  expect(modern[kind]).toEqual(result?.[kind]);
  return ((result?.[kind] ?? []) as { name: string }[]).map(({ name }) => name);
}

async function change(edit: () => void): Promise<void> {
  edit();
  await hub.bus.emit('group.updated', { id: 'lobby', name: 'lobby' });
}

it('an open server offers all it has to callers without a credential, in both eras', async () => {
  const path = '/api/mcp/public';
  expect(await names(path, 'tools')).toEqual(['echo', 'wait']);
  expect(await names(path, 'resources')).toEqual(['public']);
  expect(await names(path, 'prompts')).toEqual(['greet']);
  const call = { name: 'echo', arguments: {} };
  expect((await ask(path, 'tools/call', call)).result).toMatchObject({ content: [{ text: 'public' }] });
  expect(await modernResult(hub, 'tools/call', call, { path, ...nobody })).toMatchObject({
    content: [{ text: 'public' }],
  });
  expect(hub.records).toHaveLength(2);
  expect(hub.records[0]).toMatchObject({ actor: 'anonymous', userId: null, keyId: null, outcome: 'ok' });
});

it('an open group offers what it names and nothing else of its servers', async () => {
  const path = '/api/mcp/lobby';
  expect(await names(path, 'tools')).toEqual(['inner__echo', 'other__echo', 'other__wait']);
  // Of "inner" one tool is offered, which opens no resources.
  expect(await names(path, 'resources')).toEqual(['other']);
  for (const name of ['inner__wait', 'public__echo', 'greet']) {
    const { result, error } = await ask(path, 'tools/call', { name });
    expect([name, result?.content ?? error?.code]).toEqual([name, -32602]);
  }
  expect((await ask(path, 'resources/read', { uri: 'demo://inner' })).result).not.toMatchObject({
    contents: [{ text: 'inner' }],
  });
});

it('the smart form of an open URL finds and runs what is open, and that of a shut one is shut', async () => {
  const path = '/api/mcp/$smart/lobby';
  const call = async (name: string, args: object) =>
    JSON.stringify((await ask(path, 'tools/call', { name, arguments: args })).result ?? {});
  const found = await call('search_tools', { query: 'echo' });
  expect(found).toContain('inner__echo');
  expect(found).not.toMatch(/inner__wait|public__/);
  for (const shut of ['/api/mcp/$smart', '/api/mcp/$smart/inner', '/api/mcp/$smart/office']) {
    expect([shut, (await hub.post(initialize(), { path: shut, ...nobody })).status]).toEqual([shut, 401]);
  }
});

it('everything else stays shut: the hub as a whole, other servers and groups, and what does not exist', async () => {
  // The own URL of a server that only an open group offers is not open.
  for (const path of [
    '/api/mcp',
    '/api/mcp/inner',
    '/api/mcp/other',
    '/api/mcp/office',
    '/api/mcp/absent',
    '/api/mcp/sse',
  ]) {
    const answers = [
      await hub.post(initialize(), { path, ...nobody }),
      await modernPost(hub, 'tools/list', {}, { path, ...nobody }),
    ];
    for (const answer of answers) {
      expect([path, answer.status]).toEqual([path, 401]);
      expect(answer.headers.get('www-authenticate')).toContain('Bearer');
    }
  }
});

it('a wrong credential stays wrong where none is needed', async () => {
  const path = '/api/mcp/public';
  for (const authorization of ['Bearer wrong', 'Bearer ', 'Basic YTpi', `Bearer ${'x'.repeat(5000)}`]) {
    const answer = await hub.post(initialize(), { path, key: null, headers: { authorization } });
    expect([authorization.slice(0, 20), answer.status]).toEqual([authorization.slice(0, 20), 401]);
  }
  // A good one has the rights of its owner, no less and no more.
  expect((await hub.post(initialize(), { path, key: 'member' })).status).toBe(200);
  expect((await hub.post(initialize(), { path: '/api/mcp/lobby', key: 'member' })).status).toBe(404);
});

it('a session without a credential is of no use with one, and the reverse', async () => {
  const path = '/api/mcp/public';
  const opened = await hub.post(initialize(), { path, ...nobody });
  const stranger = opened.headers.get('mcp-session-id') ?? '';
  const member = await hub.session(path, 'member');
  const status = async (key: string | null, session: string) =>
    (await hub.post(rpc('tools/list'), { path, key, session })).status;
  expect(await status(null, stranger)).toBe(200);
  expect(await status('member', stranger)).toBe(404);
  expect(await status(null, member)).toBe(404);
  // Nor at another open endpoint.
  expect((await hub.post(rpc('tools/list'), { path: '/api/mcp/lobby', key: null, session: stranger })).status).toBe(
    404,
  );
});

it('what is shut again ends at once: calls, streams of both eras and sessions', async () => {
  const path = '/api/mcp/lobby';
  const opened = await hub.post(initialize(), { path, ...nobody });
  const session = opened.headers.get('mcp-session-id') ?? '';
  const running = hub.post(rpc('tools/call', { name: 'other__wait' }), { path, key: null, session });
  const stream = await hub.post(undefined, { path, key: null, session, method: 'GET' });
  const listening = await modernPost(
    hub,
    'subscriptions/listen',
    { notifications: { toolsListChanged: true } },
    { path, ...nobody },
  );
  const ended = Promise.all([stream.text(), listening.text()]);
  await until(() => hub.gateway.stats().inflight === 1, 5_000);
  await change(() => {
    hub.rows.groups[0] = group('lobby', false, { inner: ['echo'], other: null });
  });
  expect((await lastMessage(await running)) as Answer).toMatchObject({ error: { code: 1006 } });
  expect((await ended)[1]).toContain('notifications/cancelled');
  expect(cancelled).toEqual(['other']);
  expect((await hub.post(rpc('tools/list'), { path, key: null, session })).status).toBe(401);
});

it('one address asks only so often, and only so much at once; callers with a key are not concerned', async () => {
  await hub.close();
  await start({ limits: { strangersPerMinute: 8, strangersAtOnce: 3 } });
  const path = '/api/mcp/public';
  const opened = await hub.post(initialize(), { path, ...nobody });
  const session = opened.headers.get('mcp-session-id') ?? '';
  await opened.arrayBuffer();
  const streams = await Promise.all(
    [1, 2, 3].map(() => hub.post(undefined, { path, key: null, session, method: 'GET' })),
  );
  const statuses = streams.map(({ status }) => status);
  expect(statuses).toEqual([200, 200, 200]);
  const crowded = await hub.post(rpc('tools/list'), { path, key: null, session });
  expect(crowded.status).toBe(429);
  expect((await lastMessage(crowded)) as Answer).toMatchObject({
    error: { code: 1008, data: { reason: 'concurrency' } },
  });
  for (const { body } of streams) await body?.cancel();
  // Four of eight may come at once, and they have.
  let often: Response | undefined;
  await until(async () => {
    often = await hub.post(rpc('tools/list'), { path, key: null, session });
    const { error } = (await lastMessage(often.clone())) as Answer;
    return error?.data?.reason === 'rate';
  }, 5_000);
  expect(often?.status).toBe(429);
  expect(Number(often?.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await hub.post(initialize(), { path, key: 'member' })).status).toBe(200);
});
