// The REST routes of the catalogue as functions, over a real database and without a worker.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NextRequest } from 'next/server';
import { afterEach, beforeEach, expect, it } from 'vitest';
import * as openapi from '../../../app/api/openapi.json/route';
import * as calls from '../../../app/api/v1/calls/route';
import * as groups from '../../../app/api/v1/groups/route';
import * as hub from '../../../app/api/v1/hub/route';
import * as importer from '../../../app/api/v1/import/route';
import * as instances from '../../../app/api/v1/servers/[name]/instances/route';
import * as logs from '../../../app/api/v1/servers/[name]/logs/route';
import * as server from '../../../app/api/v1/servers/[name]/route';
import * as stop from '../../../app/api/v1/servers/[name]/stop/route';
import * as servers from '../../../app/api/v1/servers/route';
import * as toolCall from '../../../app/api/v1/tools/call/route';
import * as tools from '../../../app/api/v1/tools/route';
import { roles } from '../../../drizzle/schema';
import { createKey } from '../../../lib/access';
import type { Permission } from '../../../lib/access/schema';
import { parseEnv } from '../../../lib/env';
import { singleton } from '../../../lib/singleton';
import { eachDatabase } from '../../support/database';
import { accessFixture } from '../access/fixture';

type Handler = (request: NextRequest, context: { params: Promise<Record<string, string>> }) => Promise<Response>;

