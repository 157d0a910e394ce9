// Which of the calls at once that a limit allows this worker may run. A call that finds a place here costs no more than a
// look at memory; for others the workers deal their places anew, and the call waits for that. A worker that is killed
// loses its places, as does one of another hub that is silent for too long.
import { messageOf } from '../errors';
import type { Bus } from '../events/bus';
import type { Log } from '../log';
import type { Ask, Beat, PlaceStore, Share } from './place-store';
import type { LimitSubject } from './schema';

/** A limit of calls at once, as this worker has it. */
export interface Shared {
  readonly subject: LimitSubject;
  readonly id: string;
  readonly limit: { concurrent: number | null };
  /** Calls under way here. */
  inflight: number;
  /** Calls that may be under way here. */
  share: number;
  /** What this worker was dealt: `share` is less while some of it is on its way back. */
  held: number;
  /** Whether another worker has too few. */
  isWanted: boolean;
  /** So many places are not given to others. */
  keeps: number;
  waiters: Set<Waiter>;
  /** Times that nobody was seen to use it. */
  idleBeats: number;
}

/** A call that waits for a place. */
export class Waiter {
  /** Known once the places have been dealt with this call in mind. */
  deadlineMs = Number.POSITIVE_INFINITY;
  resume: ((isInTime: boolean) => void) | null = null;
}

/** The workers of one hub: who starts them knows which of them live. */
export interface Mates {
  living(): readonly string[];
  dead(): readonly string[];
  onChange(listener: () => void): () => void;
}

export interface Places {
  start(): Promise<void>;
  /** Whether what was dealt still holds: others may have taken this worker for dead. */
  isCurrent(): boolean;
  /** Resolves when there may be a place, or with false when there has been none for too long. */
  wait(thing: Shared, waiter: Waiter): Promise<boolean>;
  /** Nobody waits with this any more: its promise resolves with false, and others may have what was asked for it. */
  giveUp(thing: Shared, waiter: Waiter): void;
  /** A call is over for which somebody waits, here or elsewhere. */
  left(thing: Shared): void;
  /** Another number holds from now on. */
  changed(thing: Shared): void;
  /** Gives everything back. Idempotent. */
  close(): Promise<void>;
}

export interface PlacesParts {
  store: PlaceStore;
  /** Names this life of this worker, among all hubs on the database. */
  worker: string;
  mates: Mates | null;
  bus: Bus;
  find(subject: LimitSubject, id: string): Shared | undefined;
  log?: Log | undefined;
  beatMs?: number | undefined;
  patienceMs?: number | undefined;
}

/** How long a call waits for a place that others may give back. */
const defaultPatienceMs = 1_000;
/** So often those who wait ask again, should nobody tell them. */
const askAgainMs = 100;
const defaultBeatMs = 2_000;
/** A worker of another hub that was silent for so many beats is dead. */
const silentBeats = 5;
/** What nobody used for so many beats is given back: a minute. */
const idleBeatsMax = 30;
const batchMax = 500;

