// oidc-provider as an OAuth 2.1 server for MCP clients: what it may do, how long things live, where they are kept. It is
// loaded with the first request, because it costs memory that a hub with API keys alone does not need.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type Provider from 'oidc-provider';
import type { Adapter, AdapterPayload, Configuration, KoaContextWithOIDC } from 'oidc-provider';
import { createOauthRecords, endGrant, loadUser, systemActor } from '../../lib/access';
import { endpointOfResource } from '../../lib/access/endpoints';
import type { Keyring } from '../../lib/access/keyring';
import { tokenScopes } from '../../lib/access/schema';
import { hashSecret, sameHash } from '../../lib/access/secrets';
import type { Db } from '../../lib/db/types';
import { messageOf } from '../../lib/errors';
import type { Bus } from '../../lib/events/bus';
import type { Log } from '../../lib/log';
import { callerAddressOf } from '../caller-address';
import { createRate } from '../gateway/rate';
import type { FetchDocument } from '../upstream';
import { createDocumentReader, isSeldom } from './client-documents';
import { assertionAlgorithms, clientAuthMethods } from './client-rules';
import { errorPage, errorPagePolicy } from './error-page';

export interface ProviderDeps {
  db: Db;
  bus: Bus;
  keyring: Keyring;
  log: Log;
  /** MCPHUB_PUBLIC_URL. */
  issuer: string;
  fetchDocument: FetchDocument;
}

const hour = 60 * 60;
const accessTokenSeconds = hour;
const refreshTokenSeconds = 30 * 24 * hour;
const codeSeconds = 60;
/** As long as people take to sign in and to read. */
export const interactionSeconds = 30 * 60;

const clientIdMaxChars = 512;
/** Longer than any client needs to send what it has just signed. */
const assertionMaxSeconds = hour;

const knownScopes: readonly string[] = tokenScopes;
/** Kept by nobody: who is signed in is the dashboard's matter, and each request asks it anew. */
const unkept: ReadonlySet<string> = new Set(['Session']);

