// Runs a hub: database (unless DATABASE_URL names one), worker and web side by side. Restarts what dies, stops all of
// them in order, and leaves no process and no port behind. It holds no connection and no data itself.
import { readFileSync, watch } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { basePathOf, isAmbiguousPath } from '../lib/base-path';
import { type Env, EnvError, envSchema, fileSettings, parseEnv, runtimeDir } from '../lib/env';
import { createOutput } from './launcher/output';
import { freePort, holderOf, portFault } from './launcher/port';
import { type Program, type ProgramEvents, type ProgramSpec, startProgram } from './launcher/program';
import { type Claim, claim } from './launcher/record';
import { unknownSettings } from './launcher/unknown-settings';

export interface LaunchOptions {
  /** "development" runs from the sources, by tsx and `next dev`. */
  mode: 'production' | 'development';
  /** False leaves the web program out: MCP, but no dashboard and no REST. */
  web: boolean;
}

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * After these a new start makes no sense: the settings or the data are not usable (EX_CONFIG of sysexits.h), or another
 * program has the database open (EX_TEMPFAIL).
 */
const fatalCodes = [78, 75];

/** The worker drains for 25 s and then stops its servers, which takes up to 8 s. */
const graceMs = { web: 3_000, worker: 40_000, database: 10_000 };

/** How long a second signal waits for the worker to end its servers. */
const impatientMs = 3_000;

/**
 * The web program keeps a core busy while it starts. It begins when the worker serves, or after this time where the
 * worker has to wait for something.
 */
const webPatienceMs = 3_000;

/** npm passes on a Ctrl-C that the terminal has already sent to everybody: the echo is no second one. */
const signalEchoMs = 500;

const orphanCheckMs = 250;

const output = createOutput(process.stdout, process.stdout.isTTY && !process.env.NO_COLOR);

