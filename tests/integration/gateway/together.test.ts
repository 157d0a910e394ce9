// What an endpoint says for several servers together: extensions, how long lists may be kept, where URIs lead.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CreateMessageRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import pino from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { createChecker } from '../../../app/_ui/schema-form/model/validate';
import type { Upstream } from '../../../worker/upstream/types';
import {
  initialize,
  keyActor,
  memoryUpstream,
  type Respond,
  rpc,
  serverRow,
  startGateway,
  type TestGateway,
} from '../../support/gateway';
import { modernPost, modernResult } from '../../support/modern';
import { until } from '../../support/until';

type Json = Record<string, unknown>;

let hub: TestGateway;
afterEach(() => hub.close());

async function start(upstreams: Record<string, Upstream>): Promise<void> {
  const names = Object.keys(upstreams);
  hub = await startGateway({ servers: names.map((name) => serverRow(name)) });
  for (const name of names) hub.supervisor.open(`id-${name}`, upstreams[name] as Upstream);
  await until(() => hub.stored.size === names.length, 5000);
}

const ui = 'io.modelcontextprotocol/ui';
const inputSchema = { type: 'object' };
const everyList = { tools: {}, resources: {}, prompts: {} };

/** Answers lists with what it is given, and tools/call by `run`. */
function lister(lists: Json, run: Respond = () => ({ content: [] })): Respond {
  return (method, ...rest) => {
    const empty = { tools: [], resources: [], resourceTemplates: [], prompts: [] };
    return method.endsWith('/list') ? { ...empty, ...lists } : run(method, ...rest);
  };
}

describe('MCP Apps', () => {
  const announced = async (path: string): Promise<unknown[]> => {
    const discovered = (await modernResult(hub, 'server/discover', {}, { path })).capabilities as Json;
    const initialised = await (await hub.post(initialize(), { path })).json();
    return [discovered.extensions, initialised.result.capabilities.extensions];
  };

  it('are announced as a visible server announces them, or for the apps that are there', async () => {
    const settings = { mimeTypes: ['text/html;profile=mcp-app'] };
    const app = { name: 'app', inputSchema, _meta: { ui: { resourceUri: 'ui://app/main' } } };
    await start({
      says: memoryUpstream({ tools: {}, extensions: { [ui]: settings, 'example.com/other': {} } }, lister({})),
      page: memoryUpstream({ resources: {} }, lister({ resources: [{ uri: 'ui://page/x', name: 'x' }] })),
      tool: memoryUpstream({ tools: {} }, lister({ tools: [app] })),
      none: memoryUpstream(everyList, lister({ tools: [{ name: 'plain', inputSchema }] })),
    });
    expect(await announced('/api/mcp/says')).toEqual([{ [ui]: settings }, { [ui]: settings }]);
    expect(await announced('/api/mcp/page')).toEqual([{ [ui]: {} }, { [ui]: {} }]);
    expect(await announced('/api/mcp/tool')).toEqual([{ [ui]: {} }, { [ui]: {} }]);
    expect(await announced('/api/mcp/none')).toEqual([undefined, undefined]);
    expect(await announced('/api/mcp')).toEqual([{ [ui]: settings }, { [ui]: settings }]);
  });
});

describe('lists may be kept', () => {
  const listed = async (path: string, method = 'tools/list') => {
    const { ttlMs, cacheScope } = await modernResult(hub, method, {}, { path });
    return [ttlMs, cacheScope];
  };
  const modern = (hints: Json) => memoryUpstream(everyList, lister(hints), undefined, 'modern');

  it('as long as the least of their parts, by one caller', async () => {
    await start({
      old: memoryUpstream(everyList, lister({})),
      short: modern({ ttlMs: 5000, cacheScope: 'public' }),
      long: modern({ ttlMs: 3_600_000, cacheScope: 'public' }),
      silent: modern({}),
      odd: modern({ ttlMs: -5 }),
    });
    expect(await listed('/api/mcp/old')).toEqual([30_000, 'private']);
    expect(await listed('/api/mcp/short')).toEqual([5000, 'private']);
    expect(await listed('/api/mcp/long')).toEqual([30_000, 'private']);
    expect(await listed('/api/mcp/silent')).toEqual([30_000, 'private']);
    expect(await listed('/api/mcp/odd')).toEqual([0, 'private']);
    expect(await listed('/api/mcp', 'prompts/list')).toEqual([0, 'private']);
    expect(await listed('/api/mcp/short', 'server/discover')).toEqual([5000, 'private']);
  });

  it('all pages of one list alike [N-CACHE-02]', async () => {
    const tools = Array.from({ length: 600 }, (_, index) => ({ name: `tool-${index}`, inputSchema }));
    const hints = { ttlMs: 7000, cacheScope: 'public' };
    await start({
      one: memoryUpstream(everyList, lister({ tools, ...hints }), undefined, 'modern'),
      two: memoryUpstream(everyList, lister({ tools })),
    });
    const first = await modernResult(hub, 'tools/list');
    const second = await modernResult(hub, 'tools/list', { cursor: first.nextCursor });
    expect([first, second].map(({ ttlMs, cacheScope }) => [ttlMs, cacheScope])).toEqual([
      [7000, 'private'],
      [7000, 'private'],
    ]);
    expect([first, second].map(({ tools: page }) => (page as Json[]).length)).toEqual([1000, 200]);
  });
});

