// What the consent page and its answer ask of a browser: the cookie of the request, and the user that the page showed.
// The real page and action over a real database; the worker is told apart only by what it is asked.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
// Before its storages, which find AsyncLocalStorage by this.
import 'next/dist/server/node-environment-baseline';
import { workAsyncStorage } from 'next/dist/server/app-render/work-async-storage.external';
import { workUnitAsyncStorage } from 'next/dist/server/app-render/work-unit-async-storage.external';
import { isValidElement } from 'react';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { keyring } from '../../../app/_server/hub';
import { users } from '../../../drizzle/schema';
import { bootstrapAccess, sealBrowserSession, sessionCookieNames } from '../../../lib/access';
import { beginBrowserSession } from '../../../lib/access/browser-sessions';
import type { ConsentView } from '../../../lib/access/schema';
import { parseEnv } from '../../../lib/env';
import { createBus } from '../../../lib/events/bus';
import { singleton } from '../../../lib/singleton';
import { openTestDatabase, silentLog, type TestDatabase } from '../../support/database';

const origin = 'http://127.0.0.1:3000';
const id = 'the-id-of-the-request';
const view: ConsentView = {
  client: { name: 'Editor', host: null },
  redirect: { to: '127.0.0.1', isLocal: true },
  endpoint: null,
  scopes: ['mcp:read'],
};
let database: TestDatabase;
let dataDir: string;
let ada: string;
let bob: string;
let asked: [name: string, body: Record<string, unknown>][] = [];

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'mcphub-consent-'));
  database = await openTestDatabase('embedded');
  const { db } = database;
  (globalThis as { [name: symbol]: unknown })[Symbol.for('mcphub.singletons')] = new Map();
  singleton('env', () => parseEnv({ MCPHUB_DATA_DIR: dataDir, LOG_LEVEL: 'silent' }));
  singleton('web.database', () => Promise.resolve(database));
  singleton('web.bus', () => createBus(() => undefined));
  singleton('web.worker', () => ({
    async call(name: string, body: Record<string, unknown>) {
      asked.push([name, body]);
      return name === 'oauth.consent' ? { ask: view, returnTo: null } : { returnTo: `${origin}/oauth/authorize/x` };
    },
  }));
  await bootstrapAccess({ db, env: {}, log: silentLog });
  const rows = await db
    .insert(users)
    .values([{ username: 'ada' }, { username: 'bob' }])
    .returning();
  [ada, bob] = rows.map((row) => row.id) as [string, string];
});

beforeEach(() => {
  asked = [];
});

afterAll(async () => {
  await database?.close();
  rmSync(dataDir, { recursive: true, force: true });
});

interface Visit {
  /** Id of who is signed in. */
  as?: string;
  /** Of the cookie that the authorization server gave. */
  request?: string;
  origin?: string;
}

async function visit<T>({ as, request, origin: from = origin }: Visit, run: () => Promise<T>): Promise<T> {
  const cookies = request === undefined ? [] : [`mcphub_consent=${request}`];
  if (as !== undefined) {
    const where = { method: 'password' as const, address: 'unknown', userAgent: null };
    const session = await beginBrowserSession(database.db, { userId: as, sessionVersion: 1 }, where);
    cookies.push(`${sessionCookieNames.http}=${sealBrowserSession(keyring(), session)}`);
  }
  const headers = new Headers({ host: '127.0.0.1:3000', origin: from, cookie: cookies.join('; ') });
  const work = { route: '/', page: '/', isStaticGeneration: false } as never;
  return workAsyncStorage.run(work, () =>
    workUnitAsyncStorage.run({ type: 'request', phase: 'action', headers } as never, run),
  );
}

/** The name of the component that the page shows, or where it leads. */
async function page(who: Visit): Promise<string> {
  const { default: Page } = await import('../../../app/(auth)/consent/[id]/page');
  try {
    const shown = await visit(who, () => Page({ params: Promise.resolve({ id }) }));
    return isValidElement(shown) ? (shown.type as { name: string }).name : 'nothing';
  } catch (error) {
    return (error as { digest?: string }).digest?.split(';')[2] ?? String(error);
  }
}

async function decide(who: Visit, userId: string) {
  const { decideConsentAction } = await import('../../../app/(auth)/consent/actions');
  return visit(who, () => decideConsentAction({ id, userId, allow: true }));
}

it('the page asks nothing of a browser in which the request did not begin [T-OAUTH-02]', async () => {
  expect(await page({ as: ada })).toBe('Over');
  expect(await page({ as: ada, request: 'another' })).toBe('Over');
  expect(asked).toEqual([]);
});

it('the page leads to the sign-in, and then asks as who is signed in', async () => {
  expect(await page({ request: id })).toMatch(/^\/signin/);
  expect(await page({ as: ada, request: id })).toBe('ConsentForm');
  expect(asked).toEqual([['oauth.consent', { id, userId: ada }]]);
});

it('an answer counts from that browser, from our own page, and for the user that the page showed [T-OAUTH-02]', async () => {
  const refused: [Visit, string, string][] = [
    [{ request: id }, ada, 'UNAUTHENTICATED'],
    [{ as: ada }, ada, 'NOT_FOUND'],
    [{ as: ada, request: 'another' }, ada, 'NOT_FOUND'],
    [{ as: bob, request: id }, ada, 'CONFLICT'],
    [{ as: ada, request: id, origin: 'https://evil.example' }, ada, 'FORBIDDEN'],
  ];
  for (const [who, userId, code] of refused) expect(await decide(who, userId)).toMatchObject({ ok: false, code });
  expect(asked).toEqual([]);
  expect(await decide({ as: ada, request: id }, ada)).toMatchObject({ ok: true });
  expect(asked).toMatchObject([['oauth.decide', { id, userId: ada, allow: true }]]);
});
