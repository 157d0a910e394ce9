// REST, keys and bad input at the door of a whole hub: what a client meets, whatever part answers it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { io } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from '../../../scripts/prepare.mjs';
import { fairNow } from '../../support/fair-clock';
import { type Hub, startHub, treeOf } from '../../support/hub';
import { type Answer, mcpHeaders, openSession, read, rest, sendBytes, statuses } from '../../support/hub-client';
import { until } from '../../support/until';
import { linesTo, speak, workersOf } from '../../support/workers';

const program = join(root, 'tests/support/servers/stdio.mjs');
const secretInFile = 'planted-secret-of-the-file-1';
const secretOfServer = 'planted-secret-of-a-server-2';
const secretOfHeader = 'planted-secret-of-a-header-3';
const secretInArguments = 'planted-secret-in-arguments-4';

let hub: Hub;
/** Every answer that REST, pages and probes gave, for the search for secrets at the end. */
const answered: string[] = [];

const ask = async (method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer> => {
  const answer = await rest(hub, method, path, body, headers);
  answered.push(answer.text);
  return answer;
};

/** Any path of the hub, without a key. */
async function visit(path: string, init: RequestInit = {}): Promise<Answer> {
  const answer = await read(await fetch(hub.url + path, { redirect: 'manual', ...init }));
  answered.push(answer.text);
  return answer;
}

const stdio = (name: string, more: object = {}) => ({
  name,
  type: 'stdio',
  command: process.execPath,
  args: [program],
  ...more,
});

async function isReady(name: string): Promise<void> {
  await until(async () => (await statuses(hub))[name]?.state === 'ready', 10_000, hub.logs);
}

function expectProblem(answer: Answer, status: number, code: string): void {
  expect([answer.status, answer.json?.code, answer.text]).toEqual([status, code, expect.any(String)]);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(answer.json).toMatchObject({ status, title: expect.any(String), requestId: expect.any(String) });
}

beforeAll(async () => {
  hub = await startHub({
    web: true,
    env: { MCPHUB_WORKERS: '2' },
    config: { mcpServers: { filed: { command: process.execPath, args: [program], env: { A_TOKEN: secretInFile } } } },
  });
  await isReady('filed');
}, 300_000);

afterAll(() => hub?.stop());

/** @returns the cookie */
async function signIn(who = hub.admin): Promise<string> {
  const csrf = await visit('/api/auth/csrf');
  const jar = csrf.headers.getSetCookie().map((each) => each.split(';')[0]);
  const signedIn = await visit('/api/auth/callback/credentials', {
    method: 'POST',
    headers: { origin: hub.url, cookie: jar.join('; '), 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ ...who, csrfToken: csrf.json.csrfToken, json: 'true' }),
  });
  return signedIn.headers
    .getSetCookie()
    .map((each) => each.split(';')[0])
    .join('; ');
}

describe('servers over REST', () => {
  it('are made, read, changed and removed, with versions', async () => {
    const made = await ask(
      'POST',
      '/servers',
      stdio('made', { env: { HOME_TEXT: '$${HOME}', PASSWORD: secretOfServer } }),
    );
    expect([made.status, made.headers.get('location'), made.headers.get('etag')]).toEqual([
      201,
      '/api/v1/servers/made',
      '"1"',
    ]);
    await isReady('made');
    expect((await ask('GET', '/servers/made')).json).toMatchObject({
      source: 'api',
      status: { state: 'ready' },
      env: { PASSWORD: expect.stringMatching(/^\*\*\*/) },
    });
    const patch = { description: 'changed' };
    expect((await ask('PATCH', '/servers/made', patch, { 'if-match': '"1"' })).json.description).toBe('changed');
    expectProblem(await ask('PATCH', '/servers/made', patch, { 'if-match': '"1"' }), 412, 'STALE_VERSION');
    expectProblem(await ask('DELETE', '/servers/made', undefined, { 'if-match': '"1"' }), 412, 'STALE_VERSION');
    expectProblem(await ask('POST', '/servers', stdio('made')), 409, 'CONFLICT');
    expectProblem(await ask('POST', '/servers', stdio('MADE')), 400, 'INVALID_INPUT');
    expectProblem(await ask('POST', '/groups', { name: 'made' }), 409, 'CONFLICT');
  });

  it('get no variable of the hub: ${HOME} is a secret of their own or plain text', async () => {
    const session = await openSession(hub, { endpoint: '/made' });
    const { json } = await session.call('env');
    expect(JSON.parse(json.result.content[0].text).HOME_TEXT).toBe('${HOME}');
  });

  it('stop, start and restart', async () => {
    expect((await ask('POST', '/servers/made/stop')).status).toBe(200);
    await until(async () => (await statuses(hub)).made?.state === 'stopped', 10_000, hub.logs);
    expect((await ask('POST', '/servers/made/start')).status).toBe(200);
    await isReady('made');
    const before = (await statuses(hub)).made?.instances[0]?.pid;
    expect((await ask('POST', '/servers/made/restart')).status).toBe(200);
    await until(
      async () => {
        const now = (await statuses(hub)).made;
        return now?.state === 'ready' && now.instances[0]?.pid !== before;
      },
      10_000,
      hub.logs,
    );
  });

  it('of the servers file are read-only and name the file', async () => {
    expect((await ask('GET', '/servers/filed')).json).toMatchObject({ source: 'file', sourceFile: hub.configFile });
    const answer = await ask('PATCH', '/servers/filed', { description: 'mine' });
    expectProblem(answer, 409, 'CONFLICT');
    expect(answer.json.detail).toContain(hub.configFile);
    expectProblem(await ask('DELETE', '/servers/filed'), 409, 'CONFLICT');
  });

  it('with a header for a remote one show it masked', async () => {
    const remote = {
      name: 'remote',
      type: 'streamable-http',
      url: 'http://127.0.0.1:9/mcp',
      headers: { 'X-Key': secretOfHeader },
    };
    expect((await ask('POST', '/servers', remote)).json.headers['X-Key']).toMatch(/^\*\*\*/);
    await until(async () => (await statuses(hub)).remote?.message != null, 10_000, hub.logs);
    expect((await ask('DELETE', '/servers/remote')).status).toBe(204);
    expectProblem(await ask('GET', '/servers/remote'), 404, 'NOT_FOUND');
    await until(async () => (await statuses(hub)).remote === undefined, 10_000);
  });
});

