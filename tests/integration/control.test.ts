// The worker's unix socket: the calls of the contract, and whole MCP requests for the web program's fallback route.
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createControlClient, forwardToWorker } from '../../lib/control';
import { HubError } from '../../lib/errors';
import type { ServerStatus } from '../../lib/servers/schema';
import { type Control, createControl } from '../../worker/control';
import { readEvents } from '../support/event-reader';
import { initialize, keyActor, rpc, serverRow, startGateway, type TestGateway, toolServer } from '../support/gateway';
import { until } from '../support/until';

const dir = mkdtempSync(join(tmpdir(), 'mcphub-control-'));
const socketPath = join(dir, 'run', 'worker.sock');
const status: ServerStatus = {
  id: 'id-one',
  name: 'one',
  state: 'ready',
  reason: null,
  message: null,
  version: 1,
  since: '2026-01-01T00:00:00Z',
  attempt: 1,
  nextRetryAt: null,
  ready: 1,
  total: 1,
  tools: 2,
  instances: [],
  lastExit: null,
};
let hub: TestGateway;
let abandoned = 0;
let control: Control;

beforeAll(async () => {
  hub = await startGateway({ servers: [serverRow('one')] });
  hub.supervisor.open('id-one', toolServer({ echo: ({ text }) => text, hang: () => new Promise(() => undefined) }));
  await until(() => hub.stored.has('id-one'), 5000);
  control = createControl({
    socketPath,
    gateway: hub.gateway,
    supervisor: {
      statuses: () => [status, { ...status, id: 'id-two', name: 'two' }],
      logs: (_, after) => ({
        lines: [{ seq: after + 1, at: status.since, stream: 'stderr', text: 'hello' }],
        dropped: 3,
      }),
    },
    reports: { lifeOf: () => null },
    doctor: {
      async test({ name }, tell, signal) {
        const test = (state: 'running' | 'passed') => ({ state, startedAt: status.since, ms: 1, stages: [] });
        if (name === 'refused') throw new HubError('BUSY', 'Two are under way.');
        tell(test('running'));
        if (name === 'endless') await new Promise((resolve) => signal.addEventListener('abort', resolve));
        if (name === 'endless') abandoned += 1;
        if (name === 'broken') throw new HubError('UNAVAILABLE', 'The hub is stopping.');
        return test('passed');
      },
    },
    desired: async () => Promise.reject(new HubError('NOT_FOUND')),
    readDocument: () => Promise.reject(new Error('no documents here')),
    filled: async (server) => server,
    credentials: { begin: async () => '', finish: async () => '' },
    rotateSecrets: async () => ({ key: 'k2', values: 1, closed: 0 }),
    consents: {
      read: () => Promise.reject(new HubError('NOT_FOUND')),
      decide: () => Promise.reject(new HubError('NOT_FOUND')),
    },
    deliver: hub.bus.deliver,
    metrics: { values: async () => [] },
    log: pino({ level: 'silent' }),
    hub: () => ({ startedAt: status.since, version: '1', configFaults: ['line 1'], configFile: null }),
  });
  await control.listen();
});

afterAll(async () => {
  await control.close();
  await hub.close();
  rmSync(dir, { recursive: true, force: true });
});

const client = createControlClient(socketPath);
const actor = () => {
  const { permissions, groupIds, ...rest } = keyActor('a');
  return { ...rest, permissions: [...permissions], groupIds: [...groupIds] };
};

