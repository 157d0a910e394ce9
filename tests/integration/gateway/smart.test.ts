// Smart endpoints, for clients of both eras: three tools are listed, and through them every tool behind is found, read
// about and run, with the rights, the records and the questions of a direct call.
import { ElicitRequestSchema, ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CallOptions } from '../../../worker/upstream/types';
import { keyActor, memoryUpstream, rpc, serverRow, startGateway, type TestGateway } from '../../support/gateway';
import { lastMessage, modernClient, modernPost, modernResult } from '../../support/modern';
import { until } from '../../support/until';

type Json = Record<string, unknown>;

let hub: TestGateway;
const counted = { searches: [] as unknown[], ranks: [] as number[] };
const cancelled: string[] = [];
const seen: Json[] = [];
const lists: Record<string, Json> = {};

const schema = {
  type: 'object',
  properties: {
    path: { type: 'string' },
    mode: { enum: ['text', 'bytes'] },
    lines: { type: 'array', items: { type: 'integer' } },
  },
  required: ['path'],
  additionalProperties: false,
};

async function run(params: Json, { onProgress, client }: CallOptions, signal: AbortSignal): Promise<unknown> {
  seen.push(params);
  if (params.name === 'slow') {
    signal.addEventListener('abort', () => cancelled.push('slow'));
    onProgress?.({ progress: 1, message: 'half' });
    await new Promise((resolve) => setTimeout(resolve, 5000, undefined).unref());
  }
  if (params.name === 'ask') {
    const question = { message: 'Who?', requestedSchema: { type: 'object', properties: { who: { type: 'string' } } } };
    const answer = await client?.ask('elicitation/create', question, signal);
    return { content: [{ type: 'text', text: JSON.stringify(answer?.value) }] };
  }
  return { content: [{ type: 'text', text: `${params.name}: ${JSON.stringify(params.arguments)}` }] };
}

function server(name: string) {
  return memoryUpstream({ tools: { listChanged: true } }, (method, params, options, signal) => {
    if (method === 'tools/call') return run(params, options, signal);
    if (method !== 'tools/list') return {};
    const tools = Object.entries(lists[name] ?? {}) as [string, Json][];
    return { tools: tools.map(([tool, each]) => ({ name: tool, inputSchema: { type: 'object' }, ...each })) };
  });
}

beforeEach(async () => {
  cancelled.length = 0;
  seen.length = 0;
  lists.files = {
    read_file: { description: 'Reads a whole file', annotations: { readOnlyHint: true }, inputSchema: schema },
    slow: { description: 'Takes its time' },
    ask: { description: 'Asks who it is' },
  };
  lists.vault = { read_secret: { description: 'Reads a secret of the vault' } };
  counted.searches.length = 0;
  counted.ranks.length = 0;
  hub = await startGateway({
    searches: {
      searched: (mode, hits) => void counted.searches.push([mode, hits]),
      foundToolCalled: (rank) => void counted.ranks.push(rank),
    },
    servers: [serverRow('files'), serverRow('vault')],
    groups: [
      {
        id: 'g1',
        name: 'Readers',
        ownerId: null,
        anonymous: false,
        prefix: 'never',
        servers: [{ serverId: 'id-files', tools: null }],
      },
    ],
  });
  hub.keys.set('member', keyActor('member', 'user', { groupIds: ['g1'] }));
  for (const name of ['files', 'vault']) hub.supervisor.open(`id-${name}`, server(name));
  await until(() => hub.stored.size === 2, 5000);
});
afterEach(() => hub.close());

interface Answered {
  text: string;
  isError: boolean;
  structured: Json | undefined;
}

/** The same two ways for both eras. */
const eras = {
  async legacy(path: string, key = 'key-a') {
    const { client } = await hub.client(path, key);
    return client;
  },
  async modern(path: string, key = 'key-a') {
    return modernClient(hub, { path, key });
  },
};

async function ask(client: { callTool(params: never): Promise<unknown> }, name: string, args: Json): Promise<Answered> {
  const result = (await client.callTool({ name, arguments: args } as never)) as Json;
  const [first] = result.content as { text: string }[];
  return {
    text: first?.text ?? '',
    isError: result.isError === true,
    structured: result.structuredContent as Json | undefined,
  };
}

