// Another organisation's sign-in: a real OpenID provider, which asks nobody for a password but takes whom the test names,
// and can be made to lie, to refuse and to hang.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import type Provider from 'oidc-provider';
import type { ClientMetadata, Configuration } from 'oidc-provider';

export interface Person {
  sub: string;
  [claim: string]: unknown;
}

export interface IdentityProvider {
  issuer: string;
  /** Where it is. */
  address: string;
  client: { id: string; secret: string };
  /** Who signs in next; null: refuses ("access_denied"). */
  person: Person | null;
  /** Changes what the token endpoint answers; asked for each answer. */
  tamper: ((answer: Record<string, unknown>) => Promise<Record<string, unknown>>) | null;
  /** Takes requests and never answers. */
  isSilent: boolean;
  /** The private key that its ID tokens are signed with. */
  key: JWK;
  /** Paths of all requests so far, without queries. */
  asked: string[];
  /** Idempotent. */
  close(): Promise<void>;
}

export interface IdentityProviderOptions {
  redirectUris: string[];
  /** Under which name it speaks, to those who come by another address; default: its own address. */
  issuer?: string;
  /** Further members of its client's metadata. */
  client?: Partial<ClientMetadata>;
  /** Further configuration of oidc-provider. */
  configuration?: Configuration;
}

/** Starts one on a free port of the loopback address. */
export async function startIdentityProvider(options: IdentityProviderOptions): Promise<IdentityProvider> {
  const { default: ProviderClass } = await import('oidc-provider');
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  const key = { ...(await exportJWK(privateKey)), alg: 'RS256', use: 'sig', kid: 'test' };
  const client = { id: 'hub', secret: 'the secret that the provider gave the hub' };
  const people = new Map<string, Person>();
  let provider: Provider | null = null;
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { issuer = address } = options;

  const self: IdentityProvider = {
    issuer,
    address,
    client,
    person: null,
    tamper: null,
    isSilent: false,
    key,
    asked: [],
    close: () => closeServer(server),
  };

  provider = new ProviderClass(issuer, {
    clients: [
      {
        client_id: client.id,
        client_secret: client.secret,
        redirect_uris: options.redirectUris,
        grant_types: ['authorization_code'],
        response_types: ['code'],
        ...options.client,
      },
    ],
    jwks: { keys: [key] },
    ttl: { AccessToken: 600, AuthorizationCode: 60, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
    cookies: { keys: ['a key of the test'] },
    features: { devInteractions: { enabled: false } },
    claims: {
      openid: ['sub'],
      email: ['email', 'email_verified'],
      profile: ['name', 'preferred_username', 'groups', 'org', 'hd'],
    },
    pkce: { required: () => true },
    interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
    findAccount: async (_ctx, sub) => ({ accountId: sub, claims: async () => people.get(sub) ?? { sub } }),
    // Everybody has agreed to everything.
    async loadExistingGrant({ oidc }) {
      const grant = new oidc.provider.Grant({
        clientId: oidc.client?.clientId ?? '',
        accountId: oidc.session?.accountId ?? '',
      });
      grant.addOIDCScope('openid profile email');
      await grant.save();
      return grant;
    },
    ...options.configuration,
  });
  // Its addresses are then those that X-Forwarded-Host and -Proto tell.
  provider.proxy = options.issuer !== undefined;
  const callback = provider.callback();

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? '/', issuer);
    self.asked.push(pathname);
    if (self.isSilent) return;
    if (pathname.startsWith('/interaction/')) {
      const { person } = self;
      if (person) people.set(person.sub, person);
      const result = person ? { login: { accountId: person.sub } } : { error: 'access_denied' };
      await provider?.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
      return;
    }
    if (pathname === '/token' && self.tamper) tamperWith(response, self.tamper);
    callback(request, response);
  }

  return self;
}

function tamperWith(response: ServerResponse, tamper: NonNullable<IdentityProvider['tamper']>): void {
  const end = response.end.bind(response) as (body: string) => ServerResponse;
  response.end = ((body?: string | Buffer) => {
    const given = JSON.parse(String(body ?? '{}')) as Record<string, unknown>;
    void tamper(given).then((changed) => {
      response.removeHeader('content-length');
      end(JSON.stringify(changed));
    });
    return response;
  }) as ServerResponse['end'];
}

function closeServer(server: Server): Promise<void> {
  return new Promise((done) => {
    server.close(() => done());
    server.closeAllConnections();
  });
}
