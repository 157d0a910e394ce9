// The first admin of a fresh hub, and how the hub is reached: the one-time link, addresses and names, and the route of
// the web program that stands in for the door.
import { readFileSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from '../../../scripts/prepare.mjs';
import { type Hub, startHub } from '../../support/hub';
import { listeningPortOf, mcpHeaders, openSession, read, rest, statuses } from '../../support/hub-client';
import { until } from '../../support/until';

const program = join(root, 'tests/support/servers/stdio.mjs');
const publicUrl = 'https://hub.example.com';
const chosen = { username: 'first', password: 'a password of my own' };
const noAdmin = { MCPHUB_ADMIN_USERNAME: '', MCPHUB_ADMIN_PASSWORD: '', MCPHUB_BOOTSTRAP_API_KEY: '' };

let hub: Hub;
let token: string;

beforeAll(async () => {
  hub = await startHub({
    web: true,
    firstStart: true,
    config: { mcpServers: { good: { command: process.execPath, args: [program] } } },
    env: { ...noAdmin, HOST: '0.0.0.0', MCPHUB_PUBLIC_URL: publicUrl },
  });
  token = /\/setup\?token=(\S+)/.exec(hub.logs())?.[1] ?? '';
}, 300_000);

afterAll(() => hub?.stop());

const setUp = async (input: object) =>
  read(
    await fetch(`${hub.url}/api/v1/setup`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(input),
    }),
  );

const page = (path: string, headers: Record<string, string> = {}) =>
  fetch(hub.url + path, { redirect: 'manual', headers });

/** With a Host header of one's choice, which fetch refuses to send. */
function statusOf(address: string, host: string, path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: address, port: hub.port, path, headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    asked.on('error', reject);
    asked.end();
  });
}

describe('the one-time link', () => {
  it('is printed with the public URL, and every page leads to the set-up', async () => {
    expect(hub.logs()).toContain(`${publicUrl}/setup?token=${token}`);
    expect(token.length).toBeGreaterThan(32);
    const home = await page('/');
    expect([home.status, home.headers.get('location')]).toEqual([307, '/setup']);
    expect((await page(`/setup?token=${token}`)).status).toBe(200);
  });

  it('with a wrong token or a weak password makes nobody', async () => {
    expect((await setUp({ ...chosen, token: `${token}x` })).status).toBe(401);
    expect((await setUp({ ...chosen, token, password: 'short' })).status).toBe(400);
    expect((await setUp({ ...chosen, token, role: 'admin' })).status).toBe(400);
    expect((await page('/setup')).status).toBe(200);
  });

  it('makes one admin, however many try at once, and then there is no set-up any more', async () => {
    const tries = await Promise.all(
      Array.from({ length: 5 }, (_, at) => setUp({ ...chosen, username: `first-${at}`, token })),
    );
    const states = tries.map(({ status }) => status);
    expect(states.filter((status) => status === 201)).toHaveLength(1);
    for (const status of states) expect([201, 401, 404]).toContain(status);
    expect((await setUp({ ...chosen, token })).status).toBe(404);
    expect((await page(`/setup?token=${token}`)).status).toBeOneOf([404, 307]);
    expect((await page('/')).headers.get('location')).toBe('/signin');
  });
});

describe('names and addresses', () => {
  it('other machines are warned of, the public name and loopback are served, others are not', async () => {
    expect(hub.logs()).toContain('HOST=0.0.0.0');
    const status = (host: string, path: string) => statusOf('127.0.0.1', host, path);
    for (const path of ['/healthz', '/signin', '/api/mcp', '/socket.io/?EIO=4&transport=polling', '/api/v1/me']) {
      expect([path, await status('hub.example.com', path)]).not.toEqual([path, 403]);
      expect([path, await status(`localhost:${hub.port}`, path)]).not.toEqual([path, 403]);
      expect([path, await status('evil.example', path)]).toEqual([path, 403]);
      expect([path, await status(`127.0.0.1.evil.example:${hub.port}`, path)]).toEqual([path, 403]);
    }
  });

  it('what the hub keeps on disk is closed to other users', () => {
    for (const name of ['', 'run', 'database', 'run/worker.sock', 'run/.s.PGSQL.5432', 'master.key']) {
      expect([name, statSync(join(hub.dataDir, name)).mode & 0o077]).toEqual([name, 0]);
    }
  });

  it('the port is open on the addresses of other networks, and figures are not', async () => {
    const address = Object.values(networkInterfaces())
      .flat()
      .find((each) => each?.family === 'IPv4' && !each.internal)?.address;
    if (!address) return; // a machine with loopback alone
    const status = await statusOf(address, 'hub.example.com', '/metrics');
    expect(status).toBe(401);
  });
});

