// Limits of calls as clients of both eras meet them.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createBus } from '../../../lib/events/bus';
import { createLimiter, type Limiter } from '../../../lib/limits';
import type { Ask, PlaceStore } from '../../../lib/limits/place-store';
import type { UsageStore } from '../../../lib/limits/usage';
import { keyActor, rpc, serverRow, startGateway, type TestGateway, toolServer } from '../../support/gateway';
import { lastMessage, modernPost } from '../../support/modern';
import { until } from '../../support/until';

let hub: TestGateway;
let limiter: Limiter;
let finish: () => void;

/** Places that other workers leave to this one. */
let free: number;
/** What this worker asked for last. */
let asked: Ask | undefined;
let ran: number;
let refusals: number;

const store: UsageStore = { load: async () => [], add: async () => [], removeOld: async () => undefined };
const places: PlaceStore = {
  deal: async (_worker, asks) => {
    asked = asks.at(-1);
    const shares = asks.map(({ subject, subjectId, most }) => ({
      subject,
      subjectId,
      places: Math.min(most, free),
      isWanted: false,
      keeps: 0,
    }));
    return { shares, isNew: false };
  },
  beat: async () => ({ holders: [], wanted: [], isKnown: true }),
  remove: async () => undefined,
  clear: async () => undefined,
};

beforeEach(async () => {
  const tool = { subject: 'tool', perMinute: null, concurrent: null, perDay: null } as const;
  limiter = createLimiter({
    store,
    load: async () => [
      { ...tool, subjectId: 'id-demo/rare', perDay: 1 },
      { ...tool, subjectId: 'id-demo/slow', concurrent: 1 },
      { ...tool, subjectId: 'id-demo/paced', concurrent: 1, perDay: 1 },
    ],
    bus: createBus(() => undefined),
    onRefused: () => void refusals++,
    // Only what a test does ends the waiting.
    shared: { store: places, worker: 'w', mates: null, patienceMs: 600_000 },
  });
  [free, asked, ran, refusals] = [1, undefined, 0, 0];
  await limiter.start();
  hub = await startGateway({ servers: [serverRow('demo')], limiter });
  const slow = () =>
    new Promise((resolve) => {
      finish = () => resolve('done');
    });
  const paced = () => `ran ${++ran}`;
  hub.supervisor.open('id-demo', toolServer({ rare: () => 'rare', slow, free: () => 'free', paced }));
  await until(() => hub.stored.size === 1, 5000);
});
afterEach(async () => {
  await hub.close();
  await limiter.close();
});

const call = (name: string) => rpc('tools/call', { name, arguments: {} });

it('a client with a session gets 429 with Retry-After and the error, and the log says "limited"', async () => {
  const session = await hub.session();
  expect((await hub.post(call('rare'), { session })).status).toBe(200);
  const refused = await hub.post(call('rare'), { session });
  expect(refused.status).toBe(429);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await refused.json()).toMatchObject({
    id: 1,
    error: { code: 1008, data: { server: 'demo', reason: 'quota', retryable: true, retryAfterMs: expect.any(Number) } },
  });
  expect(hub.records.map(({ tool, outcome }) => [tool, outcome])).toEqual([
    ['rare', 'ok'],
    ['rare', 'limited'],
  ]);
  expect((await hub.post(call('free'), { session })).status).toBe(200);
});

it('a client without a session gets the same', async () => {
  expect((await modernPost(hub, 'tools/call', { name: 'rare', arguments: {} })).status).toBe(200);
  const refused = await modernPost(hub, 'tools/call', { name: 'rare', arguments: {} });
  expect(refused.status).toBe(429);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await lastMessage(refused)).toMatchObject({ error: { code: 1008, data: { reason: 'quota' } } });
});

it('a place is given back when a call ends, however it ends', async () => {
  const session = await hub.session();
  const first = hub.post(call('slow'), { session });
  await until(() => hub.gateway.stats().inflight === 1, 5000);
  const refused = await hub.post(call('slow'), { session });
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1']);
  finish();
  expect((await first).status).toBe(200);
  const second = hub.post(rpc('tools/call', { name: 'slow', arguments: {} }, 7), { session });
  await until(() => hub.gateway.stats().inflight === 1, 5000);
  await hub.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } }, { session });
  await (await second).text();
  const third = hub.post(call('slow'), { session });
  await until(() => hub.gateway.stats().inflight === 1, 5000);
  finish();
  expect((await third).status).toBe(200);
});

