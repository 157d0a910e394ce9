import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createEgress, listAll, type Upstream } from '../../../../worker/upstream';
import { fairNow } from '../../../support/fair-clock';
import {
  type Opened,
  open,
  remote,
  repository,
  startHttpFixture,
  startProgram,
  until,
} from '../../../support/upstreams';

let fixture: Awaited<ReturnType<typeof startHttpFixture>>;
const opened: Opened[] = [];
const patient = { timeoutMs: 10_000 };

const attemptTo = (path: string, headers?: Record<string, string>): Opened => {
  const attempt = open(remote(`${fixture.url}${path}`, headers));
  opened.push(attempt);
  return attempt;
};
const connect = (path: string, headers?: Record<string, string>) => attemptTo(path, headers).opening;
const call = (upstream: Upstream, name: string, args: Record<string, unknown> = {}, options = patient) =>
  upstream.call('tools/call', { name, arguments: args }, options).answer;
const echoed = async (upstream: Upstream, text: string) =>
  ((await call(upstream, 'echo', { text })).value as { content: [{ text: string }] }).content[0].text;
const control = async (path: string) => (await fetch(`${fixture.url}/control/${path}`)).json();

interface Seen {
  verb: string;
  path: string;
  method?: string;
  headers: Record<string, string>;
}
const seen = async (path: string): Promise<Seen[]> =>
  (await control('seen')).filter((each: Seen) => each.path === path);

beforeAll(async () => {
  fixture = await startHttpFixture();
});
afterEach(async () => {
  await Promise.allSettled(opened.splice(0).map(async ({ opening }) => (await opening).close()));
});
afterAll(() => fixture.stop());

describe('a streamable HTTP server', () => {
  for (const path of ['/mcp', '/sse', '/gzip', '/redirect', '/sessionless']) {
    it(`is listed and called at ${path}, with the exact bytes of its answers [L-HTTP-20]`, async () => {
      const upstream = await connect(path);
      expect((await listAll(upstream)).tools).toHaveLength(3);
      const answer = await call(upstream, 'echo', { text: 'hällo' });
      expect(answer.raw?.toString()).toBe('{"content":[{"type":"text","text":"hällo"}]}');
    });
  }

  it('gets many calls at once and each caller its own answer', async () => {
    const upstream = await connect('/sse');
    const texts = Array.from({ length: 200 }, (_, index) => `text ${index}`);
    expect(await Promise.all(texts.map((text) => echoed(upstream, text)))).toEqual(texts);
  });

  it('reports progress on the stream of its call', async () => {
    const upstream = await connect('/sse');
    const progress: unknown[] = [];
    await call(upstream, 'progress', {}, {
      ...patient,
      onProgress: (params: Record<string, unknown>) => progress.push(params.progress),
    } as typeof patient);
    expect(progress).toEqual([1, 2, 3]);
  });

  it('sees session, version and own headers on later requests, and a DELETE at the end [L-HTTP-19, L-HTTP-21, L-HTTP-23, L-HTTP-24]', async () => {
    const upstream = await connect('/redirect', { 'X-Own': 'value', Host: 'evil.example' });
    await echoed(upstream, 'x');
    await upstream.close();
    const requests = await seen('/mcp');
    const last = requests.filter(({ headers }) => headers['x-own'] === 'value');
    expect(last.find(({ method }) => method === 'initialize')?.headers).not.toHaveProperty('mcp-session-id');
    expect(last.find(({ method }) => method === 'tools/call')?.headers).toMatchObject({
      'mcp-protocol-version': '2025-11-25',
      'mcp-session-id': expect.any(String),
      accept: 'application/json, text/event-stream',
      host: new URL(fixture.url).host,
    });
    expect(last.at(-1)).toMatchObject({ verb: 'DELETE' });
  });

  it('hands messages outside calls over its own stream', async () => {
    const attempt = attemptTo('/mcp');
    await attempt.opening;
    await until('the stream', async () => (await control('streams')).streams > 0);
    await control('notify');
    await until('the notification', () => attempt.notes.includes('notifications/tools/list_changed'));
  });

  for (const path of ['/mcp', '/strange-400']) {
    it(`that forgot our session is given a new handshake and every refused call again (${path}) [L-HTTP-22, F-HTTP-02]`, async () => {
      const upstream = await connect(path);
      await control('drop-sessions');
      const before = (await seen(path)).length;
      expect(await Promise.all(['a', 'b', 'c', 'd'].map((text) => echoed(upstream, text)))).toEqual([
        'a',
        'b',
        'c',
        'd',
      ]);
      const initialised = (await seen(path)).slice(before).filter(({ method }) => method === 'initialize');
      expect(initialised).toHaveLength(1);
    });
  }

  it('that ends a stream early but gave an event id is asked for the rest [L-HTTP-25]', async () => {
    expect(await echoed(await connect('/resume'), 'resumed')).toBe('resumed');
  });

  it('is told of a cancelled call', async () => {
    const upstream = await connect('/mcp');
    const slow = upstream.call('tools/call', { name: 'sleep', arguments: { ms: 5_000 } }, patient);
    slow.cancel('enough');
    await expect(slow.answer).rejects.toMatchObject({ code: 'CANCELLED' });
    await until('the notification', async () =>
      (await seen('/mcp')).some(({ method }) => method === 'notifications/cancelled'),
    );
  });

  it('that stays silent in a call fails that call in time [F-HTTP-03]', async () => {
    const upstream = await connect('/mcp');
    const begun = fairNow();
    await expect(call(upstream, 'sleep', { ms: 5_000 }, { timeoutMs: 200 })).rejects.toMatchObject({
      code: 'UPSTREAM_TIMEOUT',
    });
    expect(fairNow() - begun).toBeLessThan(1_000);
    expect(await echoed(upstream, 'after')).toBe('after');
  });
});

