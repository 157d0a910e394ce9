// Servers of both eras as upstreams: which one a server is of, and what goes over the wire in each. Modern servers are
// the reference server on the SDK's v2 packages, and small ones that are odd about it.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type EraMemory, listAll, type Upstream, type UpstreamTarget } from '../../../../worker/upstream';
import { referenceProgram, startReference } from '../../../support/reference';
import { type Opened, open, program, remote, until } from '../../../support/upstreams';

type Json = Record<string, unknown>;

const patient = { timeoutMs: 10_000 };
const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

function attempt(target: UpstreamTarget, memory?: EraMemory): Opened {
  const opened = open(target, memory && { memory });
  cleanups.push(() =>
    opened.opening.then(
      (upstream) => upstream.close(),
      () => undefined,
    ),
  );
  return opened;
}

const odd = (mode: string, argument = '') =>
  program(process.execPath, [join(import.meta.dirname, '../../../support/servers/odd-era.mjs'), mode, argument]);

async function modernTarget(transport: 'stdio' | 'http'): Promise<UpstreamTarget> {
  if (transport === 'stdio') return program(process.execPath, [referenceProgram('modern'), 'stdio']);
  const { url, stop } = await startReference('modern');
  cleanups.push(stop);
  return remote(url);
}

async function textOf(upstream: Upstream, name: string, args: Json = {}, options = patient): Promise<string> {
  const { value } = await upstream.call('tools/call', { name, arguments: args }, options).answer;
  return (value as { content: [{ text: string }] }).content[0].text;
}

const seenBy = async (upstream: Upstream): Promise<{ pid: number; method: string }[]> =>
  JSON.parse(await textOf(upstream, 'seen'));

const client = (capabilities: Json, more: Json = {}) => ({
  capabilities,
  owner: 'somebody',
  user: 'user',
  conversation: 'session',
  isPassing: false,
  ask: async () => ({ kind: 'error' as const, value: { code: -32603, message: 'nobody is asked here' } }),
  notify: () => undefined,
  ...more,
});

interface Request {
  method: string;
  headers: IncomingMessage['headers'];
  body: { id?: string; method?: string; params?: Json } | null;
}

/** A server in this process whose answers a test decides; it is told of each request. */
async function improvised(answer: (request: Request, response: ServerResponse) => void): Promise<string> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const body = text ? JSON.parse(text) : null;
    answer({ method: request.method ?? '', headers: request.headers, body }, response);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
}

const reply = (response: ServerResponse, status: number, value: unknown) =>
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
const result = (id: unknown, value: Json) => ({ jsonrpc: '2.0', id, result: value });
const failure = (id: unknown, code: number, data?: Json) => ({
  jsonrpc: '2.0',
  id,
  error: { code, message: 'refused', data },
});
const discovery = { supportedVersions: ['2026-07-28'], capabilities: { tools: {} }, resultType: 'complete' };
const initialised = (params: Json | undefined) => ({
  protocolVersion: params?.protocolVersion,
  capabilities: { tools: {} },
  serverInfo: { name: 'improvised', version: '1' },
});

