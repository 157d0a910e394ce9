// Remote servers of a running hub: through a proxy, behind certificates, busy, and checked for their health; and how
// calls are shared among several addresses, counted where they arrive.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Hub, startHub } from '../../support/hub';
import { openSession, statuses } from '../../support/hub-client';
import { authorityFile, certificate, startProxy, startTls, type TestProxy } from '../../support/outbound';
import { until } from '../../support/until';
import { startHttpFixture } from '../../support/upstreams';

type Fixture = Awaited<ReturnType<typeof startHttpFixture>>;
type Shown = Awaited<ReturnType<typeof statuses>>[string];

/** A path where so many calls fail, and all after them are answered. */
const failing = (times: number) => `/modern/busy?status=503&method=tools/call&times=${times}`;

let hub: Hub;
let proxy: TestProxy;
let fixtures: Fixture[];
const ends: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  fixtures = await Promise.all([1, 2, 3].map(() => startHttpFixture()));
  const [first, second, third] = fixtures.map(({ url }) => url) as [string, string, string];
  const own = await startTls(first, 'good');
  const alone = await startTls(first, 'self-signed');
  proxy = await startProxy(Number(new URL(first).port), { authorization: `Basic ${btoa('ann:planted-password')}` });
  ends.push(own.stop, alone.stop, proxy.stop, ...fixtures.map(({ stop }) => stop));
  const all = (path: string) => fixtures.map(({ url }) => `${url}${path}`);
  const shared = (balancing: string, weights = [1, 1, 1]) => ({
    url: `${first}/sessionless`,
    balancing,
    endpoints: all('/sessionless').map((url, at) => ({ url, weight: weights[at] })),
  });
  hub = await startHub({
    env: { HTTP_PROXY: proxy.url.replace('//', '//ann:planted-password@'), NODE_EXTRA_CA_CERTS: authorityFile },
    config: {
      mcpServers: {
        proxied: { url: 'http://upstream.test/mcp' },
        'of-authority': { url: `https://localhost:${own.port}/mcp` },
        'self-signed': { url: `https://localhost:${alone.port}/mcp` },
        trusted: { url: `https://localhost:${alone.port}/mcp`, tls: { ca: certificate('self-signed') } },
        damaged: { url: `https://localhost:${alone.port}/mcp`, tls: { ca: 'nothing' } },
        busy: { url: `${second}/busy?status=429&method=tools/call&after=9` },
        checked: { url: `${third}/mcp`, healthCheck: { intervalSeconds: 5 } },
        robin: shared('round-robin'),
        least: shared('least-connections'),
        weighted: shared('weighted', [5, 3, 2]),
        broken: {
          url: `${first}/modern/sessionless`,
          endpoints: [
            `${first}/modern/sessionless`,
            `${second}/modern/sessionless`,
            `${first}${failing(5)}`,
            `${second}${failing(6)}`,
          ].map((url) => ({ url })),
        },
        sticky: { url: `${first}/mcp`, endpoints: all('/mcp').map((url) => ({ url })) },
      },
    },
  });
  for (const name of ['robin', 'least', 'weighted', 'sticky']) await shows(name, ({ ready }) => ready === 3);
  await shows('broken', ({ ready }) => ready === 4);
}, 60_000);

afterAll(async () => {
  await hub?.stop();
  for (const end of ends.reverse()) await end();
}, 30_000);

async function shows(name: string, check: (status: Shown) => boolean, ms = 15_000): Promise<Shown> {
  let last: Shown | undefined;
  const holds = async () => {
    last = (await statuses(hub))[name];
    return last !== undefined && check(last);
  };
  await until(holds, ms, () => JSON.stringify(last));
  return last as Shown;
}

const sessionOf = (name: string) => openSession(hub, { endpoint: `/${name}` });
const isReady = ({ state }: Shown) => state === 'ready';