describe('the route of the web program, where no door stands before it', () => {
  let own: Hub;
  let direct: string;

  beforeAll(async () => {
    own = await startHub({
      web: true,
      config: { mcpServers: { good: { command: process.execPath, args: [program] } } },
    });
    await until(async () => (await statuses(own)).good?.state === 'ready', 20_000, own.logs);
    const web = own.pid('web');
    const words = readFileSync(`/proc/${web}/environ`, 'latin1');
    expect(words).not.toContain('MCPHUB_ADMIN_PASSWORD=a');
    direct = `http://127.0.0.1:${listeningPortOf(web ?? 0)}/api/mcp`;
  }, 300_000);

  afterAll(() => own?.stop());

  it('serves a whole session of the official client: tools, progress, end', async () => {
    const headers = { authorization: `Bearer ${own.apiKey}` };
    const transport = new StreamableHTTPClientTransport(new URL(direct), { requestInit: { headers } });
    const client = new Client({ name: 'test', version: '1' });
    await client.connect(transport);
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('good__echo');
    const seen: number[] = [];
    const result = await client.callTool({ name: 'good__progress', arguments: { steps: 3, ms: 30 } }, undefined, {
      onprogress: ({ progress }) => seen.push(progress),
    });
    expect([result.content, seen]).toEqual([[{ type: 'text', text: '3 steps' }], [1, 2, 3]]);
    await transport.terminateSession();
    await client.close();
  });

  it('answers bad input as the door does', async () => {
    const post = async (init: RequestInit) =>
      read(await fetch(direct, { method: 'POST', redirect: 'manual', ...init }));
    const bare = await post({ headers: mcpHeaders, body: '{}' });
    expect([bare.status, bare.headers.get('www-authenticate')]).toEqual([401, expect.stringContaining('Bearer')]);
    const headers = { ...mcpHeaders, authorization: `Bearer ${own.apiKey}` };
    expect((await post({ headers, body: '{' })).json.error.code).toBe(-32700);
    expect((await post({ headers: { ...headers, origin: 'https://evil.example' }, body: '{}' })).status).toBe(403);
    expect((await post({ headers: { ...headers, 'content-type': 'text/plain' }, body: '{}' })).status).toBe(415);
  });

  it('answers 503 while the worker is away, and serves the same session when it is back', async () => {
    const session = await openSession({ mcpUrl: direct, apiKey: own.apiKey });
    const before = own.pid('worker');
    own.kill('worker');
    const answer = await session.request('ping');
    expect([answer.status, answer.json.error.code, answer.headers.has('retry-after')]).toEqual([503, 1001, true]);
    await until(() => own.pid('worker') !== null && own.pid('worker') !== before, 10_000, own.logs);
    await until(async () => (await session.request('ping')).status === 200, 20_000, own.logs);
  });

  it('lets REST say that the worker is away instead of failing', async () => {
    await until(async () => (await statuses(own)).good?.state === 'ready', 20_000, own.logs);
    const base = new URL(direct).origin;
    own.kill('worker');
    const answer = await rest({ url: base, apiKey: own.apiKey }, 'POST', '/tools/call', {
      server: 'good',
      tool: 'echo',
    });
    expect([answer.status, answer.json.code]).toEqual([503, 'UNAVAILABLE']);
    const list = await rest({ url: base, apiKey: own.apiKey }, 'GET', '/servers');
    expect([list.status, list.json.data[0].name]).toEqual([200, 'good']);
  });
});