describe.each(['stdio', 'http'] as const)('a modern server over %s', (transport) => {
  it('is recognised, listed and called, and an input_required result comes back as it is [N-HTTP-21]', async () => {
    const upstream = await attempt(await modernTarget(transport)).opening;
    expect(upstream.handshake).toMatchObject({
      era: 'modern',
      protocolVersion: '2026-07-28',
      serverInfo: { name: 'reference-modern' },
    });
    expect((await listAll(upstream)).tools.length).toBeGreaterThan(20);
    expect(await textOf(upstream, 'test_simple_text')).toContain('simple text');
    const asks = client({ elicitation: { form: {} } });
    const call = upstream.call('tools/call', { name: 'ask_form', arguments: {} }, { ...patient, client: asks });
    expect((await call.answer).value).toMatchObject({ resultType: 'input_required', inputRequests: { form: {} } });
  });

  it('is told version, client and capabilities with each request, and other _meta passes [N-META-07]', async () => {
    const upstream = await attempt(await modernTarget(transport)).opening;
    const params = {
      name: 'echo',
      arguments: {},
      _meta: { traceparent: 'x', 'io.modelcontextprotocol/logLevel': 'y' },
    };
    const asks = client({ roots: {} }, { logLevel: 'warning' });
    const { value } = await upstream.call('tools/call', params, { ...patient, client: asks }).answer;
    const echoed = JSON.parse((value as { content: [{ text: string }] }).content[0].text) as { _meta: Json };
    expect(echoed._meta).toMatchObject({ traceparent: 'x' });
    expect(JSON.stringify(echoed._meta)).not.toContain('"y"');
  });

  it('reports progress and, where one was named, log messages to the call', async () => {
    const upstream = await attempt(await modernTarget(transport)).opening;
    const progress: unknown[] = [];
    const logged: unknown[] = [];
    const asks = client({}, { logLevel: 'info', notify: (method: string) => logged.push(method) });
    await upstream.call(
      'tools/call',
      { name: 'test_tool_with_progress', arguments: {} },
      { ...patient, onProgress: (params) => progress.push(params.progress) },
    ).answer;
    expect(progress).toEqual([0, 50, 100]);
    await upstream.call('tools/call', { name: 'log_all', arguments: {} }, { ...patient, client: asks }).answer;
    // Over stdio a log message does not say whose it is.
    expect(logged).toHaveLength(transport === 'http' ? 3 : 0);
  });

  it('sees a cancelled call as cancelled [N-STDIO-02]', async () => {
    const upstream = await attempt(await modernTarget(transport)).opening;
    const waiting = upstream.call('tools/call', { name: 'wait', arguments: {} }, patient);
    const counts = async () => JSON.parse(await textOf(upstream, 'cancellations')) as Json;
    await until('the call to run', async () => (await counts()).waiting === 1);
    waiting.cancel('enough');
    await expect(waiting.answer).rejects.toMatchObject({ code: 'CANCELLED' });
    await until('the cancellation', async () => (await counts()).cancelled === 1);
  });

  it('tells of changed lists and watched resources on one subscription, and of others no more', async () => {
    const opened = attempt(await modernTarget(transport));
    const upstream = await opened.opening;
    const uri = 'test://watched-resource';
    expect(await upstream.watch([uri, 'test://static-text'])).toEqual([]);
    await textOf(upstream, 'test_trigger_tool_change');
    await until('the changed list', () => opened.notes.includes('notifications/tools/list_changed'));
    await textOf(upstream, 'touch', { uri });
    await until('the update', () => opened.notes.includes('notifications/resources/updated'));
    expect(upstream.inflight).toBe(0);
    expect(await upstream.watch([])).toEqual([]);
    const told = opened.notes.length;
    await textOf(upstream, 'touch', { uri });
    await textOf(upstream, 'test_trigger_tool_change');
    await until('a later message', () => opened.notes.length > told);
    expect(opened.notes.slice(told)).not.toContain('notifications/resources/updated');
  });
});