describe('keys', () => {
  it('work on MCP and REST at once, and after being revoked on neither', async () => {
    const { status, json } = await ask('POST', '/keys', { name: 'second' });
    expect(status).toBe(201);
    const { secret, key } = json;
    answered.pop(); // the one answer that shows the secret
    const session = await openSession(hub, { key: secret });
    const asSecond = { authorization: `Bearer ${secret}` };
    expect((await ask('GET', '/me', undefined, asSecond)).status).toBe(200);
    expect((await ask('DELETE', `/keys/${key.id}`)).status).toBe(204);
    expect((await session.request('ping')).status).toBe(401);
    expectProblem(await ask('GET', '/me', undefined, asSecond), 401, 'UNAUTHENTICATED');
    await expect(openSession(hub, { key: secret })).rejects.toThrow(/401/);
    const listed = (await ask('GET', '/keys')).text;
    expect(listed).toContain(key.prefix);
    expect(listed).not.toContain(secret);
  });

  it('that have expired are refused', async () => {
    const expiresAt = new Date(Date.now() + 3_000).toISOString();
    const { secret } = (await ask('POST', '/keys', { name: 'short', expiresAt })).json;
    answered.pop();
    const session = await openSession(hub, { key: secret });
    await until(async () => (await session.request('ping')).status === 401, 10_000);
    expectProblem(await ask('GET', '/me', undefined, { authorization: `Bearer ${secret}` }), 401, 'UNAUTHENTICATED');
  });

  it('with a scope see and call their tools only, and may not be widened through another key', async () => {
    const scope = { tools: ['made/echo'] };
    const { secret } = (await ask('POST', '/keys', { name: 'scoped', scope })).json;
    answered.pop();
    const session = await openSession(hub, { key: secret });
    expect(await session.tools()).toEqual(['made__echo']);
    expect((await session.call('made__echo', { text: 'mine' })).json.result.content[0].text).toBe('mine');
    for (const name of ['made__env', 'filed__echo', 'nobody__echo']) {
      expect((await session.call(name)).json.error.code).toBe(-32602);
    }
    const asScoped = { authorization: `Bearer ${secret}` };
    const tools = (await ask('GET', '/tools', undefined, asScoped)).json.data;
    expect(tools.map((tool: { exposedName: string }) => tool.exposedName)).toEqual(['made__echo']);
    const foreign = await ask('POST', '/tools/call', { server: 'filed', tool: 'env' }, asScoped);
    expect([foreign.status, foreign.json.error?.code].join()).toMatch(/^404,|^200,-32602/);
    expectProblem(await ask('POST', '/servers', stdio('evil'), asScoped), 403, 'FORBIDDEN');
    expectProblem(await ask('POST', '/keys', { name: 'wider' }, asScoped), 403, 'FORBIDDEN');
  });
});

