// The embedded database as a program of its own, as it was built.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { ensurePrograms, root } from '../../scripts/prepare.mjs';
import { until } from './until';

export interface EmbeddedProcess {
  child: ChildProcess;
  output(): string;
  /** Resolves with exit code and signal when the process is gone. */
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

/** Spawns it and waits for its `ready` message or its end. */
export async function startEmbeddedProcess(dataDir: string): Promise<EmbeddedProcess> {
  await ensurePrograms();
  const child = spawn(process.execPath, [join(root, 'dist/database.mjs')], {
    env: { ...process.env, MCPHUB_DATA_DIR: dataDir },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let output = '';
  let ready = false;
  let gone = false;
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  child.on('message', (message) => {
    ready ||= (message as { type?: unknown }).type === 'ready';
  });
  // Not the event "close": it does not come when the channel was disconnected before.
  const streams = [child.stdout, child.stderr].map((stream) => stream && finished(stream));
  const exited = Promise.all([once(child, 'exit'), ...streams]).then(([[code, signal]]) => {
    gone = true;
    return { code: code as number | null, signal: signal as NodeJS.Signals | null };
  });
  await until(
    () => ready || gone,
    60_000,
    () => `the database did not start:\n${output}`,
  );
  return { child, output: () => output, exited };
}
