// Brings a clone into a state in which it can run: packages installed, programs bundled, web built. Each part has a
// stamp of what it was made from and is skipped while the stamp fits. Only node: modules, it works on a bare clone.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { self, takeLock } from './lock.mjs';
import { applyPatches } from './patches.mjs';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const nodeModules = join(root, 'node_modules');

const parts = {
  programs: {
    title: 'Bundling the worker',
    stamp: join(root, 'dist/.stamp'),
    inputs: [
      'lib',
      'worker',
      'drizzle',
      'scripts/launcher',
      'scripts/launcher.ts',
      'scripts/lock.mjs',
      'scripts/build.mjs',
      'scripts/patches.mjs',
    ],
    command: ['scripts/build.mjs'],
  },
  web: {
    title: 'Building the dashboard',
    stamp: join(root, '.next/.mcphub-stamp'),
    inputs: [
      'app',
      'lib',
      'drizzle',
      'public',
      'scripts/patches.mjs',
      'proxy.ts',
      'next.config.ts',
      'postcss.config.mjs',
      'tsconfig.json',
    ],
    command: ['node_modules/next/dist/bin/next', 'build'],
  },
};

/**
 * The web program below a path: Next puts the path into what it builds. It lies beside the other build, so that hubs with
 * and without a path run from one folder.
 * @param pages patterns of the only files of app/ to build, and these quickly, for tests; undefined: all
 */
const webBelow = (path, pages) => ({
  ...parts.web,
  title: `Building the dashboard for ${path}`,
  stamp: join(root, '.next-below/.mcphub-stamp'),
  variant: `${path} ${pages ?? ''}`,
  command: [...parts.web.command, ...(pages ? ['--debug-build-paths', pages.join()] : [])],
  env: { MCPHUB_PUBLIC_URL: `http://hub.invalid${path}`, MCPHUB_QUICK_BUILD: pages ? '1' : '' },
});

/** Installs packages if they are not those of the lock file, and mends them. */
export async function ensureInstalled() {
  await ensurePackages();
  applyPatches(nodeModules);
}

async function ensurePackages() {
  if (isInstalled()) return;
  await locked(async () => {
    if (isInstalled()) return;
    const [command, ...args] = npm();
    // A production NODE_ENV would leave out what the build needs.
    await step('Installing packages', command, [...args, 'ci', '--include=dev', '--no-audit', '--no-fund'], {
      NODE_ENV: 'development',
    });
    writeFileSync(installStamp(), JSON.stringify(wantedInstall()));
  });
}

/** Bundles database, worker and launcher into dist/ if their sources changed. */
export const ensurePrograms = () => ensureBuilt(parts.programs);

/**
 * Builds the Next program if its sources, or the path that it is served below, changed.
 * @param publicUrl MCPHUB_PUBLIC_URL, whose path counts
 * @param pages as `webBelow`, for tests
 */
export function ensureWeb(publicUrl = '', pages = undefined) {
  const path = URL.canParse(publicUrl) ? new URL(publicUrl).pathname.replace(/\/+$/, '') : '';
  return ensureBuilt(path ? webBelow(path, pages) : parts.web);
}

async function ensureBuilt({
  title,
  stamp,
  inputs,
  command,
  variant = '',
  env = { MCPHUB_PUBLIC_URL: '', MCPHUB_QUICK_BUILD: '' },
}) {
  const wantedNow = () => hashOf([...inputs, 'package-lock.json']) + variant;
  const isFresh = () => existsSync(stamp) && readFileSync(stamp, 'utf8') === wantedNow();
  if (isFresh()) return;
  await locked(async () => {
    if (isFresh()) return;
    const wanted = wantedNow(); // before the build: an edit during it must count as newer
    rmSync(stamp, { force: true });
    await step(title, process.execPath, command, { NODE_ENV: 'production', NEXT_TELEMETRY_DISABLED: '1', ...env });
    mkdirSync(dirname(stamp), { recursive: true });
    writeFileSync(stamp, wanted);
  });
}

const installStamp = () => join(nodeModules, '.mcphub-stamp');

function wantedInstall() {
  return {
    lock: hashOf(['package-lock.json', '.npmrc']),
    platform: `${process.platform}-${process.arch}`,
    abi: process.versions.modules,
  };
}

