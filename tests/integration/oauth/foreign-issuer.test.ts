// A running hub that takes the tokens of another issuer, a real oidc-provider, in the place of its own.
import { generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { initialize } from '../../support/gateway';
import { type Hub, startHub } from '../../support/hub';
import { mcpHeaders, sendBytes } from '../../support/hub-client';
import { type Issuer, startIssuer } from '../../support/issuer';

let issuer: Issuer;
let hub: Hub;

beforeAll(async () => {
  issuer = await startIssuer();
  hub = await startHub({ env: { MCPHUB_OAUTH_ISSUER: issuer.url, MCPHUB_OAUTH_USER_CLAIM: 'preferred_username' } });
});
afterAll(async () => {
  await hub?.stop();
  await issuer?.close();
});

const begin = (token: string, endpoint = '') =>
  fetch(hub.mcpUrl + endpoint, {
    method: 'POST',
    headers: { ...mcpHeaders, authorization: `Bearer ${token}` },
    body: JSON.stringify(initialize()),
  });
const adminToken = (changes = {}) => {
  const { header, payload } = issuer.parts(hub.mcpUrl, { preferred_username: 'admin', ...changes });
  return issuer.sign(header, payload);
};

/** Requests of MCP that were answered so. */
async function counted(status: number): Promise<number> {
  const text = await (await fetch(`${hub.url}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line.startsWith('mcphub_requests_total{'));
  return lines
    .filter((line) => line.includes(`status="${status}"`) && line.includes('mcp'))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

describe('with another issuer', () => {
  it('metadata leads there, and the hub gives no tokens itself', async () => {
    const metadata = await fetch(`${hub.url}/.well-known/oauth-protected-resource/api/mcp`);
    expect(await metadata.json()).toMatchObject({ resource: hub.mcpUrl, authorization_servers: [issuer.url] });
    for (const [method, path] of [
      ['GET', '/.well-known/oauth-authorization-server'],
      ['GET', '/oauth/authorize'],
      ['POST', '/oauth/token'],
      ['POST', '/oauth/register'],
    ]) {
      // What nobody answers is left to the web program, which does not run here.
      expect((await fetch(hub.url + path, { method: method as string })).status, path).toBe(503);
    }
  });

  it('its tokens open endpoints as the user whom they name, and keys go on', async () => {
    expect((await begin(await adminToken())).status).toBe(200);
    expect((await begin(hub.apiKey)).status).toBe(200);
    const given = await issuer.give({ resource: hub.mcpUrl });
    expect((await begin(given)).status).toBe(401);
  });

  it('what is no good token is 401, alike and without a reason, and counted [T-OAUTH-03]', async () => {
    const own = await generateKeyPair('RS256');
    const good = issuer.parts(hub.mcpUrl, { preferred_username: 'admin' });
    const now = Math.floor(Date.now() / 1000);
    const bad = [
      new UnsecuredJWT(good.payload).encode(),
      await new SignJWT(good.payload)
        .setProtectedHeader({ ...good.header, alg: 'HS256' })
        .sign(new TextEncoder().encode(issuer.publicPem)),
      await new SignJWT(good.payload).setProtectedHeader(good.header).sign(own.privateKey),
      await issuer.sign({ ...good.header, kid: 'unknown' }, good.payload),
      await adminToken({ iss: 'https://evil.example' }),
      await adminToken({ aud: 'https://evil.example/api/mcp' }),
      await adminToken({ exp: now - 3600 }),
      await adminToken({ nbf: now + 36_000 }),
      await adminToken({ preferred_username: 'nobody' }),
      `eyJ${'x'.repeat(9000)}`,
    ];
    const before = await counted(401);
    const answers = new Set<string>();
    for (const token of bad) {
      const response = await begin(token);
      expect(response.status, token.slice(0, 80)).toBe(401);
      const body = (await response.text()).replace(/"requestId":"[^"]*"/, '');
      answers.add(`${response.headers.get('www-authenticate')} ${body}`);
    }
    expect([...answers]).toHaveLength(1);
    expect([...answers][0]).toContain('error="invalid_token"');
    expect((await counted(401)) - before).toBe(bad.length);
  });

  it('a header of 100 kB is refused before anybody reads it', async () => {
    const head = `POST /api/mcp HTTP/1.1\r\nHost: 127.0.0.1:${hub.port}\r\nAuthorization: Bearer eyJ${'x'.repeat(100_000)}\r\n\r\n`;
    expect(await sendBytes(hub.port, head)).toMatch(/^HTTP\/1\.1 431 /);
    expect((await begin(await adminToken())).status).toBe(200);
  });
});
