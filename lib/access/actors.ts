// From a credential to an actor. Known credentials are answered from memory, because every MCP request asks; events
// void what they touch at once, and nothing is believed for longer than a minute without the database.
import { and, eq } from 'drizzle-orm';
import { LRUCache } from 'lru-cache';
import { apiKeys, browserSessions, oauthRecords } from '../../drizzle/schema';
import type { Db } from '../db/types';
import { HubError, isHubError, messageOf } from '../errors';
import type { Bus } from '../events/bus';
import type { EventName } from '../events/schema';
import type { Log } from '../log';
import { type BrowserSession, openBrowserSession, sessionTokenOf } from './browser-session';
import { loadBrowserSession, type SessionRow } from './browser-sessions';
import { anonymousActor, type Identity, type KeyIdentity, loadKey, loadKeyById, loadUser } from './identities';
import type { Keyring } from './keyring';
import { createLastUse } from './last-use';
import type { Actor } from './schema';
import { hashSecret, looksLikeKey, sameSecret } from './secrets';
import type { TokenIdentity, TokenSource } from './tokens';

/** With the database lost, known keys are trusted this long. */
const trustMs = 60_000;
/** From this age on a use asks for a fresh copy in the background, so that a busy key never waits. */
const refreshAfterMs = 30_000;
/** An unknown key is asked for again after this time. */
const unknownMs = 5_000;
const cachedMax = 10_000;

export interface ActorResolver {
  /**
   * The actor of an API key, null if there is none. Answers at once (no promise) while the key is known.
   * @param address where the request comes from, kept as the key's last use
   * @param connection what carries the request: a token that comes again on it is not hashed again
   * @throws HubError UNAVAILABLE (as a rejection) when the database is away and the key is not known from less than 60 s ago
   */
  resolveBearer(token: string, address?: string, connection?: object): Actor | null | Promise<Actor | null>;
  /** As resolveBearer, for MCP endpoints: of an OAuth access token too, which is good for nothing else. */
  resolveCaller(token: string, address?: string, connection?: object): Actor | null | Promise<Actor | null>;
  /** The actor of a browser session, null if there is none. @throws HubError UNAVAILABLE as above */
  resolveSession(cookieHeader: string | null | undefined): Promise<Actor | null>;
  /** As resolveSession, with the session itself, for adapters that renew its cookie. */
  resolveBrowser(cookieHeader: string | null | undefined): Promise<{ actor: Actor; session: BrowserSession } | null>;
  /** The actor as its rights are in the database now; null when its key or account is gone. @throws what the database throws */
  reload(kind: Actor['kind'], id: string): Promise<Actor | null>;
  /** Writes what is still to be written and stops listening. */
  close(): Promise<void>;
}

export interface ActorResolverParts {
  db: Db;
  bus: Bus;
  keyring: Keyring;
  /** The key of the settings, which may have any form. */
  bootstrapKey?: string | undefined;
  /** Where OAuth tokens come from; without it there are none. */
  tokens?: TokenSource;
  log?: Log;
  /** Monotonic milliseconds: ages here survive a change of the wall clock. */
  now?: () => number;
  /** Milliseconds since 1970: what people wrote into `expiresAt`. */
  wallClock?: () => number;
}

