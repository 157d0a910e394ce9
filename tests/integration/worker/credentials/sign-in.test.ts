// The hub as an OAuth client of a real authorization server: discovery, registration, the code flow, renewal.
import { randomBytes, randomUUID } from 'node:crypto';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { desc, eq, like, sql } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { auditLogs, givenUpTokens, servers, upstreamCredentials, users } from '../../../../drizzle/schema';
import { createKeyring, createVault, systemActor } from '../../../../lib/access';
import { createOpener } from '../../../../lib/access/vault/open';
import { deleteServerConnection, listServerConnections } from '../../../../lib/credentials';
import type { CredentialSetting } from '../../../../lib/credentials/schema';
import type { Bus } from '../../../../lib/events/bus';
import { createServer, type DesiredServer, deleteServer } from '../../../../lib/servers';
import { createCredentials } from '../../../../worker/credentials';
import { createEgress } from '../../../../worker/upstream';
import { openTestDatabase, silentLog, type TestDatabase } from '../../../support/database';
import { type OAuthUpstream, startOAuthUpstream, upstreamCa } from '../../../support/oauth-upstream';
import { until } from '../../../support/until';

const publicUrl = 'http://127.0.0.1:3999';
const keyring = createKeyring(randomBytes(32));
const vault = createVault(keyring);

let database: TestDatabase;
let upstream: OAuthUpstream;
let user: string;
let server: DesiredServer;
let changes: { serverId: string; userId: string | null }[];

beforeAll(async () => {
  database = await openTestDatabase('embedded');
});
afterAll(() => database.close());

beforeEach(async () => {
  upstream = await startOAuthUpstream();
  changes = [];
  const [person] = await database.db
    .insert(users)
    .values({ username: `u-${randomUUID()}` })
    .returning();
  const name = `s-${randomUUID().slice(0, 8)}`;
  const [row] = await database.db
    .insert(servers)
    .values({ name, type: 'streamable-http', url: upstream.url })
    .returning();
  user = person?.id ?? '';
  server = desired(row?.id ?? '', name, { kind: 'oauth', per: 'user' });
});
afterEach(() => upstream.close());

function desired(id: string, name: string, credential: CredentialSetting): DesiredServer {
  return { id, name, type: 'streamable-http', url: upstream.url, credential, fault: null } as DesiredServer;
}

/** What one worker has of it. */
function worker(egress = 'private-allowed', url = publicUrl) {
  return createCredentials({
    db: database.db,
    vault,
    opener: () => createOpener(keyring),
    egress: createEgress(egress),
    publicUrl: url,
    version: '0.0.0',
    processEnv: {},
    log: silentLog,
    desired: async () => server,
    changed: async (serverId, userId) => void changes.push({ serverId, userId }),
  });
}

function answerOf(callback: URL) {
  const value = (name: string) => callback.searchParams.get(name) ?? undefined;
  return { state: value('state') ?? '', code: value('code'), iss: value('iss'), error: value('error') };
}

async function connect(hub = worker(), account = 'ada', forUser = true): Promise<void> {
  const callback = await upstream.signIn(await hub.begin(server.id, user, forUser), account);
  await hub.finish({ ...answerOf(callback), userId: user });
}

/** Who the MCP server takes the headers for, or the status of its refusal. */
async function whoami(headers: readonly string[]): Promise<string> {
  const pairs = Object.fromEntries([[headers[0] ?? 'x-none', headers[1] ?? '']]);
  const post = (message: object, more: Record<string, string> = {}) =>
    fetch(upstream.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...pairs,
        ...more,
      },
      body: JSON.stringify({ jsonrpc: '2.0', ...message }),
    });
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } };
  const opened = await post({ id: 1, method: 'initialize', params });
  if (opened.status !== 200) return String(opened.status);
  const session = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' };
  await post({ method: 'notifications/initialized' }, session);
  const called = await post({ id: 2, method: 'tools/call', params: { name: 'whoami', arguments: {} } }, session);
  const answer = (await called.json()) as { result?: { content: { text: string }[] } };
  return answer.result?.content[0]?.text ?? String(called.status);
}

