// A running hub whose users sign in to servers themselves: each reaches a server as who it is there. Real programs on
// both sides: the hub, an authorization server, an MCP server that tells callers who they are.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitationCompleteNotificationSchema, ErrorCode } from '@modelcontextprotocol/sdk/types.js';
import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { roles, servers, upstreamCredentials, userRoles, users } from '../../../drizzle/schema';
import { createKey, createVault, loadKeyring, systemActor } from '../../../lib/access';
import { createControlClient } from '../../../lib/control';
import { deleteConnection, setConnection } from '../../../lib/credentials';
import { type Database, openDatabase } from '../../../lib/db';
import { socketPaths } from '../../../lib/env';
import type { Bus } from '../../../lib/events/bus';
import { root } from '../../../scripts/prepare.mjs';
import { silentLog } from '../../support/database';
import { type Hub, startHub } from '../../support/hub';
import { openSession, statuses, untilShown } from '../../support/hub-client';
import { modernPost } from '../../support/modern';
import { type OAuthUpstream, startOAuthUpstream } from '../../support/oauth-upstream';
import { until } from '../../support/until';

interface Person {
  id: string;
  name: string;
  key: string;
}

const who = (account: string) => [{ type: 'text', text: account }];
const program = join(root, 'tests/support/servers/stdio.mjs');
let upstream: OAuthUpstream;
let echo: Server;
let hub: Hub;
let database: Database;
let ada: Person;
let bob: Person;
let eve: Person;

/** An MCP server without sessions that answers with a header of the request. */
function startEcho(): Promise<Server> {
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    const { id, method } = JSON.parse(text || '{}');
    const results: Record<string, unknown> = {
      initialize: {
        protocolVersion: '2025-06-18',
        capabilities: { tools: {} },
        serverInfo: { name: 'echo', version: '1' },
      },
      'tools/list': { tools: [{ name: 'header', inputSchema: { type: 'object' } }] },
      'tools/call': { content: who(String(request.headers['x-own-key'])) },
      ping: {},
    };
    if (id === undefined) return void response.writeHead(202).end();
    if (request.headers['x-own-key'] === undefined) return void response.writeHead(401).end();
    const result = results[method];
    const error = { code: -32601, message: 'unknown' };
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ jsonrpc: '2.0', id, ...(result ? { result } : { error }) }));
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

const control = () => createControlClient(socketPaths(hub.dataDir).worker);

/** As the web program tells its worker. */
const bus = {
  emit: (name: string, payload: object) => control().call('events.deliver', { name, payload } as never),
} as unknown as Bus;

function contextOf({ id, name }: Pick<Person, 'id' | 'name'>) {
  const permissions = [
    { resource: 'key' as const, action: 'create' as const, scope: 'own' as const },
    { resource: 'server' as const, action: 'read' as const, scope: 'all' as const },
    { resource: 'user' as const, action: 'update' as const, scope: 'own' as const },
  ];
  const actor = { ...systemActor(name), kind: 'user' as const, id, userId: id, name, permissions };
  const vault = createVault(loadKeyring({ MCPHUB_DATA_DIR: hub.dataDir }));
  return { actor, db: database.db, bus, vault, requestId: 'test' };
}

async function person(name: string): Promise<Person> {
  const { db } = database;
  const [row] = await db.insert(users).values({ username: name }).returning();
  const [role] = await db.select().from(roles).where(eq(roles.name, 'manager'));
  if (!row || !role) throw new Error('no row');
  await db.insert(userRoles).values({ userId: row.id, roleId: role.id });
  const { secret } = await createKey(contextOf({ id: row.id, name }), { name: 'k' });
  return { id: row.id, name, key: secret };
}

async function idOf(name: string): Promise<string> {
  const [row] = await database.db.select({ id: servers.id }).from(servers).where(eq(servers.name, name));
  return row?.id ?? '';
}

async function connect({ id, name }: Person, server = 'who', forUser = true): Promise<void> {
  const serverId = await idOf(server);
  const { url } = await control().call('credentials.begin', { serverId, startedBy: id, forUser });
  const { searchParams } = await upstream.signIn(url, `${name}@there`);
  const value = (each: string) => searchParams.get(each) ?? undefined;
  const answer = { state: value('state') ?? '', code: value('code'), iss: value('iss'), userId: id };
  expect(await control().call('credentials.finish', answer)).toEqual({ serverId });
}