export function createPlaces({ store, worker, mates, bus, find, log, ...times }: PlacesParts): Places {
  const { beatMs = defaultBeatMs, patienceMs = defaultPatienceMs } = times;
  const silentMs = silentBeats * beatMs;
  /** What has places or waiters here. */
  const open = new Set<Shared>();
  const due = new Set<Shared>();
  const heard = new Map<string, { beat: number; times: number; atMs: number }>();
  let dealing: Promise<void> | null = null;
  let beating: Promise<void> | null = null;
  let beats: NodeJS.Timeout | undefined;
  let looks: NodeJS.Timeout | undefined;
  let hasOthers = true;
  let hasStrangers = false;
  let currentUntilMs = Number.POSITIVE_INFINITY;
  let isAway = false;
  let closed = false;

  function soon(thing: Shared): void {
    if (closed) return;
    due.add(thing);
    open.add(thing);
    beats ??= setInterval(beatNow, beatMs).unref();
    dealing ??= dealAll();
  }

  async function dealAll(): Promise<void> {
    // What comes up in the same turn goes along.
    await null;
    while (due.size > 0 && !closed) await deal([...due].slice(0, batchMax));
    dealing = null;
  }

  async function deal(things: Shared[]): Promise<void> {
    const asks = things.map(askOf);
    for (const thing of things) {
      due.delete(thing);
      // Until the answer nobody gets in beyond what is said to be used.
      thing.share = Math.min(thing.share, thing.inflight);
    }
    const startedMs = performance.now();
    try {
      const { shares, isNew } = await store.deal(worker, asks);
      if (isNew) for (const thing of open) if (!things.includes(thing)) lose(thing);
      came(startedMs);
      things.forEach((thing, at) => {
        take(thing, asks[at] as Ask, shares[at] as Share);
      });
    } catch (error) {
      went(error);
    }
    const deadlineMs = performance.now() + patienceMs;
    for (const thing of things) {
      for (const waiter of thing.waiters) waiter.deadlineMs = Math.min(waiter.deadlineMs, deadlineMs);
      wake(thing);
    }
  }

  /** Others have too few: gives them what is not in use, now and when calls end. */
  function give(subject: LimitSubject, id: string): void {
    const thing = find(subject, id);
    if (!thing || thing.held === 0) return;
    if (!thing.isWanted) thing.keeps = 0;
    thing.isWanted = true;
    if (thing.share > thing.inflight) soon(thing);
  }

  function take(thing: Shared, { need }: Ask, { places, isWanted, keeps, subject, subjectId }: Share): void {
    const had = thing.held;
    thing.held = places;
    thing.isWanted = isWanted;
    thing.keeps = keeps;
    // What became free meanwhile goes to the others, too.
    const isOwed = isWanted && places <= had && places > Math.max(keeps, thing.inflight);
    thing.share = isOwed ? Math.max(keeps, thing.inflight) : places;
    if (isOwed) due.add(thing);
    if (places === 0 && thing.waiters.size === 0 && thing.inflight === 0) open.delete(thing);
    if (need > places) void bus.emit('limits.short', { worker, subject, subjectId });
    if (isWanted && places < had) void bus.emit('limits.freed', { worker, subject, subjectId });
  }

  /** The database answered a question of that time. */
  function came(startedMs: number): void {
    currentUntilMs = hasStrangers ? startedMs + silentMs : Number.POSITIVE_INFINITY;
    if (isAway) for (const thing of open) due.add(thing);
    isAway = false;
  }

  function went(error: unknown): void {
    isAway = true;
    // Nobody can have been heard of, which says nothing.
    heard.clear();
    log?.debug({ err: messageOf(error) }, 'places of calls at once cannot be dealt');
  }

  function beatNow(): void {
    beating ??= beat().finally(() => {
      beating = null;
    });
  }

  async function beat(): Promise<void> {
    const startedMs = performance.now();
    try {
      const seen = await store.beat(worker);
      if (!seen.isKnown) for (const thing of open) if (thing.held > 0) lose(thing);
      const gone = lookAround(seen);
      came(startedMs);
      if (gone.length > 0) await store.remove(gone);
      for (const { subject, subjectId } of seen.wanted) give(subject, subjectId);
      for (const thing of open) if (isIdle(thing)) soon(thing);
      if (due.size > 0 && !closed) dealing ??= dealAll();
    } catch (error) {
      went(error);
    }
    if (open.size > 0) return;
    clearInterval(beats);
    beats = undefined;
    heard.clear();
  }

  /** @returns the workers that are dead */
  function lookAround({ holders }: Beat): { worker: string; beat?: number }[] {
    const nowMs = performance.now();
    const living = mates?.living() ?? [];
    const dead = mates?.dead() ?? [];
    const strangers = holders.filter((each) => each.worker !== worker && !living.includes(each.worker));
    hasOthers = living.length > 1 || strangers.length > 0;
    hasStrangers = strangers.some((each) => !dead.includes(each.worker));
    for (const known of heard.keys()) if (!strangers.some((each) => each.worker === known)) heard.delete(known);
    return strangers.filter((each) => {
      if (dead.includes(each.worker)) return true;
      const before = heard.get(each.worker);
      if (before?.beat !== each.beat) heard.set(each.worker, { beat: each.beat, times: 0, atMs: nowMs });
      else before.times++;
      return before?.beat === each.beat && before.times >= silentBeats && nowMs - before.atMs >= silentMs;
    });
  }

  /** Others hold what was dealt to this worker; calls under way still run, and are counted anew. */
  function lose(thing: Shared): void {
    thing.share = 0;
    thing.held = 0;
    soon(thing);
  }

  function isIdle(thing: Shared): boolean {
    if (thing.inflight > 0 || thing.waiters.size > 0) thing.idleBeats = 0;
    else thing.idleBeats++;
    return thing.idleBeats > idleBeatsMax;
  }

  function askOf({ subject, id, limit, inflight, waiters, idleBeats }: Shared): Ask {
    const need = inflight + waiters.size;
    const most = need === 0 && idleBeats > idleBeatsMax ? 0 : (limit.concurrent ?? 0);
    return { subject, subjectId: id, most, used: inflight, need: Math.min(need, Math.max(most, inflight)) };
  }

  function wake({ waiters }: Shared): void {
    for (const waiter of waiters) waiter.resume?.(true);
    waiters.clear();
  }

  /** For those who wait: sends away who has waited enough, and asks again for the others. */
  function look(): void {
    const nowMs = performance.now();
    let isNeeded = false;
    for (const thing of open) {
      for (const waiter of thing.waiters) {
        if (waiter.deadlineMs > nowMs) continue;
        thing.waiters.delete(waiter);
        waiter.resume?.(false);
        soon(thing);
      }
      if (thing.waiters.size === 0) continue;
      isNeeded = true;
      soon(thing);
    }
    if (isNeeded) return;
    clearInterval(looks);
    looks = undefined;
  }

  function gone(): void {
    const dead = mates?.dead() ?? [];
    if (dead.length === 0 || closed) return;
    store.remove(dead.map((each) => ({ worker: each }))).then(() => {
      for (const thing of open) if (thing.waiters.size > 0) soon(thing);
    }, went);
  }

  const unsubscribe = [
    bus.on('limits.short', (short) => {
      if (short.worker !== worker) give(short.subject, short.subjectId);
    }),
    bus.on('limits.freed', (freed) => {
      const thing = freed.worker === worker ? undefined : find(freed.subject, freed.subjectId);
      if (thing && thing.waiters.size > 0) soon(thing);
    }),
    mates?.onChange(gone),
  ];

  return {
    start: async () => void lookAround(await store.beat(worker)),
    isCurrent: () => currentUntilMs === Number.POSITIVE_INFINITY || performance.now() < currentUntilMs,
    wait(thing, waiter) {
      if (closed) return Promise.resolve(false);
      if (isAway && !hasOthers) {
        // The only worker needs nobody's leave.
        thing.share = thing.limit.concurrent ?? 0;
        thing.held = thing.share;
        open.add(thing);
        beats ??= setInterval(beatNow, beatMs).unref();
        return Promise.resolve(thing.inflight < thing.share);
      }
      const resumed = new Promise<boolean>((resolve) => {
        waiter.resume = resolve;
      });
      thing.waiters.add(waiter);
      // Not in step with other workers: the same one would always be first.
      looks ??= setInterval(look, askAgainMs * (0.7 + 0.6 * Math.random())).unref();
      // Who has asked before waits for news, or for the next look.
      if (waiter.deadlineMs === Number.POSITIVE_INFINITY) soon(thing);
      return resumed;
    },
    giveUp(thing, waiter) {
      if (!thing.waiters.delete(waiter)) return;
      waiter.resume?.(false);
      soon(thing);
    },
    left(thing) {
      if (!thing.isWanted || thing.share <= thing.keeps) return wake(thing);
      // It goes to the other, not to the next call here.
      thing.share = Math.max(thing.keeps, thing.inflight);
      soon(thing);
    },
    changed(thing) {
      if (thing.held > 0) soon(thing);
    },
    async close() {
      if (closed) return;
      closed = true;
      for (const off of unsubscribe) off?.();
      clearInterval(beats);
      clearInterval(looks);
      for (const thing of open) {
        for (const waiter of thing.waiters) waiter.resume?.(false);
      }
      await Promise.all([dealing, beating]);
      await store.remove([{ worker }]).catch(went);
    },
  };
}