describe('control calls', () => {
  it('the socket belongs to its user alone [T-TRUST-01]', () => {
    expect(statSync(socketPath).mode & 0o777).toBe(0o600);
  });

  it('a call with steps tells each, then its answer or its error; closing it cancels', async () => {
    const test = (name: string, options: Parameters<typeof client.call<'servers.test'>>[2] = {}) =>
      client.call('servers.test', { server: { name, type: 'stdio', command: 'x' } }, options);
    const steps: string[] = [];
    const answer = await test('good', { onStep: ({ state }) => steps.push(state) });
    expect([...steps, answer.state]).toEqual(['running', 'passed']);
    await expect(test('refused')).rejects.toMatchObject({ code: 'BUSY', message: 'Two are under way.' });
    await expect(test('broken')).rejects.toMatchObject({ code: 'UNAVAILABLE', message: 'The hub is stopping.' });
    await expect(client.call('servers.test', { id: 'none' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const cancelling = new AbortController();
    const endless = test('endless', { signal: cancelling.signal, onStep: () => cancelling.abort() });
    await expect(endless).rejects.toMatchObject({ code: 'CANCELLED' });
    await until(() => abandoned === 1, 5000);
  });

  it('answer what the contract says', async () => {
    expect((await client.call('servers.status', {})).servers).toHaveLength(2);
    expect((await client.call('servers.status', { ids: ['id-one'] })).servers).toEqual([status]);
    expect(await client.call('servers.logs', { id: 'id-one', after: 4, limit: 10 })).toMatchObject({
      dropped: 3,
      lines: [{ seq: 5, text: 'hello' }],
    });
    expect(await client.call('hub.stats', {})).toMatchObject({ sessions: 0, inflight: 0, configFaults: ['line 1'] });
  });

  it('a tool runs as its caller, and its errors arrive as they are', async () => {
    const call = { actor: actor(), requestId: 'r', server: 'one', tool: 'echo', arguments: { text: 'hi' } };
    expect(await client.call('tools.call', call)).toMatchObject({ result: { content: [{ text: 'hi' }] } });
    const nobody = { ...call, actor: { ...actor(), permissions: [] } };
    expect(await client.call('tools.call', nobody)).toMatchObject({ error: { code: -32602 } });
    await expect(client.call('tools.call', { ...call, server: 'none' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('aborting a tool call cancels it in the worker', async () => {
    const gone = new AbortController();
    const call = { actor: actor(), requestId: 'r', server: 'one', tool: 'hang', arguments: {} };
    const running = client.call('tools.call', call, { signal: gone.signal });
    await until(() => hub.gateway.stats().inflight === 1, 3000);
    gone.abort();
    await expect(running).rejects.toMatchObject({ code: 'CANCELLED' });
    await until(() => hub.gateway.stats().inflight === 0, 3000);
  });

  it('an event reaches the handlers before its delivery is answered; one that is wrong is refused', async () => {
    const seen: unknown[] = [];
    const stop = hub.bus.on('server.created', (payload) => void seen.push(payload));
    await client.call('events.deliver', { name: 'server.created', payload: { id: 'x', name: 'y' } });
    expect(seen).toEqual([{ id: 'x', name: 'y' }]);
    for (const name of ['server.created', 'nope', '__proto__']) {
      await expect(client.call('events.deliver', { name, payload: 7 })).rejects.toMatchObject({
        code: 'INVALID_INPUT',
      });
    }
    stop();
  });

  it('without a worker the error says so', async () => {
    const nobody = createControlClient(join(dir, 'nothing.sock'));
    await expect(nobody.call('hub.stats', {})).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: 'the worker is not running',
    });
  });
});

describe('the fallback route', () => {
  const headers = {
    host: 'localhost',
    authorization: 'Bearer key-a',
    accept: 'application/json, text/event-stream',
    'content-type': 'application/json',
  };
  const forward = (init: RequestInit, path = '/api/mcp', socket = socketPath) =>
    forwardToWorker(socket, new Request(`http://localhost${path}`, init));

  it('passes requests and answers on as they are', async () => {
    const begun = await forward({ method: 'POST', headers, body: JSON.stringify(initialize()) });
    const session = begun.headers.get('mcp-session-id') ?? '';
    expect([begun.status, session.length > 20]).toEqual([200, true]);
    const list = await forward({
      method: 'POST',
      headers: { ...headers, 'mcp-session-id': session },
      body: JSON.stringify(rpc('tools/list')),
    });
    expect((await list.json()).result.tools).toHaveLength(2);
    const gone = new AbortController();
    const stream = await forward({ headers: { ...headers, 'mcp-session-id': session }, signal: gone.signal });
    expect([stream.status, stream.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    gone.abort();
    const ended = await forward({ method: 'DELETE', headers: { ...headers, 'mcp-session-id': session } });
    expect(ended.status).toBe(204);
    expect((await forward({ method: 'POST', headers, body: '{' }, '/api/mcp/none')).status).toBe(404);
    expect((await forward({ method: 'POST', headers: { host: 'localhost' }, body: '{}' })).status).toBe(401);
  });

  it('carries HTTP+SSE, whose stream names a URL below the same origin', async () => {
    const gone = new AbortController();
    const stream = await forward({ headers, signal: gone.signal }, '/api/mcp/sse');
    expect([stream.status, stream.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    const events = readEvents(stream);
    const { event, data } = await events.next();
    expect([event, data.startsWith('/api/mcp/sse?sessionId=')]).toEqual(['endpoint', true]);
    const posted = await forward({ method: 'POST', headers, body: JSON.stringify(initialize('2024-11-05')) }, data);
    expect(posted.status).toBe(202);
    expect((await events.message()).result.protocolVersion).toBe('2024-11-05');
    gone.abort();
    await until(async () => {
      const { status } = await forward({ method: 'POST', headers, body: JSON.stringify(rpc('ping')) }, data);
      return status === 404;
    }, 5_000);
  });

  it('gives the answer to a body that ends late, and to one that is too large', async () => {
    const bytes = Buffer.from(JSON.stringify(initialize()));
    const late = () =>
      new ReadableStream({
        async start(controller) {
          controller.enqueue(bytes);
          const sentAt = performance.now();
          await until(() => performance.now() - sentAt > 50, 1_000);
          controller.enqueue(new Uint8Array());
          controller.close();
        },
      });
    const lengthKnown = { ...headers, 'content-length': String(bytes.length) };
    for (let at = 0; at < 5; at += 1) {
      const init = { method: 'POST', headers: lengthKnown, body: late(), duplex: 'half' };
      expect((await forward(init)).status).toBe(200);
    }
    const large = { method: 'POST', headers, body: 'x'.repeat(5 * 1024 * 1024) };
    for (let at = 0; at < 3; at += 1) expect((await forward(large)).status).toBe(413);
  });

  it('without a worker: 503, a JSON-RPC error and Retry-After', async () => {
    const response = await forward({ method: 'POST', headers, body: '{}' }, '/api/mcp', join(dir, 'nothing.sock'));
    expect([response.status, response.headers.get('retry-after'), (await response.json()).error.code]).toEqual([
      503,
      '2',
      1001,
    ]);
  });
});