/** Runs the hub until a signal ends it, then ends this process: 0, or 1 when the hub cannot run. */
export async function launch({ mode, web: withWeb }: LaunchOptions): Promise<void> {
  process.stdout.on('error', () => {}); // whoever read our output has gone; the hub goes on
  process.stderr.on('error', () => {});
  const env = settings();
  const { url, note, release } = await claimed(env);
  const fault = await portFault(env.PORT, env.HOST);
  if (fault) {
    release();
    giveUp(describePortFault(fault, env));
  }
  warnAboutHost(env);
  warnAboutPath(env);
  for (const warning of unknownSettings(Object.keys(process.env))) output.say(`Warning: ${warning}`);

  const programs: { database?: Program; worker?: Program; web?: Program } = {};
  let webPort: number | null = null;
  let isWorkerReady = false;
  let stopping: Promise<void> | undefined;

  function start(name: keyof typeof programs, spec: Pick<ProgramSpec, 'args' | 'env'>, events: Partial<ProgramEvents>) {
    programs[name] = startProgram({ ...spec, name, graceMs: graceMs[name], fatalCodes }, output, {
      ...events,
      started(pid) {
        note(name, pid);
        events.started?.(pid);
      },
      ended() {
        note(name, null);
        events.ended?.();
      },
      fatal: (lastWords) => void stop(1, lastWords || `The ${name} program cannot run with these settings.`),
    });
  }

  const source = (path: string, built: string) => (mode === 'production' ? [built] : ['--import', 'tsx', path]);
  const settingsEnv = { ...process.env, MCPHUB_DATA_DIR: env.MCPHUB_DATA_DIR, MCPHUB_PUBLIC_URL: url, NODE_ENV: mode };

  if (!env.DATABASE_URL) {
    start(
      'database',
      { args: () => source('lib/db/embedded/main.ts', 'dist/database.mjs'), env: databaseEnv(settingsEnv) },
      {},
    );
  }

  const workerArgs =
    env.MCPHUB_WORKERS === 1
      ? source('worker/main.ts', 'dist/worker.mjs')
      : [...source('scripts/launcher/primary.ts', 'dist/primary.mjs'), String(env.MCPHUB_WORKERS)];
  start(
    'worker',
    // The whole environment: `${VAR}` in the servers file is expanded from it.
    { args: () => workerArgs, env: settingsEnv },
    {
      started: tellWebPort, // the channel keeps it until the worker listens to it
      message(message) {
        if (!isMessage(message, 'ready')) return;
        if (isWorkerReady) output.say('The worker is ready again.');
        else output.say(banner(env, withWeb, typeof message.setupUrl === 'string' ? message.setupUrl : undefined));
        isWorkerReady = true;
        startWeb();
      },
    },
  );
  const patience = setTimeout(startWeb, webPatienceMs);

  function startWeb(): void {
    clearTimeout(patience);
    if (!withWeb || programs.web || stopping) return;
    start(
      'web',
      {
        async args() {
          const port = await freePort();
          webPort = port;
          tellWebPort();
          void answers(port, () => webPort === port && !stopping).then((isUp) => {
            if (isUp) output.say(`The dashboard is ready: ${url}`);
          });
          return [
            '--import',
            pathToFileURL(join(root, 'scripts/launcher/end-with-launcher.mjs')).href,
            join(root, 'node_modules/next/dist/bin/next'),
            mode === 'production' ? 'start' : 'dev',
            '-H',
            '127.0.0.1',
            '-p',
            String(port),
          ];
        },
        env: webEnv(settingsEnv),
      },
      {
        ended() {
          webPort = null;
          tellWebPort();
        },
      },
    );
  }

  function tellWebPort(): void {
    programs.worker?.send({ type: 'web', port: webPort });
  }

  /** Web first, so that nobody starts new work; the database last, so that the worker can write its last rows. */
  function stop(exitCode: number, reason: string): Promise<void> {
    stopping ??= (async () => {
      output.say(reason);
      for (const name of ['web', 'worker', 'database'] as const) await programs[name]?.stop();
      release();
      if (exitCode === 0) output.say('Stopped.');
      process.exit(exitCode);
    })();
    return stopping;
  }

  let isImpatient = false;

  /** The worker alone knows all processes of its servers, so it ends them before it is ended itself. */
  async function stopAtOnce(): Promise<void> {
    if (isImpatient) return;
    isImpatient = true;
    output.say('Stopping at once.');
    programs.worker?.send({ type: 'stop-at-once' });
    await Promise.race([programs.worker?.stop(), delay(impatientMs)]);
    for (const program of Object.values(programs)) program?.kill();
    release();
    process.exit(130);
  }

  let firstSignalAt: number | undefined;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (firstSignalAt === undefined) {
        firstSignalAt = performance.now();
        void stop(0, 'Stopping …');
      } else if (performance.now() - firstSignalAt > signalEchoMs) {
        void stopAtOnce();
      }
    });
  }

  if (process.env.npm_lifecycle_event) whenOrphaned(() => void stop(0, 'npm has ended; stopping …'));
  if (mode === 'development') restartOnEdit(() => programs.worker?.restart());
}

function settings(): Env {
  try {
    return parseEnv(process.env);
  } catch (error) {
    if (error instanceof EnvError) giveUp(error.message);
    throw error;
  }
}

async function claimed(env: Env): Promise<Claim & { url: string }> {
  const url = env.MCPHUB_PUBLIC_URL;
  const result = await claim(env.MCPHUB_DATA_DIR, runtimeDir(env.MCPHUB_DATA_DIR), url);
  if ('claim' in result) return { ...result.claim, url };
  return giveUp(
    `A hub with the data directory ${env.MCPHUB_DATA_DIR} is running already: pid ${result.holder.pid}, ${result.holder.url}\n` +
      `Stop it with "kill ${result.holder.pid}", or start another one with its own MCPHUB_DATA_DIR and PORT.`,
  );
}

function describePortFault(fault: string, { HOST, PORT }: Env): string {
  if (fault === 'EADDRINUSE') {
    const holder = holderOf(PORT);
    const who = holder ? `pid ${holder.pid} (${holder.command.slice(0, 120)})` : 'another program';
    return `Port ${PORT} is in use by ${who}.\nEnd it, or take another port: PORT=${PORT < 65_535 ? PORT + 1 : 3000} npm start`;
  }
  if (fault === 'EACCES')
    return `Port ${PORT} needs more rights than this user has. Take one above 1023: PORT=3000 npm start`;
  if (fault === 'EADDRNOTAVAIL' || fault === 'ENOTFOUND') return `HOST=${HOST} is not an address of this machine.`;
  return `Cannot listen on ${HOST}:${PORT} (${fault}).`;
}

