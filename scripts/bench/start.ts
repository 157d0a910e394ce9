// Starts: of a hub that has run before until its first right call, and of one with a hundred servers; and the memory
// that an idle hub keeps.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Hub } from '../../tests/support/hub';
import { ensureWeb, root } from '../prepare.mjs';
import { usage } from './lib/proc.mjs';
import { harness, type Stage, say, stdioServer, table } from './support';

const idleSeconds = 10;

function environment({ port, dataDir, configFile, admin, apiKey }: Hub): NodeJS.ProcessEnv {
  return {
    ...process.env,
    PORT: String(port),
    MCPHUB_DATA_DIR: dataDir,
    MCPHUB_CONFIG: configFile,
    MCPHUB_ADMIN_USERNAME: admin.username,
    MCPHUB_ADMIN_PASSWORD: admin.password,
    MCPHUB_BOOTSTRAP_API_KEY: apiKey,
  };
}

/** `npm start` of a hub that has run before, until the first right answer of a tool. */
export async function benchStart(stage: Stage): Promise<void> {
  await ensureWeb();
  const first = await stage.hub({ config: { mcpServers: { stdio: stdioServer() } } });
  await stage.pause(first);
  const { runs } = await harness<{ runs: Record<string, number>[] }>(
    'coldstart.mjs',
    [
      ...['--url', `${first.mcpUrl}/stdio`, '--token', first.apiKey, '--runs', '4', '--cwd', root],
      ...['--', 'npm', 'start'],
    ],
    environment(first),
  );
  const seconds = (run: Record<string, number>, key: string) => (run[key] ?? Number.NaN) / 1000;
  table(
    'npm start of a hub that has run before, seconds until',
    ['', 'port answers', 'initialize', 'tools/list', 'first right call'],
    runs.map((run, at) => [
      `run ${at + 1}`,
      ...['port_ms', 'initialize_ms', 'tools_ms', 'first_call_ms'].map((key) => seconds(run, key)),
    ]),
  );
  say('  target: first right call after at most 2.5 s; the first run may read its files from a cold disk');
  if (runs.some((run) => run.first_call_ms === undefined)) throw new Error('a start led to no answer');
}

const goodServers = 98;
const stuckServers = 2;
const toolsEach = 3;
const giveUpMs = 60_000;
/** What was learned of a hundred servers is written down by then. */
const settleMs = 3_000;

/** The second start of a hub with 100 stdio servers, two of which never answer. */
export async function benchServers(stage: Stage): Promise<void> {
  const stuck = stdioServer('--start-delay', '86400000');
  const names = Array.from({ length: goodServers }, (_, at) => `good-${at}`);
  const mcpServers = Object.fromEntries([
    ...names.slice(0, goodServers / 2).map((name) => [name, stdioServer()]),
    ...Array.from({ length: stuckServers }, (_, at) => [`stuck-${at}`, stuck]),
    ...names.slice(goodServers / 2).map((name) => [name, stdioServer()]),
  ]);
  const first = await stage.hub({ config: { mcpServers } });
  const session = await initialize(first);
  await until(async () => (await countTools(first, session)) >= goodServers * toolsEach, 'the first start');
  await until(async () => (await readyServers(first)) >= goodServers, 'the first start');
  await delay(settleMs);
  await stage.pause(first);

  const startedAt = performance.now();
  const elapsed = () => (performance.now() - startedAt) / 1000;
  const child = spawn(process.execPath, [join(root, 'dist/launcher.mjs'), '--no-web'], {
    cwd: root,
    env: environment(first),
    stdio: 'ignore',
  });
  try {
    let initialized = Number.NaN;
    let slowest = 0;
    let listed = Number.NaN;
    let ready = Number.NaN;
    await until(async () => {
      const askedAt = performance.now();
      const session = await initialize(first).catch(() => null);
      if (session === null) return false;
      initialized ||= elapsed();
      slowest = Math.max(slowest, performance.now() - askedAt);
      if (Number.isNaN(listed) && (await countTools(first, session)) >= goodServers * toolsEach) listed = elapsed();
      if (Number.isNaN(ready) && (await readyServers(first)) >= goodServers) ready = elapsed();
      return !Number.isNaN(listed + ready);
    }, 'the second start');
    table(
      `second start of a hub with ${goodServers + stuckServers} stdio servers of ${toolsEach} tools, ${stuckServers} of them stuck, seconds until`,
      ['', 'initialize', 'all good listed', 'all good run', 'slowest initialize'],
      [['hub', initialized, listed, ready, slowest / 1000]],
    );
    say('  target: listed after at most 3 s, each initialize within 1 s');
  } finally {
    child.kill('SIGTERM');
    await new Promise((resolve) => child.once('exit', resolve));
  }
}

async function until(isDone: () => Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + giveUpMs;
  while (!(await isDone())) {
    if (performance.now() > deadline) throw new Error(`${what} took longer than ${giveUpMs / 1000} s`);
    await delay(25);
  }
}

async function readyServers({ url }: Hub): Promise<number> {
  const text = await fetch(`${url}/metrics`).then((response) => response.text());
  return text.split('\n').filter((line) => /^mcphub_server_status\{[^}]*status="ready"[^}]*\} 1$/.test(line)).length;
}

async function post({ mcpUrl, apiKey }: Hub, body: object, session?: string): Promise<Response> {
  const response = await fetch(mcpUrl, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      authorization: `Bearer ${apiKey}`,
      ...(session && { 'mcp-session-id': session }),
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...body }),
  });
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return response;
}

async function initialize(hub: Hub): Promise<string> {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'bench', version: '1' } };
  const response = await post(hub, { method: 'initialize', params });
  await response.text();
  return response.headers.get('mcp-session-id') as string;
}

async function countTools(hub: Hub, session: string): Promise<number> {
  const { result } = (await (await post(hub, { method: 'tools/list' }, session)).json()) as {
    result: { tools: unknown[] };
  };
  return result.tools.length;
}

/** An idle hub with three servers of the reference collection and its web program, after a first page. */
export async function benchMemory(stage: Stage): Promise<void> {
  await ensureWeb();
  const command = process.execPath;
  const server = (name: string) => join(root, `node_modules/@modelcontextprotocol/server-${name}/dist/index.js`);
  const config = {
    mcpServers: {
      memory: { command, args: [server('memory')] },
      files: { command, args: [server('filesystem'), root] },
      everything: { command, args: [server('everything')] },
    },
  };
  // On the second start, as nearly all are: the first one makes the database.
  const first = await stage.hub({ config });
  await stage.pause(first);
  const { dataDir, port, apiKey } = first;
  const hub = await stage.hub({ web: true, dataDir, port, config, env: { MCPHUB_BOOTSTRAP_API_KEY: apiKey } });
  await fetch(`${hub.url}/signin`);
  await delay(idleSeconds * 1000);
  const parts = ['launcher', 'database', 'worker', 'web'] as const;
  const figures = parts.map((part) => usage([hub.pid(part) ?? 0], { self: part !== 'web' }).pss_mib);
  const total = figures.reduce((sum, mib) => sum + mib, 0);
  table(
    'memory of an idle hub with three servers, without theirs: Pss in MiB',
    ['', ...parts, 'all'],
    [['hub', ...figures, total]],
    Array(6).fill(0),
  );
}
