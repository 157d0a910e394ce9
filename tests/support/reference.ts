// Starts the reference servers of tests/support/servers/reference as programs of their own.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { root } from '../../scripts/prepare.mjs';

export type ReferenceEra = 'legacy' | 'modern';

export const referenceProgram = (era: ReferenceEra) => join(root, `tests/support/servers/reference/${era}.mjs`);

export interface Reference {
  url: string;
  stop(): Promise<void>;
}

/** @param mode "http"; a legacy one also "sessionless" or "sse" */
export async function startReference(era: ReferenceEra, mode = 'http', port = 0): Promise<Reference> {
  const child = spawn(process.execPath, [referenceProgram(era), mode, String(port)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding('utf8').once('data', (line: string) => resolve(line.trim()));
    child.once('exit', (code) => reject(new Error(`the reference server (${era}) ended with ${code}`)));
  });
  return {
    url,
    async stop() {
      process.off('exit', kill);
      child.kill();
      await ended;
    },
  };
}
