// What a worker holds after a collection: memory, file descriptors, resources of the event loop, processes.
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Hub, treeOf } from '../../tests/support/hub';
import { here, type Stage } from './support';

const mib = 1024 * 1024;

export interface Held {
  rssMib: number;
  heapMib: number;
  files: number;
  /** Sockets, pipes, timers and children that keep the event loop awake. */
  resources: number;
  /** The worker and what it started. */
  processes: number;
}

/** A hub whose worker can be asked what it holds. */
export function inspectable(stage: Stage, options: Parameters<Stage['hub']>[0]): Promise<Hub> {
  const env = { ...options?.env, NODE_OPTIONS: `--require ${here('inspect-on-signal.cjs')}` };
  return stage.hub({ ...options, env });
}

/** Forces collections in the worker of an inspectable hub and reads what is left. */
export async function heldBy(hub: Hub): Promise<Held> {
  const pid = hub.pid('worker') ?? 0;
  const file = join(hub.dataDir, `held.${pid}.json`);
  rmSync(file, { force: true });
  process.kill(pid, 'SIGUSR2');
  for (;;) {
    await delay(50);
    const text = readFileSync(file, { encoding: 'utf8', flag: 'a+' });
    if (text === '') continue;
    const { rss, heapUsed, resources } = JSON.parse(text);
    return {
      rssMib: rss / mib,
      heapMib: heapUsed / mib,
      files: readdirSync(`/proc/${pid}/fd`).length,
      resources,
      processes: treeOf(pid).length,
    };
  }
}
