// Answers that are too large to be copied on their way: they arrive whole, as JSON, as an event, and in both eras.
import { afterEach, expect, it } from 'vitest';
import { memoryUpstream, rpc, serverRow, startGateway, type TestGateway } from '../../support/gateway';
import { until } from '../../support/until';

let hub: TestGateway;
afterEach(() => hub.close());

const text = 'ä"\\ large '.repeat(200_000);
const answer = { content: [{ type: 'text', text }] };

async function start(): Promise<string> {
  hub = await startGateway({ servers: [serverRow('one')] });
  const server = memoryUpstream({ tools: {} }, (method, _params, { onProgress }) => {
    if (method === 'tools/list') return { tools: [{ name: 'large', inputSchema: { type: 'object' } }] };
    onProgress?.({ progress: 1 });
    return answer;
  });
  hub.supervisor.open('id-one', server);
  const session = await hub.session('/api/mcp/one');
  await until(async () => {
    const { result } = await (await hub.post(rpc('tools/list'), { session, path: '/api/mcp/one' })).json();
    return result.tools.length > 0;
  }, 5000);
  return session;
}

it('an answer of some MiB arrives whole as JSON, and the connection serves the next request', async () => {
  const session = await start();
  for (const id of ['first', 'second']) {
    const response = await hub.post(rpc('tools/call', { name: 'large' }, id), { session, path: '/api/mcp/one' });
    const bytes = await response.arrayBuffer();
    expect(Number(response.headers.get('content-length'))).toBe(bytes.byteLength);
    expect(JSON.parse(new TextDecoder().decode(bytes))).toEqual({ jsonrpc: '2.0', id, result: answer });
  }
});

it('an answer of some MiB arrives whole as one event, after the progress that came first', async () => {
  const session = await start();
  const params = { name: 'large', _meta: { progressToken: 'p' } };
  const response = await hub.post(rpc('tools/call', params), { session, path: '/api/mcp/one' });
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  const events = (await response.text()).split('\n\n').filter((event) => event.startsWith('event: message\ndata: '));
  const messages = events.map((event) => JSON.parse(event.slice(event.indexOf('data: ') + 6)));
  expect(messages.map(({ method }) => method)).toEqual(['notifications/progress', undefined]);
  expect(messages[1]).toEqual({ jsonrpc: '2.0', id: 1, result: answer });
});

it('an answer of some MiB to a request without a session arrives whole, with its resultType', async () => {
  await start();
  const prefix = 'io.modelcontextprotocol/';
  const params = {
    name: 'large',
    _meta: {
      [`${prefix}protocolVersion`]: '2026-07-28',
      [`${prefix}clientCapabilities`]: {},
      [`${prefix}clientInfo`]: { name: 'test', version: '1' },
    },
  };
  const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'large' };
  const response = await hub.post(rpc('tools/call', params), { path: '/api/mcp/one', headers });
  const { result } = (await response.json()) as { result: object };
  expect(result).toEqual({ resultType: 'complete', ...answer });
});
