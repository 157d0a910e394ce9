// A hub that stops: calls that outlast the drain end with an answer that says why.
import { afterEach, expect, it } from 'vitest';
import { keyActor, rpc, serverRow, startGateway, type TestGateway, toolServer } from '../../support/gateway';
import { until } from '../../support/until';

let hub: TestGateway;
afterEach(() => hub?.close());

it('calls under way and calls that wait for their place are answered with 1007', async () => {
  hub = await startGateway({ servers: [serverRow('slow', { timeoutMs: 60_000 })], limits: { inflightPerServer: 1 } });
  hub.supervisor.open('id-slow', toolServer({ never: () => new Promise(() => undefined) }));
  const session = await hub.session('/api/mcp/slow');
  const call = async (id: number) => {
    const message = rpc('tools/call', { name: 'never' }, id);
    const response = await hub.post(message, { session, path: '/api/mcp/slow' });
    return (await response.json()) as { id: number; error: { code: number; message: string; data: unknown } };
  };
  await until(async () => {
    const response = await hub.post(rpc('tools/list'), { session, path: '/api/mcp/slow' });
    return (await response.text()).includes('never');
  }, 5000);
  const running = call(1);
  await until(() => hub.gateway.stats().inflight === 1, 5000);
  // Each of these is in the row when callTool() has returned.
  const direct = { actor: keyActor('a'), server: 'slow', tool: 'never', arguments: {}, requestId: 'r' };
  const waiting = [1, 2, 3].map(() => hub.gateway.callTool(direct));
  expect(hub.gateway.interrupt()).toBe(4);
  for (const { error } of [await running, ...(await Promise.all(waiting))] as Awaited<typeof running>[]) {
    expect([error.code, error.message]).toEqual([1007, 'The hub was stopped before the call was over.']);
    expect(error.data).toMatchObject({ server: 'slow' });
  }
  expect(hub.gateway.stats().inflight).toBe(0);
  expect(hub.records.map(({ outcome }) => outcome)).toEqual(Array(4).fill('interrupted'));
});
