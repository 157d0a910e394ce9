// The REST routes as functions: what Next calls is called here with real requests, over a real database.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NextRequest } from 'next/server';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { route } from '../../../app/_server';
import { keyring } from '../../../app/_server/hub';
import * as unknownPath from '../../../app/api/[[...unknown]]/route';
import * as rotation from '../../../app/api/v1/keys/[id]/rotate/route';
import * as oneKey from '../../../app/api/v1/keys/[id]/route';
import * as keys from '../../../app/api/v1/keys/route';
import * as me from '../../../app/api/v1/me/route';
import * as allUsers from '../../../app/api/v1/users/route';
import { type Ctx, createKey, sessionCookieNames } from '../../../lib/access';
import { parseEnv } from '../../../lib/env';
import { singleton } from '../../../lib/singleton';
import { eachDatabase } from '../../support/database';
import { signedInBrowser } from '../../support/signed-in';
import { accessFixture } from './fixture';

const origin = 'http://127.0.0.1:3000';

interface Asked {
  method?: string;
  headers?: Record<string, string>;
  /** Sent as JSON unless it is a string. */
  body?: unknown;
  params?: Record<string, string>;
}

type Handler = (request: NextRequest, context: { params: Promise<Record<string, string>> }) => Promise<Response>;

eachDatabase('REST', (kind) => {
  const fixture = accessFixture(kind);
  let dataDir: string;
  let root: Ctx;
  let secret: string;

  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'mcphub-rest-'));
    // What the web program makes on its first request, made here over the test's own database.
    (globalThis as { [name: symbol]: unknown })[Symbol.for('mcphub.singletons')] = new Map();
    singleton('env', () => parseEnv({ MCPHUB_DATA_DIR: dataDir, LOG_LEVEL: 'silent' }));
    singleton('web.database', () => Promise.resolve(fixture.database));
    singleton('web.bus', () => fixture.bus);
    root = await fixture.addUser('root', 'admin');
    ({ secret } = await createKey(root, { name: 'cli' }));
  });
  afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

  function ask(handler: Handler, path: string, { method = 'GET', headers = {}, body, params = {} }: Asked = {}) {
    const isText = typeof body === 'string';
    const request = new NextRequest(`${origin}/api/v1${path}`, {
      method,
      headers: {
        host: '127.0.0.1:3000',
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: isText ? body : JSON.stringify(body) }),
    });
    return handler(request, { params: Promise.resolve(params) });
  }

  const withKey = () => ({ authorization: `Bearer ${secret}` });
  const withCookie = async () => {
    const { cookie } = await signedInBrowser(fixture.database.db, keyring(), root.actor.id);
    return { cookie };
  };

  it('answers 401 with a problem, a challenge and the request id to callers without a right credential', async () => {
    const attempts: Record<string, string>[] = [
      {},
      { authorization: 'Bearer nonsense' },
      { authorization: 'Basic cm9vdDpyb290' },
      { authorization: `Bearer ${secret}x` },
      { authorization: 'Bearer nonsense', ...(await withCookie()) },
      { cookie: `${sessionCookieNames.http}=nonsense` },
    ];
    for (const headers of attempts) {
      const response = await ask(keys.GET, '/keys', { headers: { 'x-request-id': 'r-1', ...headers } });
      expect(response.status).toBe(401);
      expect(response.headers.get('www-authenticate')).toContain('Bearer');
      expect(response.headers.get('content-type')).toBe('application/problem+json');
      expect(response.headers.get('x-request-id')).toBe('r-1');
      expect(await response.json()).toMatchObject({ code: 'UNAUTHENTICATED', requestId: 'r-1', status: 401 });
    }
  });

  it('makes a key, lists it, revokes it, and from then on refuses it', async () => {
    const made = await ask(keys.POST, '/keys', { method: 'POST', headers: withKey(), body: { name: 'second' } });
    expect(made.status).toBe(201);
    const { key, secret: second } = await made.json();
    const authorization = `Bearer ${second}`;
    const listed = await (await ask(keys.GET, '/keys', { headers: { authorization } })).json();
    expect(listed).toMatchObject({ data: [{ id: key.id, name: 'second' }, { name: 'cli' }], nextCursor: null });
    expect(JSON.stringify(listed)).not.toContain(second);
    const params = { id: key.id };
    const revoked = await ask(oneKey.DELETE, `/keys/${key.id}`, { method: 'DELETE', headers: withKey(), params });
    expect(revoked.status).toBe(204);
    expect((await ask(keys.GET, '/keys', { headers: { authorization } })).status).toBe(401);
  });

  it('rotates a key: both secrets work until the old one is revoked', async () => {
    const made = await ask(keys.POST, '/keys', { method: 'POST', headers: withKey(), body: { name: 'second' } });
    const { key, secret: old } = await made.json();
    const params = { id: key.id };
    const asked = { method: 'POST', headers: withKey(), params };
    const path = `/keys/${key.id}/rotate`;
    const refused = await ask(rotation.POST, path, { ...asked, body: { overlapHours: -1 } });
    expect(refused.status).toBe(400);
    const response = await ask(rotation.POST, path, { ...asked, body: { overlapHours: 24 } });
    expect(response.status).toBe(201);
    const rotated = await response.json();
    expect(rotated).toMatchObject({ key: { name: 'second', replaces: key.id }, replaced: { id: key.id } });
    const statusWith = async (secret: string) =>
      (await ask(keys.GET, '/keys', { headers: { authorization: `Bearer ${secret}` } })).status;
    expect([await statusWith(old), await statusWith(rotated.secret)]).toEqual([200, 200]);
    expect((await ask(rotation.POST, path, { ...asked, body: { overlapHours: 24 } })).status).toBe(409);
    await ask(oneKey.DELETE, `/keys/${key.id}`, { method: 'DELETE', headers: withKey(), params });
    expect([await statusWith(old), await statusWith(rotated.secret)]).toEqual([401, 200]);
  });

  it.each<[string, Asked, number, object]>([
    ['an unknown field', { body: { name: 'a', role: 'admin' } }, 400, { code: 'INVALID_INPUT' }],
    ['a wrong field', { body: { name: '' } }, 400, { errors: [{ pointer: '/name' }] }],
    ['an array', { body: [] }, 400, { code: 'INVALID_INPUT' }],
    ['broken JSON', { body: '{"name":' }, 400, { code: 'PARSE_ERROR' }],
    ['a form', { body: 'name=a', headers: { 'content-type': 'application/x-www-form-urlencoded' } }, 415, {}],
    ['no body', {}, 415, { code: 'UNSUPPORTED_MEDIA_TYPE' }],
    ['more than 4 MiB', { body: `"${'x'.repeat(4 * 1024 * 1024)}"` }, 413, { code: 'PAYLOAD_TOO_LARGE' }],
  ])('refuses %s without a word of our code', async (_what, asked, status, problem) => {
    const response = await ask(keys.POST, '/keys', {
      method: 'POST',
      ...asked,
      headers: { ...asked.headers, ...withKey() },
    });
    expect(response.status).toBe(status);
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({ status, ...problem });
    expect(text).not.toMatch(/at .*\.ts|node_modules|Zod/);
    expect((await ask(keys.GET, '/keys', { headers: withKey() })).status).toBe(200);
  });

  it('answers in JSON under paths that do not exist: 401 to strangers, 404 to all others', async () => {
    expect((await ask(unknownPath.GET, '/nothing')).status).toBe(401);
    const response = await ask(unknownPath.DELETE, '/nothing/at/all?x=1', { method: 'DELETE', headers: withKey() });
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ code: 'NOT_FOUND', instance: '/api/v1/nothing/at/all' });
  });

  it('refuses parameters that it does not know', async () => {
    expect((await ask(me.GET, '/me?verbose=1', { headers: withKey() })).status).toBe(400);
    expect((await ask(keys.GET, '/keys?limit=0', { headers: withKey() })).status).toBe(400);
    expect((await ask(keys.GET, '/keys?limit=1000', { headers: withKey() })).status).toBe(400);
  });

  it('pages by cursors that nobody else can make', async () => {
    for (const name of ['a', 'b']) await createKey(root, { name });
    const first = await ask(keys.GET, '/keys?limit=2', { headers: withKey() });
    const { data, nextCursor } = await first.json();
    expect(data.map((key: { name: string }) => key.name)).toEqual(['b', 'a']);
    const next = /^<\/api\/v1(.*)>; rel="next"$/.exec(first.headers.get('link') ?? '')?.[1] ?? '';
    expect(await (await ask(keys.GET, next, { headers: withKey() })).json()).toMatchObject({
      data: [{ name: 'cli' }],
      nextCursor: null,
    });
    for (const cursor of [`${nextCursor}x`, 'MTA', keyring().seal('session', { list: 'keys', position: 2 })]) {
      expect((await ask(keys.GET, `/keys?cursor=${cursor}`, { headers: withKey() })).status).toBe(400);
    }
    expect((await ask(allUsers.GET, `/users?cursor=${nextCursor}`, { headers: withKey() })).status).toBe(400);
  });

  it('lets a browser session read, and write only from a page of the hub', async () => {
    expect(await (await ask(me.GET, '/me', { headers: await withCookie() })).json()).toMatchObject({
      kind: 'user',
      name: 'root',
      may: { server: expect.arrayContaining(['create']) },
    });
    const write = async (headers: Record<string, string>) =>
      ask(keys.POST, '/keys', {
        method: 'POST',
        body: { name: 'x' },
        headers: { ...(await withCookie()), ...headers },
      });
    expect((await write({})).status).toBe(403);
    expect((await write({ origin: 'https://evil.example' })).status).toBe(403);
    expect((await write({ origin: 'null' })).status).toBe(403);
    expect((await write({ origin, host: 'evil.example' })).status).toBe(403);
    expect((await write({ origin })).status).toBe(201);
    expect((await write({ origin: 'http://localhost:3000', host: 'localhost:3000' })).status).toBe(201);
  });

  it('shows users to those who arrange groups, others only themselves', async () => {
    const ada = await fixture.addUser('ada', 'user');
    const own = await createKey(ada, { name: 'k' });
    const names = async (key: string) =>
      (await (await ask(allUsers.GET, '/users', { headers: { authorization: `Bearer ${key}` } })).json()).data.map(
        (user: { username: string }) => user.username,
      );
    expect(await names(secret)).toEqual(['ada', 'root']);
    expect(await names(own.secret)).toEqual(['ada']);
  });

  it('hides what went wrong inside, and gives the request id under which the log has it', async () => {
    const broken = route(async () => {
      throw new Error('password=hunter2 in /srv/app.ts');
    });
    const response = await ask(broken, '/broken', { headers: withKey() });
    expect(response.status).toBe(500);
    const text = await response.text();
    expect(text).not.toContain('hunter2');
    expect(JSON.parse(text).requestId).toBe(response.headers.get('x-request-id'));
  });

  it('answers 503 with Retry-After while the database is away', async () => {
    const lost = await fixture.database.another();
    await lost.close();
    (globalThis as { [name: symbol]: Map<string, unknown> })[Symbol.for('mcphub.singletons')]?.set(
      'web.database',
      Promise.resolve(lost),
    );
    const response = await ask(keys.GET, '/keys', { headers: withKey() });
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(await response.json()).toMatchObject({ code: 'UNAVAILABLE' });
  });
});
