// Limits of calls as clients of both eras meet them.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createBus } from '../../../lib/events/bus';
import { createLimiter, type Limiter } from '../../../lib/limits';
import type { UsageStore } from '../../../lib/limits/usage';
import { rpc, serverRow, startGateway, type TestGateway, toolServer } from '../../support/gateway';
import { lastMessage, modernPost } from '../../support/modern';
import { until } from '../../support/until';

let hub: TestGateway;
let limiter: Limiter;
let finish: () => void;

const store: UsageStore = { load: async () => [], add: async () => [], removeOld: async () => undefined };

beforeEach(async () => {
  const tool = { subject: 'tool', perMinute: null, concurrent: null, perDay: null } as const;
  limiter = createLimiter({
    store,
    load: async () => [
      { ...tool, subjectId: 'id-demo/rare', perDay: 1 },
      { ...tool, subjectId: 'id-demo/slow', concurrent: 1 },
    ],
    bus: createBus(() => undefined),
  });
  await limiter.start();
  hub = await startGateway({ servers: [serverRow('demo')], limiter });
  const slow = () =>
    new Promise((resolve) => {
      finish = () => resolve('done');
    });
  hub.supervisor.open('id-demo', toolServer({ rare: () => 'rare', slow, free: () => 'free' }));
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
