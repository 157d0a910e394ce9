// A lock file that names its holder, for programs that must not run twice. Only node: modules, it works on a bare clone.
// The holder is known by pid and start time, so a pid that was given out again is not taken for it.
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';

/** Start time of a process in clock ticks since boot, from /proc; null where that cannot be read, and for a zombie. */
export function startTimeOf(pid) {
  try {
    // proc(5): the second field may hold blanks and brackets, so count from the last bracket: 3 is the state, 22 the time.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}

export function isRunning({ pid, startTime }) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
  return startTime === null || startTimeOf(pid) === startTime;
}

/** This process as a lock file and other records name it. */
export function self() {
  return { pid: process.pid, startTime: startTimeOf(process.pid) };
}

/**
 * Takes the lock `file`, or says who has it. A lock whose holder is gone is handed to `onStale` and then taken over.
 * @returns null when the lock is ours, else what its holder wrote
 */
export function takeLock(file, content, onStale = () => {}) {
  const mine = `${file}.${process.pid}`;
  writeFileSync(mine, JSON.stringify(content), { mode: 0o600 });
  try {
    for (;;) {
      try {
        linkSync(mine, file); // atomic, and the file never exists without its content
        return null;
      } catch (error) {
        if (error.code !== 'EEXIST') throw error;
      }
      const held = readLock(file);
      if (held && isRunning(held)) return held;
      // Whoever moves the stale file away first may go on; the loser finds either nothing or a fresh lock.
      const stale = `${file}.stale.${process.pid}`;
      try {
        renameSync(file, stale);
      } catch (error) {
        if (error.code === 'ENOENT') continue;
        throw error;
      }
      const moved = readLock(stale);
      if (moved && isRunning(moved)) renameSync(stale, file);
      else if (moved) onStale(moved);
      rmSync(stale, { force: true });
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

/** What the holder wrote; null when there is no lock or it is damaged. */
export function readLock(file) {
  try {
    const held = JSON.parse(readFileSync(file, 'utf8'));
    return Number.isInteger(held?.pid) ? held : null;
  } catch {
    return null;
  }
}
