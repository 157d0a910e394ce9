// Requests whose connection broke: which of them are sent once more, and how often they ran. The servers are programs
// that really break, and count their executions in a file.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { EndpointServer } from '../../../lib/servers/catalog';
import type { DesiredServer } from '../../../worker/supervisor';
import { rpc, serverRow, startGateway } from '../../support/gateway';
import { lastMessage, modernPost } from '../../support/modern';
import { desired, program, remote, startProgram, supervise, until } from '../../support/upstreams';

type Json = Record<string, unknown>;

const fixture = join(import.meta.dirname, '../../support/servers/breaking.mjs');
const dir = mkdtempSync(join(tmpdir(), 'mcphub-repeat-'));
const file = join(dir, 'executions');
const cleanups: (() => unknown)[] = [];
let keys = 0;

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
}, 20_000);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const newKey = () => `key-${++keys}`;

function executions(key: string): number {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line === key).length;
  } catch {
    return 0; // nothing ran yet
  }
}

async function startFixture(...args: string[]) {
  const started = await startProgram(process.execPath, [fixture, 'http', file, ...args], {}, /(http:\S+)/);
  cleanups.push(started.stop);
  return started;
}

/** A gateway over one server that is run by a real supervisor, listed and ready. */
async function begin(change: Partial<DesiredServer>, row: Partial<EndpointServer> = {}) {
  const server = serverRow('one', { repeatSafeCalls: true, ...row });
  const wanted = desired(program(process.execPath, [fixture, 'stdio', file]), { id: server.id, ...change });
  const rows = [wanted];
  const made = supervise(rows);
  const hub = await startGateway({ servers: [server], supervisor: made.supervisor });
  cleanups.push(
    () => made.supervisor.stop(),
    () => hub.close(),
  );
  await made.supervisor.start();
  const count = Math.max(wanted.replicas, wanted.endpoints.length);
  await until('ready', () => made.supervisor.status(server.id)?.ready === count);
  await until('listed', () => (hub.stored.get(server.id)?.tools.length ?? 0) > 0);
  const session = await hub.session('/api/mcp/one');
  const send = async (method: string, params: Json, id: string | number = 1): Promise<Json> => {
    const response = await hub.post(rpc(method, params, id), { path: '/api/mcp/one', session });
    return (await lastMessage(response)) ?? {};
  };
  return { ...made, rows, hub, session, id: server.id, send };
}

type Bench = Awaited<ReturnType<typeof begin>>;

const call = ({ send }: Bench, tool: string, args: Json, more: Json = {}) =>
  send('tools/call', { name: tool, arguments: args, ...more });

const over = (url: string) => ({ ...remote(url), era: 'auto' as const });

const ways: { title: string; how: string; open(): Promise<Partial<DesiredServer>> }[] = [
  { title: 'a program that ends', how: 'end', open: async () => ({}) },
  {
    title: 'a program of 2026-07-28 that ends',
    how: 'end',
    open: async () => ({ args: [fixture, 'stdio', file, 'modern'] }),
  },
  ...['cut', 'http-502', 'http-503', 'stream-cut', 'stream-end'].flatMap((how) => [
    { title: `HTTP with sessions, ${how}`, how, open: async () => over(`${(await startFixture()).url}/mcp`) },
    {
      title: `HTTP of 2026-07-28, ${how}`,
      how,
      open: async () => over(`${(await startFixture('modern')).url}/mcp`),
    },
  ]),
  {
    title: 'HTTP+SSE whose stream breaks',
    how: 'cut',
    open: async () => ({ ...over(`${(await startFixture()).url}/sse`), type: 'sse' as const }),
  },
];

describe.each(ways)('$title', ({ how, open }) => {
  it('is asked once more for what is safe to repeat, and for nothing else', async () => {
    const bench = await begin(await open());
    for (const tool of ['look', 'put']) {
      const key = newKey();
      const { result } = await call(bench, tool, { how, key });
      expect(result).toMatchObject({ content: [{ text: expect.stringMatching(/^\d+$/) }] });
      expect(executions(key)).toBe(2);
    }
    for (const tool of ['write', 'plain']) {
      const key = newKey();
      await bench.reach({ id: bench.id, name: 'one' } as DesiredServer, 'ready');
      expect((await call(bench, tool, { how, key })).error).toBeDefined();
      expect(executions(key)).toBe(1);
    }
  }, 40_000);
});

it('nothing is sent again where the server has no such setting', async () => {
  const bench = await begin(over(`${(await startFixture()).url}/mcp`), { repeatSafeCalls: false });
  const key = newKey();
  expect((await call(bench, 'look', { how: 'cut', key })).error).toMatchObject({ code: 1007 });
  expect(executions(key)).toBe(1);
});

