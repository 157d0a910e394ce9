// A hub that stops: calls that outlast the drain end with an answer that says why.
import { afterEach, expect, it } from 'vitest';
import { rpc, serverRow, startGateway, type TestGateway, toolServer } from '../../support/gateway';
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
  const answers = Promise.all([call(1), call(2)]);
  await until(() => hub.gateway.stats().inflight === 1, 5000);
  hub.gateway.interrupt();
  for (const [at, { id, error }] of (await answers).entries()) {
    expect([id, error.code, error.message]).toEqual([at + 1, 1007, 'The hub was stopped before the call was over.']);
    expect(error.data).toMatchObject({ server: 'slow' });
  }
  expect(hub.records.map(({ outcome }) => outcome)).toEqual(['interrupted', 'interrupted']);
});
