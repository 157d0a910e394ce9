// Clients whose id is the URL of a document: what of it is believed, and which addresses are asked at all. The
// authorization server runs by itself here; the document is behind real TLS.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import pino from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createKeyring } from '../../../lib/access';
import { createBus } from '../../../lib/events/bus';
import { createOauth } from '../../../worker/oauth';
import { createClientDocuments, createEgress, type Egress, type FetchDocument } from '../../../worker/upstream';
import { openTestDatabase, type TestDatabase } from '../../support/database';
import { authorizationQuery, Browser, newPkce, postForm } from '../../support/oauth-client';
import { certificate, startTls } from '../../support/outbound';

let database: TestDatabase;
let documents: Server;
let tls: Awaited<ReturnType<typeof startTls>>;
let front: Server;
let url: string;
let clientId: string;
/** What the server of documents answers. */
let document: object | string;
/** What it answers at /keys.json. */
let keys: object | null;
let status = 200;
let headers: Record<string, string> = {};
let asked: string[] = [];
let fetchDocument: FetchDocument;

const redirect = 'https://client.example/callback';
/** Names of this machine stand for public ones, but only where a test says so. */
const loopback = createEgress('private-allowed');

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

beforeAll(async () => {
  database = await openTestDatabase('embedded');
  documents = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    const answer = request.url === '/keys.json' && keys ? keys : document;
    response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
  });
  tls = await startTls(`http://127.0.0.1:${await listening(documents)}`, 'good');
});

beforeEach(async () => {
  front = createServer((request, response) => oauth.handle(request, response));
  url = `http://127.0.0.1:${await listening(front)}`;
  asked = [];
  status = 200;
  headers = {};
  keys = null;
  clientId = `https://localhost:${tls.port}/client.json`;
  document = { client_id: clientId, client_name: 'Known client', redirect_uris: [redirect] };
  fetchDocument = createClientDocuments({ egress: loopback, guard: loopback, tls: { ca: certificate('ca') } });
  const oauth = createOauth({
    db: database.db,
    bus: createBus(() => {}),
    keyring: createKeyring(Buffer.alloc(32, 7)),
    log: pino({ level: 'silent' }),
    issuer: url,
    fetchDocument: (target) => fetchDocument(target),
  });
});

afterEach(async () => {
  front.closeAllConnections();
  await new Promise((resolve) => front.close(resolve));
});

afterAll(async () => {
  await tls?.stop();
  documents?.closeAllConnections();
  documents?.close();
  await database?.close();
});

/** @returns the page of the consent, or the error on a page of ours */
async function begin(changes: Record<string, string> = {}, id = clientId): Promise<string> {
  const query = authorizationQuery(id, newPkce(), { redirect_uri: redirect, ...changes });
  const answer = await new Browser(url).get(`/oauth/authorize?${query}`);
  const location = answer.headers.get('location');
  if (location?.startsWith(`${url}/consent/`)) return 'consent';
  return location ?? (/<code>(\w+)/.exec(answer.text)?.[1] || `${answer.status}`);
}

describe('a client with a document of its own', () => {
  it('is known by it, and the document is kept for a while [N-AUTH-13]', async () => {
    expect(await begin()).toBe('consent');
    expect(await begin()).toBe('consent');
    expect(asked).toEqual(['/client.json']);
  });

  it('gets answers only where the document says [N-AUTH-13]', async () => {
    expect(await begin({ redirect_uri: 'https://evil.example/callback' })).toBe('invalid_redirect_uri');
  });

  it('is refused where the document names another client [N-AUTH-13]', async () => {
    document = { client_id: 'https://other.example/client.json', redirect_uris: [redirect] };
    expect(await begin()).toMatch(/^invalid_client/);
  });

  it('is refused where the document is no good', async () => {
    const good = { client_id: clientId, redirect_uris: [redirect] };
    const bad: (object | string)[] = [
      'no JSON',
      '[]',
      'null',
      { ...good, redirect_uris: [] },
      { ...good, redirect_uris: ['http://evil.example/cb'] },
      { ...good, redirect_uris: ['javascript:alert(1)'] },
      { ...good, client_secret: 'x' },
      { ...good, token_endpoint_auth_method: 'client_secret_post' },
      { ...good, token_endpoint_auth_method: 'private_key_jwt' },
      { ...good, token_endpoint_auth_method: 'private_key_jwt', jwks_uri: 'http://client.example/keys' },
      { ...good, token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [{ kty: 'oct', k: 'c2VjcmV0' }] } },
      { ...good, padding: 'x'.repeat(65 * 1024) },
    ];
    for (const each of bad) {
      const id = `${clientId}?${bad.indexOf(each)}`;
      document = typeof each === 'string' ? each : { ...each, client_id: id };
      expect([JSON.stringify(each).slice(0, 60), await begin({}, id)]).toEqual([
        JSON.stringify(each).slice(0, 60),
        expect.stringMatching(/^invalid_/),
      ]);
    }
    expect(asked).toHaveLength(bad.length);
  });

  it('is refused where its URL answers with a redirect or an error', async () => {
    for (const each of [302, 404, 500]) {
      status = each;
      headers = { location: `https://localhost:${tls.port}/other.json` };
      expect(await begin({}, `${clientId}?${each}`)).toMatch(/^invalid_client/);
    }
    expect(asked).toEqual(['/client.json?302', '/client.json?404', '/client.json?500']);
  });

  it('is no client with a URL of another form', async () => {
    for (const id of [
      clientId.replace('https:', 'http:'),
      `${clientId}#a`,
      clientId.replace('https://', 'https://user@'),
      clientId.replace('client.json', 'a/../client.json'),
    ]) {
      expect([id, await begin({}, id)]).toEqual([id, 'invalid_client']);
    }
    expect(asked).toEqual([]);
  });

  it('is asked for at public addresses only, however they are written [T-SSRF-05]', async () => {
    fetchDocument = createClientDocuments({ egress: loopback, tls: { ca: certificate('ca') } });
    const hosts = ['localhost', '127.0.0.1', '2130706433', '0x7f.1', '[::1]', '[::ffff:127.0.0.1]', '169.254.169.254'];
    for (const host of hosts) {
      expect([host, await begin({}, `https://${host}:${tls.port}/client.json`)]).toEqual([host, 'invalid_client']);
    }
    expect(asked).toEqual([]);
  });

  it('is asked for at no address that the settings refuse [T-SSRF-05]', async () => {
    const resolve = ((_host: string, _options: object, done: (error: null, found: object[]) => void) =>
      done(null, [{ address: '127.0.0.1', family: 4 }])) as never;
    const guards: Egress[] = [createEgress('public-only', { resolve }), createEgress('*.example.org', { resolve })];
    for (const egress of guards) {
      fetchDocument = createClientDocuments({ egress, tls: { ca: certificate('ca') } });
      expect(await begin({}, `https://client.example:${tls.port}/client.json`)).toBe('invalid_client');
    }
    expect(asked).toEqual([]);
  });
});

