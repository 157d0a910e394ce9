// The instances of a server that gives its callers their own: one for each user, or one for each session. An instance
// that has served somebody serves nobody else, ever. Lists come from the server's listing instance, never from these.
import { HubError } from '../../lib/errors';
import { idleStopDefaults, instancesDefault, type ServerStatus } from '../../lib/servers/schema';
import type { Call, Caller, CallOptions, ClientSide, Handshake, Upstream, Wish } from '../upstream';
import { refused } from '../upstream/later';
import type { Clock } from './clock';
import { Gate } from './gate';
import type { Instance, InstanceOptions } from './instance';
import type { DesiredServer, Observation } from './types';

/** Time for a server to take what nobody waits for. */
const asideMs = 10_000;
const sweepMs = 1_000;
/** Callers that have a connection of their own, where the limits do not say. */
const connectionsDefault = 1_000;
/** Those that end count too, so that callers who come and go do not pile them up: so many times the limit. */
const endingShare = 2;

export interface GuestsOptions {
  clock: Clock;
  /** Makes an instance and starts it. @param user whose it is, where that is known before it starts */
  make(borrower: Promise<ClientSide>, emit: InstanceOptions['emit'], user: string | null): Instance;
  /** Lets an instance finish its calls, and ends it. */
  retire(instance: Instance): void;
  /** Ends an instance now. */
  end(instance: Instance): void;
  /** Instances that are being ended. */
  ending(): number;
  /** The instance that lists come from, if it is open. */
  listing(): Upstream | null;
  /** @throws HubError where nothing is known of it */
  handshake(): Handshake;
  /** A handshake with one of these. */
  opened(handshake: Handshake): void;
  /** What is shown has changed. */
  changed(): void;
  notification(method: string, params: Record<string, unknown> | undefined, whose: string): void;
  observed(observation: Observation): void;
  /** Why an instance cannot be used; null while it may come. */
  failureOf(instance: Instance): HubError | null;
}

export interface Guests {
  /** For callers; requests of the hub itself go to the listing instance. */
  readonly upstream: Upstream;
  readonly instances: readonly Instance[];
  /** Callers have instances, or will have. */
  readonly isInUse: boolean;
  shown(): ServerStatus['instances'];
  want(desired: DesiredServer): void;
  /** A session is over. */
  release(conversation: string): void;
  /** What a user proves itself with is another: what was opened with the former ends, the next call opens anew. */
  renew(user: string): void;
  /** Ends all of them now, and those that stand ready; more may come. */
  clear(): void;
  /** As clear, for good. */
  close(): void;
}

interface Guest {
  whose: string;
  user: string;
  isPassing: boolean;
  /** Its session is over: it ends when nothing of it is under way. */
  isReleased: boolean;
  instance: Instance;
  gate: Gate;
  watched: readonly string[];
}

/** An instance without a caller. */
interface Spare {
  instance: Instance;
  lend(client: ClientSide): void;
  /** Told when it becomes somebody's. */
  of: { guest: Guest | null };
}

