import { afterEach, describe, expect, it } from 'vitest';
import type { DesiredServer } from '../../../../worker/supervisor';
import type { CallOptions, ClientSide, Upstream } from '../../../../worker/upstream';
import {
  desired,
  processesWith,
  remote,
  startHttpFixture,
  stdioTarget,
  supervise,
  until,
} from '../../../support/upstreams';

const running: ReturnType<typeof supervise>[] = [];
const fixtures: { stop(): Promise<void> }[] = [];

afterEach(async () => {
  for (const { supervisor, installationId } of running.splice(0)) {
    await supervisor.stop();
    expect(processesWith(installationId)).toEqual([]);
  }
  await Promise.all(fixtures.splice(0).map((fixture) => fixture.stop()));
}, 20_000);

async function begin(rows: DesiredServer[]) {
  const made = supervise(rows);
  running.push(made);
  await made.supervisor.start();
  const allReady = (row: DesiredServer, count = row.replicas) =>
    until(`${count} instances`, () => made.supervisor.status(row.id)?.ready === count);
  return { ...made, allReady };
}

const client = (owner: string): ClientSide => ({
  capabilities: {},
  owner,
  user: 'user',
  conversation: owner,
  isPassing: false,
  ask: () => Promise.reject(new Error('nobody is asked here')),
  notify: () => undefined,
});

async function textOf(upstream: Upstream, name: string, args = {}, options: Partial<CallOptions> = {}) {
  const params = { name, arguments: args };
  const { value } = await upstream.call('tools/call', params, { timeoutMs: 10_000, ...options }).answer;
  return (value as { content: { text: string }[] }).content[0]?.text ?? '';
}

