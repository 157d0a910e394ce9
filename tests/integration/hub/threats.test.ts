// What nobody, somebody without rights and a page of another site can make of each route of a whole hub: nothing. Routes
// and pages are found in app/, so that a new one is asked without being named here.
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { io } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { roles, userRoles, users } from '../../../drizzle/schema';
import { createKey, createKeyring, createVault } from '../../../lib/access';

import { loadUser } from '../../../lib/access/identities';
import { openDatabase } from '../../../lib/db';
import { runtimeDir, socketPaths } from '../../../lib/env';
import { createBus } from '../../../lib/events/bus';
import { root } from '../../../scripts/prepare.mjs';
import { silentLog } from '../../support/database';
import { initialize } from '../../support/gateway';
import { type Hub, startHub, treeOf } from '../../support/hub';
import { listeningPortOf, mcpHeaders, openSession, rest, statuses } from '../../support/hub-client';
import { authorize, exchange, registerClient, userIdOf } from '../../support/oauth-client';
import { until } from '../../support/until';

const program = join(root, 'tests/support/servers/stdio.mjs');
/** On the command line of whatever a refused request would start. */
const marker = `planted-${randomUUID()}`;

let hub: Hub;
let userKey: string;
/** An OAuth client's access token, of an administrator and for everything. */
let accessToken: string;
let cookie: string;
/** Where web listens itself, behind the door. */
let webUrl: string;

/** Headers by which a caller could pretend to be somebody else, or past a check (CVE-2025-29927). */
const pretending: Record<string, string> = {
  'x-middleware-subrequest': 'proxy:proxy:proxy:proxy:proxy',
  'x-middleware-next': '1',
  'x-middleware-rewrite': '/servers',
  'x-mcphub-actor': 'admin',
  'x-mcphub-user': 'admin',
  'x-mcphub-path': '/',
  'x-forwarded-user': 'admin',
  'x-forwarded-for': '127.0.0.1',
  'x-remote-user': 'admin',
  'x-user-id': 'admin',
  'x-real-ip': '127.0.0.1',
  'remote-user': 'admin',
};
const subrequests = [
  'middleware',
  'src/middleware:src/middleware:src/middleware:src/middleware:src/middleware',
  'middleware:middleware:middleware:middleware:middleware',
  'proxy:proxy:proxy:proxy:proxy',
  'pages/_middleware',
];
const identityQuery = 'user=admin&userId=admin&actor=admin&access_token=admin&api_key=admin&token=admin';

interface Route {
  method: string;
  path: string;
}

function filesOf(folder: string, name: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file === name || file.endsWith(`/${name}`))
    .sort();
}

const filled = (folder: string) =>
  folder.replaceAll('[name]', 'filed').replace(/\[(\w+)\]/g, '00000000-0000-4000-8000-000000000000');

/** Every method of REST that is there; the one that needs no credential, by design, is left out. */
const routes: Route[] = filesOf('app/api/v1', 'route.ts').flatMap((file) => {
  const text = readFileSync(join(root, 'app/api/v1', file), 'utf8');
  const own = [...text.matchAll(/export const (GET|POST|PUT|PATCH|DELETE) = route\(/g)].map(
    ([, method = '']) => method,
  );
  const path = `/api/v1/${filled(file.replace(/\/route\.ts$/, ''))}`;
  return text.includes('anonymous: true') ? [] : own.map((method) => ({ method, path }));
});

const pages = filesOf('app/(dashboard)', 'page.tsx').map(
  (file) => `/${filled(file.replace(/\/?page\.tsx$/, '').replace(/\([^)]*\)\/?/g, ''))}`,
);

const stdio = { name: 'planted', type: 'stdio', command: process.execPath, args: [program, 'good', marker] };
/** Bodies with which a route that starts processes would start one. */
const bodies: Record<string, unknown> = {
  'POST /api/v1/servers': stdio,
  'POST /api/v1/tests': stdio,
  'POST /api/v1/servers/filed/test': { patch: { args: [program, 'good', marker] } },
  'PATCH /api/v1/servers/filed': { args: [program, 'good', marker] },
  'PUT /api/v1/servers/filed': { ...stdio, name: 'filed' },
  'POST /api/v1/import': { text: JSON.stringify({ mcpServers: { planted: stdio } }), dryRun: false },
  'POST /api/v1/tools/call': { server: 'filed', tool: 'echo', arguments: { text: 'x' } },
};

async function send({ method, path }: Route, headers: Record<string, string>, base = hub.url, query = '') {
  const body = method === 'GET' ? undefined : JSON.stringify(bodies[`${method} ${path}`] ?? {});
  const response = await fetch(`${base}${path}${query && `?${query}`}`, {
    method,
    redirect: 'manual',
    headers: { ...(body && { 'content-type': 'application/json' }), ...headers },
    ...(body && { body }),
  });
  const text = await response.text();
  return { status: response.status, text, headers: response.headers };
}

/** Command lines of what the hub runs that hold the marker. */
function planted(): string[] {
  const launcher = hub.pid('launcher');
  const tree = launcher === null ? [] : treeOf(launcher);
  return tree
    .map(({ pid }) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
      } catch {
        return '';
      }
    })
    .filter((line) => line.includes(marker));
}

