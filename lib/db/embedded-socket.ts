// Waits until the embedded database listens at its socket, by what happens in the socket's folder: asking the driver
// instead would add up the delays between its own attempts.
import { type FSWatcher, watch } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';

/** Some file systems report nothing, so it is looked at this often in any case. */
const lookMs = 250;

/**
 * Resolves when somebody listens at the socket.
 * @param waiting told why it does not answer yet, after each attempt
 * @throws the signal's reason, once it is aborted
 */
export async function embeddedListens(
  socketDir: string,
  signal: AbortSignal,
  waiting: (reason: string) => void,
): Promise<void> {
  const path = join(socketDir, '.s.PGSQL.5432');
  for (;;) {
    signal.throwIfAborted();
    // Watched from before the attempt, so that a socket which is made meanwhile is not missed.
    const change = changeIn(socketDir, signal);
    try {
      const fault = await faultOf(path);
      if (fault === null) return;
      waiting(fault);
      await change.seen;
    } finally {
      change.stop();
    }
  }
}

/** The next change in a folder, or a moment later. */
function changeIn(folder: string, signal: AbortSignal): { seen: Promise<void>; stop(): void } {
  let stop = () => {};
  const seen = new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, lookMs);
    const done = () => resolve();
    let watcher: FSWatcher | undefined;
    signal.addEventListener('abort', done, { once: true });
    try {
      watcher = watch(folder, done).on('error', () => {});
    } catch {
      // The folder is not there yet: then the timer has to do.
    }
    stop = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      watcher?.close();
    };
  });
  return { seen, stop };
}

/** @returns why nobody can be reached there, or null */
function faultOf(path: string): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(null);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}
