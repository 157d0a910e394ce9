// Log messages of servers (server/utilities/logging): each session hears those of its own calls, from its level on.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readEvents } from '../../support/event-reader';
import { memoryUpstream, rpc, serverRow, startGateway, type TestGateway } from '../../support/gateway';
import { until } from '../../support/until';

let hub: TestGateway;
let told: string[];
let levelsOfCalls: unknown[];
let release: (() => void)[];

const setLevel = (level: unknown) => rpc('logging/setLevel', { level });
const run = (wait = false) => rpc('tools/call', { name: 'one__run', arguments: { wait } });

function server(era: 'legacy' | 'modern' = 'legacy') {
  return memoryUpstream(
    { tools: {}, logging: {} },
    async (method, params, { client }) => {
      if (method === 'tools/list') return { tools: [{ name: 'run', inputSchema: { type: 'object' } }] };
      if (method === 'logging/setLevel') told.push(String(params.level));
      if (method !== 'tools/call') return {};
      levelsOfCalls.push(client?.logLevel);
      for (const level of ['debug', 'info', 'error', 'nonsense']) {
        client?.notify('notifications/message', { level, data: level });
      }
      client?.notify('notifications/tools/list_changed', {});
      if ((params.arguments as { wait: boolean }).wait) await new Promise<void>((resolve) => release.push(resolve));
      return { content: [] };
    },
    undefined,
    era,
  );
}

beforeEach(async () => {
  told = [];
  levelsOfCalls = [];
  release = [];
  hub = await startGateway({ servers: [serverRow('one')] });
  hub.supervisor.open('id-one', server());
  const session = await hub.session();
  await until(async () => {
    const { result } = await (await hub.post(rpc('tools/list'), { session })).json();
    return result.tools.length > 0;
  }, 5000);
});
afterEach(() => hub.close());

/** What a call brings beside its answer. */
async function logsOf(session: string) {
  const reader = readEvents(await hub.post(run(), { session }));
  const logs: unknown[] = [];
  for (;;) {
    const { method, params, result } = await reader.message();
    if (result) return logs;
    logs.push(method === 'notifications/message' ? params.level : method);
  }
}

it('each session hears from its own level on, on the stream of its call [L-LOG-03]', async () => {
  const [silent, verbose, unset] = [await hub.session(), await hub.session(), await hub.session()];
  await hub.post(setLevel('error'), { session: silent });
  await hub.post(setLevel('debug'), { session: verbose });
  expect(await Promise.all([silent, verbose, unset].map(logsOf))).toEqual([
    ['error'],
    ['debug', 'info', 'error'],
    ['debug', 'info', 'error'],
  ]);
  expect(levelsOfCalls).toEqual(['error', 'debug', undefined]);
});

it('a server is set to the most verbose level wanted, and lowered again when that session ends', async () => {
  const [first, second] = [await hub.session(), await hub.session()];
  await hub.post(setLevel('error'), { session: first });
  await until(() => told.length === 1, 5000);
  await hub.post(setLevel('debug'), { session: second });
  await until(() => told.length === 2, 5000);
  await hub.post(setLevel('critical'), { session: first });
  hub.supervisor.open('id-one', server());
  await until(() => told.length === 3, 5000);
  await hub.post(null, { session: second, method: 'DELETE' });
  await until(() => told.length === 4, 5000);
  await hub.post(null, { session: first, method: 'DELETE' });
  await until(() => told.length === 5, 5000);
  expect(told).toEqual(['error', 'debug', 'debug', 'critical', 'info']);
});

it.each([['loud'], [7], [undefined], ['toString']])('%j is no level [L-LOG-02]', async (level) => {
  const session = await hub.session();
  const { error } = await (await hub.post(setLevel(level), { session })).json();
  expect(error.code).toBe(-32602);
  expect(told).toEqual([]);
});

it('a server of 2026-07-28 is told with each call and never in between', async () => {
  hub.supervisor.open('id-one', server('modern'));
  const session = await hub.session();
  await hub.post(setLevel('warning'), { session });
  expect(await logsOf(session)).toEqual(['error']);
  expect([told, levelsOfCalls]).toEqual([[], ['warning']]);
});

it('what no call explains is heard by nobody while two are under way, and by the only one', async () => {
  const sessions = [await hub.session(), await hub.session()];
  for (const session of sessions) await hub.post(setLevel('emergency'), { session });
  const first = hub.post(run(true), { session: String(sessions[0]) });
  await until(() => release.length === 1, 5000);
  const say = (data: string) => hub.supervisor.notify('id-one', 'notifications/message', { level: 'emergency', data });
  say('to the first');
  const second = hub.post(run(true), { session: String(sessions[1]) });
  await until(() => release.length === 2, 5000);
  say('to nobody');
  release[1]?.();
  expect(await (await second).text()).not.toContain('to ');
  say('to the first again');
  release[0]?.();
  const text = await (await first).text();
  expect(text).toContain('to the first again');
  expect(text).toContain('to the first"');
  expect(text).not.toContain('to nobody');
  expect(hub.gateway.stats().inflight).toBe(0);
});
