// Curated tools at the gateway: on every kind of endpoint and in both eras what is listed is what can be called, and what
// was taken from callers stays taken.
import { ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Actor } from '../../../lib/access/schema';
import { definitionHash } from '../../../lib/servers/catalog';
import { keyActor, memoryUpstream, rpc, serverRow, startGateway, type TestGateway } from '../../support/gateway';
import { modernPost, modernResult } from '../../support/modern';
import { until } from '../../support/until';

type Json = Record<string, unknown>;

let hub: TestGateway;
let listed: Json[];
const seen: Json[] = [];

const writeFile = {
  name: 'write_file',
  title: 'Write',
  description: 'Writes a file',
  annotations: { readOnlyHint: false, destructiveHint: true },
  inputSchema: {
    type: 'object',
    properties: {
      root: { type: 'string' },
      path: { type: 'string' },
      mode: { type: 'string' },
      force: { type: 'boolean' },
    },
    required: ['root', 'path'],
    additionalProperties: false,
  },
};
const look = {
  name: 'look',
  description: 'Looks',
  annotations: { readOnlyHint: true },
  inputSchema: { type: 'object' },
};

/** On the server. */
const saveText = {
  name: 'save_text',
  title: 'Save',
  description: 'Stores a note of the user',
  annotations: { readOnlyHint: true, destructiveHint: false },
  parameters: {
    root: { mode: 'fixed' as const, value: '/notes' },
    force: { mode: 'hidden' as const },
    mode: { mode: 'default' as const, value: 'append' },
  },
};
/** Over it, in the group. */
const jot = {
  name: 'jot',
  description: 'Jots something down',
  parameters: { root: { mode: 'fixed' as const, value: '/etc' }, mode: { mode: 'fixed' as const, value: 'new' } },
};

const group = {
  id: 'g1',
  name: 'Team',
  ownerId: null,
  anonymous: false,
  prefix: 'never' as const,
  servers: [{ serverId: 'id-disk', tools: null, overlays: { write_file: jot } }],
};

beforeEach(async () => {
  seen.length = 0;
  listed = [writeFile, look];
  hub = await startGateway({
    servers: [serverRow('disk', { overlays: { write_file: saveText } }), serverRow('other')],
    groups: [group],
  });
  for (const name of ['disk', 'other']) hub.supervisor.open(`id-${name}`, disk());
  await until(() => hub.stored.size === 2, 5000);
});
afterEach(() => hub.close());

function disk() {
  return memoryUpstream({ tools: { listChanged: true } }, (method, params) => {
    if (method === 'tools/list') return { tools: listed };
    if (method !== 'tools/call') return {};
    seen.push(params);
    return { content: [{ type: 'text', text: String(params.name) }] };
  });
}

const list = async (path: string, key = 'key-a') => {
  const { tools } = await modernResult(hub, 'tools/list', {}, { path, key });
  return tools as Json[];
};
const names = async (path: string, key?: string) => (await list(path, key)).map(({ name }) => name);

/** What the two eras answer to the same call. */
const eras = {
  legacy: async (path: string, name: string, args: Json, key = 'key-a'): Promise<Json> => {
    const session = await hub.session(path, key);
    const response = await hub.post(rpc('tools/call', { name, arguments: args }), { path, key, session });
    const text = await response.text();
    return JSON.parse(text.includes('data: ') ? (/data: (.*)/.exec(text)?.[1] ?? '') : text);
  },
  modern: async (path: string, name: string, args: Json, key = 'key-a'): Promise<Json> =>
    (await modernPost(hub, 'tools/call', { name, arguments: args }, { path, key })).json(),
};

const places = [
  { where: 'the endpoint over everything', path: '/api/mcp', shown: 'disk__save_text', first: 'disk__write_file' },
  { where: 'the endpoint of the server', path: '/api/mcp/disk', shown: 'save_text', first: 'write_file' },
  { where: 'the endpoint of a group', path: '/api/mcp/team', shown: 'jot', first: 'write_file' },
] as const;
const sentBy = (shown: string, path: string) => ({
  root: '/notes',
  path,
  mode: shown === 'jot' ? 'new' : 'append',
});

