// Every REST route, server action, page and room of the live updates, asked by every role and by nobody about things of
// their own, of their group and of others: the real handlers over a real database, and a real gateway where they ask the
// worker. What is expected comes from policy-table.ts alone, to the status.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
// Before its storages, which find AsyncLocalStorage by this.
import 'next/dist/server/node-environment-baseline';
import { workAsyncStorage } from 'next/dist/server/app-render/work-async-storage.external';
import { workUnitAsyncStorage } from 'next/dist/server/app-render/work-unit-async-storage.external';
import { NextRequest } from 'next/server';
import { io, type Socket } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keyring } from '../../../app/_server/hub';
import { operations } from '../../../app/api/openapi.json/operations';
import { servers } from '../../../drizzle/schema';
import { sealBrowserSession, sessionCookieNames } from '../../../lib/access';
import { beginBrowserSession } from '../../../lib/access/browser-sessions';
import { loadUser } from '../../../lib/access/identities';
import { type Scope, scopes } from '../../../lib/access/schema';
import { type ErrorCode, errorTable } from '../../../lib/errors';
import { createBus } from '../../../lib/events/bus';
import { listWatchable } from '../../../lib/servers';
import { root as repository } from '../../../scripts/prepare.mjs';
import { createLive } from '../../../worker/live';
import { eachDatabase, silentLog } from '../../support/database';
import { prepare } from './matrix-things';
import { type Asker, actors, openWorld, type World } from './matrix-world';
import { has, pages, type Right, rooms, routes, serverActions, type Way } from './policy-table';

const origin = 'http://127.0.0.1:3000';

let world: World;
const askerOf = (actor: string) => world.askers.get(actor) as Asker;

/** What the table says of one thing. @param allowed where nothing stands in the way */
function expected(actor: string, way: Way, scope: Scope | undefined, allowed: number): number {
  const status = way.answer ?? allowed;
  if (way.kind === 'some') return has(actor, way.right, way.scope) ? status : way.hidden ? 404 : 403;
  if (way.kind === 'account') return way.browser && !has(actor, ['user', 'update'], 'own') ? 403 : status;
  if (way.kind !== 'one') return status;
  const { of, action, also = [], within = [], only, not, all, self, hidden, absent = 404 } = way;
  if (only !== undefined && scope !== only) return absent;
  // Keys have no page of their own: there is nothing to be seen before they are deleted.
  if (of === 'key') return has(actor, [of, action], scope) ? status : absent;
  if (!has(actor, [of, 'read'], scope)) return absent;
  const asked = all ? 'all' : scope;
  const isAllowed =
    [[of, action] as Right, ...also].every((right) => has(actor, right, asked)) &&
    (!self || has(actor, ['user', 'update'], 'own'));
  if (!isAllowed || (scope !== undefined && scope === not)) return hidden && !isAllowed ? 404 : 403;
  return within.every((right) => has(actor, right, scope)) ? status : absent;
}

/** The things to ask about; one row without a thing where the way is about none. */
function asks(actor: string, way: Way): { scope?: Scope; name?: string }[] {
  if (way.kind !== 'one') return [{}];
  const things = askerOf(actor).things[way.of];
  return scopes.flatMap((scope) => (things[scope] === undefined ? [] : [{ scope, name: things[scope] as string }]));
}

const variants = <W extends Way>(table: Record<string, W | W[]>) =>
  Object.entries(table).flatMap(([name, ways]) => [ways].flat().map((way) => [name, way as W] as const));

type Handler = (request: NextRequest, context: { params: Promise<Record<string, string>> }) => Promise<Response>;

/**
 * Whether a deletion that is allowed would be made: those that take a version are asked with an outdated one, so that
 * nothing is used up.
 */
const documented = (operation: string) => {
  const [method = '', path = ''] = operation.split(' ');
  return operations[path]?.[method.toLowerCase()];
};
const isOutdated = (operation: string) =>
  operation.startsWith('DELETE ') && documented(operation)?.versioned !== undefined;
const allowedOf = (operation: string) => (isOutdated(operation) ? 412 : (documented(operation)?.status ?? 200));

const asNobody = { actor: null, secret: null };
const withKey = (actor: string) => ({ actor, secret: askerOf(actor).secret });