function warnAboutHost({ HOST }: Env): void {
  if (/^(127\.|::1$|localhost$)/.test(HOST)) return;
  output.say(`Warning: HOST=${HOST} makes the hub reachable from other machines. Put TLS in front of it.`);
}

function warnAboutPath({ MCPHUB_PUBLIC_URL }: Env): void {
  const path = basePathOf(MCPHUB_PUBLIC_URL);
  if (!isAmbiguousPath(path)) return;
  output.say(
    `Warning: ${path} in MCPHUB_PUBLIC_URL begins like a page of the hub: the proxy has to take it away, and the dashboard works through the proxy alone.`,
  );
}

function giveUp(text: string): never {
  process.stdout.write(`${text}\n`);
  process.exit(1);
}

function banner(env: Env, withWeb: boolean, setupUrl: string | undefined): string {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const url = env.MCPHUB_PUBLIC_URL;
  const rows = [
    ['Dashboard', withWeb ? url : 'not started (--no-web)'],
    ...(setupUrl ? [['Set up', `${setupUrl}   (works once: creates the first admin)`]] : []),
    ['MCP', `${url}/api/mcp`],
    ['Data', env.MCPHUB_DATA_DIR],
    ['Stop', 'Ctrl-C to stop'],
  ];
  const lines = rows.map(([label = '', value]) => `    ${label.padEnd(10)} ${value}`);
  return `\n  MCPHub ${version}\n\n${lines.join('\n')}\n`;
}

function isMessage(message: unknown, type: string): message is { type: string; setupUrl?: unknown } {
  return typeof message === 'object' && message !== null && 'type' in message && message.type === type;
}

/** What any Node program may need of the surroundings, and nothing that could be a secret of another program. */
const surroundings =
  /^(PATH|HOME|USER|LOGNAME|SHELL|TMPDIR|TZ|LANG|LC_\w+|NODE_ENV|NODE_OPTIONS|NODE_EXTRA_CA_CERTS|SSL_CERT_\w+|(HTTPS?|NO|ALL)_PROXY|NO_COLOR|FORCE_COLOR)$/i;

function pick(source: NodeJS.ProcessEnv, wanted: (key: string) => boolean): NodeJS.ProcessEnv {
  const entries = Object.entries(source).filter(([key]) => surroundings.test(key) || wanted(key));
  return { ...Object.fromEntries(entries), NODE_ENV: source.NODE_ENV };
}

function databaseEnv(source: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return pick(source, (key) => key === 'MCPHUB_DATA_DIR' || key === 'LOG_LEVEL');
}

/** For the worker alone: it creates the first admin. */
const firstAdmin = /^MCPHUB_(ADMIN_|BOOTSTRAP_)/;

function webEnv(source: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const keys = [...Object.keys(envSchema.shape), ...fileSettings.map((key) => `${key}_FILE`)];
  const wanted = new Set(keys.filter((key) => !firstAdmin.test(key)));
  // Next reads .env by itself: what is unset here is passed as empty, so that web never sees other settings than we do.
  const unset = Object.fromEntries(keys.map((key) => [key, '']));
  return { ...unset, ...pick(source, (key) => wanted.has(key)), NEXT_TELEMETRY_DISABLED: '1' };
}

/** Polls until something answers HTTP on the port. @returns false when `isWanted` says so first */
async function answers(port: number, isWanted: () => boolean): Promise<boolean> {
  while (isWanted()) {
    try {
      await fetch(`http://127.0.0.1:${port}/favicon.ico`, { redirect: 'manual', signal: AbortSignal.timeout(30_000) });
      return isWanted();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  return false;
}

/**
 * npm runs us in a shell, and passes a SIGTERM on to that shell alone: then both are gone and nobody told us. A process
 * whose parent ended gets another one.
 */
function whenOrphaned(stop: () => void): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    stop();
  }, orphanCheckMs);
}

/** Restarts the worker some moments after the last edit of its sources. */
function restartOnEdit(restart: () => void): void {
  let timer: NodeJS.Timeout | undefined;
  for (const folder of ['lib', 'worker', 'drizzle']) {
    watch(join(root, folder), { recursive: true }, () => {
      clearTimeout(timer);
      timer = setTimeout(restart, 300);
    });
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.chdir(root);
  await launch({ mode: 'production', web: !process.argv.includes('--no-web') });
}