describe.each(places)('at $where', ({ path, shown, first }) => {
  it('the curated tool is listed, without what was taken', async () => {
    const tool = (await list(path)).find(({ name }) => name === shown);
    const isGroup = shown === 'jot';
    expect(tool).toEqual({
      name: shown,
      title: 'Save',
      description: isGroup ? jot.description : saveText.description,
      annotations: { readOnlyHint: true, destructiveHint: false },
      inputSchema: {
        type: 'object',
        properties: { path: { type: 'string' }, ...(!isGroup && { mode: { type: 'string', default: 'append' } }) },
        required: ['path'],
        additionalProperties: false,
      },
    });
    expect(await names(path)).not.toContain(first);
    const { client } = await hub.client(path);
    expect((await client.listTools()).tools).toContainEqual(tool);
  });

  it.each(Object.keys(eras) as (keyof typeof eras)[])(
    'it is called so, and not by its original name (%s)',
    async (era) => {
      const call = eras[era];
      const given = { path: 'a', root: '/etc', force: true, ...(shown === 'jot' && { mode: 'x' }) };
      expect(await call(path, shown, given)).toMatchObject({ result: { content: [{ text: 'write_file' }] } });
      expect(seen).toMatchObject([{ name: 'write_file', arguments: sentBy(shown, 'a') }]);
      expect(Object.keys(seen[0]?.arguments ?? {}).sort()).toEqual(['mode', 'path', 'root']);
      expect(hub.records.at(-1)).toMatchObject({
        tool: 'write_file',
        shownTool: shown.replace('disk__', ''),
        outcome: 'ok',
        arguments: given,
      });
      for (const name of [first, ...(path === '/api/mcp' ? ['write_file'] : [])].filter((each) => each !== shown)) {
        // On the endpoint over everything another server has a tool of that name.
        if (path === '/api/mcp' && name === 'write_file') continue;
        expect(await call(path, name, { path: 'a' }), name).toMatchObject({ error: { code: -32602 } });
      }
      expect(await call(path, path === '/api/mcp' ? 'disk__look' : 'look', {})).toMatchObject({ result: {} });
      expect(hub.records.at(-1)).toMatchObject({ tool: 'look', shownTool: null });
    },
  );
});

it.each([
  ['/api/mcp/$smart', 'disk__save_text', 'note of the user', 'disk__write_file'],
  ['/api/mcp/$smart/disk', 'save_text', 'note of the user', 'write_file'],
  ['/api/mcp/$smart/team', 'jot', 'jots something down', 'write_file'],
])('on %s it is found, described and run as curated', async (path, id, words, first) => {
  for (const era of Object.values(eras)) {
    const run = async (name: string, args: Json) => {
      const { result } = (await era(path, name, args)) as {
        result: { content: { text: string }[]; isError?: boolean };
      };
      return { text: result.content[0]?.text ?? '', isError: result.isError === true };
    };
    const found = JSON.parse((await run('search_tools', { query: words })).text) as { hits: Json[] };
    const signature = id === 'jot' ? 'jot(path: string)' : `${id}(path: string, mode?: string)`;
    expect(found.hits[0]).toMatchObject({ id, signature });
    const [described] = JSON.parse((await run('describe_tool', { ids: [id] })).text);
    expect(Object.keys(described.inputSchema.properties)).not.toContain('root');
    seen.length = 0;
    expect(await run('call_tool', { id, arguments: { path: 'b', root: '/etc' } })).toEqual({
      text: 'write_file',
      isError: false,
    });
    expect(seen).toMatchObject([{ arguments: sentBy(id, 'b') }]);
    const refused = await run('call_tool', { id, arguments: {} });
    expect(refused.isError).toBe(true);
    expect(refused.text).not.toContain('"root"');
    for (const name of ['describe_tool', 'call_tool']) {
      const args = name === 'call_tool' ? { id: first, arguments: { path: 'a' } } : { ids: [first] };
      expect((await run(name, args)).isError, name).toBe(true);
    }
  }
});

it('a parameter in other words is listed and found by them, and what is sent for it passes as it is', async () => {
  const path = { mode: 'shown' as const, description: 'Pathway inside the zettelkasten' };
  const overlay = { ...saveText, parameters: { ...saveText.parameters, path } };
  hub.rows.servers = [serverRow('disk', { overlays: { write_file: overlay } }), serverRow('other')];
  await hub.bus.emit('tools.curated', { id: 'id-disk', name: 'disk' });
  const find = async () => {
    const question = { query: 'zettelkasten', limit: 5 };
    return (await hub.gateway.searchTools(hub.keys.get('key-a') as Actor, question)).hits.map(({ id }) => id);
  };
  for (const { path: place, shown } of places) {
    const tool = (await list(place)).find(({ name }) => name === shown) as typeof writeFile;
    expect(tool.inputSchema.properties.path).toEqual({ type: 'string', description: path.description });
    expect(tool.inputSchema.required).toEqual(['path']);
    await eras.modern(place, shown, { path: 'a' });
    expect(seen.at(-1)).toMatchObject({ name: 'write_file', arguments: sentBy(shown, 'a') });
  }
  expect(await find()).toEqual(['disk__save_text']);
});

it('the playground goes by the curated name, too', async () => {
  const call = (tool: string) =>
    hub.gateway.callTool({
      actor: hub.keys.get('key-a') as Actor,
      server: 'disk',
      tool,
      arguments: { path: 'c' },
      requestId: 'r',
    });
  expect(await call('save_text')).toMatchObject({ result: { content: [{ text: 'write_file' }] } });
  expect(await call('write_file')).toMatchObject({ error: { code: -32602 } });
});

