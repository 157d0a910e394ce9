// The launcher's promises, on the built programs: what ends is started again while the rest goes on, a stop leaves
// nothing, and a start finds its way around what an earlier life left.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { isRunning } from '../../scripts/lock.mjs';
import { root } from '../../scripts/prepare.mjs';
import { fairNow } from '../support/fair-clock';
import { type Hub, type HubOptions, type HubPart, startHub, treeOf } from '../support/hub';
import { until } from '../support/until';

const memoryServer = {
  command: process.execPath,
  args: [join(root, 'node_modules/@modelcontextprotocol/server-memory/dist/index.js')],
};
const config = { mcpServers: { memory: memoryServer } };

async function readGraph({ mcpUrl, apiKey }: Hub): Promise<number> {
  const headers = {
    authorization: `Bearer ${apiKey}`,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
  };
  const post = (body: object, more = {}) =>
    fetch(mcpUrl, { method: 'POST', headers: { ...headers, ...more }, body: JSON.stringify(body) });
  const opened = await post({
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
  });
  const session = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' };
  const answer = await post(
    { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'memory__read_graph', arguments: {} } },
    session,
  );
  const text = await answer.text();
  return text.includes('entities') ? 200 : answer.status === 200 ? 500 : answer.status;
}

/** The server answers a call through the hub, whatever happens meanwhile. */
async function serves(running: Hub, deadlineMs: number): Promise<void> {
  await until(async () => (await readGraph(running).catch(() => 0)) === 200, deadlineMs, running.logs);
}

function mcpServerOf(running: Hub) {
  const found = treeOf(running.pid('worker') ?? 0).slice(1);
  expect(found.length).toBeGreaterThan(0);
  return found;
}

/** Starts a launcher that is expected to give up. */
function launch(env: Record<string, string>): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(root, 'dist/launcher.mjs'), '--no-web'], {
      env: { PATH: process.env.PATH, NODE_ENV: 'production', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => (output += text));
    child.on('close', (code) => resolve({ code, output }));
  });
}

