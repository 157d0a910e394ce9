// Every kind of bad input on an MCP endpoint: the exact answer, and that the next good request works.
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  initialize,
  type PostOptions,
  rpc,
  serverRow,
  startGateway,
  type TestGateway,
  toolServer,
} from '../../support/gateway';
import { until } from '../../support/until';

let hub: TestGateway;
let session: string;

beforeAll(async () => {
  hub = await startGateway({
    servers: [serverRow('one')],
    limits: { bodyBytes: 200_000, bodyTimeoutMs: 300, jsonKeys: 1000 },
  });
  hub.supervisor.open('id-one', toolServer({ echo: () => 'ok' }));
  await until(() => hub.stored.has('id-one'), 5000);
  session = await hub.session();
});

afterAll(() => hub.close());

const ping = rpc('ping');
const nested = (depth: number) =>
  `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":${'['.repeat(depth)}${']'.repeat(depth)}}}`;
const keys = (count: number) =>
  JSON.stringify(rpc('ping', Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, 1]))));

interface Row {
  what: string;
  body?: unknown;
  options?: PostOptions;
  status: number;
  code: number;
  headers?: Record<string, string | RegExp>;
}

const rows: Row[] = [
  { what: 'no JSON', body: '{"jsonrpc":', status: 400, code: -32700 },
  { what: 'an empty body', body: '', status: 400, code: -32700 },
  { what: 'a BOM', body: `\ufeff${JSON.stringify(ping)}`, status: 400, code: -32700 },
  { what: 'a NUL', body: `${JSON.stringify(ping)}\0`, status: 400, code: -32700 },
  { what: 'UTF-16', body: Buffer.from(JSON.stringify(ping), 'utf16le'), status: 400, code: -32700 },
  { what: 'invalid UTF-8', body: Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), status: 400, code: -32700 },
  { what: 'no object', body: '7', status: 400, code: -32600 },
  { what: 'an array [L-RPC-07]', body: [ping], status: 400, code: -32600 },
  { what: 'an empty array', body: [], status: 400, code: -32600 },
  { what: 'another jsonrpc', body: { ...ping, jsonrpc: '1.0' }, status: 400, code: -32600 },
  { what: 'a null id [L-RPC-01]', body: { ...ping, id: null }, status: 400, code: -32600 },
  { what: 'a fractional id [L-RPC-01]', body: { ...ping, id: 1.5 }, status: 400, code: -32600 },
  { what: 'no method', body: { jsonrpc: '2.0', id: 1 }, status: 400, code: -32600 },
  { what: 'a method that is a number', body: { ...ping, method: 7 }, status: 400, code: -32600 },
  { what: 'params that are an array', body: { ...ping, params: [] }, status: 400, code: -32602 },
  { what: 'nesting of 65', body: nested(63), status: 400, code: -32600 },
  { what: 'nesting of 60,000', body: nested(60_000), status: 400, code: -32600 },
  { what: 'too many keys', body: keys(1001), status: 400, code: -32600 },
  {
    what: 'a body over the limit',
    body: 'x'.repeat(200_001),
    status: 413,
    code: -32600,
    headers: { connection: 'close' },
  },
  { what: 'another content type', options: { headers: { 'content-type': 'text/plain' } }, status: 415, code: -32600 },
  {
    what: 'another charset',
    options: { headers: { 'content-type': 'application/json; charset=utf-16' } },
    status: 415,
    code: -32600,
  },
  { what: 'a content encoding', options: { headers: { 'content-encoding': 'gzip' } }, status: 415, code: -32600 },
  {
    what: 'an Accept without event streams',
    options: { headers: { accept: 'application/json' } },
    status: 406,
    code: -32600,
  },
  { what: 'an Accept without JSON', options: { headers: { accept: 'text/event-stream' } }, status: 406, code: -32600 },
  { what: 'PUT', options: { method: 'PUT' }, status: 405, code: -32600, headers: { allow: /POST/ } },
  { what: 'PATCH', options: { method: 'PATCH' }, status: 405, code: -32600, headers: { allow: /POST/ } },
  {
    what: 'GET without event streams',
    options: { method: 'GET', headers: { accept: 'text/html' } },
    status: 406,
    code: -32600,
  },
  {
    what: 'a foreign Origin [L-HTTP-01]',
    options: { headers: { origin: 'https://evil.example' } },
    status: 403,
    code: 1006,
  },
  { what: 'the Origin null [L-HTTP-01]', options: { headers: { origin: 'null' } }, status: 403, code: 1006 },
  { what: 'another port as Origin', options: { headers: { origin: 'http://127.0.0.1:1' } }, status: 403, code: 1006 },
  {
    what: 'no key [L-HTTP-03, N-AUTH-02]',
    options: { key: null },
    status: 401,
    code: 1009,
    headers: { 'www-authenticate': /^Bearer/ },
  },
  {
    what: 'a wrong key [N-AUTH-02]',
    options: { key: 'nope' },
    status: 401,
    code: 1009,
    headers: { 'www-authenticate': /invalid_token/ },
  },
  {
    what: 'a key in the query [N-AUTH-04]',
    options: { key: null, path: '/api/mcp?token=key-a&access_token=key-a' },
    status: 401,
    code: 1009,
  },
  {
    what: 'a key in a cookie [T-IDENT-02]',
    options: { key: null, headers: { cookie: 'token=key-a' } },
    status: 401,
    code: 1009,
  },
  { what: 'an unknown endpoint without a key', options: { key: null, path: '/api/mcp/none' }, status: 401, code: 1009 },
  { what: 'an unknown endpoint', options: { path: '/api/mcp/none' }, status: 404, code: -32602 },
  { what: 'an endpoint called __proto__', options: { path: '/api/mcp/__proto__' }, status: 404, code: -32602 },
  { what: 'an endpoint called constructor', options: { path: '/api/mcp/constructor' }, status: 404, code: -32602 },
  { what: 'an encoded slash', options: { path: '/api/mcp/one%2fone' }, status: 404, code: -32602 },
  { what: 'a deeper path', options: { path: '/api/mcp/one/two' }, status: 404, code: -32602 },
  { what: 'no session id [L-HTTP-15]', options: { session: '' }, status: 400, code: -32600 },
  { what: 'an unknown session id [L-HTTP-16]', options: { session: 'nope' }, status: 404, code: -32001 },
  { what: 'a session id of another endpoint', options: { path: '/api/mcp/one' }, status: 404, code: -32001 },
  {
    what: 'an unknown protocol version [L-HTTP-17]',
    options: { headers: { 'mcp-protocol-version': '1.0' } },
    status: 400,
    code: -32022,
  },
  { what: 'an unknown method', body: rpc('tools/destroy'), status: 200, code: -32601 },
  { what: 'a method called __proto__', body: rpc('__proto__'), status: 200, code: -32601 },
  { what: 'initialize without a version', body: rpc('initialize', {}), status: 400, code: -32602 },
  { what: 'initialize without an id', body: { ...initialize(), id: undefined }, status: 400, code: -32600 },
  { what: 'an unknown tool [L-TOOL-04]', body: rpc('tools/call', { name: 'one__nope' }), status: 200, code: -32602 },
  { what: 'a tool without a name', body: rpc('tools/call', {}), status: 200, code: -32602 },
  { what: 'a tool called __proto__', body: rpc('tools/call', { name: '__proto__' }), status: 200, code: -32602 },
  { what: 'a tool name with CRLF', body: rpc('tools/call', { name: 'a\r\nSet-Cookie: x' }), status: 200, code: -32602 },
  { what: 'a huge tool name', body: rpc('tools/call', { name: 'ü'.repeat(50_000) }), status: 200, code: -32602 },
  {
    what: 'arguments that are an array',
    body: rpc('tools/call', { name: 'one__echo', arguments: [] }),
    status: 200,
    code: -32602,
  },
  {
    what: 'arguments that are a text',
    body: rpc('tools/call', { name: 'one__echo', arguments: 'x' }),
    status: 200,
    code: -32602,
  },
  { what: 'a cursor that is a number', body: rpc('tools/list', { cursor: 7 }), status: 200, code: -32602 },
  { what: 'a foreign cursor [L-PAGE-01]', body: rpc('tools/list', { cursor: 'abc' }), status: 200, code: -32602 },
  { what: 'an unknown resource [L-RES-03]', body: rpc('resources/read', { uri: 'x://y' }), status: 200, code: -32602 },
  { what: 'an unknown prompt [L-PROMPT-03]', body: rpc('prompts/get', { name: 'x' }), status: 200, code: -32602 },
  {
    what: 'a log level that does not exist [L-LOG-02]',
    body: rpc('logging/setLevel', { level: 'loud' }),
    status: 200,
    code: -32602,
  },
];

