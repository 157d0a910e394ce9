// The instances of one server: as many as its row says, each with its own life, and those of single callers (guests.ts).
// An edit starts the new instance before the old one ends. Seen from outside it is one server with one state and one
// upstream; which instance a call goes to is decided in whole.ts, when there are several. A server that starts on demand
// sleeps until a call needs it, and again when nobody does.
import { HubError } from '../../lib/errors';
import type { Said } from '../../lib/servers/desired';
import { idleStopDefaults, type LogLine, type ServerStatus } from '../../lib/servers/schema';
import type { Handshake, Upstream } from '../upstream';
import { eraOf } from '../upstream';
import { readServerInfo } from '../upstream/handshake';
import { refused } from '../upstream/later';
import { hashOf } from './balancing';
import { createCircuit } from './circuit';
import { Gate } from './gate';
import { createGuests, type Guests } from './guests';
import { createInstance, type Instance, type InstanceOptions, type Target } from './instance';
import { createLogRing, type LogRing } from './log-ring';
import { Member, type Plan, planOf } from './member';
import { statusOf, unavailable } from './pool-status';
import type { DesiredServer, ListingOutcome, Observation, SupervisorEvents } from './types';
import { createWhole } from './whole';

/** An instance that is no longer wanted finishes the calls it has, so long at most. */
const drainMs = 30_000;
const drainLookMs = 50;
/** Time for a server to take what nobody waits for. */
const asideMs = 10_000;
/** How soon a server that was in use is looked at again, whether it may sleep. */
const sleepLookMs = 1_000;

export type PoolEvents = Pick<SupervisorEvents, 'status' | 'opened' | 'notification' | 'observed'>;

export interface PoolOptions
  extends Omit<InstanceOptions, 'ordinal' | 'startsBefore' | 'borrower' | 'user' | 'ring' | 'emit' | 'logged'> {
  emit<E extends keyof PoolEvents>(event: E, ...args: Parameters<PoolEvents[E]>): void;
  /** New lines of the ring; the receiver batches them. */
  logged(line: LogLine): void;
}

export interface Pool {
  readonly ring: LogRing;
  /**
   * For calls, asked for each of them; null while none can be made. What starts on demand, and what a caller has for
   * itself, is started by a call over it.
   */
  readonly upstream: Upstream | null;
  /** The one that lists are asked from, if it is open: nothing is started for that. */
  readonly listing: Upstream | null;
  readonly status: ServerStatus;
  /** All, also those that shall take a place soon. */
  readonly instances: readonly Instance[];
  /** Those that have a place, in order. */
  readonly placed: readonly Instance[];
  readonly size: number;
  /** Sets what shall be and acts on it. */
  want(desired: DesiredServer): void;
  /** Ends what runs and starts it at once with a fresh back-off. Resolves when the new starts are under way. */
  restart(): Promise<void>;
  /** Ends all for good. Resolves when no process is left. */
  remove(): Promise<void>;
  listed(outcome: ListingOutcome): void;
  /** A session is over. */
  release(conversation: string): void;
  /** A credential was stored or taken away: that of a user, or that of the hub. */
  renew(user: string | null): void;
}

