// Sign-in at providers on a whole hub: a real OpenID provider and an API like GitHub's on the other side, and all that
// can be wrong with what comes back.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { importJWK, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { TOTP } from 'otpauth';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../../../scripts/launcher/port';
import { root } from '../../../scripts/prepare.mjs';
import { type GithubServer, startGithub } from '../../support/github-server';
import { type Hub, startHub } from '../../support/hub';
import { openSession, statuses } from '../../support/hub-client';
import { type IdentityProvider, type Person, startIdentityProvider } from '../../support/identity-provider';
import { until } from '../../support/until';
import { createVisitor, type Visitor } from '../../support/visitor';

let hub: Hub;
let idp: IdentityProvider;
let github: GithubServer;
/** Speaks as Google does, under its name. */
let google: IdentityProvider;

const program = join(root, 'tests/support/servers/stdio.mjs');
const googleIssuer = 'https://accounts.google.com';
const githubClient = { id: 'app', secret: 'the secret that GitHub gave' };
const ada: Person = { sub: 'ada-1', preferred_username: 'ada', email: 'ada@corp.test', email_verified: true };

beforeAll(async () => {
  const port = await freePort();
  const callback = (id: string) => `http://127.0.0.1:${port}/api/auth/callback/${id}`;
  idp = await startIdentityProvider({ redirectUris: [callback('oidc')] });
  github = await startGithub(githubClient, callback('github'));
  google = await startIdentityProvider({ redirectUris: [callback('google')], issuer: googleIssuer });
  hub = await startHub({
    port,
    web: true,
    config: { mcpServers: { demo: { command: process.execPath, args: [program] } } },
    env: {
      // As people copy it.
      MCPHUB_OIDC_ISSUER: `${idp.issuer}/`,
      MCPHUB_OIDC_CLIENT_ID: idp.client.id,
      MCPHUB_OIDC_CLIENT_SECRET: idp.client.secret,
      MCPHUB_OIDC_NAME: 'Corp',
      MCPHUB_GITHUB_CLIENT_ID: githubClient.id,
      MCPHUB_GITHUB_CLIENT_SECRET: githubClient.secret,
      MCPHUB_GITHUB_URL: github.url,
      MCPHUB_GOOGLE_CLIENT_ID: google.client.id,
      MCPHUB_GOOGLE_CLIENT_SECRET: google.client.secret,
      NODE_OPTIONS: `--require ${join(root, 'tests/support/google-elsewhere.cjs')}`,
    },
  });
  writeFileSync(join(hub.dataDir, 'google-stand-in'), google.address);
  await until(async () => (await statuses(hub)).demo?.state === 'ready', 20_000, hub.logs);
  await asAdmin('POST', '/sign-in-rules', { claim: '*', roles: ['user'] });
  await asAdmin('POST', '/sign-in-rules', { provider: 'oidc', claim: 'groups', value: 'ops', roles: ['manager'] });
  await asAdmin('POST', '/sign-in-rules', {
    provider: 'github',
    claim: 'teams',
    value: 'corp/ops',
    roles: ['manager'],
  });
}, 400_000);
afterAll(async () => {
  await hub?.stop();
  await idp?.close();
  await github?.close();
  await google?.close();
});

beforeEach(() => {
  Object.assign(idp, { person: { ...ada }, tamper: null, isSilent: false });
  github.refuses = [];
  google.tamper = null;
});

