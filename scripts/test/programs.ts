// The programs of a test run: compilers, linters, test runners. Each has a process group of its own, so that an
// interrupted run ends it with all that it started.
import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';

const groups = new Set<number>();
const graceMs = 15_000;

/** Runs a Node program in sight of the user. @returns its exit code, 1 when a signal ended it */
export async function show(args: string[], env: NodeJS.ProcessEnv): Promise<number> {
  return (await run(args, env, 'inherit')).code;
}

/** Runs a Node program and keeps what it prints. */
export function capture(args: string[], env: NodeJS.ProcessEnv): Promise<{ code: number; output: string }> {
  return run(args, env, 'pipe');
}

function run(args: string[], env: NodeJS.ProcessEnv, output: 'inherit' | 'pipe') {
  return new Promise<{ code: number; output: string }>((resolve, reject) => {
    // No stdin: a program in a background group of a terminal must not read from it.
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', output, output], detached: true });
    const { pid } = child;
    if (pid !== undefined) groups.add(pid);
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
    }
    child.on('error', reject);
    child.on('close', (code) => {
      if (pid !== undefined) signalGroup(pid, 'SIGKILL'); // what it left behind
      if (pid !== undefined) groups.delete(pid);
      resolve({ code: code ?? 1, output: text });
    });
  });
}

/** Ends all that still run: SIGTERM, so that hubs under test stop theirs, and SIGKILL to what does not listen. */
export async function endPrograms(): Promise<void> {
  const ending = [...groups];
  for (const pid of ending) signalGroup(pid, 'SIGTERM');
  const deadline = performance.now() + graceMs;
  while (ending.some((pid) => signalGroup(pid, 0)) && performance.now() < deadline) await delay(50);
  killPrograms();
}

function killPrograms(): void {
  for (const pid of groups) signalGroup(pid, 'SIGKILL');
}
process.once('exit', killPrograms);

/** @returns whether anybody was there */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, signal);
  } catch {
    return false;
  }
}
