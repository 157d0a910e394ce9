// Clients that leave, that read nothing, or that all come at once: what the hub holds for them is bounded and goes away.
import { connect, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { readEvents } from '../../support/event-reader';
import { memoryUpstream, rpc, serverRow, startGateway, type TestGateway } from '../../support/gateway';
import { until } from '../../support/until';

let hub: TestGateway;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await hub.close();
});

type Json = Record<string, unknown>;
const notice = 'x'.repeat(10_000);
let release: (() => void)[] = [];

function server() {
  const capabilities = { tools: {}, resources: { subscribe: true } };
  return memoryUpstream(capabilities, async (method, params, { client, onProgress }, signal) => {
    if (method === 'tools/list') {
      return { tools: ['flood', 'wait', 'ask'].map((name) => ({ name, inputSchema: { type: 'object' } })) };
    }
    if (method === 'resources/list') return { resources: [{ uri: 'demo://one', name: 'one' }] };
    if (method !== 'tools/call') return {};
    if (params.name === 'ask') await client?.ask('roots/list', {}, signal);
    if (params.name === 'wait') await new Promise<void>((resolve) => release.push(resolve));
    if (params.name === 'flood') {
      for (let step = 1; step <= 2000; step++) {
        onProgress?.({ progress: step, message: notice });
        client?.notify('notifications/message', { level: 'error', data: notice });
      }
    }
    return { content: [{ type: 'text', text: 'the answer' }] };
  });
}

async function start(limits = {}) {
  release = [];
  hub = await startGateway({ servers: [serverRow('one')], limits });
  hub.supervisor.open('id-one', server());
  const session = await hub.session();
  await until(async () => {
    const { result } = await (await hub.post(rpc('resources/list'), { session })).json();
    return result.resources.length > 0;
  }, 5000);
}

const connections = () => new Promise<number>((resolve) => hub.server.getConnections((_, count) => resolve(count)));

/** Sends a request and reads nothing of what comes until told to. */
function mute(method: string, session: string, body?: unknown): Socket {
  const { hostname, port, host } = new URL(hub.url);
  const text = body === undefined ? '' : JSON.stringify(body);
  const socket = connect(Number(port), hostname);
  sockets.push(socket);
  socket.on('error', () => {});
  socket.pause();
  socket.write(
    `${method} /api/mcp HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer key-a\r\nmcp-session-id: ${session}\r\n` +
      'accept: application/json, text/event-stream\r\ncontent-type: application/json\r\n' +
      `connection: close\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
  return socket;
}

it('a call whose client reads nothing drops what comes beside the answer, never the answer', async () => {
  await start();
  const session = await hub.session();
  const call = { ...rpc('tools/call', { name: 'one__flood', _meta: { progressToken: 'p' } }) };
  const socket = mute('POST', session, call);
  await until(() => hub.records.length === 1, 10_000);
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const ended = new Promise((resolve) => socket.once('close', resolve));
  socket.resume();
  await ended;
  expect(text).toContain('the answer');
  expect(text.split('notifications/').length - 1).toBeLessThan(400);
});

it('a stream whose client reads nothing is cut [F-CLIENT-03]', async () => {
  await start();
  const session = await hub.session();
  await hub.post(rpc('resources/subscribe', { uri: 'demo://one' }), { session });
  const before = await connections();
  mute('GET', session);
  await until(async () => (await connections()) > before, 5000);
  await until(async () => {
    for (let count = 0; count < 200; count++) {
      hub.supervisor.notify('id-one', 'notifications/resources/updated', { uri: 'demo://one', notice });
    }
    return (await connections()) <= before;
  }, 10_000);
  expect((await hub.post(rpc('ping'), { session })).status).toBe(200);
});

it('after 1,000 calls whose client left nothing is held [F-CLIENT-01]', async () => {
  await start({ inflightPerServer: 2000 });
  const session = await hub.session('/api/mcp', 'key-a', '2025-11-25', { roots: {} });
  const held = { ...hub.gateway.stats() };
  for (let round = 0; round < 10; round++) {
    const calls = Array.from({ length: 100 }, (_, index) => {
      const name = index % 4 === 0 ? 'one__ask' : 'one__wait';
      return mute('POST', session, rpc('tools/call', { name }, `${round}-${index}`));
    });
    // Of one session only 64 questions may wait; none of these 25 is refused.
    await until(() => release.length === 75 && hub.gateway.stats().questions === 25, 10_000);
    for (const socket of calls) socket.destroy();
    for (const finish of release.splice(0)) finish();
    await until(() => hub.gateway.stats().inflight === 0 && hub.gateway.stats().questions === 0, 10_000);
  }
  expect(hub.records).toHaveLength(1000);
  expect(hub.gateway.stats()).toEqual(held);
  hub.server.closeIdleConnections();
  await until(async () => (await connections()) === 0, 10_000);
});

it('256 sessions that connect at once all see the whole list and get their own answer', async () => {
  await start({ streamsPerUser: 300 });
  const outcomes = await Promise.all(
    Array.from({ length: 256 }, async (_, index) => {
      const session = await hub.session();
      const { result } = await (await hub.post(rpc('tools/list', {}, index), { session })).json();
      const stream = readEvents(await hub.post(null, { session, method: 'GET' }));
      const call = await (await hub.post(rpc('tools/call', { name: 'one__other' }, index), { session })).json();
      await stream.cancel();
      return [session, result.tools.length, call.id === index, (call as Json).error !== undefined];
    }),
  );
  expect(new Set(outcomes.map(([session]) => session)).size).toBe(256);
  expect(new Set(outcomes.map(([, ...rest]) => JSON.stringify(rest)))).toEqual(new Set(['[3,true,true]']));
});

it('a call that waits for a person holds no place at its server', async () => {
  await start({ inflightPerServer: 1, queuedPerServer: 0 });
  const session = await hub.session('/api/mcp', 'key-a', '2025-11-25', { roots: {} });
  const asked = readEvents(await hub.post(rpc('tools/call', { name: 'one__ask' }, 1), { session }));
  const { id } = await asked.message();
  const other = readEvents(await hub.post(rpc('tools/call', { name: 'one__ask' }, 2), { session }));
  expect((await other.message()).method).toBe('roots/list');
  await hub.post({ jsonrpc: '2.0', id, result: { roots: [] } }, { session });
  expect((await asked.message()).result.content[0].text).toBe('the answer');
});