export function createPool(first: DesiredServer, options: PoolOptions): Pool {
  const { clock } = options;
  const ring = createLogRing({ now: clock.now });
  const members: Member[] = [];
  /** They finish their calls, or end already. */
  const leaving = new Map<Instance, Promise<void>>();
  let goal = first;
  let version = clock.now();
  let removed = false;
  /** Calls take the way of servers that always run and that all callers share. */
  let isPlain = true;
  /** What has never been listed, or was changed since, is started once to be known. */
  let isAwake = !first.startOnDemand || first.said === null;
  let isLearnt = first.said !== null;
  let handshake: Handshake | null = first.said && storedHandshake(first.said);
  let inVain: string | null = null;
  let levelParams: Record<string, unknown> | undefined;
  let cancelSleep: (() => void) | null = null;
  let guests: Guests | null = null;
  const whole = createWhole(members, {
    balancing: first.balancing,
    unavailable: () => unavailable(status()),
    report: options.report,
  });

  function tell(): void {
    version += 1;
    options.emit('status', status());
  }

  function shallRun(): boolean {
    return goal.enabled && goal.running && goal.fault === null && !removed;
  }

  function make(ordinal: number, { target }: Plan, startsBefore: number): Instance {
    const instance: Instance = createInstance(target, {
      ...options,
      ordinal,
      startsBefore,
      // With several, each line says whose it is.
      ring: { push: (stream, text) => ring.push(stream, members.length > 1 ? `[${ordinal + 1}] ${text}` : text) },
      emit: (event, ...args) => {
        if (event === 'opened') opened(ordinal, instance, args[0] as Upstream);
        else if (event === 'changed') changed(ordinal, instance);
        else if (event === 'observed') observed(args[0] as Observation, ordinal);
        else if (event === 'checked') checked(ordinal, instance, args[0] as boolean);
        else options.emit('notification', goal.id, ...(args as [string, Record<string, unknown> | undefined]));
      },
    });
    return instance;
  }

  function opened(ordinal: number, instance: Instance, upstream: Upstream): void {
    const member = members[ordinal];
    if (!member) return;
    if (member.next === instance) replace(member);
    if (member.instance !== instance) return;
    member.circuit = createCircuit(clock.monotonic, tell);
    whole.opened(upstream);
    handshake = upstream.handshake;
    gate.use.touch();
    if (levelParams && members.length === 1 && handshake.era === 'legacy') {
      upstream.call('logging/setLevel', levelParams, { timeoutMs: asideMs }).answer.catch(() => {});
    }
    options.emit('opened', goal.id, members.length === 1 ? upstream : whole.upstream);
    gate.changed();
    sleepLater();
  }

  /** With one instance only, there is nobody to take its calls. */
  function checked(ordinal: number, instance: Instance, ok: boolean): void {
    const member = members[ordinal];
    if (members.length > 1 && member?.instance === instance) member.circuit.checked(ok);
  }

  function changed(ordinal: number, instance: Instance): void {
    const member = members[ordinal];
    if (!member || removed) {
      tell();
      return;
    }
    const { next } = member;
    // What cannot start is what was asked for: it is shown. And nobody waits for a successor of what has ended.
    const hasFailed = next === instance && instance.view.nextRetryAt !== null;
    if (next && (hasFailed || (instance === member.instance && !instance.upstream))) replace(member);
    gate.changed();
    if (instance === member.instance || instance === member.next) tell();
  }

  function observed(observation: Observation, ordinal: number): void {
    options.emit('observed', goal.id, observation, ordinal);
    if (observation.kind !== 'in-vain') return;
    inVain = observation.message;
    tell();
  }

  function replace(member: Member): void {
    if (!member.next) return;
    const former = member.instance;
    member.instance = member.next;
    member.next = null;
    retire(former);
  }

  /** Lets an instance finish its calls, and ends it. */
  function retire(instance: Instance): void {
    const until = clock.monotonic() + drainMs;
    const done = (async () => {
      while (!removed && (instance.upstream?.inflight ?? 0) > 0 && clock.monotonic() < until) {
        await new Promise<void>((resolve) => void clock.after(drainLookMs, resolve));
      }
      await instance.remove();
    })().finally(() => {
      leaving.delete(instance);
      if (!removed) tell();
    });
    leaving.set(instance, done);
  }

  /** Ends an instance that takes no place. */
  function end(instance: Instance): void {
    const done = instance.remove().finally(() => {
      leaving.delete(instance);
      if (!removed) tell();
    });
    leaving.set(instance, done);
  }

  function openUpstream(): Upstream | null {
    if (members.length === 1) return (members[0] as Member).instance.upstream;
    return whole.isReady() ? whole.upstream : null;
  }

  const gate = new Gate({
    server: () => goal.name,
    open: () => (isAwake ? openUpstream() : null),
    need: wake,
    failure: () => (members.some(({ instance }) => mayCome(instance)) ? null : unavailable(status())),
    now: clock.monotonic,
  });

  /** The server as one that a call starts. */
  const onDemand: Upstream = {
    get handshake() {
      return knownHandshake();
    },
    get inflight() {
      return gate.use.active;
    },
    call(method, params, callOptions) {
      const { client, caller } = callOptions;
      if (client || caller || method === 'tools/call') return gate.call(method, params, callOptions);
      // The hub's own requests start nothing; what they set holds for the next start, too.
      if (method === 'logging/setLevel') levelParams = params;
      const open = openUpstream();
      return open ? open.call(method, params, callOptions) : refused(unavailable(status()));
    },
    notify: (method, params, client) => openUpstream()?.notify(method, params, client),
    async watch(uris) {
      gate.use.isWatched = uris.length > 0;
      gate.use.touch();
      if (uris.length === 0) return (await openUpstream()?.watch(uris)) ?? [];
      return (await gate.opened()).watch(uris);
    },
    keepsSession: () => openUpstream()?.keepsSession?.() ?? false,
    faultOfTool: (tool) => openUpstream()?.faultOfTool?.(tool) ?? null,
    close: async () => undefined,
  };

  function knownHandshake(): Handshake {
    const known = openUpstream()?.handshake ?? handshake;
    if (known) return known;
    throw unavailable(status());
  }

  function wake(): void {
    if (isAwake) return;
    isAwake = true;
    gate.use.touch();
    planOf(targetOf()).forEach(settle);
    sleepLater();
  }

  function sleepLater(): void {
    if (cancelSleep || removed || !isAwake || !goal.startOnDemand) return;
    const idleMs = (goal.idleStopSeconds ?? idleStopDefaults.startOnDemand) * 1000;
    if (!isLearnt || (openUpstream()?.inflight ?? 0) > 0) gate.use.touch();
    const leftMs = idleMs - gate.use.idleMs;
    if (leftMs <= 0) {
      isAwake = false;
      planOf(targetOf()).forEach(settle);
      return;
    }
    cancelSleep = clock.after(gate.use.isFree ? leftMs : Math.min(leftMs, sleepLookMs), () => {
      cancelSleep = null;
      sleepLater();
    });
  }

  function targetOf(): Target {
    return { ...goal, isAsleep: !isAwake };
  }

  function guestsOf(): Guests {
    let made = 0;
    return createGuests(goal, {
      clock,
      make(borrower, emit, user) {
        made += 1;
        const mark = `[#${made}]`;
        const instance = createInstance(goal, {
          ...options,
          ordinal: members.length,
          startsBefore: 0,
          borrower,
          user,
          ring: { push: (stream, text) => ring.push(stream, `${mark} ${text}`) },
          emit,
        });
        void instance.want(goal);
        return instance;
      },
      retire,
      end,
      ending: () => leaving.size,
      listing: openUpstream,
      handshake: knownHandshake,
      opened: (its) => {
        handshake = its;
      },
      changed: tell,
      notification: (method, params, whose) => options.emit('notification', goal.id, method, params, whose),
      observed: (observation) => observed(observation, members.length),
      failureOf: (instance) =>
        instance.refusal ?? (mayCome(instance) ? null : unavailable({ ...instance.view, name: goal.name })),
    });
  }

  function settle(plan: Plan, ordinal: number): void {
    const { target, weight, url } = plan;
    const member =
      members[ordinal] ?? new Member(ordinal, make(ordinal, plan, 0), createCircuit(clock.monotonic, tell));
    members[ordinal] = member;
    member.weight = weight;
    member.url = url;
    member.seed = hashOf(url ?? String(ordinal));
    const mayStay = member.instance.hash === target.hash || !member.instance.upstream || !shallRun() || !isAwake;
    if (mayStay) {
      if (member.next) retire(member.next);
      member.next = null;
      void member.instance.want(target);
    } else {
      member.next ??= make(ordinal, plan, member.instance.starts);
      void member.next.want(target);
    }
  }

  function status(): ServerStatus {
    const isRunning = shallRun() && isAwake;
    return statusOf({ server: goal, version, now: clock.now(), isRunning, members, guests, leaving, inVain });
  }

  /** With those of callers and those that leave. */
  function everyInstance(): Instance[] {
    return [...all(), ...(guests?.instances ?? []), ...leaving.keys()];
  }

  function all(): Instance[] {
    return members.flatMap(({ instance, next }) => (next ? [instance, next] : [instance]));
  }

  return {
    ring,
    get upstream() {
      if (isPlain) return openUpstream();
      if (!shallRun()) return null;
      return guests && goal.isolation !== 'shared' ? guests.upstream : onDemand;
    },
    get listing() {
      return openUpstream();
    },
    get status() {
      return status();
    },
    get instances() {
      return everyInstance();
    },
    get placed() {
      return members.map(({ instance }) => instance);
    },
    get size() {
      return members.length;
    },
    want(desired) {
      const renamed = desired.name !== goal.name;
      const before = members.length;
      const isStarted = desired.running && !goal.running;
      const isOther = desired.hash !== goal.hash;
      goal = desired;
      isPlain = !desired.startOnDemand && desired.isolation === 'shared';
      // Who starts a server wants to see it run; what was changed may have other tools.
      if (isOther) isLearnt = false;
      if (!desired.startOnDemand || isStarted || isOther) isAwake = true;
      if (isStarted || isOther) gate.use.touch();
      whole.balance(desired.balancing);
      const plans = planOf(targetOf());
      for (const member of members.splice(plans.length)) {
        retire(member.instance);
        if (member.next) retire(member.next);
      }
      plans.forEach(settle);
      // What was set on the only connection is unknown to those that joined it.
      if (members.length !== before && whole.isReady()) options.emit('opened', goal.id, currentUpstream());
      if (desired.isolation !== 'shared') guests ??= guestsOf();
      guests?.want(desired);
      sleepLater();
      if (renamed || (before > 0 && members.length !== before)) tell();
    },
    async restart() {
      wake();
      gate.use.touch();
      guests?.clear();
      for (const member of members) replace(member);
      await Promise.all(members.map(({ instance }) => instance.restart()));
    },
    async remove() {
      removed = true;
      cancelSleep?.();
      gate.close(new HubError('INTERRUPTED', `The server "${goal.name}" was stopped.`, { server: goal.name }));
      guests?.close();
      await Promise.all([...all().map((instance) => instance.remove()), ...leaving.values()]);
    },
    listed(outcome) {
      isLearnt = true;
      gate.use.touch();
      for (const instance of all()) instance.listed(outcome);
    },
    release: (conversation) => guests?.release(conversation),
    renew(user) {
      if (user !== null) guests?.renew(user);
      else guests?.clear();
      for (const instance of all()) {
        // Lists are asked for with any that works: with this one perhaps, or now with this one for the first time.
        const isConcerned = instance.credentialOf === user || instance.view.state === 'needs-auth';
        if (isConcerned) void instance.restart();
      }
    },
  };

  function currentUpstream(): Upstream {
    return members.length === 1 ? ((members[0] as Member).upstream ?? whole.upstream) : whole.upstream;
  }
}

/** Whether waiting for it is of use. */
function mayCome({ view: { state, nextRetryAt } }: Instance): boolean {
  if (state === 'retrying') return nextRetryAt === null;
  return state === 'starting' || state === 'stopping' || state === 'ready' || state === 'degraded';
}

/** What it said of itself in an earlier life. */
function storedHandshake({ protocolVersion, serverInfo, capabilities }: Said): Handshake {
  return { era: eraOf(protocolVersion), protocolVersion, serverInfo: readServerInfo(serverInfo), capabilities };
}