describe('URIs that clash lead to their server in', () => {
  const resources = [{ uri: 'demo://same', name: 'same' }];
  const tools = [{ name: 'ask', inputSchema }];
  /** In sampling, resources are named by the results of tools alone (client/sampling, 2025-11-25). */
  const messages = (uri: string) => {
    const link = { type: 'resource_link', uri, name: 'same' };
    const embedded = { type: 'resource', resource: { uri, text: 'demo://same' } };
    const calling = { type: 'tool_use', id: '1', name: 'x', input: { uri: 'demo://same' } };
    return [
      { role: 'user', content: { type: 'text', text: 'demo://same' } },
      { role: 'assistant', content: [calling] },
      { role: 'user', content: [{ type: 'tool_result', toolUseId: '1', content: [link, embedded] }] },
    ];
  };
  const sent = messages('demo://same');
  const mapped = messages('mcphub:two:demo://same');
  const wish = { method: 'sampling/createMessage', params: { messages: sent, maxTokens: 5 } };
  const old = () =>
    memoryUpstream(
      everyList,
      lister({ resources, tools }, async (_method, _params, { client }, signal) => {
        const answer = await client?.ask(wish.method, wish.params, signal);
        return { content: [{ type: 'text', text: JSON.stringify(answer) }] };
      }),
    );
  const modern = () =>
    memoryUpstream(
      everyList,
      lister({ resources, tools }, (_method, { inputResponses }) =>
        inputResponses
          ? { resultType: 'complete', content: [{ type: 'text', text: 'done' }] }
          : { resultType: 'input_required', inputRequests: { one: wish } },
      ),
      undefined,
      'modern',
    );
  const kinds = { 'a server with sessions': old, 'one without': modern };
  const rows = Object.keys(kinds).flatMap((server) => ['session', 'request'].map((client) => ({ server, client })));

  it.each(rows)('a question of $server to a client of a $client', async ({ server, client }) => {
    await start({ one: old(), two: kinds[server as keyof typeof kinds]() });
    const capabilities = { sampling: { tools: {} } };
    if (client === 'request') {
      const asked = await modernResult(hub, 'tools/call', { name: 'two__ask' }, { capabilities });
      const [request] = Object.values(asked.inputRequests as Record<string, typeof wish>);
      expect(request?.params.messages).toEqual(mapped);
      const own = await modernResult(hub, 'tools/call', { name: 'one__ask' }, { capabilities });
      const [unchanged] = Object.values(own.inputRequests as Record<string, typeof wish>);
      expect(unchanged?.params.messages).toEqual(sent);
      return;
    }
    const heard: unknown[] = [];
    const { client: official } = await hub.client('/api/mcp', 'key-a', capabilities, (made) => {
      made.setRequestHandler(CreateMessageRequestSchema, ({ params }) => {
        heard.push(params.messages);
        return { role: 'assistant', model: 'm', content: { type: 'text', text: 'Paris' } };
      });
    });
    await official.callTool({ name: 'two__ask' });
    await official.callTool({ name: 'one__ask' });
    expect(heard).toMatchObject([mapped, sent]);
  });
});