async function call({ key }: Pick<Person, 'key'>, tool = 'who__whoami') {
  const session = await openSession(hub, { key });
  return (await session.call(tool)).json;
}

beforeAll(async () => {
  upstream = await startOAuthUpstream();
  echo = await startEcho();
  const oauth = (per: string) => ({ url: upstream.url, credential: { kind: 'oauth', per } });
  const field = { name: 'key', label: 'Your key' };
  hub = await startHub({
    config: {
      mcpServers: {
        who: oauth('user'),
        shared: oauth('hub'),
        old: { ...oauth('user'), type: 'sse', url: upstream.sseUrl },
        header: {
          url: `http://127.0.0.1:${(echo.address() as AddressInfo).port}/mcp`,
          credential: { kind: 'static', per: 'user', fields: [{ ...field, header: 'X-Own-Key' }] },
        },
        program: {
          command: process.execPath,
          args: ['--input-type=module', '-e', `console.error('My key is', process.env.OWN_KEY);import('${program}')`],
          isolation: 'user',
          credential: { kind: 'static', per: 'user', fields: [{ ...field, env: 'OWN_KEY' }] },
        },
      },
    },
  });
  const socketDir = socketPaths(hub.dataDir).databaseDir;
  database = await openDatabase({ url: undefined, socketDir, log: silentLog, wait: false });
  [ada, bob, eve] = [await person('ada'), await person('bob'), await person('eve')];
});

afterAll(async () => {
  await database?.close();
  await hub?.stop();
  echo?.close();
  await upstream?.close();
});

describe('a server that each user signs in to', () => {
  it('waits for the first of them, and says so', async () => {
    const status = await untilShown(hub, 'who', ({ state }) => state === 'needs-auth');
    expect(status.message).toContain('Nobody has connected yet.');
  });

  it('fails its test with the page to sign in at, and passes it afterwards', async () => {
    const tested = async (body: object) => {
      const { stages } = await control().call('servers.test', body as { id: string });
      return stages.find(({ state }) => state === 'failed');
    };
    const id = await idOf('who');
    const failed = await tested({ id });
    expect(failed?.cause).toContain(`${hub.url}/connections/who`);
    expect(failed?.fix).toMatch(/Sign in on that page/);
    const plain = { name: 'new', type: 'streamable-http', url: upstream.url };
    expect((await tested({ server: plain }))?.fix).toMatch(/sign-in by OAuth/);
    await connect(ada);
    expect(await tested({ id })).toBeUndefined();
  });

  it('publishes what authorization servers want to know of the hub', async () => {
    const document = await fetch(`${hub.url}/oauth/client.json`);
    expect(document.headers.get('content-type')).toBe('application/json');
    expect(await document.json()).toMatchObject({
      client_id: `${hub.url}/oauth/client.json`,
      redirect_uris: [`${hub.url}/connections/callback`],
      application_type: 'native',
    });
  });

  it('is reached by two users as two, at the same time, also with keys', async () => {
    await Promise.all([connect(ada).then(() => connect(bob))]);
    await untilShown(hub, 'who', ({ state, tools }) => state === 'ready' && tools === 2);
    const calls = Array.from({ length: 10 }, (_, at) => (at % 2 === 0 ? ada : bob));
    const answers = await Promise.all(
      calls.map(async (each) => [each.name, (await call(each)).result.content] as const),
    );
    for (const [name, content] of answers) expect(content).toEqual(who(`${name}@there`));
    for (const { key } of [ada, bob]) for (const seen of upstream.seen) expect(seen).not.toContain(key);
  });

  it('shows its tools to who has not connected, and answers a call with the page to do it', async () => {
    const session = await openSession(hub, { key: eve.key });
    expect(await session.tools()).toContain('who__whoami');
    const url = `${hub.url}/connections/who`;
    const plain = (await session.call('who__whoami')).json.result;
    expect(plain).toMatchObject({ isError: true });
    expect(plain.content[0].text).toContain(url);
    const call = { name: 'who__whoami', arguments: {} };
    const asked = await modernPost(hub, 'tools/call', call, {
      key: eve.key,
      capabilities: { elicitation: { url: {} } },
    });
    const { result } = await asked.json();
    expect(result).toMatchObject({
      resultType: 'input_required',
      inputRequests: { 'input-1': { method: 'elicitation/create', params: { mode: 'url', url } } },
    });
    await connect(eve);
    const retry = { ...call, requestState: result.requestState, inputResponses: { 'input-1': { action: 'accept' } } };
    const done = await modernPost(hub, 'tools/call', retry, {
      key: eve.key,
      capabilities: { elicitation: { url: {} } },
    });
    expect((await done.json()).result.content).toEqual(who('eve@there'));
  });

  it('gets one new token for twenty calls that met a refusal, and each of them is repeated [F-HTTP-06]', async () => {
    const session = await openSession(hub, { key: ada.key });
    await session.call('who__whoami');
    upstream.refuseTokens();
    const before = { ...upstream.grants };
    const answers = await Promise.all(Array.from({ length: 20 }, () => session.call('who__whoami')));
    for (const { json } of answers) expect(json.result.content).toEqual(who('ada@there'));
    expect(upstream.grants.refresh_token).toBe((before.refresh_token ?? 0) + 1);
  });

  it('that refuses new tokens too is asked once more, not for ever', async () => {
    upstream.refuseAll = true;
    const { refusals } = upstream;
    try {
      const { result } = await call(bob);
      expect(result.isError).toBe(true);
      expect(result.content[0].text).toMatch(/refuses the token, and a new one too/);
      expect(upstream.refusals - refusals).toBeLessThanOrEqual(4);
    } finally {
      upstream.refuseAll = false;
    }
    expect((await call(bob)).result.content).toEqual(who('bob@there'));
  });

  it('is left when a user takes the sign-in back, and nobody else notices', async () => {
    const { revocations } = upstream;
    await deleteConnection(contextOf(bob), 'who');
    await until(async () => (await call(bob)).result.isError === true, 5_000);
    await until(() => upstream.revocations === revocations + 2, 5_000);
    expect((await call(eve)).result.content).toEqual(who('eve@there'));
    expect((await call(ada)).result.content).toEqual(who('ada@there'));
  });

  it('whose token cannot be renewed says so to its user, and in the list of connections', async () => {
    await connect(bob);
    upstream.forgetGrants();
    upstream.refuseTokens();
    const { result } = await call(bob);
    expect(result.content[0].text).toContain('invalid_grant');
    const [row] = await database.db.select().from(upstreamCredentials).where(eq(upstreamCredentials.userId, bob.id));
    expect(row?.fault).toContain('invalid_grant');
  });
});