export function createGuests(first: DesiredServer, options: GuestsOptions): Guests {
  const { clock } = options;
  const guests = new Map<string, Guest>();
  const spares = new Set<Spare>();
  let goal = first;
  let levelParams: Record<string, unknown> | undefined;
  let cancelSweep: (() => void) | null = null;
  let isClosed = false;

  const keyOf = ({ user, conversation }: Caller) => (goal.isolation === 'user' ? user : conversation);

  function cap(): number {
    // A connection costs little.
    return goal.limits.instances ?? (goal.type === 'stdio' ? instancesDefault : connectionsDefault);
  }

  function idleMs(): number {
    return (goal.idleStopSeconds ?? idleStopDefaults.isolated) * 1000;
  }

  function makeSpare(user: string | null = null): Spare {
    let lend: (client: ClientSide) => void = () => {};
    const borrower = new Promise<ClientSide>((resolve) => {
      lend = resolve;
    });
    const of: Spare['of'] = { guest: null };
    const instance = options.make(
      borrower,
      (event, ...args) => {
        const { guest } = of;
        if (event === 'opened') opened(guest, args[0] as Upstream);
        if (event === 'observed') observed(args[0] as Observation);
        if (event === 'notification' && guest) heard(guest, ...(args as [string, Record<string, unknown> | undefined]));
        guest?.gate.changed();
        if (event === 'changed') options.changed();
        // Its caller was told what to do; the next call begins anew.
        if (guest && event === 'changed' && instance.view.state === 'needs-auth') dismiss(guest);
      },
      user,
    );
    return { instance, lend, of };
  }

  function opened(guest: Guest | null, upstream: Upstream): void {
    options.opened(upstream.handshake);
    const { era, capabilities } = upstream.handshake;
    if (levelParams && era === 'legacy' && 'logging' in capabilities) tellLevel(upstream);
    if (guest && guest.watched.length > 0) upstream.watch(guest.watched).catch(() => {});
  }

  function tellLevel(upstream: Upstream): void {
    upstream.call('logging/setLevel', levelParams, { timeoutMs: asideMs }).answer.catch(() => {});
  }

  /** They come and go with their callers, which is no news of the server. */
  function observed(observation: Observation): void {
    if (observation.kind !== 'moved' && observation.kind !== 'started') options.observed(observation);
  }

  /** The lists are not theirs to tell of. */
  function heard({ whose }: Guest, method: string, params: Record<string, unknown> | undefined): void {
    if (!method.endsWith('/list_changed')) options.notification(method, params, whose);
  }

  /** The caller's own. @throws HubError BUSY when there are as many as there may be */
  function guestOf(caller: Caller, client?: ClientSide, capabilities?: Record<string, unknown>): Guest {
    const whose = keyOf(caller);
    const known = guests.get(whose);
    if (known) return known;
    const spare = takeSpare(caller.user);
    const guest: Guest = {
      whose,
      user: caller.user,
      isPassing: goal.isolation === 'session' && caller.isPassing,
      isReleased: false,
      instance: spare.instance,
      watched: [],
      gate: new Gate({
        server: () => goal.name,
        open: () => spare.instance.upstream,
        need: () => undefined,
        failure: () => options.failureOf(spare.instance),
        now: clock.monotonic,
        left: () => {
          if ((guest.isPassing || guest.isReleased) && guest.gate.use.isFree) leave(guest);
        },
      }),
    };
    spare.of.guest = guest;
    guests.set(whose, guest);
    spare.lend(client ?? nobody(caller, capabilities));
    fill();
    sweepSoon();
    options.changed();
    return guest;
  }

  function takeSpare(user: string): Spare {
    const [best] = [...spares].toSorted((one, other) => rank(one) - rank(other));
    if (best) {
      spares.delete(best);
      return best;
    }
    const count = guests.size;
    if (count < cap() && count + options.ending() < cap() * endingShare) return makeSpare(user);
    const { name, limits } = goal;
    const each = goal.isolation === 'user' ? 'user' : 'session';
    const hint = limits.instances === undefined ? 'set' : 'raise';
    throw new HubError(
      'BUSY',
      `All ${cap()} instances of "${name}" are in use, one for each ${each}: try again later, or ${hint} its limit of instances.`,
      { server: name, reason: 'instances', retryable: true, retryAfterMs: 1000 },
    );
  }

  /** As many as wanted stand ready, as far as the limit allows; of a server that starts on demand only while it is used. */
  function fill(): void {
    // With whose credential would it start?
    const isOwned = goal.credential?.per === 'user';
    const isWanted = !isClosed && !isOwned && goal.enabled && goal.running && goal.fault === null;
    const wanted = !isWanted || (goal.startOnDemand && guests.size === 0) ? 0 : goal.warmInstances;
    const count = Math.max(0, Math.min(wanted, cap() - guests.size));
    for (const spare of spares) {
      if (spares.size <= count) break;
      spares.delete(spare);
      options.end(spare.instance);
    }
    while (spares.size < count) spares.add(makeSpare());
  }

  /** Nobody needs it any more. */
  function leave(guest: Guest): void {
    if (!forget(guest)) return;
    options.retire(guest.instance);
    fill();
    options.changed();
  }

  function dismiss(guest: Guest): void {
    if (!forget(guest)) return;
    options.end(guest.instance);
    options.changed();
  }

  function forget(guest: Guest): boolean {
    if (guests.get(guest.whose) !== guest) return false;
    return guests.delete(guest.whose);
  }

  function sweepSoon(): void {
    if (cancelSweep || isClosed || guests.size === 0) return;
    cancelSweep = clock.after(Math.min(sweepMs, idleMs()), () => {
      cancelSweep = null;
      for (const guest of guests.values()) if (guest.gate.use.idleMs >= idleMs()) leave(guest);
      sweepSoon();
    });
  }

  function call(method: string, params: Record<string, unknown> | undefined, callOptions: CallOptions): Call {
    const caller = callOptions.caller ?? callOptions.client;
    if (!caller) return callOfHub(method, params, callOptions);
    try {
      return guestOf(caller, callOptions.client).gate.call(method, params, callOptions);
    } catch (error) {
      return refused(error as HubError);
    }
  }

  function callOfHub(method: string, params: Record<string, unknown> | undefined, callOptions: CallOptions): Call {
    if (method === 'logging/setLevel') {
      levelParams = params;
      for (const { instance } of guests.values()) if (instance.upstream) tellLevel(instance.upstream);
    }
    const listing = options.listing();
    if (listing) return listing.call(method, params, callOptions);
    return refused(new HubError('UPSTREAM_UNAVAILABLE', `The server "${goal.name}" is asleep.`, { reason: 'asleep' }));
  }

  /** What one caller wants to hear. @returns what was refused */
  async function watchOne(
    caller: Caller,
    uris: readonly string[],
    capabilities?: Record<string, unknown>,
  ): Promise<readonly string[]> {
    const guest = uris.length > 0 ? guestOf(caller, undefined, capabilities) : guests.get(keyOf(caller));
    if (!guest || sameTexts(guest.watched, uris)) return [];
    guest.watched = uris;
    guest.gate.use.isWatched = uris.length > 0;
    guest.gate.use.touch();
    if (uris.length === 0) {
      void guest.instance.upstream?.watch([]).catch(() => {});
      if ((guest.isPassing || guest.isReleased) && guest.gate.use.isFree) leave(guest);
      return [];
    }
    try {
      return await (await guest.gate.opened()).watch(uris);
    } catch (error) {
      if (guest.watched === uris) {
        guest.watched = [];
        guest.gate.use.isWatched = false;
      }
      throw error;
    }
  }

  async function watchFor(wishes: readonly Wish[]): Promise<readonly Wish[]> {
    const byCaller = new Map<string, Wish[]>();
    for (const wish of wishes) {
      const key = keyOf(wish.caller);
      byCaller.set(key, [...(byCaller.get(key) ?? []), wish]);
    }
    for (const guest of guests.values()) {
      if (guest.watched.length === 0 || byCaller.has(guest.whose)) continue;
      await watchOne({ user: guest.whose, conversation: guest.whose, isPassing: guest.isPassing }, []);
    }
    const refusals = await Promise.all(
      [...byCaller.values()].map(async (own) => {
        const uris = [...new Set(own.map(({ uri }) => uri))].sort();
        const { caller, capabilities } = own[0] as Wish;
        const gone = await watchOne(caller, uris, capabilities).catch(() => uris);
        return own.filter(({ uri }) => gone.includes(uri));
      }),
    );
    return refusals.flat();
  }

  function clear(): void {
    const error = new HubError('INTERRUPTED', `The server "${goal.name}" was stopped.`, {
      server: goal.name,
      reason: 'stopped',
      retryable: true,
    });
    const ends = [...guests.values()];
    guests.clear();
    for (const { gate, instance } of ends) {
      gate.close(error);
      options.end(instance);
    }
    for (const { instance } of spares) options.end(instance);
    spares.clear();
  }

  return {
    upstream: {
      get handshake() {
        return options.handshake();
      },
      get inflight() {
        let calls = options.listing()?.inflight ?? 0;
        for (const { gate } of guests.values()) calls += gate.use.active;
        return calls;
      },
      call,
      notify(method, params, client) {
        if (client) guests.get(keyOf(client))?.instance.upstream?.notify(method, params, client);
        else for (const { instance } of guests.values()) instance.upstream?.notify(method, params);
      },
      // Which instance would it be? Callers are told apart by watchFor.
      watch: async (uris) => uris,
      watchFor,
      keepsSession: () => true,
      faultOfTool: (tool) => options.listing()?.faultOfTool?.(tool) ?? null,
      close: async () => undefined,
    },
    get instances() {
      return [...[...guests.values()].map(({ instance }) => instance), ...[...spares].map(({ instance }) => instance)];
    },
    get isInUse() {
      return guests.size > 0;
    },
    shown() {
      const own = [...guests.values()].map(({ instance, whose }) => ({ shown: instance.view.shown, whose }));
      const ready = [...spares].map(({ instance }) => ({ shown: instance.view.shown, whose: '' }));
      return [...own, ...ready].flatMap(({ shown, whose }) => (shown ? [{ ...shown, whose }] : []));
    },
    want(desired) {
      const isOther = desired.hash !== goal.hash || desired.isolation !== goal.isolation;
      const mayRun = desired.enabled && desired.running && desired.fault === null;
      goal = desired;
      if (!mayRun || desired.isolation === 'shared') {
        // A stop ends them now; who shares an instance from now on lets its own finish.
        if (mayRun) for (const guest of [...guests.values()]) replace(guest);
        clear();
      } else if (isOther) {
        for (const guest of [...guests.values()]) replace(guest);
        for (const { instance } of spares) options.end(instance);
        spares.clear();
      } else {
        for (const { instance } of [...guests.values(), ...spares]) void instance.want(desired);
      }
      fill();
    },
    release(conversation) {
      if (goal.isolation !== 'session') return;
      const guest = guests.get(conversation);
      if (!guest) return;
      guest.isReleased = true;
      if (guest.gate.use.isFree) leave(guest);
    },
    renew(user) {
      const own = [...guests.values()].filter((guest) => guest.user === user);
      for (const guest of own) replace(guest, 'The credential for');
    },
    clear() {
      clear();
      fill();
    },
    close() {
      isClosed = true;
      cancelSweep?.();
      clear();
    },
  };

  /** Its calls end over the old configuration; the next one begins with the new. */
  function replace(guest: Guest, what = 'The server'): void {
    if (!forget(guest)) return;
    if (guest.instance.upstream) options.retire(guest.instance);
    else {
      guest.gate.close(
        new HubError('INTERRUPTED', `${what} "${goal.name}" was changed while it started.`, {
          server: goal.name,
          reason: 'changed',
          retryable: true,
        }),
      );
      options.end(guest.instance);
    }
  }
}

const order: Record<string, number> = { ready: 0, starting: 1 };

/** What stands ready comes first. */
function rank({ instance }: Spare): number {
  return order[instance.view.state] ?? 2;
}

/** For calls of somebody who cannot be asked, or not yet. */
function nobody({ user, conversation, isPassing }: Caller, capabilities: Record<string, unknown> = {}): ClientSide {
  return {
    user,
    conversation,
    isPassing,
    owner: conversation,
    capabilities,
    ask: async () => ({ kind: 'error', value: { code: -32601, message: 'Nobody can be asked here.' } }),
    notify: () => undefined,
  };
}

function sameTexts(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((text, at) => text === other[at]);
}
