// The authorization server of a running hub: from the registration of a client to tokens, and all that must not work.
import { hash } from 'node:crypto';
import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditLogs, oauthRecords, users } from '../../../drizzle/schema';
import { createControlClient } from '../../../lib/control';
import { type Database, openDatabase } from '../../../lib/db';
import { socketPaths } from '../../../lib/env';
import { createLog } from '../../../lib/log';
import { type Hub, startHub } from '../../support/hub';
import { openSession, read } from '../../support/hub-client';
import {
  authorizationQuery,
  authorize,
  Browser,
  consentIdOf,
  exchange,
  loopbackRedirect,
  newPkce,
  postForm,
  refresh,
  registerClient,
  userIdOf,
} from '../../support/oauth-client';

let hub: Hub;
let database: Database;
let userId: string;
let clientId: string;

beforeAll(async () => {
  hub = await startHub();
  const log = createLog('test', 'silent');
  database = await openDatabase({ url: undefined, socketDir: socketPaths(hub.dataDir).databaseDir, log, wait: false });
  userId = await userIdOf(hub);
  clientId = (await registerClient(hub.url)).json.client_id;
});

afterAll(async () => {
  await database?.close();
  await hub?.stop();
});

const control = () => createControlClient(socketPaths(hub.dataDir).worker);
const recordsOf = (grantId: string) => database.db.select().from(oauthRecords).where(eq(oauthRecords.grantId, grantId));

async function tokenRow(token: string) {
  const rows = await database.db
    .select()
    .from(oauthRecords)
    .where(eq(oauthRecords.idHash, hash('sha256', token)));
  return rows[0];
}

describe('metadata', () => {
  it('names the endpoints from the public URL, PKCE and the issuer in the answer [N-AUTH-08]', async () => {
    const answer = await read(await fetch(`${hub.url}/.well-known/oauth-authorization-server`));
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({
      issuer: hub.url,
      authorization_endpoint: `${hub.url}/oauth/authorize`,
      token_endpoint: `${hub.url}/oauth/token`,
      registration_endpoint: `${hub.url}/oauth/register`,
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
      client_id_metadata_document_supported: true,
    });
  });
});

