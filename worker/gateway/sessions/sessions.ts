// Sessions of clients that speak a revision before 2026-07-28. The id itself is the session, sealed: any process with
// the same master key opens it, also after a restart. What a session holds beside it (streams, calls under way) lives
// here only while it is used.
import { createHash, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Keyring } from '../../../lib/access/keyring';
import type { Actor } from '../../../lib/access/schema';
import { HubError } from '../../../lib/errors';
import { SmallMap } from '../../slots';
import type { Caller } from '../../upstream/types';
import type { ListKind } from '../catalog/view';
import type { EndedSessions } from './ended-sessions';
import type { Wishes } from './wishes';

/** Age after which a session id is void. Wall time, since it outlives the process. */
const maxAgeMs = 7 * 24 * 3600_000;
/** Resources of a session that nobody used for this long are freed; its id stays good. */
const idleMs = 30 * 60_000;
const openedMax = 10_000;
/** How soon a process notices that another one ended a session. */
const endedCheckMs = 60_000;
/** The id travels in a header of every request, so a client's capabilities are kept only up to this size. */
const capabilitiesMaxBytes = 2048;
const clientNameMaxChars = 64;

interface SealedSession {
  /** Credential. */
  k: string;
  /** Endpoint key. */
  e: string;
  v: string;
  /** Client capabilities. */
  c: Record<string, unknown>;
  /** Client name. */
  n: string;
  /** Issued at, ms since 1970. */
  t: number;
  /** Makes two sessions of one client in one millisecond different. */
  r: string;
}

export interface RunningCall {
  cancel(reason: string): void;
}

/** The session also tells whose it is, see Caller. */
export class Session implements Caller {
  readonly id: string;
  readonly endpointKey: string;
  /** These three are settled by `initialize`; over HTTP+SSE that comes after the session began. */
  protocolVersion: string;
  clientName: string;
  clientCapabilities: Record<string, unknown>;
  readonly credential: string;
  readonly user: string;
  readonly isPassing = false;
  readonly issuedAtMs: number;
  ended = false;
  endedCheckedAtMs = performance.now();
  /** Calls under way by the client's request id; a string and a number are two ids. */
  readonly calls = new SmallMap<string | number, RunningCall>();
  /** Exposed URIs that the client subscribed to. */
  readonly subscriptions = new Set<string>();
  /** Severity (index) from which on the client wants log messages; null: never asked, the server decides. */
  logLevel: number | null = null;
  /** Digest of each list as the client last saw it. */
  readonly seenLists = new Map<ListKind, string>();

  #conversation: string | null = null;
  #idHash: string | null = null;

  constructor(id: string, sealed: SealedSession, actor: Actor) {
    this.id = id;
    this.user = userOf(actor);
    this.credential = sealed.k;
    this.endpointKey = sealed.e;
    this.protocolVersion = sealed.v;
    this.clientCapabilities = sealed.c;
    this.clientName = sealed.n;
    this.issuedAtMs = sealed.t;
  }

  /** SHA-256 (hex) of the id: what tables know it by. */
  get idHash(): string {
    this.#idHash ??= createHash('sha256').update(this.id).digest('hex');
    return this.#idHash;
  }

  get conversation(): string {
    this.#conversation ??= createHash('sha256').update(this.id).digest('base64url').slice(0, 22);
    return this.#conversation;
  }
}

export interface SessionsDeps {
  keyring: Pick<Keyring, 'seal' | 'open'>;
  ended: EndedSessions;
  /** Wall clock in ms. */
  now?: () => number;
  /** A session's resources are given up: it ended, or was idle for too long. */
  released(session: Session): void;
  /** An id of an earlier life, or of another worker, is used here for the first time. */
  adopted?(session: Session): void;
  /** What it asked for in its earlier life. */
  recall?(session: Session): Promise<Wishes | null>;
  /** It is used here, and there was something to recall. */
  resumed?(session: Session, actor: Actor, wishes: Wishes): void;
  /** Whether it must be kept although idle, e.g. because a stream is open. */
  isBusy(session: Session): boolean;
  report(error: unknown, message: string): void;
}

/** The same for all requests with one key; a session is bound to it. */
export function credentialOf(actor: Actor): string {
  return `${actor.kind}:${actor.id}`;
}

/** When a session's id becomes void by itself. */
export function expiryOf({ issuedAtMs }: Session): Date {
  return new Date(issuedAtMs + maxAgeMs);
}

/** Who shares an instance of a server that gives each user one: where there is no user, it is the credential. */
export function userOf(actor: Actor): string {
  return actor.userId ?? credentialOf(actor);
}

