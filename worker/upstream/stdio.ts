// A server as a child process. It leads its own process group, its `exit` event (not the end of its pipes, which a
// grandchild may hold open) decides that it is gone, and its output is bounded: lines, garbage, stderr and our queue.
import { type ChildProcess, spawn } from 'node:child_process';
import { HubError } from '../../lib/errors';
import { childEnvironment } from './environment';
import { createLineSplitter } from './lines';
import { faultOfFolder, findProgram } from './program';
import { maxMessageBytes, type Transport, type TransportEvents } from './transport';
import type { CloseReason, UpstreamTarget } from './types';

/** Stdin closed, then SIGTERM to the group, then SIGKILL. */
const closedStdinMs = 2_000;
const sigtermMs = 5_000;
/** What the process wrote just before its end is still in the pipe when `exit` comes. */
const drainMs = 100;
/** Bytes that may wait for a server which does not read. */
const maxQueuedBytes = 32 * 1024 * 1024;
/** Garbage and stderr above this per window make us stop reading until the window ends. */
const floodBytes = 1024 * 1024;
const floodWindowMs = 100;
const maxStderrLineBytes = 16 * 1024;
const maxSampleChars = 200;

export interface StdioOptions {
  target: UpstreamTarget;
  /** Value of MCPHUB_INSTANCE. */
  marker: string;
  ownEnv: Record<string, string | undefined>;
  /** Ends what is left of the process tree, also what changed its group or session. Resolves when it is gone. */
  reap(pid: number): Promise<void>;
  /** Program and arguments that run the target as their own last arguments; empty: it is started itself. */
  launcher?: readonly string[];
  /** Called before the first signal, so that the tree can be noted while its links exist. */
  beforeStop?(pid: number): Promise<void>;
}

export interface StdioEvents extends TransportEvents {
  spawned(pid: number): void;
  stderr(lines: string[]): void;
  /** A line of stdout was no message. @param sample the first such line, cut */
  garbage(sample: string, count: number): void;
}

