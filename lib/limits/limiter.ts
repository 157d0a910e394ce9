// Lets calls through or refuses them, by what this process knows: a call is answered from memory, without a promise, unless
// it needs a place that this worker has not (places.ts). Once a second at most, the calls since then are added to the store,
// and the sums of all workers come back.
import { HubError, messageOf } from '../errors';
import type { Bus } from '../events/bus';
import type { Log } from '../log';
import { createPlaces, type Places, type PlacesParts, type Shared, Waiter } from './places';
import { eachOfKind, type LimitSubject, limitSubjects } from './schema';
import { keyOf, type Usage, type UsageStore } from './usage';
import { dayMs, dayOf, minuteMs, minuteOf, Window } from './window';

/** Null does not limit. */
interface Numbers {
  perMinute: number | null;
  concurrent: number | null;
  perDay: number | null;
}

export type Refusal = 'rate' | 'concurrency' | 'quota';

export interface Limiter {
  /** Reads limits and what was used of them. @throws what the database throws */
  start(): Promise<void>;
  /**
   * Counts a call about to be made. Null where nothing limits it. Where it has to wait to be let through, `entering` is set.
   * @param keyId null for callers without a key
   * @throws HubError LIMIT_EXCEEDED, also by `entering`; a refused call counts nowhere
   */
  admit(
    keyId: string | null,
    userId: string | null,
    server: { id: string; name: string },
    tool: string,
  ): Admission | null;
  /** Writes what is still to be written and stops. Idempotent. */
  close(): Promise<void>;
}

export interface LimiterParts {
  store: UsageStore;
  load(): Promise<(Numbers & { subject: LimitSubject; subjectId: string })[]>;
  bus: Bus;
  /** How calls at once are shared with other workers; absent: there are none. */
  shared?: Pick<PlacesParts, 'store' | 'worker' | 'mates' | 'beatMs' | 'patienceMs'> | undefined;
  log?: Log;
  /** Told of each refusal, for the metric. */
  onRefused?(subject: LimitSubject, reason: Refusal): void;
  /** Wall clock in ms: windows begin at the same time everywhere. */
  now?: () => number;
}

/** How long the sums of other workers may be behind. */
const shareEveryMs = 1000;
/** Limits are read again so often, should an event be lost. */
const reloadEveryMs = 30_000;
const pruneEveryMs = 60_000;
/** What could not be written; beyond it the oldest is forgotten. */
const unsentMax = 20_000;
/** Nobody knows when a running call ends. */
const retryConcurrentMs = 1000;

const unlimited: Numbers = { perMinute: null, concurrent: null, perDay: null };

/** A key, user, server or tool that has limits. */
class Limited implements Shared {
  readonly minute = new Window(minuteMs);
  readonly day = new Window(dayMs);
  inflight = 0;
  isDirty = false;
  share: number;
  held = 0;
  isWanted = false;
  keeps = 0;
  readonly waiters = new Set<Waiter>();
  idleBeats = 0;

  constructor(
    readonly subject: LimitSubject,
    readonly id: string,
    public limit: Numbers,
    readonly places: Places | null,
  ) {
    this.share = places ? 0 : Number.POSITIVE_INFINITY;
  }
}

type Things = readonly (Limited | null)[];

/** A call that was let through, or will be. */
export class Admission {
  /** Resolves when the call is let through; null: it is. */
  entering: Promise<void> | null = null;
  /** Nobody wants it any more. */
  isOver = false;
  #things: Things | null;
  #lacking: Limited | null = null;
  #waiter: Waiter | null = null;

  constructor(things: Things | null) {
    this.#things = things;
  }

  /** It waits in this row, until it is let in or over. */
  waits(lacking: Limited, waiter: Waiter): void {
    this.#lacking = lacking;
    this.#waiter = waiter;
  }

  /** It waited for this. */
  enter(things: Things): void {
    this.#things = things;
  }

