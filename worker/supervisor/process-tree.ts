// Process trees as /proc shows them. Every process of a server carries MCPHUB_INSTANCE in its environment, so it is
// found after it has left its parent, group and session; what dropped its environment is found by descent while that
// lasts. Where there is no /proc (macOS, Windows) nothing is found, and the group's signals have to do.
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { markerName } from '../upstream';

export interface ProcessInfo {
  pid: number;
  parent: number;
  /** Start time in clock ticks: together with the pid it names one process for ever. */
  startTicks: number;
  rssBytes: number;
  cpuSeconds: number;
  zombie: boolean;
}

/** The sums over one server's processes; memory that several of them share is counted for each. */
export interface TreeUsage {
  rssBytes: number;
  /** Processor time of the living, and of those that they waited for. */
  cpuSeconds: number;
  processes: number;
}

export interface ProcessTrees {
  /** The processes of a marker and all that descend from them or from `roots`. */
  find(marker: string, roots?: number[]): Promise<ProcessInfo[]>;
  /** What the processes of each marker, with all that descend from them, use now; one scan for all of them. */
  usage(): Promise<Map<string, TreeUsage>>;
  /** Kills the processes of a marker, their descendants and `others` until none is left. @returns how many there were */
  kill(marker: string, others?: ProcessInfo[]): Promise<number>;
  /** Kills all that an earlier life of an installation left behind. @returns how many there were */
  sweep(installationId: string): Promise<number>;
}

/** Linux: 4 KiB on the machines that Node runs on, but for some arm64 kernels, where the figure is a guess. */
const pageBytes = 4096;
/** USER_HZ, which Linux keeps at 100 towards programs. */
const ticksPerSecond = 100;
/** So many processes are read in one turn of the event loop. */
const readPerTurn = 32;
const statBytes = 4096;
const killRounds = 40;
const killPauseMs = 25;
/** A child looks like its parent until it has become its own program; so long its environment is looked at again. */
const settledMs = 2_000;

/** All processes at one moment, as far as a list of them can be. */
interface Snapshot {
  processes: Map<number, ProcessInfo>;
  markerOf(info: ProcessInfo): string | null;
}

interface Known {
  marker: string | null;
  firstSeenMs: number;
  isSettled: boolean;
}

