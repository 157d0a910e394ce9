// The front door with a real gateway behind it, a stand-in for the web program, and raw sockets in front.
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMetrics } from '../../lib/telemetry/metrics';
import { trustedProxies } from '../../lib/trusted-proxies';
import { createDoor, type Door, type DoorDeps, type Failing } from '../../worker/door';
import { createProtectedResource } from '../../worker/gateway';
import { createOriginRules } from '../../worker/origin';
import { keyActor, rpc, startGateway, type TestGateway } from '../support/gateway';
import { until } from '../support/until';

let hub: TestGateway;
let web: Server;
let door: Door;
let port: number;
let webPort: number;
let failing: Failing[] = [];
const seen: IncomingMessage[] = [];
const upgrades: string[] = [];

function make(changes: Partial<DoorDeps> = {}): Door {
  return createDoor({
    gateway: hub.gateway,
    protectedResource: createProtectedResource('http://hub.example:3000', 'http://hub.example:3000'),
    live: {
      handleRequest: (_, response) => void response.writeHead(400).end('live'),
      handleUpgrade: (request, socket) => {
        upgrades.push(request.url ?? '');
        socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\n');
      },
    },
    oauth: { owns: (path) => path === '/oauth/token', handle: (_, response) => void response.end('oauth') },
    failing: () => [...failing],
    metrics: createMetrics('1', { defaults: false }),
    resolveActor: (token) => (token === 'key-a' ? keyActor('a') : null),
    origins: createOriginRules('127.0.0.1', 'http://hub.example:3000'),
    host: '127.0.0.1',
    port: 0,
    basePath: '',
    proxies: [],
    publicProtocol: 'http',
    log: pino({ level: 'silent' }),
    timeouts: { headersMs: 300, requestMs: 500, checkEveryMs: 50 },
    ...changes,
  });
}

beforeAll(async () => {
  hub = await startGateway();
  web = createServer((request, response) => {
    seen.push(request);
    if (request.url === '/slow') {
      response.write('first');
      request.on('close', () => undefined);
      return;
    }
    if (request.url === '/late') return void request.resume();
    if (request.url === '/cut') {
      response.writeHead(200, { 'content-length': '100' });
      response.write('part');
      setImmediate(() => response.destroy());
      return;
    }
    if (request.url === '/full') {
      // Answered before the body is read, which then is read by nobody.
      request.pause();
      return void response.writeHead(413).end('too large');
    }
    if (request.method === 'POST') return void request.pipe(response);
    response.setHeader('set-cookie', ['a=1', 'b=2']);
    response.setHeader('x-own', 'kept');
    response.end(`page ${request.url}`);
  });
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  webPort = (web.address() as AddressInfo).port;
  door = make();
  port = await door.listen();
  door.setWebPort(webPort);
});

afterAll(async () => {
  await door.close();
  web.closeAllConnections();
  await new Promise((resolve) => web.close(resolve));
  await hub.close();
});

const at = (path: string) => `http://127.0.0.1:${port}${path}`;

/** Sends bytes and returns what comes until the connection closes. */
function raw(text: string, to = port): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = '';
    const socket = connect(to, '127.0.0.1', () => socket.write(text));
    socket.on('data', (chunk) => {
      received += chunk;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(received));
  });
}

