// run/launcher.json: who runs this hub. It keeps a second launcher off the data directory, and tells the next start
// what an earlier one that was killed may have left behind.
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isRunning, type ProcessId, self, startTimeOf, takeLock } from '../lock.mjs';
import { killGroup } from './program';

export interface LauncherRecord extends ProcessId {
  url: string;
  programs: Record<string, ProcessId>;
}

export interface Claim {
  /** Notes a program that runs now, or with null that it does not. */
  note(name: string, pid: number | null): void;
  release(): void;
}

/** Programs of a killed launcher end by themselves when their IPC channel closes; this is how long they may take. */
const leftoverGraceMs = 5_000;

/**
 * Claims a hub's data directory for this launcher, by a record in the folder `dir` of its sockets, and ends what an earlier life left.
 * @returns the claim, or the record of the launcher that holds it
 */
export async function claim(
  dataDir: string,
  dir: string,
  url: string,
): Promise<{ claim: Claim } | { holder: LauncherRecord }> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const file = join(dir, 'launcher.json');
  const record: LauncherRecord = { ...self(), url, programs: {} };
  let left: ProcessId[] = [];
  const holder = takeLock(file, record, (stale) => {
    left = Object.values(stale.programs ?? {});
  });
  if (holder) return { holder };
  await endLeftovers(left);
  const write = () => {
    writeFileSync(`${file}.new`, JSON.stringify(record), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  };
  return {
    claim: {
      note(name, pid) {
        if (pid === null) delete record.programs[name];
        else record.programs[name] = { pid, startTime: startTimeOf(pid) };
        write();
      },
      release: () => rmSync(file, { force: true }),
    },
  };
}

async function endLeftovers(left: ProcessId[]): Promise<void> {
  const deadline = performance.now() + leftoverGraceMs;
  while (left.some(isRunning) && performance.now() < deadline) await delay(50);
  for (const id of left.filter(isRunning)) killGroup(id.pid);
}
