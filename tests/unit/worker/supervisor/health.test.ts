import { describe, expect, it } from 'vitest';
import { HubError } from '../../../../lib/errors';
import { type Health, watchHealth } from '../../../../worker/supervisor/health';
import type { Upstream } from '../../../../worker/upstream';

/** A server whose answers a test gives, and a clock that it moves. */
function make(era: 'legacy' | 'modern', random = 0.5) {
  const timers: { atMs: number; run: () => void }[] = [];
  let now = 0;
  const asked: { method: string; timeoutMs: number; settle: (ok: boolean) => void }[] = [];
  const seen: Health[] = [];
  const load = { inflight: 0 };
  const upstream = {
    handshake: { era },
    get inflight() {
      return load.inflight;
    },
    call(method: string, _params: unknown, { timeoutMs }: { timeoutMs: number }) {
      const answer = new Promise((resolve, reject) => {
        const settle = (ok: boolean) => (ok ? resolve({ kind: 'error' }) : reject(new HubError('UPSTREAM_TIMEOUT')));
        asked.push({ method, timeoutMs, settle });
      });
      return { answer };
    },
  } as unknown as Upstream;
  const clock = {
    now: () => now,
    monotonic: () => now,
    after(ms: number, run: () => void) {
      const timer = { atMs: now + ms, run };
      timers.push(timer);
      return () => void (timers.includes(timer) && timers.splice(timers.indexOf(timer), 1));
    },
  };
  const stop = watchHealth(upstream, {
    clock,
    random: () => random,
    settings: { intervalSeconds: 10, timeoutSeconds: 2 },
    checked: (health) => seen.push(health),
  });
  const pass = (ms: number) => {
    now += ms;
    for (const due of timers.filter(({ atMs }) => atMs <= now)) {
      timers.splice(timers.indexOf(due), 1);
      due.run();
    }
  };
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  return { asked, seen, load, stop, pass, settled, timers };
}

describe('a health check', () => {
  it('asks each era in its own way, and takes any answer for a sign of life', async () => {
    for (const [era, method] of [
      ['legacy', 'ping'],
      ['modern', 'server/discover'],
    ] as const) {
      const { asked, seen, pass, settled } = make(era);
      pass(9_999);
      expect(asked).toEqual([]);
      pass(1);
      expect(asked).toMatchObject([{ method, timeoutMs: 2_000 }]);
      asked[0]?.settle(true);
      await settled();
      expect(seen).toMatchObject([{ ok: true, failures: 0 }]);
    }
  });

  it('counts failures in a row, and begins anew after an answer', async () => {
    const { asked, seen, pass, settled } = make('legacy');
    for (const ok of [false, false, true, false]) {
      pass(10_000);
      asked.at(-1)?.settle(ok);
      await settled();
    }
    expect(seen.map(({ failures }) => failures)).toEqual([1, 2, 0, 1]);
  });

  it('leaves a busy server alone, never asks twice at once, and keeps one timer', async () => {
    const { asked, load, pass, settled, timers } = make('legacy');
    load.inflight = 1;
    pass(10_000);
    await settled();
    expect([asked.length, timers.length]).toEqual([0, 1]);
    load.inflight = 0;
    pass(10_000);
    expect([asked.length, timers.length]).toEqual([1, 0]);
    pass(60_000);
    expect(asked).toHaveLength(1);
    asked[0]?.settle(true);
    await settled();
    expect(timers).toHaveLength(1);
  });

  it('comes up to a fifth earlier or later', () => {
    expect([0, 1].map((random) => make('legacy', random).timers[0]?.atMs)).toEqual([8_000, 12_000]);
  });

  it('ends for good, also in the middle of one', async () => {
    const { asked, seen, stop, pass, settled, timers } = make('legacy');
    pass(10_000);
    stop();
    asked[0]?.settle(false);
    await settled();
    expect([seen, timers]).toEqual([[], []]);
  });
});