describe.each(['streamable HTTP', 'HTTP+SSE'])('the official client of 2025-11-25 over %s', (way) => {
  async function open(each: Person, capabilities: object) {
    const headers = { authorization: `Bearer ${each.key}` };
    const transport =
      way === 'HTTP+SSE'
        ? new SSEClientTransport(new URL(`${hub.mcpUrl}/sse`), {
            requestInit: { headers },
            eventSourceInit: {
              fetch: (url, init) => fetch(url, { ...init, headers: { ...init.headers, ...headers } }),
            },
          })
        : new StreamableHTTPClientTransport(new URL(hub.mcpUrl), { requestInit: { headers } });
    const client = new Client({ name: 'official', version: '1' }, { capabilities });
    const done: string[] = [];
    client.setNotificationHandler(ElicitationCompleteNotificationSchema, ({ params }) => {
      done.push(params.elicitationId);
    });
    await client.connect(transport);
    return { client, done };
  }

  const attempts = ({ client }: { client: Client }) => [
    () => client.callTool({ name: 'who__whoami' }),
    () => client.getPrompt({ name: 'who__who' }),
    () => client.readResource({ uri: 'who://me' }),
  ];

  it('is led to the page to connect by whatever it asks for, hears when that is done, and goes on', async () => {
    const fay = await person(`fay-${way.length}`);
    const gus = await person(`gus-${way.length}`);
    const [mine, theirs] = [
      await open(fay, { elicitation: { url: {} } }),
      await open(gus, { elicitation: { url: {} } }),
    ];
    const ids = new Set<string>();
    for (const attempt of [...attempts(mine), ...attempts(theirs).slice(0, 1)]) {
      const error = await attempt().then(
        () => null,
        (thrown: { code?: number; elicitations?: { elicitationId: string; mode: string; url: string }[] }) => thrown,
      );
      expect(error?.code).toBe(ErrorCode.UrlElicitationRequired);
      expect(error?.elicitations).toEqual([
        expect.objectContaining({ mode: 'url', url: `${hub.url}/connections/who` }),
      ]);
      ids.add(error?.elicitations?.[0]?.elicitationId ?? '');
    }
    const [id, theirId] = [...ids];
    expect(ids.size).toBe(2);
    await connect(fay);
    await until(() => mine.done.length > 0, 5_000);
    expect(mine.done).toEqual([id]);
    expect(theirs.done).not.toContain(theirId);
    for (const attempt of attempts(mine)) expect(JSON.stringify(await attempt())).toContain(`${fay.name}@there`);
    await Promise.all([mine.client.close(), theirs.client.close()]);
  });

  it('that shows no pages is told where to go', async () => {
    const { client } = await open(await person(`hal-${way.length}`), {});
    const [call, prompt, read] = attempts({ client });
    expect(await call?.()).toMatchObject({ isError: true });
    const refusal = { code: 1005, data: { url: `${hub.url}/connections/who` } };
    for (const attempt of [prompt, read]) await expect(attempt?.()).rejects.toMatchObject(refusal);
    await client.close();
  });
});