async function ask(
  operation: string,
  way: Way,
  { actor, secret, cookie }: { actor: string | null; secret?: string | null; cookie?: string },
  name = '',
): Promise<Response> {
  const [method = '', path = ''] = operation.split(' ');
  const file = join(repository, 'app', path.replace(/\{(\w+)\}/g, '[$1]'), 'route.ts');
  const handler: Handler = (await import(/* @vite-ignore */ file))[method];
  const { body: given, query = '' } = way as { body?: object | ((of: string) => object); query?: string };
  const body = typeof given === 'function' ? given(way.kind === 'one' ? name : (actor ?? '')) : given;
  const about = await prepare(world.database.db, path, actor === null ? undefined : askerOf(actor), name, body);
  const request = new NextRequest(`${origin}${path.replace(/\{(\w+)\}/g, (_, part) => about[part] ?? '')}${query}`, {
    method,
    headers: {
      host: '127.0.0.1:3000',
      ...(isOutdated(operation) && { 'if-match': '"999"' }),
      ...(secret && { authorization: `Bearer ${secret}` }),
      ...(cookie && { cookie, origin }),
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  return handler(request, { params: Promise.resolve(about) });
}

/** What somebody saw, so that it can be held against what the table says. */
async function seen(response: Response, way: Way): Promise<number> {
  if (way.kind !== 'one' || !way.inside || response.status !== 200) return response.status;
  return 'error' in ((await response.json()) as object) ? 404 : 200;
}

async function wrongOfList(operation: string, way: Extract<Way, { kind: 'list' }>, actor: string): Promise<string[]> {
  const { things } = askerOf(actor);
  const { rights = [[way.of, 'read']], names: nameOf = ({ name }: { name: string }) => name } = way;
  const response = await ask(operation, way, withKey(actor));
  if (response.status !== 200) return [`${actor}: ${response.status}`];
  const answer = (await response.json()) as { data?: never[]; hits?: never[] };
  const mine = Object.values(things[way.of]);
  const names = (answer.data ?? answer.hits ?? []).map(nameOf).filter((name) => mine.includes(name));
  const allowed = scopes.filter((scope) => rights.every((right) => has(actor, right, scope)));
  const should = allowed.flatMap((scope) => things[way.of][scope] ?? []);
  return names.sort().join() === should.sort().join() ? [] : [`${actor}: ${names} instead of ${should}`];
}

/** What a cell of the table says, and what was there instead. */
const cell = (actor: string, scope: Scope | undefined, found: number | string, should: number | string) =>
  found === should ? [] : [`${actor}, ${scope ?? 'nothing'}: ${found} instead of ${should}`];

/** The cookie of somebody who has just signed in. */
async function cookieOf(actor: string): Promise<string> {
  const visit = { method: 'password' as const, address: 'unknown', userAgent: null };
  const session = await beginBrowserSession(world.database.db, { userId: askerOf(actor).id, sessionVersion: 1 }, visit);
  return `${sessionCookieNames.http}=${sealBrowserSession(keyring(), session)}`;
}

/** Runs something as Next runs a request of a browser. */
async function inRequest<T>(actor: string | null, run: () => Promise<T>): Promise<T> {
  const headers = new Headers({ host: '127.0.0.1:3000', origin });
  // Of a client's request for authorization, as the authorization server set it.
  if (actor !== null) headers.set('cookie', `${await cookieOf(actor)}; mcphub_consent=c`);
  const work = { route: '/', page: '/', isStaticGeneration: false } as never;
  return workAsyncStorage.run(work, () =>
    workUnitAsyncStorage.run({ type: 'request', phase: 'action', headers } as never, run),
  );
}

function matrixOfRoutes() {
  describe.each(variants(routes))('%s', (operation, way) => {
    it('asks for a credential', async () => {
      if (way.kind === 'open') return;
      expect((await ask(operation, way, asNobody)).status).toBe(401);
      expect((await ask(operation, way, { actor: null, secret: 'mcphub_wrong' })).status).toBe(401);
    });

    it('answers each role as the table says', async () => {
      const wrong: string[] = [];
      const allowed = allowedOf(operation);
      if (way.kind === 'open') {
        const { status } = await ask(operation, way, asNobody);
        wrong.push(...cell('nobody', undefined, status, way.answer ?? allowed));
      }
      for (const actor of actors) {
        if (way.kind === 'list') {
          wrong.push(...(await wrongOfList(operation, way, actor)));
          continue;
        }
        for (const { scope, name } of asks(actor, way)) {
          const found = await seen(await ask(operation, way, withKey(actor), name), way);
          const isForKeys = way.kind !== 'account' || !way.browser;
          wrong.push(...cell(actor, scope, found, isForKeys ? expected(actor, way, scope, allowed) : 403));
          if (isForKeys) continue;
          const cookie = await cookieOf(actor);
          const { status } = await inRequest(actor, () => ask(operation, way, { actor, cookie }, name));
          wrong.push(...cell(`${actor} in a browser`, scope, status, expected(actor, way, scope, allowed)));
        }
      }
      expect(wrong).toEqual([]);
    });
  });
}

/** These take no version, so that their things are gone: they come last, and groups after what is in them. */
const finals = ['deleteServerAction', 'deleteGroupAction'];

function matrixOfActions(isOfThese: (action: string) => boolean) {
  const asked = variants(serverActions).filter(
    ([action, way]) => isOfThese(action) && (way.kind !== 'open' || way.input),
  );
  describe.each(asked)('the action %s', (action, way) => {
    type Run = (input: unknown) => Promise<{ ok: boolean; code?: ErrorCode }>;
    const folders = ['(auth)', '(auth)/connections', '(auth)/consent'].concat(
      ['groups', 'keys', 'limits', 'roles', 'servers'].map((folder) => `(dashboard)/${folder}`),
    );
    const find = async (): Promise<Run> => {
      for (const folder of folders) {
        const module = await import(/* @vite-ignore */ join(repository, 'app', folder, 'actions.ts'));
        if (action in module) return module[action];
      }
      throw new Error(`no action ${action}`);
    };

    it('answers nobody, and each role as the table says', async () => {
      const run = await find();
      const wrong: string[] = [];
      const outcome = async (actor: string | null, name: string) => {
        const asker = actor === null ? undefined : askerOf(actor);
        const about = await prepare(world.database.db, action, asker, name);
        const answer = await inRequest(actor, () => run(way.input?.({ ...about, asker: asker?.id ?? '' })));
        return answer.ok ? 200 : errorTable[answer.code as ErrorCode].status;
      };
      const isOpen = way.kind === 'open';
      wrong.push(...cell('nobody', undefined, await outcome(null, 'x'), isOpen ? (way.answer ?? 200) : 401));
      for (const actor of isOpen ? [] : actors) {
        for (const { scope, name } of asks(actor, way)) {
          wrong.push(...cell(actor, scope, await outcome(actor, name ?? actor), expected(actor, way, scope, 200)));
        }
      }
      expect(wrong).toEqual([]);
    });
  });
}

function matrixOfPages() {
  const asked = variants(pages).filter(([, way]) => way.kind !== 'open');
  describe.each(asked)('the page %s', (folder, way) => {
    it('leads nobody anywhere but to the sign-in, and shows each role what the table says', async () => {
      const { default: Page } = await import(/* @vite-ignore */ join(repository, 'app', folder, 'page.tsx'));
      const wrong: string[] = [];
      const outcome = async (actor: string | null, name: string): Promise<string> => {
        try {
          const asker = actor === null ? undefined : askerOf(actor);
          const about = await prepare(world.database.db, folder, asker, name);
          const { state } = about;
          const props = { params: Promise.resolve(about), searchParams: Promise.resolve(way.shows ? { state } : {}) };
          const page = await inRequest(actor, () => Page(props));
          return way.shows?.(page as { props: Record<string, unknown> }) === false ? 'not found' : 'shown';
        } catch (error) {
          const { digest = String(error) } = error as { digest?: string };
          if (digest.startsWith('NEXT_REDIRECT') && digest.includes('/signin')) return 'sign in';
          return digest === 'NEXT_HTTP_ERROR_FALLBACK;404' ? 'not found' : `failed: ${digest}`;
        }
      };
      wrong.push(...cell('nobody', undefined, await outcome(null, 'x'), 'sign in'));
      for (const actor of actors) {
        for (const { scope, name } of asks(actor, way)) {
          const should = expected(actor, way, scope, 200) === 200 ? 'shown' : 'not found';
          wrong.push(...cell(actor, scope, await outcome(actor, name ?? ''), should));
        }
      }
      expect(wrong).toEqual([]);
    });
  });
}

function matrixOfRooms() {
  describe('the rooms of the live updates', () => {
    it('are joined by each role as the table says, and by nobody without a session', async () => {
      const { db } = world.database;
      const live = createLive({
        resolveSession: async (cookie) =>
          (await loadUser(db, world.askers.get(cookie)?.id ?? randomUUID()))?.actor ?? null,
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
          const { id, things } = askerOf(actor);
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
            expect([actor, scope, isOpen]).toEqual([
              actor,
              scope,
              readable.includes(scope) && has(actor, right, scope),
            ]);
          }
        }
      } finally {
        for (const socket of sockets) socket.disconnect();
        await live.close();
        await new Promise((done) => http.close(done));
      }
    });
  });
}

eachDatabase('the matrix', (kind) => {
  beforeAll(async () => {
    world = await openWorld(kind);
  }, 60_000);
  afterAll(() => world.close());

  matrixOfRoutes();
  // The rest asks the same verbs, and costs as much again.
  if (kind !== 'embedded') return;
  matrixOfActions((action) => !finals.includes(action));
  matrixOfPages();
  matrixOfRooms();
  for (const final of finals) matrixOfActions((action) => action === final);
});