describe('a sign-in', () => {
  it('registers the hub, names the resource in both requests, and gives tokens that the server takes [N-AUTH-10]', async () => {
    const hub = worker();
    await connect(hub);
    expect(changes).toEqual([{ serverId: server.id, userId: user }]);
    const access = await hub.accessFor(server, user);
    expect(await whoami(access?.headers ?? [])).toBe('ada');
    expect(upstream.resources).toEqual([upstream.url, upstream.url]);
    expect(upstream.registrations).toBe(1);
    const [row] = await database.db.select().from(upstreamCredentials);
    expect(JSON.stringify(row)).not.toContain(access?.headers[1]?.slice(7));
  });

  it('goes on in another worker than it began in, or after a restart of the hub', async () => {
    const callback = await upstream.signIn(await worker().begin(server.id, user, true), 'ada');
    const later = worker();
    await later.finish({ ...answerOf(callback), userId: user });
    expect(await whoami((await later.accessFor(server, user))?.headers ?? [])).toBe('ada');
  });

  it('is ended only by who began it, and once', async () => {
    const hub = worker();
    const answer = answerOf(await upstream.signIn(await hub.begin(server.id, user, true), 'ada'));
    const [other] = await database.db
      .insert(users)
      .values({ username: `u-${randomUUID()}` })
      .returning();
    const over = { code: 'INVALID_INPUT', extras: { reason: 'sign-in-over' } };
    await expect(hub.finish({ ...answer, userId: other?.id ?? '' })).rejects.toMatchObject(over);
    await expect(hub.finish({ ...answer, state: 'unknown', userId: user })).rejects.toMatchObject(over);
    const both = await Promise.allSettled([1, 2].map(() => hub.finish({ ...answer, userId: user })));
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(upstream.grants.authorization_code).toBe(1);
  });

  it('uses nothing of an answer that comes from another issuer, or from none where one is promised [N-AUTH-11, T-OAUTH-01]', async () => {
    const hub = worker();
    const answer = answerOf(await upstream.signIn(await hub.begin(server.id, user, true), 'ada'));
    expect(answer.iss).toBe(upstream.issuer);
    const mixedUp = { code: 'INVALID_INPUT', extras: { reason: 'issuer-mismatch' } };
    for (const iss of ['https://other.example', `${upstream.issuer}/`, upstream.issuer.toUpperCase(), '', undefined]) {
      await expect(hub.finish({ ...answer, iss, userId: user })).rejects.toMatchObject(mixedUp);
      const refusal = hub.finish({ ...answer, iss, error: 'access_denied', errorDescription: 'planted', userId: user });
      await expect(refusal).rejects.not.toThrow(/planted/);
    }
    expect(upstream.grants).toEqual({});
    await hub.finish({ ...answer, userId: user });
  });

  it('that was refused there says so in one line, and stores nothing', async () => {
    const hub = worker();
    const { state, iss } = answerOf(await upstream.signIn(await hub.begin(server.id, user, true), 'ada'));
    const errorDescription = 'Not\n\u0007today.';
    const refusal = hub.finish({ state, iss, error: 'access_denied', errorDescription, userId: user });
    await expect(refusal).rejects.toThrow('The sign-in was refused: access_denied (Not today).');
    await expect(hub.accessFor(server, user)).rejects.toMatchObject({ code: 'UPSTREAM_NEEDS_AUTH' });
  });

  it('registers anew when the issuer has forgotten the client, once', async () => {
    await connect();
    await connect();
    expect(upstream.registrations).toBe(1);
    upstream.forgetClients();
    await connect();
    expect(upstream.registrations).toBe(2);
  });

  it('uses the client of the settings, and says what to do where none can be had', async () => {
    upstream.metadata = { registration_endpoint: undefined };
    await expect(worker().begin(server.id, user, true)).rejects.toThrow(/enter the client id in the settings/);
    server = { ...server, credential: { kind: 'oauth', per: 'user', clientId: 'by-hand' } };
    expect(await worker().begin(server.id, user, true)).toContain('client_id=by-hand');
  });

  it('names the hub by its metadata document where the issuer fetches such, and the hub can be reached', async () => {
    upstream.metadata = { client_id_metadata_document_supported: true };
    const url = new URL(await worker('private-allowed', 'https://hub.example.org/base').begin(server.id, user, true));
    expect(url.searchParams.get('client_id')).toBe('https://hub.example.org/base/oauth/client.json');
    expect(url.searchParams.get('redirect_uri')).toBe('https://hub.example.org/base/connections/callback');
    const own = JSON.parse(worker('private-allowed', 'https://hub.example.org/base').clientDocument);
    expect(own).toMatchObject({
      client_id: url.searchParams.get('client_id'),
      redirect_uris: [url.searchParams.get('redirect_uri')],
    });
    expect(new URL(await worker().begin(server.id, user, true)).searchParams.get('client_id')).not.toMatch(/^http/);
  });
});