describe('a browser session', () => {
  it('may write from pages of the hub and from nowhere else', async () => {
    const cookie = await signIn();
    expect(cookie).not.toBe('');
    const write = (headers: Record<string, string>) =>
      visit('/api/v1/groups', {
        method: 'POST',
        headers: { cookie, 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ name: 'by-cookie' }),
      });
    expect((await visit('/api/v1/me', { headers: { cookie } })).json).toMatchObject({ kind: 'user' });
    expectProblem(await write({}), 403, 'FORBIDDEN');
    expectProblem(await write({ origin: 'https://evil.example' }), 403, 'FORBIDDEN');
    expectProblem(await write({ 'sec-fetch-site': 'cross-site' }), 403, 'FORBIDDEN');
    expect((await write({ origin: hub.url })).status).toBe(201);
    // A cookie is no credential on MCP.
    const mcp = await visit('/api/mcp', {
      method: 'POST',
      headers: { ...mcpHeaders, cookie, origin: hub.url },
      body: '{}',
    });
    expect(mcp.status).toBe(401);
  });
});

describe('bad input is refused with a reason in JSON', () => {
  it.each([
    ['PUT', '/servers', 'GET, POST, HEAD, OPTIONS'],
    ['DELETE', '/servers', 'GET, POST, HEAD, OPTIONS'],
    ['PATCH', '/keys', 'GET, POST, HEAD, OPTIONS'],
    ['POST', '/calls', 'GET, HEAD, OPTIONS'],
    ['GET', '/setup', 'POST, OPTIONS'],
    ['GET', '/servers/made/start', 'POST, OPTIONS'],
  ])('%s %s: 405 and what is allowed', async (method, path, allow) => {
    const answer = await ask(method, path);
    expectProblem(answer, 405, 'METHOD_NOT_ALLOWED');
    expect(answer.headers.get('allow')).toBe(allow);
  });

  it.each([
    ['TRACE', '/api/v1/servers', 405],
    ['TRACE', '/', 405],
    ['CONNECT', '/api/v1/servers', 400],
    ['NONSENSE', '/api/v1/servers', 400],
    ['GET', '/api/v1/servers/%ff', 400],
    ['GET', '/api/v1/servers/%', 400],
    ['GET', '/servers/%E0%A4%A', 400],
    ['GET', '/api/v1/servers/%00', 404],
    ['GET', '/api/v1/servers/../keys', 404],
    ['GET', '/api/v1/servers/..%2fkeys', 404],
    ['GET', '/_next/static/../../package.json', 404],
    ['GET', '//evil.example/', 404],
    ['GET', `/${'x'.repeat(9_000)}`, 414],
  ])('%s %s: %i', async (method, path, status) => {
    const bytes = `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1:${hub.port}\r\nConnection: close\r\n\r\n`;
    const text = await sendBytes(hub.port, bytes);
    if (method !== 'CONNECT' || text !== '') expect(text).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    answered.push(text);
  });

  it.each([
    ['/api/nothing', 401],
    ['/api', 401],
    ['/api/v1', 401],
    ['/api/v2/servers', 401],
  ])('%s without a key: %i', async (path, status) => {
    const answer = await visit(path);
    expectProblem(answer, status, 'UNAUTHENTICATED');
    expectProblem(
      await read(await fetch(hub.url + path, { headers: { authorization: `Bearer ${hub.apiKey}` } })),
      404,
      'NOT_FOUND',
    );
  });

  const bodies: [string, string, unknown, number][] = [
    ['no JSON', '/servers', '{', 400],
    ['an array', '/servers', [], 400],
    ['null', '/servers', 'null', 400],
    ['a BOM', '/servers', '\ufeff{}', 400],
    ['an unknown field', '/servers', stdio('x', { nonsense: 1 }), 400],
    ['fields that are not the client’s', '/servers', stdio('x', { id: 'x', status: 'ready', owner: 'me' }), 400],
    ['__proto__ as a field', '/servers', '{"name":"x","type":"stdio","command":"x","__proto__":{"a":1}}', 400],
    ['__proto__ as a name', '/servers', stdio('__proto__'), 400],
    ['a name with ../', '/servers', stdio('../x'), 400],
    ['a name with CRLF', '/servers', stdio('a\r\nb'), 400],
    ['a huge name', '/servers', stdio('x'.repeat(100_000)), 400],
    ['the reserved name', '/servers', stdio('sse'), 400],
    ['a NUL in the command', '/servers', stdio('x', { command: 'a\0b' }), 400],
    ['half a surrogate pair', '/servers', stdio('x', { description: 'a\ud800' }), 400],
    ['a variable that loads code', '/servers', stdio('x', { env: { LD_PRELOAD: '/x.so' } }), 400],
    [
      'a header with CRLF',
      '/servers',
      { name: 'x', type: 'streamable-http', url: 'http://x/', headers: { A: 'b\r\nC: d' } },
      400,
    ],
    ['a metadata address', '/servers', { name: 'x', type: 'streamable-http', url: 'http://169.254.169.254/' }, 400],
    [
      'a metadata address by its name',
      '/servers',
      { name: 'x', type: 'sse', url: 'http://metadata.google.internal/' },
      400,
    ],
    ['10,000 arguments', '/servers', stdio('x', { args: Array.from({ length: 10_000 }, () => 'a') }), 400],
    ['a folder that climbs out', '/servers', stdio('x', { cwd: '../../etc' }), 400],
    ['another scheme', '/servers', { name: 'x', type: 'streamable-http', url: 'file:///etc/passwd' }, 400],
    ['credentials in a URL', '/servers', { name: 'x', type: 'streamable-http', url: 'http://u:p@x/' }, 400],
    ['a NUL in a group', '/groups', { name: 'x', description: '\0' }, 400],
    ['a member who is nobody', '/groups', { name: 'x', members: ['nobody'] }, 400],
    ['a server that is none', '/groups', { name: 'x', servers: [{ server: 'nobody', tools: 'all' }] }, 400],
    ['a NUL in a key', '/keys', { name: 'a\0b' }, 400],
    ['a NUL in a scope', '/keys', { name: 'x', scope: { servers: ['\0'] } }, 400],
    ['an expiry in the past', '/keys', { name: 'x', expiresAt: '2020-01-01T00:00:00Z' }, 400],
    ['a NUL in pasted text', '/import', { text: '\0' }, 400],
    ['text that is no server', '/import', { text: 'hello' }, 400],
    ['a server that is none', '/tools/call', { server: '__proto__', tool: 'constructor' }, 404],
    ['arguments that are a list', '/tools/call', { server: 'made', tool: 'echo', arguments: [] }, 400],
    ['a second set-up', '/setup', { token: 'x', username: 'eve', password: 'a long password' }, 404],
    ['a variable of the hub', '/servers', stdio('x', { env: { HOME_TEXT: '${HOME}' } }), 400],
    ['too much', '/groups', 'x'.repeat(4 * 1024 * 1024 + 1), 413],
    // A server may bring a whole document of an API.
    ['far too much', '/servers', 'x'.repeat(12 * 1024 * 1024 + 1), 413],
  ];
  it.each(bodies)('%s at %s', async (_what, path, body, status) => {
    const answer = await ask('POST', path, body);
    expect([answer.status, answer.text]).toEqual([status, expect.stringContaining('"code":')]);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
  });

  it.each([
    '/calls?server=%00',
    '/calls?tool=%00',
    '/calls?cursor=altered',
    '/calls?limit=0',
    '/servers?cursor=altered',
    '/servers?limit=201',
    '/servers?unknown=1',
    '/servers/made/logs?after=x',
    '/tools?server=%00',
  ])('GET %s', async (path) => {
    expectProblem(await ask('GET', path), 400, 'INVALID_INPUT');
  });

  it('inside an import marks the entry and takes over the others', async () => {
    const text =
      '{"mcpServers":{"with-nul":{"command":"a\\u0000b"},"extra-nul":{"command":"a","x":"\\u0000"},"fine":{"command":"x"}}}';
    const { json } = await ask('POST', '/import', { text, dryRun: true });
    expect(json.rows.map((row: { name: string; state: string }) => [row.name, row.state])).toEqual([
      ['with-nul', 'invalid'],
      ['extra-nul', 'invalid'],
      ['fine', 'add'],
    ]);
    const done = await ask('POST', '/import', { text });
    expect(done.json).toMatchObject({ created: ['fine'] });
    expect((await ask('DELETE', '/servers/fine')).status).toBe(204);
  });

  it('and a tool may get any text as its argument', async () => {
    const answer = await ask('POST', '/tools/call', {
      server: 'made',
      tool: 'echo',
      arguments: { text: 'a\0b\ud800' },
    });
    expect(answer.json.result.content[0].text).toBe('a\0b\ud800');
  });

  it('a wrong content type, an encoded body, no credential', async () => {
    const plain = { 'content-type': 'text/plain' };
    expectProblem(await ask('POST', '/servers', '{}', plain), 415, 'UNSUPPORTED_MEDIA_TYPE');
    expectProblem(await ask('POST', '/servers', '{}', { 'content-encoding': 'gzip' }), 415, 'UNSUPPORTED_MEDIA_TYPE');
    for (const authorization of ['Bearer wrong', 'Basic YTpi', 'Bearer', 'Bearer a b']) {
      const answer = await ask('GET', '/servers', undefined, { authorization });
      expectProblem(answer, 401, 'UNAUTHENTICATED');
      expect(answer.headers.get('www-authenticate')).toContain('Bearer');
    }
  });

  it('requests in one packet are answered one by one, and a bad one ends the connection', async () => {
    const head = `Host: 127.0.0.1:${hub.port}\r\nAuthorization: Bearer ${hub.apiKey}\r\n`;
    const me = `GET /api/v1/me HTTP/1.1\r\n${head}\r\n`;
    const text = await sendBytes(hub.port, `${me}GET /healthz HTTP/1.1\r\n${head}\r\n${me}GARBAGE\r\n\r\n`);
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 400']);
  });

  it('huge headers, two lengths, and a length beside chunks', async () => {
    const start = `POST /api/v1/servers HTTP/1.1\r\nHost: 127.0.0.1:${hub.port}\r\n`;
    expect(await sendBytes(hub.port, `${start}X: ${'y'.repeat(20_000)}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 431 /);
    expect(await sendBytes(hub.port, `${start}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`)).toMatch(
      /^HTTP\/1\.1 400 /,
    );
    const both = `${start}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`;
    expect(await sendBytes(hub.port, both)).toMatch(/^HTTP\/1\.1 400 /);
  });
});

describe('pages', () => {
  it.each(['/', '/servers', '/servers/made', '/keys', '/calls', '/playground', '/groups', '/connect'])(
    '%s leads a stranger to the sign-in',
    async (path) => {
      const answer = await visit(path);
      expect(answer.status).toBe(307);
      expect(answer.headers.get('location')).toMatch(/^\/signin/);
    },
  );

  it('answer strange requests without failing', async () => {
    const rsc = await visit('/servers', { headers: { rsc: '1', 'next-router-state-tree': '%5Bbroken' } });
    const action = await visit('/signin', {
      method: 'POST',
      headers: { 'next-action': 'x', origin: hub.url },
      body: '[]',
    });
    const form = await visit('/signin', {
      method: 'POST',
      headers: { 'next-action': 'x', 'content-type': 'multipart/form-data; boundary=x', origin: hub.url },
      body: 'garbage',
    });
    const image = await visit('/_next/image?url=http://127.0.0.1:9/&w=64&q=75');
    for (const { status, text } of [rsc, action, form, image]) {
      expect(status).toBeLessThan(500);
      expect(text).not.toMatch(/\n\s+at /);
    }
  });
});

describe('what models see of tools, changed over REST', () => {
  const meta = ['search_tools', 'describe_tool', 'call_tool'];
  type Shown = { name: string; description?: string }[];
  const overlay = { description: 'Says it once more.' };

  /** A session at each worker, with its stream. */
  async function listenersAt(endpoint: string) {
    const at = { ...hub, mcpUrl: hub.mcpUrl + endpoint };
    const pids = workersOf(hub);
    expect(pids).toHaveLength(2);
    const [lines, streams] = [await linesTo(at, pids), await linesTo(at, pids)];
    return Promise.all(
      lines.map(async (line, index) => {
        const session = await speak(line).open();
        const client = speak(line, session);
        const list = async () => (await client.request('tools/list')).json.result.tools as Shown;
        await list();
        const each = { list, heard: '', close: () => [line, streams[index]].forEach((used) => void used?.close()) };
        await streams[index]?.listen({ 'mcp-session-id': session }, (text) => {
          each.heard += text;
        }).opened;
        return each;
      }),
    );
  }

  it.each([
    [
      'everything',
      '',
      [
        ['PATCH', '/settings/tool-list', { mode: 'smart' }, (tools: Shown) => tools.length === 3],
        [
          'PATCH',
          '/settings/tool-list',
          { pinned: ['filed/echo'] },
          (tools: Shown) => tools[3]?.name === 'filed__echo',
        ],
        [
          'PUT',
          '/servers/filed/tools/echo/overlay',
          overlay,
          (tools: Shown) => tools[3]?.description === overlay.description,
        ],
        [
          'DELETE',
          '/servers/filed/tools/echo/overlay',
          undefined,
          (tools: Shown) => tools[3]?.description !== overlay.description,
        ],
        ['PATCH', '/settings/tool-list', { mode: 'full', pinned: [] }, (tools: Shown) => tools.length > 3],
      ],
    ],
    [
      'a group',
      '/effect',
      [
        [
          'PATCH',
          '/groups/effect',
          { servers: [{ server: 'filed', tools: ['echo', 'pid'] }] },
          (tools: Shown) => tools.length === 2,
        ],
        [
          'PUT',
          '/groups/effect/servers/filed/tools/echo/overlay',
          overlay,
          (tools: Shown) => tools[0]?.description === overlay.description,
        ],
        [
          'PATCH',
          '/groups/effect',
          { toolList: { mode: 'smart', pinned: ['filed/pid'] } },
          (tools: Shown) => tools.length === 4,
        ],
        [
          'PATCH',
          '/groups/effect',
          { toolList: null, servers: [{ server: 'filed', tools: ['pid'] }] },
          (tools: Shown) => tools.length === 1,
        ],
      ],
    ],
  ] as const)(
    'at the endpoint of %s is told at every worker within a second, and so listed there',
    async (_of, endpoint, changes) => {
      if (endpoint) {
        const made = await ask('POST', '/groups', { name: 'effect', servers: [{ server: 'filed', tools: ['echo'] }] });
        expect(made.status).toBe(201);
        const isThere = () =>
          openSession(hub, { endpoint }).then(
            (session) => session.end().then(() => true),
            () => false,
          );
        await until(isThere, 5_000, hub.logs);
      }
      const listeners = await listenersAt(endpoint);
      for (const each of listeners) expect((await each.list()).map(({ name }) => name)).not.toEqual(meta);
      for (const [method, path, body, isShown] of changes) {
        for (const each of listeners) each.heard = '';
        const answer = await ask(method, path, body);
        expect([answer.status, answer.text]).toEqual([body === undefined ? 204 : 200, expect.any(String)]);
        const startedAt = fairNow();
        const areTold = () => listeners.every(({ heard }) => heard.includes('notifications/tools/list_changed'));
        await until(areTold, 5_000, () => `${method} ${path}: ${listeners.map(({ heard }) => heard).join(' | ')}`);
        expect(fairNow() - startedAt).toBeLessThan(1_000);
        for (const each of listeners) expect(await each.list()).toSatisfy(isShown);
      }
      for (const each of listeners) each.close();
      if (endpoint) expect((await ask('DELETE', '/groups/effect')).status).toBe(204);
    },
  );
});

/** All that a signed-in admin's socket receives until the server has come back. */
async function framesDuring(run: () => Promise<unknown>, name = 'made'): Promise<string> {
  const received: string[] = [];
  const extraHeaders = { cookie: await signIn(), origin: hub.url };
  const socket = io(`${hub.url}/live`, { transports: ['websocket'], reconnection: false, extraHeaders });
  try {
    socket.onAny((...frame) => received.push(JSON.stringify(frame)));
    await until(
      () => received.some((frame) => frame.includes('live.rooms')),
      5_000,
      () => received.join('\n'),
    );
    await run();
    const hasCome = (state: string) =>
      received.some((frame) => frame.includes(`"${name}"`) && frame.includes(`"${state}"`));
    await until(
      () => hasCome('starting') && hasCome('ready'),
      10_000,
      () => received.join('\n'),
    );
  } finally {
    socket.close();
  }
  return received.join('\n');
}

describe('the search, measured over REST', () => {
  const steps = { accept: 'application/x-ndjson' };
  const runs = async () => (await ask('GET', '/tools/runs')).json.data as { id: string; actor: string }[];
  const importCases = (lines: object[]) =>
    ask('POST', '/tools/cases/import', { text: lines.map((each) => JSON.stringify(each)).join('\n') });

  /** A run that has told its first step, begun as soon as no other is under way. */
  async function begin(key = hub.apiKey) {
    const own = new AbortController();
    const headers = { ...steps, authorization: `Bearer ${key}` };
    const post = () => fetch(`${hub.url}/api/v1/tools/runs`, { method: 'POST', headers, signal: own.signal });
    let response = await post();
    const isFree = async () => {
      if (response.status !== 429) return true;
      await response.text();
      response = await post();
      return false;
    };
    await until(isFree, 5_000, hub.logs);
    expect([response.status, response.headers.get('content-type')]).toEqual([200, steps.accept]);
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    const more = async () => {
      const { done, value } = (await reader?.read()) ?? { done: true };
      text += value ?? '';
      return !done;
    };
    while (!text.includes('\n')) expect(await more()).toBe(true);
    const lines = () =>
      text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
    const rest = async () => {
      while (await more());
      return lines();
    };
    return { lines, rest, leave: () => own.abort() };
  }

  it('needs a test set, tells how far it is, is kept, and is compared with the run before', async () => {
    expectProblem(await ask('POST', '/tools/runs'), 409, 'CONFLICT');
    const cases = [
      { query: 'fold the laundry', expected: ['filed/pid'], note: 'from support' },
      { query: 'walk the dog', expected: ['home/walk'] },
    ];
    expect((await importCases(cases)).json).toMatchObject({ added: 2, unmatched: 1 });
    const first = await ask('POST', '/tools/runs');
    expect([first.status, first.json]).toEqual([
      200,
      expect.objectContaining({
        actor: expect.stringContaining('admin'),
        figures: { cases: 2, counted: 1, flagged: 1, hit1: 0, hit5: 0, hit10: 0, mrr: 0 },
        against: null,
      }),
    ]);
    const overlay = { description: 'Folds the laundry.' };
    expect((await ask('PUT', '/servers/filed/tools/pid/overlay', overlay)).status).toBe(200);
    const firstHit = async () => (await ask('POST', '/tools/search', { query: 'fold the laundry' })).json.hits[0]?.id;
    await until(async () => (await firstHit()) === 'filed__pid', 5_000, hub.logs);
    const told = await (await begin()).rest();
    const run = told.pop();
    expect(told[0]).toEqual({ done: 0, total: 2 });
    expect(run).toMatchObject({
      figures: { counted: 1, hit1: 1, mrr: 1 },
      against: { id: first.json.id },
      common: { cases: 1, before: { hit1: 0 }, now: { hit1: 1 } },
    });
    expect(run.fingerprint).not.toBe(first.json.fingerprint);
    expect(run.entries).toEqual([
      expect.objectContaining({ query: 'fold the laundry', before: null, rank: 1, change: 'better', void: false }),
      expect.objectContaining({ query: 'walk the dog', missing: ['home/walk'], rank: null, change: 'new', void: true }),
    ]);
    expect((await ask('GET', `/tools/runs/${run.id}`)).json).toEqual(run);
    expect((await runs()).map(({ id }) => id)).toEqual([run.id, first.json.id]);
    expect((await ask('DELETE', '/servers/filed/tools/pid/overlay')).status).toBe(204);

    for (const [format, type] of [
      ['jsonl', 'application/x-ndjson'],
      ['csv', 'text/csv; charset=utf-8'],
    ]) {
      const { headers, text } = await ask('GET', `/tools/cases/export?format=${format}`);
      expect(headers.get('content-type')).toBe(type);
      expect(headers.get('content-disposition')).toMatch(
        new RegExp(`^attachment; filename="search-cases-\\d{4}-\\d\\d-\\d\\d\\.${format}"$`),
      );
      expect((await ask('POST', '/tools/cases/import', { text })).json).toMatchObject({
        added: 0,
        changed: 0,
        same: 2,
      });
    }
  });

  it('is for those who may change settings, is looked at by those who see all tools, and by nobody else', async () => {
    const runsOf = async (role: string) => {
      const made = (await ask('POST', '/users', { username: `of-${role}`, roles: [role] })).json;
      const chosen = { token: made.link.token, newPassword: `the password of a ${role}` };
      const headers = { origin: hub.url, 'content-type': 'application/json' };
      await visit('/api/v1/password-reset', { method: 'POST', headers, body: JSON.stringify(chosen) });
      const cookie = await signIn({ username: `of-${role}`, password: chosen.newPassword });
      const asked = (method: string) => visit('/api/v1/tools/runs', { method, headers: { origin: hub.url, cookie } });
      const answers = [await asked('GET'), await asked('POST')];
      expect((await ask('DELETE', `/users/${made.user.id}`)).status).toBe(204);
      return answers;
    };
    const [read, refused] = await runsOf('manager');
    expect(read?.json.data).toHaveLength(2);
    expectProblem(refused as Answer, 403, 'FORBIDDEN');
    for (const answer of await runsOf('user')) expectProblem(answer, 403, 'FORBIDDEN');
    for (const method of ['GET', 'POST']) {
      expectProblem(await visit('/api/v1/tools/runs', { method }), 401, 'UNAUTHENTICATED');
    }
    expect(await runs()).toHaveLength(2);
  });

  it('is one at a time, ends with who asked or their key, and is kept only when it is whole', async () => {
    // Long requests, so that the whole set takes seconds.
    const words = (at: number) => Array.from({ length: 320 }, (_, word) => `w${(at * 31 + word) % 997}x`).join(' ');
    const many = Array.from({ length: 1_998 }, (_, at) => ({ query: `${at} ${words(at)}`, expected: ['filed/echo'] }));
    expect((await importCases(many)).json).toMatchObject({ added: 1_998 });
    const before = await runs();
    const left = await begin();
    expect(left.lines()[0]).toEqual({ done: 0, total: 2_000 });
    const second = await ask('POST', '/tools/runs', undefined, steps);
    expectProblem(second, 429, 'BUSY');
    expect(second.headers.get('retry-after')).toMatch(/^\d+$/);
    left.leave();
    const leftAt = fairNow();
    const measurer = (await ask('POST', '/keys', { name: 'measurer' })).json;
    const cut = await begin(measurer.secret);
    expect(fairNow() - leftAt).toBeLessThan(1_000);
    expect((await ask('DELETE', `/keys/${measurer.key.id}`)).status).toBe(204);
    expect((await cut.rest()).pop()).toMatchObject({ error: { status: 401, code: 'UNAUTHENTICATED' } });
    const last = await begin();
    last.leave();
    expect(await runs()).toEqual(before);
  });
});

describe('stored secrets', () => {
  it('are put under a new key by who may, while servers run, and none of them is restarted', async () => {
    const before = (await statuses(hub)).made?.instances[0]?.pid;
    expect(before).toBeGreaterThan(0);
    const answer = await ask('POST', '/settings/secrets/rotate');
    expect([answer.status, answer.json]).toEqual([200, { key: 'k2', values: expect.any(Number), closed: 0 }]);
    expect(answer.json.values).toBeGreaterThan(1);
    // A look at all servers, after which a changed one would not be the same process any more.
    expect((await ask('PATCH', '/servers/made', { env: { PASSWORD: '***er-2' } })).status).toBe(200);
    await isReady('made');
    expect((await statuses(hub)).made?.instances[0]?.pid).toBe(before);
    const scope = { servers: ['made'] };
    const { secret } = (await ask('POST', '/keys', { name: 'no-admin', scope })).json;
    answered.pop();
    const headers = { authorization: `Bearer ${secret}` };
    expectProblem(await ask('POST', '/settings/secrets/rotate', undefined, headers), 403, 'FORBIDDEN');
  });
});

describe('a server over its limit', () => {
  it('is told of with the reason in the event, its log, its status and on its page [F-LIMIT-01]', async () => {
    const greedy = stdio('greedy', { env: { FIXTURE_TOOLS: 'all' }, limits: { memoryMb: 250 } });
    expect((await ask('POST', '/servers', greedy)).status).toBe(201);
    await isReady('greedy');
    const session = await openSession(hub, { endpoint: '/greedy' });
    const frames = await framesDuring(() => session.call('hog', { mb: 300 }), 'greedy');
    const said = /memory: \d+ MB of 250 MB/;
    const event = frames.split('\n').find((frame) => frame.includes('server.status') && frame.includes('memory-limit'));
    expect(event).toMatch(said);
    expect((await ask('GET', '/servers/greedy')).json.status.lastExit).toMatchObject({
      reason: 'memory-limit',
      message: expect.stringMatching(said),
    });
    expect((await ask('GET', '/servers/greedy/logs')).text).toMatch(said);
    const page = await visit('/servers/greedy', { headers: { cookie: await signIn() } });
    expect(page.text).toMatch(said);
    expect((await ask('DELETE', '/servers/greedy')).status).toBe(204);
  });
});

describe('what the hub tells', () => {
  it('holds no stack, no internal failure and no secret [T-SECRET-01]', async () => {
    const session = await openSession(hub, { endpoint: '/made' });
    await session.call('echo', { password: secretInArguments, text: `Authorization: Bearer ${secretInArguments}` });
    await session.call('no-such-tool', { token: secretInArguments });
    await until(async () => (await ask('GET', '/calls')).json.data.length > 1, 5_000);
    for (const path of [
      '/servers',
      '/servers/made',
      '/servers/filed',
      '/servers/made/logs',
      '/servers/filed/instances',
      '/calls',
      '/hub',
      '/keys',
      '/tools',
    ]) {
      expect((await ask('GET', path)).status).toBe(200);
    }
    const frames = await framesDuring(() => ask('POST', '/servers/made/restart'));
    for (const path of ['/metrics', '/readyz', '/healthz', '/api/openapi.json']) await visit(path);
    const family = treeOf(hub.pid('launcher') ?? 0);
    const told = {
      answers: answered.join('\n'),
      logs: hub.logs(),
      frames,
      argv: family.map(({ pid }) => readFileSync(`/proc/${pid}/cmdline`, 'latin1')).join('\n'),
    };
    for (const [where, text] of Object.entries(told)) {
      const found = [
        secretInFile,
        secretOfServer,
        secretOfHeader,
        secretInArguments,
        hub.apiKey,
        hub.admin.password,
      ].filter((secret) => text.includes(secret));
      expect([where, found]).toEqual([where, []]);
    }
    expect(answered.filter((text) => /\n\s+at \S+ \(|node_modules|"status":500|HTTP\/1\.1 500/.test(text))).toEqual([]);
    expect(hub.logs()).not.toContain('"level":50');
  });
});