/** @param before cookies that the browser has already */
async function signIn(before = ''): Promise<string> {
  const jar = (response: Response) => response.headers.getSetCookie().map((each) => each.split(';')[0]);
  const csrf = await fetch(`${hub.url}/api/auth/csrf`);
  const { csrfToken } = (await csrf.json()) as { csrfToken: string };
  const form = new URLSearchParams({ csrfToken, ...hub.admin, json: 'true' });
  const signedIn = await fetch(`${hub.url}/api/auth/callback/credentials`, {
    method: 'POST',
    headers: { cookie: [...jar(csrf), before].filter(Boolean).join('; '), origin: hub.url },
    body: form,
    redirect: 'manual',
  });
  return jar(signedIn).join('; ');
}

/** A user with the role "user", who may start, test and change no server. */
async function addUser(): Promise<string> {
  const database = await openDatabase({ socketDir: runtimeDir(hub.dataDir), log: silentLog });
  try {
    const { db } = database;
    const [user] = await db.insert(users).values({ username: 'ann', passwordHash: null }).returning();
    if (!user) throw new Error('no row');
    await db.execute(
      sql`insert into ${userRoles} (user_id, role_id) select ${user.id}::uuid, id from ${roles} where name = 'user'`,
    );
    const identity = await loadUser(db, user.id);
    if (!identity) throw new Error('no user');
    const bus = createBus(() => undefined);
    const vault = createVault(createKeyring(Buffer.alloc(32, 1)));
    const made = await createKey({ actor: identity.actor, db, bus, vault, requestId: 'test' }, { name: 'test' });
    return made.secret;
  } finally {
    await database.close();
  }
}

async function giveToken(): Promise<string> {
  const { json: client } = await registerClient(hub.url);
  const done = await authorize(hub, { clientId: client.client_id, userId: await userIdOf(hub) });
  return (await exchange(hub.url, done)).json.access_token;
}

beforeAll(async () => {
  hub = await startHub({
    web: true,
    config: { mcpServers: { filed: { command: process.execPath, args: [program] } } },
  });
  await until(async () => (await statuses(hub)).filed?.state === 'ready', 10_000, hub.logs);
  const web = hub.pid('web');
  if (web === null) throw new Error('web does not run');
  webUrl = `http://127.0.0.1:${listeningPortOf(web)}`;
  userKey = await addUser();
  cookie = await signIn();
  accessToken = await giveToken();
}, 300_000);

afterAll(() => hub?.stop());

it('routes and pages are found', () => {
  expect(routes.length).toBeGreaterThan(30);
  expect(pages.length).toBeGreaterThan(8);
  const known = routes.map(({ method, path }) => `${method} ${path}`);
  expect(Object.keys(bodies).filter((each) => !known.includes(each))).toEqual(
    known.includes('PUT /api/v1/servers/filed') ? [] : ['PUT /api/v1/servers/filed'],
  );
});

describe('nobody', () => {
  it('gets 401 from every route, whatever headers and query say, at the door and behind it [T-START-01, T-IDENT-01, T-NEXT-01]', async () => {
    for (const route of routes) {
      const label = `${route.method} ${route.path}`;
      for (const base of [hub.url, webUrl]) {
        expect((await send(route, {}, base)).status, label).toBe(401);
        expect((await send(route, pretending, base)).status, label).toBe(401);
      }
      expect((await send(route, pretending, hub.url, identityQuery)).status, label).toBe(401);
    }
    expect(planted()).toEqual([]);
  });

  it('is led to the sign-in by every page, whatever sub-request it pretends to be [T-NEXT-01]', async () => {
    for (const path of pages) {
      for (const base of [hub.url, webUrl]) {
        for (const value of subrequests) {
          const headers = { ...pretending, 'x-middleware-subrequest': value };
          const { status, headers: answered, text } = await send({ method: 'GET', path }, headers, base);
          expect(status, `${base}${path} ${value}`).toBe(307);
          expect(answered.get('location'), path).toMatch(/^\/signin/);
          expect(text).not.toContain('stdio.mjs');
        }
      }
    }
  });

  it('has no images fetched for it [T-SSRF-01]', async () => {
    const path = '/_next/image';
    for (const target of [
      `${webUrl}/icon.svg`,
      'http://169.254.169.254/latest/meta-data',
      `//127.0.0.1:${hub.port}/x.png`,
    ]) {
      const query = `w=64&q=75&url=${encodeURIComponent(target)}`;
      expect((await send({ method: 'GET', path }, {}, hub.url, query)).status).toBe(400);
    }
  });
});

