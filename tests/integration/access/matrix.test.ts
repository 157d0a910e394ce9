// Every REST route, server action, page and room of the live updates, asked by every role and by nobody about things of their own, of their group
// and of others: the real handlers over a real database. What is expected comes from policy-table.ts alone.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
// Before its storages, which find AsyncLocalStorage by this.
import 'next/dist/server/node-environment-baseline';
import { workAsyncStorage } from 'next/dist/server/app-render/work-async-storage.external';
import { workUnitAsyncStorage } from 'next/dist/server/app-render/work-unit-async-storage.external';
import { NextRequest } from 'next/server';
import { io, type Socket } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keyring } from '../../../app/_server/hub';
import {
  apiKeys,
  endpointNames,
  groupMembers,
  groupServers,
  groups,
  invites,
  roles,
  searchCases,
  servers,
  signInRules,
  tools,
  upstreamCredentials,
  userRoles,
  users,
} from '../../../drizzle/schema';
import { bootstrapAccess, sealBrowserSession, sessionCookieNames } from '../../../lib/access';
import { beginBrowserSession } from '../../../lib/access/browser-sessions';
import { loadUser } from '../../../lib/access/identities';
import { type Scope, scopes } from '../../../lib/access/schema';
import { hashSecret, newKeySecret, shownPrefix } from '../../../lib/access/secrets';
import { parseEnv } from '../../../lib/env';
import { createBus } from '../../../lib/events/bus';
import { listWatchable } from '../../../lib/servers';
import { singleton } from '../../../lib/singleton';
import { root as repository } from '../../../scripts/prepare.mjs';
import { createLive } from '../../../worker/live';
import { openTestDatabase, silentLog, type TestDatabase } from '../../support/database';
import {
  actorRights,
  has,
  type Listed,
  pages,
  permissionsOf,
  type Right,
  rooms,
  routes,
  serverActions,
  type Way,
} from './policy-table';

const origin = 'http://127.0.0.1:3000';

const actors = Object.keys(actorRights);

interface Asker {
  id: string;
  secret: string;
  /** Name or id of the thing for each scope in which there is one. */
  things: Record<Listed, Partial<Record<Scope, string>>>;
}

let database: TestDatabase;
let dataDir: string;
const askers = new Map<string, Asker>();

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'mcphub-matrix-'));
  database = await openTestDatabase('embedded');
  const { db } = database;
  (globalThis as { [name: symbol]: unknown })[Symbol.for('mcphub.singletons')] = new Map();
  singleton('env', () => parseEnv({ MCPHUB_DATA_DIR: dataDir, LOG_LEVEL: 'silent' }));
  singleton('web.database', () => Promise.resolve(database));
  singleton('web.bus', () => createBus(() => undefined));
  await bootstrapAccess({ db, env: {}, log: silentLog });

  const insert = async <T>(rows: Promise<T[]>): Promise<T> => (await rows)[0] as T;
  const newServer = async (name: string, createdBy: string | null, groupId?: string) => {
    const server = await insert(
      db.insert(servers).values({ name, type: 'stdio', command: 'true', createdBy }).returning(),
    );
    await db.insert(endpointNames).values({ name, serverId: server.id });
    await db
      .insert(tools)
      .values({ serverId: server.id, name: `t-${name}`, definition: {}, definitionHash: '', position: 0 });
    if (groupId) await db.insert(groupServers).values({ groupId, serverId: server.id });
    return name;
  };
  const newGroup = async (name: string, createdBy: string | null) => {
    const group = await insert(db.insert(groups).values({ name, createdBy }).returning());
    await db.insert(endpointNames).values({ name, groupId: group.id });
    return group;
  };
  const newKey = async (userId: string) => {
    const secret = newKeySecret();
    const values = { userId, name: 'k', prefix: shownPrefix(secret), secretHash: hashSecret(secret) };
    const { id } = await insert(db.insert(apiKeys).values(values).returning());
    return { id, secret };
  };
  const stranger = await insert(db.insert(users).values({ username: 'stranger' }).returning());
  for (const name of ['all-own', 'all-group']) {
    const permissions = permissionsOf(name);
    await db.insert(roles).values({ name, permissions });
  }
  const roleIds = new Map((await db.select().from(roles)).map(({ name, id }) => [name, id]));
  for (const actor of actors) {
    const { id } = await insert(db.insert(users).values({ username: actor }).returning());
    const roleId = roleIds.get(actor);
    if (roleId) await db.insert(userRoles).values({ userId: id, roleId });
    const team = await newGroup(`${actor}-team`, null);
    await db.insert(groupMembers).values({ groupId: team.id, userId: id });
    await newGroup(`${actor}-own`, id);
    await newGroup(`${actor}-others`, null);
    const own = await newServer(`${actor}-s-own`, id);
    const shared = await newServer(`${actor}-s-team`, null, team.id);
    const foreign = await newServer(`${actor}-s-others`, null);
    await db.insert(roles).values({ name: `${actor}-role`, permissions: [] });
    askers.set(actor, {
      id,
      secret: (await newKey(id)).secret,
      things: {
        server: { own, group: shared, all: foreign },
        tool: { own: `t-${own}`, group: `t-${shared}`, all: `t-${foreign}` },
        group: { own: `${actor}-own`, group: `${actor}-team`, all: `${actor}-others` },
        key: { own: (await newKey(id)).id, all: (await newKey(stranger.id)).id },
        role: { all: `${actor}-role` },
        user: { own: id, all: stranger.id },
      },
    });
  }
}, 60_000);

