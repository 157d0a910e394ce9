// What an endpoint says for several servers together: extensions, how long lists may be kept, where URIs lead.
import { CreateMessageRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterEach, describe, expect, it } from 'vitest';
import type { Upstream } from '../../../worker/upstream/types';
import {
  initialize,
  memoryUpstream,
  type Respond,
  serverRow,
  startGateway,
  type TestGateway,
} from '../../support/gateway';
import { modernResult } from '../../support/modern';
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