describe('metadata', () => {
  const bad: [string, Record<string, unknown>, RegExp][] = [
    ['another issuer', { issuer: 'https://other.example' }, /calls itself "https:\/\/other.example"/],
    ['no PKCE', { code_challenge_methods_supported: undefined }, /does not say that it supports PKCE/],
    ['only plain PKCE', { code_challenge_methods_supported: ['plain'] }, /does not say that it supports PKCE/],
    ['no codes', { response_types_supported: ['token'] }, /gives no authorization codes/],
    ['a file', { authorization_endpoint: 'file:///etc/passwd' }, /only https is used/],
    ['a script', { authorization_endpoint: 'javascript:alert(1)' }, /only https is used/],
    ['a command', { authorization_endpoint: 'https://as.example/$(touch${IFS}x)' }, /no usable URL/],
    ['backticks', { authorization_endpoint: 'https://as.example/`id`' }, /no usable URL/],
    ['a line break', { authorization_endpoint: 'https://as.example/\nx' }, /no usable URL/],
    ['no encryption', { token_endpoint: 'http://as.example/token' }, /only https is used/],
    ['credentials', { token_endpoint: 'https://a:b@as.example/token' }, /with credentials/],
    ['no address', { token_endpoint: undefined }, /names nothing as its token endpoint/],
  ];

  it.each(bad)(
    'with %s is refused, and nothing is asked for or opened [N-AUTH-09, T-START-05]',
    async (_what, metadata, why) => {
      upstream.metadata = metadata;
      await expect(worker().begin(server.id, user, true)).rejects.toThrow(why);
      expect([upstream.grants, upstream.registrations]).toEqual([{}, 0]);
    },
  );

  it('of another resource, or without an issuer, is refused [N-AUTH-09]', async () => {
    upstream.resourceMetadata = { resource: 'https://other.example/mcp' };
    await expect(worker().begin(server.id, user, true)).rejects.toThrow(/another resource/);
    upstream.resourceMetadata = { authorization_servers: [] };
    await expect(worker().begin(server.id, user, true)).rejects.toThrow(/has no "authorization_servers"/);
    upstream.resourceMetadata = { authorization_servers: ['https://169.254.169.254'] };
    await expect(worker().begin(server.id, user, true)).rejects.toThrow(/address not allowed/);
    upstream.resourceMetadata = {};
    await expect(worker('public-only').begin(server.id, user, true)).rejects.toThrow(/address not allowed/);
    server = { ...server, credential: { kind: 'oauth', per: 'user', issuer: 'https://wanted.example' } };
    await expect(worker().begin(server.id, user, true)).rejects.toThrow(/is not https:\/\/wanted.example/);
  });
});

