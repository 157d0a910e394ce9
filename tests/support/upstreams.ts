// Opens upstreams and supervisors over the fixture servers, and counts what they leave behind.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLog } from '../../lib/log';
import { createSupervisor, type DesiredServer, type SupervisorOptions } from '../../worker/supervisor';
import { createProcessTrees } from '../../worker/supervisor/process-tree';
import {
  type CloseReason,
  createEgress,
  type OpenOptions,
  openUpstream,
  type UpstreamTarget,
} from '../../worker/upstream';
import { fairNow } from './fair-clock';

export const repository = join(import.meta.dirname, '../..');
export const stdioFixture = join(import.meta.dirname, 'servers/stdio.mjs');
const httpFixture = join(import.meta.dirname, 'servers/http.mjs');
const oldSseFixture = join(import.meta.dirname, 'servers/old-sse.mjs');

export function stdioTarget(mode: string, argument = ''): UpstreamTarget {
  return program(process.execPath, [stdioFixture, mode, argument]);
}

export function program(command: string, args: string[] = []): UpstreamTarget {
  return { name: 'fixture', type: 'stdio', command, args, env: {}, cwd: null, url: null, headers: {} };
}

export function remote(url: string, headers: Record<string, string> = {}): UpstreamTarget {
  return { name: 'fixture', type: 'streamable-http', command: null, args: [], env: {}, cwd: null, url, headers };
}

export interface Opened {
  marker: string;
  notes: string[];
  stderr: string[];
  doubts: string[];
  closed: Promise<CloseReason>;
  opening: ReturnType<typeof openUpstream>;
}

/** Opens an upstream alone, without a supervisor. */
export function open(target: UpstreamTarget, options: Partial<OpenOptions> = {}): Opened {
  const marker = `test-${randomUUID()}:1`;
  const trees = createProcessTrees();
  const notes: string[] = [];
  const stderr: string[] = [];
  const doubts: string[] = [];
  let onClosed: (reason: CloseReason) => void;
  const closed = new Promise<CloseReason>((resolve) => {
    onClosed = resolve;
  });
  const opening = openUpstream(
    target,
    {
      client: { name: 'mcphub', version: '0.0.0' },
      egress: createEgress('private-allowed'),
      signal: new AbortController().signal,
      process: {
        marker,
        ownEnv: process.env,
        beforeStop: async () => {},
        reap: async () => void (await trees.kill(marker)),
      },
      ...options,
    },
    {
      notification: (method) => notes.push(method),
      closed: (reason) => onClosed(reason),
      spawned: () => {},
      stderr: (lines) => stderr.push(...lines),
      doubtful: (message) => doubts.push(message),
    },
  );
  opening.catch(() => {});
  return { marker, notes, stderr, doubts, closed, opening };
}

/** Starts the HTTP fixture. @returns its base URL and a function that ends it */
export async function startHttpFixture(port = 0): Promise<{ url: string; child: ChildProcess; stop(): Promise<void> }> {
  return startProgram(process.execPath, [httpFixture, String(port)], {}, /(http:\S+)/);
}

/** As above, of HTTP+SSE. */
export async function startOldSseFixture(): ReturnType<typeof startHttpFixture> {
  return startProgram(process.execPath, [oldSseFixture], {}, /(http:\S+)/);
}

/** Starts a program and waits until it prints what `ready` matches; its first group is the URL. */
export async function startProgram(command: string, args: string[], env: Record<string, string>, ready: RegExp) {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const url = await new Promise<string>((resolve, reject) => {
    let printed = '';
    const onData = (chunk: Buffer) => {
      printed += chunk.toString();
      const match = ready.exec(printed);
      if (match) resolve(match[1] ?? '');
    };
    child.stdout.on('data', onData);
    child.stderr.on('data', onData);
    child.once('exit', () => reject(new Error(`${command} ended: ${printed}`)));
  });
  const stop = () =>
    new Promise<void>((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) {
        resolve();
        return;
      }
      child.once('exit', () => resolve());
      child.kill('SIGKILL');
    });
  return { url, child, stop };
}

type Falsy = false | 0 | '' | null | undefined;

/** Polls until `check` gives something truthy. @throws Error naming `what` after the deadline */
export async function until<T>(
  what: string,
  check: () => T | Promise<T>,
  deadlineMs = 10_000,
): Promise<Exclude<T, Falsy>> {
  const end = fairNow() + deadlineMs;
  for (;;) {
    const found = await check();
    if (found) return found as Exclude<T, Falsy>;
    if (fairNow() > end) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Command lines of all living processes whose command line or environment contains a text; not this process. */
export function processesWith(needle: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
        const environment = readFileSync(`/proc/${pid}/environ`, 'latin1');
        return commandLine.includes(needle) || environment.includes(needle) ? [`${pid} ${commandLine}`] : [];
      } catch {
        return [];
      }
    });
}

let servers = 0;

export function desired(target: UpstreamTarget, change: Partial<DesiredServer> = {}): DesiredServer {
  servers += 1;
  const row = {
    tls: null,
    ...target,
    id: randomUUID(),
    name: `server-${servers}`,
    era: 'auto' as const,
    said: null,
    enabled: true,
    running: true,
    timeoutMs: null,
    limits: {},
    replicas: 1,
    balancing: 'round-robin' as const,
    endpoints: [],
    secretValues: [],
    healthCheck: null,
    isolation: 'shared' as const,
    startOnDemand: false,
    idleStopSeconds: null,
    warmInstances: 0,
    fault: null,
    ...change,
    credential: change.credential ?? null,
    openapi: change.openapi ?? null,
  };
  return { hash: JSON.stringify([row.command, row.args, row.env, row.cwd, row.url, row.headers]), ...row };
}

/** A supervisor over rows that a test changes; `stop` is idempotent. */
export function supervise(rows: DesiredServer[], options: Partial<SupervisorOptions> = {}) {
  const installationId = `test-${randomUUID()}`;
  const supervisor = createSupervisor({
    loadDesired: async () => rows,
    log: createLog('test', 'silent'),
    installationId,
    egress: 'private-allowed',
    ownEnv: process.env,
    version: '0.0.0',
    random: () => 0.5,
    ...options,
  });
  const state = (row: DesiredServer) => supervisor.status(row.id)?.state;
  const reach = (row: DesiredServer, wanted: string, deadlineMs?: number) =>
    until(`${row.name} ${wanted}`, () => state(row) === wanted && supervisor.status(row.id), deadlineMs);
  return { supervisor, installationId, state, reach };
}
