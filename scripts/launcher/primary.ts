// Several workers on one port: this small process holds the listening socket, starts the workers and starts them again,
// tells them of each other and carries their messages. The kernel hands a new connection to whichever worker takes it
// first, so nothing of a request passes through here, and a connection that a killed worker had not taken yet is
// taken by another. For the launcher it is "the worker".
// Run: node dist/primary.mjs <number of workers>
import cluster, { type Worker } from 'node:cluster';
import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FromPrimary, Tag, ToPrimary } from '../../worker/fleet/messages';
import { createBackOff } from './back-off';

const exitSettings = 78;
/** Ids of ended workers that rows may still name. */
const deadKept = 64;

interface Member {
  tag: Tag;
  worker: Worker;
  isReady: boolean;
}

const here = fileURLToPath(import.meta.url);
const isSource = here.endsWith('.ts');
const count = Number(process.argv[2]);

const members: Member[] = [];
const dead: Tag[] = [];
let isPrepared = false;
let webPort: number | null = null;
let stopping: { exitCode: number } | null = null;
let setupUrl: string | undefined;

cluster.schedulingPolicy = cluster.SCHED_NONE;
cluster.setupPrimary({
  exec: isSource ? join(dirname(here), '../../worker/main.ts') : join(dirname(here), 'worker.mjs'),
  args: [],
});

function send({ worker }: Member, message: FromPrimary): void {
  // Who is just ending has no channel any more, and needs none.
  if (worker.isConnected()) worker.send(message, () => {});
}

function tellAll(): void {
  const tags = members.map(({ tag }) => tag);
  for (const member of members) {
    send(member, { type: 'fleet', self: member.tag, members: tags, dead, prepared: isPrepared });
  }
}

function startWorker(slot: number, backOff = createBackOff()): void {
  if (stopping) return;
  const startedAt = performance.now();
  const worker = cluster.fork();
  const member: Member = { tag: `${slot}-${randomBytes(4).toString('hex')}`, worker, isReady: false };
  members.push(member);
  worker.on('message', (message: ToPrimary) => take(member, message));
  worker.on('exit', (code, signal) => {
    members.splice(members.indexOf(member), 1);
    dead.push(member.tag);
    dead.splice(0, dead.length - deadKept);
    tellAll();
    if (code === exitSettings) stop(exitSettings);
    if (stopping) return void (members.length === 0 && process.exit(stopping.exitCode));
    const delayMs = backOff.next(performance.now() - startedAt);
    const reason = signal ? `was ended by ${signal}` : `exited with code ${code}`;
    console.error(`Worker ${slot} ${reason}; it starts again in ${(delayMs / 1000).toFixed(1)} s.`);
    setTimeout(() => startWorker(slot, backOff), delayMs);
  });
  tellAll();
}

function take(member: Member, message: ToPrimary): void {
  if (message.type === 'joined') {
    send(member, { type: 'web', port: webPort });
    tellAll();
  } else if (message.type === 'peer') {
    for (const other of members) {
      if (other === member || (message.to !== null && message.to !== other.tag)) continue;
      send(other, { type: 'peer', from: member.tag, message: message.message });
    }
  } else if (message.type === 'prepared') {
    isPrepared = true;
    tellAll();
  } else if (message.type === 'ready') {
    member.isReady = true;
    setupUrl = message.setupUrl ?? setupUrl;
    if (members.every(({ isReady }) => isReady)) process.send?.({ type: 'ready', ...(setupUrl && { setupUrl }) });
  }
}

/** Asks every worker to end; this process ends after the last of them. */
function stop(exitCode: number): void {
  if (stopping) return;
  stopping = { exitCode };
  for (const { worker } of members) worker.process.kill('SIGTERM');
  if (members.length === 0) process.exit(exitCode);
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop(0));
process.on('disconnect', () => stop(0)); // the launcher is gone
process.on('message', (message: FromPrimary) => {
  if (message.type === 'web') webPort = message.port;
  if (message.type === 'stop-at-once') stopping ??= { exitCode: 1 };
  for (const member of members) send(member, message);
});

for (let slot = 0; slot < count; slot += 1) startWorker(slot);