const get = (path: string, headers = '') =>
  raw(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}Connection: close\r\n\r\n`);

it('a body that was refused before it was read holds up no later request on its connection', async () => {
  const body = 'x'.repeat(12 * 1024 * 1024);
  const first = `POST /full HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const received = await raw(`${first}GET /next HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
  expect(received).toContain('413');
  expect(received).toContain('page /next');
  // And none that web gets from somebody else.
  for (let count = 0; count < 5; count++) expect(await get('/other')).toContain('page /other');
});

describe('the metadata of the protected resource', () => {
  const base = 'http://hub.example:3000';
  const ask = (path: string, init?: RequestInit) =>
    fetch(`http://127.0.0.1:${port}/.well-known/oauth-protected-resource${path}`, init);

  it.each([
    ['', '/api/mcp'],
    ['/api/mcp', '/api/mcp'],
    ['/api/mcp/Nowhere', '/api/mcp/Nowhere'],
    ['/api/mcp/one/sse', '/api/mcp/one/sse'],
  ])('is told to anybody at %s, for what exists and what does not [N-AUTH-01]', async (path, subject) => {
    const response = await ask(path);
    expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([200, null]);
    expect(await response.json()).toEqual({
      resource: base + subject,
      authorization_servers: [base],
      scopes_supported: ['mcp:read', 'mcp:call'],
      bearer_methods_supported: ['header'],
      resource_name: 'MCPHub',
    });
  });

  it('is not told of other paths, to pages of other origins, or by other methods', async () => {
    for (const path of ['/api/v1/servers', '/api/mcp/a/b', '/', '/api/mcp/%61'])
      expect((await ask(path)).status).toBe(404);
    expect((await ask('', { headers: { origin: 'https://evil.example' } })).status).toBe(403);
    expect((await ask('', { method: 'POST' })).status).toBe(405);
  });

  it('stands under the path of the public URL, whether the proxy takes it away or not', async () => {
    const inner = make({
      protectedResource: createProtectedResource('https://hub.example/tools', 'https://hub.example/tools'),
    });
    const innerPort = await inner.listen();
    for (const path of ['', '/tools', '/api/mcp', '/tools/api/mcp']) {
      const response = await fetch(`http://127.0.0.1:${innerPort}/.well-known/oauth-protected-resource${path}`);
      expect(await response.json()).toMatchObject({
        resource: 'https://hub.example/tools/api/mcp',
        authorization_servers: ['https://hub.example/tools'],
      });
    }
    await inner.close();
  });
});

describe('routes', () => {
  it('MCP goes to the gateway, everything else to the web program', async () => {
    const headers = { authorization: 'Bearer key-a', 'content-type': 'application/json' };
    const mcp = await fetch(at('/api/mcp'), { method: 'POST', headers, body: JSON.stringify(rpc('ping')) });
    expect([mcp.status, (await mcp.json()).error.code]).toEqual([400, -32600]);
    expect(await (await fetch(at('/servers/x?y=1%2F2'))).text()).toBe('page /servers/x?y=1%2F2');
    expect(await (await fetch(at('/api/mcpx'))).text()).toBe('page /api/mcpx');
    expect((await fetch(at('/socket.io/?EIO=4'))).status).toBe(400);
  });

  it.each([
    '//api/mcp',
    '/api/mcp/../x',
    '/a/%2e%2e/b',
    '/api%2fmcp',
    '/api\\mcp',
    '/./x',
    '/x//y',
    'http://localhost/x',
  ])('the ambiguous path %s → 404, and nobody behind the door sees it', async (path) => {
    const before = seen.length;
    expect(await get(path, 'Authorization: Bearer key-a\r\n')).toMatch(/^HTTP\/1\.1 404 /);
    expect(seen.length).toBe(before);
  });

  it('a WebSocket below /_next reaches the web program and is joined to it byte for byte', async () => {
    web.once('upgrade', (request, socket) => {
      expect(request.headers['x-forwarded-host']).toBe('localhost');
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello ');
      socket.once('data', (sent: Buffer) => socket.end(`you said ${sent}`));
    });
    const socket = connect(port, '127.0.0.1').setEncoding('utf8');
    socket.write('GET /_next/hmr HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
    let got = '';
    socket.on('data', (text: string) => {
      got += text;
      if (text.includes('hello')) socket.write('hi');
    });
    await new Promise((resolve) => socket.once('close', resolve));
    expect(got).toMatch(/ 101 [\s\S]*hello you said hi$/);
  });

  it('nothing else may be upgraded, and not from a foreign page', async () => {
    const upgrade = 'Upgrade: websocket\r\nConnection: Upgrade\r\n';
    const ask = (path: string, extra = '') => raw(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n${upgrade}${extra}\r\n`);
    expect(await ask('/socket.io/?EIO=4')).toMatch(/ 101 /);
    expect(await ask('/socket.io/?EIO=4', 'Origin: http://evil.example\r\n')).toMatch(/ 403 /);
    expect(await ask('/api/mcp')).toMatch(/ 404 /);
    expect(upgrades).toEqual(['/socket.io/?EIO=4']);
  });

  const everywhere = [
    '/',
    '/servers',
    '/_next/static/x.js',
    '/api/v1/servers',
    '/api/v1/servers/x/start',
    '/api/auth/session',
    '/api/nothing',
    '/api/mcp',
    '/api/mcp/group',
    '/api/mcp/sse',
    '/socket.io/?EIO=4',
    '/metrics',
    '/healthz',
    '/readyz',
  ];

  it.each(everywhere)(
    '%s: a name that was pointed here, and a page of another site, are refused [T-REBIND-01, T-REBIND-02]',
    async (path) => {
      const before = seen.length;
      const ask = (method: string, host: string, origin = '') =>
        raw(
          `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n${origin && `Origin: ${origin}\r\n`}` +
            'Authorization: Bearer key-a\r\nConnection: close\r\n\r\n',
        );
      for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS']) {
        for (const [host, origin] of [
          ['evil.example', ''],
          [`evil.example:${port}`, `http://evil.example:${port}`],
          ['localhost.evil.example', ''],
          ['', ''],
          ['localhost', 'http://evil.example'],
          ['localhost', 'null'],
          ['localhost', 'http://localhost:9'],
        ] as const) {
          const answer = await ask(method, host, origin);
          expect(answer, `${method} ${host} ${origin}`).toMatch(/^HTTP\/1\.1 403 /);
          // People behind a proxy of their own find out what to do.
          expect(answer).toContain('MCPHUB_ALLOWED_HOSTS');
          expect(answer.toLowerCase()).not.toContain('access-control-allow');
        }
      }
      expect(seen.length, 'nobody behind the door hears of it').toBe(before);
    },
  );

  it('a socket is refused in the same way, with the reason [T-REBIND-01, T-REBIND-02]', async () => {
    const before = upgrades.length;
    for (const path of ['/socket.io/?EIO=4', '/_next/hmr']) {
      for (const lines of ['Host: evil.example\r\n', 'Host: localhost\r\nOrigin: http://evil.example\r\n']) {
        const answer = await raw(`GET ${path} HTTP/1.1\r\n${lines}Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n`);
        expect(answer).toMatch(/^HTTP\/1\.1 403 /);
        expect(answer).toContain('MCPHUB_ALLOWED_HOSTS');
      }
    }
    expect(upgrades.length).toBe(before);
  });

  it('the own pages and clients without an Origin are served; probes may name an address', async () => {
    const post = (origin: string) => fetch(at('/api/v1/servers'), { method: 'POST', headers: { origin }, body: 'x' });
    expect((await post(`http://127.0.0.1:${port}`)).status).toBe(200);
    expect((await post('http://hub.example:3000')).status).toBe(200);
    const probe = (path: string) => raw(`GET ${path} HTTP/1.1\r\nHost: 10.1.2.3:3000\r\nConnection: close\r\n\r\n`);
    expect(await probe('/healthz')).toMatch(/ 200 /);
    expect(await probe('/readyz')).toMatch(/ 200 /);
    for (const path of ['/', '/metrics', '/api/mcp', '/api/v1/servers']) expect(await probe(path)).toMatch(/ 403 /);
  });

  it('hosts that the settings name are served', async () => {
    const other = make({ origins: createOriginRules('127.0.0.1', 'http://hub.example:3000', 'hub.lan') });
    const otherPort = await other.listen();
    other.setWebPort(webPort);
    const lines = 'Host: hub.lan:3000\r\nOrigin: http://hub.lan:3000\r\nConnection: close';
    expect(await raw(`GET /x HTTP/1.1\r\n${lines}\r\n\r\n`, otherPort)).toMatch(/ 200 [\s\S]*page \/x/);
    await other.close();
  });
});