describe('the lives of one hub, in turn', () => {
  let running: Hub;
  let firstMs = 0;

  /** The next life: the same data, address and key. */
  async function live(options: HubOptions): Promise<void> {
    running = await startHub({ config, ...options });
    await serves(running, 20_000);
  }
  const again = (options: HubOptions = {}): HubOptions => {
    const { dataDir, port, apiKey } = running;
    return { dataDir, port, env: { MCPHUB_BOOTSTRAP_API_KEY: apiKey }, ...options };
  };

  afterAll(() => running?.stop());

  it('the first makes its database, and serves', async () => {
    const startedAt = fairNow();
    await live({ firstStart: true });
    firstMs = fairNow() - startedAt;
  });

  it('a second hub on its data directory names the process that has it, and ends', async () => {
    const { code, output } = await launch({ MCPHUB_DATA_DIR: running.dataDir });
    expect(code).toBe(1);
    expect(output).toContain(`is running already: pid ${running.pid('launcher')}, ${running.url}`);
  });

  it('a killed worker is started again, with the reason in the log: calls work within seconds', async () => {
    const before = running.pid('worker');
    const servers = mcpServerOf(running);
    running.kill('worker');
    await until(() => running.pid('worker') !== before && running.pid('worker') !== null, 20_000, running.logs);
    await serves(running, 20_000);
    expect(running.logs()).toContain('The worker program was ended by SIGKILL');
    expect(servers.some(isRunning)).toBe(false);
  });

  it('a killed database is started again: calls go on while it is away, and what was committed is still there', async () => {
    const before = running.pid('database');
    running.kill('database');
    expect(await readGraph(running)).toBe(200);
    await until(() => running.pid('database') !== before && running.pid('database') !== null, 20_000, running.logs);
    await until(async () => (await fetch(`${running.url}/readyz`)).status === 200, 20_000, running.logs);
    expect(running.logs()).toContain('The database program was ended by SIGKILL');
    await serves(running, 5_000);
  });

  it('ends by SIGTERM to the launcher with exit code 0, and leaves no process and no port', async () => {
    expect(await running.terminate('SIGTERM')).toBe(0);
    await running.stop({ keepData: true }); // asserts that nothing is left
  });

  it('the second needs no set-up, is quicker than the first, and keeps its keys', async () => {
    const startedAt = fairNow();
    await live(again());
    expect(fairNow() - startedAt).toBeLessThan(firstMs); // 5 s on a quiet machine: `npm run bench`
  });

  it('ends by SIGINT to the launcher in the same way', async () => {
    expect(await running.terminate('SIGINT')).toBe(0);
    await running.stop({ keepData: true });
  });

  it('the third is killed, launcher and worker: the next leaves no server of its life behind, and works', async () => {
    await live(again());
    const family = [...treeOf(running.pid('launcher') ?? 0), ...mcpServerOf(running)];
    // The worker cannot end its servers itself when it dies in the same moment.
    running.kill('launcher');
    running.kill('worker');
    await running.ended;
    await live(again({ throughNpm: true }));
    await until(
      () => !family.some(isRunning),
      10_000,
      () => JSON.stringify(family.filter(isRunning)),
    );
  });

  it('ends by SIGINT to npm in the same way', async () => {
    expect(await running.terminate('SIGINT')).toBe(0);
    await running.stop({ keepData: true });
  });

  it('a killed web program is started again: MCP goes on, pages are told to come again, and then come [F-HUB-02]', async () => {
    await live(again({ throughNpm: true, web: true }));
    expect((await fetch(`${running.url}/signin`)).status).toBe(200);
    const before = running.pid('web');
    running.kill('web');
    const page = await fetch(`${running.url}/signin`);
    expect([page.status, page.headers.has('retry-after')]).toEqual([503, true]);
    expect(await readGraph(running)).toBe(200);
    const isBack = async () => (await fetch(`${running.url}/signin`)).status === 200;
    await until(isBack, 60_000, running.logs);
    expect(running.pid('web')).not.toBe(before);
    const programs: HubPart[] = ['launcher', 'worker', 'database', 'web'];
    expect(programs.map((part) => running.pid(part)).every(Number.isInteger)).toBe(true);
  });

  it('ends by SIGTERM to npm in the same way', async () => {
    expect(await running.terminate('SIGTERM')).toBe(0);
    await running.stop();
  });
});

describe('a start', () => {
  it('on a busy port names the port, its holder and what to do, and ends with code 1', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'mcphub-busy-'));
    const blocker = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => blocker.once('listening', resolve));
    const address = blocker.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const { code, output } = await launch({ PORT: String(port), MCPHUB_DATA_DIR: dataDir });
    blocker.close();
    rmSync(dataDir, { recursive: true });
    expect(code).toBe(1);
    expect(output).toContain(`Port ${port} is in use by pid ${process.pid} (`);
    expect(output).toContain(`PORT=${port + 1} npm start`);
  });

  it('with unusable settings lists all of them and ends with code 1', async () => {
    const { code, output } = await launch({ PORT: '0', LOG_LEVEL: 'loud', MCPHUB_ADMIN_USERNAME: 'admin' });
    expect(code).toBe(1);
    for (const name of ['PORT', 'LOG_LEVEL', 'MCPHUB_ADMIN_PASSWORD']) expect(output).toContain(name);
    expect(output).not.toContain('at ');
  });

  it('without a first admin prints a setup link that works once, and the addresses', async () => {
    const env = { MCPHUB_ADMIN_USERNAME: '', MCPHUB_ADMIN_PASSWORD: '', MCPHUB_BOOTSTRAP_API_KEY: '' };
    const running = await startHub({ env });
    await running.stop();
    expect(running.logs()).toMatch(/Set up +http:\/\/127\.0\.0\.1:\d+\/setup\?token=\S+/);
    expect(running.logs()).toContain(running.mcpUrl);
    expect(running.logs()).toContain(running.dataDir);
  });
});