describe('a server over HTTP+SSE', () => {
  it('that refuses a token is sent the call again with a new one, and nothing that it had taken', async () => {
    await connect(ada, 'old');
    const session = await openSession(hub, { key: ada.key });
    // It is listed once somebody has connected.
    await until(async () => (await session.tools()).includes('old__whoami'), 10_000);
    expect((await session.call('old__whoami')).json.result.content).toEqual(who('ada@there'));
    let go: () => void = () => {};
    upstream.waits = new Promise((resolve) => {
      go = resolve;
    });
    upstream.ran = {};
    const waiting = session.call('old__wait');
    await until(() => upstream.ran.wait === 1, 5_000);
    upstream.refuseTokens();
    const before = upstream.grants.refresh_token ?? 0;
    const answers = await Promise.all(Array.from({ length: 5 }, () => session.call('old__whoami')));
    for (const { json } of answers) expect(json.result.content).toEqual(who('ada@there'));
    go();
    expect((await waiting).json.result.content).toEqual(who('ada@there'));
    expect(upstream.ran).toEqual({ wait: 1, whoami: 5 });
    expect(upstream.grants.refresh_token).toBe(before + 1);
  });

  it('that wants more rights than were granted leads to the page that asks for them', async () => {
    upstream.neededScope = 'write';
    try {
      const { result } = await call(ada, 'old__whoami');
      expect(result.isError).toBe(true);
      expect(result.content[0].text).toMatch(/connections\/old\. More rights are needed/);
    } finally {
      upstream.neededScope = '';
    }
  });
});

describe('a server that the hub signs in to for all', () => {
  it('says that it needs a sign-in, and serves everybody after it', async () => {
    await untilShown(hub, 'shared', ({ state }) => state === 'needs-auth');
    await connect(ada, 'shared', false);
    await untilShown(hub, 'shared', ({ state }) => state === 'ready');
    for (const each of [bob, eve])
      expect((await call(each, 'shared__whoami')).result.content).toEqual(who('ada@there'));
  });
});

describe('own keys of users', () => {
  it('reach a remote server in its header, each with its user', async () => {
    for (const each of [ada, bob]) {
      await setConnection(contextOf(each), 'header', { values: { key: `planted-key-of-${each.name}` } });
    }
    await untilShown(hub, 'header', ({ state }) => state === 'ready');
    for (const each of [bob, ada, bob]) {
      expect((await call(each, 'header__header')).result.content).toEqual(who(`planted-key-of-${each.name}`));
    }
    expect((await call(eve, 'header__header')).result.isError).toBe(true);
  });

  it('reach a program in its environment, each with its user', async () => {
    for (const each of [ada, bob]) {
      await setConnection(contextOf(each), 'program', { values: { key: `planted-key-of-${each.name}` } });
    }
    await untilShown(hub, 'program', ({ state }) => state === 'ready');
    for (const each of [bob, ada]) {
      const { result } = await call(each, 'program__env');
      expect(JSON.stringify(result)).toContain(`planted-key-of-${each.name}`);
    }
  });

  it('and tokens are in no log of the hub', async () => {
    expect(Object.keys(await statuses(hub))).toContain('program');
    for (const seen of upstream.seen) expect(hub.logs()).not.toContain(seen.slice('Bearer '.length));
    expect(hub.logs()).not.toContain('planted-key');
    const { lines } = await control().call('servers.logs', { id: await idOf('program'), after: 0, limit: 500 });
    const told = lines.map(({ text }) => text).join('\n');
    expect(told).toContain('My key is [redacted]');
    expect(told).not.toContain('planted-key');
  });
});
