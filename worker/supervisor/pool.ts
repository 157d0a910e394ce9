// The instances of one server: as many as its row says, each with its own life. An edit starts the new instance before
// the old one ends. Seen from outside it is one server with one state and one upstream; which instance a call goes to is
// decided in whole.ts, when there are several.
import { HubError } from '../../lib/errors';
import type { LogLine, ServerState, ServerStatus } from '../../lib/servers/schema';
import type { Upstream } from '../upstream';
import { type Candidate, hashOf } from './balancing';
import { type Circuit, createCircuit } from './circuit';
import { createInstance, type Instance, type InstanceOptions } from './instance';
import { createLogRing, type LogRing } from './log-ring';
import type { DesiredServer, Observation, SupervisorEvents } from './types';
import { createWhole } from './whole';

/** An instance that is no longer wanted finishes the calls it has, so long at most. */
const drainMs = 30_000;
const drainLookMs = 50;

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

export type PoolEvents = Pick<SupervisorEvents, 'status' | 'opened' | 'notification' | 'observed'>;

export interface PoolOptions extends Omit<InstanceOptions, 'ordinal' | 'startsBefore' | 'ring' | 'emit' | 'logged'> {
  emit<E extends keyof PoolEvents>(event: E, ...args: Parameters<PoolEvents[E]>): void;
  /** New lines of the ring; the receiver batches them. */
  logged(line: LogLine): void;
}

export interface Pool {
  readonly ring: LogRing;
  /** For calls and for the hub's own requests; null while no instance is ready. Asked for each call. */
  readonly upstream: Upstream | null;
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
  listed(outcome: { tools: number; fault: string | null }): void;
}

/** One place in the pool: the instance in it, and the one that shall come into it. */
export class Member implements Candidate {
  next: Instance | null = null;
  credit = 0;
  weight = 1;
  seed = 0;
  url: string | null = null;

  constructor(
    readonly ordinal: number,
    public instance: Instance,
    public circuit: Circuit,
  ) {}

  get upstream(): Upstream | null {
    return this.instance.upstream;
  }

  get usable(): boolean {
    return this.instance.upstream !== null && this.circuit.admits();
  }

  get load(): number {
    return this.instance.upstream?.inflight ?? 0;
  }
}

interface Plan {
  target: DesiredServer;
  weight: number;
  /** Where it is, if the instances are in different places. */
  url: string | null;
}

function planOf(desired: DesiredServer): Plan[] {
  if (desired.type === 'stdio') {
    return Array.from({ length: desired.replicas }, () => ({ target: desired, weight: 1, url: null }));
  }
  if (desired.endpoints.length === 0) return [{ target: desired, weight: 1, url: null }];
  return desired.endpoints.map(({ url, weight }) => ({
    target: { ...desired, url, hash: `${desired.hash} ${url}` },
    weight,
    url,
  }));
}

export function createPool(first: DesiredServer, options: PoolOptions): Pool {
  const { clock } = options;
  const ring = createLogRing({ now: clock.now });
  const members: Member[] = [];
  const leaving = new Set<Promise<void>>();
  let goal = first;
  let version = clock.now();
  let removed = false;
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
        else if (event === 'observed') options.emit('observed', goal.id, args[0] as Observation, ordinal);
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
    options.emit('opened', goal.id, members.length === 1 ? upstream : whole.upstream);
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
    if (instance === member.instance || instance === member.next) tell();
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
    })().finally(() => leaving.delete(done));
    leaving.add(done);
  }

  function settle(plan: Plan, ordinal: number): void {
    const { target, weight, url } = plan;
    const member =
      members[ordinal] ?? new Member(ordinal, make(ordinal, plan, 0), createCircuit(clock.monotonic, tell));
    members[ordinal] = member;
    member.weight = weight;
    member.url = url;
    member.seed = hashOf(url ?? String(ordinal));
    const mayStay = member.instance.hash === target.hash || !member.instance.upstream || !shallRun();
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
    const views = members.map(({ instance }) => instance.view);
    const best = views.toSorted((one, other) => rank.indexOf(one.state) - rank.indexOf(other.state))[0];
    const missing = views[0]?.unenforced ?? [];
    const exits = members.flatMap(({ instance }) => instance.lastExit ?? []);
    return {
      id: goal.id,
      name: goal.name,
      state: best?.state ?? 'stopped',
      reason: best?.reason ?? null,
      message: best?.message ?? null,
      version,
      since: best?.since ?? new Date(clock.now()).toISOString(),
      attempt: best?.attempt ?? 0,
      nextRetryAt: best?.nextRetryAt ?? null,
      ready: members.filter(({ upstream }) => upstream !== null).length,
      total: shallRun() ? members.length : 0,
      tools: Math.max(0, ...views.map(({ tools }) => tools)),
      instances: members.flatMap((member) => shownOf(member)),
      ...(missing.length > 0 && { unenforced: missing }),
      lastExit: exits.toSorted((one, other) => (one.at < other.at ? 1 : -1))[0] ?? null,
    };
  }

  function shownOf({ instance, next, url, circuit }: Member): ServerStatus['instances'] {
    const several = members.length > 1;
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

  function all(): Instance[] {
    return members.flatMap(({ instance, next }) => (next ? [instance, next] : [instance]));
  }

  return {
    ring,
    get upstream() {
      if (members.length === 1) return (members[0] as Member).instance.upstream;
      return whole.isReady() ? whole.upstream : null;
    },
    get status() {
      return status();
    },
    get instances() {
      return all();
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
      goal = desired;
      whole.balance(desired.balancing);
      const plans = planOf(desired);
      for (const member of members.splice(plans.length)) {
        retire(member.instance);
        if (member.next) retire(member.next);
      }
      plans.forEach(settle);
      // What was set on the only connection is unknown to those that joined it.
      if (members.length !== before && whole.isReady()) options.emit('opened', goal.id, currentUpstream());
      if (renamed || (before > 0 && members.length !== before)) tell();
    },
    async restart() {
      for (const member of members) replace(member);
      await Promise.all(members.map(({ instance }) => instance.restart()));
    },
    async remove() {
      removed = true;
      await Promise.all([...all().map((instance) => instance.remove()), ...leaving]);
    },
    listed(outcome) {
      for (const instance of all()) instance.listed(outcome);
    },
  };

  function currentUpstream(): Upstream {
    return members.length === 1 ? ((members[0] as Member).upstream ?? whole.upstream) : whole.upstream;
  }
}

/** What a caller gets for a server without an open upstream. */
export function unavailable(status: ServerStatus | undefined): HubError {
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
