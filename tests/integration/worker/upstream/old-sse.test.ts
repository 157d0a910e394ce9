// Servers of HTTP+SSE (2024-11-05) that misbehave: the guards are those of streamable HTTP, on a transport where a stream
// carries all answers and the addresses of messages come from the server.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { listAll, type Upstream } from '../../../../worker/upstream';
import { fairNow } from '../../../support/fair-clock';
import {
  desired,
  type Opened,
  open,
  remote,
  type startHttpFixture,
  startOldSseFixture,
  supervise,
  until,
} from '../../../support/upstreams';

let fixture: Awaited<ReturnType<typeof startHttpFixture>>;
const ends: (() => Promise<unknown>)[] = [];
let paths = 0;

beforeAll(async () => {
  fixture = await startOldSseFixture();
});
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});
afterAll(() => fixture.stop());

interface Seen {
  verb: string;
  url: string;
  host: string;
  method?: string;
  atMs: number;
}
const control = async (path: string) =>
  (await (await fetch(`${fixture.url}/control/${path}`)).json()) as { seen: Seen[]; streams: number };
const targetOf = (path: string, headers?: Record<string, string>) => ({
  ...remote(`${fixture.url}${path}`, headers),
  type: 'sse' as const,
});

function attemptTo(path: string, options: Parameters<typeof open>[1] = {}, headers?: Record<string, string>): Opened {
  const attempt = open(targetOf(path, headers), { random: () => 0.01, ...options });
  ends.push(async () => (await attempt.opening.catch(() => null))?.close());
  return attempt;
}
const connect = (path: string, headers?: Record<string, string>) => attemptTo(path, {}, headers).opening;
const call = (upstream: Upstream, args: Record<string, unknown> = {}, timeoutMs = 10_000) =>
  upstream.call('tools/call', { name: 'echo', arguments: args }, { timeoutMs }).answer;
const echoed = async (upstream: Upstream, text: string) =>
  ((await call(upstream, { text })).value as { content: [{ text: string }] }).content[0].text;

/** A server of its own that answers so many requests of a method with a status; "stream" is the GET. */
function busy(status: number, method: string, times: number, after = '') {
  paths += 1;
  const search = new URLSearchParams({ status: `${status}`, method, times: `${times}`, after, of: `${paths}` });
  const mine = `of=${paths}`;
  const seen = async () =>
    (await control('seen')).seen
      .filter(({ url }) => url.split(/[?&]/).includes(mine))
      .filter((each) => (method === 'stream' ? each.verb === 'GET' : each.method === method))
      .map(({ atMs }) => atMs);
  return { path: `/busy?${search}`, seen };
}

describe('a server of HTTP+SSE', () => {
  for (const path of ['/good', '/redirect', '/moved', '/renamed', '/held', '/trickle']) {
    it(`is listed and called at ${path}`, async () => {
      const upstream = await connect(path);
      expect((await listAll(upstream)).tools).toHaveLength(2);
      const texts = Array.from({ length: 100 }, (_, at) => `${path} ${at}`);
      expect(await Promise.all(texts.slice(0, 40).map((text) => echoed(upstream, text)))).toEqual(texts.slice(0, 40));
      expect(await echoed(upstream, 'hällo')).toBe('hällo');
    });
  }

  it('is sent its messages where its redirects lead from then on', async () => {
    const upstream = await connect('/moved');
    const before = (await control('seen')).seen.length;
    await echoed(upstream, 'there');
    const [only, ...more] = (await control('seen')).seen.slice(before).filter(({ verb }) => verb === 'POST');
    expect(only?.url).toMatch(/^\/messages\/good\?/);
    expect(more).toEqual([]);
  });

  it('is used with the right credential, and says else that it wants one', async () => {
    expect(await echoed(await connect('/auth', { Authorization: 'Bearer let-me-in' }), 'in')).toBe('in');
    await expect(connect('/auth')).rejects.toMatchObject({ code: 'UPSTREAM_NEEDS_AUTH' });
  });

  for (const [path, message] of [
    ['/redirect-away', 'redirects to http://localhost'],
    ['/redirect-loop', '5 redirects'],
    ['/moved-away', 'redirects to http://localhost'],
    ['/moved-loop', '5 redirects'],
    ['/elsewhere', 'an address for messages on another origin (http://localhost'],
    ['/html', 'text/html instead of an event stream'],
    ['/bomb', 'compresses its event stream (gzip)'],
    ['/status/403', 'HTTP status 403'],
    ['/status/404', 'HTTP status 404'],
  ] as const) {
    it(`that cannot be used says why, at once: ${path} [F-HTTP-04]`, async () => {
      const begun = fairNow();
      const before = process.memoryUsage.rss();
      const error = await connect(path).catch((thrown: Error) => thrown);
      expect(error).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE', message: expect.stringContaining(message) });
      expect(String(error)).not.toContain('secret');
      expect(fairNow() - begun).toBeLessThan(2_000);
      expect((process.memoryUsage.rss() - before) / 1024 / 1024).toBeLessThan(16 + 50);
      const away = (await control('seen')).seen.filter(({ host }) => host.startsWith('localhost'));
      expect(away).toEqual([]);
    });
  }

  it('that names no address for messages fails by the time-out', async () => {
    const begun = fairNow();
    const { opening } = attemptTo('/nameless', { handshakeTimeoutMs: 300 });
    await expect(opening).rejects.toMatchObject({ message: expect.stringContaining('names no address for messages') });
    expect(fairNow() - begun).toBeLessThan(1_500);
  });
});

