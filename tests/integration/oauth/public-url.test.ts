// Behind a proxy that serves the hub below a path and by https: all addresses and cookies are those that browsers see.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eq } from 'drizzle-orm';
import pino from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { oauthRecords } from '../../../drizzle/schema';
import { createKeyring } from '../../../lib/access';
import { createBus } from '../../../lib/events/bus';
import { createOauth } from '../../../worker/oauth';
import { openTestDatabase, type TestDatabase } from '../../support/database';
import { read } from '../../support/hub-client';
import { authorizationQuery, newPkce, registerClient } from '../../support/oauth-client';

const issuer = 'https://hub.example/tools';
let database: TestDatabase;
let front: Server;
let url: string;

beforeAll(async () => {
  database = await openTestDatabase('embedded');
  const oauth = createOauth({
    db: database.db,
    bus: createBus(() => {}),
    keyring: createKeyring(Buffer.alloc(32, 7)),
    log: pino({ level: 'silent' }),
    issuer,
    fetchDocument: () => Promise.reject(new Error('no documents here')),
  });
  front = createServer((request, response) => oauth.handle(request, response));
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
});

afterAll(async () => {
  front?.closeAllConnections();
  front?.close();
  await database?.close();
});

it('metadata is at the root and with the path inserted, and believes no header [N-AUTH-08]', async () => {
  for (const path of ['', '/tools']) {
    const headers = { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'http' };
    const { json } = await read(await fetch(`${url}/.well-known/oauth-authorization-server${path}`, { headers }));
    expect([json.issuer, json.token_endpoint]).toEqual([issuer, `${issuer}/oauth/token`]);
  }
});

it('a request goes on below the path, with cookies that travel by https alone', async () => {
  const { json } = await registerClient(url);
  const query = authorizationQuery(json.client_id, newPkce(), { resource: `${issuer}/api/mcp/one` });
  const answer = await fetch(`${url}/oauth/authorize?${query}`, {
    redirect: 'manual',
    headers: { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'http' },
  });
  const location = answer.headers.get('location') ?? '';
  expect(location.startsWith(`${issuer}/consent/`)).toBe(true);
  const id = location.slice(`${issuer}/consent/`.length);
  const cookies = answer.headers.getSetCookie().filter((line) => !line.includes('.sig='));
  expect(cookies.map((line) => /^(\w+)=.*; path=([^;]+);/.exec(line)?.slice(1))).toEqual([
    ['mcphub_consent', `/tools/consent/${id}`],
    ['mcphub_resume', `/tools/oauth/authorize/${id}`],
  ]);
  const rows = await database.db.select().from(oauthRecords).where(eq(oauthRecords.model, 'Interaction'));
  expect(rows.map(({ payload }) => payload.returnTo)).toEqual([`${issuer}/oauth/authorize/${id}`]);
  for (const line of cookies) expect(line.toLowerCase()).toMatch(/; samesite=lax; secure; httponly/);
});

it('too many registrations from one address are asked to wait', async () => {
  let last = await registerClient(url);
  for (let count = 0; count < 70 && last.status === 201; count += 1) last = await registerClient(url);
  expect([last.status, last.json.error]).toEqual([429, 'temporarily_unavailable']);
  expect(Number(last.headers.get('retry-after'))).toBeGreaterThan(0);
});