/** Makes a resolver; one per process. */
export function createActorResolver(parts: ActorResolverParts): ActorResolver {
  const { db, bus, keyring, bootstrapKey, tokens: source, log } = parts;
  const { now = () => performance.now(), wallClock = Date.now } = parts;
  const hashed = new WeakMap<object, { token: string; hash: string | null }>();
  const clocks = { now, wallClock, ...(log && { log }) };
  const usage = createLastUse({
    ...clocks,
    write: (id, at, address) =>
      db.update(apiKeys).set({ lastUsedAt: at, lastUsedFrom: address }).where(eq(apiKeys.id, id)),
  });
  const presence = createLastUse({
    ...clocks,
    write: (id, at) => db.update(browserSessions).set({ lastSeenAt: at }).where(eq(browserSessions.id, id)),
  });
  const grants = createLastUse({
    ...clocks,
    write: (id, at, address) =>
      db
        .update(oauthRecords)
        .set({ lastUsedAt: at, lastUsedFrom: address })
        .where(and(eq(oauthRecords.model, 'Grant'), eq(oauthRecords.idHash, hashSecret(id)))),
  });
  const tokens = createTrusted<TokenIdentity>(async (hash, token) => (await source?.load(hash, token)) ?? null, now);
  const keys = createTrusted<KeyIdentity>((secretHash) => loadKey(db, secretHash), now);
  const people = createTrusted<Identity>((userId) => loadUser(db, userId), now);
  const browsers = createTrusted<SessionRow>((id) => loadBrowserSession(db, id), now);

  const voidAll = () => {
    keys.forget(() => true);
    tokens.forget(() => true);
    people.forget(() => true);
  };
  const membershipEvents: EventName[] = ['group.created', 'group.updated', 'group.deleted'];
  const unsubscribe = [
    bus.on('key.revoked', ({ secretHash }) => keys.forgetOne(secretHash)),
    bus.on('key.updated', ({ secretHash }) => keys.forgetOne(secretHash)),
    bus.on('key.created', () => keys.forgetUnknown()),
    bus.on('grant.revoked', ({ grantId }) => tokens.forget((identity) => identity.actor.id === grantId)),
    bus.on('access.changed', ({ userId }) => {
      keys.forget((identity) => identity.actor.userId === userId);
      tokens.forget((identity) => identity.actor.userId === userId);
      people.forgetOne(userId);
    }),
    bus.on('role.changed', voidAll),
    bus.on('browser.ended', ({ userId }) => browsers.forget((row) => row.userId === userId)),
    ...membershipEvents.map((name) => bus.on(name, voidAll)),
  ];

  function use(identity: KeyIdentity | null, address: string | undefined): Actor | null {
    if (!identity) return null;
    if (identity.expiresAtMs !== null && identity.expiresAtMs <= wallClock()) return null;
    usage.touch(identity.keyId, address ?? null);
    return identity.actor;
  }

  /** What keys are found by; null for what cannot be one. A key is found by its hash alone, so time tells nothing of it. */
  function hashOf(token: string): string | null {
    const isPossible = looksLikeKey(token) || (bootstrapKey !== undefined && sameSecret(token, bootstrapKey));
    return isPossible ? hashSecret(token) : null;
  }

  /** Behind a proxy several callers share a connection: comparing must not tell one of them another's key. */
  function hashOnce(token: string, connection: object | undefined, hashing: (token: string) => string | null) {
    if (!connection) return hashing(token);
    const known = hashed.get(connection);
    if (known && sameSecret(known.token, token)) return known.hash;
    const hash = hashing(token);
    hashed.set(connection, { token, hash });
    return hash;
  }

  function callerOf(identity: TokenIdentity | null, address: string | undefined): Actor | null {
    if (!identity || identity.expiresAtMs <= wallClock()) return null;
    if (source?.hasGrants) grants.touch(identity.actor.id, address ?? null);
    return identity.actor;
  }

  /** The operator's own key may have any form, so what is no token may be that key. */
  async function resolveUnknown(
    found: Promise<TokenIdentity | null> | null,
    token: string,
    address: string | undefined,
  ): Promise<Actor | null> {
    return callerOf(await found, address) ?? (await resolver.resolveBearer(token, address));
  }

  async function resolveBrowser(cookieHeader: string | null | undefined) {
    const token = sessionTokenOf(cookieHeader);
    const session = token === null ? null : openBrowserSession(keyring, token, wallClock());
    if (!session) return null;
    const [identity, row] = await Promise.all([people.get(session.userId), browsers.get(session.id)]);
    const isAlive = row?.userId === session.userId && row.expiresAtMs > wallClock();
    if (!isAlive || identity?.sessionVersion !== session.sessionVersion) return null;
    presence.touch(session.id, null);
    return { actor: identity.actor, session };
  }

  function mayBeToken(token: string): boolean {
    if (!source?.mayBe(token)) return false;
    return bootstrapKey === undefined || !sameSecret(token, bootstrapKey);
  }

  const resolver: ActorResolver = {
    resolveBearer(token, address, connection) {
      const secretHash = hashOnce(token, connection, hashOf);
      if (secretHash === null) return null;
      const found = keys.get(secretHash);
      return found instanceof Promise ? found.then((identity) => use(identity, address)) : use(found, address);
    },
    resolveCaller(token, address, connection) {
      if (!mayBeToken(token)) return resolver.resolveBearer(token, address, connection);
      const secretHash = hashOnce(token, connection, hashSecret) ?? hashSecret(token);
      const found = tokens.get(secretHash, token);
      if (found === null || found instanceof Promise) return resolveUnknown(found, token, address);
      return callerOf(found, address);
    },
    resolveBrowser,
    resolveSession: async (cookieHeader) => (await resolveBrowser(cookieHeader))?.actor ?? null,
    async reload(kind, id) {
      if (kind === 'anonymous') return anonymousActor;
      if (kind === 'user') return (await loadUser(db, id))?.actor ?? null;
      const identity =
        kind === 'key' ? await loadKeyById(db, id) : kind === 'token' ? await source?.reload(id, wallClock()) : null;
      const isExpired = identity?.expiresAtMs != null && identity.expiresAtMs <= wallClock();
      return isExpired ? null : (identity?.actor ?? null);
    },
    async close() {
      for (const stop of unsubscribe) stop();
      await Promise.all([usage.close(), presence.close(), grants.close()]);
    },
  };
  return resolver;
}

