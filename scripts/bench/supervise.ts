// What supervision costs and how quick it is: idle servers, ends of servers, and a thousand starts and stops.
import { writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { createControlClient } from '../../lib/control';
import { socketPaths } from '../../lib/env';
import type { ServerStatus } from '../../lib/servers/schema';
import type { Hub } from '../../tests/support/hub';
import { openSession, statuses } from '../../tests/support/hub-client';
import { desired, program, supervise } from '../../tests/support/upstreams';
import { heldBy, inspectable } from './held';
import { usage } from './lib/proc.mjs';
import { here, median, type Stage, say, table, workerOf } from './support';

const idleServers = 200;
const idleSeconds = 20;
const kills = 30;
const cycledServers = 20;
const cycles = 1_000;
/** Code that is compiled and caches that fill are no cycle's; so many cycles come before the first look. */
const warmUpCycles = 400;
const restartMs = 60_000;

export const smallServer = { command: here('small-server.sh'), args: [] as string[] };
const smallServers = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`small-${at}`, smallServer]));

export async function benchSupervise(stage: Stage): Promise<void> {
  await idle(stage);
  await ends();
}

async function idle(stage: Stage): Promise<void> {
  const hub = await inspectable(stage, { config: { mcpServers: { one: smallServer } } });
  await allReady(hub, 1);
  const before = await quiet(hub);
  writeFileSync(hub.configFile, JSON.stringify({ mcpServers: { one: smallServer, ...smallServers(idleServers) } }));
  await allReady(hub, idleServers + 1);
  const after = await quiet(hub);
  table(
    `${idleServers} idle stdio servers: what the worker takes beyond a hub with one of them, over ${idleSeconds} s`,
    ['', 'CPU % of a core', 'RSS MiB', 'heap MiB', 'file descriptors'],
    [
      ['one server', before.cpuPercent, before.rssMib, before.heapMib, before.files],
      [`and ${idleServers} more`, after.cpuPercent, after.rssMib, after.heapMib, after.files],
      [
        'growth',
        after.cpuPercent - before.cpuPercent,
        after.rssMib - before.rssMib,
        after.heapMib - before.heapMib,
        after.files - before.files,
      ],
    ],
    [0, 2, 1, 1, 0],
  );
  say('  target: less than 2 % of a core and 60 MiB more');
}

async function quiet(hub: Hub) {
  await delay(8_000);
  const cpu = () => usage(workerOf(hub), { self: true }).cpu_s;
  const before = cpu();
  await delay(idleSeconds * 1_000);
  const cpuPercent = ((cpu() - before) / idleSeconds) * 100;
  return { cpuPercent, ...(await heldBy(hub)) };
}

/** From SIGKILL to what callers and listeners hear, in a supervisor of our own: nothing else is on the way. */
async function ends(): Promise<void> {
  const row = desired(program(smallServer.command));
  const { supervisor, reach } = supervise([row]);
  const toEvent: number[] = [];
  const toCaller: number[] = [];
  try {
    await supervisor.start();
    for (let at = 0; at < kills; at += 1) {
      await reach(row, 'ready', restartMs);
      const { upstream, pid } = { upstream: supervisor.upstreamOf(row.id), pid: pidOf(supervisor.status(row.id)) };
      const call = upstream.call('tools/call', { name: 'echo', hold: true }, { timeoutMs: restartMs }).answer;
      const failed = call.then(
        () => Number.NaN,
        () => performance.now(),
      );
      await upstream.call('ping', undefined, { timeoutMs: restartMs }).answer;
      const told = new Promise<number>((resolve) => {
        const stop = supervisor.on('status', ({ state }) => {
          if (state === 'ready') return;
          stop();
          resolve(performance.now());
        });
      });
      const killedAt = performance.now();
      process.kill(pid, 'SIGKILL');
      toCaller.push((await failed) - killedAt);
      toEvent.push((await told) - killedAt);
      // A person's restart, so that the delays do not grow.
      await supervisor.restart(row.id);
    }
  } finally {
    await supervisor.stop();
  }
  table(
    `a server that is killed, ${kills} times: from SIGKILL until somebody hears of it, ms`,
    ['', 'median', 'longest'],
    [
      ['pending call fails', median(toCaller), Math.max(...toCaller)],
      ['change of state is told', median(toEvent), Math.max(...toEvent)],
    ],
    [0, 1, 1],
  );
  say('  target: 100 ms and 50 ms');
}

export async function benchCycles(stage: Stage): Promise<void> {
  const hub = await inspectable(stage, { config: { mcpServers: smallServers(cycledServers) } });
  await allReady(hub, cycledServers);
  await restartAll(hub, warmUpCycles / cycledServers);
  const before = await heldBy(hub);
  const begun = performance.now();
  await restartAll(hub, cycles / cycledServers);
  const seconds = (performance.now() - begun) / 1_000;
  const after = await heldBy(hub);
  const row = (name: string, { processes, files, resources, rssMib, heapMib }: typeof after) => [
    ...[name, processes, files, resources, rssMib, heapMib],
  ];
  table(
    `${cycles} starts and stops of ${cycledServers} servers in ${seconds.toFixed(0)} s: what the worker holds after a collection`,
    ['', 'processes', 'file descriptors', 'resources', 'RSS MiB', 'heap MiB'],
    [row('before', before), row('after', after)],
    [0, 0, 0, 0, 1, 1],
  );
  say('  target: no more processes, descriptors and resources; RSS within 10 %');
  const session = await openSession(hub);
  if ((await session.tools()).length !== cycledServers) throw new Error('a tool is missing after the cycles');
}

async function restartAll(hub: Hub, rounds: number): Promise<void> {
  const client = createControlClient(socketPaths(hub.dataDir).worker);
  for (let round = 0; round < rounds; round += 1) {
    const before = await statuses(hub);
    await Promise.all(
      Object.values(before).map(({ id, name }) =>
        client.call('events.deliver', { name: 'server.restart', payload: { id, name } }),
      ),
    );
    await waitFor(async () => {
      const now = await statuses(hub);
      return Object.values(now).every(
        (status) => status.state === 'ready' && pidOf(status) !== pidOf(before[status.name]),
      );
    });
  }
}

function pidOf(status: ServerStatus | undefined): number {
  return status?.instances[0]?.pid ?? 0;
}

/** So many servers, of those that are `meant`, run and are listed. */
export async function allReady(hub: Hub, count: number, meant: (name: string) => boolean = () => true): Promise<void> {
  await waitFor(async () => {
    const all = Object.values(await statuses(hub)).filter(({ name }) => meant(name));
    return all.length === count && all.every(({ state, tools }) => state === 'ready' && tools > 0);
  });
}

async function waitFor(check: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + restartMs;
  while (!(await check())) {
    if (performance.now() > end) throw new Error('the servers did not become ready');
    await delay(20);
  }
}