describe('a modern server over HTTP', () => {
  it('gets headers that agree with the body, also for values that headers cannot carry [N-HTTP-18, N-HTTP-19, N-PARAM-06]', async () => {
    const upstream = await attempt(await modernTarget('http')).opening;
    await listAll(upstream);
    const args = { region: ' Zürich ', count: -7 };
    const told = JSON.parse(await textOf(upstream, 'test_x_mcp_header', args));
    expect(told).toEqual({ args, region: '=?base64?IFrDvHJpY2gg?=', count: '-7' });
    expect(JSON.parse(await textOf(upstream, 'headers'))).toMatchObject({
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': 'headers',
    });
  });

  it('that refuses the headers of a call is listed again and gets the call once more [N-PARAM-09]', async () => {
    const opened = attempt(await modernTarget('http'));
    const upstream = await opened.opening;
    // Nothing was listed yet, so the first attempt has no Mcp-Param headers.
    const told = JSON.parse(await textOf(upstream, 'test_x_mcp_header', { region: 'eu' }));
    expect(told).toMatchObject({ region: 'eu' });
    expect(opened.notes).toContain('notifications/tools/list_changed');
  });

  it('that always refuses them is asked twice and no more', async () => {
    let calls = 0;
    const url = await improvised(({ body }, response) => {
      if (body?.method === 'server/discover') return reply(response, 200, result(body.id, discovery));
      if (body?.method === 'tools/list') return reply(response, 200, result(body.id, { tools: [] }));
      calls += 1;
      return reply(response, 400, failure(body?.id, -32020));
    });
    const upstream = await attempt(remote(url)).opening;
    const { kind, value } = await upstream.call('tools/call', { name: 'x' }, patient).answer;
    expect({ kind, value, calls }).toMatchObject({ kind: 'error', value: { code: -32020 }, calls: 2 });
  });

  it('has tools with an invalid x-mcp-header left out, each with a fault [N-PARAM-07]', async () => {
    const tool = (name: string, properties: Json) => ({ name, inputSchema: { type: 'object', properties } });
    const tools = [
      tool('good', { a: { type: 'string', 'x-mcp-header': 'A' } }),
      tool('number', { a: { type: 'number', 'x-mcp-header': 'A' } }),
      tool('twice', { a: { type: 'string', 'x-mcp-header': 'A' }, b: { type: 'string', 'x-mcp-header': 'a' } }),
      tool('items', { a: { type: 'array', items: { type: 'string', 'x-mcp-header': 'A' } } }),
      tool('space', { a: { type: 'string', 'x-mcp-header': 'A B' } }),
      tool('plain', { 'x-mcp-header': { type: 'string', default: { 'x-mcp-header': '' } } }),
    ];
    const url = await improvised(({ body }, response) =>
      reply(response, 200, result(body?.id, body?.method === 'tools/list' ? { tools } : discovery)),
    );
    const listing = await listAll(await attempt(remote(url)).opening);
    expect(listing.tools.map(({ name }) => name)).toEqual(['good', 'plain']);
    expect(listing.faults.map(({ name }) => name)).toEqual(['number', 'twice', 'items', 'space']);
  });

  it('is told version, client and exactly what its client declared, with each request; lists are for all [N-META-02, N-META-03, N-VER-05]', async () => {
    const told: [string | undefined, Json][] = [];
    const url = await improvised(({ body }, response) => {
      told.push([body?.method, body?.params?._meta as Json]);
      const tools = [{ name: 'x', inputSchema: { type: 'object' } }];
      reply(response, 200, result(body?.id, body?.method === 'server/discover' ? discovery : { tools }));
    });
    const upstream = await attempt(remote(url)).opening;
    await listAll(upstream);
    const declared = [{}, { roots: {} }, { extensions: { 'example.com/x': { a: 1 } }, sampling: { tools: {} } }];
    const params = { name: 'x' };
    for (const each of declared) {
      await upstream.call('tools/call', params, { ...patient, client: client(each) }).answer;
    }
    await upstream.call('tools/call', params, patient).answer;
    const prefix = 'io.modelcontextprotocol/';
    for (const [, meta] of told) {
      expect(meta[`${prefix}protocolVersion`]).toBe('2026-07-28');
      expect(meta[`${prefix}clientInfo`]).toEqual({ name: 'mcphub', version: '0.0.0' });
    }
    const capabilitiesOf = (method: string) =>
      told.filter(([asked]) => asked === method).map(([, meta]) => meta[`${prefix}clientCapabilities`]);
    expect(capabilitiesOf('tools/call')).toEqual([...declared, {}]);
    expect(capabilitiesOf('tools/list')).toMatchObject([{ sampling: {}, elicitation: {}, roots: {}, extensions: {} }]);
  });

  it('has an empty cursor followed, and each cursor brought back as it came [N-PAGE-02]', async () => {
    const cursors: unknown[] = [];
    const next: Json[] = [{ nextCursor: '' }, { nextCursor: ' ä=%20"' }, {}];
    const url = await improvised(({ body }, response) => {
      if (body?.method === 'server/discover') return reply(response, 200, result(body.id, discovery));
      cursors.push(body?.params?.cursor);
      const tools = [{ name: `page-${cursors.length}`, inputSchema: { type: 'object' } }];
      reply(response, 200, result(body?.id, { tools, ...next[cursors.length - 1] }));
    });
    const { tools } = await listAll(await attempt(remote(url)).opening);
    expect(tools.map(({ name }) => name)).toEqual(['page-1', 'page-2', 'page-3']);
    expect(cursors).toEqual([undefined, '', ' ä=%20"']);
  });

  it('that keeps no stream open and no longer answers "server/discover" is opened from the start', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    cleanups.push(async () => void vi.useRealTimers());
    let isReplaced = false;
    let asked = 0;
    const url = await improvised(({ body }, response) => {
      asked += 1;
      if (isReplaced) return reply(response, 200, failure(body?.id, -32601));
      reply(response, 200, result(body?.id, discovery));
    });
    const opened = attempt(remote(url));
    await opened.opening;
    vi.advanceTimersByTime(30_000);
    await until('the question', () => asked === 2);
    isReplaced = true;
    let isClosed = false;
    void opened.closed.then(() => {
      isClosed = true;
    });
    // While the answer to the first question is under way there is no second one.
    await until('the end', () => {
      vi.advanceTimersByTime(30_000);
      return isClosed;
    });
    expect(await opened.closed).toMatchObject({
      reason: 'handshake-failed',
      message: expect.stringContaining('server/discover'),
    });
  });

  it('may answer without an id or resultType [N-RPC-05]', async () => {
    const url = await improvised(({ body }, response) => {
      if (body?.method === 'server/discover') return reply(response, 200, result(body.id, discovery));
      if (body?.params?.name === 'bad') return reply(response, 400, failure(undefined, -32602));
      return reply(response, 200, result(body?.id, { content: [] }));
    });
    const upstream = await attempt(remote(url)).opening;
    expect((await upstream.call('tools/call', { name: 'good' }, patient).answer).value).toEqual({ content: [] });
    expect((await upstream.call('tools/call', { name: 'bad' }, patient).answer).value).toMatchObject({ code: -32602 });
  });

  it('whose subscription ends gets another one, and what may have been missed is told [N-SUB-05]', async () => {
    const listens: ServerResponse[] = [];
    const capabilities = { tools: { listChanged: true } };
    const url = await improvised(({ body }, response) => {
      if (body?.method !== 'subscriptions/listen') {
        return reply(response, 200, result(body?.id, { ...discovery, capabilities }));
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const params = { _meta: { 'io.modelcontextprotocol/subscriptionId': body.id }, notifications: capabilities };
      const method = 'notifications/subscriptions/acknowledged';
      response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', method, params })}\n\n`);
      listens.push(response);
    });
    const opened = attempt(remote(url));
    await opened.opening;
    await until('the subscription', () => listens.length === 1);
    listens[0]?.destroy();
    await until('another subscription', () => listens.length === 2);
    await until('the news', () => opened.notes.includes('notifications/tools/list_changed'));
  });
});

