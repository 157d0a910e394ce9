// Process trees as /proc shows them. Every process of a server carries MCPHUB_INSTANCE in its environment, so it is
// found after it has left its parent, group and session; what dropped its environment is found by descent while that
// lasts. Where there is no /proc (macOS, Windows) nothing is found, and the group's signals have to do.
import { readdir, readFile } from 'node:fs/promises';
import { markerName } from '../upstream';

export interface ProcessInfo {
  pid: number;
  parent: number;
  /** Start time in clock ticks: together with the pid it names one process for ever. */
  startTicks: number;
  rssBytes: number;
  zombie: boolean;
}

export interface ProcessTrees {
  /** The processes of a marker and all that descend from them or from `roots`. */
  find(marker: string, roots?: number[]): Promise<ProcessInfo[]>;
  /** Resident bytes per root pid with all its descendants. */
  residentBytes(roots: number[]): Promise<Map<number, number>>;
  /** Kills the processes of a marker, their descendants and `others` until none is left. @returns how many there were */
  kill(marker: string, others?: ProcessInfo[]): Promise<number>;
  /** Kills all that an earlier life of an installation left behind. @returns how many there were */
  sweep(installationId: string): Promise<number>;
}

/** Linux: 4 KiB on the machines that Node runs on, but for some arm64 kernels, where the figure is a guess. */
const pageBytes = 4096;
const killRounds = 40;
const killPauseMs = 25;

export function createProcessTrees(root = '/proc'): ProcessTrees {
  async function pids(): Promise<number[]> {
    const names = await readdir(root).catch(() => []);
    return names.filter((name) => /^\d+$/.test(name)).map(Number);
  }

  async function stat(pid: number): Promise<ProcessInfo | null> {
    const text = await readFile(`${root}/${pid}/stat`, 'latin1').catch(() => null);
    if (text === null) return null;
    // The name in brackets may hold anything, brackets and blanks too.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return {
      pid,
      parent: Number(fields[1]),
      startTicks: Number(fields[19]),
      rssBytes: Number(fields[21]) * pageBytes,
      zombie: fields[0] === 'Z' || fields[0] === 'X',
    };
  }

  async function all(): Promise<Map<number, ProcessInfo>> {
    const infos = await Promise.all((await pids()).map(stat));
    return new Map(infos.filter((info) => info !== null).map((info) => [info.pid, info]));
  }

  /** Pids whose environment carries a marker that `matches`; never this process or one above it. */
  async function marked(processes: Map<number, ProcessInfo>, matches: (marker: string) => boolean): Promise<number[]> {
    const own = ancestors(processes, process.pid);
    const found = await Promise.all(
      [...processes.keys()].map(async (pid) => {
        if (own.has(pid)) return null;
        const environment = await readFile(`${root}/${pid}/environ`, 'latin1').catch(() => '');
        const marker = environment
          .split('\0')
          .find((entry) => entry.startsWith(`${markerName}=`))
          ?.slice(markerName.length + 1);
        return marker !== undefined && matches(marker) ? pid : null;
      }),
    );
    return found.filter((pid) => pid !== null);
  }

  async function findMatching(matches: (marker: string) => boolean, roots: number[] = []): Promise<ProcessInfo[]> {
    const processes = await all();
    const starts = [...(await marked(processes, matches)), ...roots];
    return withDescendants(processes, starts).filter((info) => !info.zombie);
  }

  async function killMatching(matches: (marker: string) => boolean, others: ProcessInfo[]): Promise<number> {
    const victims = new Set<string>();
    for (let round = 0; round < killRounds; round += 1) {
      const stillThere = await Promise.all(others.map(({ pid }) => stat(pid)));
      const known = others.filter((info, index) => isSame(info, stillThere[index]));
      const found = [...(await findMatching(matches)), ...known];
      if (found.length === 0) break;
      for (const info of found) {
        victims.add(`${info.pid}.${info.startTicks}`);
        signal(info.pid, 'SIGKILL');
      }
      await new Promise((resolve) => setTimeout(resolve, killPauseMs));
    }
    return victims.size;
  }

  return {
    find: (marker, roots) => findMatching((each) => each === marker, roots),
    kill: (marker, others = []) => killMatching((each) => each === marker, others),
    sweep: (installationId) => killMatching((each) => each.startsWith(`${installationId}:`), []),
    async residentBytes(roots) {
      const processes = await all();
      return new Map(
        roots.map((pid) => [
          pid,
          withDescendants(processes, [pid]).reduce((total, { rssBytes }) => total + rssBytes, 0),
        ]),
      );
    },
  };
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
