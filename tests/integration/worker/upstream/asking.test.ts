// Legacy servers that ask their client something within a call, and what of it goes to whom: the reference server on the
// SDK's v1 over streamable HTTP, HTTP+SSE and stdio, and server-everything.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type ClientAnswer, type ClientSide, listAll, type Upstream } from '../../../../worker/upstream';
import { referenceProgram, startReference } from '../../../support/reference';
import { type Opened, open, program, remote, repository, startProgram, until } from '../../../support/upstreams';

type Json = Record<string, unknown>;

const patient = { timeoutMs: 10_000 };
const everything = { sampling: {}, elicitation: { form: {}, url: {} }, roots: { listChanged: true } };
const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

function connect(target: Parameters<typeof open>[0], options: Parameters<typeof open>[1] = {}): Opened {
  const opened = open(target, options);
  cleanups.push(() =>
    opened.opening.then(
      (upstream) => upstream.close(),
      () => undefined,
    ),
  );
  return opened;
}

async function reference(mode: 'http' | 'sessionless' | 'sse'): Promise<string> {
  const { url, stop } = await startReference('legacy', mode);
  cleanups.push(stop);
  return url;
}

type Asked = { method: string; params: Json | undefined; signal: AbortSignal };

/** A client that notes what it is asked and told. */
function clientOf(
  capabilities: Json,
  answer: (asked: Asked) => ClientAnswer | Promise<ClientAnswer>,
): ClientSide & { asked: string[]; told: string[] } {
  const asked: string[] = [];
  const told: string[] = [];
  return {
    capabilities,
    owner: 'somebody',
    user: 'user',
    conversation: 'session',
    isPassing: false,
    asked,
    told,
    ask: async (method, params, signal) => {
      asked.push(method);
      return answer({ method, params, signal });
    },
    notify: (method) => told.push(method),
  };
}

const accept = (content: Json): ClientAnswer => ({ kind: 'result', value: { action: 'accept', content } });
const never = (): ClientAnswer => ({ kind: 'error', value: { code: -1, message: 'was not to be asked' } });

function callTool(upstream: Upstream, name: string, args: Json, client?: ClientSide, options = patient) {
  return upstream.call('tools/call', { name, arguments: args }, { ...options, ...(client && { client }) });
}

async function textOf(call: { answer: Promise<{ value: unknown }> }): Promise<string> {
  const { content, message } = (await call.answer).value as { content?: [{ text: string }]; message?: string };
  return content?.[0].text ?? String(message);
}