describe('a remote server', () => {
  it('is reached through the proxy of the environment, whose password appears nowhere', async () => {
    await shows('proxied', isReady);
    const { json } = await (await sessionOf('proxied')).call('echo', { text: 'through' });
    expect(json.result.content[0].text).toBe('through');
    expect(proxy.seen.map(({ line }) => line)).toContain('POST http://upstream.test/mcp');
    expect(hub.logs() + JSON.stringify(await statuses(hub))).not.toContain('planted-password');
  });

  it('is trusted by NODE_EXTRA_CA_CERTS or its own certificate, and says what is wrong else', async () => {
    await shows('of-authority', isReady);
    await shows('trusted', isReady);
    expect((await shows('self-signed', ({ state }) => state === 'retrying')).message).toContain('signed by itself');
    expect((await shows('damaged', ({ state }) => state === 'crashed')).message).toContain(
      '"tls.ca" is no certificate',
    );
  });

  it('that is busy is not called again, and its client told when to come back', async () => {
    await shows('busy', isReady);
    const { json } = await (await sessionOf('busy')).call('echo', {});
    expect(json.error).toMatchObject({ code: 1003, data: { retryAfterMs: 9_000, retryable: true, server: 'busy' } });
    expect((await seenAt(1)).filter(({ path, method }) => path === '/busy' && method === 'tools/call')).toHaveLength(1);
  });

  it('is checked while nobody calls it, and counted in /metrics', async () => {
    const { instances } = await shows('checked', (status) => status.instances[0]?.health !== undefined);
    expect(instances[0]?.health).toMatchObject({ ok: true, failures: 0 });
    const text = await (
      await fetch(`${hub.url}/metrics`, { headers: { authorization: `Bearer ${hub.apiKey}` } })
    ).text();
    expect(text).toContain('mcphub_server_unhealthy_instances{server_name="checked"} 0');
  });
});

interface Seen {
  url: string;
  path: string;
  method?: string;
  headers: Record<string, string>;
}
const seenAt = async (at: number): Promise<Seen[]> =>
  (await fetch(`${fixtures[at]?.url}/control/seen`)).json() as Promise<Seen[]>;
const callsAt = async (path: string) =>
  (await Promise.all([0, 1, 2].map(seenAt))).map(
    (seen) => seen.filter((each) => each.path === path && each.method === 'tools/call').length,
  );