describe('a client with a key of its own', () => {
  const signer = generateKeyPair('ES256', { extractable: true });
  const publicKeys = async () => ({
    keys: [{ ...(await exportJWK((await signer).publicKey)), kid: 'one', use: 'sig' }],
  });
  let count = 0;

  async function assertion(changes: { aud?: string; seconds?: number; iss?: string } = {}, key?: CryptoKey) {
    const { aud = url, seconds = 60, iss = clientId } = changes;
    count += 1;
    return new SignJWT({ jti: `assertion ${count}` })
      .setProtectedHeader({ alg: 'ES256', kid: 'one' })
      .setIssuer(iss)
      .setSubject(clientId)
      .setAudience(aud)
      .setIssuedAt()
      .setExpirationTime(Math.floor(Date.now() / 1000) + seconds)
      .sign(key ?? (await signer).privateKey);
  }

  /** Gives a token back that there is not: 200 to a client that has proved itself. */
  async function prove(jwt: string | null): Promise<number> {
    const proof = jwt && {
      client_assertion: jwt,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    };
    return (await postForm(`${url}/oauth/revoke`, { client_id: clientId, token: 'none', ...proof })).status;
  }

  const signed = { redirect_uris: [redirect], token_endpoint_auth_method: 'private_key_jwt' };

  it('proves itself with it, by an assertion for this hub that is short and good once', async () => {
    document = { ...signed, client_id: clientId, jwks: await publicKeys() };
    expect(await begin()).toBe('consent');
    const good = await assertion();
    expect([await prove(good), await prove(good)]).toEqual([200, 401]);
    expect(await prove(await assertion({ aud: `${url}/oauth/token` }))).toBe(200);
    const stranger = (await generateKeyPair('ES256')).privateKey;
    const [head, body] = good.split('.');
    for (const bad of [
      await assertion({ aud: 'https://other.example' }),
      await assertion({ seconds: -60 }),
      await assertion({ seconds: 2 * 60 * 60 }),
      await assertion({ iss: 'https://other.example/client.json' }),
      await assertion({}, stranger),
      `${btoa('{"alg":"none"}')}.${body}.`,
      `${head}.${body}.`,
      null,
    ]) {
      expect([bad, await prove(bad)]).toEqual([bad, expect.toBeOneOf([400, 401])]);
    }
    expect(await (await fetch(`${url}/.well-known/oauth-authorization-server`)).json()).toMatchObject({
      token_endpoint_auth_methods_supported: ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'],
      token_endpoint_auth_signing_alg_values_supported: expect.arrayContaining(['ES256', 'RS256']),
    });
  });

  it('may have its keys at an address, which is asked seldom and behind the guard; they are no client [T-SSRF-05]', async () => {
    const address = `https://localhost:${tls.port}/keys.json`;
    document = { ...signed, client_id: clientId, jwks_uri: address };
    // What is read as keys must not pass for the document of a client that nobody has checked.
    keys = { ...(await publicKeys()), client_id: address, redirect_uris: ['javascript:alert(1)'] };
    expect(await begin()).toBe('consent');
    expect([await prove(await assertion()), await prove(await assertion())]).toEqual([200, 200]);
    expect(asked).toEqual(['/client.json', '/keys.json']);
    expect(await begin({ redirect_uri: 'javascript:alert(1)' }, address)).toMatch(/^invalid_client/);
    clientId = `${clientId}?guarded`;
    document = { ...signed, client_id: clientId, jwks_uri: `${address}?guarded` };
    expect(await begin()).toBe('consent');
    fetchDocument = createClientDocuments({ egress: loopback, tls: { ca: certificate('ca') } });
    expect(await prove(await assertion())).toBe(401);
    expect(asked).not.toContain('/keys.json?guarded');
  });
});
