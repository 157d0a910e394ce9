// Rules of the wire for sessions (2025-11-25 and older) that the official client never puts to the test.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  initialize,
  memoryUpstream,
  type Respond,
  rpc,
  serverRow,
  startGateway,
  type TestGateway,
} from '../../support/gateway';
import { until } from '../../support/until';

let hub: TestGateway;
let session: string;
let hasFinished: () => void = () => {};

const respond: Respond = async (method, params, { onProgress }) => {
  if (method === 'tools/list')
    return { tools: ['steps', 'slow'].map((name) => ({ name, inputSchema: { type: 'object' } })) };
  if (params.name === 'slow') {
    await new Promise((resolve) => setTimeout(resolve, 50));
    hasFinished();
  }
  for (const progress of [1, 2]) onProgress?.({ progressToken: 'ours', progress });
  return { content: [{ type: 'text', text: 'done' }] };
};

beforeAll(async () => {
  hub = await startGateway({ servers: [serverRow('one')] });
  hub.supervisor.open('id-one', memoryUpstream({ tools: {} }, respond));
  await until(() => hub.stored.has('id-one'), 5000);
  session = await hub.session();
});
afterAll(() => hub.close());

const changed = { jsonrpc: '2.0', method: 'notifications/roots/list_changed' };

describe('a session', () => {
  it('begins with capabilities, server and version, and the id of the request [L-LIFE-01, L-RPC-03]', async () => {
    const answer = await (await hub.post(initialize('2025-11-25', 'first'))).json();
    expect(answer).toMatchObject({
      jsonrpc: '2.0',
      id: 'first',
      result: {
        protocolVersion: '2025-11-25',
        capabilities: {},
        serverInfo: { name: expect.any(String), version: expect.any(String) },
      },
    });
  });

  it('takes notifications and responses with 202 and no body [L-HTTP-04, L-RPC-05]', async () => {
    for (const message of [
      changed,
      { jsonrpc: '2.0', method: 'unknown/notification' },
      { jsonrpc: '2.0', id: 'nobody', result: {} },
    ]) {
      const response = await hub.post(message, { session });
      expect([response.status, await response.text()]).toEqual([202, '']);
    }
  });

  it('refuses a notification that it cannot take with an HTTP error [L-HTTP-05]', async () => {
    expect((await hub.post(changed, { session: 'nope' })).status).toBe(404);
    expect((await hub.post({ ...changed, params: 7 }, { session })).status).toBe(400);
  });

  it('answers with JSON, or with an event stream that ends after the answer [L-HTTP-06, L-HTTP-08]', async () => {
    const call = (params: object) => hub.post(rpc('tools/call', { name: 'one__steps', ...params }, 'x'), { session });
    const plain = await call({});
    expect(plain.headers.get('content-type')).toBe('application/json');
    const streamed = await call({ _meta: { progressToken: 7 } });
    expect(streamed.headers.get('content-type')).toBe('text/event-stream');
    const messages = eventsOf(await streamed.text()); // text() resolves when the stream ends
    expect(messages.map(({ method, id }) => method ?? id)).toEqual([
      'notifications/progress',
      'notifications/progress',
      'x',
    ]);
    expect(messages[0]?.params).toMatchObject({ progressToken: 7, progress: 1 });
  });

  it('opens a stream for a GET; each message goes to one stream only, and no answer to any [L-HTTP-10, L-HTTP-11, L-HTTP-12]', async () => {
    const own = await hub.session();
    const streams = [
      await hub.post(null, { session: own, method: 'GET' }),
      await hub.post(null, { session: own, method: 'GET' }),
    ];
    for (const stream of streams) expect(stream.headers.get('content-type')).toBe('text/event-stream');
    await hub.post(rpc('tools/list'), { session: own });
    hub.rows.servers[0] = serverRow('one', { overlays: { slow: { enabled: false } } });
    await hub.bus.emit('server.updated', { id: 'id-one', name: 'one' });
    const received = streams.map((stream) => collect(stream));
    try {
      await until(() => received.some(({ messages }) => messages().length > 0), 5000);
      await hub.post(rpc('ping'), { session: own });
      expect(received.flatMap(({ messages }) => messages()).map(({ method }) => method)).toEqual([
        'notifications/tools/list_changed',
      ]);
    } finally {
      hub.rows.servers[0] = serverRow('one');
      await hub.bus.emit('server.updated', { id: 'id-one', name: 'one' });
      for (const { stop } of received) await stop();
    }
  });

  it('goes on with a call whose client disconnected [L-HTTP-09]', async () => {
    const finished = new Promise<void>((resolve) => {
      hasFinished = resolve;
    });
    const leaving = new AbortController();
    const headers = {
      authorization: 'Bearer key-a',
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-session-id': session,
    };
    const body = JSON.stringify(rpc('tools/call', { name: 'one__slow' }));
    const call = fetch(`${hub.url}/api/mcp`, { method: 'POST', headers, body, signal: leaving.signal }).catch(
      () => null,
    );
    await until(() => hub.gateway.stats().inflight === 1, 2000);
    leaving.abort();
    await call;
    await finished;
    await until(() => hub.gateway.stats().inflight === 0, 2000);
    expect(hub.records.at(-1)).toMatchObject({ tool: 'slow', outcome: 'ok' });
  });

  it('needs no version header, and takes any version that it knows [L-HTTP-18]', async () => {
    expect((await hub.post(rpc('ping'), { session })).status).toBe(200);
    const response = await hub.post(rpc('ping'), { session, headers: { 'mcp-protocol-version': '2025-11-25' } });
    expect(await response.json()).toEqual({ jsonrpc: '2.0', id: 1, result: {} });
  });
});

interface Received {
  id?: string | number;
  method?: string;
  params?: Record<string, unknown>;
}

function eventsOf(text: string): Received[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => JSON.parse(line.slice(6)));
}

/** Reads an open stream until it is told to stop. */
function collect(response: Response) {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  let text = '';
  const reading = (async () => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += decoder.decode(value, { stream: true });
    }
  })().catch(() => undefined);
  return {
    messages: () => eventsOf(text),
    stop: async () => {
      await reader.cancel();
      await reading;
    },
  };
}
