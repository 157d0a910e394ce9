// Writes down what sessions asked for that goes on, off the path of their requests, and brings it back where a session
// is used again: after a restart of the hub, after half an hour of silence, after the end of the worker that held it.
import { setTimeout as delay } from 'node:timers/promises';
import type { Session } from './sessions';
import type { Wishes, WishStore } from './wishes';

const retryMs = 5_000;
/** Session ids in one question to the database. */
const portion = 1_000;

export interface WishKeeperDeps {
  store: WishStore;
  /** Names this worker, in this life. */
  self: string;
  /** The other workers that live. */
  others(): readonly string[];
  /** When the id of the session becomes void by itself. */
  expiryOf(session: Session): Date;
  report(error: unknown, message: string): void;
}

export function createWishKeeper({ store, self, others, expiryOf, report }: WishKeeperDeps) {
  /** What is to be written, one after the other, so that a later wish of a session never comes before an earlier one. */
  const due = new Map<Session, 'save' | 'remove'>();
  const saved = new WeakSet<Session>();
  const closing = new AbortController();
  let writing: Promise<void> | undefined;

  async function write(): Promise<void> {
    for (const [session, what] of due) {
      due.delete(session);
      try {
        const { idHash, logLevel, subscriptions } = session;
        if (what === 'remove') await store.remove(idHash);
        else await store.save(idHash, self, { logLevel, subscriptions: [...subscriptions] }, expiryOf(session));
      } catch (error) {
        report(error, 'what a session asked for could not be stored');
        if (closing.signal.aborted) return;
        if (!due.has(session)) due.set(session, what);
        await delay(retryMs, undefined, { signal: closing.signal, ref: false }).catch(() => {});
      }
    }
  }

  function add(session: Session, what: 'save' | 'remove'): void {
    due.set(session, what);
    writing ??= write().finally(() => {
      writing = undefined;
    });
  }

  return {
    /** The session set its level, subscribed, or unsubscribed. */
    changed(session: Session): void {
      saved.add(session);
      add(session, 'save');
    },

    ended(session: Session): void {
      if (saved.has(session)) add(session, 'remove');
    },

    /** What a session asked for that is used here for the first time; null when nobody left anything. Never rejects. */
    async recall(session: Session): Promise<Wishes | null> {
      try {
        const wishes = (await store.takeOver([session.idHash], self, others())).get(session.idHash);
        if (wishes) saved.add(session);
        return wishes ?? null;
      } catch (error) {
        report(error, 'what a session asked for could not be read');
        return null;
      }
    },

    /** What workers that are gone held of these sessions. Never rejects. */
    async inherit(sessions: Iterable<Session>): Promise<Map<Session, Wishes>> {
      const byHash = new Map<string, Session>();
      for (const session of sessions) byHash.set(session.idHash, session);
      const hashes = [...byHash.keys()];
      const inherited = new Map<Session, Wishes>();
      try {
        for (let at = 0; at < hashes.length; at += portion) {
          for (const [idHash, wishes] of await store.takeOver(hashes.slice(at, at + portion), self, others())) {
            const session = byHash.get(idHash);
            if (session) inherited.set(session, wishes);
          }
        }
      } catch (error) {
        report(error, 'what sessions of an ended worker asked for could not be read');
      }
      for (const session of inherited.keys()) saved.add(session);
      return inherited;
    },

    /** Resolves when everything is written, or cannot be. */
    async close(): Promise<void> {
      closing.abort();
      await writing;
    },
  };
}

export type WishKeeper = ReturnType<typeof createWishKeeper>;