afterAll(async () => {
  await database.close();
  rmSync(dataDir, { recursive: true, force: true });
});

/** What the table says of one thing: 404, 403, or null for anything else. */
function expected(actor: string, way: Way, scope?: Scope): number | null {
  if (way.kind === 'some') return has(actor, way.right, way.scope) ? null : way.hidden ? 404 : 403;
  if (way.kind !== 'one') return way.kind === 'account' && way.refused ? 403 : null;
  const { of, action, also = [], only, not, all, hidden } = way;
  if (only !== undefined && scope !== only) return 404;
  // Keys have no page of their own: there is nothing to be seen before they are deleted.
  if (of === 'key') return has(actor, [of, action], scope) ? null : 404;
  if (!has(actor, [of, 'read'], scope)) return 404;
  const asked = all ? 'all' : scope;
  const isAllowed = [[of, action] as Right, ...also].every((right) => has(actor, right, asked));
  if (isAllowed) return scope !== undefined && scope === not ? 403 : null;
  return hidden ? 404 : 403;
}

const refusals = [401, 403, 404];
const seen = (status: number) => (refusals.includes(status) ? status : null);

/** The things to ask about; one row without a thing where the way is about none. */
function asks(actor: string, way: Way): { scope?: Scope; name?: string }[] {
  if (way.kind !== 'one') return [{}];
  const things = askers.get(actor)?.things[way.of] ?? {};
  return scopes.flatMap((scope) => (things[scope] === undefined ? [] : [{ scope, name: things[scope] as string }]));
}

type Handler = (request: NextRequest, context: { params: Promise<Record<string, string>> }) => Promise<Response>;

/** Whether a change that is allowed would be made: those that take a version are asked with an outdated one. */
function isVersioned(operation: string): boolean {
  return /^(PATCH|DELETE) /.test(operation) && !operation.includes('/keys/');
}

/** One that is there, since the answer to one that is not would look like a refusal. */
async function newSession(userId: string | undefined): Promise<string> {
  if (!userId) return randomUUID();
  const visit = { method: 'password' as const, address: 'unknown', userAgent: null };
  return (await beginBrowserSession(database.db, { userId, sessionVersion: 1 }, visit)).id;
}

/** What else is there to be asked about, by the path; each time anew, so that it is there. */
const makers: Record<string, (name: string) => Promise<string>> = {
  '/api/v1/invites/{id}': newInvite,
  '/api/v1/sign-in-rules/{id}': async () => {
    const values = { provider: '*' as const, claim: 'team', value: 'a', roleIds: [], groupIds: [] };
    const rows = await database.db.insert(signInRules).values(values).returning();
    return rows[0]?.id ?? '';
  },
  '/api/v1/tools/cases/{id}': async () => {
    const values = { query: randomUUID(), hash: randomUUID(), expected: ['a/b'] };
    const rows = await database.db.insert(searchCases).values(values).returning();
    return rows[0]?.id ?? '';
  },
  '/api/v1/servers/{name}/connections/{id}': async (name) => {
    const server = (await database.db.select().from(servers)).find((each) => each.name === name);
    if (!server) return randomUUID();
    await database.db.delete(upstreamCredentials);
    const values = { serverId: server.id, userId: null, kind: 'static' as const, values: {} };
    const rows = await database.db.insert(upstreamCredentials).values(values).returning();
    return rows[0]?.id ?? '';
  },
};

async function newInvite(): Promise<string> {
  const values = { tokenHash: randomUUID(), expiresAt: new Date(Date.now() + 3_600_000) };
  const [row] = await database.db.insert(invites).values(values).returning({ id: invites.id });
  return row?.id ?? '';
}

