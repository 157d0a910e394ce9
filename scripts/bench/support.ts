// What the scenarios of the benchmark share: programs of the harness, a hub to measure, tables.
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Hub, startHub } from '../../tests/support/hub';
import { freePort } from '../launcher/port';
import { root } from '../prepare.mjs';
import { usage } from './lib/proc.mjs';

export const here = (name: string) => join(root, 'scripts/bench', name);

/** A program that answers HTTP on 127.0.0.1. */
export interface Running {
  url: string;
  pid: number;
}

/** The two programs of the hub that take part in a call, and everything that the launcher keeps beside the web program. */
export const workerOf = (hub: Hub) => [hub.pid('worker') ?? 0];
export const hubOf = (hub: Hub) => (['launcher', 'database', 'worker'] as const).flatMap((part) => hub.pid(part) ?? []);

/** Everything that a scenario started; ended by close(). */
export class Stage {
  readonly #children: ChildProcess[] = [];
  readonly #hubs: Hub[] = [];
  readonly #folders: string[] = [];

  /** A program of the harness that listens on `--port`; resolves when it answers. */
  async program(name: string, ...args: string[]): Promise<Running> {
    const port = await freePort();
    const child = spawn(process.execPath, [here(name), '--port', String(port), ...args], { stdio: 'ignore' });
    this.#children.push(child);
    const origin = `http://127.0.0.1:${port}`;
    while (!(await fetch(origin).catch(() => null))) {
      if (child.exitCode !== null) throw new Error(`${name} ended with code ${child.exitCode}`);
      await delay(50);
    }
    return { url: `${origin}/mcp`, pid: child.pid ?? 0 };
  }

  async hub(options: Parameters<typeof startHub>[0]): Promise<Hub> {
    const hub = await startHub(options);
    this.#hubs.push(hub);
    return hub;
  }

  /** Ends a hub whose data a later start needs; close() removes them. */
  async pause(hub: Hub): Promise<void> {
    this.#folders.push(hub.dataDir);
    await hub.stop({ keepData: true });
  }

  async close(): Promise<void> {
    for (const hub of this.#hubs.splice(0)) await hub.stop();
    for (const child of this.#children.splice(0)) child.kill('SIGKILL');
    for (const folder of this.#folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  }
}

export const stdioServer = (...args: string[]) => ({
  command: process.execPath,
  args: [here('upstream-stdio.mjs'), ...args],
});

/** Runs a program of the harness and reads the JSON object that it prints. */
export function harness<T>(name: string, args: string[], env: NodeJS.ProcessEnv = process.env): Promise<T> {
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

/** What is put under load. */
export interface Target {
  name: string;
  url: string;
  token?: string;
  /** The processes whose CPU time counts as the worker's, and as that of the whole hub. */
  worker?: () => number[];
  whole?: () => number[];
}

export const ofHub = (name: string, hub: Hub, endpoint: string): Target => ({
  name,
  url: `${hub.mcpUrl}/${endpoint}`,
  token: hub.apiKey,
  worker: () => workerOf(hub),
  whole: () => hubOf(hub),
});

export const ofProgram = (name: string, { url, pid }: Running): Target => ({ name, url, whole: () => [pid] });

export interface Measured {
  calls: number;
  callsPerSecond: number;
  p50: number;
  p99: number;
  /** Microseconds for each call; NaN where nobody asked. */
  workerCpu: number;
  wholeCpu: number;
  tools: number;
}

interface LoadResult {
  failed?: string;
  calls: number;
  calls_per_s: number;
  errors: number;
  error_samples: string[];
  latency_ms: { p50: number; p99: number };
  tools?: number;
}

/**
 * One run of load.mjs. CPU time covers the warm-up too, in which calls run at the same rate but are not counted.
 * @throws Error when an answer was wrong or there was none
 */
export async function load(target: Target, seconds: number, warmup: number, ...args: string[]): Promise<Measured> {
  const cpu = (pids?: () => number[]) => (pids ? usage(pids(), { self: true }).cpu_s : Number.NaN);
  const before = [cpu(target.worker), cpu(target.whole)] as const;
  const result = await harness<LoadResult>('load.mjs', [
    ...['--url', target.url, '--duration', String(seconds), '--warmup', String(warmup)],
    ...(target.token ? ['--token', target.token] : []),
    ...args,
  ]);
  if (result.failed || result.errors > 0 || result.calls === 0) {
    const why = result.failed ?? `${result.errors} wrong answers (${result.error_samples[0] ?? 'no sample'})`;
    throw new Error(`${target.name}: ${why}`);
  }
  const each = (seconds / (seconds + warmup) / result.calls) * 1e6;
  return {
    calls: result.calls,
    callsPerSecond: result.calls_per_s,
    p50: result.latency_ms.p50,
    p99: result.latency_ms.p99,
    workerCpu: (cpu(target.worker) - before[0]) * each,
    wholeCpu: (cpu(target.whole) - before[1]) * each,
    tools: result.tools ?? 0,
  };
}

export type Runs = Map<string, Measured[]>;

/** Runs the targets in turn, another one first in each round, so that a change of the machine's mood hits all alike. */
export async function inTurns(
  targets: Target[],
  rounds: number,
  run: (target: Target) => Promise<Measured>,
): Promise<Runs> {
  const runs: Runs = new Map(targets.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < targets.length; turn++) {
      const target = targets[(turn + round) % targets.length];
      if (target) runs.get(target.name)?.push(await run(target));
    }
  }
  return runs;
}

export const median = (values: number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/** One figure of a target: the median of its runs. */
export const figure = (runs: Runs, name: string, key: keyof Measured) =>
  median((runs.get(name) ?? []).map((run) => run[key]));

/** Highest resident memory of a process since the last mark, in MiB. */
export function peakMib(pid: number): number {
  return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

/** Lets the peak begin anew (proc(5), clear_refs). */
export function markPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

export function say(line = ''): void {
  process.stdout.write(`${line}\n`);
}

/** A title, a row of headings, and rows; numbers right-aligned. Missing figures show as a dash. */
export function table(title: string, headings: string[], rows: (string | number)[][], digits: number[] = []): void {
  const text = (cell: string | number, at: number) =>
    typeof cell === 'string' ? cell : Number.isFinite(cell) ? cell.toFixed(digits[at] ?? 2) : '–';
  const lines = [headings, ...rows.map((row) => row.map(text))];
  const widths = headings.map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0)));
  say(`\n${title}`);
  for (const line of lines) {
    say(`  ${line.map((cell, at) => (at ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0))).join('  ')}`);
  }
}
