// Starts threads of the worker: from the bundle beside the program, or from the sources where the program runs from those.
import { readlinkSync } from 'node:fs';
import { constants, getPriority, setPriority } from 'node:os';
import { Worker, type WorkerOptions } from 'node:worker_threads';

export interface ThreadProgram {
  /** Of its source, for a program that runs from sources. */
  source: URL;
  /** Its file beside the bundled program. */
  bundle: string;
}

const fromSource = import.meta.url.endsWith('.ts');

export function startThread({ source, bundle }: ThreadProgram, options: WorkerOptions): Worker {
  if (!fromSource) return new Worker(new URL(bundle, import.meta.url), options);
  // Node 20 reads no TypeScript, and threads take no loader from their program.
  const code = `import('tsx/esm/api').then(({ register }) => { register(); return import(${JSON.stringify(source.href)}); })`;
  return new Worker(code, { ...options, eval: true });
}

/**
 * Lets the thread that calls this stand back where threads and programs have to share a processor: it keeps a share, and
 * gets all of a processor that nobody else wants. Linux alone has priorities of threads; elsewhere nothing happens.
 * @param niceness on top of its own, as of setpriority(2)
 */
export function standBack(niceness: number): void {
  if (process.platform !== 'linux') return;
  try {
    // Such as "712/task/730"; the last is the id of the thread, where setpriority(2) takes one of a process.
    const id = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    setPriority(id, Math.min(constants.priority.PRIORITY_LOW, getPriority(id) + niceness));
  } catch {
    // Without /proc, or where it is not allowed, the thread is one among equals.
  }
}
