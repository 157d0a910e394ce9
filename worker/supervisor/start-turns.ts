// Programs that start all at once take the processor from each other and from the requests that the hub serves
// meanwhile. So only a few load at a time. Who is slow for another reason, or stuck, holds nobody up for long.
import { availableParallelism } from 'node:os';
import type { Clock } from './clock';

/** Loading is over by then, unless something else is waited for: a download, say. */
const patienceMs = 500;

export interface StartTurns {
  /** Resolves when it is its turn, or at once when `signal` is aborted. @returns what ends the turn; more than once is harmless */
  take(signal: AbortSignal): Promise<() => void>;
}

export function createStartTurns(clock: Clock, places = Math.max(4, availableParallelism() * 2)): StartTurns {
  const waiting = new Set<() => void>();
  let taken = 0;

  function begin(): () => void {
    taken += 1;
    let isOver = false;
    const end = () => {
      if (isOver) return;
      isOver = true;
      cancel();
      taken -= 1;
      const [next] = waiting;
      next?.();
    };
    const cancel = clock.after(patienceMs, end);
    return end;
  }

  return {
    take(signal) {
      if (signal.aborted) return Promise.resolve(() => {});
      if (taken < places) return Promise.resolve(begin());
      return new Promise((resolve) => {
        const leave = () => {
          waiting.delete(enter);
          signal.removeEventListener('abort', leave);
          resolve(() => {});
        };
        const enter = () => {
          waiting.delete(enter);
          signal.removeEventListener('abort', leave);
          resolve(begin());
        };
        waiting.add(enter);
        signal.addEventListener('abort', leave, { once: true });
      });
    },
  };
}