async function ask(operation: string, way: Way, secret: string | null, actor = '', name = ''): Promise<Response> {
  const [method = '', path = ''] = operation.split(' ');
  const file = join(repository, 'app', path.replace(/\{(\w+)\}/g, '[$1]'), 'route.ts');
  const handler: Handler = (await import(/* @vite-ignore */ file))[method];
  const { body: given, query = '' } = way as { body?: object | ((actor: string) => object); query?: string };
  const body = typeof given === 'function' ? given(actor) : given;
  const request = new NextRequest(`${origin}${path.replace(/\{\w+\}/g, name)}${query}`, {
    method,
    headers: {
      host: '127.0.0.1:3000',
      // A change that is allowed is found to be outdated, so that nothing is used up.
      ...(isVersioned(operation) && { 'if-match': '"999"' }),
      ...(secret && { authorization: `Bearer ${secret}` }),
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  const id = (await makers[path]?.(name)) ?? name;
  const isOwn = path === '/api/v1/me/sessions/{id}';
  const session = /session\}|me\/sessions\/\{/.test(path) ? await newSession(isOwn ? askers.get(actor)?.id : name) : '';
  return handler(request, { params: Promise.resolve({ name, id: isOwn ? session : id, session, tool: `t-${name}` }) });
}

describe.each(Object.entries(routes).filter(([, way]) => way.kind !== 'elsewhere'))('%s', (operation, way) => {
  it('asks for a credential', async () => {
    if (way.kind === 'open') return;
    expect((await ask(operation, way, null)).status).toBe(401);
    expect((await ask(operation, way, 'mcphub_wrong')).status).toBe(401);
  });

  it('answers each role as the table says', async () => {
    if (way.kind === 'open') return;
    const wrong: string[] = [];
    for (const actor of actors) {
      const { secret, things } = askers.get(actor) as Asker;
      if (way.kind === 'list') {
        const response = await ask(`${operation}`, { ...way, query: '?limit=200' } as Way, secret);
        const { data } = (await response.json()) as { data: { name: string }[] };
        const names = data.map(({ name }) => name).filter((name) => Object.values(things[way.of]).includes(name));
        const allowed = scopes.filter((scope) => has(actor, [way.of, 'read'], scope));
        const should = allowed.flatMap((scope) => things[way.of][scope] ?? []);
        if (names.sort().join() !== should.sort().join()) wrong.push(`${actor}: ${names} instead of ${should}`);
        continue;
      }
      for (const { scope, name } of asks(actor, way)) {
        const { status } = await ask(operation, way, secret, actor, name);
        const should = expected(actor, way, scope);
        if (seen(status) !== should)
          wrong.push(`${actor}, ${scope ?? 'nothing'}: ${status} instead of ${should ?? 'ok'}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});

/** Runs something as Next runs a request of a browser. */
async function inRequest<T>(actor: string | null, run: () => Promise<T>): Promise<T> {
  const asker = actor === null ? undefined : askers.get(actor);
  const visit = { method: 'password' as const, address: 'unknown', userAgent: null };
  const session = asker && (await beginBrowserSession(database.db, { userId: asker.id, sessionVersion: 1 }, visit));
  const headers = new Headers({ host: '127.0.0.1:3000', origin });
  if (session) headers.set('cookie', `${sessionCookieNames.http}=${sealBrowserSession(keyring(), session)}`);
  const work = { route: '/', page: '/', isStaticGeneration: false } as never;
  return workAsyncStorage.run(work, () =>
    workUnitAsyncStorage.run({ type: 'request', phase: 'action', headers } as never, run),
  );
}

const codes: Record<string, number> = { UNAUTHENTICATED: 401, FORBIDDEN: 403, NOT_FOUND: 404 };

describe.each(Object.entries(serverActions).filter(([, way]) => way.kind !== 'open' && way.kind !== 'elsewhere'))(
  'the action %s',
  (action, way) => {
    type Run = (input: unknown) => Promise<{ ok: boolean; code?: string }>;
    const find = async (): Promise<Run> => {
      for (const folder of ['groups', 'keys', 'limits', 'roles', 'servers']) {
        const module = await import(/* @vite-ignore */ join(repository, 'app/(dashboard)', folder, 'actions.ts'));
        if (action in module) return module[action];
      }
      throw new Error(`no action ${action}`);
    };

    it('answers nobody, and each role as the table says', async () => {
      const run = await find();
      const wrong: string[] = [];
      const outcome = async (actor: string | null, name: string) => {
        const answer = await inRequest(actor, () => run(way.input?.(name)));
        return answer.ok ? null : (codes[answer.code ?? ''] ?? null);
      };
      if ((await outcome(null, 'x')) !== 401) wrong.push('nobody is let in');
      for (const actor of actors) {
        for (const { scope, name } of asks(actor, way)) {
          // These two take no version, and what they delete is asked for again by others.
          const isFinal = ['deleteGroupAction', 'deleteServerAction'].includes(action);
          const should = expected(actor, way, scope);
          if (isFinal && should === null) continue;
          const status = await outcome(actor, name ?? actor);
          if (status !== should)
            wrong.push(`${actor}, ${scope ?? 'nothing'}: ${status ?? 'ok'} instead of ${should ?? 'ok'}`);
        }
      }
      expect(wrong).toEqual([]);
    });
  },
);

describe.each(Object.entries(pages).filter(([, way]) => way.kind !== 'open' && way.kind !== 'elsewhere'))(
  'the page %s',
  (folder, way) => {
    it('leads nobody anywhere but to the sign-in, and shows each role what the table says', async () => {
      const { default: Page } = await import(/* @vite-ignore */ join(repository, 'app', folder, 'page.tsx'));
      const wrong: string[] = [];
      const outcome = async (actor: string | null, name: string): Promise<string> => {
        try {
          const props = { params: Promise.resolve({ name, id: name }), searchParams: Promise.resolve({}) };
          await inRequest(actor, () => Page(props));
          return 'shown';
        } catch (error) {
          const { digest = String(error) } = error as { digest?: string };
          if (digest.startsWith('NEXT_REDIRECT') && digest.includes('/signin')) return 'sign in';
          return digest === 'NEXT_HTTP_ERROR_FALLBACK;404' ? 'not found' : `failed: ${digest}`;
        }
      };
      const nobody = await outcome(null, 'x');
      if (nobody !== 'sign in') wrong.push(`nobody: ${nobody}`);
      for (const actor of actors) {
        for (const { scope, name } of asks(actor, way)) {
          const found = await outcome(actor, name ?? '');
          const should = expected(actor, way, scope) === null ? 'shown' : 'not found';
          if (found !== should) wrong.push(`${actor}, ${scope ?? 'nothing'}: ${found} instead of ${should}`);
        }
      }
      expect(wrong).toEqual([]);
    });
  },
);

describe('the rooms of the live updates', () => {
  it('are joined by each role as the table says, and by nobody without a session', async () => {
    const { db } = database;
    const live = createLive({
      resolveSession: async (cookie) => (await loadUser(db, askers.get(cookie)?.id ?? randomUUID()))?.actor ?? null,
      serversOf: (actor) => listWatchable(db, actor),
      allowsOrigin: () => true,
      bus: createBus(() => undefined),
      supervisor: { on: () => () => undefined },
      log: silentLog,
      src: 'w',
    });
    const http = createServer();
    http.on('upgrade', live.handleUpgrade);
    await once(http.listen(0, '127.0.0.1'), 'listening');
    const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/live`;
    const sockets: Socket[] = [];
    const connect = (cookie: string) => {
      const socket = io(url, { transports: ['websocket'], forceNew: true, extraHeaders: { cookie, origin } });
      sockets.push(socket);
      return socket;
    };
    try {
      const [refusal] = await once(connect('x') as never, 'connect_error');
      expect(refusal.message).toBe('UNAUTHENTICATED');
      const serverIds = new Map((await db.select().from(servers)).map(({ name, id }) => [name, id]));
      for (const actor of actors) {
        const { id, things } = askers.get(actor) as Asker;
        const socket = connect(actor);
        const [{ revs }] = await once(socket as never, 'live.rooms');
        const idOf = (scope: Scope) => serverIds.get(things.server[scope] ?? '') ?? '';
        const readable = scopes.filter((scope) => has(actor, rooms['server:']?.right as Right, scope));
        const { calls, admin } = rooms;
        const should = [
          `user:${id}`,
          ...(has(actor, calls?.right as Right, 'all') ? ['calls'] : []),
          ...(!has(actor, calls?.right as Right, 'all') && has(actor, calls?.right as Right, 'own')
            ? [`calls:${id}`]
            : []),
          ...(has(actor, admin?.right as Right, 'all') ? ['admin'] : []),
          ...readable.map((scope) => `server:${idOf(scope)}`),
        ];
        const own = new Set(scopes.map((scope) => `server:${idOf(scope)}`));
        const joined = Object.keys(revs).filter((room) => !room.startsWith('server:') || own.has(room));
        expect([actor, ...joined.sort()]).toEqual([actor, ...should.sort()]);
        for (const scope of scopes) {
          const isOpen = await socket.timeout(2000).emitWithAck('log.open', idOf(scope));
          const right = rooms['logs:']?.right as Right;
          expect([actor, scope, isOpen]).toEqual([actor, scope, readable.includes(scope) && has(actor, right, scope)]);
        }
      }
    } finally {
      for (const socket of sockets) socket.disconnect();
      await live.close();
      await new Promise((done) => http.close(done));
    }
  });
});
