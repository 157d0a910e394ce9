// A server that is busy or away for a moment: what the hub asks again, when, and what callers are told.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { listAll } from '../../../../worker/upstream';
import { readRetryAfter } from '../../../../worker/upstream/http-faults';
import { fairNow } from '../../../support/fair-clock';
import { desired, open, remote, startHttpFixture, supervise } from '../../../support/upstreams';

let fixture: Awaited<ReturnType<typeof startHttpFixture>>;
const ends: (() => Promise<unknown>)[] = [];
let paths = 0;

beforeAll(async () => {
  fixture = await startHttpFixture();
});
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});
afterAll(() => fixture.stop());

/** A server of its own that answers so many requests of a method with a status. */
function busy(status: number, method: string, times: number, after = '') {
  paths += 1;
  const search = new URLSearchParams({ status: `${status}`, method, times: `${times}`, after, of: `${paths}` });
  const path = `/busy?${search}`;
  const seen = async () => {
    const all: { url: string; method: string; atMs: number }[] = await (
      await fetch(`${fixture.url}/control/seen`)
    ).json();
    return all.filter((each) => each.url === path && each.method === method).map(({ atMs }) => atMs);
  };
  return { target: remote(`${fixture.url}${path}`), seen };
}

async function connected(target: ReturnType<typeof remote>, random = () => 0.01) {
  const upstream = await open(target, { random }).opening;
  ends.push(() => upstream.close());
  return upstream;
}

describe('a handshake', () => {
  for (const status of [500, 502, 503, 429]) {
    it(`that is answered ${status} is tried three times more`, async () => {
      const { target, seen } = busy(status, 'initialize', 3);
      await connected(target);
      expect(await seen()).toHaveLength(4);
    });
  }

  it('that fails each time fails then, with its last cause', async () => {
    const { target, seen } = busy(503, 'initialize', 99);
    const error = await open(target, { random: () => 0 }).opening.catch((thrown: Error) => thrown);
    expect(error).toMatchObject({ message: expect.stringContaining('HTTP status 503') });
    expect(String(error)).not.toContain('secret');
    expect(await seen()).toHaveLength(4);
  });

  it('that is refused for good is not tried again', async () => {
    const { target, seen } = busy(403, 'initialize', 99);
    await expect(open(target).opening).rejects.toMatchObject({ message: expect.stringContaining('HTTP status 403') });
    expect(await seen()).toHaveLength(1);
  });

  for (const type of ['streamable-http', 'sse'] as const) {
    it(`is tried again where nothing listens, and told once at the end (${type})`, async () => {
      const attempt = open({ ...remote('http://127.0.0.1:9/mcp'), type }, { random: () => 0.1 });
      const begun = fairNow();
      await expect(attempt.opening).rejects.toMatchObject({ message: expect.stringContaining('Nothing listens') });
      // 50 + 100 + 200 ms of waiting.
      expect(fairNow() - begun).toBeGreaterThan(300);
      expect((await attempt.closed).reason).toBe('connect-failed');
    });
  }

  it('waits as long as the server wishes, in seconds or by a date', async () => {
    for (const after of ['1', 'date+2']) {
      const { target, seen } = busy(503, 'initialize', 1, after);
      await connected(target);
      const [first = 0, second = 0] = await seen();
      expect(second - first).toBeGreaterThan(after === '1' ? 990 : 900);
      expect(second - first).toBeLessThan(3_500);
    }
  });

  it('that may come only after the deadline fails at once, and the server is left alone for so long', async () => {
    const { target, seen } = busy(503, 'initialize', 99, '120');
    const row = desired(target);
    const { supervisor, reach } = supervise([row]);
    ends.push(() => supervisor.stop());
    await supervisor.start();
    const status = await reach(row, 'retrying', 3_000);
    const inMs = Date.parse(status.nextRetryAt ?? '') - Date.now();
    expect(inMs).toBeGreaterThan(115_000);
    expect(inMs).toBeLessThan(121_000);
    expect(await seen()).toHaveLength(1);
    expect(() => supervisor.upstreamOf(row.id)).toThrow(expect.objectContaining({ code: 'UPSTREAM_UNAVAILABLE' }));
  });
});

describe('a list', () => {
  for (const status of [500, 503, 429]) {
    it(`that is answered ${status} is asked for three times more`, async () => {
      const { target, seen } = busy(status, 'tools/list', 3);
      expect((await listAll(await connected(target), () => 0.01)).tools).toHaveLength(3);
      expect(await seen()).toHaveLength(4);
    });
  }

  it('fails after that, and waits as long as the server wishes', async () => {
    const failing = busy(500, 'tools/list', 99);
    await expect(listAll(await connected(failing.target), () => 0)).rejects.toMatchObject({
      extras: { reason: 'http-500' },
    });
    expect(await failing.seen()).toHaveLength(4);
    const patient = busy(429, 'tools/list', 1, '1');
    await listAll(await connected(patient.target), () => 0);
    const [first = 0, second = 0] = await patient.seen();
    expect(second - first).toBeGreaterThan(990);
  });
});

describe('a call', () => {
  for (const [status, code] of [
    [429, 'BUSY'],
    [503, 'UPSTREAM_UNAVAILABLE'],
  ] as const) {
    it(`that is answered ${status} is never sent again, and its caller told when to ask again`, async () => {
      const { target, seen } = busy(status, 'tools/call', 99, '7');
      const upstream = await connected(target);
      const params = { name: 'echo', arguments: {} };
      await expect(upstream.call('tools/call', params, { timeoutMs: 5_000 }).answer).rejects.toMatchObject({
        code,
        extras: { retryable: true, retryAfterMs: 7_000, reason: `http-${status}` },
      });
      expect(await seen()).toHaveLength(1);
    });
  }
});

describe('Retry-After', () => {
  const now = Date.parse('2030-01-01T00:00:00Z');
  it.each([
    ['0', 0],
    ['7', 7_000],
    [' 7 ', 7_000],
    ['999999999', 300_000],
    ['Tue, 01 Jan 2030 00:00:05 GMT', 5_000],
    ['Tue, 01 Jan 2030 23:00:00 GMT', 300_000],
    ['Mon, 31 Dec 2029 23:00:00 GMT', 0],
    ['soon', undefined],
    ['-5', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%j is %j ms', (value, ms) => {
    expect(readRetryAfter(value, now)).toBe(ms);
  });
});