describe('somebody without rights', () => {
  const starting = () =>
    routes.filter(({ method, path }) => `${method} ${path}` in bodies || /\/(start|stop|restart)$/.test(path));

  it('starts no process by any route, and is told nothing of servers that are not theirs [T-START-02]', async () => {
    expect(starting().length).toBeGreaterThan(7);
    for (const route of starting()) {
      const { status, text } = await send(route, { authorization: `Bearer ${userKey}` });
      // A call of a tool is answered as its server answers it: as if there was none.
      const isAbsent = route.path.endsWith('/tools/call') && /"There is no tool/.test(text);
      expect(isAbsent || status === 403 || status === 404, `${route.method} ${route.path}: ${status} ${text}`).toBe(
        true,
      );
      expect(text).not.toContain(marker);
    }
    const list = await send({ method: 'GET', path: '/api/v1/servers' }, { authorization: `Bearer ${userKey}` });
    expect(list.text).not.toMatch(/filed|planted/);
    expect(planted()).toEqual([]);
  });

  it('stays who they are, whatever headers, cookies and query say [T-IDENT-01]', async () => {
    const me = async (headers: Record<string, string>, query = '') => {
      const { text } = await send({ method: 'GET', path: '/api/v1/me' }, headers, hub.url, query);
      return /"name":"(\w+)/.exec(text)?.[1] ?? text;
    };
    const authorization = `Bearer ${userKey}`;
    expect(await me({ authorization })).toBe('ann');
    expect(await me({ authorization, ...pretending })).toBe('ann');
    expect(await me({ authorization, cookie })).toBe('ann');
    const { status } = await send({ method: 'GET', path: '/api/v1/me' }, { authorization }, hub.url, identityQuery);
    expect(status).toBe(400);
  });
});

describe('an access token of OAuth', () => {
  it('is good for MCP endpoints alone: no route, page, metric or socket knows it', async () => {
    const headers = { authorization: `Bearer ${accessToken}` };
    const opened = await fetch(hub.mcpUrl, {
      method: 'POST',
      headers: { ...mcpHeaders, ...headers },
      body: JSON.stringify(initialize()),
    });
    expect(opened.status).toBe(200);
    for (const route of routes) {
      for (const base of [hub.url, webUrl]) {
        expect((await send(route, headers, base)).status, `${route.method} ${route.path}`).toBe(401);
      }
    }
    for (const path of pages) expect((await send({ method: 'GET', path }, headers)).status, path).toBe(307);
    const names = cookie.split('; ').map((each) => each.split('=')[0]);
    const asCookie = names.map((name) => `${name}=${accessToken}`).join('; ');
    expect((await send({ method: 'GET', path: '/api/v1/me' }, { cookie: asCookie })).status).toBe(401);
    const metrics = await send({ method: 'GET', path: '/metrics' }, { ...headers, 'x-forwarded-for': '192.0.2.1' });
    expect(metrics.status).toBe(401);
    const refused = await new Promise<Error>((done, fail) => {
      const socket = io(`${hub.url}/live`, {
        transports: ['websocket'],
        reconnection: false,
        auth: { token: accessToken },
        extraHeaders: { ...headers, cookie: asCookie, origin: hub.url },
      });
      socket.on('connect', () => fail(new Error('it was let in')));
      socket.on('connect_error', (error) => {
        socket.close();
        done(error);
      });
    });
    expect(refused.message).toContain('UNAUTHENTICATED');
  });

  it('in the query, a form or a cookie is none [N-AUTH-04, T-IDENT-02]', async () => {
    const body = JSON.stringify(initialize());
    const ask = (query: string, headers: Record<string, string>) =>
      fetch(hub.mcpUrl + query, { method: 'POST', headers: { ...mcpHeaders, ...headers }, body });
    for (const [query, headers] of [
      [`?access_token=${accessToken}`, {}],
      ['', { cookie: `access_token=${accessToken}` }],
      ['', { 'x-api-key': accessToken }],
      ['', { authorization: `Basic ${Buffer.from(`:${accessToken}`).toString('base64')}` }],
    ] as const) {
      expect((await ask(query, headers)).status, query).toBe(401);
    }
  });
});