/** @throws what the package throws for settings that it does not take */
export async function createProvider(deps: ProviderDeps): Promise<Provider> {
  const { log, issuer } = deps;
  const { default: ProviderClass, errors, interactionPolicy } = await quietly(log, () => import('oidc-provider'));
  const { Prompt, Check } = interactionPolicy;
  const records = createOauthRecords(deps.db);
  const isSecure = issuer.startsWith('https:');
  const { pathname } = new URL(issuer);
  const cookie = { httpOnly: true, sameSite: 'lax', secure: isSecure, signed: true } as const;
  const resourceInfo = {
    scope: knownScopes.join(' '),
    accessTokenTTL: accessTokenSeconds,
    accessTokenFormat: 'opaque',
  };

  /** Clients whose document was asked for a moment ago and led nowhere so far: it is not asked for again at once. */
  const unusable = new LRUCache<string, true>({ max: 1000, ttl: 10_000 });
  const documents = createRate(30, 1);
  const read = createDocumentReader(deps.fetchDocument, log);

  function adapter(model: string): Adapter {
    return {
      async upsert(id, payload, expiresIn) {
        if (unkept.has(model)) return;
        const isSaved = await records.save(model, id, payload as Record<string, unknown>, expiresIn || undefined);
        if (!isSaved) throw new errors.InvalidGrant('the grant has ended');
      },
      async find(id) {
        return unkept.has(model)
          ? undefined
          : (((await records.find(model, id)) as AdapterPayload | null) ?? undefined);
      },
      async consume(id) {
        if (await records.consume(model, id)) return;
        // Two at once with the same one: as if the second had come later.
        const found = await records.find(model, id);
        if (typeof found?.grantId === 'string') await end(found.grantId);
        throw new errors.InvalidGrant('it was used already');
      },
      async destroy(id) {
        if (model === 'Grant') await end(id);
        else if (!unkept.has(model)) await records.remove(model, id);
      },
      // A grant takes along what was issued under it.
      async revokeByGrantId() {},
      async findByUid() {
        return undefined;
      },
      async findByUserCode() {
        return undefined;
      },
    };
  }

  /**
   * Whether an answer that no user was asked about would take the browser to a site which nobody here ever allowed
   * anything: anybody can register a client, and must not get a way to redirect with it (OAuth 2.1, 7.12.2).
   */
  async function leadsToStranger(location: string | undefined, clientId: unknown): Promise<boolean> {
    if (!location?.startsWith('https:') || location.startsWith(`${issuer}/`)) return false;
    return typeof clientId !== 'string' || !(await records.isAllowedAnything(clientId));
  }

  async function end(grantId: string): Promise<void> {
    const ctx = ProviderClass.ctx;
    const source = {
      actor: systemActor('authorization server'),
      requestId: randomUUID(),
      address: ctx && callerAddressOf(ctx.req),
    };
    await endGrant({ ...source, db: deps.db, bus: deps.bus }, grantId, isRevocation(ctx) ? 'client' : 'replayed');
  }

  const settings: Configuration = {
    adapter,
    clients: [],
    scopes: [...knownScopes],
    claims: {},
    responseTypes: ['code'],
    clientAuthMethods: [...clientAuthMethods],
    clientDefaults: {
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      id_token_signed_response_alg: 'ES256',
    },
    enabledJWA: { idTokenSigningAlgValues: ['ES256'], clientAuthSigningAlgValues: [...assertionAlgorithms] },
    async assertJwtClientAuthClaimsAndHeader(_ctx, { exp }) {
      // Until its end it is kept that an assertion was used.
      if (typeof exp !== 'number' || exp > Date.now() / 1000 + assertionMaxSeconds)
        throw new errors.InvalidClientAuth('the client_assertion must expire within an hour');
    },
    // No token is signed; without a key of ours the package would bring one that everybody knows.
    jwks: { keys: [generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }) as never] },
    pkce: { required: () => true },
    routes: {
      authorization: '/oauth/authorize',
      token: '/oauth/token',
      revocation: '/oauth/revoke',
    },
    cookies: {
      names: { session: 'mcphub_oauth', interaction: 'mcphub_consent', resume: 'mcphub_resume' },
      keys: [deps.keyring.secretFor('oauth-cookies')],
      long: { ...cookie, path: `${pathname.replace(/\/$/, '')}/oauth` },
      short: cookie,
    },
    ttl: {
      AccessToken: accessTokenSeconds,
      AuthorizationCode: codeSeconds,
      RefreshToken: refreshTokenSeconds,
      Interaction: interactionSeconds,
      Session: hour,
    },
    features: {
      devInteractions: { enabled: false },
      dPoP: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      userinfo: { enabled: false },
      revocation: { enabled: true, allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => `${issuer}/api/mcp`,
        getResourceServerInfo(ctx, resource) {
          if (Array.isArray(ctx.oidc.params?.resource)) throw new errors.InvalidTarget('name one resource');
          if (endpointOfResource(issuer, resource) === null)
            throw new errors.InvalidTarget('this is no MCP endpoint of the hub');
          return { ...resourceInfo, audience: resource } as never;
        },
        useGrantedResource: () => true,
      },
      clientIdMetadataDocument: {
        enabled: true,
        ack: 'draft-02',
        allowFetch(_ctx, clientId) {
          if (clientId.length > clientIdMaxChars || unusable.has(clientId)) return false;
          unusable.set(clientId, true);
          return isSeldom(documents);
        },
        allowClient(_ctx, { clientId }) {
          unusable.delete(clientId);
          return true;
        },
        cacheDuration: { min: 60, max: 24 * hour },
      },
    },
    fetchResponseBodyLimits: { 'client_id metadata document': 64 * 1024, jwks_uri: 64 * 1024 },
    fetch: (target) => read(String(target)),
    interactions: {
      url: (_ctx, interaction) => `${issuer}/consent/${interaction.uid}`,
      policy: [
        new Prompt(
          { name: 'login' },
          new Check('no_session', 'somebody has to sign in', ({ oidc }) => !oidc.session?.accountId),
        ),
        new Prompt(
          { name: 'consent', requestable: true },
          new Check('no_consent', 'the user has to be asked', ({ oidc }) => !oidc.result?.consent),
        ),
      ] as never,
    },
    async findAccount(_ctx, accountId) {
      const user = await loadUser(deps.db, accountId);
      return user ? { accountId, claims: () => ({ sub: accountId }) } : undefined;
    },
    async loadExistingGrant(ctx) {
      const grantId = ctx.oidc.result?.consent?.grantId;
      return grantId ? ctx.oidc.provider.Grant.find(grantId) : undefined;
    },
    expiresWithSession: () => false,
    issueRefreshToken: () => true,
    rotateRefreshToken: true,
    revokeGrantPolicy: () => true,
    clientBasedCORS: () => false,
    renderError(ctx, out, error) {
      const isLost = error instanceof errors.SessionNotFound;
      showPage(ctx, isLost ? 'session_not_found' : out.error, out.error_description);
    },
  };

  const provider = await quietly(log, async () => new ProviderClass(issuer, settings));
  // What is stored of a secret is its hash (registration.ts).
  Object.assign(provider.Client.prototype, {
    compareClientSecret(this: { clientSecret?: string }, given: string) {
      return this.clientSecret !== undefined && sameHash(this.clientSecret, hashSecret(given));
    },
  });
  provider.proxy = true;
  provider.silent = true;
  provider.use(async (ctx, next) => {
    const isBeginning = ctx.path === '/oauth/authorize';
    if (isBeginning) ctx.query = normalQuery(ctx.query);
    await next();
    if (isBeginning && (await leadsToStranger(ctx.response.get('location'), ctx.query.client_id))) {
      const error = new URL(ctx.response.get('location')).searchParams.get('error') ?? '';
      ctx.remove('location');
      ctx.status = 400;
      showPage(ctx, error);
    }
  });
  provider.on('server_error', (_ctx, err) => log.error({ err }, 'the authorization server failed'));
  provider.on('error' as never, ((err: unknown) => log.error({ err }, 'the authorization server failed')) as never);
  return provider;
}

