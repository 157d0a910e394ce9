// Secrets that were given to a whole hub: each reaches the one program or request that it is for, and is found nowhere else,
// neither in what the hub tells nor in what it stores.
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { io } from 'socket.io-client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openDatabase } from '../../../lib/db';
import { runtimeDir } from '../../../lib/env';
import { root } from '../../../scripts/prepare.mjs';
import { silentLog } from '../../support/database';
import { type Hub, startHub, treeOf } from '../../support/hub';
import { type Answer, openSession, read, rest, statuses } from '../../support/hub-client';
import { until } from '../../support/until';

const program = join(root, 'tests/support/servers/stdio.mjs');
const planted = {
  inFile: 'planted value of the file 1',
  inEnv: 'planted value of a variable 2',
  inHeader: 'planted-value-of-a-header-3',
  inBearer: 'planted-value-of-a-bearer-4',
  inSecrets: 'planted value among secrets 5',
  inAuth: 'planted-value-of-an-api-key-6',
  pasted: 'planted value that was pasted 7',
  refused: 'planted value that was refused 8',
  tested: 'planted value of a test 9',
  ofUser: 'planted-value-of-a-user-10',
  ofClient: 'planted-value-of-a-client-11',
};

let hub: Hub;
/** Refuses all, and says what it was given. */
let mirror: Server;
const seen: string[] = [];
const told: Record<string, string[]> = { answers: [], pages: [], frames: [] };

const ask = async (method: string, path: string, body?: unknown): Promise<Answer> => {
  const answer = await rest(hub, method, path, body);
  told.answers?.push(answer.text);
  return answer;
};
const stdio = (name: string, more: object = {}) => ({
  name,
  type: 'stdio',
  command: process.execPath,
  args: [program],
  ...more,
});
const found = (text: string) => Object.values(planted).filter((secret) => text.includes(secret));
const shows = (name: string, state: string) =>
  until(async () => (await statuses(hub))[name]?.state === state, 20_000, hub.logs);

beforeAll(async () => {
  mirror = createServer((request, response) => {
    seen.push(`${request.headers['x-key']} ${request.headers.authorization}`);
    if (request.url === '/openapi.json') {
      const paths = { '/pets': { get: { operationId: 'pets', security: [{ key: [] }] } } };
      const components = { securitySchemes: { key: { type: 'apiKey', in: 'header', name: 'X-Key' } } };
      response.end(JSON.stringify({ openapi: '3.0.3', info: { title: 'x', version: '1' }, paths, components }));
      return;
    }
    response.writeHead(403).end(`you sent ${request.headers['x-key']} and ${request.headers.authorization}`);
  });
  await new Promise<void>((resolve) => void mirror.listen(0, '127.0.0.1', resolve));
  hub = await startHub({
    web: true,
    config: { mcpServers: { filed: { command: process.execPath, args: [program], env: { A_TOKEN: planted.inFile } } } },
  });
  await shows('filed', 'ready');
}, 400_000);

afterAll(async () => {
  await hub?.stop();
  mirror?.close();
  rmSync(hub.dataDir, { recursive: true, force: true });
});

/** What an admin's socket receives while `run` runs. */
async function watched(cookie: string, run: () => Promise<unknown>): Promise<void> {
  const extraHeaders = { cookie, origin: hub.url };
  const socket = io(`${hub.url}/live`, { transports: ['websocket'], reconnection: false, extraHeaders });
  const frames = told.frames as string[];
  try {
    socket.onAny((...frame) => void frames.push(JSON.stringify(frame)));
    await until(() => frames.some((frame) => frame.includes('live.rooms')), 5_000);
    await run();
  } finally {
    socket.close();
  }
}

