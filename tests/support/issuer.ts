// An OAuth issuer that is not the hub: a real oidc-provider that gives JWT access tokens, with keys that tests know, so
// that they can sign tokens which it would never give.
import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, exportSPKI, generateKeyPair, type JWTHeaderParameters, type JWTPayload, SignJWT } from 'jose';
import Provider from 'oidc-provider';

export interface Issuer {
  url: string;
  /** A token as it gives it, for the subject that is the client's id. */
  give(options: { clientId?: string; resource: string; scope?: string }): Promise<string>;
  /** What a good token consists of, to be changed before it is signed. */
  parts(resource: string, changes?: JWTPayload): { header: JWTHeaderParameters; payload: JWTPayload };
  /** Signs with its own key. */
  sign(header: JWTHeaderParameters, payload: JWTPayload): Promise<string>;
  /** Its public key as PEM. */
  publicPem: string;
  /** How often its keys were read. */
  keyReads(): number;
  /** It answers nothing any more, until `resume`. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  close(): Promise<void>;
}

const secret = 'a secret of the client';
export const issuerClients = ['ada-app', 'bob-app'];

export async function startIssuer(): Promise<Issuer> {
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
  const kid = createHash('sha256')
    .update(JSON.stringify(await exportJWK(publicKey)))
    .digest('base64url')
    .slice(0, 12);
  const key = { ...(await exportJWK(privateKey)), kid, alg: 'RS256', use: 'sig' };
  let server = createServer();
  await listen(server, 0);
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const provider = new Provider(url, {
    jwks: { keys: [key as never] },
    clients: issuerClients.map((client_id) => ({
      client_id,
      client_secret: secret,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
    })),
    scopes: ['mcp:read', 'mcp:call'],
    extraTokenClaims: async (_context, token) => ({ preferred_username: String(token.clientId).replace('-app', '') }),
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: async (_context, audience) => ({
          scope: 'mcp:read mcp:call',
          audience,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  });
  let keyReads = 0;
  const answer = provider.callback();
  const attach = () =>
    server.on('request', (request, response) => {
      if (request.url === '/jwks') keyReads += 1;
      void answer(request, response);
    });
  attach();

  return {
    url,
    async give({ clientId = 'ada-app', resource, scope = 'mcp:call' }) {
      const response = await fetch(`${url}/token`, {
        method: 'POST',
        headers: {
          authorization: `Basic ${Buffer.from(`${clientId}:${encodeURIComponent(secret)}`).toString('base64')}`,
        },
        body: new URLSearchParams({ grant_type: 'client_credentials', resource, scope }),
      });
      const body = (await response.json()) as { access_token?: string };
      if (!body.access_token) throw new Error(`the issuer gave ${JSON.stringify(body)}`);
      return body.access_token;
    },
    parts(resource, changes = {}) {
      const now = Math.floor(Date.now() / 1000);
      const payload = { iss: url, aud: resource, sub: 'ada-app', client_id: 'ada-app', scope: 'mcp:call' };
      const rest = { preferred_username: 'ada', iat: now, exp: now + 600, jti: String(Math.random()) };
      return { header: { alg: 'RS256', typ: 'at+jwt', kid }, payload: { ...payload, ...rest, ...changes } };
    },
    sign: (header, payload) => new SignJWT(payload).setProtectedHeader(header).sign(privateKey),
    publicPem: await exportSPKI(publicKey),
    keyReads: () => keyReads,
    async pause() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
    async resume() {
      server = createServer();
      attach();
      await listen(server, port);
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
}
