// Boots a real hub for a test file: the built launcher with its own data directory and port. Cleaning up is part of
// it: stop() fails the test when a process or the port is left.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { envSchema, fileSettings, runtimeDir } from '../../lib/env';
import { freePort, portFault } from '../../scripts/launcher/port';
import { isRunning, type ProcessId, startTimeOf } from '../../scripts/lock.mjs';
import { ensurePrograms, ensureWeb, root } from '../../scripts/prepare.mjs';
import { copyEmbeddedTemplate } from './embedded-template';
import { until } from './until';

export interface HubOptions {
  /** The servers file: `{mcpServers: {…}}`, or the text of one. */
  config?: object | string;
  /** Further settings, e.g. DATABASE_URL. */
  env?: Record<string, string>;
  /** Whether the web program runs too; without it a hub is up in a second or two. */
  web?: boolean;
  /** Patterns of the only files of app/ that its web program has, where it is one below a path: a build costs CPU. */
  pages?: string[];
  /** Whether it is started by `npm start`, as people do; its signals then go to npm. */
  throughNpm?: boolean;
  /** Whether it makes its database itself, as on the first start of all; else it gets a ready one, which saves seconds. */
  firstStart?: boolean;
  /** A data directory that an earlier hub left with `stop({ keepData: true })`. */
  dataDir?: string;
  port?: number;
}

export type HubPart = 'launcher' | 'worker' | 'database' | 'web';

export interface Hub {
  url: string;
  mcpUrl: string;
  port: number;
  /** A key of the first admin. */
  apiKey: string;
  admin: { username: string; password: string };
  dataDir: string;
  /** The watched servers file; write to it to edit the servers. */
  configFile: string;
  /** All that the hub printed so far. */
  logs(): string;
  /** The launcher of a hub through npm is npm. @returns null while the part does not run */
  pid(part: HubPart): number | null;
  /** SIGKILL to one program. */
  kill(part: HubPart): void;
  /** A signal to the launcher, or to npm. @returns its exit code */
  terminate(signal?: NodeJS.Signals): Promise<number | null>;
  /** Resolves when the launcher, or npm, has ended, whyever. */
  ended: Promise<number | null>;
  /** Ends the hub and asserts that nothing is left. Idempotent. */
  stop(options?: { keepData?: boolean }): Promise<void>;
}

const admin = { username: 'admin', password: 'a long test password' };
const startDeadlineMs = 60_000;