it('what a curator says of a tool gives a read-only key nothing, and what he denies it loses', async () => {
  hub.keys.set('reader', keyActor('reader', 'admin', { keyScope: { readOnly: true, servers: ['disk'] } }));
  expect(await names('/api/mcp', 'reader')).toEqual(['disk__look']);
  for (const call of Object.values(eras)) {
    expect(await call('/api/mcp/disk', 'save_text', { path: 'a' }, 'reader')).toMatchObject({
      error: { code: -32602 },
    });
    expect(await call('/api/mcp/disk', 'look', {}, 'reader')).toMatchObject({ result: {} });
  }
  const search = async () =>
    (
      await hub.gateway.searchTools(hub.keys.get('key-a') as Actor, {
        query: 'look save',
        limit: 20,
        server: 'disk',
        readOnly: true,
      })
    ).hits.map(({ id }) => id);
  expect(await search()).toEqual(['disk__look']);
  const denied = { write_file: saveText, look: { annotations: { readOnlyHint: false } } };
  hub.rows.servers = [serverRow('disk', { overlays: denied }), serverRow('other')];
  await hub.bus.emit('tools.curated', { id: 'id-disk', name: 'disk' });
  await until(async () => (await names('/api/mcp', 'reader')).length === 0, 5000);
  expect(await search()).toEqual([]);
  expect(await eras.modern('/api/mcp/disk', 'look', {}, 'reader')).toMatchObject({ error: { code: -32602 } });
});

it('running sessions are told within a second, and see it', async () => {
  const told: number[] = [];
  const { client } = await hub.client('/api/mcp/team', 'key-a', {}, (made) =>
    made.setNotificationHandler(ToolListChangedNotificationSchema, () => void told.push(performance.now())),
  );
  await until(async () => (await client.listTools()).tools.length === 2, 5000);
  const changedAtMs = performance.now();
  const overlays = { write_file: { ...jot, name: 'scribble' } };
  hub.rows.groups = [{ ...group, servers: [{ serverId: 'id-disk', tools: null, overlays }] }];
  await hub.bus.emit('tools.curated', { id: 'id-disk', name: 'disk' });
  await until(() => told.length > 0, 5000);
  expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['scribble', 'look']);
  expect((told[0] ?? Infinity) - changedAtMs).toBeLessThan(1000);
  await expect(client.callTool({ name: 'jot', arguments: { path: 'a' } })).rejects.toMatchObject({ code: -32602 });
});

it('an overlay outlives changes of the server: what does not fit has no effect, and names stay with their tools', async () => {
  const relist = async (tools: Json[], count: number) => {
    listed = tools;
    hub.supervisor.notify('id-disk', 'notifications/tools/list_changed');
    await until(async () => (await list('/api/mcp/disk')).length === count, 5000);
  };
  await relist([look], 1);
  // It comes back with another parameter, and beside it a tool with the curated name.
  const { root: _root, ...rest } = writeFile.inputSchema.properties;
  const inputSchema = {
    ...writeFile.inputSchema,
    properties: { base: { type: 'string' }, ...rest },
    required: ['path'],
  };
  const newcomer = { ...look, name: 'save_text' };
  await relist([newcomer, { ...writeFile, inputSchema }, look], 3);
  expect(await names('/api/mcp/disk')).toEqual(['disk__save_text', 'save_text', 'look']);
  const tool = (await list('/api/mcp/disk'))[1] as { inputSchema: { properties: object } };
  expect(Object.keys(tool.inputSchema.properties)).toEqual(['base', 'path', 'mode']);
  await eras.modern('/api/mcp/disk', 'save_text', { path: 'a', root: '/etc' });
  expect(seen.at(-1)).toMatchObject({ name: 'write_file', arguments: { path: 'a', mode: 'append' } });
  await eras.modern('/api/mcp/disk', 'disk__save_text', {});
  expect(seen.at(-1)).toMatchObject({ name: 'save_text' });
  const everywhere = await names('/api/mcp');
  expect(everywhere.filter((name) => String(name).includes('save_text'))).toEqual([
    expect.stringMatching(/^disk__save_text_[0-9a-f]{8}$/),
    'disk__save_text',
  ]);
  await eras.legacy('/api/mcp', 'disk__save_text', { path: 'b' });
  expect(seen.at(-1)).toMatchObject({ name: 'write_file' });
});

it('held tools are held by what their server says, whatever the overlay says', async () => {
  const pins = { write_file: definitionHash(writeFile), look: definitionHash(look) };
  const row = serverRow('disk', { pins, overlays: { write_file: saveText, look: { description: 'Curated' } } });
  hub.rows.servers = [row, serverRow('other')];
  await hub.bus.emit('tools.curated', { id: 'id-disk', name: 'disk' });
  expect(await names('/api/mcp/disk')).toEqual(['save_text', 'look']);
  listed = [writeFile, { ...look, description: 'Says something else' }];
  hub.supervisor.notify('id-disk', 'notifications/tools/list_changed');
  await until(async () => (await names('/api/mcp/disk')).join() === 'save_text', 5000);
});