describe('a client that was allowed', () => {
  it('gets a code with the issuer, and for it tokens of the endpoint that it named', async () => {
    const resource = `${hub.url}/api/mcp/one`;
    const done = await authorize(hub, { clientId, userId, resource, scope: 'mcp:read' });
    expect(done.answer.status).toBe(303);
    expect(done.answer.headers.get('location')?.startsWith(loopbackRedirect)).toBe(true);
    expect(done.params.get('state')).toBe('the state');
    expect(done.params.get('iss')).toBe(hub.url);
    const { status, json } = await exchange(hub.url, done, { resource });
    expect(status).toBe(200);
    expect(json).toMatchObject({ token_type: 'Bearer', expires_in: 3600, scope: 'mcp:read' });
    expect(json.access_token).toMatch(/^[\w-]{43}$/);
    const row = await tokenRow(json.access_token);
    expect(row).toMatchObject({ model: 'AccessToken', userId, clientId });
    expect(row?.payload).toMatchObject({ aud: resource, scope: 'mcp:read' });
    expect(JSON.stringify(row)).not.toContain(json.access_token);
  });

  it('gets all scopes of the whole hub where it names none', async () => {
    const done = await authorize(hub, { clientId, userId });
    const { json } = await exchange(hub.url, done);
    expect(json.scope).toBe('mcp:read mcp:call');
    expect((await tokenRow(json.access_token))?.payload).toMatchObject({ aud: `${hub.url}/api/mcp` });
  });

  it('gets a new refresh token with each use, and loses everything when an old one comes again', async () => {
    const { json: first } = await exchange(hub.url, await authorize(hub, { clientId, userId }));
    const { json: second } = await refresh(hub.url, clientId, first.refresh_token);
    expect(second.refresh_token).not.toBe(first.refresh_token);
    const grantId = (await tokenRow(second.access_token))?.grantId ?? '';
    expect((await recordsOf(grantId)).length).toBeGreaterThan(2);
    expect((await refresh(hub.url, clientId, first.refresh_token)).json.error).toBe('invalid_grant');
    expect(await recordsOf(grantId)).toEqual([]);
    expect((await refresh(hub.url, clientId, second.refresh_token)).json.error).toBe('invalid_grant');
    const trail = await database.db.select().from(auditLogs).where(eq(auditLogs.resourceId, grantId));
    expect(trail.map(({ action, after }) => [action, (after as { why?: string }).why])).toContainEqual([
      'grant.revoked',
      'replayed',
    ]);
  });

  it('keeps one of two refreshes at once at most, and no token outlives the grant', async () => {
    const { json } = await exchange(hub.url, await authorize(hub, { clientId, userId }));
    const grantId = (await tokenRow(json.access_token))?.grantId ?? '';
    const both = await Promise.all([1, 2].map(() => refresh(hub.url, clientId, json.refresh_token)));
    expect(both.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1);
    expect(await recordsOf(grantId)).toEqual([]);
  });

  it('gets nothing more for a user who was disabled', async () => {
    const { db } = database;
    const [ada] = await db.insert(users).values({ username: 'ada' }).returning();
    const done = await authorize(hub, { clientId, userId: ada?.id ?? '' });
    const waiting = await authorize(hub, { clientId, userId: ada?.id ?? '' });
    const { json } = await exchange(hub.url, done);
    await db.update(users).set({ disabled: true }).where(eq(users.username, 'ada'));
    expect((await refresh(hub.url, clientId, json.refresh_token)).json.error).toBe('invalid_grant');
    expect((await exchange(hub.url, waiting)).json.error).toBe('invalid_grant');
    await expect(authorize(hub, { clientId, userId: ada?.id ?? '' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('loses everything when its code comes again', async () => {
    const done = await authorize(hub, { clientId, userId });
    const { json } = await exchange(hub.url, done);
    const grantId = (await tokenRow(json.access_token))?.grantId ?? '';
    const session = await openSession(hub, { key: json.access_token });
    expect((await session.request('ping')).status).toBe(200);
    expect((await exchange(hub.url, done)).json.error).toBe('invalid_grant');
    expect(await recordsOf(grantId)).toEqual([]);
    expect((await session.request('ping')).status).toBe(401);
  });

  it('may give its token back, which ends the grant', async () => {
    const { json } = await exchange(hub.url, await authorize(hub, { clientId, userId }));
    const grantId = (await tokenRow(json.access_token))?.grantId ?? '';
    const fields = { client_id: clientId, token: json.access_token };
    const { json: other } = await registerClient(hub.url);
    await postForm(`${hub.url}/oauth/revoke`, { ...fields, client_id: other.client_id });
    expect((await recordsOf(grantId)).length).toBeGreaterThan(0);
    expect((await postForm(`${hub.url}/oauth/revoke`, fields)).status).toBe(200);
    expect(await recordsOf(grantId)).toEqual([]);
  });
});

describe('a code', () => {
  it('is of no use with another verifier, another client or another redirect [T-OAUTH-02]', async () => {
    const other = (await registerClient(hub.url)).json.client_id;
    const wrong: Record<string, string>[] = [
      { code_verifier: newPkce().verifier },
      { client_id: other },
      { redirect_uri: 'http://127.0.0.1:1/callback' },
      { resource: `${hub.url}/api/mcp/other` },
    ];
    for (const changes of wrong) {
      const done = await authorize(hub, { clientId, userId });
      const { status, json } = await exchange(hub.url, done, changes);
      expect([status, json.access_token]).toEqual([400, undefined]);
    }
  });
});

describe('a request', () => {
  const begin = async (changes: Record<string, string | undefined>, id = clientId) =>
    new Browser(hub.url).get(`/oauth/authorize?${authorizationQuery(id, newPkce(), changes)}`);

  it('without PKCE, or with a plain one, is refused [N-AUTH-08]', async () => {
    const plain = await begin({ code_challenge_method: 'plain' });
    const none = await begin({ code_challenge: undefined, code_challenge_method: undefined });
    for (const { headers } of [plain, none]) {
      const params = new URL(headers.get('location') ?? '').searchParams;
      expect([params.get('error'), params.get('iss')]).toEqual(['invalid_request', hub.url]);
    }
  });

  it('with a redirect that is not registered ends on a page of ours [T-OAUTH-02]', async () => {
    for (const redirect of [
      'https://evil.example/callback',
      'http://127.0.0.1:33418/other',
      'http://localhost:33418/callback',
      `${loopbackRedirect}?x=1`,
    ]) {
      const answer = await begin({ redirect_uri: redirect });
      expect([answer.status, answer.headers.get('location')]).toEqual([400, null]);
      expect(answer.text).toContain('Not connected');
      expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(answer.headers.get('x-frame-options')).toBe('DENY');
    }
  });

  it('may name another port of the loopback address', async () => {
    const answer = await begin({ redirect_uri: 'http://127.0.0.1:5/callback' });
    expect(consentIdOf(answer)).toMatch(/^[\w-]{20,}$/);
  });

  it('that is faulty takes no browser to a site that nobody ever allowed anything', async () => {
    const redirect = 'https://stranger.example/callback';
    const { json } = await registerClient(hub.url, { redirect_uris: [redirect] });
    const first = await begin({ redirect_uri: redirect, prompt: 'none' }, json.client_id);
    expect([first.status, first.headers.get('location')]).toEqual([400, null]);
    expect(first.text).toContain('Not connected');
    await authorize(hub, { clientId: json.client_id, userId, redirect_uri: redirect });
    const later = await begin({ redirect_uri: redirect, prompt: 'none' }, json.client_id);
    expect(later.headers.get('location')?.startsWith(redirect)).toBe(true);
  });

  it('of an unknown client ends on a page of ours', async () => {
    const answer = await begin({}, 'nobody');
    expect([answer.status, answer.headers.get('location')]).toEqual([400, null]);
  });

  it('for something that is no MCP endpoint of the hub is refused', async () => {
    for (const resource of ['https://other.example/api/mcp', `${hub.url}/api/v1`, `${hub.url}/api/mcp/a/b`]) {
      const { headers } = await begin({ resource });
      expect(new URL(headers.get('location') ?? '').searchParams.get('error')).toBe('invalid_target');
    }
  });

  it('asks the user, and not without one', async () => {
    const { headers } = await begin({ prompt: 'none' });
    expect(new URL(headers.get('location') ?? '').searchParams.get('error')).toBe('login_required');
  });

  it('shows the user who asks, for what, and where the answer goes', async () => {
    const id = consentIdOf(await begin({ resource: `${hub.url}/api/mcp/one`, scope: 'mcp:read openid' }));
    expect(await control().call('oauth.consent', { id, userId })).toEqual({
      ask: {
        client: { name: 'Test client', host: null },
        redirect: { to: '127.0.0.1', isLocal: true },
        endpoint: 'one',
        scopes: ['mcp:read'],
      },
      returnTo: null,
    });
  });

  it('that the user denied tells the client so', async () => {
    const { params } = await authorize(hub, { clientId, userId, allow: false });
    expect([params.get('error'), params.get('state'), params.get('iss'), params.get('code')]).toEqual([
      'access_denied',
      'the state',
      hub.url,
      null,
    ]);
  });

  it('goes on only in the browser in which it began [T-OAUTH-02]', async () => {
    const id = consentIdOf(await begin({}));
    const { returnTo } = await control().call('oauth.decide', { id, userId, allow: true, requestId: 'test' });
    const answer = await new Browser(hub.url).get(returnTo);
    expect([answer.status, answer.headers.get('location')]).toEqual([400, null]);
    expect(answer.text).toContain('began in another browser');
  });

  it('is over once it was answered', async () => {
    const { browser, params } = await authorize(hub, { clientId, userId });
    expect(params.get('code')).toBeTruthy();
    const id = [...browser.cookies.values()].find(({ path }) => path.startsWith('/consent/'))?.value ?? '';
    await expect(control().call('oauth.consent', { id, userId })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('of a client with an address on the web is not asked about twice, but for more [T-OAUTH-02]', async () => {
    const redirect = 'https://client.example/callback';
    const { json } = await registerClient(hub.url, { redirect_uris: [redirect] });
    const request = { clientId: json.client_id, userId, redirect_uri: redirect, scope: 'mcp:read' };
    await authorize(hub, request);
    const again = consentIdOf(await begin({ redirect_uri: redirect, scope: 'mcp:read' }, json.client_id));
    const known = await control().call('oauth.consent', { id: again, userId });
    expect([known.ask, known.returnTo?.startsWith(`${hub.url}/oauth/authorize/`)]).toEqual([null, true]);
    for (const more of [{ scope: 'mcp:call' }, { scope: 'mcp:read', resource: `${hub.url}/api/mcp/x` }]) {
      const id = consentIdOf(await begin({ redirect_uri: redirect, ...more }, json.client_id));
      expect((await control().call('oauth.consent', { id, userId })).ask).not.toBeNull();
    }
  });
});

describe('a registration', () => {
  it('makes a public client of one that asks for nothing else that is offered', async () => {
    for (const method of [undefined, 'none', 'private_key_jwt', 'client_secret_jwt', 7]) {
      const { status, json } = await registerClient(hub.url, {
        token_endpoint_auth_method: method,
        client_secret: 'x',
      });
      expect(status).toBe(201);
      expect(json).toMatchObject({ token_endpoint_auth_method: 'none', redirect_uris: [loopbackRedirect] });
      expect(json.client_secret).toBeUndefined();
    }
  });

  it('is refused with redirects that others could read', async () => {
    for (const uri of [
      'http://evil.example/cb',
      'javascript:alert(1)',
      'data:text/html,x',
      'file:///etc/passwd',
      'x',
    ]) {
      const { status, json } = await registerClient(hub.url, { redirect_uris: [uri] });
      expect([uri, status, json.error]).toEqual([uri, 400, 'invalid_redirect_uri']);
    }
    expect((await registerClient(hub.url, { redirect_uris: ['cursor://anysphere.cursor-mcp/cb'] })).status).toBe(201);
  });

  it('is bounded in size', async () => {
    expect((await registerClient(hub.url, { client_name: 'x'.repeat(300) })).status).toBe(400);
    expect((await registerClient(hub.url, { x: 'x'.repeat(17_000) })).status).toBe(413);
  });
});