describe('a token', () => {
  const accessOf = async (hub = worker()) => {
    const access = await hub.accessFor(server, user);
    if (!access) throw new Error('there is no access');
    return access;
  };

  it('is renewed once for all callers that were refused at the same time [F-HTTP-06]', async () => {
    const hub = worker();
    await connect(hub);
    const access = await accessOf(hub);
    const before = access.generation;
    upstream.refuseTokens();
    expect(await whoami(access.headers)).toBe('401');
    await Promise.all(Array.from({ length: 20 }, () => access.renew(before)));
    // Who comes late with what was refused gets what is there.
    await access.renew(before);
    expect(upstream.grants.refresh_token).toBe(1);
    expect(upstream.resources.at(-1)).toBe(upstream.url);
    expect(await whoami(access.headers)).toBe('ada');
  });

  it('that rotates is lost by none of two workers that renew it at the same time', async () => {
    await connect();
    const [one, other] = [await accessOf(), await accessOf()];
    for (let round = 1; round <= 3; round += 1) {
      let go: () => void = () => {};
      upstream.hold = new Promise((resolve) => {
        go = resolve;
      });
      const both = [one, other].map((access) => access.renew(access.generation));
      await until(() => upstream.grants.refresh_token === round, 5_000);
      go();
      await Promise.all(both);
      expect(one.headers).toEqual(other.headers);
      expect(upstream.grants.refresh_token).toBe(round);
    }
    expect(await whoami(other.headers)).toBe('ada');
  });

  it('whose renewal is refused is marked with the reason, and its user told where to go', async () => {
    const hub = worker();
    await connect(hub);
    const access = await accessOf(hub);
    upstream.forgetGrants();
    const needsAuth = {
      code: 'UPSTREAM_NEEDS_AUTH',
      extras: { reason: 'needs-auth', data: { url: `${publicUrl}/connections/${server.name}` } },
    };
    await expect(access.renew(access.generation)).rejects.toMatchObject(needsAuth);
    await expect(access.renew(access.generation)).rejects.toMatchObject(needsAuth);
    expect(upstream.grants.refresh_token).toBe(1);
    await expect(worker().accessFor(server, user)).rejects.toThrow(/invalid_grant/);
    await connect(hub);
    hub.forget(server.id, user);
    expect(await whoami((await accessOf(hub)).headers)).toBe('ada');
  });

  it('is sent to no issuer but the one that gave it [N-AUTH-12]', async () => {
    const hub = worker();
    await connect(hub);
    server = { ...server, credential: { kind: 'oauth', per: 'user', issuer: 'https://other.example' } };
    const access = await accessOf();
    await expect(access.renew(access.generation)).rejects.toMatchObject({ code: 'UPSTREAM_NEEDS_AUTH' });
    expect(upstream.grants.refresh_token).toBeUndefined();
  });

  it('goes on being used while it is good and cannot be renewed', async () => {
    const hub = worker();
    await connect(hub);
    const access = await accessOf(hub);
    upstream.metadata = { token_endpoint: 'https://127.0.0.1:1/token' };
    const later = await accessOf(worker());
    await later.renew(null);
    expect(await whoami(later.headers)).toBe('ada');
    await expect(later.renew(later.generation)).rejects.toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' });
    upstream.metadata = {};
    await access.renew(access.generation);
    expect(await whoami(access.headers)).toBe('ada');
  });

  it('of too few rights becomes one of all that was wanted, in three sign-ins at most', async () => {
    const hub = worker();
    for (let step = 0; step <= 3; step += 1) {
      const scope = (url: string) => new URL(url).searchParams.get('scope')?.split(' ').sort();
      const url = await hub.begin(server.id, user, true);
      expect(scope(url)).toEqual(step === 0 ? ['offline_access', 'read'] : ['offline_access', 'read', 'write']);
      await hub.finish({ ...answerOf(await upstream.signIn(url, 'ada')), userId: user });
      hub.forget(server.id, user);
      const told = await (await accessOf(hub)).wantsMore(['write']);
      expect(told.code).toBe(step < 3 ? 'UPSTREAM_NEEDS_AUTH' : 'FORBIDDEN');
    }
  });

  it('of the hub itself is had without a person, by the secret of its client', async () => {
    await upstream.close();
    const client = {
      client_id: 'machine',
      client_secret: 'a secret of the machine',
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
    };
    upstream = await startOAuthUpstream({ clients: [client] });
    const { client_id: clientId, client_secret: clientSecret } = client;
    server = { ...server, url: upstream.url, credential: { kind: 'oauth', per: 'hub', clientId, clientSecret } };
    const access = await worker().accessFor(server, null);
    expect(await whoami(access?.headers ?? [])).toBe('client machine');
    await access?.renew(access.generation);
    expect(upstream.grants.client_credentials).toBe(2);
  });
});