describe('what one server does wrong', () => {
  it('is logged: what of its lists was left out, and why [N-PARAM-08]', async () => {
    const logged: { msg: string; faults?: unknown[] }[] = [];
    const log = pino({ level: 'warn' }, { write: (line: string) => void logged.push(JSON.parse(line)) });
    hub = await startGateway({ servers: [serverRow('one')], log });
    const upstream = memoryUpstream(
      everyList,
      lister({
        tools: [
          { name: 'good', inputSchema },
          { name: 'bad', inputSchema },
        ],
      }),
    );
    upstream.faultOfTool = ({ name }) => (name === 'bad' ? 'Its x-mcp-header is odd.' : null);
    hub.supervisor.open('id-one', upstream);
    await until(() => hub.stored.size === 1, 5000);
    expect(logged.filter(({ faults }) => faults)).toMatchObject([
      { serverId: 'id-one', faults: [{ kind: 'tool', name: 'bad', reason: 'Its x-mcp-header is odd.' }] },
    ]);
  });

  it('a result of an unknown type is a bad answer, in a revision that has types [N-RPC-05]', async () => {
    const tools = [{ name: 'odd', inputSchema }];
    const answer = { resultType: 'surprise', content: [{ type: 'text', text: 'x' }] };
    await start({
      old: memoryUpstream(
        everyList,
        lister({ tools }, () => answer),
      ),
      new: memoryUpstream(
        everyList,
        lister({ tools }, () => answer),
        undefined,
        'modern',
      ),
    });
    const call = { name: 'odd' };
    await expect(modernResult(hub, 'tools/call', call, { path: '/api/mcp/new' })).rejects.toThrow('surprise');
    expect(await modernResult(hub, 'tools/call', call, { path: '/api/mcp/old' })).toMatchObject({
      resultType: 'complete',
    });
    const text = async (path: string) => {
      const session = await hub.session(path);
      return (await hub.post(rpc('tools/call', call), { session, path })).text();
    };
    expect(await text('/api/mcp/new')).toContain('unknown type');
    expect(JSON.parse(await text('/api/mcp/old'))).toMatchObject({ result: { content: answer.content } });
  });
});

it('what a retry brought may not be kept, whatever its server says [N-CACHE-04]', async () => {
  const inputRequests = { one: { method: 'roots/list' } };
  const contents = [{ uri: 'demo://a', text: 'a' }];
  const respond: Respond = lister(
    { resources: [{ uri: 'demo://a', name: 'a' }] },
    (_method, { uri, inputResponses }) =>
      inputResponses || uri === 'demo://plain'
        ? { resultType: 'complete', contents, ttlMs: 60_000, cacheScope: 'public' }
        : { resultType: 'input_required', inputRequests },
  );
  await start({ one: memoryUpstream(everyList, respond, undefined, 'modern') });
  const read = (params: Json) => modernResult(hub, 'resources/read', params, { capabilities: { roots: {} } });
  expect(await read({ uri: 'demo://plain' })).toMatchObject({ ttlMs: 60_000, cacheScope: 'private' });
  expect(await read({ uri: 'demo://a' })).not.toHaveProperty('ttlMs');
  const inputResponses = { one: { roots: [] } };
  expect(await read({ uri: 'demo://a', inputResponses })).toMatchObject({ contents, ttlMs: 0, cacheScope: 'private' });
});

it('completion is declared, and limited in rate for each caller [N-COMP-01]', async () => {
  const respond: Respond = lister({ prompts: [{ name: 'greet' }] }, () => ({ completion: { values: ['a'] } }));
  await start({ one: memoryUpstream({ prompts: {}, completions: {} }, respond) });
  hub.keys.set('key-b', keyActor('b'));
  expect((await modernResult(hub, 'server/discover')).capabilities).toMatchObject({ completions: {} });
  const params = { ref: { type: 'ref/prompt', name: 'one__greet' }, argument: { name: 'who', value: 'a' } };
  const complete = (key = 'key-a') => modernPost(hub, 'completion/complete', params, { key });
  const answers = await Promise.all(Array.from({ length: 300 }, () => complete()));
  const refused = answers.filter(({ status }) => status === 429);
  expect(refused.length).toBeGreaterThan(0);
  expect(answers.length - refused.length).toBeGreaterThanOrEqual(100);
  expect(refused[0]?.headers.get('retry-after')).toMatch(/^\d+$/);
  expect((await complete('key-b')).status).toBe(200);
});

it('no address that a schema names is asked for anything [N-RPC-10]', async () => {
  let requests = 0;
  const listener = createServer((_request, response) => {
    requests += 1;
    response.end('{}');
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => listener.once('listening', resolve));
  const { port } = listener.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/schema.json`;
  const schema = { $schema: url, type: 'object', properties: { a: { $ref: url }, b: { $dynamicRef: url } } };
  const tools = [{ name: 'far', inputSchema: schema, outputSchema: { $ref: url } }];
  try {
    await start({
      one: memoryUpstream(
        everyList,
        lister({ tools }, () => ({ content: [], structuredContent: { a: 1 } })),
      ),
    });
    expect((await modernResult(hub, 'tools/list')).tools).toMatchObject([{ inputSchema: schema }]);
    await modernResult(hub, 'tools/call', { name: 'one__far', arguments: { a: 1 } });
    // The dashboard checks what is typed into its forms.
    expect(createChecker(schema)({ a: 1 }).unusable).not.toBeNull();
    expect(requests).toBe(0);
  } finally {
    listener.close();
  }
});
