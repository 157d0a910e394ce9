// The real parts that tests need: Postgres, Redis, Chromium. Taken from the environment when it names them, else from
// the system, else installed with apt where we are root on Debian. Servers run on free ports of 127.0.0.1 in a
// temporary folder and end with the test command. Postgres comes in two kinds, with pgvector (pgvector.ts) and as it is.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { accessSync, chownSync, constants, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import postgres from 'postgres';
import { freePort } from '../launcher/port';

/** What a test run gets of a part: the value of its environment variable, or why it is missing. */
export type Part = { value: string; stop(): Promise<void> } | { missing: string };

const startDeadlineMs = 30_000;

export async function providePostgres(given: string | undefined): Promise<Part> {
  if (given) return { value: given, stop: async () => {} };
  const find = () => findProgram('postgres', postgresFolders());
  const program = find() ?? (install('postgresql') ? find() : null);
  if (!program)
    return { missing: 'no Postgres found, and it cannot be installed here (Debian: apt-get install postgresql)' };
  return startPostgres(program);
}

/** A server of its own, which ends with the run. @param program the path of `postgres`, beside its `initdb` */
export async function startPostgres(program: string): Promise<Part> {
  const owner = ordinaryUser();
  const dir = mkdtempSync(join(tmpdir(), 'mcphub-postgres-'));
  if (owner) chownSync(dir, owner.uid, owner.gid);
  const data = join(dir, 'data');
  execFileSync(
    program.replace(/postgres$/, 'initdb'),
    ['-D', data, '-U', 'postgres', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync'],
    { ...owner, cwd: dir, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const port = await freePort();
  // Nothing of it outlives the run, so nothing needs to reach the disk.
  const settings = [
    'listen_addresses=127.0.0.1',
    `unix_socket_directories=${dir}`,
    'fsync=off',
    'synchronous_commit=off',
    'full_page_writes=off',
    'max_connections=200',
    'logging_collector=off',
  ];
  const child = spawn(program, ['-D', data, '-p', String(port), ...settings.flatMap((each) => ['-c', each])], {
    ...owner,
    cwd: dir,
    stdio: 'ignore',
    detached: true, // a Ctrl-C of the terminal is for the tests first
  });
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  // SIGINT: "fast shutdown", does not wait for clients. SIGQUIT: "immediate shutdown", takes all its processes along.
  const stop = stopper(child, { signal: 'SIGINT', lastSignal: 'SIGQUIT', dir });
  return (await isUp(child, () => answersSql(url))) ? { value: url, stop } : failed('Postgres', stop);
}

export async function provideRedis(given: string | undefined): Promise<Part> {
  if (given) return { value: given, stop: async () => {} };
  const find = () => findProgram('redis-server', []);
  const program = find() ?? (install('redis-server') ? find() : null);
  if (!program)
    return { missing: 'no redis-server found, and it cannot be installed here (Debian: apt-get install redis-server)' };
  const dir = mkdtempSync(join(tmpdir(), 'mcphub-redis-'));
  const port = await freePort();
  const child = spawn(
    program,
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', dir],
    { cwd: dir, stdio: 'ignore', detached: true },
  );
  const stop = stopper(child, { signal: 'SIGTERM', lastSignal: 'SIGKILL', dir });
  return (await isUp(child, () => answersTcp(port)))
    ? { value: `redis://127.0.0.1:${port}`, stop }
    : failed('Redis', stop);
}

export async function provideChromium(given: string | undefined): Promise<Part> {
  if (given) return { value: given, stop: async () => {} };
  const find = () =>
    findProgram('chromium', []) ?? findProgram('chromium-browser', []) ?? findProgram('google-chrome', []);
  const program = find() ?? (install('chromium') ? find() : null);
  if (!program)
    return { missing: 'no Chromium found, and it cannot be installed here (Debian: apt-get install chromium)' };
  return { value: program, stop: async () => {} };
}

/** Debian keeps the server programs of Postgres out of PATH, by version. */
export function postgresFolders(): string[] {
  const versions = '/usr/lib/postgresql';
  if (!existsSync(versions)) return [];
  const newestFirst = readdirSync(versions).sort((a, b) => Number(b) - Number(a));
  return newestFirst.map((version) => join(versions, version, 'bin'));
}

export function findProgram(name: string, folders: string[]): string | null {
  const candidates = [...folders, ...(process.env.PATH ?? '').split(delimiter)].map((folder) => join(folder, name));
  return candidates.find(isExecutable) ?? null;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

let isPackageListFresh = false;

function install(name: string): boolean {
  if (process.getuid?.() !== 0 || !findProgram('apt-get', [])) return false;
  process.stdout.write(`Installing the Debian package ${name} for the tests …\n`);
  // Run level 1 keeps the package from starting its service.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  try {
    if (!isPackageListFresh) execFileSync('apt-get', ['update', '-qq'], { env, stdio: 'pipe' });
    isPackageListFresh = true;
    execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', name], { env, stdio: 'pipe' });
    return true;
  } catch (error) {
    const words = String((error as { stderr?: Buffer }).stderr ?? error).trim();
    process.stdout.write(`apt-get could not install ${name}: ${words.split('\n').at(-1)}\n`);
    return false;
  }
}

/** Postgres refuses to run as root. @returns null when we are an ordinary user ourselves */
function ordinaryUser(): { uid: number; gid: number } | null {
  if (process.getuid?.() !== 0) return null;
  for (const name of ['postgres', 'nobody']) {
    try {
      const id = (flag: string) => Number(execFileSync('id', [flag, name], { stdio: 'pipe' }).toString());
      return { uid: id('-u'), gid: id('-g') };
    } catch {
      // No such user here.
    }
  }
  return null;
}

async function isUp(child: ChildProcess, check: () => Promise<boolean>): Promise<boolean> {
  const deadline = performance.now() + startDeadlineMs;
  while (child.exitCode === null && child.signalCode === null && performance.now() < deadline) {
    if (await check()) return true;
    await delay(50);
  }
  return false;
}

async function answersSql(url: string): Promise<boolean> {
  const sql = postgres(url, { max: 1, connect_timeout: 2, onnotice: () => {} });
  try {
    await sql`select 1`;
    return true;
  } catch {
    return false;
  } finally {
    await sql.end();
  }
}

function answersTcp(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

async function failed(name: string, stop: () => Promise<void>): Promise<Part> {
  await stop();
  return { missing: `${name} is installed but did not start` };
}

interface Stopping {
  signal: NodeJS.Signals;
  /** For one that does not stop, and for an end of this process that leaves no time to wait. */
  lastSignal: NodeJS.Signals;
  dir: string;
}

/** @returns ends the server and removes its folder; may be called twice. The end of this process does so too. */
function stopper(child: ChildProcess, { signal, lastSignal, dir }: Stopping): () => Promise<void> {
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const removeDir = () => rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
  const lastResort = () => {
    child.kill(lastSignal);
    removeDir();
  };
  process.once('exit', lastResort);
  return async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal);
      const timer = setTimeout(() => child.kill(lastSignal), 5_000);
      await ended;
      clearTimeout(timer);
    }
    process.off('exit', lastResort);
    removeDir();
  };
}