describe('below a path of the public URL', () => {
  it.each([
    ['/some/path', false],
    ['/tools', true],
  ])(
    '%s: the proxy may take it away or pass it on, unless it begins like a page (%s)',
    async (basePath, isAmbiguous) => {
      const below = make({ basePath });
      const to = await below.listen();
      below.setWebPort(webPort);
      const bodyOf = async (path: string) => {
        const answer = await raw(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`, to);
        return answer.slice(answer.indexOf('\r\n\r\n') + 4);
      };
      try {
        expect(await bodyOf('/servers?x=1')).toContain(`page ${basePath}/servers?x=1`);
        expect(await bodyOf('/')).toContain(`page ${basePath}`);
        expect(await bodyOf('/oauth/token')).toContain('oauth');
        expect(await bodyOf(`${basePath}/_next/x.js`)).toContain(
          isAmbiguous ? 'page /tools/tools/_next/x.js' : 'page /some/path/_next/x.js',
        );
        expect(await bodyOf(`${basePath}?x=1`)).toContain(
          isAmbiguous ? 'page /tools/tools?x=1' : 'page /some/path?x=1',
        );
        if (isAmbiguous) return;
        expect(await bodyOf(`${basePath}s`)).toContain('page /some/path/some/paths');
        expect(await bodyOf(`${basePath}/oauth/token`)).toContain('oauth');
        expect(await bodyOf(`${basePath}/healthz`)).toContain('"ok"');
        expect(await bodyOf(`${basePath}/api/mcp`)).toContain('"jsonrpc"');
        expect(await bodyOf(`${basePath}//evil`)).not.toContain('page');
        expect(
          await raw(
            `GET ${basePath}/socket.io/ HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n`,
            to,
          ),
        ).toContain('101');
      } finally {
        await below.close();
      }
    },
  );
});

it('the caller behind a trusted proxy is known to all parts by one address; others cannot pretend to be one', async () => {
  const asked: (string | undefined)[] = [];
  const resolveActor = (_token: string, address?: string) => {
    asked.push(address);
    return null;
  };
  const headers = 'X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 198.51.100.7:99\r\nAuthorization: Bearer key\r\n';
  for (const [trusted, address] of [
    ['127.0.0.1', '198.51.100.7'],
    ['10.0.0.0/8', '127.0.0.1'],
  ] as const) {
    const behind = make({ proxies: trustedProxies(trusted), resolveActor });
    const to = await behind.listen();
    behind.setWebPort(webPort);
    try {
      for (const path of ['/servers', '/metrics'])
        await raw(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}Connection: close\r\n\r\n`, to);
      expect([seen.at(-1)?.headers['x-forwarded-for'], asked.at(-1)]).toEqual([address, address]);
    } finally {
      await behind.close();
    }
  }
});

describe('the headers of its own answers', () => {
  const guards =
    /x-content-type-options: nosniff[\s\S]*content-security-policy: default-src 'none'; frame-ancestors 'none'/i;

  it('keep browsers from loading, framing and guessing, and what web says goes first [T-XSS-02]', async () => {
    web.prependOnceListener('request', (_request, response) =>
      response.setHeader('content-security-policy', "script-src 'self'"),
    );
    const page = await get('/page');
    expect(page.match(/content-security-policy: .*/gi)).toEqual(["content-security-policy: script-src 'self'"]);
    for (const path of ['/healthz', '/readyz', '/metrics', '//x', '/%zz', '/socket.io/']) {
      expect(await get(path), path).toMatch(guards);
    }
    door.setWebPort(null);
    const down = await get('/', 'Accept: text/html\r\n');
    door.setWebPort(webPort);
    expect(down).toMatch(/^HTTP\/1\.1 503 /);
    expect(down).toMatch(guards);
    expect(down).not.toMatch(/strict-transport-security/i);
  });

  it('tell browsers to stay with https only where the hub is reached by it', async () => {
    const other = make({ publicProtocol: 'https' });
    const otherPort = await other.listen();
    const ask = (path: string) =>
      raw(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`, otherPort);
    expect(await ask('/healthz')).toMatch(/strict-transport-security: max-age=31536000/i);
    expect(await ask('/')).toMatch(/^HTTP\/1\.1 503 [\s\S]*strict-transport-security/i);
    await other.close();
  });

  it('are not on answers of MCP, whose clients are programs', async () => {
    expect(await get('/api/mcp')).not.toMatch(/content-security-policy|x-frame-options|permissions-policy/i);
  });
});