async function signIn(): Promise<string> {
  const cookiesOf = (response: Response) => response.headers.getSetCookie().map((each) => each.split(';')[0]);
  const csrf = await fetch(`${hub.url}/api/auth/csrf`);
  const { csrfToken } = (await csrf.json()) as { csrfToken: string };
  const signedIn = await fetch(`${hub.url}/api/auth/callback/credentials`, {
    method: 'POST',
    redirect: 'manual',
    headers: {
      origin: hub.url,
      cookie: cookiesOf(csrf).join('; '),
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams({ ...hub.admin, csrfToken, json: 'true' }),
  });
  return cookiesOf(signedIn).join('; ');
}

it('reach what they are for', async () => {
  const address = `http://127.0.0.1:${(mirror.address() as AddressInfo).port}`;
  const cookie = await signIn();
  await watched(cookie, async () => {
    const env = { PASSWORD: planted.inEnv, FROM_SECRETS: 'k ${KEY}' };
    expect((await ask('POST', '/servers', stdio('made', { env, secrets: { KEY: planted.inSecrets } }))).status).toBe(
      201,
    );
    await ask('POST', '/servers', stdio('other'));
    const script = 'console.error(process.env.PASSWORD, process.env.FROM_SECRETS); process.exit(3)';
    await ask('POST', '/servers', {
      ...stdio('noisy', { env, secrets: { KEY: planted.inSecrets } }),
      args: ['-e', script],
    });
    const headers = { 'X-Key': planted.inHeader, Authorization: `Bearer ${planted.inBearer}` };
    await ask('POST', '/servers', { name: 'remote', type: 'streamable-http', url: `${address}/mcp`, headers });
    const openapi = {
      documentUrl: `${address}/openapi.json`,
      baseUrl: address,
      auth: { key: { value: planted.inAuth } },
    };
    expect((await ask('POST', '/servers', { name: 'api', type: 'openapi', openapi })).status).toBe(201);
    const fields = [{ name: 'key', label: 'Key', header: 'X-Key' }];
    const personal = { name: 'personal', type: 'streamable-http', url: `${address}/mcp` };
    await ask('POST', '/servers', { ...personal, credential: { kind: 'static', per: 'user', fields } });
    expect((await ask('PUT', '/connections/personal', { values: { key: planted.ofUser } })).status).toBe(200);
    expect((await ask('PUT', '/connections/personal', { values: { other: planted.ofUser } })).status).toBe(400);
    const client = { kind: 'oauth', per: 'hub', clientId: 'x', clientSecret: planted.ofClient };
    expect((await ask('POST', '/servers', { ...personal, name: 'signed', credential: client })).status).toBe(201);
    const pasted = JSON.stringify({
      mcpServers: { pasted: { command: process.execPath, args: [program], env: { SOME_KEY: planted.pasted } } },
    });
    expect((await ask('POST', '/import', { text: pasted, dryRun: true })).status).toBe(200);
    expect((await ask('POST', '/import', { text: pasted })).status).toBe(200);
    const refused = stdio('bad', { env: { LD_PRELOAD: planted.refused, FROM: `${planted.refused} \${NONE}` } });
    expect((await ask('POST', '/servers', refused)).status).toBe(400);
    await ask('POST', '/tests', stdio('tried', { env: { A_KEY: planted.tested } }));
    await ask('POST', '/servers/noisy/test');
    await ask('PATCH', '/servers/made', { env: { MORE: planted.inEnv } });
    for (const name of ['made', 'other', 'pasted', 'api']) await shows(name, 'ready');
    await until(async () => (await statuses(hub)).remote?.message != null, 20_000, hub.logs);
    await until(async () => (await statuses(hub)).noisy?.lastExit != null, 20_000, hub.logs);
  });
  const envOf = async (name: string) => {
    const { json } = await (await openSession(hub, { endpoint: `/${name}` })).call('env');
    return json.result.content[0].text as string;
  };
  // The program that runs the former settings serves until the one with the changed settings is ready.
  await until(async () => (await envOf('made')).includes('MORE'), 20_000, hub.logs);
  expect(JSON.parse(await envOf('made'))).toMatchObject({
    PASSWORD: planted.inEnv,
    FROM_SECRETS: `k ${planted.inSecrets}`,
    MORE: planted.inEnv,
  });
  expect(found(await envOf('other'))).toEqual([]);
  expect(JSON.parse(await envOf('pasted')).SOME_KEY).toBe(planted.pasted);
  expect(seen).toContain(`${planted.inHeader} Bearer ${planted.inBearer}`);
  await until(() => seen.includes(`${planted.ofUser} undefined`), 20_000, hub.logs);
  const session = await openSession(hub, { endpoint: '/api' });
  told.answers?.push((await session.call('pets')).text);
  expect(seen).toContain(`${planted.inAuth} undefined`);
}, 90_000);

it('are put under a new key while servers run, by an administrator, and go on to reach them', async () => {
  const before = (await statuses(hub)).made?.instances[0]?.pid;
  const answer = await ask('POST', '/settings/secrets/rotate');
  expect([answer.status, answer.json]).toEqual([200, { key: 'k2', values: expect.any(Number), closed: 0 }]);
  expect(answer.json.values).toBeGreaterThan(8);
  expect((await ask('PATCH', '/servers/other', { description: 'a look at all servers' })).status).toBe(200);
  await shows('made', 'ready');
  expect((await statuses(hub)).made?.instances[0]?.pid).toBe(before);
  const { json: restarted } = await ask('POST', '/servers/pasted/restart');
  expect(restarted.needsReentry).toEqual([]);
  await shows('pasted', 'ready');
});

it('are in nothing that the hub tells', async () => {
  const cookie = await signIn();
  const names = ['filed', 'made', 'other', 'noisy', 'remote', 'api', 'pasted', 'personal', 'signed'];
  await until(async () => (await ask('GET', '/calls')).json.data.length > 3, 5_000);
  for (const path of [
    ...names.flatMap((name) => [`/servers/${name}`, `/servers/${name}/logs`, `/servers/${name}/instances`]),
    ...['/connections', '/connections/personal', '/servers/personal/connections'],
    ...['/servers', '/calls', '/audit', '/audit/export?format=csv', '/audit/export?format=ndjson', '/hub', '/tools'],
  ]) {
    const { status } = await ask('GET', path);
    expect([path, status]).toEqual([path, 200]);
  }
  const pages = [
    '/',
    '/account',
    '/connections/personal',
    '/servers',
    '/calls',
    '/audit',
    ...names.map((name) => `/servers/${name}?tab=config`),
  ];
  for (const page of pages) {
    for (const headers of [{ cookie }, { cookie, rsc: '1' }]) {
      const { status, text } = await read(await fetch(hub.url + page, { headers: headers as Record<string, string> }));
      expect([page, status]).toEqual([page, 200]);
      told.pages?.push(text);
    }
  }
  expect(told.pages?.join('')).toContain('FROM_SECRETS');
  for (const path of ['/metrics', '/readyz', '/healthz', '/api/openapi.json']) {
    told.answers?.push(await (await fetch(hub.url + path)).text());
  }
  const family = treeOf(hub.pid('launcher') ?? 0);
  const argv = family.map(({ pid }) => readFileSync(`/proc/${pid}/cmdline`, 'latin1'));
  const everything = { ...told, logs: [hub.logs()], argv };
  expect(Object.entries(everything).map(([where, texts]) => [where, texts.flatMap(found)])).toEqual(
    Object.keys(everything).map((where) => [where, []]),
  );
  // Of all programs, each has those that it was given.
  const held = family
    .map(({ pid }) => found(readFileSync(`/proc/${pid}/environ`, 'latin1')).sort())
    .filter((each) => each.length > 0);
  expect(held.sort()).toEqual([[planted.inEnv, planted.inSecrets].sort(), [planted.inFile], [planted.pasted]].sort());
}, 60_000);

it('are in no table, and after the end of the hub in no file', async () => {
  const database = await openDatabase({ socketDir: runtimeDir(hub.dataDir), log: silentLog });
  const names = await database.db.execute<{ name: string }>(
    sql`select quote_ident(table_schema) || '.' || quote_ident(table_name) as name from information_schema.tables
      where table_schema not in ('pg_catalog', 'information_schema') and table_type = 'BASE TABLE'`,
  );
  expect(names.length).toBeGreaterThan(10);
  for (const { name } of names) {
    const rows = await database.db.execute(sql.raw(`select t::text as row from ${name} t`));
    expect([name, found(JSON.stringify(rows))]).toEqual([name, []]);
  }
  await database.close();
  await hub.stop({ keepData: true });
  const files = readdirSync(hub.dataDir, { recursive: true, withFileTypes: true })
    // The servers file is the operator's own.
    .filter((entry) => entry.isFile() && entry.name !== 'mcp.json')
    .map((entry) => join(entry.parentPath, entry.name));
  const texts = files.map((file) => ({ file, text: readFileSync(file, 'latin1') }));
  expect(texts.some(({ text }) => text.includes('FROM_SECRETS'))).toBe(true);
  expect(texts.filter(({ text }) => found(text).length > 0).map(({ file }) => file)).toEqual([]);
  // The master key is beside the database, and not in it.
  const key = readFileSync(join(hub.dataDir, 'master.key'), 'utf8').trim();
  expect(texts.filter(({ text }) => text.includes(key)).map(({ file }) => file)).toEqual([
    join(hub.dataDir, 'master.key'),
  ]);
}, 60_000);
