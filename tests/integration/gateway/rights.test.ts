// What a member of a group sees and calls, and what happens to those who are connected when rights change: everything
// within a second, in sessions that go on.
import { request } from 'node:http';
import {
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Permission } from '../../../lib/access/schema';
import { HubError } from '../../../lib/errors';
import type { ToolOverlay } from '../../../lib/servers/curation/schema';
import { quoteOfStderr } from '../../../lib/servers/program-output';
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
import { lastMessage, modernPost } from '../../support/modern';
import { until } from '../../support/until';

const page = 'ui://app/page';
let hub: TestGateway;
let cancelled: string[];
/** Tools that came later. */
let extra: string[] = [];
/** What every call and read fails with; null: they do not. */
let failure: HubError | null = null;

function server(tag: string) {
  return memoryUpstream(
    { tools: {}, resources: { subscribe: true }, prompts: {}, completions: {} },
    (method, params, _options, signal) => {
      if (failure && (method === 'tools/call' || method === 'resources/read')) throw failure;
      switch (method) {
        case 'tools/list':
          return {
            tools: ['echo', 'wait', 'app', ...extra].map((name) => ({
              name,
              inputSchema: { type: 'object' },
              ...(name === 'app' && { _meta: { ui: { resourceUri: page } } }),
            })),
          };
        case 'resources/list':
          return { resources: [`demo://${tag}`, page].map((uri) => ({ uri, name: uri })) };
        case 'resources/templates/list':
          return { resourceTemplates: [{ uriTemplate: `${tag}://{id}`, name: 'item' }] };
        case 'prompts/list':
          return { prompts: [{ name: 'greet' }] };
        case 'resources/read':
          return { contents: [{ uri: params.uri, text: tag }] };
        case 'prompts/get':
          return { messages: [] };
        case 'completion/complete':
          return { completion: { values: [tag] } };
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
    },
  );
}

type Tools = string[] | null | { except: string[] };
const group = (id: string, offers: Record<string, Tools>) => ({
  id,
  name: id,
  prefix: 'always' as const,
  anonymous: false,
  ownerId: null,
  servers: Object.entries(offers).map(([name, tools]) => ({
    serverId: `id-${name}`,
    ...(tools === null || Array.isArray(tools) ? { tools } : { tools: [], exceptTools: tools.except }),
  })),
});
const member = (id: string, ...groupIds: string[]) => keyActor(id, 'user', { groupIds });

async function start(offers: Record<string, Tools>): Promise<void> {
  hub = await startGateway({ servers: [serverRow('one'), serverRow('two')], groups: [group('team', offers)] });
  for (const name of ['one', 'two']) hub.supervisor.open(`id-${name}`, server(name));
  await until(() => hub.stored.size === 2, 5000);
  hub.keys.set('key-u', member('u', 'team'));
}

beforeEach(() => {
  cancelled = [];
  extra = [];
  failure = null;
});
afterEach(() => hub.close());

const asUser = (path: string) => hub.client(path, 'key-u');

/** Each list of an endpoint, and what it says to a use of everything. */
async function reach(path: string, prefix: string) {
  const { client } = await asUser(path);
  const uses: Record<string, Promise<unknown>> = {
    echo: client.callTool({ name: `${prefix}echo` }),
    app: client.callTool({ name: `${prefix}app` }),
    page: client.readResource({ uri: page }),
    resource: client.readResource({ uri: 'demo://one' }),
    template: client.readResource({ uri: 'one://7' }),
    unlisted: client.readResource({ uri: 'other://x' }),
    subscription: client.subscribeResource({ uri: 'demo://one' }),
    prompt: client.getPrompt({ name: `${prefix}greet` }),
    completion: client.complete({
      ref: { type: 'ref/prompt', name: `${prefix}greet` },
      argument: { name: 'a', value: '' },
    }),
    other: client.callTool({ name: 'two__echo' }),
  };
  const outcomes = await Promise.allSettled(Object.values(uses));
  return {
    tools: (await client.listTools()).tools.map(({ name }) => name),
    resources: (await client.listResources()).resources.map(({ uri }) => uri),
    templates: (await client.listResourceTemplates()).resourceTemplates.map(({ uriTemplate }) => uriTemplate),
    prompts: (await client.listPrompts()).prompts.map(({ name }) => name),
    works: Object.keys(uses).filter((_name, index) => outcomes[index]?.status === 'fulfilled'),
  };
}

describe.each([
  ['/api/mcp', 'one__'],
  ['/api/mcp/team', 'one__'],
  ['/api/mcp/one', ''],
])('on %s a member', (path, prefix) => {
  it('of a group that offers a server has its tools, resources, templates, prompts and completions', async () => {
    await start({ one: null });
    expect(await reach(path, prefix)).toEqual({
      tools: ['echo', 'wait', 'app'].map((name) => prefix + name),
      resources: ['demo://one', page],
      templates: ['one://{id}'],
      prompts: [`${prefix}greet`],
      works: ['echo', 'app', 'page', 'resource', 'template', 'unlisted', 'subscription', 'prompt', 'completion'],
    });
  });

  it('of a group that offers single tools has those and their pages, and nothing else of the server', async () => {
    await start({ one: ['app'] });
    expect(await reach(path, prefix)).toEqual({
      tools: [`${prefix}app`],
      resources: [page],
      templates: [],
      prompts: [],
      works: ['app', 'page'],
    });
  });
});

describe('a group that offers all tools of a server but one', () => {
  const places = ['/api/mcp', '/api/mcp/team', '/api/mcp/one'];
  const prefixOf = (path: string) => (path.endsWith('/one') ? '' : 'one__');

  it('offers the others, also later ones, and nothing else of the server', async () => {
    await start({ one: { except: ['wait'] } });
    for (const path of places) {
      const prefix = prefixOf(path);
      expect(await reach(path, prefix), path).toEqual({
        tools: [`${prefix}echo`, `${prefix}app`],
        resources: [page],
        templates: [],
        prompts: [],
        works: ['echo', 'app', 'page'],
      });
    }
    extra = ['later'];
    hub.supervisor.notify('id-one', 'notifications/tools/list_changed');
    for (const path of places) {
      const { client } = await asUser(path);
      const later = `${prefixOf(path)}later`;
      await until(async () => (await client.listTools()).tools.some(({ name }) => name === later), 5000);
      expect(await client.callTool({ name: later })).toMatchObject({ content: [{ text: 'one' }] });
    }
  });

  it.each([
    { overlays: {}, names: ['wait'] },
    { overlays: { wait: { name: 'rest' } }, names: ['rest', 'wait'] },
  ] as { overlays: Record<string, ToolOverlay>; names: string[] }[])(
    'that one is reached in no way, called $names',
    async ({ overlays, names }) => {
      await start({ one: { except: ['wait'] } });
      hub.rows.servers = [serverRow('one', { overlays }), serverRow('two')];
      await hub.bus.emit('tools.curated', { id: 'id-one', name: 'one' });
      const ids = names.flatMap((name) => [name, `one__${name}`]);
      const refused = { error: { code: -32602 } };
      for (const path of places) {
        const { client } = await asUser(path);
        expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(
          ['echo', 'app'].map((name) => prefixOf(path) + name),
        );
        const smart = path.replace('/api/mcp', '/api/mcp/$smart');
        for (const id of ids) {
          await expect(client.callTool({ name: id }), `${path} ${id}`).rejects.toMatchObject({ code: -32602 });
          // As a task, and in the other era.
          const asTask = { name: id, arguments: {}, task: { ttl: 1000 } };
          const session = await hub.session(path, 'key-u');
          const answer = await hub.post(rpc('tools/call', asTask), { path, key: 'key-u', session });
          expect(await lastMessage(answer), `${path} ${id}`).toMatchObject(refused);
          const options = { path, key: 'key-u' };
          const modern = await modernPost(hub, 'tools/call', { name: id, arguments: {} }, options);
          expect(await modern.json(), `${path} ${id}`).toMatchObject(refused);
          for (const [name, args] of [
            ['call_tool', { id, arguments: {} }],
            ['describe_tool', { ids: [id] }],
          ] as const) {
            const { client: searching } = await asUser(smart);
            const answer = await searching.callTool({ name, arguments: args });
            expect(answer.isError, `${smart} ${name} ${id}`).toBe(true);
          }
        }
        const { client: searching } = await asUser(smart);
        const found = await searching.callTool({ name: 'search_tools', arguments: { query: names.join(' ') } });
        expect(JSON.stringify(found)).not.toMatch(/one__(wait|rest)|"(wait|rest)\(/);
      }
      for (const tool of names) {
        const actor = member('u', 'team');
        const call = hub.gateway.callTool({ actor, server: 'one', tool, arguments: {}, requestId: 'r' });
        expect(await call).toMatchObject(refused);
      }
      expect(cancelled).toEqual([]);
      // On its URL it is not there for anybody, however many rights he has.
      const { client: admin } = await hub.client('/api/mcp/team', 'key-a');
      expect((await admin.listTools()).tools).toHaveLength(2);
      for (const name of ids) await expect(admin.callTool({ name })).rejects.toMatchObject({ code: -32602 });
    },
  );
});

it('endpoints, servers and groups of others do not exist, alike for what is forbidden and what is absent', async () => {
  await start({ one: null });
  hub.rows.groups.push(group('others', { two: null }));
  await hub.bus.emit('group.created', { id: 'others', name: 'others' });
  const answers = await Promise.all(
    ['two', 'others', 'nowhere'].map(async (name) => {
      const response = await hub.post(initialize(), { path: `/api/mcp/${name}`, key: 'key-u' });
      const { error } = (await response.json()) as { error: { code: number; message: string } };
      return [response.status, error.code, error.message];
    }),
  );
  expect(answers[0]?.[0]).toBe(404);
  expect(answers[1]).toEqual(answers[0]);
  expect(answers[2]).toEqual(answers[0]);
});

interface Change {
  name: string;
  /** Takes the server "one" away from the user. */
  take(): Promise<void>;
  give(): Promise<void>;
}

const setActor = (groupIds: string[], permissions?: Permission[]) =>
  hub.keys.set('key-u', { ...member('u', ...groupIds), ...(permissions && { permissions }) });
const roles = { id: 'r', name: 'user', userIds: ['user-u'] };
const setOffers = async (offers: Record<string, Tools>) => {
  hub.rows.groups[0] = group('team', offers);
  await hub.bus.emit('group.updated', { id: 'team', name: 'team' });
};

const changes: Change[] = [
  {
    name: 'membership',
    take: async () => {
      setActor([]);
      await hub.bus.emit('access.changed', { userId: 'user-u' });
    },
    give: async () => {
      setActor(['team']);
      await hub.bus.emit('access.changed', { userId: 'user-u' });
    },
  },
  {
    name: 'role',
    take: async () => {
      setActor(['team'], []);
      await hub.bus.emit('role.changed', roles);
    },
    give: async () => {
      setActor(['team']);
      await hub.bus.emit('role.changed', { ...roles, userIds: null });
    },
  },
  { name: 'content of a group', take: () => setOffers({ two: null }), give: () => setOffers({ one: null }) },
];

const soonMs = 1000;

describe.each(changes)('when the $name changes', ({ take, give }) => {
  it('a running session hears of it and lists what is left, its calls and subscriptions end, and others go on', async () => {
    await start({ one: null });
    hub.keys.set('key-v', keyActor('v'));
    const told: string[] = [];
    const { client } = await hub.client('/api/mcp', 'key-u', {}, (each) => {
      each.setNotificationHandler(ToolListChangedNotificationSchema, () => void told.push('tools'));
      each.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void told.push(params.uri));
    });
    const other = await hub.client('/api/mcp/one', 'key-v');
    expect((await client.listTools()).tools).toHaveLength(3);
    await client.subscribeResource({ uri: 'demo://one' });
    const session = await hub.session('/api/mcp/one', 'key-u');
    const stream = readEvents(await hub.post(null, { path: '/api/mcp/one', session, key: 'key-u', method: 'GET' }));
    const waiting = [
      client.callTool({ name: 'one__wait' }).catch((error: unknown) => error),
      modernPost(hub, 'tools/call', { name: 'one__wait' }, { key: 'key-u' }).then(lastMessage),
    ];
    const theirs = other.client.callTool({ name: 'wait' });
    theirs.catch(() => undefined);
    await until(() => hub.gateway.stats().inflight === 3, 5000);
    hub.supervisor.notify('id-one', 'notifications/resources/updated', { uri: 'demo://one' });
    await until(() => told.includes('demo://one'), 5000);

    await take();
    await until(
      () => told.includes('tools') && hub.gateway.stats().inflight === 1,
      soonMs,
      () => `heard ${told}`,
    );
    expect((await stream.message()).method).toBe('notifications/tools/list_changed');
    expect(await Promise.all(waiting)).toMatchObject([{ code: 1006 }, { error: { code: 1006 } }]);
    expect(cancelled).toEqual(['one', 'one']);
    const { tools } = await client.listTools();
    expect(tools.filter(({ name }) => name.startsWith('one__'))).toEqual([]);
    await expect(client.callTool({ name: 'one__echo' })).rejects.toMatchObject({ code: -32602 });
    hub.supervisor.notify('id-one', 'notifications/resources/updated', { uri: 'demo://one' });

    told.length = 0;
    await give();
    await until(() => told.includes('tools'), soonMs);
    expect((await client.listTools()).tools).toHaveLength(3);
    expect(told).not.toContain('demo://one');
    await stream.cancel();
    hub.supervisor.close('id-one');
  });

  it('a stream of revision 2026-07-28 hears of it and stays open', async () => {
    await start({ one: null });
    const listening = await modernPost(
      hub,
      'subscriptions/listen',
      { notifications: { toolsListChanged: true, resourceSubscriptions: ['demo://one'] } },
      { key: 'key-u' },
    );
    const stream = readEvents(listening);
    expect((await stream.message()).method).toBe('notifications/subscriptions/acknowledged');
    await take();
    expect((await stream.message()).method).toBe('notifications/tools/list_changed');
    hub.supervisor.notify('id-one', 'notifications/resources/updated', { uri: 'demo://one' });
    await give();
    expect((await stream.message()).method).toBe('notifications/tools/list_changed');
    await stream.cancel();
  });
});

it('a change that takes nothing away leaves calls alone', async () => {
  await start({ one: null });
  const { client } = await asUser('/api/mcp/one');
  const call = client.callTool({ name: 'wait' });
  call.catch(() => undefined);
  await until(() => hub.gateway.stats().inflight === 1, 5000);
  setActor(['team', 'more']);
  await hub.bus.emit('access.changed', { userId: 'user-u' });
  await hub.bus.emit('role.changed', { ...roles, userIds: null });
  await setOffers({ one: ['wait'], two: null });
  const { client: again } = await asUser('/api/mcp/team');
  await until(async () => (await again.listTools()).tools.length === 4, 5000);
  expect([hub.gateway.stats().inflight, cancelled]).toEqual([1, []]);
  hub.supervisor.close('id-one');
});

it('everything of an account that is gone ends', async () => {
  await start({ one: null });
  const session = await hub.session('/api/mcp', 'key-u');
  const stream = await hub.post(null, { session, key: 'key-u', method: 'GET' });
  const call = modernPost(hub, 'tools/call', { name: 'one__wait' }, { key: 'key-u' });
  await until(() => hub.gateway.stats().inflight === 1, 5000);
  hub.keys.delete('key-u');
  await hub.bus.emit('access.changed', { userId: 'user-u' });
  expect(await stream.text()).toBe('');
  expect(await lastMessage(await call)).toMatchObject({ error: { code: 1006 } });
});

it('a request whose body comes after the rights changed is asked about again', async () => {
  await start({ one: null });
  const session = await hub.session('/api/mcp', 'key-u');
  const body = JSON.stringify(rpc('tools/call', { name: 'one__echo' }));
  const send = async (meanwhile: () => Promise<unknown>) => {
    const headers = {
      authorization: 'Bearer key-u',
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-session-id': session,
      'content-length': Buffer.byteLength(body),
    };
    const sent = request(`${hub.url}/api/mcp`, { method: 'POST', headers });
    const answer = new Promise<string>((resolve, reject) => {
      sent.on('response', async (response) => {
        let text = '';
        for await (const chunk of response) text += chunk;
        resolve(text);
      });
      sent.on('error', reject);
    });
    await new Promise((done) => sent.write(body.slice(0, 10), done));
    // The hub has read the head when it answers what came after it on another connection.
    await hub.post(rpc('ping'), { session, key: 'key-u' });
    await meanwhile();
    sent.end(body.slice(10));
    return JSON.parse(await answer) as { error?: { code: number } };
  };
  expect((await send(async () => undefined)).error).toBeUndefined();
  setActor(['team']);
  const { error } = await send(async () => {
    setActor([]);
    await hub.bus.emit('access.changed', { userId: 'user-u' });
  });
  expect(error?.code).toBe(-32602);
});

it('what a server printed last is quoted in its failure to those who may read its log, and to nobody else', async () => {
  await start({ one: null });
  const line = 'cannot open /srv/payroll.db';
  failure = new HubError('UPSTREAM_UNAVAILABLE', `The server "one" is crashed: It ended.${quoteOfStderr}${line}`, {
    server: 'one',
    reason: 'exited',
  });
  hub.keys.set('member', member('member', 'team'));
  const asked: [string, object][] = [
    ['tools/call', { name: 'echo', arguments: {} }],
    ['resources/read', { uri: 'demo://one' }],
  ];
  for (const [method, params] of asked) {
    const told = async (key: string) => {
      const session = await hub.session('/api/mcp/team', key);
      const legacy = await (await hub.post(rpc(method, params), { path: '/api/mcp/team', key, session })).text();
      const modern = await (await modernPost(hub, method, { ...params }, { path: '/api/mcp/team', key })).text();
      return [legacy, modern];
    };
    for (const text of await told('key-a')) expect([method, text]).toEqual([method, expect.stringContaining(line)]);
    for (const text of await told('member')) {
      expect([method, text]).toEqual([method, expect.stringMatching(/"code":1001.*It ended\./)]);
      expect(text).not.toContain('payroll');
    }
  }
  expect(hub.records.filter(({ outcome }) => outcome === 'unavailable')).toHaveLength(4);
  expect(JSON.stringify(hub.records)).not.toContain('payroll');
});