eachDatabase('REST of the catalogue', (kind) => {
  const fixture = accessFixture(kind);
  let dataDir: string;
  let secret: string;

  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'mcphub-rest-'));
    (globalThis as { [name: symbol]: unknown })[Symbol.for('mcphub.singletons')] = new Map();
    singleton('env', () => parseEnv({ MCPHUB_DATA_DIR: dataDir, LOG_LEVEL: 'silent' }));
    singleton('web.database', () => Promise.resolve(fixture.database));
    singleton('web.bus', () => fixture.bus);
    ({ secret } = await createKey(await fixture.addUser('root', 'admin'), { name: 'cli' }));
  });
  afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

  function ask(handler: Handler, method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
    const name = /^\/(?:servers|groups)\/([^/?]+)/.exec(path)?.[1];
    const request = new NextRequest(`http://127.0.0.1:3000/api/v1${path}`, {
      method,
      headers: {
        host: '127.0.0.1:3000',
        authorization: `Bearer ${secret}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const params: Record<string, string> = name === undefined ? {} : { name };
    return handler(request, { params: Promise.resolve(params) });
  }

  it('a server lives from POST to DELETE, with versions as ETag and no status while the worker is away', async () => {
    const made = await ask(servers.POST, 'POST', '/servers', { name: 'one', type: 'stdio', command: 'node' });
    expect([made.status, made.headers.get('location'), made.headers.get('etag')]).toEqual([
      201,
      '/api/v1/servers/one',
      '"1"',
    ]);
    expect(await made.json()).toMatchObject({ name: 'one', status: null });
    const changed = await ask(server.PATCH, 'PATCH', '/servers/one', { description: 'x' }, { 'if-match': '"1"' });
    expect([changed.status, changed.headers.get('etag')]).toEqual([200, '"2"']);
    const stale = await ask(server.PATCH, 'PATCH', '/servers/one', { description: 'y' }, { 'if-match': '"1"' });
    expect(stale.status).toBe(412);
    expect(await stale.json()).toMatchObject({ code: 'STALE_VERSION', detail: expect.stringContaining('root') });
    expect((await ask(stop.POST, 'POST', '/servers/one/stop')).status).toBe(200);
    const list = await (await ask(servers.GET, 'GET', '/servers')).json();
    expect(list).toMatchObject({ data: [{ name: 'one', desired: 'stopped', status: null }], nextCursor: null });
    expect((await ask(server.DELETE, 'DELETE', '/servers/one')).status).toBe(204);
    expect((await ask(server.GET, 'GET', '/servers/one')).status).toBe(404);
  });

  it('lists go page by page', async () => {
    for (const name of ['a', 'b', 'c']) {
      await ask(servers.POST, 'POST', '/servers', { name, type: 'stdio', command: 'node' });
    }
    const first = await ask(servers.GET, 'GET', '/servers?limit=2');
    const { data, nextCursor } = (await first.json()) as { data: { name: string }[]; nextCursor: string };
    expect(data.map((each) => each.name)).toEqual(['a', 'b']);
    expect(first.headers.get('link')).toContain('rel="next"');
    const second = await ask(servers.GET, 'GET', `/servers?limit=2&cursor=${encodeURIComponent(nextCursor)}`);
    expect(await second.json()).toMatchObject({ data: [{ name: 'c' }], nextCursor: null });
  });

  it.each([
    [
      'an unknown field',
      () => ask(servers.POST, 'POST', '/servers', { name: 'x', type: 'stdio', command: 'y', id: 1 }),
    ],
    ['an unknown parameter', () => ask(servers.GET, 'GET', '/servers?colour=red')],
    ['a limit above 200', () => ask(tools.GET, 'GET', '/tools?limit=500')],
    ['a foreign cursor', () => ask(calls.GET, 'GET', '/calls?cursor=abc')],
    ['an unknown outcome', () => ask(calls.GET, 'GET', '/calls?outcome=great')],
    ['a name outside the rule', () => ask(groups.POST, 'POST', '/groups', { name: '../x' })],
    ['bad JSON in pasted text', () => ask(importer.POST, 'POST', '/import', { text: '{"a"', dryRun: true })],
  ])('%s is refused with 400 and a problem', async (_what, send) => {
    const response = await send();
    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(await response.json()).toMatchObject({ code: 'INVALID_INPUT', errors: expect.any(Array) });
  });

  it('a name that differs from another in case or look-alike characters only is a precise 400, an equal one 409 [F-ROW-05]', async () => {
    await ask(servers.POST, 'POST', '/servers', { name: 'tool-10', type: 'stdio', command: 'node' });
    await ask(servers.POST, 'POST', '/servers', { name: 'second', type: 'stdio', command: 'node' });
    for (const [name, status, detail] of [
      ['tool-10', 409, 'is taken by the server "tool-10"'],
      ['Tool-10', 400, 'differs from the name of the server "tool-10" only in case'],
      ['tool-lO', 400, 'differs from the name of the server "tool-10" only in characters that look alike'],
      ['tооl-10', 400, expect.any(String)],
    ] as const) {
      for (const response of [
        await ask(servers.POST, 'POST', '/servers', { name, type: 'stdio', command: 'node' }),
        await ask(server.PATCH, 'PATCH', '/servers/second', { name }),
        await ask(groups.POST, 'POST', '/groups', { name }),
      ]) {
        expect(response.status).toBe(status);
        expect(await response.json()).toMatchObject({ errors: [{ pointer: '/name', detail }] });
      }
    }
  });

  it('an import is planned first and then done', async () => {
    const text = '{"mcpServers": {"pasted": {"command": "node"}}}';
    const plan = await ask(importer.POST, 'POST', '/import', { text, dryRun: true });
    expect(await plan.json()).toMatchObject({ rows: [{ name: 'pasted', state: 'add' }] });
    expect((await ask(server.GET, 'GET', '/servers/pasted')).status).toBe(404);
    expect(await (await ask(importer.POST, 'POST', '/import', { text })).json()).toMatchObject({ created: ['pasted'] });
  });

  it('what a program printed last is for those alone who may read its log', async () => {
    const made = (await (
      await ask(servers.POST, 'POST', '/servers', { name: 'one', type: 'stdio', command: 'node' })
    ).json()) as { id: string };
    const message = 'The program ended with exit code 7. Last line of stderr: planted output';
    const status = {
      id: made.id,
      name: 'one',
      message,
      lastExit: { at: '2030-01-01T00:00:00Z', reason: 'exited', message, exitCode: 7, stderr: ['planted output'] },
      instances: [{ message }],
    };
    // What the worker would say of a program that has just ended.
    (globalThis as { [name: symbol]: unknown })[Symbol.for('mcphub.singletons')] = new Map([
      ...((globalThis as { [name: symbol]: unknown })[Symbol.for('mcphub.singletons')] as Map<string, unknown>),
      ['web.worker', { call: async () => ({ servers: [status] }) }],
    ]);
    const permissions: Permission[] = [
      { resource: 'server', action: 'read', scope: 'all' },
      { resource: 'key', action: 'create', scope: 'own' },
    ];
    await fixture.database.db.insert(roles).values({ name: 'watcher', description: '', permissions });
    const watcher = await createKey(await fixture.addUser('eve', 'watcher'), { name: 'watching' });
    const asEve = { authorization: `Bearer ${watcher.secret}` };
    for (const [handler, path] of [
      [servers.GET, '/servers'],
      [server.GET, '/servers/one'],
      [instances.GET, '/servers/one/instances'],
    ] as const) {
      expect(await (await ask(handler, 'GET', path)).text()).toContain('planted output');
      const seen = await ask(handler, 'GET', path, undefined, asEve);
      expect(seen.status).toBe(200);
      const text = await seen.text();
      expect(text).toContain('The program ended with exit code 7.');
      expect(text).not.toContain('planted output');
    }
  });

  it('without the worker figures come without it, and what only it knows is 503', async () => {
    await ask(servers.POST, 'POST', '/servers', { name: 'one', type: 'stdio', command: 'node' });
    expect(await (await ask(hub.GET, 'GET', '/hub')).json()).toMatchObject({ calls: 0, worker: null });
    expect((await ask(logs.GET, 'GET', '/servers/one/logs?after=0')).status).toBe(503);
    expect((await ask(toolCall.POST, 'POST', '/tools/call', { server: 'one', tool: 'x' })).status).toBe(503);
  });

  it('the OpenAPI document is there for everybody', async () => {
    const response = await ask(openapi.GET, 'GET', '/../openapi.json');
    expect(await response.json()).toMatchObject({ openapi: '3.1.0' });
  });
});