describe('a server with sessions over streamable HTTP', () => {
  it('asks the client of the call, each caller its own, and gets the answers back', async () => {
    const upstream = await connect(remote(await reference('http'))).opening;
    const markers = Array.from({ length: 12 }, (_, index) => `m${index}`);
    const answers = await Promise.all(
      markers.map((marker) => {
        const client = clientOf(everything, ({ params }) => accept({ name: `${marker} to ${params?.message}` }));
        return textOf(callTool(upstream, 'ask_form', { marker }, client));
      }),
    );
    expect(answers.map((text) => JSON.parse(text).answer.content.name)).toEqual(
      markers.map((marker) => `${marker} to For ${marker}`),
    );
  });

  it('relays sampling and roots, and the error of a client', async () => {
    const upstream = await connect(remote(await reference('http'))).opening;
    const client = clientOf(everything, ({ method }) =>
      method === 'roots/list'
        ? { kind: 'result', value: { roots: [{ uri: 'file:///work' }] } }
        : { kind: 'error', value: { code: -1, message: 'the person said no' } },
    );
    expect(await textOf(callTool(upstream, 'ask_roots', {}, client))).toContain('file:///work');
    expect(await textOf(callTool(upstream, 'ask_sample', { marker: 'x' }, client))).toContain('the person said no');
    expect(client.asked).toEqual(['roots/list', 'sampling/createMessage']);
  });

  it('waits for a person longer than it may be silent', async () => {
    const upstream = await connect(remote(await reference('http'))).opening;
    const client = clientOf(everything, async () => {
      await new Promise((resolve) => setTimeout(resolve, 900));
      return accept({ name: 'late' });
    });
    const call = callTool(upstream, 'ask_form', { marker: 'x' }, client, { timeoutMs: 400 });
    expect(await textOf(call)).toContain('late');
  });

  it('that is cancelled in the middle of a question: the client need not answer any more', async () => {
    const upstream = await connect(remote(await reference('http'))).opening;
    let signal: AbortSignal | undefined;
    const client = clientOf(everything, (asked) => {
      signal = asked.signal;
      return new Promise<ClientAnswer>((resolve) => asked.signal.addEventListener('abort', () => resolve(never())));
    });
    const call = callTool(upstream, 'ask_form', { marker: 'x' }, client);
    await until('the question', () => signal);
    call.cancel('enough');
    await expect(call.answer).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(signal?.aborted).toBe(true);
  });

  it('tells a call of its log messages on its own stream', async () => {
    const opened = connect(remote(await reference('http')));
    const upstream = await opened.opening;
    const client = clientOf(everything, never);
    const other = clientOf(everything, never);
    await Promise.all([
      callTool(upstream, 'log_all', {}, client).answer,
      callTool(upstream, 'test_simple_text', {}, other).answer,
    ]);
    expect(client.told).toEqual(Array(4).fill('notifications/message'));
    expect(other.told).toEqual([]);
    expect(opened.notes).not.toContain('notifications/message');
  });

  it('sees of each caller the capabilities that it declared, in as few sessions as there are sets', async () => {
    const inits: Json[] = [];
    const url = await spying(await reference('http'), (body) => {
      if (body?.method === 'initialize') inits.push((body.params as Json).capabilities as Json);
    });
    const upstream = await connect(remote(url)).opening;
    const forms = clientOf({ elicitation: {} }, () => accept({ name: 'f' }));
    const again = clientOf({ elicitation: { form: {} }, experimental: { x: {} } }, () => accept({ name: 'g' }));
    const nothing = clientOf({}, never);
    const all = clientOf({ ...everything, sampling: { context: {}, tools: {} } }, () => accept({ name: 'a' }));
    const texts = await Promise.all([
      ...[forms, again, forms, again].map((each) => textOf(callTool(upstream, 'ask_form', { marker: 'x' }, each))),
      textOf(callTool(upstream, 'ask_form', { marker: 'x' }, nothing)),
      textOf(callTool(upstream, 'ask_form', { marker: 'x' }, all)),
    ]);
    expect(texts.slice(0, 4).every((text) => text.includes('accept'))).toBe(true);
    expect(texts[4]).not.toContain('accept');
    expect(nothing.asked).toEqual([]);
    // One to list with, and one for each set.
    expect(inits).toHaveLength(4);
    expect(inits.filter((set) => 'sampling' in set)).toHaveLength(2);
    expect(inits.every((set) => 'extensions' in set)).toBe(true);
    expect(upstream.inflight).toBe(0);
  });

  it('hears of the changed roots of a client over the connection that may ask for them, and over no other [L-ASK-07]', async () => {
    const told: unknown[] = [];
    const used: Record<string, unknown> = {};
    const url = await spying(await reference('http'), (body, headers) => {
      if (body?.method === 'tools/call') used[String((body.params as Json).name)] = headers['mcp-session-id'];
      if (body?.method === 'notifications/roots/list_changed') told.push(headers['mcp-session-id']);
    });
    const upstream = await connect(remote(url)).opening;
    const rooted = clientOf({ roots: { listChanged: true } }, never);
    const other = clientOf({ elicitation: {} }, never);
    await callTool(upstream, 'test_simple_text', {}, rooted).answer;
    await callTool(upstream, 'test_image_content', {}, other).answer;
    expect(used.test_simple_text).not.toBe(used.test_image_content);
    upstream.notify('notifications/roots/list_changed', undefined, rooted);
    await until('the server heard of it', () => told.length > 0);
    expect(told).toEqual([used.test_simple_text]);
  });

  it('that forgot a session of one set is given that one anew', async () => {
    const sessions: string[] = [];
    let lost: string | null = null;
    const url = await spying(
      await reference('http'),
      (body, headers) => {
        if (body?.method === 'tools/call') sessions.push(String(headers['mcp-session-id']));
      },
      ({ headers }) => headers['mcp-session-id'] !== undefined && headers['mcp-session-id'] === lost,
    );
    const upstream = await connect(remote(url)).opening;
    const nothing = clientOf({}, never);
    const forms = clientOf({ elicitation: {} }, never);
    const plain = async (client: ClientSide) => textOf(callTool(upstream, 'test_simple_text', {}, client));
    await plain(nothing);
    await plain(forms);
    lost = sessions[0] ?? null;
    expect(await plain(nothing)).toContain('simple text');
    await plain(forms);
    const [first, second, , renewed, kept] = sessions;
    expect(kept).toBe(second);
    expect(renewed).not.toBe(first);
  });

  it('that takes one session only serves all callers with it, and none is asked what it did not declare', async () => {
    let sessions = 0;
    const url = await spying(
      await reference('http'),
      () => undefined,
      ({ body }) => body?.method === 'initialize' && ++sessions > 1,
    );
    const upstream = await connect(remote(url)).opening;
    const nothing = clientOf({}, never);
    expect(await textOf(callTool(upstream, 'test_simple_text', {}, nothing))).toContain('simple text');
    await callTool(upstream, 'ask_form', { marker: 'x' }, nothing).answer;
    expect(nothing.asked).toEqual([]);
    const forms = clientOf({ elicitation: {} }, () => accept({ name: 'f' }));
    expect(await textOf(callTool(upstream, 'ask_form', { marker: 'x' }, forms))).toContain('accept');
  });

  it('subscribes and unsubscribes by difference, also after it forgot the session', async () => {
    const methods: string[] = [];
    let lost: unknown = null;
    let session: unknown;
    const url = await spying(
      await reference('http'),
      (body, headers) => {
        session = headers['mcp-session-id'] ?? session;
        if (String(body?.method).startsWith('resources/')) methods.push(String(body?.method));
      },
      ({ headers, method }) => method === 'POST' && lost !== null && headers['mcp-session-id'] === lost,
    );
    const opened = connect(remote(url));
    const upstream = await opened.opening;
    await upstream.watch(['test://watched-resource', 'test://static-text']);
    await upstream.watch(['test://watched-resource']);
    await until('the unsubscription', () => methods.length === 3);
    expect(methods).toEqual(['resources/subscribe', 'resources/subscribe', 'resources/unsubscribe']);
    lost = session;
    await callTool(upstream, 'test_simple_text', {}).answer;
    await until('the subscription in the new session', () => methods.length === 4);
    await callTool(upstream, 'touch', { uri: 'test://watched-resource' }).answer;
    await until('the update', () => opened.notes.includes('notifications/resources/updated'));
  });
});

