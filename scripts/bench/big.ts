// One answer of nearly 16 MiB at a time, the largest that is relayed.
import { inTurns, load, markPeak, median, ofHub, ofProgram, peakMib, type Stage, stdioServer, table } from './support';

const kib = 16 * 1024 - 64;
const rounds = 3;

export async function benchBig(stage: Stage): Promise<void> {
  const upstream = await stage.program('upstream.mjs');
  const config = { mcpServers: { http: { type: 'http', url: upstream.url }, stdio: stdioServer() } };
  const hub = await stage.hub({ config });
  const undici = await stage.program('refs/proxy-undici.mjs', '--to', new URL(upstream.url).origin);
  const targets = [ofProgram('U', undici), ofHub('hub, HTTP', hub, 'http'), ofHub('hub, stdio', hub, 'stdio')];
  const growth = new Map<string, number[]>(targets.map(({ name }) => [name, []]));
  const runs = await inTurns(targets, rounds, async (target) => {
    const [pid = 0] = (target.worker ?? target.whole)?.() ?? [];
    markPeak(pid);
    const before = peakMib(pid);
    const run = await load(target, 2, 1, '--concurrency', '1', '--tool', 'big', '--args', JSON.stringify({ kib }));
    growth.get(target.name)?.push(peakMib(pid) - before);
    return run;
  });
  table(
    `a result of ${(kib / 1024).toFixed(1)} MiB, one session, median of ${rounds} runs of 2 s`,
    ['', 'results/s', 'p50 ms', 'CPU ms worker', 'peak RSS +MiB'],
    targets.map(({ name }) => {
      const own = runs.get(name) ?? [];
      return [
        name,
        median(own.map((run) => run.callsPerSecond)),
        median(own.map((run) => run.p50)),
        median(own.map((run) => (Number.isNaN(run.workerCpu) ? run.wholeCpu : run.workerCpu) / 1000)),
        median(growth.get(name) ?? []),
      ];
    }),
    [0, 1, 1, 1, 0],
  );
}