function isInstalled() {
  const wanted = wantedInstall();
  const stamp = readJson(installStamp());
  if (stamp && (stamp.platform !== wanted.platform || stamp.abi !== wanted.abi)) return false;
  if (stamp?.lock === wanted.lock) return true;
  // No stamp of ours: packages that somebody installed with npm count too, when they are those of the lock file.
  if (!matchesLockFile()) return false;
  writeFileSync(installStamp(), JSON.stringify(wanted));
  return true;
}

/** Compares npm's record of the last complete install with the lock file. */
function matchesLockFile() {
  const installed = readJson(join(nodeModules, '.package-lock.json'))?.packages;
  const wanted = readJson(join(root, 'package-lock.json'))?.packages;
  if (!installed || !wanted) return false;
  return Object.entries(wanted).every(
    ([path, entry]) => path === '' || entry.optional || entry.devOptional || installed[path]?.version === entry.version,
  );
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}

/** How to call npm: the very npm that runs us, else the one beside this Node, else the one in PATH. */
function npm() {
  const beside = join(dirname(dirname(process.execPath)), 'lib/node_modules/npm/bin/npm-cli.js');
  const script = [process.env.npm_execpath, beside].find((path) => path && /\.c?js$/.test(path) && existsSync(path));
  return script ? [process.execPath, script] : ['npm'];
}

/** SHA-256 over names and contents of files and folders under the root; what does not exist counts as absent. */
function hashOf(paths) {
  const hash = createHash('sha256').update(process.version);
  const add = (path) => {
    const info = statSync(path, { throwIfNoEntry: false });
    if (!info) return;
    if (info.isDirectory()) {
      for (const name of readdirSync(path).sort()) add(join(path, name));
    } else {
      hash.update(`\0${relative(root, path)}\0`).update(readFileSync(path));
    }
  };
  for (const path of paths) add(join(root, path));
  return hash.digest('hex');
}

/** Two starts must not install or build at once: the second waits for the first. */
async function locked(run) {
  mkdirSync(join(root, 'dist'), { recursive: true });
  const file = join(root, 'dist/.lock');
  let isWaiting = false;
  for (;;) {
    const holder = takeLock(file, self());
    if (!holder) break;
    if (!isWaiting) say(`Waiting for another start (pid ${holder.pid}) to finish installing or building …`);
    isWaiting = true;
    await delay(250);
  }
  try {
    await run();
  } finally {
    rmSync(file, { force: true });
  }
}

function say(text) {
  process.stdout.write(`${text}\n`);
}

/** A command that failed; its output has been shown. */
class StepError extends Error {
  name = 'StepError';
}

const tailLines = 40;

/** Runs a command, shows the elapsed time while it runs, and the end of its output when it fails. */
async function step(title, command, args, env) {
  const startedAt = performance.now();
  const elapsed = () => `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
  const isTerminal = Boolean(process.stdout.isTTY);
  if (!isTerminal) say(`${title} …`);
  const ticker = setInterval(
    () => (isTerminal ? process.stdout.write(`\r\x1b[K${title} … ${elapsed()}`) : say(`${title} … ${elapsed()}`)),
    isTerminal ? 200 : 10_000,
  );
  const child = spawn(command, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // own group, so that an interrupt ends the whole of it
  });
  const output = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output.push(text);
      if (output.length > 1000) output.shift();
    });
  }
  const interrupt = (signal) => {
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {}
    rmSync(join(root, 'dist/.lock'), { force: true });
    process.exit(signal === 'SIGINT' ? 130 : 143);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, interrupt);
  try {
    const code = await new Promise((resolve) => {
      child.on('error', (error) => {
        output.push(String(error));
        resolve(1);
      });
      child.on('close', (exitCode, signal) => resolve(exitCode ?? signal));
    });
    if (isTerminal) process.stdout.write('\r\x1b[K');
    if (code !== 0) {
      say(`${title} failed after ${elapsed()} (${command === process.execPath ? 'node' : command}: ${code})`);
      say(output.join('').trimEnd().split('\n').slice(-tailLines).join('\n'));
      throw new StepError(`${title} failed`);
    }
    say(`${title} … done in ${elapsed()}`);
  } finally {
    clearInterval(ticker);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(signal, interrupt);
  }
}
