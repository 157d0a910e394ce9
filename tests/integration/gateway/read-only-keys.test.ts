// A read-only key at the gateway: what it lists and what it may call are the same.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { controlCalls } from '../../../lib/control/schema';
import { keyActor, memoryUpstream, serverRow, startGateway, type TestGateway } from '../../support/gateway';
import { until } from '../../support/until';

let hub: TestGateway;
let hints: Record<string, unknown>;

beforeEach(async () => {
  hints = {
    look: { readOnlyHint: true },
    write: { readOnlyHint: false },
    bare: undefined,
    odd: { readOnlyHint: 'true' },
  };
  hub = await startGateway({ servers: [serverRow('demo'), serverRow('other')] });
  const scope = { readOnly: true, servers: ['demo'] };
  hub.keys.set('reader', keyActor('reader', 'admin', { keyScope: scope }));
  for (const name of ['demo', 'other']) hub.supervisor.open(`id-${name}`, demo());
  await until(() => hub.stored.size === 2, 5000);
});
afterEach(() => hub.close());

/** Also a tool with the name that stands for a server as a whole elsewhere. */
function demo() {
  return memoryUpstream({ tools: { listChanged: true }, resources: {}, prompts: {} }, (method, params) => {
    if (method === 'tools/list') {
      const tools = Object.entries({ ...hints, '*': { readOnlyHint: false } });
      return { tools: tools.map(([name, annotations]) => ({ name, inputSchema: { type: 'object' }, annotations })) };
    }
    if (method === 'resources/list') return { resources: [{ uri: 'demo://a', name: 'a' }] };
    if (method === 'resources/read') return { contents: [{ uri: params.uri, text: 'read' }] };
    if (method === 'prompts/list') return { prompts: [{ name: 'greet' }] };
    if (method === 'prompts/get') return { messages: [] };
    return method === 'tools/call' ? { content: [{ type: 'text', text: String(params.name) }] } : {};
  });
}

it('lists and calls the tools that say so of themselves, of its servers only', async () => {
  const { client } = await hub.client('/api/mcp', 'reader');
  expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['demo__look']);
  expect(await client.callTool({ name: 'demo__look' })).toMatchObject({ content: [{ text: 'look' }] });
  for (const name of ['demo__write', 'demo__bare', 'demo__odd', 'demo__*', '*', 'write', 'other__look']) {
    await expect(client.callTool({ name }), name).rejects.toMatchObject({ code: -32602 });
  }
});

it('reads the resources and prompts of its servers', async () => {
  const { client } = await hub.client('/api/mcp/demo', 'reader');
  expect(await client.readResource({ uri: 'demo://a' })).toMatchObject({ contents: [{ text: 'read' }] });
  expect(await client.getPrompt({ name: 'greet' })).toEqual({ messages: [] });
});

it('loses a tool the moment its server no longer says that it only reads', async () => {
  const { client } = await hub.client('/api/mcp', 'reader');
  await client.callTool({ name: 'demo__look' });
  hints = { ...hints, look: { readOnlyHint: false } };
  hub.supervisor.notify('id-demo', 'notifications/tools/list_changed');
  await until(async () => (await client.listTools()).tools.length === 0, 5000);
  await expect(client.callTool({ name: 'demo__look' })).rejects.toMatchObject({ code: -32602 });
});

it('stays read-only on its way from the web program to the worker', () => {
  const actor = keyActor('reader', 'user', { keyScope: { readOnly: true } });
  const body = { actor, requestId: 'r', server: 's', tool: 't', arguments: {} };
  const { keyScope } = controlCalls['tools.call'].body.parse(JSON.parse(JSON.stringify(body))).actor;
  expect(keyScope).toEqual({ readOnly: true });
});