describe('the way to the web program', () => {
  it('streams both ways and keeps headers, but none by which a client could pretend [T-IDENT-01, T-NEXT-01]', async () => {
    const body = 'x'.repeat(300_000);
    const response = await fetch(at('/form'), {
      method: 'POST',
      body,
      headers: {
        'x-mcphub-actor': 'admin',
        'x-forwarded-for': '1.2.3.4',
        'x-forwarded-host': 'evil',
        'x-middleware-subrequest': 'middleware',
        'x-real-ip': '1.2.3.4',
        'x-kept': 'yes',
      },
    });
    expect(await response.text()).toBe(body);
    expect(seen.at(-1)?.headers).toMatchObject({
      host: `127.0.0.1:${port}`,
      'x-kept': 'yes',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-host': `127.0.0.1:${port}`,
      'x-forwarded-proto': 'http',
    });
    for (const name of ['x-mcphub-actor', 'x-middleware-subrequest', 'x-real-ip']) {
      expect(seen.at(-1)?.headers[name]).toBeUndefined();
    }
    const page = await fetch(at('/page'));
    expect([page.headers.getSetCookie(), page.headers.get('x-own')]).toEqual([['a=1', 'b=2'], 'kept']);
  });

  it('drops headers that the Connection header names', async () => {
    await get('/named', 'X-Hop: 1\r\nConnection: x-hop\r\n');
    expect(seen.at(-1)?.headers['x-hop']).toBeUndefined();
  });

  it('an answer that is cut is cut for the client too, and a client that leaves ends the request', async () => {
    await expect(fetch(at('/cut')).then((response) => response.text())).rejects.toThrow();
    const gone = new AbortController();
    const slow = await fetch(at('/slow'), { signal: gone.signal });
    const request = seen.at(-1);
    gone.abort();
    await slow.text().catch(() => undefined);
    await until(() => request?.destroyed === true, 3000);
  });

  it('while web is down: 503 with Retry-After, and MCP goes on', async () => {
    door.setWebPort(null);
    const page = await fetch(at('/'), { headers: { accept: 'text/html' } });
    expect([page.status, page.headers.get('retry-after'), page.headers.get('content-type')]).toEqual([
      503,
      '2',
      'text/html; charset=utf-8',
    ]);
    expect((await (await fetch(at('/api/v1/me'))).json()).code).toBe('UNAVAILABLE');
    expect((await fetch(at('/api/mcp'), { method: 'POST' })).status).toBe(401);
    door.setWebPort(1);
    expect((await fetch(at('/'))).status).toBe(503);
    door.setWebPort(webPort);
    expect((await fetch(at('/'))).status).toBe(200);
  });
});