it('a request is sent once more and not again', async () => {
  const bench = await begin(over(`${(await startFixture()).url}/mcp`));
  const key = newKey();
  expect((await call(bench, 'look', { how: 'cut', times: 2, key })).error).toMatchObject({ code: 1007 });
  expect(executions(key)).toBe(2);
});

it('a read is sent once more, for clients of both eras', async () => {
  const bench = await begin({});
  const read = await bench.send('resources/read', { uri: 'note://one' });
  expect(read.result).toMatchObject({ contents: [{ uri: 'note://one' }] });
  expect(executions('note://one')).toBe(2);
  const key = newKey();
  const params = { name: 'look', arguments: { how: 'end', key } };
  const answer = await lastMessage(await modernPost(bench.hub, 'tools/call', params, { path: '/api/mcp/one' }));
  expect(answer?.result).toMatchObject({ content: [{ type: 'text' }], resultType: 'complete' });
  expect(executions(key)).toBe(2);
});

it('who has cancelled is not asked for again', async () => {
  const bench = await begin({});
  const key = newKey();
  const answer = call(bench, 'look', { how: 'end', key });
  await until('the end', () => bench.state({ id: bench.id } as DesiredServer) === 'retrying');
  await bench.hub.post(
    { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } },
    { path: '/api/mcp/one', session: bench.session },
  );
  expect(await answer).toEqual({});
  const other = newKey();
  await bench.reach({ id: bench.id, name: 'one' } as DesiredServer, 'ready');
  const leaving = new AbortController();
  const params = { name: 'look', arguments: { how: 'end', key: other } };
  const left = modernPost(bench.hub, 'tools/call', params, { path: '/api/mcp/one', signal: leaving.signal });
  await until('the other end', () => bench.state({ id: bench.id } as DesiredServer) === 'retrying');
  leaving.abort();
  await expect(left).rejects.toThrow();
  await until('the call is over', () => bench.hub.gateway.stats().inflight === 0);
  await bench.reach({ id: bench.id, name: 'one' } as DesiredServer, 'ready');
  expect([executions(key), executions(other)]).toEqual([1, 1]);
});

it('nothing is sent again after the time that the call has', async () => {
  const bench = await begin({}, { timeoutMs: 300 });
  const key = newKey();
  const startedAt = performance.now();
  expect((await call(bench, 'look', { how: 'end', key })).error).toMatchObject({ code: 1007 });
  expect(performance.now() - startedAt).toBeLessThan(900);
  await bench.reach({ id: bench.id, name: 'one' } as DesiredServer, 'ready');
  expect(executions(key)).toBe(1);
});

it('a server that was stopped is not waited for', async () => {
  const bench = await begin({});
  const key = newKey();
  const answer = call(bench, 'look', { how: 'end', key });
  await until('the end', () => bench.state({ id: bench.id } as DesiredServer) === 'retrying');
  bench.rows[0] = { ...(bench.rows[0] as DesiredServer), running: false };
  await bench.supervisor.reconcile();
  expect((await answer).error).toMatchObject({ code: 1007 });
  expect(executions(key)).toBe(1);
}, 10_000);

it('nothing is sent again of which the client has heard', async () => {
  const bench = await begin(over(`${(await startFixture()).url}/mcp`));
  const key = newKey();
  const more = { _meta: { progressToken: 'p' } };
  expect((await call(bench, 'look', { how: 'progress', key }, more)).error).toMatchObject({ code: 1007 });
  expect(executions(key)).toBe(1);
});

describe('with several instances', () => {
  async function two(): Promise<{ first: Awaited<ReturnType<typeof startFixture>>; change: Partial<DesiredServer> }> {
    const [first, second] = [await startFixture(), await startFixture()];
    const endpoints = [
      { url: `${first.url}/mcp`, weight: 1000 },
      { url: `${second.url}/mcp`, weight: 1 },
    ];
    return { first, change: { ...over(`${first.url}/mcp`), endpoints, balancing: 'weighted' } };
  }

  it('the other one is asked', async () => {
    const { first, change } = await two();
    const bench = await begin(change);
    const pid = String(first.child.pid);
    const plain = newKey();
    expect((await call(bench, 'look', { how: 'cut', times: 0, key: plain })).result).toMatchObject({
      content: [{ text: pid }],
    });
    const key = newKey();
    const { result } = await call(bench, 'look', { how: 'cut', key });
    expect(result).toMatchObject({ content: [{ text: expect.not.stringMatching(pid) }] });
    expect(executions(key)).toBe(2);
  });

  it('what found nobody goes to the other one, whatever it is and without the setting', async () => {
    const { first, change } = await two();
    const bench = await begin(change, { repeatSafeCalls: false });
    await first.stop();
    const key = newKey();
    expect((await call(bench, 'write', { how: 'cut', times: 0, key })).result).toBeDefined();
    expect(executions(key)).toBe(1);
  });
});
