// Keeps two databases from opening one folder: PGlite itself does not, and two of them would destroy it.
// The lock is a folder of numbered files; the highest number rules. Whoever finds its owner dead creates the next
// number with O_EXCL, so of many takers exactly one wins, and no file of a living owner is ever removed.
import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';

/** An owner whose pid we cannot ask for (another container or machine) touches its file this often … */
const heartbeatMs = 5_000;
/** … and counts as dead after this much silence. */
export const silenceMs = 20_000;

interface Owner {
  pid: number;
  /** When the process began: a pid alone is used again. */
  startedAt: string;
  /** Where the pid means something: host name, boot and pid name space. */
  realm: string;
  released?: boolean;
}

export interface FolderLock {
  /** May be called twice. */
  release(): void;
}

export class FolderLockedError extends Error {
  override readonly name = 'FolderLockedError';
  readonly pid: number | undefined;
  /** The owner cannot be asked; if it is dead, its silence will tell within `silenceMs`. */
  readonly uncertain: boolean;

  constructor(folder: string, owner: Owner | undefined) {
    const holder = owner
      ? `process ${owner.pid}${owner.realm === realm() ? '' : ' on another host'}`
      : 'another process';
    super(`The data folder ${folder} is in use by ${holder}. Stop that hub first or use another MCPHUB_DATA_DIR.`);
    this.pid = owner?.pid;
    this.uncertain = owner?.realm !== realm();
  }
}

/**
 * Takes the lock `name` in `folder`, which must exist.
 * @throws FolderLockedError while its owner lives
 */
export function lockFolder(folder: string, name = 'database.lock'): FolderLock {
  const dir = join(folder, name);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  for (;;) {
    const current = highest(dir);
    if (current > 0) refuseIfAlive(folder, join(dir, String(current)));
    const own = join(dir, String(current + 1));
    if (!create(own)) continue;
    // A slow taker may have created a number that a later owner had already cleared away.
    if (highest(dir) > current + 1) {
      rmSync(own, { force: true });
      continue;
    }
    for (const number of numbers(dir)) if (number <= current) rmSync(join(dir, String(number)), { force: true });
    return hold(own);
  }
}

function create(file: string): boolean {
  try {
    writeFileSync(file, JSON.stringify(self()), { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function hold(file: string): FolderLock {
  const timer = setInterval(() => touch(file), heartbeatMs);
  timer.unref();
  let held = true;
  return {
    release() {
      if (!held) return;
      held = false;
      clearInterval(timer);
      // Kept, not removed: the numbers must only ever rise.
      writeFileSync(file, JSON.stringify({ ...self(), released: true }));
    },
  };
}

function touch(file: string): void {
  try {
    const now = new Date();
    utimesSync(file, now, now);
  } catch {
    // The folder was removed below us; there is nothing left to guard.
  }
}

const numbers = (dir: string) => readdirSync(dir).map(Number).filter(Number.isSafeInteger);
const highest = (dir: string) => Math.max(0, ...numbers(dir));

function refuseIfAlive(folder: string, file: string): void {
  let owner: Owner | undefined;
  let silentMs: number;
  try {
    silentMs = Date.now() - statSync(file).mtimeMs;
    owner = parseOwner(readFileSync(file, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if (owner?.released) return;
  // An empty file is one that is being written right now, or was when its writer died: time decides.
  const alive = owner?.realm === realm() ? startTime(owner.pid) === owner.startedAt : silentMs < silenceMs;
  if (alive) throw new FolderLockedError(folder, owner);
}

function parseOwner(text: string): Owner | undefined {
  try {
    const owner = JSON.parse(text) as Partial<Owner> | null;
    if (typeof owner?.pid === 'number' && typeof owner.startedAt === 'string' && typeof owner.realm === 'string') {
      return { pid: owner.pid, startedAt: owner.startedAt, realm: owner.realm, released: owner.released === true };
    }
  } catch {
    // Not whole: judged by time.
  }
  return undefined;
}

function self(): Owner {
  return { pid: process.pid, startedAt: startTime(process.pid) ?? '', realm: realm() };
}

/** A word that changes when the pid is used again; undefined when no such process lives. */
function startTime(pid: number): string | undefined {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return undefined;
  }
  if (process.platform === 'win32') return 'unknown';
  try {
    if (process.platform !== 'linux')
      return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)])
        .toString()
        .trim();
    // proc(5): the name in parentheses may hold spaces; state is the first field after it, starttime the twentieth.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function realm(): string {
  if (process.platform !== 'linux') return hostname();
  return [
    hostname(),
    readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
    readlinkSync('/proc/self/ns/pid'),
  ].join(' ');
}
