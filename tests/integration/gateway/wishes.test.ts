// What sessions asked for, as it is kept in the database for their next life.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { sessionWishes } from '../../../drizzle/schema';
import { createWishStore, type WishStore } from '../../../worker/gateway';
import { eachDatabase, openTestDatabase, type TestDatabase } from '../../support/database';

eachDatabase('wishes of sessions', (kind) => {
  let database: TestDatabase;
  let store: WishStore;
  const expiresAt = new Date(Date.now() + 60_000);
  const wants = (...subscriptions: string[]) => ({ logLevel: null, subscriptions });

  beforeAll(async () => {
    database = await openTestDatabase(kind);
    store = createWishStore(database.db);
  });
  beforeEach(() => database.db.delete(sessionWishes));
  afterAll(() => database?.close());

  it('are not taken from a worker that lives, and gone from one that does not', async () => {
    await store.save('one', 'old', wants('memo://a'), expiresAt);
    expect(await store.takeOver(['one'], 'new', ['old'])).toEqual(new Map());
    expect(await store.takeOver(['one', 'none'], 'new', [])).toEqual(new Map([['one', wants('memo://a')]]));
    expect(await store.takeOver(['one'], 'third', ['new'])).toEqual(new Map());
    // Its own after a silence, too.
    expect((await store.takeOver(['one'], 'new', ['third'])).size).toBe(1);
  });

  it('of several dead workers become one; the newest level counts', async () => {
    await store.save('one', 'a', { logLevel: 1, subscriptions: ['memo://a', 'memo://b'] }, expiresAt);
    await store.save('one', 'b', { logLevel: 6, subscriptions: ['memo://b'] }, expiresAt);
    await store.save('one', 'a', { logLevel: 3, subscriptions: ['memo://a'] }, expiresAt);
    const taken = (await store.takeOver(['one'], 'c', [])).get('one');
    expect(taken?.logLevel).toBe(3);
    expect(taken?.subscriptions.toSorted()).toEqual(['memo://a', 'memo://b']);
    expect(await database.db.select().from(sessionWishes)).toMatchObject([{ worker: 'c', logLevel: 3 }]);
  });

  it('that several workers ask for at once come to one of them', async () => {
    const ids = Array.from({ length: 20 }, (_, at) => `session-${at}`);
    for (const id of ids) await store.save(id, 'dead', wants(`memo://${id}`), expiresAt);
    const workers = ['a', 'b', 'c', 'd'];
    const taken = await Promise.all(
      workers.map((worker) =>
        store.takeOver(
          ids,
          worker,
          workers.filter((other) => other !== worker),
        ),
      ),
    );
    expect(taken.flatMap((found) => [...found.keys()]).toSorted()).toEqual(ids.toSorted());
    expect(await database.db.select().from(sessionWishes)).toHaveLength(ids.length);
  });

  it('that are empty again leave nothing, and neither does a session that ended', async () => {
    await store.save('one', 'a', wants('memo://a'), expiresAt);
    await store.save('two', 'a', wants('memo://a'), expiresAt);
    await store.save('one', 'a', wants(), expiresAt);
    await store.remove('two');
    expect(await database.db.select().from(sessionWishes)).toEqual([]);
  });
});