async function expectGoodRequestWorks(): Promise<void> {
  const response = await hub.post(rpc('tools/call', { name: 'one__echo' }), { session });
  expect(await response.json()).toMatchObject({ id: 1, result: { content: [{ text: 'ok' }] } });
}

describe('bad input', () => {
  it.each(rows)('$what → $status, $code [L-RPC-04]', async ({ body = ping, options, status, code, headers = {} }) => {
    const response = await hub.post(body, { session, ...options });
    const text = await response.text();
    expect([response.status, text]).toEqual([status, expect.stringContaining('"jsonrpc":"2.0"')]);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(JSON.parse(text).error).toMatchObject({ code, message: expect.stringMatching(/\S/) });
    expect(text).not.toMatch(/\bat .*\.(ts|js|mjs):\d/);
    for (const [name, value] of Object.entries(headers)) expect(response.headers.get(name)).toMatch(value);
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
    await expectGoodRequestWorks();
  });

  it('an error names the id of the request where it has a good one [L-RPC-03]', async () => {
    const response = await hub.post({ ...ping, id: 'mine', jsonrpc: '1' }, { session });
    expect((await response.json()).id).toBe('mine');
  });

  it('a foreign Host → 403', async () => {
    const { port } = new URL(hub.url);
    const status = await new Promise((resolve, reject) => {
      const headers = { host: 'rebound.example', authorization: 'Bearer key-a' };
      httpRequest({ port, host: '127.0.0.1', path: '/api/mcp', method: 'POST', headers }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on('error', reject)
        .end('{}');
    });
    expect(status).toBe(403);
  });

  it('OPTIONS names the methods and allows no other origin', async () => {
    const response = await hub.post(null, { method: 'OPTIONS', key: null });
    expect(response.status).toBe(204);
    expect([...response.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  it('a body that does not arrive → 408, and the connection closes', async () => {
    const answer = await raw(
      `POST /api/mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer key-a\r\nMcp-Session-Id: ${session}\r\nAccept: application/json, text/event-stream\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"json`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(answer).toMatch(/connection: close/i);
    await expectGoodRequestWorks();
  });

  it('a client that leaves in the middle of its body or call hurts nobody', async () => {
    const head = `POST /api/mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer key-a\r\nMcp-Session-Id: ${session}\r\nAccept: */*\r\nContent-Type: application/json\r\n`;
    await raw(`${head}Content-Length: 100\r\n\r\n{"json`, true);
    const body = JSON.stringify(rpc('tools/call', { name: 'one__echo' }));
    await raw(`${head}Content-Length: ${body.length}\r\n\r\n${body}`, true);
    await expectGoodRequestWorks();
    await until(() => hub.gateway.stats().inflight === 0, 2000);
  });

  it('more streams than allowed → 503 with Retry-After [F-CLIENT-02]', async () => {
    const small = await startGateway({ limits: { streamsPerUser: 2 } });
    try {
      const id = await small.session();
      const open = () => small.post(null, { session: id, method: 'GET' });
      const [first, second] = [await open(), await open()];
      expect([first.status, second.status]).toEqual([200, 200]);
      const third = await open();
      expect([third.status, third.headers.get('retry-after')]).toEqual([503, '30']);
      await first.body?.cancel();
      await until(async () => {
        const again = await open();
        await again.body?.cancel();
        return again.status === 200;
      }, 2000);
    } finally {
      await small.close();
    }
  });
});

/** Sends bytes and returns all that comes until the connection closes; with `leave` it goes away at once. */
function raw(text: string, leave = false): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = '';
    const socket = connect(Number(new URL(hub.url).port), '127.0.0.1', () => {
      socket.write(text, () => {
        if (leave) socket.destroy();
      });
    });
    socket.on('data', (chunk) => {
      received += chunk;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(received));
  });
}
