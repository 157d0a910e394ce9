// Reports and tests of servers over REST, on a whole hub: what is shown, what survives a restart, what a test leaves.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ServerReport, ServerTest } from '../../../lib/diagnosis/schema';
import { root } from '../../../scripts/prepare.mjs';
import { type ApiServer, startApi } from '../../support/api-server';
import { type Hub, startHub } from '../../support/hub';
import { rest, statuses } from '../../support/hub-client';
import { until } from '../../support/until';
import { until as found, processesWith } from '../../support/upstreams';

const fixture = join(root, 'tests/support/servers/stdio.mjs');
const everything = join(root, 'node_modules/@modelcontextprotocol/server-everything/dist/index.js');
const modern = join(root, 'tests/support/servers/reference/modern.mjs');
const dataDir = mkdtempSync(join(tmpdir(), 'mcphub-diagnosis-'));

let hub: Hub;

const node = (name: string, ...args: string[]) => ({ name, type: 'stdio', command: process.execPath, args });

async function reportOf(name: string): Promise<ServerReport> {
  return (await rest(hub, 'GET', `/servers/${name}/report`)).json;
}

beforeAll(async () => {
  hub = await startHub({ web: true, dataDir, firstStart: true });
  for (const server of [
    node('everything', everything),
    node('modern', modern, 'stdio'),
    node('odd', fixture, 'bad-tools'),
    node('silent', fixture, 'silent'),
  ]) {
    expect((await rest(hub, 'POST', '/servers', server)).status).toBe(201);
  }
  await until(async () => {
    const states = await statuses(hub);
    return (
      ['everything', 'modern'].every((name) => states[name]?.state === 'ready') && states.odd?.state === 'degraded'
    );
  }, 30_000);
}, 300_000);

