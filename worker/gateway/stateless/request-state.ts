// The `requestState` of "input_required" (revision 2026-07-28, basic/patterns/mrtr, "Server Requirements"): what a
// client must give back with its retry, sealed, so that it works only for the same caller, endpoint and request, and only
// for a while.
import { createHash } from 'node:crypto';
import type { Keyring } from '../../../lib/access/keyring';
import type { Actor } from '../../../lib/access/schema';
import { canonicalJson } from '../../../lib/canonical-json';
import { HubError } from '../../../lib/errors';
import type { Endpoint } from '../catalog/endpoints';
import { credentialOf } from '../sessions/sessions';

/** Wall time, since a state may outlive the process. */
const maxAgeMs = 600_000;

/** Who asks for what; a state is bound to all of it. */
export interface Asking {
  actor: Actor;
  endpoint: Endpoint;
  method: string;
  params: Record<string, unknown> | undefined;
}

export type RequestState =
  /** A call that waits in this worker. */
  | { kind: 'parked'; worker: string; handle: string }
  /** The state of a server of this revision, which knows by it how to go on. */
  | { kind: 'relayed'; server: string; state: string }
  /** The call is to be made again from its begin. */
  | { kind: 'repeat'; server: string };

interface Sealed {
  /** Credential. */
  c: string;
  /** Endpoint key. */
  e: string;
  m: string;
  /** Digest of what was asked for. */
  d: string;
  /** Void from then on, ms since 1970. */
  x: number;
  s: RequestState;
}

export function createRequestStates(keyring: Pick<Keyring, 'seal' | 'open'>, now: () => number) {
  return {
    seal(asking: Asking, state: RequestState): string {
      const { actor, endpoint, method } = asking;
      const sealed: Sealed = {
        c: credentialOf(actor),
        e: endpoint.key,
        m: method,
        d: digestOf(asking),
        x: now() + maxAgeMs,
        s: state,
      };
      return keyring.seal('request-state', sealed);
    },

    /** @throws HubError INVALID_INPUT, alike for everything that does not fit */
    open(asking: Asking, token: unknown): RequestState {
      const sealed = typeof token === 'string' ? (keyring.open('request-state', token) as Sealed | null) : null;
      const isGood =
        sealed !== null &&
        sealed.c === credentialOf(asking.actor) &&
        sealed.e === asking.endpoint.key &&
        sealed.m === asking.method &&
        now() < sealed.x &&
        sealed.d === digestOf(asking);
      if (!isGood) throw badState();
      return sealed.s;
    },
  };
}

export type RequestStates = ReturnType<typeof createRequestStates>;

export function badState(): HubError {
  return new HubError('INVALID_INPUT', 'This "requestState" is not valid (any more) for this request.', {
    hint: 'Send the request again without "requestState" and "inputResponses".',
  });
}

function digestOf({ params }: Asking): string {
  const { name, uri, arguments: args } = params ?? {};
  return createHash('sha256')
    .update(canonicalJson([name, uri, args]))
    .digest('base64url');
}
