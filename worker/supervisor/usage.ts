// Measures what every running program uses, all of them with one look at /proc, and stops those over their limits.
import type { ServerLimits, ServerStatus } from '../../lib/servers/schema';
import { type Breach, breachOf, type InstanceUsage } from './limits';
import type { ProcessTrees } from './process-tree';

/** How often running programs are measured. */
export const measureMs = 1_500;
/** Over this time the mean of the processor counts for its limit: starting up is no offence. */
const sustainedMs = 30_000;
/** The figure for people is the mean over so much. */
const recentMs = 5_000;

/** An instance as far as it is measured. */
export interface Watched {
  /** Value of MCPHUB_INSTANCE of its processes. */
  readonly marker: string;
  /** Of its first process; null while none runs. Another one means another run. */
  readonly pid: number | null;
  readonly limits: ServerLimits;
  measured(usage: InstanceUsage): void;
  /** Ends what runs at once, tells why, and starts it again by the usual delays. */
  stopFor(breach: Breach): void;
}

/** What all instances of a server use together; null where nothing of it is measured. */
export function usageOf({ instances }: ServerStatus) {
  const measured = instances.filter(({ rssBytes }) => rssBytes !== null);
  if (measured.length === 0) return null;
  const sum = (of: (instance: (typeof measured)[number]) => number | null | undefined) =>
    measured.reduce((total, instance) => total + (of(instance) ?? 0), 0);
  return {
    rssBytes: sum(({ rssBytes }) => rssBytes),
    cpuSeconds: sum(({ cpuSeconds }) => cpuSeconds),
    processes: sum(({ processes }) => processes),
  };
}

interface Sample {
  atMs: number;
  cpuSeconds: number;
}

/** One run of an instance. */
interface Run {
  pid: number;
  samples: Sample[];
  cpuSeconds: number;
  /** Of the tree as it was seen last. */
  seenCpuSeconds: number;
}

export interface UsageOptions {
  trees: Pick<ProcessTrees, 'usage'>;
  /** Milliseconds that no clock change moves. */
  monotonic(): number;
  /** Over which the mean of the processor is taken for its limit; default 30 s. */
  cpuWindowMs?: number;
}

/** @returns a function that measures once; with nothing running it does not look at all */
export function createUsageWatch({ trees, monotonic, cpuWindowMs = sustainedMs }: UsageOptions) {
  let runs = new Map<string, Run>();

  function noted(pid: number, marker: string, cpuSeconds: number, atMs: number): Run {
    const known = runs.get(marker);
    const run = known?.pid === pid ? known : { pid, samples: [], cpuSeconds: 0, seenCpuSeconds: 0 };
    // What a process used that ended without being waited for is gone from the sum: time never runs back.
    run.cpuSeconds += Math.max(0, cpuSeconds - run.seenCpuSeconds);
    run.seenCpuSeconds = cpuSeconds;
    run.samples.push({ atMs, cpuSeconds: run.cpuSeconds });
    // One sample from before the window stays, to measure the whole of it.
    while ((run.samples[1]?.atMs ?? Infinity) <= atMs - cpuWindowMs) run.samples.shift();
    return run;
  }

  /** Mean since the latest sample that is at least so old, else since the first; null with one sample. */
  function percentSince({ samples }: Run, ageMs: number): { percent: number; spanMs: number } | null {
    const last = samples.at(-1);
    const first = samples.findLast((sample) => last && last.atMs - sample.atMs >= ageMs) ?? samples[0];
    if (!last || !first || last.atMs <= first.atMs) return null;
    const spanMs = last.atMs - first.atMs;
    return { percent: ((last.cpuSeconds - first.cpuSeconds) * 100_000) / spanMs, spanMs };
  }

  return async (watched: readonly Watched[]): Promise<void> => {
    const before = new Map(watched.flatMap((each) => (each.pid === null ? [] : [[each, each.pid] as const])));
    if (before.size === 0) {
      runs.clear();
      return;
    }
    const inUse = await trees.usage();
    const atMs = monotonic();
    const next = new Map<string, Run>();
    for (const [instance, pid] of before) {
      const tree = inUse.get(instance.marker);
      // It ended, or was started anew, while /proc was read.
      if (!tree || instance.pid !== pid) continue;
      const run = noted(pid, instance.marker, tree.cpuSeconds, atMs);
      next.set(instance.marker, run);
      const sustained = percentSince(run, cpuWindowMs);
      const usage: InstanceUsage = {
        rssBytes: tree.rssBytes,
        processes: tree.processes,
        cpuSeconds: run.cpuSeconds,
        cpuPercent: percentSince(run, recentMs)?.percent ?? 0,
        sustainedCpuPercent: sustained && sustained.spanMs >= cpuWindowMs ? sustained.percent : null,
      };
      instance.measured(usage);
      const breach = breachOf(instance.limits, usage, cpuWindowMs);
      if (breach) instance.stopFor(breach);
    }
    runs = next;
  };
}
