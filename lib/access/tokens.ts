// Access tokens of OAuth: how ours look, and whose they are. They are made elsewhere, by the authorization server; here
// they are only read. A token never allows more than its user may, and nothing but what its scopes and endpoints name.
import { and, desc, eq, gt, type SQL, sql } from 'drizzle-orm';
import { LRUCache } from 'lru-cache';
import { oauthRecords, userIdentities, users } from '../../drizzle/schema';
import type { Db } from '../db/types';
import { endpointOfResource } from './endpoints';
import { loadRights } from './identities';
import { type Actor, type TokenScope, tokenScopes } from './schema';
import { hashSecret } from './secrets';

export interface TokenIdentity {
  actor: Actor;
  /** Milliseconds since 1970. */
  expiresAtMs: number;
}

/** What a token of another issuer says, once its signature, issuer and times were checked. */
export interface ForeignToken {
  issuer: string;
  subject: string;
  /** The client that it was given to, where the issuer tells. */
  clientId: string | null;
  /** The user by its name here, where the operator lets a claim name it; else subject and issuer find it. */
  username: string | null;
  /** Keys of endpoints; null: all. */
  endpoints: readonly string[] | null;
  scopes: readonly TokenScope[];
  expiresAtMs: number;
}

/** Another issuer, whose tokens are taken in the place of our own. */
export interface ForeignIssuer {
  /** What a token says, null for one that is not good. @throws HubError UNAVAILABLE when the issuer's keys cannot be had */
  read(token: string): Promise<ForeignToken | null>;
}

/** Where tokens come from. */
export interface TokenSource {
  /** Whether it has the form of one; decides nothing. */
  mayBe(token: string): boolean;
  /** Null for none, and where its user is gone or disabled. @param hash SHA-256 (hex) of the token */
  load(hash: string, token: string): Promise<TokenIdentity | null>;
  /** By the id of its actor. @param now milliseconds since 1970 */
  reload(id: string, now: number): Promise<TokenIdentity | null>;
  /** Whether its actors are grants in our tables, which show when they were last used. */
  readonly hasGrants: boolean;
}

/** The tokens of our own authorization server. @param publicUrl as in endpointOfResource */
export function ownTokens(db: Db, publicUrl: string): TokenSource {
  return {
    mayBe: (token) => token.length === accessTokenChars,
    load: (hash) => loadToken(db, publicUrl, eq(oauthRecords.idHash, hash)),
    // Of several tokens the one that lasts longest.
    reload: (grantId, now) =>
      loadToken(db, publicUrl, and(eq(oauthRecords.grantId, grantId), gt(oauthRecords.expiresAt, new Date(now)))),
    hasGrants: true,
  };
}

const knownMax = 10_000;

/** The tokens of another issuer. */
export function foreignTokens(db: Db, issuer: ForeignIssuer): TokenSource {
  /** What is asked anew of an actor has no token at hand. */
  const known = new LRUCache<string, ForeignToken>({ max: knownMax });
  return {
    mayBe: (token) => token.startsWith('eyJ'),
    async load(_hash, text) {
      const token = await issuer.read(text);
      const identity = token && (await loadForeign(db, token));
      if (identity) known.set(identity.actor.id, token);
      return identity;
    },
    async reload(id, now) {
      const token = known.get(id);
      return token && token.expiresAtMs > now ? loadForeign(db, token) : null;
    },
    hasGrants: false,
  };
}

/** 256 random bits in base64url. */
const accessTokenChars = 43;

/** Those of our scopes that a scope parameter names (RFC 6749, 3.3). */
export function scopesOf(scope: unknown): TokenScope[] {
  const names = typeof scope === 'string' ? scope.split(' ') : [];
  return tokenScopes.filter((name) => names.includes(name));
}

/**
 * The endpoints that an audience names: null for all, an empty list where none is ours.
 * @param audience one or several resource indicators
 */
export function endpointsOf(publicUrl: string, audience: unknown): readonly string[] | null {
  const keys = [audience].flat().flatMap((each) => {
    const key = typeof each === 'string' ? endpointOfResource(publicUrl, each) : null;
    return key === null ? [] : [key];
  });
  return keys.includes('') ? null : keys;
}

/** Expiry is left to the caller, who has a clock. */
async function loadToken(db: Db, publicUrl: string, condition: SQL | undefined): Promise<TokenIdentity | null> {
  const [token] = await db
    .select({
      grantId: oauthRecords.grantId,
      clientId: oauthRecords.clientId,
      payload: oauthRecords.payload,
      expiresAt: oauthRecords.expiresAt,
      userId: users.id,
      username: users.username,
      disabled: users.disabled,
    })
    .from(oauthRecords)
    .innerJoin(users, eq(users.id, oauthRecords.userId))
    .where(and(eq(oauthRecords.model, 'AccessToken'), condition))
    .orderBy(desc(oauthRecords.expiresAt))
    .limit(1);
  if (!token?.grantId || !token.expiresAt || token.disabled) return null;
  const [rights, client] = await Promise.all([loadRights(db, token.userId), clientName(db, token.clientId ?? '')]);
  const { scope, aud } = token.payload;
  return {
    actor: {
      kind: 'token',
      id: token.grantId,
      userId: token.userId,
      name: `${token.username}/${client}`,
      ...rights,
      keyScope: {},
      token: { endpoints: endpointsOf(publicUrl, aud), scopes: scopesOf(scope) },
      expiresAtMs: token.expiresAt.getTime(),
    },
    expiresAtMs: token.expiresAt.getTime(),
  };
}

/** The user that a token of another issuer stands for, if there is one and it is enabled. */
async function loadForeign(db: Db, token: ForeignToken): Promise<TokenIdentity | null> {
  const { issuer, subject, clientId, username, endpoints, scopes, expiresAtMs } = token;
  const [user] = await (username === null
    ? db
        .select({ id: users.id, username: users.username, disabled: users.disabled })
        .from(userIdentities)
        .innerJoin(users, eq(users.id, userIdentities.userId))
        .where(and(eq(userIdentities.issuer, issuer), eq(userIdentities.subject, subject)))
    : db
        .select({ id: users.id, username: users.username, disabled: users.disabled })
        .from(users)
        .where(eq(sql`lower(${users.username})`, username.toLowerCase())));
  if (!user || user.disabled) return null;
  return {
    actor: {
      kind: 'token',
      // There is no grant that we know of: whoever comes by the same client as the same user goes on with its sessions.
      id: hashSecret(JSON.stringify([issuer, subject, clientId])),
      userId: user.id,
      name: `${user.username}/${shownClient(null, clientId ?? new URL(issuer).host)}`,
      ...(await loadRights(db, user.id)),
      keyScope: {},
      token: { endpoints, scopes },
      expiresAtMs,
    },
    expiresAtMs,
  };
}

/** As the client registered itself; one that is known by a URL is called by its host. */
async function clientName(db: Db, clientId: string): Promise<string> {
  const [client] = await db
    .select({ payload: oauthRecords.payload })
    .from(oauthRecords)
    .where(and(eq(oauthRecords.model, 'Client'), eq(oauthRecords.idHash, hashSecret(clientId))));
  return shownClient(client?.payload.client_name, clientId);
}

const shownMaxChars = 100;

function shownClient(name: unknown, clientId: string): string {
  if (typeof name === 'string' && name.trim() !== '') return name.trim().slice(0, shownMaxChars);
  return (URL.canParse(clientId) && new URL(clientId).host) || clientId.slice(0, shownMaxChars);
}