describe('several processes of one server', () => {
  it('share the calls, are shown one by one, and follow their number', async () => {
    const row = desired(stdioTarget('good'), { replicas: 3 });
    const rows = [row];
    const { supervisor, allReady, installationId } = await begin(rows);
    await allReady(row);
    const pids = await Promise.all(Array.from({ length: 9 }, () => textOf(supervisor.upstreamOf(row.id), 'pid')));
    const shown = supervisor.status(row.id)?.instances ?? [];
    expect(new Set(pids)).toEqual(new Set(shown.map(({ pid }) => String(pid))));
    for (const { pid } of shown) expect(pids.filter((each) => each === String(pid)).length).toBe(3);
    expect(supervisor.status(row.id)).toMatchObject({ state: 'ready', ready: 3, total: 3 });
    expect(shown.map(({ circuit }) => circuit)).toEqual(['closed', 'closed', 'closed']);
    rows[0] = { ...row, replicas: 1 };
    await supervisor.reconcile();
    await until('one process', () => processesWith(installationId).length === 1);
    expect(supervisor.status(row.id)).toMatchObject({ state: 'ready', ready: 1, total: 1 });
    expect(await textOf(supervisor.upstreamOf(row.id), 'pid')).toBe(String(shown[0]?.pid));
  });

  it('an end of one fails its own calls only, and calls go to the others meanwhile', async () => {
    const row = desired(stdioTarget('good'), { replicas: 2 });
    const { supervisor, allReady } = await begin([row]);
    await allReady(row);
    const upstream = supervisor.upstreamOf(row.id);
    const [one, other] = await Promise.all([textOf(upstream, 'pid'), textOf(upstream, 'pid')]);
    const slow = Promise.allSettled([1, 2].map(() => textOf(upstream, 'sleep', { ms: 1_000 })));
    process.kill(Number(one), 'SIGKILL');
    await until('the end', () => supervisor.status(row.id)?.ready === 1);
    for (let call = 0; call < 10; call++) expect(await textOf(upstream, 'pid')).toBe(other);
    expect((await slow).map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(supervisor.status(row.id)).toMatchObject({ state: 'ready', total: 2 });
    await allReady(row);
  });

  it('spread clients that share no state; of a server that keeps state each session stays where it began', async () => {
    const free = desired(stdioTarget('good'), { replicas: 2 });
    const bound = desired(stdioTarget('subscriptions'), { replicas: 2 });
    const { supervisor, allReady } = await begin([free, bound]);
    await allReady(free);
    await allReady(bound);
    const pidsOf = async (row: DesiredServer, session: string) => {
      const options = { client: client(session) };
      const ask = () => textOf(supervisor.upstreamOf(row.id), 'pid', {}, options);
      return new Set(await Promise.all([ask(), ask(), ask(), ask()]));
    };
    expect((await pidsOf(free, 'a')).size).toBe(2);
    const homes = await Promise.all(Array.from({ length: 16 }, (_, at) => pidsOf(bound, `session ${at}`)));
    for (const home of homes) expect(home.size).toBe(1);
    expect(new Set(homes.flatMap((home) => [...home])).size).toBe(2);
  });

  it('that has tasks gets all calls at one of them, whoever asks about a task', async () => {
    const row = desired(stdioTarget('tasks'), { replicas: 2 });
    const { supervisor, allReady } = await begin([row]);
    await allReady(row);
    const ask = (_: unknown, at: number) =>
      textOf(supervisor.upstreamOf(row.id), 'pid', {}, { client: client(`session ${at}`) });
    expect(new Set(await Promise.all(Array.from({ length: 16 }, ask))).size).toBe(1);
  });
});

describe('several addresses of one server', () => {
  it('take calls by weight, and one that does not answer is left out', async () => {
    const [one, two] = [await startHttpFixture(), await startHttpFixture()];
    fixtures.push(one, two);
    const target = remote(`${one.url}/mcp`);
    const endpoints = [one, two].map(({ url }, at) => ({ url: `${url}/mcp`, weight: at === 0 ? 3 : 1 }));
    const row = desired(target, { endpoints, balancing: 'weighted' });
    const { supervisor, allReady } = await begin([row]);
    await allReady(row, 2);
    expect(supervisor.status(row.id)?.instances.map(({ url }) => url)).toEqual(endpoints.map(({ url }) => url));
    const upstream = supervisor.upstreamOf(row.id);
    await two.stop();
    // Until it is seen to be gone its calls fail, five at most.
    let failed = 0;
    for (let at = 0; at < 40; at++) await textOf(upstream, 'echo', { text: 'hi' }).catch(() => failed++);
    expect(failed).toBeLessThanOrEqual(5);
    expect(supervisor.status(row.id)).toMatchObject({ state: 'ready', total: 2 });
  });
});

describe('an edit', () => {
  for (const replicas of [1, 2]) {
    it(`fails no call under load (${replicas} instance${replicas > 1 ? 's' : ''})`, async () => {
      const row = desired(stdioTarget('good'), { replicas });
      const rows = [row];
      const { supervisor, allReady, installationId } = await begin(rows);
      await allReady(row);
      const pids = new Set<string>();
      let isOver = false;
      const load = Array.from({ length: 4 }, async () => {
        while (!isOver) {
          pids.add(await textOf(supervisor.upstreamOf(row.id), 'pid'));
          await textOf(supervisor.upstreamOf(row.id), 'sleep', { ms: 20 });
        }
      });
      const long = textOf(supervisor.upstreamOf(row.id), 'sleep', { ms: 1_500 });
      for (const round of [1, 2]) {
        rows[0] = { ...row, env: { ROUND: String(round) }, hash: `round ${round}` };
        await supervisor.reconcile();
        await until('new processes', () => pids.size === replicas * (round + 1));
      }
      expect(await long).toBe('slept 1500');
      isOver = true;
      await Promise.all(load);
      const env = JSON.parse(await textOf(supervisor.upstreamOf(row.id), 'env'));
      expect(env.ROUND).toBe('2');
      await until('the former ones', () => processesWith(installationId).length === replicas);
    });
  }

  it('that cannot start is shown, and the old one ends', async () => {
    const row = desired(stdioTarget('good'));
    const rows = [row];
    const { supervisor, reach, installationId } = await begin(rows);
    await reach(row, 'ready');
    rows[0] = { ...row, args: stdioTarget('crash-at-start').args, hash: 'broken' };
    await supervisor.reconcile();
    await reach(row, 'retrying');
    expect(() => supervisor.upstreamOf(row.id)).toThrow('giving up');
    await until('the old one', () => !processesWith(installationId).some((each) => each.includes(' good')));
  });
});
