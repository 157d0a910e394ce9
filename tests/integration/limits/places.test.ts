import { sql } from 'drizzle-orm';
import { afterAll, afterEach, beforeEach, expect, it } from 'vitest';
import { callLimits, limitHolders, limitPlaces } from '../../../drizzle/schema';
import type { Db } from '../../../lib/db/types';
import { createBus } from '../../../lib/events/bus';
import { type Admission, createLimiter, createPlaceStore, type Limiter, loadLimits } from '../../../lib/limits';
import type { PlaceStore } from '../../../lib/limits/place-store';
import type { UsageStore } from '../../../lib/limits/usage';
import { eachDatabase, openTestDatabase, type TestDatabase } from '../../support/database';
import { until } from '../../support/until';

const usage: UsageStore = { load: async () => [], add: async () => [], removeOld: async () => undefined };
const server = { id: 's1', name: 'demo' };

eachDatabase('calls at once over several workers', (kind) => {
  let database: TestDatabase;
  let db: Db;
  let workers: { limiter: Limiter }[];
  /** Names of workers of one hub. */
  let living: string[];
  let dead: string[];
  const changes = new Set<() => void>();
  const buses = new Set<ReturnType<typeof createBus>>();
  let running: number;
  let most: number;

  beforeEach(async () => {
    database ??= await openTestDatabase(kind);
    db = database.db;
    // It waits for what a worker that is dead had begun to write.
    await db.execute(sql`truncate limit_holders, limit_places, call_limits`);
    [workers, living, dead, running, most] = [[], [], [], 0, 0];
  });
  afterAll(() => database?.close());
  afterEach(async () => {
    await Promise.all(workers.map(({ limiter }) => limiter.close()));
    buses.clear();
    changes.clear();
  });

  async function startWorker(worker: string, isMate = true, beatMs = 100) {
    let isAway = false;
    let held: (() => Promise<void>) | null = null;
    const real = createPlaceStore(db);
    const store: PlaceStore = {
      ...real,
      deal: async (...all) => {
        await held?.();
        return isAway ? Promise.reject(new Error('away')) : real.deal(...all);
      },
      beat: async (name) => (isAway ? Promise.reject(new Error('away')) : real.beat(name)),
    };
    const bus = createBus((error) => {
      throw error;
    });
    buses.add(bus);
    const others = () => [...buses].filter((each) => each !== bus);
    const send = async (event: Parameters<typeof bus.deliver>[0]) =>
      void (await Promise.all(others().map((each) => each.deliver(event))));
    bus.addTransport({ send, close: async () => {} });
    const mates = {
      living: () => living,
      dead: () => dead,
      onChange(listener: () => void) {
        changes.add(listener);
        return () => void changes.delete(listener);
      },
    };
    if (isMate) living.push(worker);
    const shared = { store, worker, mates: isMate ? mates : null, beatMs, patienceMs: 400 };
    const limiter = createLimiter({ store: usage, load: () => loadLimits(db), bus, shared });
    await limiter.start();
    const started = {
      limiter,
      bus,
      /** A call that runs when this resolves. @throws HubError LIMIT_EXCEEDED */
      async begin(key = 'k'): Promise<Admission> {
        const admission = limiter.admit(key, 'u', server, 't');
        await admission?.entering;
        if (!admission) throw new Error('nothing limits it');
        most = Math.max(most, ++running);
        return admission;
      },
      end(admission: Admission): void {
        running--;
        admission.release();
      },
      away: (now: boolean) => {
        isAway = now;
      },
      /** What comes before its deals reach the database. */
      hold: (before: typeof held) => {
        held = before;
      },
    };
    workers.push(started);
    return started;
  }

  const limitTo = async (concurrent: number) => {
    await db
      .insert(callLimits)
      .values({ subject: 'key', subjectId: 'k', concurrent })
      .onConflictDoUpdate({
        target: [callLimits.subject, callLimits.subjectId],
        set: { concurrent },
      });
    for (const bus of buses) await bus.deliver({ name: 'limits.changed', payload: {} });
  };
  const isRefused = (call: Promise<Admission>) =>
    call.then(
      () => false,
      (error) => error.code === 'LIMIT_EXCEEDED' && error.extras.reason === 'concurrency',
    );

  it('are never more than the limit, whichever worker they come to, and all callers get their turn', async () => {
    await limitTo(4);
    const three = [await startWorker('a'), await startWorker('b'), await startWorker('c')];
    const done = three.map(() => 0);
    const clients = three.flatMap((worker, at) =>
      Array.from({ length: 3 }, async (_, client) => {
        while (Math.min(...done) < 6) {
          try {
            const call = await worker.begin();
            await new Promise((resolve) => setTimeout(resolve, 3 + ((client * 7) % 20)));
            worker.end(call);
            done[at] = (done[at] ?? 0) + 1;
          } catch (error) {
            expect(error).toMatchObject({ code: 'LIMIT_EXCEEDED' });
            await new Promise((resolve) => setTimeout(resolve, 5));
          }
        }
      }),
    );
    await Promise.all(clients);
    expect(most).toBe(4);
    expect(running).toBe(0);
  });

  it('are all there for one worker whose fellows need none, and go to a fellow who needs some', async () => {
    await limitTo(4);
    // Nobody is told by a beat.
    const [one, two] = [await startWorker('a', true, 60_000), await startWorker('b', true, 60_000)];
    for (const worker of [one, two]) {
      const calls = await Promise.all([worker.begin(), worker.begin(), worker.begin(), worker.begin()]);
      for (const each of [one, two]) expect(await isRefused(each.begin())).toBe(true);
      for (const call of calls) worker.end(call);
    }
    const calls = [await one.begin(), await one.begin(), await two.begin(), await two.begin()];
    expect(await Promise.all([isRefused(one.begin()), isRefused(two.begin())])).toEqual([true, true]);
    for (const [at, call] of calls.entries()) [one, one, two, two][at]?.end(call);
    expect(most).toBe(4);
  });

  it('go from hand to hand where there is one place for two workers', async () => {
    await limitTo(1);
    const [one, two] = [await startWorker('a'), await startWorker('b')];
    const done = [0, 0];
    const loop = async (at: number) => {
      while (Math.min(...done) < 5) {
        const worker = at === 0 ? one : two;
        const call = await worker.begin().catch(() => null);
        if (!call) {
          await new Promise((resolve) => setImmediate(resolve));
          continue;
        }
        await new Promise((resolve) => setTimeout(resolve, 5));
        worker.end(call);
        done[at] = (done[at] ?? 0) + 1;
      }
    };
    await Promise.all([loop(0), loop(1)]);
    expect(most).toBe(1);
  });

  it('of a worker that is killed are there for the others at once', async () => {
    await limitTo(2);
    const [one, two] = [await startWorker('a', true, 60_000), await startWorker('b', true, 60_000)];
    await Promise.all([one.begin(), one.begin()]);
    expect(await isRefused(two.begin())).toBe(true);
    const waits = two.begin();
    [living, dead] = [['b'], ['a']];
    for (const changed of changes) changed();
    two.end(await waits);
    running = 0;
  });

  it('of a hub that has gone are there for another after some seconds, and it takes none of a living one', async () => {
    await limitTo(2);
    const [gone, lives] = [await startWorker('x', false), await startWorker('y', false)];
    const third = await startWorker('z', false);
    await gone.begin();
    await lives.begin();
    expect(await isRefused(third.begin())).toBe(true);
    gone.away(true);
    let got: Admission | null = null;
    await until(async () => {
      got = await third.begin().catch(() => null);
      return got !== null;
    }, 10_000);
    expect(await isRefused(third.begin())).toBe(true);
    expect(await isRefused(lives.begin())).toBe(true);
    // Who was taken for dead lets nothing in by what it had.
    expect(await isRefused(gone.begin())).toBe(true);
    const holders = await db.select().from(limitHolders);
    expect(holders.map(({ worker }) => worker).sort()).toEqual(['y', 'z']);
  });

  it('are let through by the only worker while the database is away, and by one of several no more than it has', async () => {
    await limitTo(3);
    const only = await startWorker('a');
    const first = await only.begin();
    only.away(true);
    const calls = [first, await only.begin(), await only.begin()];
    expect(await isRefused(only.begin())).toBe(true);
    only.away(false);
    // What runs is counted again.
    await until(async () => (await db.select().from(limitPlaces))[0]?.places === 3, 5_000);
    const other = await startWorker('b');
    expect(await isRefused(other.begin())).toBe(true);
    for (const call of calls) only.end(call);
    other.end(await other.begin());
    other.away(true);
    for (let at = 0; at < 4; at++) if (await isRefused(other.begin())) break;
    only.away(true);
    for (let at = 0; at < 4; at++) if (await isRefused(only.begin())) break;
    expect(most).toBe(3);
  });

  it('follow a lower limit, and are given back when a worker ends', async () => {
    await limitTo(8);
    const [one, two] = [await startWorker('a'), await startWorker('b')];
    const calls = await Promise.all([one.begin(), one.begin(), one.begin(), two.begin()]);
    await limitTo(2);
    expect(await isRefused(two.begin())).toBe(true);
    for (const call of calls.slice(0, 3)) one.end(call);
    const another = await two.begin();
    expect(running).toBe(2);
    expect(await isRefused(one.begin())).toBe(true);
    two.end(another);
    two.end(calls[3] as Admission);
    await one.limiter.close();
    await two.limiter.close();
    expect(await db.select().from(limitPlaces)).toEqual([]);
    expect(await db.select().from(limitHolders)).toEqual([]);
  });

  it('that are about to be given to another are in nobody’s use meanwhile', async () => {
    await limitTo(1);
    const [one, two] = [await startWorker('a', true, 60_000), await startWorker('b', true, 60_000)];
    one.end(await one.begin());
    let give = () => {};
    const gate = new Promise<void>((resolve) => {
      give = resolve;
    });
    let isGiving = false;
    one.hold(async () => {
      isGiving = true;
      await gate;
    });
    const theirs = isRefused(two.begin());
    await until(() => isGiving, 5_000);
    const late = isRefused(one.begin());
    one.hold(null);
    give();
    // Either may have it.
    expect([await theirs, await late].toSorted()).toEqual([false, true]);
    expect(most).toBe(1);
  });

  it('of a hub that could not be heard of are not in its use when others have them', async () => {
    await limitTo(5);
    const [gone, third] = [await startWorker('x', false), await startWorker('z', false)];
    third.end(await third.begin());
    // One place more than it needs; and it has seen that it is not alone.
    await gone.begin();
    const beatsOf = async (name: string) =>
      (await db.select().from(limitHolders)).find(({ worker }) => worker === name)?.beat ?? 0;
    await until(async () => (await beatsOf('x')) > 3, 5_000);
    gone.away(true);
    const got: Admission[] = [];
    await until(async () => {
      const call = await third.begin().catch(() => null);
      if (call) got.push(call);
      return got.length === 5;
    }, 10_000);
    expect(await isRefused(gone.begin())).toBe(true);
  });

  it('of a worker that was taken for dead are lost to it for all limits at once', async () => {
    await limitTo(1);
    await db.insert(callLimits).values({ subject: 'key', subjectId: 'k2', concurrent: 1 });
    const [one, two] = [await startWorker('a', true, 60_000), await startWorker('b', true, 60_000)];
    one.end(await one.begin('k2'));
    await createPlaceStore(db).remove([{ worker: 'a' }]);
    await two.begin('k2');
    await one.begin('k');
    expect(await isRefused(one.begin('k2'))).toBe(true);
  });

  it('that nobody waits for any more hold no place', async () => {
    await limitTo(1);
    const one = await startWorker('a');
    const given = one.limiter.admit('k', 'u', server, 't');
    expect(given?.entering).not.toBeNull();
    given?.release();
    await given?.entering;
    one.end(await one.begin());
  });
});