describe('a page of another site, in the browser of an admin', () => {
  const elsewhere: Record<string, string>[] = [
    { origin: 'http://evil.example' },
    { origin: 'null' },
    { origin: 'http://localhost:9', 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'cross-site' },
    {},
  ];

  it('changes and starts nothing by any route [T-START-03, T-CSRF-01]', async () => {
    expect((await send({ method: 'GET', path: '/api/v1/me' }, { cookie })).status, 'the session is good').toBe(200);
    for (const route of routes.filter(({ method }) => method !== 'GET')) {
      for (const headers of elsewhere) {
        const { status } = await send(route, { cookie, ...headers });
        expect(status, `${route.method} ${route.path} ${JSON.stringify(headers)}`).toBe(403);
      }
    }
    expect(planted()).toEqual([]);
    expect((await statuses(hub)).filed?.state).toBe('ready');
  });

  it('calls no action of a page [T-CSRF-01]', async () => {
    for (const headers of elsewhere.slice(0, 3)) {
      const answer = await fetch(`${hub.url}/keys`, {
        method: 'POST',
        headers: { cookie, 'next-action': '0'.repeat(42), 'content-type': 'text/plain', ...headers },
        body: '[]',
      });
      expect(answer.status).toBe(403);
    }
  });
});

describe('a session', () => {
  it('is a new one at each sign-in, whatever the browser had before [T-LOGIN-01]', async () => {
    const again = await signIn(cookie);
    const [name = ''] = /\S*session\S*?=/.exec(cookie) ?? [];
    expect(name).not.toBe('');
    const sessionIn = (text: string) => text.split('; ').find((each) => each.startsWith(name));
    expect(sessionIn(again)).toBeTruthy();
    expect(sessionIn(again)).not.toBe(sessionIn(cookie));
    const planted = await signIn(`${name}planted`);
    expect(sessionIn(planted)).not.toBe(`${name}planted`);
    expect((await send({ method: 'GET', path: '/api/v1/me' }, { cookie: `${name}planted` })).status).toBe(401);
  });
});

describe('a server that records what it gets', () => {
  it('sees nothing of the credential of its caller, be it a key or a token [T-TOKEN-01, N-AUTH-05]', async () => {
    const seen: string[] = [];
    const server = createServer((request, response) => {
      let text = '';
      request.on('data', (chunk) => {
        text += chunk;
      });
      request.on('end', () => {
        seen.push(`${request.url}\n${request.rawHeaders.join('\n')}\n${text}`);
        const { id, method } = JSON.parse(text || '{}') as { id?: unknown; method?: string };
        const results: Record<string, object> = {
          initialize: {
            protocolVersion: '2025-06-18',
            capabilities: { tools: {} },
            serverInfo: { name: 'r', version: '1' },
          },
          'tools/list': { tools: [{ name: 'look', inputSchema: { type: 'object' } }] },
          'tools/call': { content: [{ type: 'text', text: 'seen' }] },
        };
        const result = results[method ?? ''];
        if (!result) return void response.writeHead(request.method === 'POST' && id === undefined ? 202 : 405).end();
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ jsonrpc: '2.0', id, result }));
      });
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    try {
      const { port } = server.address() as AddressInfo;
      const row = { name: 'recorder', type: 'streamable-http', url: `http://127.0.0.1:${port}/mcp` };
      expect((await rest(hub, 'POST', '/servers', row)).status).toBe(201);
      await until(async () => (await statuses(hub)).recorder?.state === 'ready', 10_000, hub.logs);
      const session = await openSession(hub);
      expect((await session.call('recorder__look', {})).text).toContain('seen');
      const byToken = await openSession(hub, { key: accessToken });
      expect((await byToken.call('recorder__look', {})).text).toContain('seen');
      expect(seen.filter((each) => each.includes('tools/call'))).toHaveLength(2);
      const all = seen.join('\n');
      expect(all).not.toContain(hub.apiKey);
      expect(all).not.toContain(accessToken);
      expect(all.toLowerCase()).not.toMatch(/authorization|cookie|x-forwarded/);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

describe('web and worker', () => {
  it('speak over a socket that only this user can open, and nothing of it is in an argument [T-TRUST-01]', () => {
    const { worker } = socketPaths(hub.dataDir);
    expect(statSync(worker).mode & 0o777).toBe(0o600);
    expect(statSync(hub.dataDir).mode & 0o077).toBe(0);
    const key = readFileSync(join(hub.dataDir, 'master.key'), 'utf8').trim();
    for (const { pid } of treeOf(hub.pid('launcher') as number)) {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
      expect(line).not.toContain(key);
      expect(line).not.toContain(hub.apiKey);
      expect(line).not.toContain(hub.admin.password);
    }
  });

  it('what the worker answers to web is not to be had at the door [T-TRUST-01]', async () => {
    for (const path of ['/control/servers', '/control/test', '/control/events', '/api/control/test']) {
      const { status } = await send({ method: 'POST', path }, { authorization: `Bearer ${userKey}`, origin: hub.url });
      expect([303, 307, 400, 401, 404, 405], path).toContain(status);
    }
  });
});