export function createProcessTrees(root = '/proc'): ProcessTrees {
  const statBuffer = Buffer.alloc(statBytes);
  /** Of the processes of the last look, by pid and start. */
  let known = new Map<string, Known>();
  let looking: Promise<Snapshot> | null = null;
  let nextLook: Promise<Snapshot> | null = null;

  /**
   * What runs now. A look that is under way may have missed what the caller knows of, so it waits for the next one; all
   * who wait share that.
   */
  function look(): Promise<Snapshot> {
    if (!looking) {
      looking = lookOnce().finally(() => {
        looking = null;
      });
      return looking;
    }
    nextLook ??= looking
      .catch(() => {})
      .then(() => {
        nextLook = null;
        return look();
      });
    return nextLook;
  }

  /** A few at a time and synchronously: reading a file of /proc costs less than handing the job to a thread. */
  async function lookOnce(): Promise<Snapshot> {
    const processes = new Map<number, ProcessInfo>();
    const before = known;
    const seen = new Map<string, Known>();
    const numbers = await pids();
    for (let at = 0; at < numbers.length; at += readPerTurn) {
      if (at > 0) await new Promise((resolve) => setImmediate(resolve));
      const nowMs = performance.now();
      for (const pid of numbers.slice(at, at + readPerTurn)) {
        const text = readStat(pid);
        if (text === null) continue;
        const info = parseStat(pid, text);
        processes.set(pid, info);
        seen.set(keyOf(info), learn(pid, before.get(keyOf(info)), nowMs));
      }
    }
    known = seen;
    return { processes, markerOf: (info) => seen.get(keyOf(info))?.marker ?? null };
  }

  function learn(pid: number, each: Known | undefined, nowMs: number): Known {
    if (each?.isSettled) return each;
    const firstSeenMs = each?.firstSeenMs ?? nowMs;
    const marker = readMarker(pid) ?? each?.marker ?? null;
    return { marker, firstSeenMs, isSettled: nowMs - firstSeenMs >= settledMs };
  }

  async function pids(): Promise<number[]> {
    const names = await readdir(root).catch(() => []);
    return names.filter((name) => /^\d+$/.test(name)).map(Number);
  }

  function parseStat(pid: number, text: string): ProcessInfo {
    // The name in brackets may hold anything, brackets and blanks too.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return {
      pid,
      parent: Number(fields[1]),
      startTicks: Number(fields[19]),
      rssBytes: Number(fields[21]) * pageBytes,
      cpuSeconds: (Number(fields[11]) + Number(fields[12]) + Number(fields[13]) + Number(fields[14])) / ticksPerSecond,
      zombie: fields[0] === 'Z' || fields[0] === 'X',
    };
  }

  function readStat(pid: number): string | null {
    let file: number | null = null;
    try {
      file = openSync(`${root}/${pid}/stat`, 'r');
      return statBuffer.toString('latin1', 0, readSync(file, statBuffer, 0, statBytes, 0));
    } catch {
      // It has ended in the meantime.
      return null;
    } finally {
      if (file !== null) closeSync(file);
    }
  }

  function readMarker(pid: number): string | null {
    let environment: string;
    try {
      environment = readFileSync(`${root}/${pid}/environ`, 'latin1');
    } catch {
      // It has ended, or is somebody else's.
      return null;
    }
    const entry = environment.split('\0').find((each) => each.startsWith(`${markerName}=`));
    return entry?.slice(markerName.length + 1) ?? null;
  }

  /** The marker of a process, or that of the nearest process above it: what dropped its environment still belongs. */
  function ownerOf(info: ProcessInfo, { processes, markerOf }: Snapshot): string | null {
    const seen = new Set<number>();
    for (let at: ProcessInfo | undefined = info; at && !seen.has(at.pid); at = processes.get(at.parent)) {
      const marker = markerOf(at);
      if (marker) return marker;
      seen.add(at.pid);
    }
    return null;
  }

  async function usage(): Promise<Map<string, TreeUsage>> {
    const snapshot = await look();
    const { processes } = snapshot;
    const own = ancestors(processes, process.pid);
    const sums = new Map<string, TreeUsage>();
    for (const info of processes.values()) {
      const owner = own.has(info.pid) ? null : ownerOf(info, snapshot);
      if (owner === null) continue;
      const sum = sums.get(owner) ?? { rssBytes: 0, cpuSeconds: 0, processes: 0 };
      sum.rssBytes += info.rssBytes;
      sum.cpuSeconds += info.cpuSeconds;
      sum.processes += 1;
      sums.set(owner, sum);
    }
    return sums;
  }

  /** Those whose marker `matches` and all below them or below `roots`; never this process or one above it. */
  function matching(
    { processes, markerOf }: Snapshot,
    matches: (marker: string) => boolean,
    roots: number[] = [],
  ): ProcessInfo[] {
    const own = ancestors(processes, process.pid);
    const marked = [...processes.values()].filter((info) => {
      const marker = own.has(info.pid) ? null : markerOf(info);
      return marker !== null && matches(marker);
    });
    const starts = [...marked.map(({ pid }) => pid), ...roots];
    return withDescendants(processes, starts).filter((info) => !info.zombie);
  }

  async function killMatching(matches: (marker: string) => boolean, others: ProcessInfo[]): Promise<number> {
    const victims = new Set<string>();
    for (let round = 0; round < killRounds; round += 1) {
      const snapshot = await look();
      const left = others.filter((info) => isSame(info, snapshot.processes.get(info.pid)));
      const found = [...matching(snapshot, matches), ...left];
      if (found.length === 0) break;
      for (const info of found) {
        victims.add(keyOf(info));
        signal(info.pid, 'SIGKILL');
      }
      await new Promise((resolve) => setTimeout(resolve, killPauseMs));
    }
    return victims.size;
  }

  return {
    find: async (marker, roots) => matching(await look(), (each) => each === marker, roots),
    kill: (marker, others = []) => killMatching((each) => each === marker, others),
    sweep: (installationId) => killMatching((each) => each.startsWith(`${installationId}:`), []),
    usage,
  };
}

function keyOf({ pid, startTicks }: ProcessInfo): string {
  return `${pid}.${startTicks}`;
}

function isSame(info: ProcessInfo, now: ProcessInfo | null | undefined): boolean {
  return now !== null && now !== undefined && now.startTicks === info.startTicks && !now.zombie;
}

function ancestors(processes: Map<number, ProcessInfo>, pid: number): Set<number> {
  const found = new Set<number>();
  for (let at = pid; at > 0 && !found.has(at); at = processes.get(at)?.parent ?? 0) found.add(at);
  return found;
}

function withDescendants(processes: Map<number, ProcessInfo>, roots: number[]): ProcessInfo[] {
  const children = new Map<number, ProcessInfo[]>();
  for (const info of processes.values()) {
    const siblings = children.get(info.parent);
    if (siblings) siblings.push(info);
    else children.set(info.parent, [info]);
  }
  const found = new Map<number, ProcessInfo>();
  const open = roots.flatMap((pid) => processes.get(pid) ?? []);
  for (let info = open.pop(); info; info = open.pop()) {
    if (found.has(info.pid)) continue;
    found.set(info.pid, info);
    open.push(...(children.get(info.pid) ?? []));
  }
  return [...found.values()];
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // ESRCH: it has ended in the meantime.
  }
}