describe('where nothing tells whose call a question belongs to, nothing is declared', () => {
  it.each(['stdio', 'sse'] as const)('%s', async (transport) => {
    const target =
      transport === 'stdio'
        ? program(process.execPath, [referenceProgram('legacy'), 'stdio'])
        : { ...remote(await reference('sse')), type: 'sse' as const };
    const upstream = await connect(target).opening;
    const client = clientOf(everything, () => accept({ name: 'x' }));
    expect(await textOf(callTool(upstream, 'ask_form', { marker: 'x' }, client))).not.toContain('accept');
    expect(client.asked).toEqual([]);
    expect(await textOf(callTool(upstream, 'test_simple_text', {}, client))).toContain('simple text');
  });
});

describe("where the connection is one caller's, what its client can do is declared and it is asked", () => {
  it.each(['stdio', 'sse', 'http'] as const)('%s', async (transport) => {
    const target =
      transport === 'stdio'
        ? program(process.execPath, [referenceProgram('legacy'), 'stdio'])
        : {
            ...remote(await reference(transport)),
            type: transport === 'sse' ? ('sse' as const) : ('streamable-http' as const),
          };
    let lend: (client: ClientSide) => void = () => {};
    const borrower = new Promise<ClientSide>((resolve) => {
      lend = resolve;
    });
    const opened = connect(target, { borrower });
    let isOpen = false;
    void opened.opening.then(() => {
      isOpen = true;
    });
    const client = clientOf({ elicitation: { form: {} } }, () => accept({ name: 'x' }));
    await new Promise((resolve) => setImmediate(resolve));
    expect(isOpen).toBe(false);
    lend(client);
    const upstream = await opened.opening;
    expect(await textOf(callTool(upstream, 'ask_form', { marker: 'x' }, client))).toContain('accept');
    expect(client.asked).toEqual(['elicitation/create']);
    expect(await textOf(callTool(upstream, 'test_simple_text', {}))).toContain('simple text');
  });

  it('a program that ends before there is a caller is a failed start', async () => {
    const target = program(process.execPath, [
      '-e',
      `process.stdin.once('data', () => { console.log('{"jsonrpc":"2.0","method":"x"}'); setTimeout(() => process.exit(4), 2500); })`,
    ]);
    const opened = connect(target, { borrower: new Promise(() => {}) });
    await expect(opened.opening).rejects.toMatchObject({ extras: { reason: 'exited' } });
  });
});

