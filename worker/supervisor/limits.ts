// Which limits of a row a server is over, in words, and which ones this platform cannot hold. Measures nothing itself.
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { ServerLimit, ServerLimits } from '../../lib/servers/schema';

/** What an instance is measured to use. */
export interface InstanceUsage {
  rssBytes: number;
  /** Processor time since the start of the instance. */
  cpuSeconds: number;
  /** Of late, for people; 100 is one core. */
  cpuPercent: number;
  /** Mean over the window of the limit; null until that much time has passed. */
  sustainedCpuPercent: number | null;
  processes: number;
}

export interface Breach {
  /** A short word for states and events: "memory-limit", "cpu-limit", "process-limit". */
  reason: string;
  /** E.g. "memory: 612 MB of 512 MB". */
  message: string;
}

const megabyte = 1024 * 1024;

/** The first limit that the server is over, or null. @param windowMs that of `sustainedCpuPercent` */
export function breachOf(limits: ServerLimits, usage: InstanceUsage, windowMs: number): Breach | null {
  const { memoryMb, cpuPercent, cpuSeconds, processes } = limits;
  if (memoryMb !== undefined && usage.rssBytes > memoryMb * megabyte) {
    return { reason: 'memory-limit', message: `memory: ${Math.ceil(usage.rssBytes / megabyte)} MB of ${memoryMb} MB` };
  }
  if (processes !== undefined && usage.processes > processes) {
    return { reason: 'process-limit', message: `processes: ${usage.processes} of ${processes}` };
  }
  if (cpuSeconds !== undefined && usage.cpuSeconds > cpuSeconds) {
    return { reason: 'cpu-limit', message: `processor time: ${usage.cpuSeconds.toFixed(1)} s of ${cpuSeconds} s` };
  }
  const { sustainedCpuPercent: mean } = usage;
  if (cpuPercent !== undefined && mean !== null && mean > cpuPercent) {
    const message = `processor: ${Math.ceil(mean)} % of ${cpuPercent} % over ${windowMs / 1000} s`;
    return { reason: 'cpu-limit', message };
  }
  return null;
}

export interface Platform {
  /** Whether process trees can be measured, which needs Linux' /proc. */
  measures: boolean;
  /** Path of util-linux' prlimit, which limits open files from the first instruction on; null where it is missing. */
  prlimit: string | null;
  /** Most open files that this process may grant. */
  maxOpenFiles: number;
}

/** What the platform of this process can hold. @param path where programs are looked for, as PATH */
export function platformOf(path = ''): Platform {
  const measures = existsSync('/proc/self/stat');
  const candidates = path.split(delimiter).filter((folder) => folder.startsWith('/'));
  const prlimit = measures ? candidates.map((folder) => join(folder, 'prlimit')).find(isRunnable) : undefined;
  return { measures, prlimit: prlimit ?? null, maxOpenFiles: measures ? hardOpenFiles() : 0 };
}

function hardOpenFiles(): number {
  const line = /^Max open files\s+\S+\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'latin1'));
  return line?.[1] === undefined || line[1] === 'unlimited' ? Infinity : Number(line[1]);
}

function isRunnable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Program and arguments to be put before a command, so that it runs within the limits from its start. No shell. */
export function launcherFor({ openFiles }: ServerLimits, { prlimit, maxOpenFiles }: Platform): readonly string[] {
  if (openFiles === undefined || prlimit === null) return [];
  const files = Math.min(openFiles, maxOpenFiles);
  return [prlimit, `--nofile=${files}:${files}`, '--'];
}

const measured: readonly ServerLimit[] = ['memoryMb', 'cpuPercent', 'cpuSeconds', 'processes'];

/** Limits of a row that cannot be held here. */
export function unenforced(limits: ServerLimits, { measures, prlimit }: Platform): ServerLimit[] {
  return (Object.keys(limits) as ServerLimit[]).filter((limit) => {
    if (limits[limit] === undefined) return false;
    return limit === 'openFiles' ? prlimit === null : !measures && measured.includes(limit);
  });
}
