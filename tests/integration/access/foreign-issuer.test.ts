// Access tokens of another issuer, a real oidc-provider that gives JWTs, and tokens that it never gave.
import { randomBytes } from 'node:crypto';
import { exportJWK, generateKeyPair, type JWTHeaderParameters, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { userIdentities, users } from '../../../drizzle/schema';
import {
  type ActorResolver,
  type Ctx,
  createActorResolver,
  createKey,
  createKeyring,
  foreignTokens,
} from '../../../lib/access';
import { createForeignIssuer, type ForeignIssuerOptions } from '../../../worker/foreign-issuer';
import { createEgress } from '../../../worker/upstream';
import { silentLog } from '../../support/database';
import { type Issuer, startIssuer } from '../../support/issuer';
import { hubUrl } from '../../support/oauth-rows';
import { accessFixture } from './fixture';

const keyring = createKeyring(randomBytes(32));
const resource = `${hubUrl}/api/mcp`;

const fixture = accessFixture('embedded');
const opened: { close(): Promise<void> }[] = [];
let issuer: Issuer;
let ada: Ctx;
let access: ActorResolver;
/** Both clocks, in ms from now. */
let elapsed: number;

function open(changes: Partial<ForeignIssuerOptions> = {}): ActorResolver {
  const foreign = createForeignIssuer({
    issuer: issuer.url,
    publicUrl: hubUrl,
    egress: createEgress('private-allowed'),
    userAgent: 'test',
    log: silentLog,
    now: () => Date.now() + elapsed,
    ...changes,
  });
  const { db } = fixture.database;
  const clocks = { now: () => elapsed, wallClock: () => Date.now() + elapsed };
  const resolver = createActorResolver({
    db,
    bus: fixture.bus,
    keyring,
    tokens: foreignTokens(db, foreign),
    ...clocks,
  });
  opened.push(resolver, foreign);
  return resolver;
}

beforeAll(async () => {
  issuer = await startIssuer();
});
afterAll(() => issuer.close());
beforeEach(async () => {
  elapsed = 0;
  ada = await fixture.addUser('ada', 'user', { groups: ['team'] });
  await fixture.database.db
    .insert(userIdentities)
    .values({ userId: ada.actor.id, provider: 'oidc', issuer: issuer.url, subject: 'ada-app' });
  access = open();
});
afterEach(async () => {
  for (const each of opened.splice(0)) await each.close();
});

const signed = (changes: JWTPayload, header: Partial<JWTHeaderParameters> = {}) => {
  const parts = issuer.parts(resource, changes);
  return issuer.sign({ ...parts.header, ...header }, parts.payload);
};

describe('a token of the issuer', () => {
  it('is the user who signed in as its subject, within scopes and endpoints', async () => {
    const token = await issuer.give({ resource: `${resource}/GitHub`, scope: 'mcp:read' });
    const actor = await access.resolveCaller(token);
    expect(actor).toEqual({
      ...ada.actor,
      kind: 'token',
      id: expect.stringMatching(/^[0-9a-f]{64}$/),
      name: 'ada/ada-app',
      keyScope: {},
      token: { endpoints: ['github'], scopes: ['mcp:read'] },
      expiresAtMs: expect.any(Number),
    });
    expect(access.resolveCaller(token)).toBe(actor);
    const next = await issuer.give({ resource, scope: 'mcp:call' });
    expect(await access.resolveCaller(next)).toMatchObject({ id: actor?.id, token: { endpoints: null } });
  });

  it('is nobody where nobody signed in as its subject, and where keys alone are meant', async () => {
    expect(await access.resolveCaller(await issuer.give({ resource, clientId: 'bob-app' }))).toBeNull();
    expect(await access.resolveBearer(await issuer.give({ resource }))).toBeNull();
  });

  it('is the user whom a claim names, where the operator lets it, and then nobody else', async () => {
    const byName = open({ userClaim: 'preferred_username' });
    await fixture.addUser('Bob', 'user');
    expect(await byName.resolveCaller(await issuer.give({ resource, clientId: 'bob-app' }))).toMatchObject({
      name: 'Bob/bob-app',
    });
    for (const preferred_username of [undefined, '', 7, ['ada'], 'nobody']) {
      expect(await byName.resolveCaller(await signed({ preferred_username }))).toBeNull();
    }
  });

  it('is for the audience that the operator names, where there is one', async () => {
    const own = open({ audience: 'api://hub' });
    expect(await own.resolveCaller(await signed({ aud: ['x', 'api://hub'] }))).toMatchObject({
      token: { endpoints: null },
    });
    expect(await own.resolveCaller(await signed({ aud: resource }))).toBeNull();
  });

  it('may name its scopes as other issuers do', async () => {
    for (const scp of ['mcp:call other', ['mcp:call', 'other']]) {
      expect(await access.resolveCaller(await signed({ scope: undefined, scp }))).toMatchObject({
        token: { scopes: ['mcp:call'] },
      });
    }
  });

  it('ends when its user is disabled, and follows its rights', async () => {
    const token = await issuer.give({ resource });
    const actor = await access.resolveCaller(token);
    expect(await access.reload('token', actor?.id ?? '')).toEqual(actor);
    await fixture.database.db.update(users).set({ disabled: true });
    await fixture.bus.emit('access.changed', { userId: ada.actor.id });
    expect(await access.resolveCaller(token)).toBeNull();
    expect(await access.reload('token', actor?.id ?? '')).toBeNull();
  });

  it('leaves keys alone', async () => {
    const { secret } = await createKey(ada, { name: 'cli' });
    expect(await access.resolveCaller(secret)).toMatchObject({ kind: 'key' });
  });

  it('ends a minute after it expired, since clocks differ, also from memory', async () => {
    const token = await signed({ exp: Math.floor(Date.now() / 1000) + 10 });
    expect(await access.resolveCaller(token)).not.toBeNull();
    elapsed = 50_000;
    expect(await access.resolveCaller(token)).not.toBeNull();
    elapsed = 72_000;
    expect(await access.resolveCaller(token)).toBeNull();
  });
});

describe('a token that the issuer did not give so is nobody [T-OAUTH-03]', () => {
  const seconds = (from: number) => Math.floor(Date.now() / 1000) + from;
  const own = generateKeyPair('RS256', { extractable: true });
  const forged: [string, () => Promise<string> | string][] = [
    ['alg none', () => new UnsecuredJWT(issuer.parts(resource).payload).encode()],
    ['no signature', async () => (await signed({})).replace(/[^.]+$/, '')],
    [
      'HS256 with the public key as its secret',
      () => {
        const { header, payload } = issuer.parts(resource);
        return new SignJWT(payload)
          .setProtectedHeader({ ...header, alg: 'HS256' })
          .sign(new TextEncoder().encode(issuer.publicPem));
      },
    ],
    [
      'a key of its own under a known id',
      async () => {
        const { header, payload } = issuer.parts(resource);
        return new SignJWT(payload).setProtectedHeader(header).sign((await own).privateKey);
      },
    ],
    [
      'a key that it brings along',
      async () => {
        const { header, payload } = issuer.parts(resource);
        const { privateKey, publicKey } = await own;
        const brought = { jwk: await exportJWK(publicKey), jku: 'http://127.0.0.1:1/jwks', kid: 'own' };
        return new SignJWT(payload).setProtectedHeader({ ...header, ...brought } as never).sign(privateKey);
      },
    ],
    ['a key id that nobody knows', () => signed({}, { kid: 'unknown' })],
    ['another issuer', () => signed({ iss: 'https://evil.example' })],
    ['its issuer but for a slash', () => signed({ iss: `${issuer.url}/` })],
    ['another audience', () => signed({ aud: 'https://other.example/api/mcp' })],
    ['no audience', () => signed({ aud: undefined })],
    ['no subject', () => signed({ sub: undefined })],
    ['no end', () => signed({ exp: undefined })],
    ['an end long ago', () => signed({ exp: seconds(-3600) })],
    ['a beginning far ahead', () => signed({ nbf: seconds(3600) })],
    ['the type of another token', () => signed({}, { typ: 'logout+jwt' })],
    ['the look of an ID token', () => signed({ nonce: 'n' }, { typ: 'JWT' })],
    ['the kind that Keycloak calls ID', () => signed({ typ: 'ID' }, { typ: 'JWT' })],
    [
      'claims that were changed',
      async () => {
        const [head, , signature] = (await signed({})).split('.');
        const payload = issuer.parts(resource, { sub: 'bob-app' }).payload;
        return [head, Buffer.from(JSON.stringify(payload)).toString('base64url'), signature].join('.');
      },
    ],
    ['nothing but the beginning', () => 'eyJ'],
    ['100 kB', () => `eyJ${'x'.repeat(100_000)}`],
    ['100 kB of claims', () => signed({ filler: 'x'.repeat(100_000), nonce: 'n' }, { typ: 'JWT' })],
  ];

  it.each(forged)('%s', async (_name, make) => {
    expect(await access.resolveCaller(await signed({}))).not.toBeNull();
    expect(await access.resolveCaller(await make())).toBeNull();
  });
});

describe('keys of the issuer', () => {
  it('are read once for many tokens, and not for each unknown id', async () => {
    const before = issuer.keyReads();
    await Promise.all([...Array(20)].map(async () => access.resolveCaller(await signed({}))));
    for (let at = 0; at < 20; at++) await access.resolveCaller(await signed({}, { kid: `unknown-${at}` }));
    expect(issuer.keyReads() - before).toBe(1);
  });

  it('that are known go on while it is away; before, nothing can be checked', async () => {
    const [known, later] = [await signed({}), await signed({})];
    const fresh = open();
    expect(await access.resolveCaller(known)).not.toBeNull();
    await issuer.pause();
    try {
      expect(await access.resolveCaller(later)).not.toBeNull();
      await expect(Promise.resolve(fresh.resolveCaller(known))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      elapsed = 31_000;
      expect(await access.resolveCaller(known)).not.toBeNull();
    } finally {
      await issuer.resume();
    }
  });

  it('are not read from an address that the guard refuses', async () => {
    const guarded = open({ egress: createEgress('public-only') });
    const before = issuer.keyReads();
    await expect(Promise.resolve(guarded.resolveCaller(await signed({})))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
    expect(issuer.keyReads()).toBe(before);
  });
});