describe.each(['legacy', 'modern'] as const)('a client of the %s era', (era) => {
  it('sees three tools, and what lies behind them', async () => {
    const client = await eras[era]('/api/mcp/$smart');
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(['search_tools', 'describe_tool', 'call_tool']);
    expect(tools[0]?.description).toContain('4 tools of 2 servers (files, vault)');
    expect(client.getInstructions()).toContain('4 tools of 2 servers');
    expect(client.getServerVersion()?.name).toBe('mcphub/$smart');
  });

  it('finds a tool, reads about it and runs it', async () => {
    const client = await eras[era]('/api/mcp/$smart');
    const { text, structured } = await ask(client, 'search_tools', { query: 'load a document', limit: 1 });
    expect(JSON.parse(text)).toEqual(structured);
    expect(structured).toEqual({
      hits: [
        {
          id: 'files__read_file',
          signature: 'files__read_file(path: string, mode?: "text" | "bytes", lines?: integer[])',
          description: 'Reads a whole file',
          score: 1,
        },
      ],
      mode: 'lexical',
    });
    const described = JSON.parse((await ask(client, 'describe_tool', { ids: ['files__read_file'] })).text);
    expect(described).toEqual([
      {
        id: 'files__read_file',
        server: 'files',
        description: 'Reads a whole file',
        annotations: { readOnlyHint: true },
        inputSchema: schema,
      },
    ]);
    const called = await ask(client, 'call_tool', { id: 'files__read_file', arguments: { path: '/a' } });
    expect(called).toMatchObject({ text: 'read_file: {"path":"/a"}', isError: false });
    expect(seen[0]).toMatchObject({ name: 'read_file', arguments: { path: '/a' } });
  });

  it('is told the schema where the arguments do not fit, and nothing is run', async () => {
    const client = await eras[era]('/api/mcp/$smart');
    for (const args of [{}, { path: 7 }, { path: '/a', mode: 'x' }, { path: '/a', more: 1 }]) {
      const { text, isError } = await ask(client, 'call_tool', { id: 'files__read_file', arguments: args });
      expect(isError).toBe(true);
      expect(text).toContain(JSON.stringify(schema));
    }
    expect(seen).toEqual([]);
  });

  it('gets the same answer for a tool that does not exist and for one that is not its own', async () => {
    const client = await eras[era]('/api/mcp/$smart', 'member');
    const { structured } = await ask(client, 'search_tools', { query: 'read secret vault', limit: 20 });
    expect(JSON.stringify(structured)).not.toContain('secret');
    for (const [name, argsOf] of [
      ['call_tool', (id: string) => ({ id })],
      ['describe_tool', (id: string) => ({ ids: ['files__ask', id] })],
    ] as const) {
      const [hidden, missing] = [
        await ask(client, name, argsOf('vault__read_secret')),
        await ask(client, name, argsOf('vault__read_nothing')),
      ];
      expect(hidden.isError).toBe(true);
      expect(hidden.text.replaceAll('read_secret', 'read_nothing')).toBe(missing.text);
    }
    expect(seen).toEqual([]);
  });

  it('may not call by name what is not listed', async () => {
    const client = await eras[era]('/api/mcp/$smart');
    await expect(client.callTool({ name: 'files__ask' })).rejects.toMatchObject({ code: -32602 });
    expect(seen).toEqual([]);
  });

  it('searches a group with the names of the group, at an endpoint of its own', async () => {
    const client = await eras[era]('/api/mcp/$smart/readers', 'member');
    expect((await client.listTools()).tools[0]?.description).toContain('3 tools of 1 server (files)');
    const { structured } = await ask(client, 'search_tools', { query: 'file' });
    expect((structured as { hits: Json[] }).hits[0]).toMatchObject({ id: 'read_file' });
    expect(await ask(client, 'call_tool', { id: 'read_file', arguments: { path: 'x' } })).toMatchObject({
      text: 'read_file: {"path":"x"}',
    });
  });

  it.each([
    ['search_tools', {}],
    ['search_tools', { query: '' }],
    ['search_tools', { query: 'x'.repeat(9000) }],
    ['search_tools', { query: 7 }],
    ['search_tools', { query: 'x', limit: 1000 }],
    ['search_tools', { query: 'x', extra: true }],
    ['describe_tool', { ids: [] }],
    ['describe_tool', { ids: ['a', 'b', 'c', 'd', 'e', 'f'] }],
    ['call_tool', { id: 'files__ask', arguments: 'text' }],
  ])('is told what is wrong with %s %#', async (name, args) => {
    const client = await eras[era]('/api/mcp/$smart');
    const { text, isError } = await ask(client, name, args);
    expect([isError, text]).toEqual([true, expect.stringContaining(`The arguments of ${name} do not fit`)]);
  });
});