describe('tokens that nobody uses any more', () => {
  const root = () => ({
    db: database.db,
    vault,
    actor: systemActor('test'),
    requestId: 'test',
    bus: { emit: async () => {} } as unknown as Bus,
  });
  const held = async (hub = worker()) => {
    const access = await hub.accessFor(server, user);
    return access?.headers[1]?.slice('Bearer '.length) ?? '';
  };
  const told = async () => {
    const rows = await database.db
      .select()
      .from(auditLogs)
      .where(like(auditLogs.action, 'credential.%revoked'))
      .orderBy(desc(auditLogs.id));
    return rows
      .filter(({ resourceName }) => resourceName === server.name)
      .map(({ action, after }) => ({ action, after }));
  };
  /** As an admin saves it: the verbs find it by its name. */
  async function saved(credential: CredentialSetting) {
    const { id, name } = await createServer(root(), {
      name: `t-${randomUUID().slice(0, 8)}`,
      type: 'streamable-http',
      url: upstream.url,
      credential,
    });
    server = desired(id, name, credential);
  }
  async function disconnect() {
    const [connection] = await listServerConnections(root(), server.name);
    await deleteServerConnection(root(), server.name, connection?.id ?? '');
  }
  const records = () => database.db.select().from(givenUpTokens);

  it('are given back to their issuer by one worker, once, and are good for nobody', async () => {
    await saved({ kind: 'oauth', per: 'user' });
    await connect();
    const token = await held();
    expect(upstream.knowsToken(token)).toBe(true);
    await disconnect();
    const [kept] = await records();
    expect(JSON.stringify(kept)).not.toContain(token);
    await Promise.all([worker().giveBackAll(), worker().giveBackAll()]);
    expect([upstream.knowsToken(token), upstream.revocations]).toEqual([false, 2]);
    expect(await whoami(['authorization', `Bearer ${token}`])).toBe('401');
    expect(await records()).toEqual([]);
    const [person] = await database.db.select().from(users).where(eq(users.id, user));
    expect(await told()).toEqual([
      { action: 'credential.revoked', after: { of: 'user', user: person?.username, issuer: upstream.issuer } },
    ]);
  });

  it('are given back but for the refresh token while other servers of the same user may live by the same sign-in', async () => {
    await saved({ kind: 'oauth', per: 'user' });
    const first = server;
    await connect();
    const token = await held();
    await saved({ kind: 'oauth', per: 'user' });
    await connect();
    const other = await held();
    const second = server;
    server = first;
    await disconnect();
    await worker().giveBackAll();
    expect([upstream.knowsToken(token), upstream.knowsToken(other), upstream.revocations]).toEqual([false, true, 1]);
    expect(await told()).toMatchObject([
      { action: 'credential.revoked', after: { why: expect.stringMatching(/^Only the access token was/) } },
    ]);
    server = second;
    const access = await worker().accessFor(server, user);
    await access?.renew(access.generation);
    await disconnect();
    await worker().giveBackAll();
    expect(upstream.revocations).toBe(3);
  });

  it('of a server that is removed are given back too, as the client that was entered for it', async () => {
    await upstream.close();
    const client = { client_id: 'by-hand', client_secret: 'a secret of the client' };
    upstream = await startOAuthUpstream({
      clients: [
        {
          ...client,
          redirect_uris: [`${publicUrl}/connections/callback`],
          grant_types: ['authorization_code', 'refresh_token'],
          token_endpoint_auth_method: 'client_secret_basic',
        },
      ],
    });
    await saved({ kind: 'oauth', per: 'hub', clientId: client.client_id, clientSecret: client.client_secret });
    await connect(worker(), 'ada', false);
    const access = await worker().accessFor(server, null);
    await deleteServer(root(), server.name);
    await worker().giveBackAll();
    expect(upstream.knowsToken(access?.headers[1]?.slice(7) ?? '')).toBe(false);
    expect(await told()).toEqual([{ action: 'credential.revoked', after: { of: 'hub', issuer: upstream.issuer } }]);
  });

  it('are gone here in any case, and the trail says why they could not be given back', async () => {
    await saved({ kind: 'oauth', per: 'user' });
    const whys: [Record<string, unknown>, RegExp][] = [
      [{ revocation_endpoint: undefined }, /has no address where tokens are given back/],
      [{ revocation_endpoint: `${upstream.issuer}/nowhere` }, /did not take the token back/],
    ];
    for (const [metadata, why] of whys) {
      await connect();
      upstream.metadata = metadata;
      await disconnect();
      expect(await listServerConnections(root(), server.name)).toEqual([]);
      await worker().giveBackAll();
      upstream.metadata = {};
      expect(await records()).toEqual([]);
      expect((await told())[0]).toEqual({
        action: 'credential.not-revoked',
        after: { of: 'user', user: expect.any(String), issuer: upstream.issuer, why: expect.stringMatching(why) },
      });
    }
  });

  /** Somebody disconnects while the issuer is away; it is asked once, in vain. */
  async function disconnectInVain() {
    await saved({ kind: 'oauth', per: 'user' });
    await connect();
    const token = await held();
    upstream.metadata = { revocation_endpoint: 'https://127.0.0.1:1/revoke' };
    await disconnect();
    await worker().giveBackAll();
    return token;
  }
  const change = (columns: Partial<typeof givenUpTokens.$inferInsert>) =>
    database.db.update(givenUpTokens).set(columns);
  const secondsToNext = async () => {
    const [row] = await records();
    return Math.round(((row?.nextTryAt.getTime() ?? 0) - Date.now()) / 1000);
  };

  it('are given back when an issuer that was away is there again, also by a later life of the hub, with user and server gone', async () => {
    const token = await disconnectInVain();
    expect([upstream.knowsToken(token), await told()]).toEqual([true, []]);
    expect(await secondsToNext()).toBeGreaterThan(50);
    // Not before its time, and each time twice as late.
    await worker().giveBackAll();
    expect(await records()).toMatchObject([{ tries: 1 }]);
    await change({ nextTryAt: new Date() });
    await worker().giveBackAll();
    expect(await records()).toMatchObject([{ tries: 2, claimedUntil: null }]);
    expect(await secondsToNext()).toBeGreaterThan(110);
    await change({ tries: 30, nextTryAt: new Date() });
    await worker().giveBackAll();
    expect(await secondsToNext()).toBeLessThan(6 * 3600 + 10);
    await deleteServer(root(), server.name);
    await database.db.delete(users).where(eq(users.id, user));
    upstream.metadata = {};
    await change({ nextTryAt: new Date() });
    const later = worker();
    const stop = later.keepGivingBack(20);
    await until(async () => (await records()).length === 0, 10_000);
    stop();
    expect(upstream.knowsToken(token)).toBe(false);
    expect(await told()).toMatchObject([{ action: 'credential.revoked' }]);
  });

  it('are asked for again where the issuer only has too much to do', async () => {
    const token = await disconnectInVain();
    let status = 429;
    const busy = createHttpServer((_request, response) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end('{"error":"slow_down"}');
    });
    await new Promise<void>((resolve) => busy.listen(0, '127.0.0.1', resolve));
    const { port } = busy.address() as AddressInfo;
    upstream.metadata = { revocation_endpoint: `http://127.0.0.1:${port}/revoke` };
    await change({ nextTryAt: new Date() });
    await worker().giveBackAll();
    expect([await told(), (await records()).length]).toEqual([[], 1]);
    // An error is an answer.
    status = 400;
    await change({ nextTryAt: new Date() });
    await worker().giveBackAll();
    expect(await told()).toMatchObject([
      { action: 'credential.not-revoked', after: { why: expect.stringMatching(/slow_down.*It was asked 3 times/) } },
    ]);
    expect([upstream.knowsToken(token), await records()]).toEqual([true, []]);
    await new Promise((resolve) => busy.close(resolve));
  });

  it('are asked for a last time after seven days, and then the trail says that they were not given back', async () => {
    await disconnectInVain();
    await change({ createdAt: new Date(Date.now() - 6.9 * 86_400_000), nextTryAt: new Date() });
    await worker().giveBackAll();
    expect(await told()).toEqual([]);
    await change({ createdAt: new Date(Date.now() - 7.1 * 86_400_000) });
    await worker().giveBackAll();
    expect(await told()).toMatchObject([
      { action: 'credential.not-revoked', after: { why: expect.stringMatching(/It was asked 3 times/) } },
    ]);
    expect(await records()).toEqual([]);
  });

  it('are kept for no more than ten thousand: the oldest are given up', async () => {
    await disconnectInVain();
    const copy = sql`
      insert into given_up_tokens (credential_id, server, issuer, "values", next_try_at, created_at)
      select credential_id, server, issuer, "values", now() + interval '1 day', created_at + interval '1 second'
      from given_up_tokens, generate_series(1, 10000)`;
    await database.db.execute(copy);
    await worker().giveBackAll();
    expect(await told()).toMatchObject([{ action: 'credential.not-revoked' }]);
    expect(await database.db.$count(givenUpTokens)).toBe(10_000);
    await database.db.delete(givenUpTokens);
  });

  it('are asked for by no second worker while one does, and by another when that one died', async () => {
    const token = await disconnectInVain();
    upstream.metadata = {};
    await change({ nextTryAt: new Date(), claimedUntil: new Date(Date.now() + 60_000) });
    await worker().giveBackAll();
    expect([upstream.knowsToken(token), upstream.revocations]).toEqual([true, 0]);
    await change({ claimedUntil: new Date(Date.now() - 1000) });
    await worker().giveBackAll();
    expect([upstream.knowsToken(token), await records()]).toEqual([false, []]);
  });

  it('because a sign-in by another client took their place are given back, and the new ones are good', async () => {
    await upstream.close();
    const client = { client_id: 'by-hand', client_secret: 'a secret of the client' };
    upstream = await startOAuthUpstream({
      clients: [
        {
          ...client,
          redirect_uris: [`${publicUrl}/connections/callback`],
          grant_types: ['authorization_code', 'refresh_token'],
        },
      ],
    });
    await saved({ kind: 'oauth', per: 'user' });
    await connect();
    const before = await held();
    const { client_id: clientId, client_secret: clientSecret } = client;
    server = { ...server, credential: { kind: 'oauth', per: 'user', clientId, clientSecret } };
    await connect();
    await worker().giveBackAll();
    const after = await held();
    expect([upstream.knowsToken(before), upstream.knowsToken(after), upstream.revocations]).toEqual([false, true, 2]);
    const access = await worker().accessFor(server, user);
    await access?.renew(access.generation);
    expect(await told()).toMatchObject([{ action: 'credential.revoked' }]);
  });

  it('because the same client signed in anew are left alone: they may be one sign-in with the new ones (RFC 7009, 2.1)', async () => {
    await saved({ kind: 'oauth', per: 'user' });
    await connect();
    await connect();
    expect(await records()).toEqual([]);
    await worker().giveBackAll();
    expect(upstream.revocations).toBe(0);
    const access = await worker().accessFor(server, user);
    await access?.renew(access.generation);
    expect(await whoami(access?.headers ?? [])).toBe('ada');
  });
});

describe('an authority of certificates that the row names', () => {
  it('is trusted for all that the sign-in asks for, and for no other row', async () => {
    const plain = upstream;
    upstream = await startOAuthUpstream({ tls: true });
    try {
      const hub = worker();
      const secure = { ...server, url: upstream.url, tls: { ca: upstreamCa } };
      server = { ...secure, tls: null };
      await expect(hub.begin(server.id, user, true)).rejects.toThrow(/authority that the hub does not know/);
      server = secure;
      await connect(hub);
      const access = await hub.accessFor(server, user);
      await access?.renew(access.generation);
      expect([upstream.registrations, upstream.grants.refresh_token]).toEqual([1, 1]);
      // What the hub has read of the issuer by then counts only where its authority is trusted.
      plain.resourceMetadata = { authorization_servers: [upstream.issuer] };
      server = { ...server, url: plain.url, tls: null };
      await expect(hub.begin(server.id, user, true)).rejects.toThrow(/authority that the hub does not know/);
    } finally {
      await plain.close();
    }
  });
});
