// The gateway over real MCP servers: programs from npm, started by the product's own supervisor-side client.
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { LoggingMessageNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEgress, openUpstream, type Upstream } from '../../../worker/upstream';
import { serverRow, startGateway, type TestGateway } from '../../support/gateway';
import { until } from '../../support/until';

const require = createRequire(import.meta.url);
const dir = realpathSync(mkdtempSync(join(tmpdir(), 'mcphub-gateway-')));
const upstreams: Upstream[] = [];
let hub: TestGateway;

function programOf(name: string): string {
  const manifest = require.resolve(`@modelcontextprotocol/${name}/package.json`);
  return join(dirname(manifest), Object.values((require(manifest) as { bin: Record<string, string> }).bin)[0] ?? '');
}

async function open(name: string, args: string[]): Promise<void> {
  const upstream = await openUpstream(
    { name, type: 'stdio', command: process.execPath, args, env: {}, cwd: dir, url: null, headers: {} },
    {
      client: { name: 'mcphub', version: '0' },
      egress: createEgress('private-allowed'),
      signal: new AbortController().signal,
      process: { marker: `test-${name}`, ownEnv: process.env, beforeStop: async () => {}, reap: async () => {} },
    },
    {
      notification: (method, params) => hub.supervisor.notify(`id-${name}`, method, params),
      closed: () => hub.supervisor.close(`id-${name}`),
      spawned: () => undefined,
      stderr: () => undefined,
      doubtful: () => undefined,
    },
  );
  upstreams.push(upstream);
  hub.supervisor.open(`id-${name}`, upstream);
}

beforeAll(async () => {
  hub = await startGateway({ servers: [serverRow('everything'), serverRow('files'), serverRow('memory')] });
  writeFileSync(join(dir, 'hello.txt'), 'hello file');
  await Promise.all([
    open('everything', [programOf('server-everything'), 'stdio']),
    open('files', [programOf('server-filesystem'), dir]),
    open('memory', [programOf('server-memory')]),
  ]);
  await until(() => hub.stored.size === 3, 20_000);
});

afterAll(async () => {
  await Promise.all(upstreams.map((upstream) => upstream.close()));
  await hub.close();
  rmSync(dir, { recursive: true, force: true });
});

describe('real servers through the official client', () => {
  it('all their tools are listed and can be called [L-TOOL-06]', async () => {
    const { client } = await hub.client();
    const { tools } = await client.listTools();
    const names = tools.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['everything__echo', 'files__read_text_file', 'memory__read_graph']));
    const echo = await client.callTool({ name: 'everything__echo', arguments: { message: 'hi' } });
    expect(echo.content).toEqual([{ type: 'text', text: 'Echo: hi' }]);
    const file = await client.callTool({ name: 'files__read_text_file', arguments: { path: join(dir, 'hello.txt') } });
    expect(file).toMatchObject({ content: [{ text: 'hello file' }] });
    const graph = await client.callTool({ name: 'memory__read_graph', arguments: {} });
    expect(graph).toMatchObject({ structuredContent: { entities: [], relations: [] } });
    expect(hub.records.map(({ outcome }) => outcome)).toEqual(['ok', 'ok', 'ok']);
  });

  it('progress of a long call arrives step by step', async () => {
    const { client } = await hub.client('/api/mcp/everything');
    const { tools } = await client.listTools();
    const long = tools.find(({ name }) => name.includes('long-running'))?.name ?? '';
    const steps: number[] = [];
    const call = { name: long, arguments: { duration: 0.6, steps: 3 } };
    await client.callTool(call, undefined, { onprogress: ({ progress }) => void steps.push(progress) });
    expect(steps).toEqual([1, 2, 3]);
  });

  it('an answer of the server that is an error arrives as it is [L-TOOL-04]', async () => {
    const { client } = await hub.client('/api/mcp/files');
    const result = await client.callTool({ name: 'read_text_file', arguments: { path: '/etc/hostname' } });
    expect(result.isError).toBe(true);
    expect(hub.records.at(-1)).toMatchObject({ outcome: 'tool_error', server: 'files' });
  });

  it('resources, templates, prompts and completion work', async () => {
    const { client } = await hub.client('/api/mcp/everything');
    const { resources } = await client.listResources();
    const uri = resources[0]?.uri ?? '';
    expect((await client.readResource({ uri })).contents[0]?.uri).toBe(uri);
    const { resourceTemplates } = await client.listResourceTemplates();
    expect(resourceTemplates.length).toBeGreaterThan(0);
    const filled = (resourceTemplates[0]?.uriTemplate ?? '').replace(/\{[^}]*\}/, '1');
    expect((await client.readResource({ uri: filled })).contents).toHaveLength(1);
    const { prompts } = await client.listPrompts();
    expect(prompts.length).toBeGreaterThan(0);
    const simple = prompts.find((prompt) => !prompt.arguments?.length)?.name ?? '';
    expect((await client.getPrompt({ name: simple })).messages.length).toBeGreaterThan(0);
  });

  it('the log level can be set and log messages of a call do not reach other clients', async () => {
    const { client } = await hub.client('/api/mcp/everything');
    const other = await hub.client('/api/mcp/everything');
    let seen = 0;
    other.client.setNotificationHandler(LoggingMessageNotificationSchema, () => void seen++);
    await client.setLoggingLevel('debug');
    await client.callTool({ name: 'echo', arguments: { message: 'x' } });
    await other.client.ping();
    expect(seen).toBe(0);
  });
});