/** The actor of a bearer token; see ActorResolver. */
export function actorOfBearer(access: ActorResolver, token: string, address?: string) {
  return access.resolveBearer(token, address);
}

/** The actor of a Cookie header; see ActorResolver. */
export function actorOfSession(access: ActorResolver, cookieHeader: string | null | undefined): Promise<Actor | null> {
  return access.resolveSession(cookieHeader);
}

interface Trusted<T> {
  /** @param secret what the id is the hash of, for those that cannot be loaded by the hash */
  get(id: string, secret?: string): T | null | Promise<T | null>;
  forget(matches: (value: T) => boolean): void;
  forgetOne(id: string): void;
  /** Forgets the ids for which nothing was found. */
  forgetUnknown(): void;
}

/**
 * Values that are believed for `trustMs` after they were loaded. A load that was under way while something was
 * forgotten may have read the old row, so it is done again.
 */
function createTrusted<T extends object>(
  load: (id: string, secret: string) => Promise<T | null>,
  now: () => number,
): Trusted<T> {
  const known = new LRUCache<string, { value: T; loadedAt: number }>({ max: cachedMax });
  const unknown = new LRUCache<string, number>({ max: cachedMax });
  const loading = new Map<string, Promise<T | null>>();
  let generation = 0;

  async function loadFresh(id: string, secret: string, triesLeft = 5): Promise<T | null> {
    const startedIn = generation;
    const value = await load(id, secret);
    if (startedIn !== generation) return triesLeft > 0 ? loadFresh(id, secret, triesLeft - 1) : value;
    if (value) known.set(id, { value, loadedAt: now() });
    else {
      known.delete(id);
      unknown.set(id, now());
    }
    return value;
  }

  function loadOnce(id: string, secret: string): Promise<T | null> {
    let promise = loading.get(id);
    if (!promise) {
      promise = loadFresh(id, secret).finally(() => loading.delete(id));
      loading.set(id, promise);
    }
    return promise;
  }

  return {
    get(id, secret = '') {
      const entry = known.get(id);
      const age = entry ? now() - entry.loadedAt : Number.POSITIVE_INFINITY;
      if (entry && age < trustMs) {
        // A failed refresh is no news yet: the value is trusted until its minute is over.
        if (age >= refreshAfterMs) loadOnce(id, secret).catch(() => undefined);
        return entry.value;
      }
      const missedAt = unknown.get(id);
      if (missedAt !== undefined && now() - missedAt < unknownMs) return null;
      return loadOnce(id, secret).catch((cause: unknown) => {
        if (isHubError(cause)) throw cause;
        throw new HubError('UNAVAILABLE', 'Credentials cannot be checked right now, because the database is away.', {
          cause,
          detail: messageOf(cause),
          retryable: true,
          retryAfterMs: 1000,
        });
      });
    },
    forget(matches) {
      generation += 1;
      for (const [id, { value }] of known.entries()) if (matches(value)) known.delete(id);
      unknown.clear();
    },
    forgetOne(id) {
      generation += 1;
      known.delete(id);
      unknown.delete(id);
    },
    forgetUnknown: () => {
      generation += 1;
      unknown.clear();
    },
  };
}
