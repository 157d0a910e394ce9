// Access tokens of another issuer than the hub: JWTs (RFC 9068), checked with the keys that the issuer publishes. What is
// asked of the issuer goes out through the guard of all outbound requests, and never because of what a token names.
import {
  createRemoteJWKSet,
  customFetch,
  decodeProtectedHeader,
  type JWTHeaderParameters,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose';
import { endpointsOf, type ForeignIssuer, type ForeignToken, scopesOf } from '../lib/access';
import { isSecureUrl } from '../lib/env';
import { HubError, isHubError, messageOf } from '../lib/errors';
import type { Log } from '../lib/log';
import type { Egress } from './upstream';
import { createHttpClient } from './upstream/openapi/client';

export interface ForeignIssuerOptions {
  /** As it names itself, to the byte. */
  issuer: string;
  /** What its tokens must be for; absent: URLs of MCP endpoints. */
  audience?: string | undefined;
  /** The claim that is a user's name here; absent: the user who signed in as this subject of the issuer. */
  userClaim?: string | undefined;
  publicUrl: string;
  egress: Egress;
  userAgent: string;
  log: Log;
  /** Milliseconds since 1970. */
  now?: () => number;
}

/** Whoever has a public key could sign with any other kind. */
const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
/** Clocks of two machines differ. */
const leewaySeconds = 60;
const fetchMs = 5_000;
const documentMaxBytes = 256 * 1024;
/** A key that is not known may be a new one, but not more often than this. */
const cooldownMs = 30_000;
/** So long after a failure nothing is asked. */
const failedMs = 5_000;
/** Keys are read again after this time; without an answer those that are known go on for a day. */
const freshMs = 600_000;
const lastGoodMs = 24 * 3600_000;

export function createForeignIssuer(options: ForeignIssuerOptions): ForeignIssuer & { close(): Promise<void> } {
  const { issuer, audience, userClaim, publicUrl, egress, userAgent, log, now = Date.now } = options;
  const client = createHttpClient({ server: new URL(issuer).host, egress });
  let keySet: Promise<JWTVerifyGetKey> | null = null;
  let failedAt: number | null = null;

  /** @throws HubError UNAVAILABLE */
  async function ask(url: URL): Promise<{ status: number; document: Record<string, unknown> | null }> {
    try {
      const { status, body } = await client.request(url, {
        method: 'GET',
        path: url.pathname + url.search,
        headers: { accept: 'application/json', 'user-agent': userAgent },
        maxBytes: documentMaxBytes,
        signal: AbortSignal.timeout(fetchMs),
      });
      return { status, document: objectOf(body.toString('utf8')) };
    } catch (error) {
      throw unavailable(`${url.href}: ${messageOf(error)}`);
    }
  }

  /** Where its keys are, by its metadata: RFC 8414, or OpenID Connect Discovery. @throws HubError UNAVAILABLE */
  async function discover(): Promise<URL> {
    let fault = 'it has no metadata';
    for (const url of metadataUrls(issuer)) {
      const { status, document } = await ask(url);
      if (status !== 200 || !document) continue;
      if (document.issuer !== issuer) fault = `${url.href} is about another issuer`;
      else if (typeof document.jwks_uri !== 'string' || !isSecureUrl(document.jwks_uri))
        fault = 'its keys have no address';
      else return new URL(document.jwks_uri);
    }
    throw unavailable(fault);
  }

  async function openKeySet(): Promise<JWTVerifyGetKey> {
    const url = await discover();
    let last: { keys: string; at: number } | null = null;

    async function read(): Promise<Response> {
      try {
        const { status, document } = await ask(url);
        if (status !== 200 || !Array.isArray(document?.keys)) throw unavailable(`its keys came as HTTP ${status}`);
        last = { keys: JSON.stringify(document), at: performance.now() };
      } catch (error) {
        if (!last || performance.now() - last.at > lastGoodMs) throw error;
        log.warn({ err: error, issuer }, 'the keys of the issuer could not be read again: those known go on');
      }
      return new Response(last.keys);
    }
    return createRemoteJWKSet(url, { cacheMaxAge: freshMs, cooldownDuration: cooldownMs, [customFetch]: read });
  }

  /** @throws HubError UNAVAILABLE when the keys cannot be had, another error for a token that has none of them */
  const keyOf: JWTVerifyGetKey = async (header, token) => {
    if (failedAt !== null && performance.now() - failedAt < failedMs) throw unavailable('it did not answer lately');
    try {
      keySet ??= openKeySet();
      return await (await keySet)(header, token);
    } catch (error) {
      if (isHubError(error)) {
        keySet = null;
        failedAt = performance.now();
        log.warn({ reason: error.extras.detail, issuer }, 'the keys of the issuer cannot be read');
      }
      throw error;
    }
  };

  async function verify(token: string): Promise<ForeignToken> {
    if (!isAccessTokenType(decodeProtectedHeader(token))) throw new Error('it is of another type');
    const { payload, protectedHeader } = await jwtVerify(token, keyOf, {
      issuer,
      algorithms,
      requiredClaims: ['sub', 'exp', 'aud'],
      clockTolerance: leewaySeconds,
      currentDate: new Date(now()),
      ...(audience !== undefined && { audience }),
    });
    // Tokens without a type of their own may be others of the issuer, whose audience is a client.
    if (!protectedHeader.typ?.toLowerCase().endsWith('at+jwt') && isIdToken(payload))
      throw new Error('it is an ID token');
    const endpoints = audience === undefined ? endpointsOf(publicUrl, payload.aud) : null;
    if (endpoints?.length === 0) throw new Error('it is for another audience');
    const { sub = '', exp = 0, scope, scp } = payload;
    const username = userClaim === undefined ? null : payload[userClaim];
    if (username !== null && (typeof username !== 'string' || username === '')) throw new Error('it names no user');
    return {
      issuer,
      subject: sub,
      clientId: textOf(payload.client_id) ?? textOf(payload.azp),
      username,
      endpoints,
      scopes: scopesOf(scope ?? (Array.isArray(scp) ? scp.join(' ') : scp)),
      expiresAtMs: (exp + leewaySeconds) * 1000,
    };
  }

  return {
    async read(token) {
      try {
        return await verify(token);
      } catch (error) {
        if (isHubError(error)) throw error;
        // Neither the token nor its claims: nobody knows yet whose they are.
        log.debug({ reason: messageOf(error).slice(0, 200), issuer }, 'an access token was refused');
        return null;
      }
    },
    close: client.close,
  };
}

function unavailable(detail: string): HubError {
  const text = 'Access tokens cannot be checked right now, because their issuer does not answer as it should.';
  return new HubError('UNAVAILABLE', text, { detail, retryable: true, retryAfterMs: failedMs });
}

/** In the order of basic/authorization (2026-07-28), authorization server metadata discovery. */
function metadataUrls(issuer: string): URL[] {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, '');
  const inserted = ['oauth-authorization-server', 'openid-configuration'].map((name) => `/.well-known/${name}${path}`);
  const paths = path ? [...inserted, `${path}/.well-known/openid-configuration`] : inserted;
  return paths.map((each) => new URL(each, origin));
}

/** RFC 9068, 2.1; issuers from before it write "JWT", or nothing. */
function isAccessTokenType({ typ }: Partial<JWTHeaderParameters>): boolean {
  return typ === undefined || /^(application\/)?at\+jwt$|^jwt$/i.test(typ);
}

/** What only ID tokens hold (OpenID Connect Core, 2 and 3.1.3.6), and what Keycloak calls its kinds. */
function isIdToken({ nonce, at_hash, c_hash, typ }: JWTPayload): boolean {
  if (nonce !== undefined || at_hash !== undefined || c_hash !== undefined) return true;
  return typ !== undefined && typ !== 'Bearer';
}

function objectOf(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}