it('a call of the dashboard is refused with when to come back', async () => {
  const actor = hub.keys.get('key-a');
  if (!actor) throw new Error('no actor');
  const direct = { actor, server: 'demo', tool: 'rare', arguments: {}, requestId: 'r' };
  await hub.gateway.callTool(direct);
  await expect(hub.gateway.callTool(direct)).rejects.toMatchObject({
    code: 'LIMIT_EXCEEDED',
    extras: { retryAfterMs: expect.any(Number) },
  });
});

describe('a call that waits for a place that other workers have', () => {
  const given = { name: 'paced', arguments: {} };
  const message = rpc('tools/call', given, 7);
  const isWaiting = () => until(() => asked?.need === 1, 5000);
  const codeOf = async (response: Promise<Response>) =>
    ((await lastMessage(await response)) as { error?: { code: number } }).error?.code;
  const direct = (signal: AbortSignal) => {
    const actor = keyActor('a');
    return hub.gateway.callTool({ actor, server: 'demo', tool: 'paced', arguments: {}, requestId: 'r', signal });
  };

  /** How it ends before there is a place, and what its caller is told. */
  const ends: Record<string, [outcome: string, begun: (session: string) => Promise<() => Promise<unknown>>]> = {
    'its client cancels it': [
      'cancelled',
      async (session) => {
        const answer = hub.post(message, { session });
        await isWaiting();
        const params = { requestId: 7 };
        await hub.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params }, { session });
        return async () => expect(await (await answer).text()).not.toContain('"result"');
      },
    ],
    'its client, of 2026-07-28, closes the stream': [
      'cancelled',
      async () => {
        const going = new AbortController();
        const answer = modernPost(hub, 'tools/call', given, { signal: going.signal });
        await isWaiting();
        going.abort();
        return () => expect(answer).rejects.toThrow();
      },
    ],
    'its session is deleted': [
      'cancelled',
      async (session) => {
        const answer = hub.post(message, { session });
        await isWaiting();
        await hub.post(null, { session, method: 'DELETE' });
        return async () => expect(await (await answer).text()).not.toContain('"result"');
      },
    ],
    'the page of the dashboard is left': [
      'cancelled',
      async () => {
        const going = new AbortController();
        const answer = expect(direct(going.signal)).rejects.toMatchObject({ code: 'CANCELLED' });
        await isWaiting();
        going.abort();
        return () => answer;
      },
    ],
    'its caller loses the right': [
      'denied',
      async (session) => {
        const answer = codeOf(hub.post(message, { session }));
        await isWaiting();
        const before = keyActor('a');
        hub.keys.set('key-a', { ...before, permissions: [] });
        await hub.bus.emit('access.changed', { userId: 'user-a' });
        hub.keys.set('key-a', before);
        await hub.bus.emit('access.changed', { userId: 'user-a' });
        return async () => expect(await answer).toBe(1006);
      },
    ],
    'the hub stops': [
      'interrupted',
      async (session) => {
        const answers = [codeOf(hub.post(message, { session })), codeOf(modernPost(hub, 'tools/call', given))];
        await isWaiting();
        await until(() => hub.records.length === 1, 5000);
        expect(hub.gateway.interrupt()).toBe(1);
        return async () => expect((await Promise.all(answers)).toSorted()).toEqual([1007, 1008]);
      },
    ],
  };

  it.each(Object.keys(ends))('never runs, counts nowhere and gives its place in the row back when %s', async (how) => {
    free = 0;
    const [outcome, begin] = ends[how] ?? ['', async () => async () => undefined];
    const session = await hub.session();
    const told = await begin(session);
    await told();
    await until(() => hub.records.some((record) => record.outcome === outcome), 5000);
    await until(() => asked?.need === 0, 5000);
    free = 1;
    expect(refusals).toBe(hub.records.filter((record) => record.outcome === 'limited').length);
    if (how === 'the hub stops') return expect(ran).toBe(0);
    expect(await (await modernPost(hub, 'tools/call', given)).text()).toContain('ran 1');
    expect(ran).toBe(1);
  });

  it('runs when its client, which has a session, is cut off: that cancels nothing', async () => {
    free = 0;
    const session = await hub.session();
    const going = new AbortController();
    const answer = fetch(`${hub.url}/api/mcp`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        authorization: 'Bearer key-a',
        'mcp-session-id': session,
      },
      body: JSON.stringify(message),
      signal: going.signal,
    });
    await isWaiting();
    going.abort();
    await expect(answer).rejects.toThrow();
    free = 1;
    await until(() => hub.records.length === 1, 5000);
    expect([ran, hub.records[0]?.outcome]).toEqual([1, 'ok']);
  });
});