describe('HTTP+SSE', () => {
  it('is listed and called, reports progress, and is told of a cancelled call [L-SSE-01]', async () => {
    const upstream = await connect({ ...remote(await reference('sse')), type: 'sse' }).opening;
    expect((await listAll(upstream)).tools.length).toBeGreaterThan(20);
    const progress: unknown[] = [];
    const params = { name: 'test_tool_with_progress', arguments: {} };
    await upstream.call('tools/call', params, {
      ...patient,
      onProgress: (each) => void progress.push(each.progress),
    }).answer;
    expect(progress).toEqual([0, 50, 100]);
    const waiting = callTool(upstream, 'wait', {});
    const counts = async () => JSON.parse(await textOf(callTool(upstream, 'cancellations', {})));
    await until('the call to run', async () => (await counts()).waiting === 1);
    waiting.cancel('enough');
    await expect(waiting.answer).rejects.toMatchObject({ code: 'CANCELLED' });
    await until('the cancellation', async () => (await counts()).cancelled === 1);
  });

  it('is found behind a URL that was given as streamable HTTP', async () => {
    const upstream = await connect(remote(await reference('sse'))).opening;
    expect(upstream.handshake.serverInfo.name).toBe('reference-legacy');
    const texts = await Promise.all(
      Array.from({ length: 50 }, (_, index) => textOf(callTool(upstream, 'echo', { index }))),
    );
    expect(texts.map((text) => JSON.parse(text).arguments.index)).toEqual(texts.map((_, index) => index));
  });

  it('whose stream ends is gone', async () => {
    const { url, stop } = await startReference('legacy', 'sse');
    const opened = connect({ ...remote(url), type: 'sse' });
    const upstream = await opened.opening;
    const waiting = callTool(upstream, 'wait', {});
    waiting.answer.catch(() => undefined);
    await stop();
    await expect(waiting.answer).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(await opened.closed).toMatchObject({ reason: 'cut' });
  });

  it.each([
    ['an address on another origin', 'event: endpoint\ndata: http://127.0.0.2:1/x\n\n', 'another origin'],
    ['an address that is none', 'event: endpoint\ndata: http://[\n\n', 'cannot be read'],
    ['an end before the address', '', 'ended its event stream'],
  ])('with %s cannot be used', async (_name, stream, message) => {
    const url = await improvised((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      if (stream) response.write(stream);
      else response.end();
    });
    await expect(connect({ ...remote(url), type: 'sse' }).opening).rejects.toMatchObject({
      message: expect.stringContaining(message),
    });
  });
});

describe('server-everything', () => {
  it.each(['streamableHttp', 'sse'])('over %s lists and answers', async (mode) => {
    const port = await freePort();
    const { stop } = await startProgram(
      join(repository, 'node_modules/.bin/mcp-server-everything'),
      [mode],
      { PORT: String(port) },
      /(on port)/i,
    );
    cleanups.push(stop);
    const url = `http://127.0.0.1:${port}/${mode === 'sse' ? 'sse' : 'mcp'}`;
    const upstream = await connect(remote(url)).opening;
    // It lists some tools only to clients that can be asked.
    expect((await listAll(upstream)).tools.length).toBeGreaterThan(mode === 'sse' ? 12 : 14);
    const client = clientOf({}, never);
    expect(await textOf(callTool(upstream, 'echo', { message: 'hi' }, client))).toContain('hi');
  });
});

interface Heard {
  method: string;
  headers: IncomingMessage['headers'];
  body: { method?: string; params?: unknown; id?: unknown } | undefined;
}

/** A proxy that tells each request to a test, and refuses with 404 those that it wants to be refused. */
async function spying(
  target: string,
  heard: (body: Heard['body'], headers: Heard['headers']) => void,
  refuses: (request: Heard) => boolean = () => false,
): Promise<string> {
  return improvised(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    const body = bytes.length > 0 ? JSON.parse(bytes.toString()) : undefined;
    heard(body, request.headers);
    if (refuses({ method: request.method ?? '', headers: request.headers, body })) {
      response.writeHead(404).end();
      return;
    }
    const headers = Object.fromEntries(
      Object.entries(request.headers).filter(([name]) => !['host', 'connection', 'content-length'].includes(name)),
    ) as Record<string, string>;
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    try {
      const answer = await fetch(target, {
        method: request.method ?? 'GET',
        headers,
        signal: gone.signal,
        ...(bytes.length > 0 && { body: bytes }),
      });
      response.writeHead(answer.status, Object.fromEntries(answer.headers));
      response.flushHeaders();
      for await (const chunk of answer.body ?? []) response.write(chunk);
      response.end();
    } catch {
      response.destroy();
    }
  });
}

async function improvised(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
