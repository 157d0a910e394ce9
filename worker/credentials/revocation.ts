// Gives tokens back that nobody here uses any more (RFC 7009), so that they are good for nobody else either. Whoever
// disconnected does not wait for it: what becomes of it is in the audit trail and in the log.
import type { GivenUp, GivenUpOutcome, GivenUpStore } from '../../lib/credentials/given-up';
import { asHubError } from '../../lib/errors';
import type { Log } from '../../lib/log';
import type { AskingFor } from './asking';
import type { Discovery } from './discovery';
import { revokeToken } from './grants';
import type { Registration } from './registration';

/** Issuers that are spoken with at a time, when many are given up at once. */
const atOnceMax = 4;

export interface RevocationDeps {
  store: GivenUpStore;
  askingFor: AskingFor;
  discovery: Discovery;
  registration: Registration;
  log: Log;
}

const sharedReason =
  'Only the access token was: the refresh token may belong to a sign-in that other servers of the same owner use.';
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
    const { server, user, issuer } = given;
    const outcome = await giveBack(given).catch((error: unknown) => kept(asHubError(error).message));
    const { isRevoked, why } = outcome;
    if (!isRevoked) log.warn({ server: server.name, user, issuer, why }, 'tokens could not be given back');
    await store.told(given, outcome);
  }

  /** Gives back what is given up so far. Once is enough for each, also where several workers are told at once. Never rejects. */
  return async function giveBackAll(): Promise<void> {
    try {
      const waiting = await store.take();
      const next = async (): Promise<void> => {
        for (let given = waiting.shift(); given; given = waiting.shift()) await settle(given);
      };
      await Promise.all(Array.from({ length: Math.min(atOnceMax, waiting.length) }, next));
    } catch (err) {
      log.warn({ err }, 'tokens that were given up could not be read, or what became of them not be written');
    }
  };
}
