// How an endpoint lists its tools: all, or a search among them with what is pinned, or what fits the caller. For each kind of
// endpoint and both eras, with sessions that outlive a change of it.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ToolListMode } from '../../../lib/routing/schema';
import { tokensOfTools } from '../../../lib/routing/tokens';
import { readEvents } from '../../support/event-reader';
import { keyActor, memoryUpstream, rpc, serverRow, startGateway, type TestGateway } from '../../support/gateway';
import { lastMessage, modernClient, modernPost, modernResult } from '../../support/modern';
import { until } from '../../support/until';

type Json = Record<string, unknown>;

let hub: TestGateway;
let fileTools: Record<string, Json> = {};
const meta = ['search_tools', 'describe_tool', 'call_tool'];

function server(toolsOf: () => Record<string, Json>) {
  return memoryUpstream({ tools: { listChanged: true } }, (method, params) => {
    if (method === 'tools/call') return { content: [{ type: 'text', text: `ran ${params.name}` }] };
    if (method !== 'tools/list') return {};
    const tools = Object.entries(toolsOf());
    return { tools: tools.map(([name, each]) => ({ name, inputSchema: { type: 'object' }, ...each })) };
  });
}

beforeEach(async () => {
  fileTools = {
    read_file: { description: 'Reads a whole file', annotations: { readOnlyHint: true } },
    move_file: { description: 'Moves a file' },
  };
  hub = await startGateway({
    servers: [serverRow('files'), serverRow('vault')],
    groups: [
      {
        id: 'g1',
        name: 'Team',
        ownerId: null,
        anonymous: false,
        prefix: 'never',
        servers: [{ serverId: 'id-files', tools: null }],
      },
    ],
  });
  hub.keys.set('member', keyActor('member', 'user', { groupIds: ['g1'] }));
  hub.keys.set('reader', keyActor('reader', 'admin', { keyScope: { readOnly: true } }));
  hub.supervisor.open(
    'id-files',
    server(() => fileTools),
  );
  hub.supervisor.open(
    'id-vault',
    server(() => ({ read_secret: { description: 'Reads a secret' } })),
  );
  await until(() => hub.stored.size === 2, 5000);
});
afterEach(() => hub.close());

interface Rule {
  mode?: ToolListMode;
  maxTools?: number;
  maxTokens?: number;
  pinned?: string[];
}

/** Sets an endpoint, as the rows would say it; `pinned` with names as REST takes them. */
async function set(path: string, { pinned, ...rule }: Rule): Promise<void> {
  const refs = pinned?.map((text) => {
    const [name = '', tool = ''] = text.split('/');
    return { serverId: `id-${name}`, tool };
  });
  const toolList = { ...rule, ...(refs && { pinned: refs }) };
  if (path === '/api/mcp') {
    hub.rows.toolList = toolList;
    await hub.bus.emit('tool-list.changed', {});
  } else if (path === '/api/mcp/team') {
    hub.rows.groups = hub.rows.groups.map((row) => ({ ...row, toolList }));
    await hub.bus.emit('group.updated', { id: 'g1', name: 'Team' });
  } else {
    const own = { ...rule, ...(refs && { pinned: refs.map(({ tool }) => tool) }) };
    hub.rows.servers = hub.rows.servers.map((row) => (row.name === 'files' ? { ...row, toolList: own } : row));
    await hub.bus.emit('server.updated', { id: 'id-files', name: 'files' });
  }
}

const clients = {
  legacy: async (path: string, key = 'key-a') => (await hub.client(path, key)).client,
  modern: (path: string, key = 'key-a') => modernClient(hub, { path, key }),
};
interface AnyClient {
  listTools(): Promise<{ tools: { name: string }[] }>;
  callTool(params: never): Promise<unknown>;
}
const names = async (client: AnyClient) => (await client.listTools()).tools.map(({ name }) => name);
const call = async (client: AnyClient, name: string, args: Json = {}) => {
  const { content } = (await client.callTool({ name, arguments: args } as never)) as { content: { text: string }[] };
  return content[0]?.text;
};

const endpoints = [
  ['/api/mcp', ['files__read_file', 'files__move_file', 'vault__read_secret']],
  ['/api/mcp/team', ['read_file', 'move_file']],
  ['/api/mcp/files', ['read_file', 'move_file']],
] as const;

