// Starts threads of the worker: from the bundle beside the program, or from the sources where the program runs from those.
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
