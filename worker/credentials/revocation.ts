// Gives tokens back that nobody here uses any more (RFC 7009), so that they are good for nobody else either. Whoever
// disconnected does not wait for it: what becomes of it is in the audit trail and in the log. An issuer that does not
// answer is asked again, for days, by whichever worker leads then.
import type { GivenUp, GivenUpOutcome, GivenUpStore } from '../../lib/credentials/given-up';
import { asHubError, type ErrorCode } from '../../lib/errors';
import type { Log } from '../../lib/log';
import type { AskingFor } from './asking';
import type { Discovery } from './discovery';
import { revokeToken } from './grants';
import type { Registration } from './registration';

/** Issuers that are spoken with at a time, when many are given up at once. */
const atOnceMax = 4;
/** How soon an issuer is asked again; each time twice as late as the time before. */
const againSeconds = 60;
const againMaxSeconds = 6 * 3600;
const lookEveryMs = 60_000;

/** Nothing is known of the tokens then, and another time may be better. */
const passing = new Set<ErrorCode>([
  'UPSTREAM_UNAVAILABLE',
  'UPSTREAM_TIMEOUT',
  'UPSTREAM_BAD_ANSWER',
  'INTERRUPTED',
  'UNAVAILABLE',
  'INTERNAL',
]);

export interface RevocationDeps {
  store: GivenUpStore;
  askingFor: AskingFor;
  discovery: Discovery;
  registration: Registration;
  log: Log;
}

const sharedReason =
  'Only the access token was: the refresh token may belong to a sign-in that is in use for the same owner.';
const kept = (why: string): GivenUpOutcome => ({ isRevoked: false, why });

export function createRevocation({ store, askingFor, discovery, registration, log }: RevocationDeps) {
  /** Each request is bounded by Asking; there are five at most. */
  async function giveBack({ server, issuer: name, clientId, isShared, ...tokens }: GivenUp): Promise<GivenUpOutcome> {
    const { credential } = server;
    if (credential?.kind !== 'oauth') return kept('The server is signed in to in another way.');
    const names = isShared ? (['accessToken'] as const) : (['refreshToken', 'accessToken'] as const);
    const held = names.filter((each) => tokens[each] !== null);
    if (held.length === 0) return kept('They cannot be opened: they were sealed with another master key.');
    const asking = askingFor(server);
    const client = await registration.clientOf(asking, credential, name, clientId);
    if (!client) return kept('The client that they were given to is known no more.');
    const { revocationEndpoint, revocationAuthMethods } = await discovery.issuerOf(asking, name);
    if (!revocationEndpoint) return kept('The sign-in service has no address where tokens are given back.');
    // The token that gives others first: many issuers end those with it.
    for (const each of held) {
      const hint = each === 'refreshToken' ? 'refresh_token' : 'access_token';
      const endpoint = { revocationEndpoint, revocationAuthMethods };
      await revokeToken(asking, endpoint, client, tokens[each] ?? '', hint);
    }
    return { isRevoked: true, why: isShared && tokens.refreshToken !== null ? sharedReason : null };
  }

  async function settle(given: GivenUp): Promise<void> {
    const { server, user, issuer, tries, isLast } = given;
    let outcome: GivenUpOutcome;
    try {
      outcome = await giveBack(given);
    } catch (thrown) {
      const error = asHubError(thrown);
      const about = { server: server.name, user, issuer, tries, why: error.message };
      if (passing.has(error.code) && !isLast) {
        log.info(about, 'tokens cannot be given back now; it is tried again');
        return store.later(given, Math.min(againMaxSeconds, againSeconds * 2 ** (tries - 1)));
      }
      outcome = kept(tries > 1 ? `${error.message} It was asked ${tries} times.` : error.message);
    }
    const { isRevoked, why } = outcome;
    if (!isRevoked) log.warn({ server: server.name, user, issuer, why }, 'tokens could not be given back');
    await store.told(given, outcome);
  }

  /** Gives back what is to be given back by now. Each is asked for by one worker, also where several are told at once. Never rejects. */
  async function giveBackAll(): Promise<void> {
    try {
      for (;;) {
        const waiting = await store.take();
        if (waiting.length === 0) return;
        const next = async (): Promise<void> => {
          for (let given = waiting.shift(); given; given = waiting.shift()) await settle(given);
        };
        await Promise.all(Array.from({ length: Math.min(atOnceMax, waiting.length) }, next));
      }
    } catch (err) {
      log.warn({ err }, 'tokens that were given up could not be read, or what became of them not be written');
    }
  }

  return {
    giveBackAll,
    /** Asks again from now on, where an issuer did not answer. @returns what ends it */
    keepGivingBack(everyMs = lookEveryMs): () => void {
      const timer = setInterval(() => void giveBackAll(), everyMs).unref();
      return () => clearInterval(timer);
    },
  };
}