export function createSessions(deps: SessionsDeps) {
  const { keyring, ended, now = Date.now, released, isBusy, report } = deps;
  /** Sessions that are pinned by an open stream or a call, so that the cache may forget nothing in use. */
  const pinned = new Map<string, Session>();
  const opened = new LRUCache<string, Session>({
    max: openedMax,
    ttl: idleMs,
    updateAgeOnGet: true,
    // A look at the clock for each get would cost more than the get.
    ttlResolution: 1000,
    ttlAutopurge: false,
    disposeAfter: (session, id, reason) => {
      if (reason === 'set') return;
      if (!session.ended && isBusy(session)) pinned.set(id, session);
      else released(session);
    },
  });

  function gone(): HubError {
    return new HubError('SESSION_NOT_FOUND');
  }

  /** @throws HubError SESSION_NOT_FOUND */
  function check(session: Session, actor: Actor, endpointKey: string): Session {
    const isOurs = session.credential === credentialOf(actor) && session.endpointKey === endpointKey;
    if (session.ended || !isOurs || now() - session.issuedAtMs > maxAgeMs) throw gone();
    return session;
  }

  /** Asks in the background whether another process ended it meanwhile. */
  function checkEndedAgain(session: Session): void {
    if (performance.now() - session.endedCheckedAtMs < endedCheckMs) return;
    session.endedCheckedAtMs = performance.now();
    ended.has(session.idHash).then(
      (isEnded) => {
        if (isEnded) forget(session);
      },
      (error) => report(error, 'the list of ended sessions could not be read'),
    );
  }

  function forget(session: Session): void {
    session.ended = true;
    pinned.delete(session.id);
    if (!opened.delete(session.id)) released(session);
  }

  /** A pinned session that is used again takes its place in the cache again. */
  function unpinned(id: string): Session | undefined {
    const session = pinned.get(id);
    if (!session) return undefined;
    pinned.delete(id);
    opened.set(id, session);
    return session;
  }

  async function openSealed(id: string, actor: Actor, endpointKey: string): Promise<Session> {
    const sealed = keyring.open('session', id) as SealedSession | null;
    if (!sealed || typeof sealed.k !== 'string' || typeof sealed.t !== 'number') throw gone();
    const session = check(new Session(id, sealed, actor), actor, endpointKey);
    deps.adopted?.(session);
    const recalled = deps.recall?.(session);
    try {
      if (await ended.has(session.idHash)) throw gone();
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'SESSION_NOT_FOUND') throw error;
      // The id proves itself; with the database away an ended session may be used again by its own key, no more.
      report(error, 'the list of ended sessions could not be read');
    }
    // Two first requests at once must share one session.
    const shared = opened.get(id) ?? pinned.get(id) ?? session;
    opened.set(id, shared);
    const wishes = await recalled;
    if (wishes && !shared.ended) deps.resumed?.(shared, actor, wishes);
    return shared;
  }

  /** A stream or the last call of it closed: it may be freed if the cache already let go of it. */
  function unpin(session: Session): void {
    if (!pinned.has(session.id) || isBusy(session)) return;
    pinned.delete(session.id);
    released(session);
  }

  return {
    create(
      actor: Actor,
      endpointKey: string,
      protocolVersion: string,
      capabilities: Record<string, unknown>,
      clientName: string,
    ): Session {
      const isSmall = JSON.stringify(capabilities).length <= capabilitiesMaxBytes;
      const sealed: SealedSession = {
        k: credentialOf(actor),
        e: endpointKey,
        v: protocolVersion,
        c: isSmall ? capabilities : {},
        n: clientName.slice(0, clientNameMaxChars),
        t: now(),
        r: randomBytes(6).toString('base64url'),
      };
      const session = new Session(keyring.seal('session', sealed), sealed, actor);
      opened.set(session.id, session);
      return session;
    },

    /**
     * The session of an id, if it belongs to this actor and endpoint. Synchronous when it was used lately.
     * @throws HubError SESSION_NOT_FOUND, also by the promise
     */
    open(id: string, actor: Actor, endpointKey: string): Session | Promise<Session> {
      const known = opened.get(id) ?? unpinned(id);
      if (!known) return openSealed(id, actor, endpointKey);
      checkEndedAgain(known);
      return check(known, actor, endpointKey);
    },

    /** Ends it here at once and for every other process by the table. @throws what the table throws */
    async end(session: Session): Promise<void> {
      forget(session);
      await ended.add(session.idHash, expiryOf(session));
    },

    /** The session, if it is in use here; whose it is was checked by whoever asks. */
    peek: (id: string): Session | undefined => opened.peek(id) ?? pinned.get(id),

    /** Forgets a session that has ended elsewhere, or whose id is of no use to any other process. */
    drop: forget,

    unpin,

    /** All that are in use here. */
    *all(): Generator<Session> {
      yield* opened.values();
      yield* pinned.values();
    },

    /** Frees what is held of it here if nothing is under way; it is found again by its id. */
    letGo(session: Session): void {
      if (!isBusy(session)) opened.delete(session.id);
    },

    /** What a credential's sessions have under way, and wait for. */
    *callsOf(credential: string): Generator<RunningCall> {
      for (const session of this.all()) if (session.credential === credential) yield* session.calls.values();
    },

    /** Frees what was idle for too long; called by a timer. */
    purge(): void {
      opened.purgeStale();
      // The last call of these may have ended meanwhile.
      for (const session of pinned.values()) unpin(session);
    },

    /** Sessions used within the last half hour or with a stream open. */
    get size(): number {
      return opened.size + pinned.size;
    },
  };
}

export type Sessions = ReturnType<typeof createSessions>;
