// Calls of a quick tool: through the hub, through the best simple Node proxy (U = refs/proxy-undici.mjs, which parses
// the request and renames the tool), and through a pass-through that parses both bodies (P = refs/proxy-node.mjs --parse).
import {
  figure,
  inTurns,
  load,
  type Measured,
  median,
  ofHub,
  ofProgram,
  type Runs,
  type Stage,
  stdioServer,
  table,
} from './support';

const rounds = 3;
const seconds = 3;
const warmup = 1;

/** Median over the rounds of `of(target, base)` in the same round. */
function paired(runs: Runs, name: string, base: string, of: (run: Measured, other: Measured) => number): number {
  const others = runs.get(base) ?? [];
  return median((runs.get(name) ?? []).map((run, round) => of(run, others[round] as Measured)));
}

async function upstreamAndHub(stage: Stage) {
  const upstream = await stage.program('upstream.mjs');
  const { origin } = new URL(upstream.url);
  const config = { mcpServers: { http: { type: 'http', url: upstream.url }, stdio: stdioServer() } };
  return { upstream, origin, hub: await stage.hub({ config }) };
}

/** 64 sessions that call without a pause. */
export async function benchCalls(stage: Stage): Promise<void> {
  const { origin, hub } = await upstreamAndHub(stage);
  const undici = await stage.program('refs/proxy-undici.mjs', '--to', origin, '--prefix', 'up__');
  const targets = [ofProgram('U', undici), ofHub('hub, HTTP', hub, 'http'), ofHub('hub, stdio', hub, 'stdio')];
  const runs = await inTurns(targets, rounds, (target) => load(target, seconds, warmup, '--concurrency', '64'));
  table(
    `tools/call, 64 sessions without a pause, median of ${rounds} runs of ${seconds} s`,
    ['', 'calls/s', '× U', 'p50 ms', 'p99 ms', 'CPU µs worker', 'CPU µs whole', 'calls/CPU s'],
    targets.map(({ name }) => [
      name,
      figure(runs, name, 'callsPerSecond'),
      paired(runs, name, 'U', (run, base) => run.callsPerSecond / base.callsPerSecond),
      figure(runs, name, 'p50'),
      figure(runs, name, 'p99'),
      figure(runs, name, 'workerCpu'),
      figure(runs, name, 'wholeCpu'),
      1e6 / figure(runs, name, 'wholeCpu'),
    ]),
    [0, 0, 2, 2, 2, 0, 0, 0],
  );
}

function addedTable(title: string, runs: Runs, base: string, names: string[], targets: string): void {
  const added = (name: string, key: 'p50' | 'p99') =>
    paired(runs, name, 'direct', (run, direct) => run[key] - direct[key]);
  table(
    title,
    ['', 'p50 ms', 'p99 ms', 'added p50', 'added p99', `× ${base}, p50`, `× ${base}, p99`],
    ['direct', ...names].map((name) => [
      name,
      figure(runs, name, 'p50'),
      figure(runs, name, 'p99'),
      name === 'direct' ? Number.NaN : added(name, 'p50'),
      name === 'direct' ? Number.NaN : added(name, 'p99'),
      name === 'direct' ? Number.NaN : added(name, 'p50') / added(base, 'p50'),
      name === 'direct' ? Number.NaN : added(name, 'p99') / added(base, 'p99'),
    ]),
    [0, 3, 3, 3, 3, 2, 2],
  );
  process.stdout.write(`  ${targets}\n`);
}

/** What a call takes longer than without anything in between: one session, and calls that come at a fixed rate. */
export async function benchLatency(stage: Stage): Promise<void> {
  const { upstream, origin, hub } = await upstreamAndHub(stage);
  const direct = ofProgram('direct', upstream);
  const undici = ofProgram('U', await stage.program('refs/proxy-undici.mjs', '--to', origin, '--prefix', 'up__'));
  const parsing = ofProgram('P', await stage.program('refs/proxy-node.mjs', '--to', origin, '--parse'));
  const http = ofHub('hub, HTTP', hub, 'http');
  const one = await inTurns([direct, undici, http], rounds, (target) =>
    load(target, seconds, warmup, '--concurrency', '1'),
  );
  addedTable(
    `one session, one call after the other, median of ${rounds} runs of ${seconds} s`,
    one,
    'U',
    ['U', 'hub, HTTP'],
    'target: added p50 at most 1.15 × U, added p99 at most 1.30 × U',
  );
  for (const rate of [200, 1000]) {
    const runs = await inTurns([direct, parsing, http], rounds, (target) =>
      load(target, seconds, warmup, '--concurrency', '64', '--rate', String(rate)),
    );
    addedTable(
      `${rate} calls a second, whatever the answers do (open loop), median of ${rounds} runs of ${seconds} s`,
      runs,
      'P',
      ['P', 'hub, HTTP'],
      'target: added p50 and p99 at most 1.15 × P, no error',
    );
  }
}