async function asAdmin<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(`${hub.url}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${hub.apiKey}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return (text ? JSON.parse(text) : {}) as T;
}

interface User {
  id: string;
  username: string;
  roles: string[];
}
const usersNow = async () => (await asAdmin<{ data: User[] }>('GET', '/users?limit=200')).data;
const userNamed = async (name: string) => (await usersNow()).find(({ username }) => username === name);
const lastRefusal = async () => {
  const { data } = await asAdmin<{ data: { action: string; after: { reason?: string } | null }[] }>('GET', '/audit');
  return data.find(({ action }) => action === 'user.sign-in-failed')?.after?.reason ?? '';
};

/** Where a refused sign-in ends, and that nobody is signed in. */
async function expectRefused(visitor: Visitor, url: URL, reason: string) {
  expect([url.pathname, url.searchParams.get('error')]).toEqual(['/signin', reason]);
  expect(await visitor.whoami(hub.url)).toBeNull();
}

describe('OpenID Connect', () => {
  it('signs somebody new in with a session of the hub, with claims of the userinfo endpoint, and leads on', async () => {
    const visitor = createVisitor();
    idp.person = { ...ada, groups: ['ops'] };
    const { url, status, trail } = await visitor.signIn(hub.url, 'oidc', '/servers?a=1');
    expect([url.href, status]).toEqual([`${hub.url}/servers?a=1`, 200]);
    const asked = new URL(trail[0] ?? '').searchParams;
    expect(Object.fromEntries(asked)).toMatchObject({
      redirect_uri: `${hub.url}/api/auth/callback/oidc`,
      scope: 'openid profile email',
      code_challenge_method: 'S256',
      state: expect.stringMatching(/^.{20,}$/),
      nonce: expect.stringMatching(/^.{20,}$/),
    });
    expect(await visitor.whoami(hub.url)).toBe('ada');
    expect(await userNamed('ada')).toMatchObject({ roles: ['manager', 'user'] });
    const { data } = (await (await visitor.api(hub.url, '/me/sessions')).json()) as { data: { method: string }[] };
    expect(data.map(({ method }) => method)).toEqual(['oidc']);
  });

  it('takes a role back everywhere as soon as the claim is gone', async () => {
    idp.person = { ...ada, groups: ['ops'] };
    const elsewhere = createVisitor();
    await elsewhere.signIn(hub.url, 'oidc');
    const keyAnswer = await elsewhere.api(hub.url, '/keys', { method: 'POST', body: { name: 'cli' } });
    const { secret } = (await keyAnswer.json()) as { secret: string };
    const session = await openSession(hub, { key: secret });
    const operates = async (response: Response) =>
      ((await response.json()) as { may: { server: string[] } }).may.server.includes('operate');
    /** By the key and the browser at the web program, and at the worker. */
    const isManager = async () => [
      await operates(await fetch(`${hub.url}/api/v1/me`, { headers: { authorization: `Bearer ${secret}` } })),
      await operates(await elsewhere.api(hub.url, '/me')),
      (await session.tools()).length > 0,
    ];
    expect(await isManager()).toEqual([true, true, true]);
    idp.person = { ...ada };
    await createVisitor().signIn(hub.url, 'oidc');
    const since = performance.now();
    await until(async () => !(await isManager()).includes(true), 5_000);
    expect(performance.now() - since).toBeLessThan(1_000);
  });

  it('makes one account of many first sign-ins at once', async () => {
    idp.person = { sub: 'many', preferred_username: 'many' };
    const visitors = Array.from({ length: 5 }, createVisitor);
    await Promise.all(visitors.map((visitor) => visitor.signIn(hub.url, 'oidc')));
    const names = await Promise.all(visitors.map((visitor) => visitor.whoami(hub.url)));
    expect(names).toEqual(Array(5).fill('many'));
    expect((await usersNow()).filter(({ username }) => username.startsWith('many'))).toHaveLength(1);
  });

  it('never takes over a user by name or e-mail address', async () => {
    await asAdmin('POST', '/users', { username: 'victim', email: 'victim@corp.test', roles: ['admin'] });
    idp.person = { sub: 'x', preferred_username: 'victim', email: 'victim@corp.test', email_verified: true };
    const visitor = createVisitor();
    await visitor.signIn(hub.url, 'oidc');
    expect(await visitor.whoami(hub.url)).toBe('victim-2');
    expect((await userNamed('victim-2'))?.roles).toEqual(['user']);
  });

  it('refuses a disabled user, in plain words', async () => {
    idp.person = { sub: 'off', preferred_username: 'off' };
    await createVisitor().signIn(hub.url, 'oidc');
    await asAdmin('PATCH', `/users/${(await userNamed('off'))?.id}`, { disabled: true });
    const visitor = createVisitor();
    const { url, text } = await visitor.signIn(hub.url, 'oidc', '/keys');
    await expectRefused(visitor, url, 'not-allowed');
    expect([url.searchParams.get('next'), text.includes('You may not sign in here this way')]).toEqual(['/keys', true]);
    expect(await lastRefusal()).toBe('oidc: account disabled');
  });

  it('asks at every sign-in for a domain that is named, and says so in plain words', async () => {
    idp.person = { sub: 'leaver', preferred_username: 'leaver', email: 'leaver@corp.test', email_verified: true };
    await createVisitor().signIn(hub.url, 'oidc');
    await asAdmin('PATCH', '/settings/sign-in', { domains: ['elsewhere.test'] });
    const visitor = createVisitor();
    const { url, text } = await visitor.signIn(hub.url, 'oidc');
    await asAdmin('PATCH', '/settings/sign-in', { domains: [] });
    await expectRefused(visitor, url, 'not-allowed');
    expect(text).toContain('You may not sign in here this way');
    expect(await lastRefusal()).toBe('oidc: the e-mail address is of another domain');
    await visitor.signIn(hub.url, 'oidc');
    expect(await visitor.whoami(hub.url)).toBe('leaver');
  });

  it('refuses the state of another browser, and a callback that nobody began', async () => {
    const begun = createVisitor();
    const { url: start } = (await (await begun.begin(hub.url, 'oidc')).json()) as { url: string };
    const { url: back } = await begun.go(start, { until: /\/api\/auth\/callback\// });
    const other = createVisitor();
    await expectRefused(other, (await other.go(back.href)).url, 'expired');
    // One that has a sign-in of its own under way.
    const busy = createVisitor();
    await busy.begin(hub.url, 'oidc');
    await expectRefused(busy, (await busy.go(back.href)).url, 'expired');
    expect(await lastRefusal()).toMatch(/^oidc: .*state/i);
    // The first browser's is good still, and good once.
    await begun.go(back.href);
    expect(await begun.whoami(hub.url)).toBe('ada');
    const replayed = createVisitor();
    for (const [name, value] of begun.cookies(hub.url)) {
      if (!name.includes('session-token')) replayed.cookies(hub.url).set(name, value);
    }
    await expectRefused(replayed, (await replayed.go(back.href)).url, 'expired');
  });

  it('refuses a code that was used, although the browser kept its cookies', async () => {
    const visitor = createVisitor();
    const { url: start } = (await (await visitor.begin(hub.url, 'oidc')).json()) as { url: string };
    const { url: back } = await visitor.go(start, { until: /\/api\/auth\/callback\// });
    const kept = new Map(visitor.cookies(hub.url));
    await visitor.go(back.href);
    const replayed = createVisitor();
    for (const [name, value] of kept) replayed.cookies(hub.url).set(name, value);
    await expectRefused(replayed, (await replayed.go(back.href)).url, 'expired');
  });

  const sign = async (claims: JWTPayload, header: object = {}) =>
    new SignJWT(claims)
      .setProtectedHeader({ alg: 'RS256', kid: 'test', ...header })
      .sign(await importJWK(idp.key, 'RS256'));
  const claimsOf = (answer: Record<string, unknown>) =>
    JSON.parse(Buffer.from(String(answer.id_token).split('.')[1] ?? '', 'base64url').toString()) as JWTPayload;
  const lies: Record<string, (claims: JWTPayload) => Promise<string>> = {
    'of another issuer': (claims) => sign({ ...claims, iss: 'http://127.0.0.1:1' }),
    'for another client': (claims) => sign({ ...claims, aud: 'another' }),
    'that has expired': (claims) => sign({ ...claims, exp: Math.floor(Date.now() / 1000) - 60 }),
    'with the nonce of another sign-in': (claims) => sign({ ...claims, nonce: 'used-before' }),
    'without a nonce': ({ nonce: _, ...claims }) => sign(claims),
    'without a signature': async (claims) => new UnsecuredJWT(claims).encode(),
    'signed with the secret of the client': async (claims) =>
      new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(idp.client.secret)),
    'whose signature is of another text': async (claims) => {
      const [head, , signature] = (await sign(claims)).split('.');
      const other = Buffer.from(JSON.stringify({ ...claims, sub: 'root' })).toString('base64url');
      return `${head}.${other}.${signature}`;
    },
  };
  it.each(Object.entries(lies))('refuses an ID token %s', async (_name, lie) => {
    idp.tamper = async (answer) => ({ ...answer, id_token: await lie(claimsOf(answer)) });
    const visitor = createVisitor();
    const { url } = await visitor.signIn(hub.url, 'oidc');
    expect(url.pathname).toBe('/signin');
    expect(['provider', 'expired']).toContain(url.searchParams.get('error'));
    expect(await visitor.whoami(hub.url)).toBeNull();
  });

  it('takes the same ID token where nothing is wrong with it', async () => {
    idp.tamper = async (answer) => ({ ...answer, id_token: await sign(claimsOf(answer)) });
    const visitor = createVisitor();
    await visitor.signIn(hub.url, 'oidc');
    expect(await visitor.whoami(hub.url)).toBe('ada');
  });

  it('says that the sign-in was cancelled, and blames nobody for it', async () => {
    idp.person = null;
    const visitor = createVisitor();
    const { url, text } = await visitor.signIn(hub.url, 'oidc');
    await expectRefused(visitor, url, 'denied');
    expect(text).toContain('The sign-in was cancelled.');
  });

  it('a provider that does not answer costs five seconds at most, and nobody else anything', async () => {
    idp.isSilent = true;
    const since = performance.now();
    const waiting = createVisitor().begin(hub.url, 'oidc');
    const meanwhile = await fetch(`${hub.url}/api/v1/me`, { headers: { authorization: `Bearer ${hub.apiKey}` } });
    expect([meanwhile.status, performance.now() - since < 3_000]).toEqual([200, true]);
    const response = await waiting;
    expect([response.status, performance.now() - since < 5_000]).toEqual([503, true]);
    expect(await response.json()).toMatchObject({ detail: 'The sign-in service cannot be reached right now.' });
    idp.isSilent = false;
    const visitor = createVisitor();
    await visitor.signIn(hub.url, 'oidc');
    expect(await visitor.whoami(hub.url)).toBe('ada');
  });

  it('starts from our own pages only, and leads nowhere else', async () => {
    const visitor = createVisitor();
    const csrf = (await (await visitor.send(`${hub.url}/api/auth/csrf`)).json()) as { csrfToken: string };
    const foreign = await visitor.send(`${hub.url}/api/auth/signin/oidc`, {
      method: 'POST',
      headers: { origin: 'https://evil.test', 'content-type': 'application/json' },
      body: JSON.stringify({ csrfToken: csrf.csrfToken, json: 'true' }),
    });
    expect(foreign.status).toBe(403);
    const byLink = await visitor.go(`${hub.url}/api/auth/signin/oidc`);
    expect(byLink.url.pathname).toBe('/signin');
    for (const next of ['https://evil.test/', '//evil.test', '/\\evil.test']) {
      const { url } = await createVisitor().signIn(hub.url, 'oidc', next);
      expect([next, url.host]).toEqual([next, new URL(hub.url).host]);
    }
  });

  it('a new sign-in replaces the session that the browser had', async () => {
    const visitor = createVisitor();
    await visitor.signIn(hub.url, 'oidc');
    const before = new Map(visitor.cookies(hub.url));
    await visitor.signIn(hub.url, 'oidc');
    const old = createVisitor();
    for (const [name, value] of before) old.cookies(hub.url).set(name, value);
    expect([await old.whoami(hub.url), await visitor.whoami(hub.url)]).toEqual([null, 'ada']);
  });
});

describe('the second factor of an account without a password', () => {
  it('is switched on with the sign-in as proof, and asked for after the provider before there is a session', async () => {
    idp.person = { sub: 'careful', preferred_username: 'careful' };
    const visitor = createVisitor();
    await visitor.signIn(hub.url, 'oidc');
    const post = async (path: string, body: object) => {
      const response = await visitor.api(hub.url, `/me/second-factor${path}`, { method: 'POST', body });
      return { status: response.status, body: response.status === 204 ? {} : await response.json() };
    };
    const { status, body } = await post('', {});
    expect(status).toBe(201);
    const code = new TOTP({ secret: body.secret }).generate({ timestamp: Date.now() });
    expect((await post('/confirm', { code })).body).toMatchObject({ recoveryCodes: Array(10).fill(expect.anything()) });
    expect((await post('/recovery-codes', {})).status).toBe(200);

    const again = createVisitor();
    const { url, text } = await again.signIn(hub.url, 'oidc', '/keys');
    expect([url.pathname, url.searchParams.get('next')]).toEqual(['/signin', '/keys']);
    expect(text).toContain('Code');
    const refused = await again.send(`${hub.url}/api/v1/me/second-factor/remove`, { method: 'POST', body: '{}' });
    expect([await again.whoami(hub.url), refused.status]).toEqual([null, 401]);
    expect((await post('/remove', {})).status).toBe(204);
    const without = createVisitor();
    await without.signIn(hub.url, 'oidc');
    expect(await without.whoami(hub.url)).toBe('careful');
  });
});

describe('linking', () => {
  it('links to whoever asked in this very session, and says whose an identity is already', async () => {
    idp.person = { sub: 'both', preferred_username: 'both' };
    const visitor = createVisitor();
    await visitor.signIn(hub.url, 'oidc');
    github.user = { id: 77, login: 'someone' };
    const wish = await visitor.api(hub.url, '/me/identities/link', { method: 'POST', body: { provider: 'github' } });
    expect(wish.status).toBe(204);
    const linked = await visitor.signIn(hub.url, 'github', '/account');
    expect(linked.url.href).toBe(`${hub.url}/account?linked=1`);
    const again = createVisitor();
    await again.signIn(hub.url, 'github');
    expect(await again.whoami(hub.url)).toBe('both');
    // Somebody else cannot link the same one, and stays who they are.
    idp.person = { ...ada };
    const other = createVisitor();
    await other.signIn(hub.url, 'oidc');
    await other.api(hub.url, '/me/identities/link', { method: 'POST', body: { provider: 'github' } });
    const refused = await other.signIn(hub.url, 'github', '/account');
    expect(refused.url.href).toBe(`${hub.url}/account?error=taken`);
    expect(await other.whoami(hub.url)).toBe('ada');
    // One that comes to nothing leads back to the account, and leaves the session alone.
    await other.api(hub.url, '/me/identities/link', { method: 'POST', body: { provider: 'github' } });
    github.refuses = ['/api/v3/user/orgs'];
    const failed = await other.signIn(hub.url, 'github', '/account');
    expect(failed.url.href).toBe(`${hub.url}/account?error=provider`);
    expect(await other.whoami(hub.url)).toBe('ada');
    github.refuses = [];
    // The wish is used up: the next sign-in is one.
    await other.signIn(hub.url, 'github');
    expect(await other.whoami(hub.url)).toBe('both');
  });
});

describe('GitHub', () => {
  it('signs in by number, with teams and organisations of all pages, and asks for no more than it needs', async () => {
    const orgs = Array.from({ length: 130 }, (_, at) => `org-${at}`);
    github.user = {
      id: 42,
      login: 'Octo-Cat',
      emails: [{ email: 'octo@corp.test', primary: true, verified: true }],
      orgs,
      teams: [...orgs.map((org) => `${org}/x`), 'corp/ops'],
    };
    const visitor = createVisitor();
    await visitor.signIn(hub.url, 'github');
    expect(await visitor.whoami(hub.url)).toBe('Octo-Cat');
    expect(await userNamed('Octo-Cat')).toMatchObject({ roles: ['manager', 'user'] });
    expect(github.scopes).toBe('read:user user:email read:org');
    // The login is somebody else's now.
    github.user = { id: 43, login: 'Octo-Cat' };
    const other = createVisitor();
    await other.signIn(hub.url, 'github');
    expect(await other.whoami(hub.url)).toBe('Octo-Cat-2');
    expect((await userNamed('Octo-Cat-2'))?.roles).toEqual(['user']);
  });

  it('refuses while a question stays without an answer, and takes no role away for it', async () => {
    github.user = { id: 50, login: 'fifty', teams: ['corp/ops'] };
    await createVisitor().signIn(hub.url, 'github');
    github.refuses = ['/api/v3/user/teams'];
    const visitor = createVisitor();
    await expectRefused(visitor, (await visitor.signIn(hub.url, 'github')).url, 'provider');
    expect((await userNamed('fifty'))?.roles).toEqual(['manager', 'user']);
  });
});

describe('Google', () => {
  const visitGoogle = () => createVisitor({ [googleIssuer]: google.address });

  it('signs in by its number, asks for no more than it needs, and rules speak of the Workspace', async () => {
    await asAdmin('POST', '/sign-in-rules', {
      provider: 'google',
      claim: 'hd',
      value: 'corp.test',
      roles: ['manager'],
    });
    google.person = { sub: '1', email: 'grace@corp.test', email_verified: true, hd: 'corp.test' };
    const visitor = visitGoogle();
    const { trail } = await visitor.signIn(hub.url, 'google');
    const asked = new URL(trail[0] ?? '');
    expect([asked.origin, asked.searchParams.get('scope')]).toEqual([googleIssuer, 'openid profile email']);
    expect(asked.searchParams.get('redirect_uri')).toBe(`${hub.url}/api/auth/callback/google`);
    expect(await visitor.whoami(hub.url)).toBe('grace');
    expect(await userNamed('grace')).toMatchObject({ roles: ['manager', 'user'] });
    // The address is somebody else's now.
    google.person = { sub: '2', email: 'grace@corp.test', email_verified: true };
    const other = visitGoogle();
    await other.signIn(hub.url, 'google');
    expect(await other.whoami(hub.url)).toBe('grace-2');
    expect(await userNamed('grace-2')).toMatchObject({ roles: ['user'] });
  });

  it('an address that no Workspace vouches for opens no account where domains are named', async () => {
    await asAdmin('PATCH', '/settings/sign-in', { domains: ['corp.test'] });
    google.person = { sub: '3', email: 'leaver@corp.test', email_verified: true };
    const refused = visitGoogle();
    await expectRefused(refused, (await refused.signIn(hub.url, 'google')).url, 'not-allowed');
    expect(await lastRefusal()).toBe('google: the e-mail address is not that of a Google Workspace account');
    google.person = { sub: '4', email: 'joiner@corp.test', email_verified: true, hd: 'corp.test' };
    const visitor = visitGoogle();
    await visitor.signIn(hub.url, 'google');
    expect(await visitor.whoami(hub.url)).toBe('joiner');
    await asAdmin('PATCH', '/settings/sign-in', { domains: [] });
  });

  it('an ID token of another issuer is refused', async () => {
    google.person = { sub: '1', email: 'grace@corp.test', email_verified: true };
    google.tamper = async (answer) => {
      const [head, body = '', signature] = String(answer.id_token).split('.');
      const claims = {
        ...JSON.parse(Buffer.from(body, 'base64url').toString()),
        iss: 'https://accounts.google.com.evil',
      };
      return {
        ...answer,
        id_token: [head, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.'),
      };
    };
    const visitor = visitGoogle();
    expect((await visitor.signIn(hub.url, 'google')).url.pathname).toBe('/signin');
    expect(await visitor.whoami(hub.url)).toBeNull();
  });
});

it('no secret of a client and no token is in the logs', () => {
  const logs = hub.logs();
  expect([idp.client.secret, githubClient.secret, 'gho_'].filter((each) => logs.includes(each))).toEqual([]);
});
