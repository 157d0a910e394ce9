// `npm run bench`: a real hub, with key check and call log on, beside two simple proxies on the same machine at the
// same time. Read the ratios: the absolute figures are those of the machine. Nothing else should run meanwhile.
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Hub, startHub } from '../../tests/support/hub';
import { freePort } from '../launcher/port';
import { ensureWeb, root } from '../prepare.mjs';
import { usage } from './lib/proc.mjs';
import { benchStreams } from './streams';

interface Target {
  name: string;
  url: string;
  token?: string;
  /** The processes whose CPU time counts. */
  pids: () => number[];
}

interface LoadResult {
  failed?: string;
  calls: number;
  calls_per_s: number;
  errors: number;
  latency_ms: { p50: number; p99: number };
}

interface Measured {
  callsPerSecond: number;
  p50: number;
  p99: number;
  cpuMicroseconds: number;
}

const rounds = 3;
const seconds = 3;
const warmupSeconds = 1;
const idleSeconds = 10;

const here = (name: string) => join(root, 'scripts/bench', name);
const server = (name: string) => join(root, `node_modules/@modelcontextprotocol/server-${name}/dist/index.js`);

/** @returns the exit code: 1 when something could not be measured; a missed target is only shown */
export async function bench(args: string[]): Promise<number> {
  if (args[0] === 'streams') return benchStreams();
  await ensureWeb();
  const started: ChildProcess[] = [];
  let hub: Hub | undefined;
  try {
    const upstream = await program(started, 'upstream.mjs');
    const node = await program(started, 'refs/proxy-node.mjs', '--to', upstream.origin);
    const undici = await program(started, 'refs/proxy-undici.mjs', '--to', upstream.origin, '--prefix', 'up__');
    const config = {
      mcpServers: {
        http: { type: 'http', url: `${upstream.origin}/mcp` },
        stdio: { command: process.execPath, args: [here('upstream-stdio.mjs')] },
      },
    };
    hub = await startHub({ config });
    const running = hub;
    const hubPids = () => (['launcher', 'database', 'worker'] as const).flatMap((part) => running.pid(part) ?? []);
    const proxy = (name: string, { origin, pid }: { origin: string; pid: number }): Target => ({
      name,
      url: `${origin}/mcp`,
      pids: () => [pid],
    });
    const ofHub = (name: string, endpoint: string): Target => ({
      name,
      url: `${running.mcpUrl}/${endpoint}`,
      token: running.apiKey,
      pids: hubPids,
    });
    const targets = [
      proxy('proxy-undici', undici),
      proxy('proxy-node', node),
      ofHub('hub, HTTP', 'http'),
      ofHub('hub, stdio', 'stdio'),
    ];
    for (const sessions of [1, 64]) print(sessions, await compare(targets, sessions));
    await running.stop({ keepData: true });

    await coldStart(running);
    hub = await idleMemory(running);
    return 0;
  } catch (error) {
    process.stdout.write(`The benchmark failed: ${error instanceof Error ? error.message : error}\n`);
    return 1;
  } finally {
    await hub?.stop();
    for (const child of started) child.kill('SIGKILL');
  }
}

async function program(started: ChildProcess[], name: string, ...args: string[]) {
  const port = await freePort();
  const child = spawn(process.execPath, [here(name), '--port', String(port), ...args], { stdio: 'ignore' });
  started.push(child);
  const origin = `http://127.0.0.1:${port}`;
  while (!(await fetch(origin).catch(() => null))) await delay(50);
  return { origin, pid: child.pid ?? 0 };
}

/** Runs the targets in turn, another one first in each round, so that a change of the machine's mood hits all alike. */
async function compare(targets: Target[], sessions: number): Promise<Map<string, Measured[]>> {
  const results = new Map<string, Measured[]>(targets.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < targets.length; turn++) {
      const target = targets[(turn + round) % targets.length];
      if (target) results.get(target.name)?.push(await measure(target, sessions));
    }
  }
  return results;
}

