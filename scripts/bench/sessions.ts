// What sessions cost: a thousand idle ones, many clients that connect at once, and lists of a thousand tools.
import { figure, harness, inTurns, load, ofHub, ofProgram, type Stage, say, table, workerOf } from './support';

const toolsListed = 1_000;

interface Held {
  failed?: string;
  sessions: number;
  alive: number;
  open_s: number;
  pss_mib: [number, number, number];
  errors: Record<string, number>;
}

/** 1,000 sessions that called once and then do nothing. */
export async function benchIdle(stage: Stage): Promise<void> {
  const upstream = await stage.program('upstream.mjs');
  const hub = await stage.hub({ config: { mcpServers: { http: { type: 'http', url: upstream.url } } } });
  const { url, token = '' } = ofHub('hub', hub, 'http');
  const hold = (sessions: number) =>
    harness<Held>('load.mjs', [
      ...['--method', 'hold', '--url', url, '--token', token, '--sessions', String(sessions)],
      ...['--concurrency', '16', '--settle', '12000', '--pid', workerOf(hub).join()],
    ]);
  // The first thousand also warms up: code that is compiled and caches that fill stay for ever, and are no session's.
  const [first, second] = [await hold(1000), await hold(1000)];
  const row = (name: string, { sessions, alive, open_s, pss_mib: [before, during, after] }: Held) => [
    ...[name, sessions, alive, open_s, before, during - before, after - before],
  ];
  table(
    '1,000 idle sessions, each initialized and with one call behind it: Pss of the worker in MiB',
    ['', 'sessions', 'alive', 'opened in s', 'before', 'growth', 'left after DELETE'],
    [row('first thousand', first), row('second thousand', second)],
    [0, 0, 0, 1, 1, 1, 1],
  );
  say('  target: growth at most 15 MiB, given back after DELETE');
  const failed = [first, second].find((held) => held.failed || held.alive !== 1000);
  if (failed) throw new Error(`sessions were refused or lost: ${failed.failed ?? JSON.stringify(failed.errors)}`);
}

/** 256 clients that connect, list, call and leave, all at once, again and again. */
export async function benchConnect(stage: Stage): Promise<void> {
  const upstream = await stage.program('upstream.mjs', '--tools', '97');
  const hub = await stage.hub({ config: { mcpServers: { http: { type: 'http', url: upstream.url } } } });
  // load.mjs counts a list that is not as long as the first one as an error.
  const run = await load(ofHub('hub', hub, 'http'), 5, 0, '--method', 'session', '--concurrency', '256');
  if (run.tools !== 100) throw new Error(`tools/list gave ${run.tools} tools instead of 100`);
  table(
    '256 clients at once: initialize, tools/list of 100 tools, one call, DELETE, again on a new connection, for 5 s',
    ['', 'sessions', 'sessions/s', 'p50 ms', 'p99 ms', 'CPU µs worker', 'errors'],
    [['hub, HTTP', run.calls, run.callsPerSecond, run.p50, run.p99, run.workerCpu, 0]],
    [0, 0, 0, 0, 0, 0, 0],
  );
  say('  target: no error, no list shorter than the others');
}

/** tools/list of a thousand tools, of both eras. */
export async function benchList(stage: Stage): Promise<void> {
  const upstream = await stage.program('upstream.mjs', '--tools', String(toolsListed - 3));
  const hub = await stage.hub({ config: { mcpServers: { http: { type: 'http', url: upstream.url } } } });
  const bytes = ofProgram('plain', await stage.program('refs/bytes.mjs', '--to', upstream.url));
  const versions = { plain: '2025-06-18', 'hub, sessions': '2025-06-18', 'hub, stateless': '2026-07-28' };
  const targets = Object.keys(versions).map((name) =>
    name === 'plain' ? { ...bytes, worker: bytes.whole } : { ...ofHub('hub', hub, 'http'), name },
  );
  // The median leaves out the first run, in which the hub still writes down what it has listed.
  const runs = await inTurns(targets, 3, async (target) => {
    const version = versions[target.name as keyof typeof versions];
    const run = await load(target, 3, 1, '--method', 'list', '--concurrency', '4', '--protocol', version);
    if (run.tools !== toolsListed) throw new Error(`tools/list gave ${run.tools} tools instead of ${toolsListed}`);
    return run;
  });
  table(
    `tools/list of ${toolsListed} tools (about 1 MB), 4 sessions, median of 3 runs of 3 s`,
    ['', 'lists/s', 'p50 ms', 'p99 ms', 'CPU ms'],
    targets.map(({ name }) => [
      name,
      figure(runs, name, 'callsPerSecond'),
      figure(runs, name, 'p50'),
      figure(runs, name, 'p99'),
      figure(runs, name, 'workerCpu') / 1000,
    ]),
    [0, 0, 1, 1, 2],
  );
  say('  target: at most 0.7 ms CPU for each list; "plain" writes the same bytes and does nothing else');
}