describe.each(['legacy', 'modern'] as const)('a client of the %s era', (era) => {
  it.each(endpoints)('at %s sees all tools, or a search, as the endpoint is set', async (path, all) => {
    const [first = '', second = ''] = all;
    expect(await names(await clients[era](path))).toEqual(all);

    await set(path, { mode: 'smart', pinned: ['files/move_file'] });
    const smart = await clients[era](path);
    expect(await names(smart)).toEqual([...meta, second]);
    expect(smart.getInstructions()).toContain('search_tools');
    // A client with a list from before calls as it did; what was found runs too.
    expect(await call(smart, first)).toBe('ran read_file');
    expect(await call(smart, second)).toBe('ran move_file');
    expect(await call(smart, 'call_tool', { id: first })).toBe('ran read_file');
    expect(await call(smart, 'search_tools', { query: 'read file' })).toContain(first);
    await expect(call(smart, 'nothing')).rejects.toMatchObject({ code: -32602 });

    await set(path, { mode: 'auto', maxTools: all.length });
    expect(await names(await clients[era](path))).toEqual(all);
    await set(path, { mode: 'auto', maxTools: all.length - 1 });
    expect(await names(await clients[era](path))).toEqual(meta);
    await set(path, { mode: 'auto', maxTokens: 10 });
    expect(await names(await clients[era](path))).toEqual(meta);

    await set(path, {});
    const full = await clients[era](path);
    expect(await names(full)).toEqual(all);
    expect(full.getInstructions() ?? '').not.toContain('search_tools');
    // A client with a smart list from before goes on too.
    expect(await call(full, 'call_tool', { id: first })).toBe('ran read_file');
  });

  it('judges "auto" by what each caller sees', async () => {
    await set('/api/mcp', { mode: 'auto', maxTools: 2 });
    expect(await names(await clients[era]('/api/mcp'))).toEqual(meta);
    expect(await names(await clients[era]('/api/mcp', 'member'))).toEqual(['files__read_file', 'files__move_file']);
  });

  it('sees pinned tools in their order: those that it may use, and that are there', async () => {
    const pinned = ['vault/read_secret', 'files/gone', 'files/read_file', 'nobody/x'];
    await set('/api/mcp', { mode: 'smart', pinned });
    for (const path of ['/api/mcp', '/api/mcp/$smart']) {
      const admin = await clients[era](path);
      expect(await names(admin)).toEqual([...meta, 'vault__read_secret', 'files__read_file']);
      expect(await call(admin, 'vault__read_secret')).toBe('ran read_secret');
      const member = await clients[era](path, 'member');
      expect(await names(member)).toEqual([...meta, 'files__read_file']);
      await expect(call(member, 'vault__read_secret')).rejects.toMatchObject({ code: -32602 });
      expect(await names(await clients[era](path, 'reader'))).toEqual([...meta, 'files__read_file']);
      // The list is one page.
      await expect(admin.listTools({ cursor: 'x' })).rejects.toMatchObject({ code: -32602 });
    }
    // What is not listed is run through the search alone where that is what the path says.
    await set('/api/mcp', { pinned });
    const strict = await clients[era]('/api/mcp/$smart');
    expect(await names(strict)).toEqual([...meta, 'vault__read_secret', 'files__read_file']);
    expect(await call(strict, 'files__read_file')).toBe('ran read_file');
    await expect(call(strict, 'files__move_file')).rejects.toMatchObject({ code: -32602 });
    expect(await call(strict, 'call_tool', { id: 'files__move_file' })).toBe('ran move_file');
  });

  it('is told of a search that comes too often, with the time to wait', async () => {
    const ask = { name: 'search_tools', arguments: { query: 'file' } };
    const session = era === 'legacy' ? await hub.session('/api/mcp/$smart') : '';
    const options = { path: '/api/mcp/$smart' };
    let refused: Response | undefined;
    for (let asked = 0; asked < 500 && !refused; asked++) {
      const response = await (era === 'legacy'
        ? hub.post(rpc('tools/call', ask), { ...options, session })
        : modernPost(hub, 'tools/call', ask, options));
      if (response.status === 429) refused = response;
      else await response.arrayBuffer();
    }
    expect(refused?.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(await lastMessage(refused as Response)).toMatchObject({
      error: { message: expect.stringContaining('searches'), data: { retryAfterMs: expect.any(Number) } },
    });
  });
});

it('a tool of a server with the name of a tool for searching is run where no search is listed', async () => {
  fileTools = { ...fileTools, search_tools: { description: 'Its own' } };
  hub.supervisor.notify('id-files', 'notifications/tools/list_changed');
  await until(() => hub.stored.get('id-files')?.tools.length === 3, 5000);
  expect(await call(await clients.legacy('/api/mcp/files'), 'search_tools')).toBe('ran search_tools');
  await set('/api/mcp/files', { mode: 'smart', pinned: ['files/search_tools'] });
  const smart = await clients.legacy('/api/mcp/files');
  expect(await names(smart)).toEqual(meta);
  expect(await call(smart, 'search_tools', { query: 'file' })).toContain('"hits"');
  expect(await call(smart, 'call_tool', { id: 'search_tools' })).toBe('ran search_tools');
});

describe('a session that lives while the list changes its kind', () => {
  it('over HTTP is told, when it is set and when tools appear or rights go', async () => {
    let changes = 0;
    const { client } = await hub.client('/api/mcp', 'key-a', {}, (fresh) =>
      fresh.setNotificationHandler(ToolListChangedNotificationSchema, () => void changes++),
    );
    expect(await names(client)).toHaveLength(3);
    await set('/api/mcp', { mode: 'smart' });
    await until(() => changes === 1, 5000);
    expect(await names(client)).toEqual(meta);
    await set('/api/mcp', { mode: 'auto', maxTools: 3 });
    await until(() => changes === 2, 5000);
    expect(await names(client)).toHaveLength(3);
    fileTools = { ...fileTools, copy_file: {} };
    hub.supervisor.notify('id-files', 'notifications/tools/list_changed');
    await until(() => changes === 3, 5000);
    expect(await names(client)).toEqual(meta);
    hub.keys.set('key-a', keyActor('a', 'user', { groupIds: ['g1'] }));
    await hub.bus.emit('access.changed', { userId: 'user-a' });
    await until(() => changes === 4, 5000);
    expect(await names(client)).toEqual(['files__read_file', 'files__move_file', 'files__copy_file']);
  });

  it('over HTTP+SSE is told', async () => {
    let changes = 0;
    const client = new Client({ name: 'old', version: '1' });
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => void changes++);
    const headers = { authorization: 'Bearer key-a' };
    const transport = new SSEClientTransport(new URL(`${hub.url}/api/mcp/team/sse`), { requestInit: { headers } });
    await client.connect(transport);
    try {
      expect(await names(client)).toEqual(['read_file', 'move_file']);
      await set('/api/mcp/team', { mode: 'smart', pinned: ['files/read_file'] });
      await until(() => changes === 1, 5000);
      expect(await names(client)).toEqual([...meta, 'read_file']);
      expect(await call(client, 'move_file')).toBe('ran move_file');
    } finally {
      await client.close();
    }
  });

  it('a listener of 2026-07-28 is told, and nobody at another endpoint', async () => {
    const stop = new AbortController();
    const listen = async (path: string) =>
      readEvents(
        await modernPost(
          hub,
          'subscriptions/listen',
          { notifications: { toolsListChanged: true } },
          { path, signal: stop.signal },
        ),
      );
    const [there, elsewhere] = [await listen('/api/mcp/files'), await listen('/api/mcp/team')];
    await there.message();
    await elsewhere.message();
    await set('/api/mcp/files', { mode: 'smart' });
    expect(await there.message()).toMatchObject({ method: 'notifications/tools/list_changed' });
    expect((await modernResult(hub, 'tools/list', {}, { path: '/api/mcp/files' })).tools).toHaveLength(3);
    await set('/api/mcp/team', { mode: 'smart' });
    // Its first news is of its own endpoint.
    expect(await elsewhere.message()).toMatchObject({ method: 'notifications/tools/list_changed' });
    stop.abort();
  });
});