afterAll(async () => {
  await hub?.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

describe('the report', () => {
  const listed = (name: string) =>
    found(`a listed start of ${name}`, async () => {
      const report = await reportOf(name);
      return report.life?.starts[0]?.listedMs ? report : null;
    });

  it('of the everything server: what it offers, how it started, that all its schemas can be used', async () => {
    const report = await listed('everything');
    expect(report.handshake).toMatchObject({ era: 'legacy', protocolVersion: '2025-11-25' });
    expect(report.handshake?.offers).toMatchObject({ tools: true, resources: true, prompts: true, logging: true });
    expect(report.counts.tools).toBeGreaterThanOrEqual(13);
    expect(report.tools.filter(({ input, output }) => input.fault || output?.fault)).toEqual([]);
    expect(report.life).toMatchObject({ medianStart: { of: 1 }, exits: {}, restarts: 0, cancels: 'not-seen' });
    expect(report.life?.events.map(({ state }) => state)).toEqual(['starting', 'ready']);
    expect(report.isLive).toBe(true);
  });

  it('of a server of 2026-07-28', async () => {
    const report = await listed('modern');
    expect(report.handshake).toMatchObject({ era: 'modern', protocolVersion: '2026-07-28' });
    expect(report.counts.tools).toBeGreaterThan(0);
  });

  it('of a server with tools that cannot be used names each with its reason', async () => {
    const { tools, hidden } = await listed('odd');
    expect(tools.map(({ name }) => name)).toEqual(['first', 'unknown-fields', 'last']);
    expect(hidden).toContainEqual({ kind: 'tool', name: 'huge', reason: 'Its schemas are larger than 256 KiB.' });
    expect(hidden).toHaveLength(7);
  });
});

describe('a test', () => {
  const headers = () => ({ authorization: `Bearer ${hub.apiKey}`, accept: 'application/x-ndjson' });

  it('of a saved server gives its outcome, without a body', async () => {
    const { status, json } = await rest(hub, 'POST', '/servers/everything/test');
    expect([status, json.state]).toEqual([200, 'passed']);
    expect((await rest(hub, 'POST', '/servers/none/test')).status).toBe(404);
  });

  it('of settings that are not saved tells what helps, and saves nothing', async () => {
    const input = { name: 'draft', type: 'stdio', command: 'mcphub-no-such-program' };
    const { json } = (await rest(hub, 'POST', '/tests', input)) as { json: ServerTest };
    expect(json).toMatchObject({
      state: 'failed',
      stages: [{ id: 'command', state: 'failed' }, {}, {}, {}, {}, {}, {}, {}],
    });
    expect((await rest(hub, 'GET', '/servers/draft')).status).toBe(404);
    const patched = await rest(hub, 'POST', '/servers/everything/test', { patch: { cwd: '/no/such/folder' } });
    expect(patched.json.stages).toContainEqual(expect.objectContaining({ id: 'cwd', state: 'failed' }));
    const refused = await rest(hub, 'POST', '/tests', { ...input, env: { LD_PRELOAD: 'x' } });
    expect([refused.status, refused.json.code]).toEqual([400, 'INVALID_INPUT']);
  });

  it('is told stage by stage while it runs', async () => {
    const path = '/servers/everything/test';
    const answer = await fetch(`${hub.url}/api/v1${path}`, { method: 'POST', headers: headers() });
    expect(answer.headers.get('content-type')).toBe('application/x-ndjson');
    const lines = (await answer.text()).trim().split('\n');
    const states = lines.map((line) => (JSON.parse(line) as ServerTest).state);
    expect(states.length).toBeGreaterThan(1);
    expect([states[0], states.at(-1)]).toEqual(['running', 'passed']);
  });

  it('ends with all that it started when whoever asked goes away', async () => {
    const before = processesWith(`${fixture} silent`).length;
    const leaving = new AbortController();
    const path = '/servers/silent/test';
    const answer = await fetch(`${hub.url}/api/v1${path}`, {
      method: 'POST',
      headers: headers(),
      signal: leaving.signal,
    });
    const reader = answer.body?.getReader();
    await reader?.read();
    await until(() => processesWith(`${fixture} silent`).length > before, 10_000);
    const second = await rest(hub, 'POST', path);
    expect([second.status, second.json.code]).toEqual([409, 'CONFLICT']);
    leaving.abort();
    await until(() => processesWith(`${fixture} silent`).length <= before, 15_000);
    await until(async () => (await statuses(hub)).everything?.state === 'ready', 5_000);
  });
});

it('what was noticed is there again after a restart of the hub', async () => {
  const exited = { server: 'everything', tool: 'no-such-tool', arguments: {} };
  await rest(hub, 'POST', '/tools/call', exited);
  const before = await reportOf('everything');
  await hub.stop({ keepData: true });
  hub = await startHub({ web: true, dataDir });
  await until(async () => ((await reportOf('everything')).life?.starts.length ?? 0) === 2, 20_000);
  const after = await reportOf('everything');
  expect(after.life?.since).toBe(before.life?.since);
  expect(after.life?.starts[0]).toEqual(before.life?.starts[0]);
  expect(after.life?.medianStart?.of).toBe(2);
});

describe('a test of an API', () => {
  const document = JSON.stringify({
    openapi: '3.1.0',
    info: { title: 'Shop', version: '1' },
    servers: [{ url: '/v1' }],
    paths: { '/pets': { get: { operationId: 'listPets', responses: { 200: { description: 'ok' } } } } },
  });
  let api: ApiServer;

  beforeAll(async () => {
    api = await startApi();
    api.on('/good.json', (_request, response) => void response.writeHead(200).end(document));
    api.on('/broken.json', (_request, response) => void response.writeHead(200).end('{ "openapi": "3.1.0"'));
    api.on('/gone.json', (_request, response) => void response.writeHead(404).end('no'));
  });
  afterAll(() => api?.close());

  const tested = async (url: string) => {
    const { json } = await rest(hub, 'POST', '/tests', {
      name: 'shop',
      type: 'openapi',
      openapi: { documentUrl: url },
    });
    return json as ServerTest;
  };
  const failed = ({ stages }: ServerTest) => stages.find(({ state }) => state === 'failed');

  it('goes from its address to its tools', async () => {
    const test = await tested(`${api.url}/good.json`);
    expect([test.state, failed(test)]).toEqual(['passed', undefined]);
    expect(test.stages.map(({ id }) => id)).toEqual(expect.arrayContaining(['handshake', 'lists']));
    expect((await rest(hub, 'GET', '/servers/shop')).status).toBe(404);
  });

  it.each(['broken', 'gone'])('says what is wrong with a document that is %s', async (name) => {
    const test = await tested(`${api.url}/${name}.json`);
    expect([test.state, failed(test)?.id]).toEqual(['failed', 'handshake']);
    expect(JSON.stringify(failed(test))).toMatch(name === 'gone' ? /404/ : /line 1|JSON|YAML/);
  });

  it('stops at an address where nobody listens', async () => {
    const closed = await startApi();
    await closed.close();
    const test = await tested(`${closed.url}/good.json`);
    expect(test.state).toBe('failed');
    expect(['connect', 'tcp']).toContain(failed(test)?.id);
  });
});
