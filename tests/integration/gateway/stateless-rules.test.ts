// Rules of the wire for requests of 2026-07-28 that the official client never puts to the test.
import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { serverRow, startGateway, type TestGateway, toolServer } from '../../support/gateway';
import { modernPost, modernResult, modernVersion } from '../../support/modern';
import { until } from '../../support/until';

let hub: TestGateway;

beforeAll(async () => {
  hub = await startGateway({ servers: [serverRow('one'), serverRow('two')] });
  for (const name of ['one', 'two']) {
    hub.supervisor.open(`id-${name}`, toolServer({ b: () => 'ok', a: () => 'ok', c: () => 'ok' }));
  }
  await until(() => hub.stored.size === 2, 5000);
});
afterAll(() => hub.close());

it('a page of a foreign origin is refused [N-HTTP-01]', async () => {
  const response = await modernPost(hub, 'tools/list', {}, { headers: { origin: 'https://evil.example' } });
  expect(response.status).toBe(403);
});

it.each([[null], [1.5], [{}], [true]])('the id %j is refused [N-RPC-01]', async (id) => {
  const response = await modernPost(hub, 'tools/list', {}, { id: id as never });
  expect([response.status, (await response.json()).error.code]).toEqual([400, -32600]);
});

it('a request works alone, at a gateway that never saw its client [N-RPC-09]', async () => {
  const next = await startGateway({ previous: hub });
  try {
    const listed = await modernResult(next, 'tools/list');
    expect(listed.tools).toEqual((await modernResult(hub, 'tools/list')).tools);
  } finally {
    await next.close();
  }
});

it('a list is the same on every connection and after any request, in the same order [N-TOOL-02, N-TOOL-03]', async () => {
  const first = (await modernResult(hub, 'tools/list')).tools;
  await modernResult(hub, 'tools/call', { name: 'one__a' });
  await hub.session();
  const others = await Promise.all(Array.from({ length: 5 }, () => modernResult(hub, 'tools/list')));
  for (const { tools } of others) expect(tools).toEqual(first);
  expect((first as { name: string }[]).map(({ name }) => name)).toEqual(
    ['one', 'two'].flatMap((server) => ['b', 'a', 'c'].map((tool) => `${server}__${tool}`)),
  );
});

it('what a client says of itself changes nothing [N-META-06]', async () => {
  const prefix = 'io.modelcontextprotocol/';
  const named = (clientInfo: unknown) => ({ meta: { [`${prefix}clientInfo`]: clientInfo } });
  const infos = [undefined, null, 7, { name: 'x'.repeat(1000) }, { name: 'claude-ai', version: '1', title: 'Admin' }];
  for (const method of ['server/discover', 'tools/list', 'tools/call']) {
    const params = method === 'tools/call' ? { name: 'one__a' } : {};
    const results = await Promise.all(infos.map((info) => modernResult(hub, method, params, named(info))));
    for (const result of results) expect(result).toEqual(results[0]);
  }
});

it('header names are compared without regard to case [N-HTTP-15]', async () => {
  const { port } = new URL(hub.url);
  const prefix = 'io.modelcontextprotocol/';
  const _meta = { [`${prefix}protocolVersion`]: modernVersion, [`${prefix}clientCapabilities`]: {} };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta } });
  const headers = {
    'CONTENT-TYPE': 'application/json',
    ACCEPT: 'application/json, text/event-stream',
    AUTHORIZATION: 'Bearer key-a',
    'MCP-PROTOCOL-VERSION': modernVersion,
    'mCP-mETHOD': 'tools/list',
  };
  const status = await new Promise((resolve, reject) => {
    httpRequest({ port, host: '127.0.0.1', path: '/api/mcp', method: 'POST', headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on('error', reject)
      .end(body);
  });
  expect(status).toBe(200);
});