describe('an event stream', () => {
  for (const path of ['/huge', '/lines', '/comments']) {
    it(`that sends too much in one event holds little memory, and goes on (${path}) [F-HTTP-04]`, async () => {
      const upstream = await connect(path);
      const before = process.memoryUsage.rss();
      const answer = call(upstream, { text: 'after' }, 60_000);
      if (path === '/huge') {
        await expect(answer).rejects.toMatchObject({
          code: 'UPSTREAM_BAD_ANSWER',
          message: expect.stringContaining('too large'),
        });
      } else expect(JSON.stringify((await answer.catch((error) => error)).value)).toContain('after');
      expect((process.memoryUsage.rss() - before) / 1024 / 1024).toBeLessThan(16 + 50);
      await upstream.call('ping', undefined, { timeoutMs: 10_000 }).answer;
    }, 60_000);
  }

  for (const path of ['/cut', '/half', '/end']) {
    it(`that breaks off fails the calls under way within 2 s, and is opened anew (${path}) [F-HTTP-03]`, async () => {
      const row = desired(targetOf(path));
      const { supervisor, reach } = supervise([row]);
      ends.push(() => supervisor.stop());
      await supervisor.start();
      await reach(row, 'ready');
      const upstream = supervisor.upstreamOf(row.id);
      const quiet = { name: 'sleep', arguments: { ms: 30_000, text: row.name } };
      const waiting = upstream.call('tools/call', quiet, { timeoutMs: 60_000 }).answer;
      await until('the call', async () => (await control('seen')).seen.at(-1)?.method === 'tools/call');
      const begun = fairNow();
      const both = [waiting, call(upstream)].map((each) => each.catch((error: Error) => error));
      for (const error of await Promise.all(both)) {
        expect(error).toMatchObject({ code: 'INTERRUPTED', extras: { reason: 'cut', retryable: true } });
      }
      expect(fairNow() - begun).toBeLessThan(2_000);
      await until('its end', () => supervisor.status(row.id)?.state === 'retrying');
      await reach(row, 'ready', 5_000);
      await supervisor.upstreamOf(row.id).call('ping', undefined, { timeoutMs: 5_000 }).answer;
    });
  }

  it('that is silent in a call fails that call in time, and tells nobody else [F-HTTP-03]', async () => {
    const upstream = await connect('/held');
    await expect(call(upstream, { ms: 5_000 }, 200)).rejects.toMatchObject({ code: 'UPSTREAM_TIMEOUT' });
    expect(await echoed(upstream, 'after')).toBe('after');
  });

  it('whose server forgot it is opened anew at the first message that is refused with 404 [F-HTTP-02]', async () => {
    const row = desired(targetOf('/good'));
    const { supervisor, reach } = supervise([row]);
    ends.push(() => supervisor.stop());
    await supervisor.start();
    await reach(row, 'ready');
    await control('forget');
    const error = await call(supervisor.upstreamOf(row.id)).catch((thrown) => thrown);
    expect(error).toMatchObject({ extras: { reason: 'session-lost', didNotRun: true, retryable: true } });
    await until('its end', () => supervisor.status(row.id)?.state === 'retrying');
    await reach(row, 'ready', 5_000);
    expect(await echoed(supervisor.upstreamOf(row.id), 'again')).toBe('again');
  });
});

describe('a busy server of HTTP+SSE', () => {
  for (const method of ['stream', 'initialize'] as const) {
    for (const status of [429, 500, 503]) {
      it(`that answers ${method} with ${status} is asked three times more`, async () => {
        const { path, seen } = busy(status, method, 3);
        await connect(path);
        expect(await seen()).toHaveLength(4);
      });
    }

    it(`is left alone as long as it wishes (${method})`, async () => {
      const { path, seen } = busy(503, method, 1, '1');
      await connect(path);
      const [first = 0, second = 0] = await seen();
      expect(second - first).toBeGreaterThan(990);
      expect(second - first).toBeLessThan(3_500);
    });
  }

  it('that wishes for more than the time there is fails at once, and is left alone for so long, 5 min at most', async () => {
    for (const [after, wanted] of [
      ['120', 120_000],
      ['999999', 300_000],
    ] as const) {
      const { path, seen } = busy(429, 'stream', 99, after);
      const row = desired(targetOf(path));
      const { supervisor, reach } = supervise([row]);
      ends.push(() => supervisor.stop());
      await supervisor.start();
      const status = await reach(row, 'retrying', 3_000);
      const inMs = Date.parse(status.nextRetryAt ?? '') - Date.now();
      expect(Math.abs(inMs - wanted)).toBeLessThan(5_000);
      expect(await seen()).toHaveLength(1);
    }
  });

  it('is asked for its lists again', async () => {
    const { path, seen } = busy(503, 'tools/list', 2);
    expect((await listAll(await connect(path), () => 0.01)).tools).toHaveLength(2);
    expect(await seen()).toHaveLength(3);
  });

  for (const [status, code] of [
    [429, 'BUSY'],
    [503, 'UPSTREAM_UNAVAILABLE'],
  ] as const) {
    it(`is never sent a call again (${status}), and its caller told when to ask again`, async () => {
      const { path, seen } = busy(status, 'tools/call', 99, '7');
      await expect(call(await connect(path))).rejects.toMatchObject({
        code,
        extras: { retryable: true, retryAfterMs: 7_000, reason: `http-${status}` },
      });
      expect(await seen()).toHaveLength(1);
    });
  }
});