describe('a bad answer fails its call and nothing else', () => {
  for (const path of ['/huge', '/bomb']) {
    it(`over the limit after decompression (${path}) [F-HTTP-04]`, async () => {
      const upstream = await connect(path);
      const before = process.memoryUsage.rss();
      await expect(call(upstream, 'echo')).rejects.toMatchObject({
        code: 'UPSTREAM_BAD_ANSWER',
        message: expect.stringContaining('16 MiB'),
      });
      expect((process.memoryUsage.rss() - before) / 1024 / 1024).toBeLessThan(16 + 50);
      await upstream.call('ping', undefined, patient).answer;
    });
  }

  it('cut off: within 2 s [F-HTTP-03]', async () => {
    const upstream = await connect('/cut');
    const begun = fairNow();
    await expect(call(upstream, 'echo')).rejects.toMatchObject({ code: 'INTERRUPTED', extras: { reason: 'cut' } });
    expect(fairNow() - begun).toBeLessThan(2_000);
    await upstream.call('ping', undefined, patient).answer;
  });
});

describe('a server that cannot be used says why', () => {
  for (const [path, message, code] of [
    ['/auth', 'sign-in', 'UPSTREAM_NEEDS_AUTH'],
    ['/html', 'text/html instead of MCP', 'UPSTREAM_UNAVAILABLE'],
    ['/status/503', 'HTTP status 503', 'UPSTREAM_UNAVAILABLE'],
    ['/status/404', 'HTTP status 404', 'UPSTREAM_UNAVAILABLE'],
    ['/redirect-away', 'redirects to http://localhost', 'UPSTREAM_UNAVAILABLE'],
    ['/redirect-loop', '5 redirects', 'UPSTREAM_UNAVAILABLE'],
  ] as const) {
    it(path, async () => {
      const error = await connect(path).catch((thrown: Error) => thrown);
      expect(error).toMatchObject({ code, message: expect.stringContaining(message) });
      expect(String(error)).not.toContain('secret');
    });
  }

  it('and with the right credential it can', async () => {
    expect(await echoed(await connect('/auth', { Authorization: 'Bearer let-me-in' }), 'in')).toBe('in');
  });

  it('a refused name is never connected to, even when it resolves to a good address [F-HTTP-05]', async () => {
    const target = createServer((_request, response) => response.end('{}')).listen(0, '127.0.0.1');
    await new Promise((resolve) => target.once('listening', resolve));
    let connections = 0;
    target.on('connection', () => {
      connections += 1;
    });
    const url = `http://localhost:${(target.address() as AddressInfo).port}/`;
    const { opening } = open(remote(url), { egress: createEgress('public-only') });
    await expect(opening).rejects.toMatchObject({ message: expect.stringContaining('address not allowed') });
    expect(connections).toBe(0);
    await new Promise((resolve) => target.close(resolve));
  });

  it('a server that accepts and stays silent fails by the time-out', async () => {
    const target = createTcpServer((socket) => socket.resume()).listen(0, '127.0.0.1');
    await new Promise((resolve) => target.once('listening', resolve));
    const url = `http://127.0.0.1:${(target.address() as AddressInfo).port}/`;
    await expect(open(remote(url), { handshakeTimeoutMs: 300 }).opening).rejects.toMatchObject({
      message: expect.stringContaining('did not answer "initialize"'),
    });
    await new Promise((resolve) => target.close(resolve));
  });
});

describe('server-everything over streamable HTTP', () => {
  it('lists its tools, answers a call, and goes on after a restart of the server', async () => {
    const port = await freePort();
    const start = () =>
      startProgram(
        join(repository, 'node_modules/.bin/mcp-server-everything'),
        ['streamableHttp'],
        { PORT: String(port) },
        /(listening on port)/i,
      );
    const first = await start();
    const attempt = open(remote(`http://127.0.0.1:${port}/mcp`));
    opened.push(attempt);
    const upstream = await attempt.opening;
    expect((await listAll(upstream)).tools.length).toBeGreaterThan(5);
    const answer = await call(upstream, 'echo', { message: 'hi' });
    expect(JSON.stringify(answer.value)).toContain('hi');
    await first.stop();
    const second = await start();
    expect(JSON.stringify((await call(upstream, 'echo', { message: 'again' })).value)).toContain('again');
    await upstream.close();
    await second.stop();
  });
});

async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
