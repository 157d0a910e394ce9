// The worker as a program: settings, signals, and the channel to the launcher. Exits with 0 when asked to end, 78
// (EX_CONFIG of sysexits.h) when the settings are unusable, so that nobody starts it again and again, and 1 otherwise.
// Among several workers the channel leads to the primary process (scripts/launcher/primary.ts) instead.
import cluster from 'node:cluster';
import { mkdirSync, readFileSync } from 'node:fs';
import { type Env, EnvError, env, runtimeDir } from '../lib/env';
import { isHubError, messageOf } from '../lib/errors';
import { createLog, type Log } from '../lib/log';
import { joinFleet } from './fleet';
import { startWorkerHub, type WorkerHub } from './hub';
import { startIdleCollection } from './idle-collection';

const exitSettings = 78;
/** Beyond the drain of 25 s and the stop of the servers; then the process ends whatever is left. */
const stopTimeoutMs = 38_000;
/** What the launcher grants to a worker that shall end at once. */
const stopAtOnceTimeoutMs = 2_500;

function settings(): Env {
  try {
    return env();
  } catch (error) {
    if (!(error instanceof EnvError)) throw error;
    console.error(error.message);
    process.exit(exitSettings);
  }
}

function whyNot(error: unknown, log: Log): never {
  if (isHubError(error) && error.extras.reason !== 'port-in-use') {
    log.fatal({ detail: error.extras.detail }, error.message);
    process.exit(exitSettings);
  }
  log.fatal({ err: error }, messageOf(error));
  process.exit(1);
}

async function main(): Promise<void> {
  const given = settings();
  const joining = cluster.isWorker ? joinFleet(process) : null;
  let log = createLog('worker', given.LOG_LEVEL);
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  mkdirSync(given.MCPHUB_DATA_DIR, { recursive: true, mode: 0o700 });
  mkdirSync(runtimeDir(given.MCPHUB_DATA_DIR), { recursive: true, mode: 0o700 });

  let hub: WorkerHub | undefined;
  let webPort: number | null = null;
  let isStopping = false;

  async function stop(reason: string): Promise<void> {
    if (isStopping) return;
    isStopping = true;
    log.info({ reason }, 'worker stops');
    setTimeout(() => process.exit(1), stopTimeoutMs).unref();
    await hub?.close();
    process.exit(0);
  }

  process.on('SIGTERM', () => void stop('SIGTERM'));
  process.on('SIGINT', () => void stop('SIGINT'));
  process.on('disconnect', () => void stop('the launcher is gone'));
  async function stopAtOnce(): Promise<void> {
    isStopping = true;
    setTimeout(() => process.exit(1), stopAtOnceTimeoutMs).unref();
    await hub?.kill();
    process.exit(1);
  }

  process.on('message', (message: { type?: unknown; port?: unknown }) => {
    if (message.type === 'stop-at-once') return void stopAtOnce();
    if (message.type !== 'web' || (typeof message.port !== 'number' && message.port !== null)) return;
    webPort = message.port;
    hub?.setWebPort(webPort);
  });
  // One faulty promise of one call must not end the calls of everybody else.
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'a promise was rejected and nobody looked'));

  try {
    const fleet = await joining;
    if (fleet) log = log.child({ worker: fleet.self });
    const started = await startWorkerHub({ env: given, log, version, processEnv: process.env, fleet });
    hub = started;
    hub.setWebPort(webPort);
    log.info({ port: hub.port }, 'worker listens');
    process.send?.({ type: 'listening', port: hub.port });
    const { setupUrl } = await hub.ready;
    log.info('worker ready');
    startIdleCollection(() => started.sessions);
    process.send?.({ type: 'ready', ...(setupUrl && { setupUrl }) });
  } catch (error) {
    if (!isStopping) whyNot(error, log);
  }
}

void main();