/** Calls through the hub, so many at a time. @returns how many came to each address */
async function spread(name: string, path: string, count: number, atOnce: number): Promise<number[]> {
  const before = await callsAt(path);
  const session = await sessionOf(name);
  let left = count;
  const worker = async () => {
    while (left-- > 0) {
      const { json } = await session.call('echo', { text: 'x' });
      expect(json.result.content[0].text).toBe('x');
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return (await callsAt(path)).map((now, at) => now - (before[at] ?? 0));
}

/** Pearson's chi-square of counts against shares; with 2 degrees of freedom 13.8 has the probability 0.001. */
function chiSquare(counts: number[], shares: number[]): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const whole = shares.reduce((sum, share) => sum + share, 0);
  return counts.reduce((sum, count, at) => {
    const expected = (total * (shares[at] ?? 0)) / whole;
    return sum + (count - expected) ** 2 / expected;
  }, 0);
}

describe('calls to several addresses', () => {
  const many = 1_500;

  for (const [name, shares] of [
    ['robin', [1, 1, 1]],
    ['weighted', [5, 3, 2]],
    ['least', [1, 1, 1]],
  ] as const) {
    it(`are shared as "${name}" says, over ${many} of them`, async () => {
      const counts = await spread(name, '/sessionless', many, 8);
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(many);
      expect(chiSquare(counts, [...shares])).toBeLessThan(13.8);
      // Far better than chance where turns are taken.
      if (name !== 'least') expect(chiSquare(counts, [...shares])).toBeLessThan(0.1);
    });
  }

  it('of least-connections go past addresses that still work', async () => {
    const sum = async () => (await callsAt('/sessionless')).reduce((total, count) => total + count, 0);
    const before = await sum();
    const session = await sessionOf('least');
    const sleeps = [1, 2].map(() => session.call('sleep', { ms: 5_000, text: 'slept' }));
    await until(async () => (await sum()) === before + 2, 3_000);
    const counts = await spread('least', '/sessionless', 100, 1);
    expect(counts.toSorted()).toEqual([0, 0, 100]);
    for (const { json } of await Promise.all(sleeps)) expect(json.result.content[0].text).toBe('slept');
  });

  it('of a server with sessions stay where their client began, and clients are spread', async () => {
    const before = await callsAt('/mcp');
    const homes = new Set<number>();
    for (let client = 0; client < 12; client += 1) {
      const counts = await spread('sticky', '/mcp', 5, 1);
      expect(counts.filter((count) => count > 0)).toEqual([5]);
      homes.add(counts.indexOf(5));
    }
    expect(homes.size).toBeGreaterThan(1);
    const after = await callsAt('/mcp');
    expect(after.reduce((sum, count, at) => sum + count - (before[at] ?? 0), 0)).toBe(60);
  });

  it('leave out an address whose calls failed five times in a row, and one call tries it after 30 s', async () => {
    const session = await sessionOf('broken');
    const countsNow = async () => {
      const [one, two] = await Promise.all([0, 1].map(seenAt));
      const at = (seen: Seen[] | undefined, url: string) =>
        seen?.filter((each) => each.url === url && each.method === 'tools/call').length ?? 0;
      const good = '/modern/sessionless';
      return [at(one, good), at(two, good), at(one, failing(5)), at(two, failing(6))];
    };
    /** @returns how many of so many calls failed, one after the other */
    const failuresOf = async (count: number) => {
      let failed = 0;
      for (let at = 0; at < count; at += 1) {
        const { json } = await session.call('echo', { text: 'x' });
        if (json.error) failed += 1;
        if (json.error) expect(json.error).toMatchObject({ code: 1001, data: { server: 'broken', retryable: true } });
      }
      return failed;
    };
    expect(await failuresOf(600)).toBe(10);
    const opened = await countsNow();
    expect(opened.slice(2)).toEqual([5, 5]);
    expect(chiSquare(opened.slice(0, 2), [1, 1])).toBeLessThan(0.1);
    // Both are tried by one call each: the one answers and is back, the other fails and is left out once more.
    let failed = 0;
    await until(
      async () => {
        failed += await failuresOf(5);
        const [, , back = 0, out = 0] = await countsNow();
        return back > 5 && out > 5;
      },
      45_000,
      () => 'the addresses were not tried',
    );
    expect(failed).toBe(1);
    const before = await countsNow();
    expect(await failuresOf(600)).toBe(0);
    const shares = (await countsNow()).map((count, at) => count - (before[at] ?? 0));
    expect(shares[3]).toBe(0);
    expect(chiSquare(shares.slice(0, 3), [1, 1, 1])).toBeLessThan(0.1);
  }, 90_000);

  it('leave out an address that has gone, and come back to it', async () => {
    const port = Number(new URL(fixtures[2]?.url ?? '').port);
    await fixtures[2]?.stop();
    const session = await sessionOf('robin');
    let failed = 0;
    for (let at = 0; at < 120; at += 1) if ((await session.call('echo', { text: 'x' })).json.error) failed += 1;
    // What did not run goes to another address; what was under way when it ended cannot.
    expect(failed).toBeLessThanOrEqual(5);
    await shows('robin', ({ ready, state }) => ready === 2 && state === 'ready');
    fixtures[2] = await startHttpFixture(port);
    ends.push(() => fixtures[2]?.stop() ?? Promise.resolve());
    await shows('robin', ({ ready }) => ready === 3, 30_000);
    const counts = await spread('robin', '/sessionless', 30, 1);
    expect(chiSquare(counts, [1, 1, 1])).toBeLessThan(0.5);
  });
});