describe('the era of a server is found in the process or connection that is used', () => {
  it.each([
    ['silent', ''],
    ['code', '-32601'],
    ['code', '-32602'],
    ['code', '-32000'],
    ['code', '-32022'],
    ['code', '42'],
  ])('%s %s: legacy [N-STDIO-05, N-STDIO-06, L-LIFE-04]', async (mode, argument) => {
    const upstream = await attempt(odd(mode, argument)).opening;
    expect(upstream.handshake.era).toBe('legacy');
    const seen = await seenBy(upstream);
    expect(seen.map(({ method }) => method).slice(0, 3)).toEqual([
      'server/discover',
      'initialize',
      'notifications/initialized',
    ]);
    expect(new Set(seen.map(({ pid }) => pid)).size).toBe(1);
  });

  it('a modern one that knows another version is told that one; unknown ones are named [N-VER-03]', async () => {
    const found = await attempt(odd('versions', '2026-07-28,2099-01-01')).opening;
    expect(found.handshake).toMatchObject({ era: 'modern', protocolVersion: '2026-07-28' });
    await expect(attempt(odd('versions', '2099-01-01')).opening).rejects.toMatchObject({
      message: expect.stringContaining('2099-01-01'),
      extras: { reason: 'handshake-failed' },
    });
  });

  it('half-modern: no resultType, no serverInfo', async () => {
    const upstream = await attempt(odd('half')).opening;
    expect(upstream.handshake).toMatchObject({ era: 'modern', serverInfo: { name: 'unknown' } });
    expect((await listAll(upstream)).tools).toHaveLength(1);
  });

  it('a modern one that is slow to answer is found all the same', async () => {
    const upstream = await attempt(odd('slow', '2600')).opening;
    expect(upstream.handshake.era).toBe('modern');
    expect(await seenBy(upstream)).toHaveLength(3);
  });

  it('what was found is remembered, and given up when it fails [N-VER-04]', async () => {
    const memory: EraMemory = { era: null };
    await attempt(odd('code', '-32601'), memory).opening;
    expect(memory.era).toBe('legacy');
    const again = await attempt(odd('code', '-32601'), memory).opening;
    expect((await seenBy(again))[0]?.method).toBe('initialize');
    const replaced = await attempt(odd('half'), memory).opening;
    expect([replaced.handshake.era, memory.era]).toEqual(['modern', 'modern']);
  });

  it('a program that ends over an unknown request is not asked that first the next time', async () => {
    const memory: EraMemory = { era: null };
    await expect(attempt(odd('crash'), memory).opening).rejects.toMatchObject({ extras: { reason: 'exited' } });
    expect((await attempt(odd('crash'), memory).opening).handshake.era).toBe('legacy');
  });

  it('a row can force either', async () => {
    const legacy = await attempt({ ...odd('code', '-32601'), era: 'legacy' }).opening;
    expect((await seenBy(legacy))[0]?.method).toBe('initialize');
    await expect(attempt({ ...odd('half'), era: 'legacy' }).opening).rejects.toMatchObject({
      extras: { reason: 'handshake-failed' },
    });
    await expect(attempt({ ...odd('code', '-32601'), era: 'modern' }).opening).rejects.toMatchObject({
      message: expect.stringContaining('2026-07-28'),
    });
  });

  it.each([
    ['400 with a legacy error', 400, failure(null, -32000)],
    ['404 with nothing', 404, ''],
    ['405', 405, {}],
    ['200 with an error', 200, failure('x', -32601)],
  ])('over HTTP, %s to server/discover: legacy [N-HTTP-20]', async (_name, status, answer) => {
    const url = await improvised(({ method, body }, response) => {
      if (method !== 'POST') return reply(response, 405, {});
      if (body?.method === 'initialize') return reply(response, 200, result(body.id, initialised(body.params)));
      if (body?.id === undefined) return response.writeHead(202).end();
      return reply(response, status, answer);
    });
    expect((await attempt(remote(url)).opening).handshake.era).toBe('legacy');
  });

  it('over HTTP, a refused version: modern with one that both know, else named [N-HTTP-20]', async () => {
    const supported = ['2099-01-01'];
    const url = await improvised(({ body }, response) =>
      reply(response, 400, failure(body?.id, -32022, { supported })),
    );
    await expect(attempt(remote(url)).opening).rejects.toMatchObject({
      message: expect.stringContaining('2099-01-01'),
    });
  });

  it('a modern server that no longer knows the version is opened from the start', async () => {
    let isNew = false;
    const url = await improvised(({ body }, response) => {
      if (isNew) return reply(response, 400, failure(body?.id, -32022, { supported: ['2099-01-01'] }));
      return reply(response, 200, result(body?.id, discovery));
    });
    const opened = attempt(remote(url));
    const upstream = await opened.opening;
    isNew = true;
    await upstream.call('tools/call', { name: 'x' }, patient).answer.catch(() => undefined);
    expect(await opened.closed).toMatchObject({ reason: 'handshake-failed' });
  });

  it.each([
    ['legacy', 'http', 'modern', 'http'],
    ['legacy', 'sessionless', 'modern', 'http'],
    ['modern', 'http', 'legacy', 'http'],
    ['modern', 'http', 'legacy', 'sessionless'],
  ] as const)(
    'a %s server (%s) that is replaced by a %s one (%s) is opened from the start',
    async (era, mode, nextEra, nextMode) => {
      const memory: EraMemory = { era: null };
      const first = await startReference(era, mode);
      const opened = attempt(remote(first.url), memory);
      const upstream = await opened.opening;
      expect((await upstream.call('tools/call', { name: 'echo' }, patient).answer).kind).toBe('result');
      await first.stop();
      const next = await startReference(nextEra, nextMode, Number(new URL(first.url).port));
      cleanups.push(next.stop);
      let isClosed = false;
      void opened.closed.then(() => (isClosed = true));
      // The first call tells; it fails as one that may be made again, and with no word of versions.
      await until('the end of the connection', async () => {
        const outcome = await upstream.call('tools/call', { name: 'echo' }, patient).answer.catch((error) => error);
        expect(outcome).toMatchObject({ extras: { retryable: true } }); // a HubError, not the server's answer
        return isClosed;
      });
      const again = await attempt(remote(first.url), memory).opening;
      expect(again.handshake.era).toBe(nextEra);
      expect((await again.call('tools/call', { name: 'echo' }, patient).answer).kind).toBe('result');
    },
  );
});

describe('a legacy server over HTTP', () => {
  it('that ends a stream is left alone as long as its retry field wants [L-HTTP-26]', async () => {
    let endedAt = 0;
    let resumedAt = 0;
    const url = await improvised(({ method, headers, body }, response) => {
      if (method === 'GET' && headers['last-event-id'] === 'e1') {
        resumedAt = performance.now();
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        return response.end(`data: ${JSON.stringify(result(lastCall, { content: [] }))}\n\n`);
      }
      if (method !== 'POST') return reply(response, 405, {});
      if (body?.method === 'initialize') return reply(response, 200, result(body.id, initialised(body.params)));
      if (body?.id === undefined) return response.writeHead(202).end();
      if (body.method !== 'tools/call') return reply(response, 400, failure(body.id, -32601));
      lastCall = body.id;
      endedAt = performance.now();
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end('id: e1\nretry: 1600\ndata: \n\n');
    });
    let lastCall: unknown;
    const upstream = await attempt(remote(url)).opening;
    const { kind } = await upstream.call('tools/call', { name: 'x' }, patient).answer;
    expect(kind).toBe('result');
    expect(resumedAt - endedAt).toBeGreaterThanOrEqual(1590);
  });
});