/** Starts the program. Faults of the start come as `closed` with the reason "spawn-failed". */
export function openStdio(options: StdioOptions, events: StdioEvents): Transport {
  const { target, marker } = options;
  const env = childEnvironment(options.ownEnv, target.env, marker);
  let child: ChildProcess | null = null;
  let exited = false;
  let closed = false;
  let stopping: Promise<void> | null = null;
  let stopReason: CloseReason | null = null;
  let finished: () => void;
  const gone = new Promise<void>((resolve) => {
    finished = resolve;
  });
  let queue: string[] = [];
  let queuedBytes = 0;
  let flushing = false;
  let blocked = false;
  let garbageCount = 0;
  let garbageSample = '';

  function start(): void {
    const fault = faultOfStart(target, env.PATH ?? '');
    if (fault) {
      finish({ reason: 'spawn-failed', message: fault });
      return;
    }
    let started: ChildProcess;
    try {
      const [file = '', ...args] = [...(options.launcher ?? []), target.command ?? '', ...target.args];
      started = spawn(file, args, {
        cwd: target.cwd ?? undefined,
        env: env as NodeJS.ProcessEnv,
        detached: true,
        stdio: ['pipe', 'pipe', 'pipe'],
        windowsHide: true,
      });
    } catch (error) {
      finish({ reason: 'spawn-failed', message: spawnMessage(target, error) });
      return;
    }
    started.once('error', (error) => {
      if (started.pid === undefined) finish({ reason: 'spawn-failed', message: spawnMessage(target, error) });
    });
    if (started.pid === undefined) return;
    child = started;
    events.spawned(started.pid);
    read(started);
    started.once('exit', (code, signal) => void onExit(code, signal));
  }

  function read({ stdin, stdout, stderr }: ChildProcess): void {
    if (!stdin || !stdout || !stderr) return;
    const limitGarbage = createFloodGate(stdout);
    const out = createLineSplitter(
      maxMessageBytes,
      (line) => {
        if (line.length === 0 || (looksLikeMessage(line) && events.message(line))) return;
        noteGarbage(line);
        limitGarbage(line.length);
      },
      (line) => {
        if (looksLikeMessage(line.head)) events.overlong(line.head, line.tail, line.length);
        else noteGarbage(line.head);
      },
    );
    stdout.once('data', () => events.sighted?.({ kind: 'first-byte' }));
    stdout.on('data', (chunk: Buffer) => out.push(chunk));
    stdout.once('end', () => out.end());
    readStderr(stderr);
    // A server that ends while we write makes these fail; its exit tells the rest.
    for (const stream of [stdin, stdout, stderr]) stream.on('error', () => {});
    stdin.on('drain', () => {
      blocked = false;
      flush();
    });
  }

  function readStderr(stderr: NodeJS.ReadableStream): void {
    const limit = createFloodGate(stderr);
    let lines: string[] = [];
    const splitter = createLineSplitter(
      maxStderrLineBytes,
      (line) => lines.push(line.toString('utf8')),
      ({ head, length }) => lines.push(`${head.toString('utf8')}… (${length} bytes)`),
    );
    const hand = () => {
      if (lines.length > 0) events.stderr(lines);
      lines = [];
    };
    stderr.on('data', (chunk: Buffer) => {
      splitter.push(chunk);
      hand();
      limit(chunk.length);
    });
    stderr.once('end', () => {
      splitter.end();
      hand();
    });
  }

  function noteGarbage(line: Buffer): void {
    garbageCount += 1;
    if (!garbageSample.trim()) garbageSample = line.toString('utf8', 0, maxSampleChars);
    events.garbage(garbageSample, garbageCount);
  }

  function send(text: string): undefined {
    if (exited || closed || stopping) return;
    if (queuedBytes > maxQueuedBytes) {
      throw new HubError('BUSY', `"${target.name}" does not read its input: its queue is full.`, {
        server: target.name,
        reason: 'busy',
        retryable: true,
      });
    }
    queue.push(text);
    queuedBytes += text.length + 1;
    if (flushing || blocked) return;
    flushing = true;
    setImmediate(flush);
  }

  /** One write for all that was sent in this turn of the event loop. */
  function flush(): void {
    flushing = false;
    const stdin = child?.stdin;
    if (blocked || queue.length === 0 || !stdin?.writable) return;
    const text = queue.length === 1 ? `${queue[0]}\n` : `${queue.join('\n')}\n`;
    queue = [];
    queuedBytes = 0;
    blocked = !stdin.write(text);
  }

  async function onExit(code: number | null, signal: NodeJS.Signals | null): Promise<void> {
    exited = true;
    const pid = child?.pid;
    await drained();
    for (const stream of [child?.stdin, child?.stdout, child?.stderr]) stream?.destroy();
    const reason = stopReason ?? reasonOfExit(code, signal);
    events.closed({ ...reason, exitCode: code, signal });
    closed = true;
    if (pid !== undefined) {
      signalGroup(pid, 'SIGKILL');
      await options.reap(pid);
    }
    finished();
  }

  /** Waits until both outputs have ended, or for a moment where somebody else holds them open. */
  function drained(): Promise<void> {
    const streams = [child?.stdout, child?.stderr].filter((stream) => stream && !stream.readableEnded);
    if (streams.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, drainMs);
      let open = streams.length;
      for (const stream of streams) {
        stream?.once('end', () => {
          open -= 1;
          if (open > 0) return;
          clearTimeout(timer);
          resolve();
        });
      }
    });
  }

  function finish(reason: CloseReason): void {
    if (closed) return;
    closed = true;
    // The opener must have its transport in hand before it hears of its end.
    queueMicrotask(() => {
      events.closed(reason);
      finished();
    });
  }

  async function stop(): Promise<void> {
    const pid = child?.pid;
    if (exited || pid === undefined) return gone;
    if (!blocked) flush();
    await options.beforeStop?.(pid);
    child?.stdin?.end();
    // What answers neither calls nor pings would only use up the time of the gentle steps.
    if (!stopReason?.atOnce) {
      if (await settledWithin(gone, closedStdinMs)) return;
      signalGroup(pid, 'SIGTERM');
      if (await settledWithin(gone, sigtermMs)) return;
    }
    signalGroup(pid, 'SIGKILL');
    await options.reap(pid);
    return gone;
  }

  start();
  return {
    send,
    close(reason) {
      stopReason ??= reason;
      stopping ??= stop();
      return stopping;
    },
  };
}

function looksLikeMessage(line: Buffer): boolean {
  let at = 0;
  while (line[at] === 0x20 || line[at] === 0x09) at += 1;
  return line[at] === 0x7b || line[at] === 0x5b;
}

/** Back-pressure against floods: stops reading for the rest of a window once it brought too much. */
function createFloodGate(stream: NodeJS.ReadableStream): (bytes: number) => void {
  let windowEnd = 0;
  let bytesInWindow = 0;
  return (bytes) => {
    const now = performance.now();
    if (now > windowEnd) {
      windowEnd = now + floodWindowMs;
      bytesInWindow = 0;
    }
    bytesInWindow += bytes;
    if (bytesInWindow < floodBytes || stream.isPaused()) return;
    stream.pause();
    setTimeout(() => stream.resume(), Math.max(1, windowEnd - now)).unref();
  };
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // ESRCH: nobody is left in it.
  }
}

function settledWithin(promise: Promise<void>, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), ms);
    void promise.then(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}

function reasonOfExit(code: number | null, signal: NodeJS.Signals | null): CloseReason {
  if (signal) return { reason: 'killed', message: `The program was ended by ${signal}.` };
  return { reason: 'exited', message: `The program ended with exit code ${code}.` };
}

/** Null if there is none to see. */
function faultOfStart(target: UpstreamTarget, path: string): string | null {
  if (!target.command) return 'No command is given.';
  const found = findProgram(target, path);
  return faultOfFolder(target.cwd) ?? ('fault' in found ? found.fault : null);
}

function spawnMessage({ command }: UpstreamTarget, error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'E2BIG') return 'The arguments and the environment are too large for the system.';
  return `${JSON.stringify(command)} could not be started (${code ?? 'unknown cause'}).`;
}