  /** The call is over, or given up. Idempotent. */
  release(): void {
    this.isOver = true;
    if (this.#things) for (const thing of this.#things) if (thing) leave(thing);
    if (!this.#things && this.#lacking && this.#waiter) this.#lacking.places?.giveUp(this.#lacking, this.#waiter);
    this.#things = null;
    this.#lacking = null;
  }
}

function leave(thing: Limited): void {
  thing.inflight--;
  if (thing.isWanted || thing.waiters.size > 0) thing.places?.left(thing);
}

/** All limits of keys, users, servers or tools. */
class Kind {
  readonly things = new Map<string, Limited>();
  #limits = new Map<string, Numbers>();
  #each: Numbers | null = null;

  constructor(
    readonly subject: LimitSubject,
    readonly places: Places | null,
  ) {}

  get isEmpty(): boolean {
    return this.#each === null && this.#limits.size === 0;
  }

  set(limits: Map<string, Numbers>): void {
    this.#each = limits.get(eachOfKind) ?? null;
    limits.delete(eachOfKind);
    this.#limits = limits;
    for (const thing of this.things.values()) {
      const before = thing.limit.concurrent;
      thing.limit = limits.get(thing.id) ?? this.#each ?? unlimited;
      if (thing.limit.concurrent !== before) this.places?.changed(thing);
    }
  }

  of(id: string): Limited | null {
    const known = this.things.get(id);
    if (known) return known;
    const limit = this.#limits.get(id) ?? this.#each;
    if (!limit) return null;
    const thing = new Limited(this.subject, id, limit, this.places);
    this.things.set(id, thing);
    return thing;
  }
}

export function createLimiter({ store, load, bus, shared, log, onRefused, now = Date.now }: LimiterParts): Limiter {
  const places: Places | null = shared
    ? createPlaces({ ...shared, bus, log, find: (subject, id) => kinds[subject].of(id) ?? undefined })
    : null;
  const kinds: Record<LimitSubject, Kind> = {
    key: new Kind('key', places),
    user: new Kind('user', places),
    server: new Kind('server', places),
    tool: new Kind('tool', places),
  };
  const dirty = new Set<Limited>();
  let isEmpty = true;
  /** Of windows that are over, and of writes that failed. */
  let unsent = new Map<string, Usage>();
  let timer: NodeJS.Timeout | undefined;
  let reloadTimer: NodeJS.Timeout | undefined;
  let sharing: Promise<void> | null = null;
  let sharedAtMs = Number.NEGATIVE_INFINITY;
  let prunedAtMs = Number.NEGATIVE_INFINITY;
  let generation = 0;
  let closed = false;

  function keep(usage: Usage): void {
    const key = keyOf(usage);
    const known = unsent.get(key);
    if (known) known.calls += usage.calls;
    else unsent.set(key, usage);
    if (unsent.size > unsentMax) for (const oldest of unsent.keys()) return void unsent.delete(oldest);
  }

  /** Begins a new window when its time has come; what the old one still owes to the others is kept for them. */
  function roll(thing: Limited, window: Window, nowMs: number): void {
    const index = Math.floor(nowMs / window.lengthMs);
    if (index === window.index) return;
    if (window.unsent > 0) keep(usageOf(thing, window));
    window.previous = index === window.index + 1 ? window.count : 0;
    window.index = index;
    window.count = 0;
    window.unsent = 0;
  }

  /** @returns whether there is a place for the call here. @throws HubError LIMIT_EXCEEDED */
  function check(thing: Limited, nowMs: number, server: string): boolean {
    const { limit, minute, day } = thing;
    if (limit.concurrent !== null && thing.inflight >= limit.concurrent) throw full(thing, server);
    if (limit.perMinute !== null) {
      roll(thing, minute, nowMs);
      const waitMs = minute.waitSliding(limit.perMinute, nowMs);
      if (waitMs > 0) throw refusal(thing, 'rate', limit.perMinute, waitMs, server);
    }
    if (limit.perDay !== null) {
      roll(thing, day, nowMs);
      const waitMs = day.waitFixed(limit.perDay, nowMs);
      if (waitMs > 0) throw refusal(thing, 'quota', limit.perDay, waitMs, server);
    }
    return limit.concurrent === null || (thing.inflight < thing.share && (places === null || places.isCurrent()));
  }

  /** Counts the call in all of them, or in none. @returns the first that has no place for it here, if any. @throws HubError LIMIT_EXCEEDED */
  function enter(
    key: Limited | null,
    user: Limited | null,
    whole: Limited | null,
    one: Limited | null,
    server: string,
  ) {
    const nowMs = now();
    if (key && !check(key, nowMs, server)) return key;
    if (user && !check(user, nowMs, server)) return user;
    if (whole && !check(whole, nowMs, server)) return whole;
    if (one && !check(one, nowMs, server)) return one;
    if (key) count(key);
    if (user) count(user);
    if (whole) count(whole);
    if (one) count(one);
    return null;
  }

  async function enterLater(admission: Admission, things: Things, short: Limited, server: string): Promise<void> {
    const [key = null, user = null, whole = null, one = null] = things;
    let waiter = new Waiter();
    let lacking: Limited | null = short;
    while (lacking) {
      const { concurrent } = lacking.limit;
      const hasRoom = concurrent === null || lacking.inflight + lacking.waiters.size < concurrent;
      admission.waits(lacking, waiter);
      // Whoever is woken must get in at once: the next deal takes what is not in use.
      const isInTime = hasRoom && (await lacking.places?.wait(lacking, waiter));
      // What is given up counts nowhere.
      if (admission.isOver) return;
      if (!isInTime) throw full(lacking, server);
      const next: Limited | null = enter(key, user, whole, one, server);
      // Of another limit nothing has been asked for yet.
      if (next !== lacking) waiter = new Waiter();
      lacking = next;
    }
    admission.enter(things);
  }

  function count(thing: Limited): void {
    const { limit } = thing;
    thing.inflight++;
    thing.idleBeats = 0;
    if (limit.perMinute !== null) thing.minute.add();
    if (limit.perDay !== null) thing.day.add();
    if (thing.isDirty || (limit.perMinute === null && limit.perDay === null)) return;
    thing.isDirty = true;
    dirty.add(thing);
    shareSoon();
  }

  function shareSoon(): void {
    if (timer || closed) return;
    // What was idle is shared at once: others may have used it up meanwhile.
    timer = setTimeout(share, Math.max(0, sharedAtMs + shareEveryMs - performance.now()));
    timer.unref();
  }

  function full(thing: Limited, server: string): HubError {
    return refusal(thing, 'concurrency', thing.limit.concurrent ?? 0, retryConcurrentMs, server);
  }

  function refusal(thing: Limited, reason: Refusal, most: number, retryAfterMs: number, server: string): HubError {
    onRefused?.(thing.subject, reason);
    return new HubError('LIMIT_EXCEEDED', textOf(thing.subject, reason, most, server), {
      server,
      reason,
      retryable: true,
      retryAfterMs,
    });
  }

  function share(): Promise<void> {
    timer = undefined;
    sharing ??= send().finally(() => {
      sharing = null;
      // Of calls that came while it was written nobody else thinks: they are marked already.
      if (dirty.size + unsent.size > 0) shareSoon();
    });
    return sharing;
  }

  async function send(): Promise<void> {
    for (const thing of dirty) {
      thing.isDirty = false;
      for (const window of [thing.minute, thing.day]) {
        if (window.unsent > 0) keep(usageOf(thing, window));
        window.unsent = 0;
      }
    }
    dirty.clear();
    const batch = unsent;
    unsent = new Map();
    try {
      if (batch.size > 0) for (const sum of await store.add([...batch.values()])) take(sum);
      if (now() - prunedAtMs >= pruneEveryMs) {
        prunedAtMs = now();
        prune();
        await store.removeOld(now());
      }
    } catch (error) {
      // Each worker goes on by its own count.
      for (const usage of batch.values()) keep(usage);
      log?.debug({ err: messageOf(error) }, 'the use of limits is not shared');
    }
    sharedAtMs = performance.now();
  }

  /** The sum of all workers. */
  function take({ subject, subjectId, day, calls }: Usage): void {
    const kind = kinds[subject];
    const thing = kind?.of(subjectId);
    if (!thing) return;
    const isDay = day.length === dayOf(0).length;
    const window = isDay ? thing.day : thing.minute;
    const index = Date.parse(isDay ? day : `${day}:00Z`) / window.lengthMs;
    if (index > window.index) roll(thing, window, index * window.lengthMs);
    if (index === window.index) window.count = Number(calls) + window.unsent;
    else if (index === window.index - 1) window.previous = Number(calls);
  }

  function prune(): void {
    const today = Math.floor(now() / dayMs);
    const minute = Math.floor(now() / minuteMs);
    for (const kind of Object.values(kinds)) {
      for (const thing of kind.things.values()) {
        const isOver = thing.minute.index < minute - 1 && thing.day.index < today;
        const isHeld = thing.inflight > 0 || thing.waiters.size > 0 || thing.held > 0;
        if (isOver && !isHeld && !thing.isDirty) kind.things.delete(thing.id);
      }
    }
  }

  async function reload(): Promise<void> {
    const own = ++generation;
    const rows = await load();
    // A later one has read later rows.
    if (own !== generation) return;
    for (const subject of limitSubjects) {
      kinds[subject].set(new Map(rows.flatMap((row) => (row.subject === subject ? [[row.subjectId, row]] : []))));
    }
    isEmpty = limitSubjects.every((subject) => kinds[subject].isEmpty);
  }

  function reloadSoon(): Promise<void> {
    return reload().catch((err: unknown) => log?.warn({ err }, 'the limits of calls could not be read'));
  }

  const unsubscribe = bus.on('limits.changed', reloadSoon);

  return {
    async start() {
      await reload();
      await places?.start();
      for (const usage of await store.load(now())) take(usage);
      reloadTimer = setInterval(reloadSoon, reloadEveryMs);
      reloadTimer.unref();
    },
    admit(keyId, userId, server, tool) {
      if (isEmpty) return null;
      const key = keyId === null || kinds.key.isEmpty ? null : kinds.key.of(keyId);
      const user = userId === null || kinds.user.isEmpty ? null : kinds.user.of(userId);
      const whole = kinds.server.isEmpty ? null : kinds.server.of(server.id);
      const one = kinds.tool.isEmpty ? null : kinds.tool.of(`${server.id}/${tool}`);
      if (!key && !user && !whole && !one) return null;
      const things = [key, user, whole, one];
      const short = enter(key, user, whole, one, server.name);
      if (!short) return new Admission(things);
      const admission = new Admission(null);
      admission.entering = enterLater(admission, things, short, server.name);
      return admission;
    },
    async close() {
      closed = true;
      unsubscribe();
      clearTimeout(timer);
      clearInterval(reloadTimer);
      await places?.close();
      await sharing;
      if (dirty.size > 0 || unsent.size > 0) await share();
    },
  };
}

function usageOf({ subject, id }: Limited, { index, lengthMs, unsent }: Window): Usage {
  const day = lengthMs === dayMs ? dayOf(index * lengthMs) : minuteOf(index * lengthMs);
  return { subject, subjectId: id, day, calls: unsent };
}

function textOf(subject: LimitSubject, reason: Refusal, most: number, server: string): string {
  const calls = `${most} ${most === 1 ? 'call' : 'calls'}`;
  const much = { rate: `${calls} in a minute`, concurrency: `${calls} at once`, quota: `${calls} in a day (UTC)` }[
    reason
  ];
  if (subject === 'key') return `This key may make no more than ${much}.`;
  if (subject === 'user') return `Its owner may make no more than ${much}, with all keys together.`;
  const what = subject === 'server' ? `The server "${server}"` : `This tool of "${server}"`;
  return `${what} takes no more than ${much}, of all callers together.`;
}