describe('probes, metrics and limits', () => {
  it('/healthz is always 200; /readyz tells what is missing', async () => {
    expect(await (await fetch(at('/healthz'))).json()).toEqual({ status: 'ok' });
    expect((await fetch(at('/readyz'))).status).toBe(200);
    failing = [{ check: 'database', since: '2026-01-01T00:00:00Z', detail: 'connection refused' }];
    const response = await fetch(at('/readyz'));
    expect([response.status, (await response.json()).failing]).toEqual([503, failing]);
    expect((await fetch(at('/healthz'))).status).toBe(200);
    failing = [];
  });

  it('/metrics counts by route template, and asks others than this machine for a key', async () => {
    await (await fetch(at('/servers/some-name'))).text();
    const text = await (await fetch(at('/metrics'))).text();
    expect(text).toMatch(/mcphub_requests_total\{method="GET",route="page",status="200"\} \d/);
    expect(text).toMatch(/mcphub_requests_total\{method="POST",route="\/api\/mcp",status="400"\} 1/);
    expect(text).toMatch(/mcphub_response_time_seconds_count\{route="\/api\/mcp"\} \d/);
    expect(text).not.toContain('some-name');
    const proxied = { 'x-forwarded-for': '203.0.113.1' };
    expect((await fetch(at('/metrics'), { headers: proxied })).status).toBe(401);
    const withKey = { ...proxied, authorization: 'Bearer key-a' };
    expect((await fetch(at('/metrics'), { headers: withKey })).status).toBe(200);
  });

  it('slow headers and slow bodies → 408; too large headers → 431; no HTTP → 400', async () => {
    expect(await raw('GET / HTTP/1.1\r\nHost: loc')).toMatch(/^HTTP\/1\.1 408 /);
    expect(await raw('POST /late HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc')).toMatch(
      /^HTTP\/1\.1 408 /,
    );
    // An answer that has begun must not get another one into its middle.
    const begun = await raw('POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc');
    expect(begun).toMatch(/^HTTP\/1\.1 200 /);
    expect(begun).not.toContain('408');
    expect(await get('/', `X-Big: ${'x'.repeat(17_000)}\r\n`)).toMatch(/^HTTP\/1\.1 431 /);
    expect(await get(`/${'x'.repeat(9000)}`)).toMatch(/^HTTP\/1\.1 414 /);
    expect(await raw('HELLO\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
    expect((await fetch(at('/healthz'))).status).toBe(200);
  });

  it('a busy port is named', async () => {
    const second = make({ port });
    await expect(second.listen()).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining(`Port ${port}`),
      extras: { reason: 'port-in-use' },
    });
    await second.close();
  });

  it('a connection on which nothing was sent does not delay the end', async () => {
    const other = make();
    const socket = connect(await other.listen(), '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    await other.close(60_000);
    await closed;
  }, 10_000);

  it('closing ends what is open and frees the port; closing twice is one', async () => {
    const other = make();
    const otherPort = await other.listen();
    const kept = await fetch(`http://127.0.0.1:${otherPort}/healthz`);
    await kept.text();
    await Promise.all([other.close(10_000), other.close(10_000)]);
    const again = make({ port: otherPort });
    expect(await again.listen()).toBe(otherPort);
    await again.close();
  });
});
