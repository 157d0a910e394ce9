// Clients that come while the hub starts, or all at once: each sees everything that there is to see.
import { once } from 'node:events';
import { afterEach, expect, it } from 'vitest';
import { rpc, serverRow, startGateway, type TestGateway, toolServer } from '../../support/gateway';
import { until } from '../../support/until';

const hubs: TestGateway[] = [];
afterEach(async () => {
  for (const hub of hubs.splice(0)) await hub.close();
});

const names = ['one', 'two', 'three'];
const toolsEach = 100;
const manyTools = (server: string) =>
  toolServer(Object.fromEntries(Array.from({ length: toolsEach }, (_, at) => [`${server}-${at}`, () => 'done'])));

async function countTools(hub: TestGateway, session: string): Promise<number> {
  const response = await hub.post(rpc('tools/list'), { session });
  const { result } = (await response.json()) as { result: { tools: unknown[] } };
  return result.tools.length;
}

async function start(): Promise<TestGateway> {
  const hub = await startGateway({ servers: names.map((name) => serverRow(name)) });
  hubs.push(hub);
  for (const name of names) hub.supervisor.open(`id-${name}`, manyTools(name));
  const session = await hub.session();
  await until(async () => (await countTools(hub, session)) === names.length * toolsEach, 5000);
  return hub;
}

it('256 clients that connect at once get the whole list each, also while servers are opened anew', async () => {
  const hub = await start();
  const counts = Promise.all(
    Array.from({ length: 256 }, async () => {
      const session = await hub.session();
      const count = await countTools(hub, session);
      const { status } = await hub.post(undefined, { session, method: 'DELETE' });
      return [count, status];
    }),
  );
  for (const name of names) hub.supervisor.open(`id-${name}`, manyTools(name));
  expect(new Set((await counts).map((each) => each.join(' ')))).toEqual(new Set([`${names.length * toolsEach} 204`]));
});

it('a client that comes before the stored catalogue is read waits for it and gets the whole list', async () => {
  const previous = await start();
  const session = await previous.session();
  await until(() => previous.stored.size === names.length, 5000);
  let storeIsReady = () => {};
  const storeReady = new Promise<void>((resolve) => {
    storeIsReady = resolve;
  });
  const hub = await startGateway({ previous, storeReady });
  hubs.push(hub);
  const arrived = once(hub.server, 'request');
  const known = countTools(hub, session);
  await arrived;
  const [, single] = await Promise.all([once(hub.server, 'request'), hub.session('/api/mcp/one'), storeIsReady()]);
  expect(single).toBeTruthy();
  expect(await known).toBe(names.length * toolsEach);
});

it('a client that waits for a hub which is stopped before it has started is told to come back', async () => {
  const hub = await startGateway({ storeReady: new Promise(() => {}) });
  hubs.push(hub);
  const arrived = once(hub.server, 'request');
  const answer = hub.post(rpc('ping'));
  await arrived;
  hub.gateway.drain();
  const response = await answer;
  expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
});