async function measure(target: Target, sessions: number): Promise<Measured> {
  const before = usage(target.pids(), { self: true }).cpu_s;
  const result = await harness<LoadResult>('load.mjs', [
    ...['--url', target.url, '--concurrency', String(sessions)],
    ...['--duration', String(seconds), '--warmup', String(warmupSeconds)],
    ...(target.token ? ['--token', target.token] : []),
  ]);
  if (result.failed || result.errors > 0 || result.calls === 0) {
    throw new Error(`${target.name}: ${result.failed ?? `${result.errors} wrong answers`}`);
  }
  const cpuSeconds = usage(target.pids(), { self: true }).cpu_s - before;
  // CPU time covers the warm-up too, in which calls run at the same rate but are not counted.
  const share = seconds / (seconds + warmupSeconds);
  return {
    callsPerSecond: result.calls_per_s,
    p50: result.latency_ms.p50,
    p99: result.latency_ms.p99,
    cpuMicroseconds: ((cpuSeconds * share) / result.calls) * 1e6,
  };
}

/** Runs a program of the harness and reads the JSON object that it prints. */
function harness<T>(name: string, args: string[], env: NodeJS.ProcessEnv = process.env): Promise<T> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [here(name), ...args], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (text) => {
      output += text;
    });
    child.on('close', (code) => {
      try {
        resolve(JSON.parse(output) as T);
      } catch {
        reject(new Error(`${name} ended with code ${code}`));
      }
    });
  });
}

const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

function print(sessions: number, results: Map<string, Measured[]>): void {
  const base = results.get('proxy-undici') ?? [];
  const row = (...cells: string[]) =>
    `${cells.map((cell, at) => (at ? cell.padStart(13) : cell.padEnd(14))).join('')}\n`;
  process.stdout.write(
    `\ntools/call, ${sessions} session${sessions > 1 ? 's' : ''}, median of ${rounds} runs of ${seconds} s\n`,
  );
  process.stdout.write(row('', 'calls/s', 'x proxy', 'p50 ms', 'p99 ms', 'CPU µs/call', 'calls/CPU s'));
  for (const [name, runs] of results) {
    const ratio = median(runs.map((run, round) => run.callsPerSecond / (base[round]?.callsPerSecond ?? Number.NaN)));
    const cpu = median(runs.map((run) => run.cpuMicroseconds));
    process.stdout.write(
      row(
        name,
        median(runs.map((run) => run.callsPerSecond)).toFixed(0),
        ratio.toFixed(2),
        median(runs.map((run) => run.p50)).toFixed(2),
        median(runs.map((run) => run.p99)).toFixed(2),
        cpu.toFixed(0),
        (1e6 / cpu).toFixed(0),
      ),
    );
  }
}

/** `npm start` of a hub that has run before, until the first right answer of a tool. */
async function coldStart({ mcpUrl, apiKey, port, dataDir, configFile, admin }: Hub): Promise<void> {
  const result = await harness<{ first_call_ms: number | null; runs: object[] }>(
    'coldstart.mjs',
    ['--url', `${mcpUrl}/stdio`, '--token', apiKey, '--runs', '3', '--cwd', root, '--', 'npm', 'start'],
    {
      ...process.env,
      PORT: String(port),
      MCPHUB_DATA_DIR: dataDir,
      MCPHUB_CONFIG: configFile,
      MCPHUB_ADMIN_USERNAME: admin.username,
      MCPHUB_ADMIN_PASSWORD: admin.password,
      MCPHUB_BOOTSTRAP_API_KEY: apiKey,
    },
  );
  if (result.first_call_ms === null) throw new Error(`no start led to an answer: ${JSON.stringify(result.runs)}`);
  process.stdout.write(
    `\nnpm start, second run, to the first right tool call: ${(result.first_call_ms / 1000).toFixed(2)} s\n`,
  );
}

async function idleMemory({ dataDir, port, apiKey }: Hub): Promise<Hub> {
  const command = process.execPath;
  const config = {
    mcpServers: {
      memory: { command, args: [server('memory')] },
      files: { command, args: [server('filesystem'), dataDir] },
      everything: { command, args: [server('everything')] },
    },
  };
  const hub = await startHub({ web: true, dataDir, port, config, env: { MCPHUB_BOOTSTRAP_API_KEY: apiKey } });
  await fetch(`${hub.url}/signin`);
  await delay(idleSeconds * 1000);
  const parts = ['launcher', 'database', 'worker', 'web'] as const;
  const figures = parts.map((part) => [part, usage([hub.pid(part) ?? 0], { self: part !== 'web' }).pss_mib] as const);
  const total = figures.reduce((sum, [, mib]) => sum + mib, 0);
  const detail = figures.map(([part, mib]) => `${part} ${mib.toFixed(0)}`).join(', ');
  process.stdout.write(
    `memory of the idle hub with three servers (Pss, without theirs): ${total.toFixed(0)} MiB (${detail})\n`,
  );
  return hub;
}