function showPage(ctx: Koa, code: string, description?: string): void {
  ctx.type = 'html';
  ctx.set('content-security-policy', errorPagePolicy);
  ctx.body = errorPage(code, description);
}

function isRevocation(ctx: KoaContextWithOIDC | undefined): boolean {
  return ctx?.oidc?.route === 'revocation';
}

type Koa = Pick<KoaContextWithOIDC, 'type' | 'set' | 'body'>;
type Query = Record<string, string | string[] | undefined>;

/**
 * Scopes that are none of ours are left out, and without any all are asked for (RFC 6749, 3.3). Of the prompts only
 * `none` means something else than to ask the user.
 */
function normalQuery(query: Query): Query {
  const { scope, prompt } = query;
  const kept = typeof scope === 'string' ? scope.split(' ').filter((each) => knownScopes.includes(each)) : [];
  const normal: Query = { ...query };
  if (!Array.isArray(scope)) normal.scope = (kept.length > 0 ? [...new Set(kept)] : knownScopes).join(' ');
  if (typeof prompt === 'string') normal.prompt = prompt === 'none' ? 'none' : 'consent';
  return normal;
}

/** The package tells of its runtime and of experimental features on the console; here that goes to the log. */
async function quietly<T>(log: Log, run: () => Promise<T>): Promise<T> {
  const { warn, info } = console;
  console.warn = (text: unknown) => log.debug({ notice: messageOf(text) }, 'oidc-provider');
  console.info = console.warn;
  try {
    return await run();
  } finally {
    Object.assign(console, { warn, info });
  }
}