export async function startHub(options: HubOptions = {}): Promise<Hub> {
  await ensurePrograms();
  if (options.web) await ensureWeb(options.env?.MCPHUB_PUBLIC_URL, options.pages);
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'mcphub-hub-'));
  if (!options.firstStart && !options.dataDir && !options.env?.DATABASE_URL) await copyEmbeddedTemplate(dataDir);
  const configFile = join(dataDir, 'mcp.json');
  if (options.config !== undefined) writeConfig(configFile, options.config);
  const port = options.port ?? (await freePort());
  const url = `http://127.0.0.1:${port}`;
  const apiKey = `test_${randomBytes(24).toString('hex')}`;

  const flags = options.web ? [] : ['--no-web'];
  const [command, args] = options.throughNpm
    ? ['npm', ['start', '--', ...flags]]
    : [process.execPath, [join(root, 'dist/launcher.mjs'), ...flags]];
  const child = spawn(command, args, {
    cwd: root,
    env: {
      ...surroundings(),
      PORT: String(port),
      MCPHUB_DATA_DIR: dataDir,
      ...(options.config !== undefined && { MCPHUB_CONFIG: configFile }),
      MCPHUB_ADMIN_USERNAME: admin.username,
      MCPHUB_ADMIN_PASSWORD: admin.password,
      MCPHUB_BOOTSTRAP_API_KEY: apiKey,
      ...options.env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
  }
  const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  // A test run that is cut off takes its hubs along; their programs end with the launcher.
  const killLauncher = () => child.kill('SIGKILL');
  process.once('exit', killLauncher);
  let isStopped = false;
  /** Every process that ran when somebody asked the hub to end; afterwards nobody could tell whose they were. */
  let family: ProcessId[] = [];

  const hub: Hub = {
    url,
    mcpUrl: `${url}/api/mcp`,
    port,
    apiKey: options.env?.MCPHUB_BOOTSTRAP_API_KEY ?? apiKey,
    admin,
    dataDir,
    configFile,
    logs: () => printed,
    pid: (part) => (part === 'launcher' ? (child.pid ?? null) : (recorded(dataDir)[part]?.pid ?? null)),
    kill(part) {
      const pid = hub.pid(part);
      assert(pid, `${part} does not run`);
      process.kill(pid, 'SIGKILL');
    },
    ended,
    terminate(signal = 'SIGTERM') {
      if (child.pid !== undefined && child.exitCode === null) family = [...family, ...treeOf(child.pid)];
      child.kill(signal);
      return ended;
    },
    async stop({ keepData = false } = {}) {
      if (isStopped) return;
      isStopped = true;
      await hub.terminate();
      process.off('exit', killLauncher);
      await until(
        () => leftOf(family, dataDir).length === 0,
        10_000,
        () => `left over: ${listed(leftOf(family, dataDir))}`,
      );
      assert.equal(await portFault(port, '127.0.0.1'), null, `port ${port} is still in use`);
      if (!keepData) rmSync(dataDir, { recursive: true, force: true });
    },
  };

  const isReady = async () => {
    assert(child.exitCode === null && child.signalCode === null, `the hub ended while it started:\n${printed}`);
    const answer = await fetch(`${url}/readyz`).catch(() => null);
    // The launcher hears from the worker a moment after /readyz says so; then it prints the addresses and the set-up link.
    const isAnnounced = printed.includes('Ctrl-C to stop');
    return answer?.status === 200 && isAnnounced && (!options.web || printed.includes('The dashboard is ready'));
  };
  try {
    await until(isReady, startDeadlineMs, () => `the hub did not become ready:\n${printed}`);
  } catch (error) {
    await hub.stop().catch(() => {});
    throw error;
  }
  return hub;
}

export function writeConfig(file: string, config: object | string): void {
  writeFileSync(file, typeof config === 'string' ? config : JSON.stringify(config, null, 2));
}

/** Our environment without the settings of a hub. */
function surroundings(): NodeJS.ProcessEnv {
  const settings = new Set([...Object.keys(envSchema.shape), ...fileSettings.map((key) => `${key}_FILE`)]);
  return Object.fromEntries(Object.entries(process.env).filter(([key]) => !settings.has(key))) as NodeJS.ProcessEnv;
}

function recorded(dataDir: string): Partial<Record<HubPart, ProcessId>> {
  try {
    return JSON.parse(readFileSync(join(runtimeDir(dataDir), 'launcher.json'), 'utf8')).programs;
  } catch {
    return {};
  }
}

function pids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // it has ended
  }
}

/** A process and all its descendants. */
export function treeOf(pid: number): ProcessId[] {
  const childrenOf = new Map<number, number[]>();
  for (const each of pids()) {
    const parent = Number(/^PPid:\s*(\d+)/m.exec(read(`/proc/${each}/status`))?.[1]);
    childrenOf.set(parent, [...(childrenOf.get(parent) ?? []), each]);
  }
  const visit = (each: number): number[] => [each, ...(childrenOf.get(each) ?? []).flatMap(visit)];
  return visit(pid).map((each) => ({ pid: each, startTime: startTimeOf(each) }));
}

/** Processes of the hub that still run: known ones, and any that carries its data directory in the environment. */
function leftOf(family: ProcessId[], dataDir: string): number[] {
  const marked = pids().filter((pid) => read(`/proc/${pid}/environ`).includes(dataDir));
  const known = family.filter((id) => id.startTime !== null && isRunning(id)).map((id) => id.pid);
  return [...new Set([...marked, ...known])];
}

function listed(left: number[]): string {
  return left.map((pid) => `${pid} (${read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim()})`).join(', ');
}
