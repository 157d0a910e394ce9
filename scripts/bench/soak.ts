// Some minutes of all that wears a hub down at once: servers that crash in loops, lists that change all the time, clients
// that come and go. What grows then is a leak. They end their sessions: one that does not is kept for half an hour.
import { setTimeout as delay } from 'node:timers/promises';
import { createControlClient } from '../../lib/control';
import { socketPaths } from '../../lib/env';
import type { Hub } from '../../tests/support/hub';
import { openSession, statuses } from '../../tests/support/hub-client';
import { type Held, heldBy, inspectable } from './held';
import { allReady, smallServer } from './supervise';
import { type Stage, say, table } from './support';

const minutes = 8;
/** Bounded stores fill (logs of servers, ids of ended sessions) and code is compiled: what grows so long is not counted. */
const warmUpMinutes = 2;
const lookEveryMs = 15_000;
const crashing = 10;
const storming = 10;
const restartEveryMs = 500;

export async function benchSoak(stage: Stage): Promise<void> {
  const names = (kind: string, count: number) => Array.from({ length: count }, (_, at) => `${kind}-${at}`);
  const stormy = names('stormy', storming);
  const mcpServers = Object.fromEntries([
    ...stormy.map((name) => [name, smallServer]),
    ...names('crashing', crashing).map((name) => [name, { command: '/bin/sh', args: ['-c', 'seq 150 >&2; exit 3'] }]),
  ]);
  const hub = await inspectable(stage, { config: { mcpServers } });
  await allReady(hub, storming, (name) => name.startsWith('stormy'));
  const counts = { restarts: 0, storms: 0, sessions: 0, errors: 0 };
  const ending = new AbortController();
  const work = [
    repeat(ending.signal, counts, () => crash(hub, counts)),
    ...stormy.map((name) => repeat(ending.signal, counts, () => storm(hub, name, counts))),
    ...Array.from({ length: 4 }, () => repeat(ending.signal, counts, () => visit(hub, counts))),
  ];
  const looks: { atMinutes: number; held: Held }[] = [];
  const begun = performance.now();
  const minutesNow = () => (performance.now() - begun) / 60_000;
  while (minutesNow() < minutes) {
    await delay(lookEveryMs);
    looks.push({ atMinutes: minutesNow(), held: await heldBy(hub) });
  }
  ending.abort();
  await Promise.all(work);
  const counted = looks.filter(({ atMinutes }) => atMinutes >= warmUpMinutes);
  const [first, last] = [counted[0], counted.at(-1)];
  if (!first || !last) throw new Error('too few looks');
  const row = (name: string, { atMinutes, held }: typeof first) => [
    ...[name, atMinutes, held.rssMib, held.heapMib, held.files, held.resources, held.processes],
  ];
  table(
    `${minutes} minutes: ${counts.restarts} crashes, ${counts.storms} changed lists, ${counts.sessions} sessions`,
    ['', 'minute', 'RSS MiB', 'heap MiB', 'file descriptors', 'resources', 'processes'],
    [row('after the warm-up', first), row('at the end', last)],
    [0, 1, 1, 1, 0, 0, 0],
  );
  const slope = (of: (held: Held) => number) => slopeOf(counted.map(({ atMinutes, held }) => [atMinutes, of(held)]));
  say(
    `  slope: RSS ${slope(({ rssMib }) => rssMib).toFixed(2)} MiB a minute, heap ${slope(({ heapMib }) => heapMib).toFixed(2)}; requests that failed: ${counts.errors}`,
  );
  say('  target: RSS less than 1 MiB a minute, no process more');
}

interface Counts {
  restarts: number;
  storms: number;
  sessions: number;
  errors: number;
}

async function repeat(signal: AbortSignal, counts: Counts, run: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await run().catch(() => {
      counts.errors += 1;
    });
  }
}

/** Every server that crashes is started at once again. */
async function crash(hub: Hub, counts: Counts): Promise<void> {
  const client = createControlClient(socketPaths(hub.dataDir).worker);
  for (const { id, name } of Object.values(await statuses(hub))) {
    if (!name.startsWith('crashing')) continue;
    await client.call('events.deliver', { name: 'server.restart', payload: { id, name } });
    counts.restarts += 1;
  }
  await delay(restartEveryMs);
}

async function storm(hub: Hub, name: string, counts: Counts): Promise<void> {
  const session = await openSession(hub, { endpoint: `/${name}` });
  for (let at = 0; at < 10; at += 1) {
    await session.call('echo', { storm: at });
    counts.storms += 1;
    await delay(50);
  }
  await session.end();
}

async function visit(hub: Hub, counts: Counts): Promise<void> {
  const session = await openSession(hub);
  await session.tools();
  await session.call('stormy-0__echo', {});
  await session.end();
  counts.sessions += 1;
  await delay(20);
}

/** Of a line through the points, by least squares. */
function slopeOf(points: [x: number, y: number][]): number {
  const mean = (of: (point: [number, number]) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [meanX, meanY] = [mean(([x]) => x), mean(([, y]) => y)];
  const over = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  return over / points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
}
