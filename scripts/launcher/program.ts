// One program of the hub as the launcher keeps it: started in a process group of its own with an IPC channel, started
// again with a growing delay when it ends, stopped with a grace period.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { createBackOff } from './back-off';
import { complaintOf, type Output } from './output';

export interface ProgramSpec {
  name: string;
  /** Arguments for Node; asked for at every start, because the web program gets a new port each time. */
  args: () => Promise<string[]> | string[];
  env: NodeJS.ProcessEnv;
  /** How long it may take to stop after SIGTERM. */
  graceMs: number;
  /** Exit codes after which a new start makes no sense, e.g. another hub has the database open. */
  fatalCodes: readonly number[];
}

export interface ProgramEvents {
  started(pid: number): void;
  ended(): void;
  message(message: unknown): void;
  /** It ended with one of its `fatalCodes`. */
  fatal(lastWords: string): void;
}

export interface Program {
  readonly pid: number | null;
  send(message: object): void;
  /** SIGTERM, and after the grace period SIGKILL to the whole group. Idempotent. */
  stop(): Promise<void>;
  /** Asks it to stop; it is started again at once. */
  restart(): void;
  /** SIGKILL to the whole group, now. */
  kill(): void;
}

/** glibc keeps a pool of memory for each of a dozen threads otherwise, most of it empty: 10 MiB more in a worker. */
const frugal = { MALLOC_ARENA_MAX: '2' };

const lastLinesKept = 8;
const lastLineChars = 400;

export function startProgram(spec: ProgramSpec, output: Output, events: Partial<ProgramEvents>): Program {
  const backOff = createBackOff();
  let child: ChildProcess | null = null;
  let ended: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let isStopping = false;
  let isRestarting = false;

  async function start(): Promise<void> {
    const args = await spec.args();
    if (isStopping) return;
    const startedAt = performance.now();
    const lastWords: string[] = [];
    const running = spawn(process.execPath, args, {
      env: { ...frugal, ...spec.env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
    });
    child = running;
    const keep = (line: string) => {
      lastWords.push(line.slice(0, lastLineChars));
      if (lastWords.length > lastLinesKept) lastWords.shift();
    };
    readLines(running, 'stdout', (line) => {
      const complaint = complaintOf(line);
      if (complaint) keep(complaint);
      output.child(spec.name, line);
    });
    readLines(running, 'stderr', (line) => {
      keep(line);
      output.child(spec.name, line);
    });
    running.on('message', (message) => events.message?.(message));
    running.on('error', (error) => lastWords.push(error.message));
    // "exit", not "close": a grandchild that holds the pipes must not hide the end.
    ended = new Promise((resolve) => {
      const over = (code: number | null, signal: string | null) => {
        if (child !== running) return;
        child = null;
        killGroup(running.pid);
        events.ended?.();
        resolve();
        if (!isStopping) restartLater(code, signal, performance.now() - startedAt, lastWords);
      };
      running.on('exit', over);
      running.on('error', () => running.pid === undefined && over(null, null));
    });
    if (running.pid !== undefined) events.started?.(running.pid);
  }

  function restartLater(code: number | null, signal: string | null, ranMs: number, lastWords: string[]): void {
    if (isRestarting) {
      isRestarting = false;
      void start();
      return;
    }
    const words = lastWords.join('\n').trim();
    if (code !== null && spec.fatalCodes.includes(code)) {
      events.fatal?.(words);
      return;
    }
    const delayMs = backOff.next(ranMs);
    const reason = signal ? `was ended by ${signal}` : `exited with code ${code ?? 'unknown'}`;
    output.say(`The ${spec.name} program ${reason}; it starts again in ${(delayMs / 1000).toFixed(1)} s.`);
    if (words) output.say(`Its last lines were:\n${words.replace(/^/gm, '  | ')}`);
    timer = setTimeout(() => void start(), delayMs);
  }

  void start();

  return {
    get pid() {
      return child?.pid ?? null;
    },
    send(message) {
      // A child that is just ending has no channel any more; its successor is told when it reports itself.
      if (child?.connected) child.send(message, () => {});
    },
    async stop() {
      isStopping = true;
      clearTimeout(timer);
      const running = child;
      if (!running) return;
      running.kill('SIGTERM');
      const grace = setTimeout(() => killGroup(running.pid), spec.graceMs);
      await ended;
      clearTimeout(grace);
    },
    restart() {
      isRestarting = child?.kill('SIGTERM') ?? false;
    },
    kill() {
      isStopping = true;
      clearTimeout(timer);
      killGroup(child?.pid);
    },
  };
}

function readLines(child: ChildProcess, stream: 'stdout' | 'stderr', each: (line: string) => void): void {
  const input = child[stream];
  if (input) createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY }).on('line', each);
}

/** Ends all that is left of a program's process group. */
export function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody is left.
  }
}
