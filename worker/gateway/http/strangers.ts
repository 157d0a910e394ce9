// Callers without a credential, at the endpoints that an administrator opened to them. Nobody can be asked to stop, so
// each network address gets only so many requests.
import type { ServerResponse } from 'node:http';
import ipaddr from 'ipaddr.js';
import { anonymousActor } from '../../../lib/access/identities';
import type { Actor } from '../../../lib/access/schema';
import { HubError } from '../../../lib/errors';
import { callerAddressOf } from '../../caller-address';
import { createRate } from '../rate';

export interface StrangerLimits {
  /** Requests of one address in a minute; half of them at once. */
  strangersPerMinute: number;
  /** Requests of one address under way, open streams among them. */
  strangersAtOnce: number;
}

/** A network of this size is one household or one machine that can choose its address at will (RFC 6177 §2). */
const prefixGroups = 4;

/** @param refused told of each refusal, for the metric */
export function createStrangers(limits: StrangerLimits, refused: (reason: 'rate' | 'concurrency') => void = () => {}) {
  const { strangersPerMinute, strangersAtOnce } = limits;
  const rate = createRate(Math.max(1, Math.ceil(strangersPerMinute / 2)), strangersPerMinute / 60, {
    text: `Without a key there are no more than ${strangersPerMinute} requests in a minute from one address: try again later.`,
  });
  const underWay = new Map<string, number>();

  return {
    /** Who asks without a token: null for an Authorization header that holds none, which is wrong rather than absent. */
    actorOf: (authorization: string | undefined): Actor | null => (authorization === undefined ? anonymousActor : null),

    /** Counts a request until its response is closed. @throws HubError LIMIT_EXCEEDED */
    admit(address: string | undefined, response: ServerResponse): void {
      const network = networkOf(address);
      const count = underWay.get(network) ?? 0;
      if (count >= strangersAtOnce) {
        refused('concurrency');
        const text = `Without a key there are no more than ${strangersAtOnce} requests at once from one address: end some.`;
        throw new HubError('LIMIT_EXCEEDED', text, { reason: 'concurrency', retryable: true, retryAfterMs: 1000 });
      }
      try {
        rate.take(network);
      } catch (error) {
        refused('rate');
        throw error;
      }
      underWay.set(network, count + 1);
      response.once('close', () => {
        const left = (underWay.get(network) ?? 1) - 1;
        if (left > 0) underWay.set(network, left);
        else underWay.delete(network);
      });
    },
  };
}

/**
 * Whom limits count a request for: of strangers the network, of all others what is given.
 * @param response of the request, as long as its connection is there
 */
export function partyOf(actor: Actor, known: string, response: ServerResponse): string {
  return actor.kind === 'anonymous'
    ? `${known} ${networkOf(response.socket ? callerAddressOf(response.req) : undefined)}`
    : known;
}

/** An IPv4 address, or the network of an IPv6 address. What comes over a socket of this machine has none. */
function networkOf(address: string | undefined): string {
  if (address === undefined || !ipaddr.isValid(address)) return 'local';
  const parsed = ipaddr.process(address);
  return parsed instanceof ipaddr.IPv6 ? parsed.parts.slice(0, prefixGroups).join(':') : parsed.toString();
}

export type Strangers = ReturnType<typeof createStrangers>;
