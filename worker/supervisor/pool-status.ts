// A server as it is seen from outside, told from its instances: one state, and why it takes no calls.
import { HubError } from '../../lib/errors';
import type { ServerState, ServerStatus } from '../../lib/servers/schema';
import type { Guests } from './guests';
import type { Instance } from './instance';
import type { Member } from './member';
import type { DesiredServer } from './types';

/** The state of a server is that of its best instance. */
const rank: readonly ServerState[] = [
  'ready',
  'degraded',
  'starting',
  'stopping',
  'retrying',
  'needs-auth',
  'crashed',
  'asleep',
  'stopped',
  'disabled',
];

export interface Parts {
  server: Pick<DesiredServer, 'id' | 'name'>;
  version: number;
  /** Milliseconds since 1970. */
  now: number;
  /** Its places shall hold something that runs. */
  isRunning: boolean;
  members: readonly Member[];
  guests: Guests | null;
  leaving: ReadonlyMap<Instance, unknown>;
  inVain: string | null;
}

/** Pure, but for what the instances say of themselves now. */
export function statusOf({ server, version, now, isRunning, members, guests, leaving, inVain }: Parts): ServerStatus {
  const views = members.map(({ instance }) => instance.view);
  const guestViews = guests?.instances.map(({ view }) => view) ?? [];
  const best = [...views, ...guestViews].toSorted(
    (one, other) => rank.indexOf(one.state) - rank.indexOf(other.state),
  )[0];
  const missing = views[0]?.unenforced ?? [];
  const exits = members.flatMap(({ instance }) => instance.lastExit ?? []);
  return {
    id: server.id,
    name: server.name,
    state: best?.state ?? 'stopped',
    reason: best?.reason ?? null,
    message: best?.message ?? null,
    version,
    since: best?.since ?? new Date(now).toISOString(),
    attempt: best?.attempt ?? 0,
    nextRetryAt: best?.nextRetryAt ?? null,
    ready: members.filter(({ upstream }) => upstream !== null).length + guestViews.filter(isReady).length,
    total: (isRunning ? members.length : 0) + guestViews.length,
    tools: Math.max(0, ...views.map(({ tools }) => tools)),
    instances: [
      ...members.flatMap((member) => shownOf(member, members.length > 1)),
      ...(guests?.shown() ?? []),
      ...[...leaving.keys()].flatMap(({ view: { shown } }) => (shown ? [{ ...shown, draining: true }] : [])),
    ],
    ...(inVain !== null && { inVain }),
    ...(missing.length > 0 && { unenforced: missing }),
    lastExit: exits.toSorted((one, other) => (one.at < other.at ? 1 : -1))[0] ?? null,
  };
}

/** @param several whether there are other places */
function shownOf({ instance, next, url, circuit }: Member, several: boolean): ServerStatus['instances'] {
  return [instance, next].flatMap((each) => {
    const shown = each?.view.shown;
    if (!shown) return [];
    return {
      ...shown,
      ...(url !== null && { url }),
      ...(several && each === instance && { circuit: circuit.state }),
    };
  });
}

function isReady({ state }: Pick<ServerStatus, 'state'>): boolean {
  return state === 'ready' || state === 'degraded';
}

/** What a caller gets for a server without an open upstream. */
export function unavailable(
  status: Pick<ServerStatus, 'name' | 'state' | 'message' | 'reason' | 'nextRetryAt'> | undefined,
): HubError {
  if (!status) return new HubError('UPSTREAM_UNAVAILABLE', 'The server is not known to the supervisor.');
  const { name, state, message, reason, nextRetryAt } = status;
  const code = state === 'needs-auth' ? 'UPSTREAM_NEEDS_AUTH' : 'UPSTREAM_UNAVAILABLE';
  const waitMs = nextRetryAt === null ? undefined : Math.max(0, Date.parse(nextRetryAt) - Date.now());
  return new HubError(code, `The server "${name}" is ${state}${message ? `: ${message}` : '.'}`, {
    server: name,
    reason: reason ?? state,
    retryable: state !== 'stopped' && state !== 'disabled',
    ...(waitMs !== undefined && { retryAfterMs: waitMs }),
  });
}
