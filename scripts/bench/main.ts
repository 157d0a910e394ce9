// `npm run bench`: real hubs with key check, policy, metrics and call log on, beside simple proxies on the same machine at
// the same time. Read the ratios: the absolute figures are those of the machine. Nothing else should run meanwhile.
// Writes nothing into the repository. docs/performance.md explains the figures.
import { setTimeout as delay } from 'node:timers/promises';
import { benchAccess } from './access';
import { benchBig } from './big';
import { benchCalls, benchLatency } from './calls';
import { benchSearch } from './search';
import { benchConnect, benchIdle, benchList } from './sessions';
import { benchSoak } from './soak';
import { benchMemory, benchServers, benchStart } from './start';
import { benchStreams } from './streams';
import { benchCycles, benchSupervise } from './supervise';
import { Stage, say } from './support';
import { benchVault } from './vault';

const scenarios: Record<string, { what: string; run(stage: Stage): Promise<void>; isAlone?: boolean }> = {
  calls: { what: '64 sessions that call without a pause', run: benchCalls },
  latency: { what: 'what a call takes longer: one session, 200 and 1,000 calls a second', run: benchLatency },
  list: { what: 'tools/list of 1,000 tools', run: benchList },
  connect: { what: '256 clients that connect at once', run: benchConnect },
  idle: { what: 'memory of 1,000 idle sessions', run: benchIdle },
  big: { what: 'results of nearly 16 MiB', run: benchBig },
  start: { what: 'npm start until the first right call', run: benchStart },
  servers: { what: 'start with 100 servers, two of them stuck', run: benchServers },
  memory: { what: 'memory of an idle hub', run: benchMemory },
  supervise: { what: '200 idle servers, and how soon an end is heard of', run: benchSupervise },
  cycles: { what: '1,000 starts and stops of servers', run: benchCycles },
  access: { what: 'key check, policy and limits of a call, with many keys and users', run: benchAccess },
  search: { what: 'searches for tools among 500 and 7,000, beside calls', run: benchSearch },
  vault: { what: 'opening the stored secrets of 100 servers', run: benchVault },
  streams: { what: '10,000 open streams and the calls beside them', run: benchStreams },
  soak: { what: '8 minutes of crash loops, list storms and sessions; only by its name', run: benchSoak, isAlone: true },
};

/** No scenario that runs with the others needs half of it. */
const scenarioMs = 180_000;
const aloneMs = 600_000;

/**
 * @param args names of scenarios; none means all, one after the other
 * @returns the exit code: 1 when something could not be measured, 2 for an unknown name; a missed target is only shown
 */
export async function bench(args: string[]): Promise<number> {
  const unknown = args.filter((name) => !Object.hasOwn(scenarios, name));
  if (unknown.length > 0) {
    say(`There is no scenario ${unknown.join(', ')}. There are:`);
    for (const [name, { what }] of Object.entries(scenarios)) say(`  ${name.padEnd(9)} ${what}`);
    return 2;
  }
  const together = Object.keys(scenarios).filter((name) => !scenarios[name]?.isAlone);
  let exitCode = 0;
  for (const name of args.length > 0 ? args : together) {
    const stage = new Stage();
    const mostMs = scenarios[name]?.isAlone ? aloneMs : scenarioMs;
    try {
      const late = delay(mostMs, undefined, { ref: false }).then(() => {
        throw new Error(`it took longer than ${mostMs / 1000} s`);
      });
      await Promise.race([scenarios[name]?.run(stage), late]);
    } catch (error) {
      say(`\n${name} could not be measured: ${error instanceof Error ? error.message : error}`);
      exitCode = 1;
    } finally {
      await stage.close();
    }
  }
  return exitCode;
}