describe('the endpoints that a caller may use', () => {
  it('are told with what their lists take of a model’s context', async () => {
    const many = Array.from({ length: 300 }, (_, at) => [`tool_${at}`, { description: 'Does '.repeat(20) }] as const);
    fileTools = { ...fileTools, ...Object.fromEntries(many) };
    hub.supervisor.notify('id-files', 'notifications/tools/list_changed');
    await until(() => hub.stored.get('id-files')?.tools.length === 302, 5000);
    await set('/api/mcp/team', { mode: 'auto', pinned: ['files/move_file', 'files/gone'] });
    const [root, ...others] = hub.gateway.endpoints(keyActor('a'));
    expect(root).toMatchObject({ path: '/api/mcp', kind: 'all', mode: 'full', smart: false, tools: 303, pinned: [] });
    expect(others.map(({ path }) => path)).toEqual(['/api/mcp/files', '/api/mcp/vault', '/api/mcp/team']);
    const team = others[2];
    expect(team).toMatchObject({
      kind: 'group',
      name: 'Team',
      mode: 'auto',
      smart: true,
      tools: 302,
      pinned: [{ tool: 'files/move_file', id: 'move_file', tokens: expect.any(Number) }],
    });
    expect(team?.tokens.full).toBeGreaterThan(10_000);
    expect(team?.tokens.smart).toBeGreaterThan(300);
    expect(team?.tokens.smart).toBeLessThan(1500);
    // The figure is that of what is sent.
    const { tools } = await modernResult(hub, 'tools/list', {}, { path: '/api/mcp/team' });
    expect(tools).toHaveLength(4);
    expect(team?.tokens.smart).toBe(tokensOfTools(tools as object[]));
  });

  it('are those of the caller, with its own view', () => {
    const member = hub.keys.get('member') as ReturnType<typeof keyActor>;
    const paths = (path?: string) => hub.gateway.endpoints(member, path).map((each) => [each.path, each.tools]);
    expect(paths()).toEqual([
      ['/api/mcp', 2],
      ['/api/mcp/files', 2],
      ['/api/mcp/team', 2],
    ]);
    expect(paths('/api/mcp/Team')).toEqual([['/api/mcp/team', 2]]);
    for (const path of ['/api/mcp/vault', '/api/mcp/none', '/api/mcp/$smart', '']) {
      expect(() => hub.gateway.endpoints(member, path)).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }));
    }
  });
});