it('every step leaves a record: the search by its words, the call under the tool’s own name', async () => {
  const client = await eras.legacy('/api/mcp/$smart');
  await ask(client, 'search_tools', { query: 'file' });
  await ask(client, 'call_tool', { id: 'files__read_file', arguments: { path: '/a' } });
  await ask(client, 'call_tool', { id: 'files__nothing' });
  await until(() => hub.records.length === 3, 5000);
  expect(hub.records).toMatchObject([
    { tool: 'search_tools', server: null, outcome: 'ok', endpoint: '/api/mcp/$smart', arguments: { query: 'file' } },
    { tool: 'read_file', server: 'files', outcome: 'ok', endpoint: '/api/mcp/$smart', arguments: { path: '/a' } },
    { tool: null, server: null, outcome: 'denied', arguments: { name: 'files__nothing' } },
  ]);
});

it('searches are counted, with how many hits, and at which place the tool was that was then called', async () => {
  const client = await eras.legacy('/api/mcp/$smart');
  await ask(client, 'search_tools', { query: 'read whole file' });
  await ask(client, 'call_tool', { id: 'files__read_file', arguments: { path: '/a' } });
  await ask(client, 'call_tool', { id: 'vault__read_secret' });
  await ask(client, 'search_tools', { query: 'qwrtz' });
  await ask(client, 'call_tool', { id: 'files__read_file', arguments: { path: '/a' } });
  expect(counted.searches).toEqual([
    ['lexical', expect.any(Number)],
    ['lexical', 0],
  ]);
  expect(counted.ranks[0]).toBe(1);
  expect(counted.ranks.length).toBeLessThanOrEqual(2);
});

it('a question of a tool reaches the client of a session, progress too, and cancelling ends the call', async () => {
  const { client } = await hub.client('/api/mcp/$smart', 'key-a', { elicitation: {} }, (fresh) =>
    fresh.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: { who: 'me' } })),
  );
  expect((await ask(client, 'call_tool', { id: 'files__ask' })).text).toContain('"who":"me"');
  const progress: unknown[] = [];
  const stop = new AbortController();
  const call = client.callTool({ name: 'call_tool', arguments: { id: 'files__slow' } }, undefined, {
    signal: stop.signal,
    onprogress: (each) => {
      progress.push(each);
      stop.abort();
    },
  });
  await expect(call).rejects.toThrow();
  expect(progress).toMatchObject([{ progress: 1, message: 'half' }]);
  await until(() => cancelled.length === 1, 5000);
});

it('a question of a tool becomes input_required, and the retry goes on with the same call', async () => {
  const params = { name: 'call_tool', arguments: { id: 'files__ask', arguments: {} } };
  const options = { path: '/api/mcp/$smart', capabilities: { elicitation: {} } };
  const first = await modernResult(hub, 'tools/call', params, options);
  expect(first.resultType).toBe('input_required');
  const [[key]] = Object.entries(first.inputRequests as Json) as [[string, unknown]];
  const answers = { [key]: { action: 'accept', content: { who: 'you' } } };
  const retry = { ...params, requestState: first.requestState, inputResponses: answers };
  const second = await modernResult(hub, 'tools/call', retry, options);
  expect(JSON.stringify(second)).toContain('you');
  expect(seen).toHaveLength(1);
  const other = { ...retry, arguments: { id: 'files__slow', arguments: {} } };
  const refused = await lastMessage(await modernPost(hub, 'tools/call', other, options));
  expect(refused).toMatchObject({ error: { code: -32602 } });
  expect(seen).toHaveLength(1);
});

it('the list changes with what lies behind it', async () => {
  let changes = 0;
  const { client } = await hub.client('/api/mcp/$smart', 'key-a', {}, (fresh) =>
    fresh.setNotificationHandler(ToolListChangedNotificationSchema, () => void changes++),
  );
  await client.listTools();
  lists.files = { one: { description: 'Only one' } };
  hub.supervisor.notify('id-files', 'notifications/tools/list_changed');
  await until(() => changes > 0, 5000);
  expect((await client.listTools()).tools[0]?.description).toContain('2 tools of 2 servers');
});

it('is served over HTTP+SSE too, and at no other spelling', async () => {
  const stop = new AbortController();
  const stream = await fetch(`${hub.url}/api/mcp/$smart/readers/sse`, {
    headers: { authorization: 'Bearer key-a', accept: 'text/event-stream' },
    signal: stop.signal,
  });
  expect([stream.status, stream.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
  stop.abort();
  for (const path of [
    '/api/mcp/$smart/$smart',
    '/api/mcp/$smart/',
    '/api/mcp/$smar',
    '/api/mcp/$smart/none',
    '/api/mcp/x/$smart',
  ]) {
    const response = await hub.post(rpc('initialize'), { path });
    expect([path, response.status]).toEqual([path, 404]);
  }
});
