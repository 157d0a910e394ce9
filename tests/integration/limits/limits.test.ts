// Limits as rows: who may set them, of what, and two workers that count together.
import { sql } from 'drizzle-orm';
import { beforeEach, expect, it } from 'vitest';
import { auditLogs, quotaUsage, servers } from '../../../drizzle/schema';
import { type Ctx, createKey } from '../../../lib/access';
import {
  createLimiter,
  createUsageStore,
  type Limiter,
  listLimits,
  loadLimits,
  removeLimit,
  setLimit,
} from '../../../lib/limits';
import { createServer } from '../../../lib/servers';
import { eachDatabase } from '../../support/database';
import { until } from '../../support/until';
import { accessFixture } from '../access/fixture';

eachDatabase('limits of calls', (kind) => {
  const fixture = accessFixture(kind);
  let root: Ctx;
  let serverId: string;

  beforeEach(async () => {
    const { db } = fixture.database;
    root = await fixture.addUser('root', 'admin');
    await createServer(root, { name: 'GitHub', type: 'stdio', command: 'node' });
    [{ id: serverId } = { id: '' }] = await db.select({ id: servers.id }).from(servers);
  });

  async function limiterOf(): Promise<Limiter> {
    const { db, bus } = root;
    const limiter = createLimiter({ store: createUsageStore(db), load: () => loadLimits(db), bus });
    await limiter.start();
    return limiter;
  }

  const call = (limiter: Limiter, keyId: string) => limiter.admit(keyId, 'u', { id: serverId, name: 'GitHub' }, 'a/b');

  it('are set by name, listed with names and use, changed, and taken away', async () => {
    const { key } = await createKey(root, { name: 'ci' });
    await setLimit(root, { subject: 'key', target: '*', perMinute: 600 });
    await setLimit(root, { subject: 'key', target: key.id, perMinute: 5, perDay: 100 });
    await setLimit(root, { subject: 'user', target: 'ROOT', concurrent: 3 });
    await setLimit(root, { subject: 'server', target: 'github', perDay: 7 });
    await setLimit(root, { subject: 'tool', target: 'github/a/b', perMinute: 1 });
    await setLimit(root, { subject: 'server', target: 'GitHub', perDay: 9 });
    const listed = await listLimits(root);
    expect(listed.map(({ subject, target, label }) => [subject, target, label])).toEqual([
      ['key', '*', 'each'],
      ['key', key.id, 'root/ci'],
      ['server', 'GitHub', 'GitHub'],
      ['tool', 'GitHub/a/b', 'GitHub/a/b'],
      ['user', 'root', 'root'],
    ]);
    expect(listed[2]).toMatchObject({ perMinute: null, concurrent: null, perDay: 9, today: 0 });
    for (const { subject, target } of listed) await removeLimit(root, { subject, target });
    expect(await listLimits(root)).toEqual([]);
    const actions = (await root.db.select().from(auditLogs)).map(({ action }) => action);
    expect(actions.filter((action) => action === 'limit.set')).toHaveLength(6);
    expect(actions.filter((action) => action === 'limit.removed')).toHaveLength(5);
  });

  it('are changed and taken away in the version that was read, if one is named', async () => {
    const each = { subject: 'key', target: '*' } as const;
    const { version } = await setLimit(root, { ...each, perMinute: 600 });
    expect(await setLimit(root, { ...each, perMinute: 500 }, { ifVersion: version })).toMatchObject({ perMinute: 500 });
    const stale = { ifVersion: version };
    await expect(setLimit(root, { ...each, perMinute: 400 }, stale)).rejects.toMatchObject({
      code: 'STALE_VERSION',
      message: expect.stringMatching(/"key each" was changed by root at .*version 1, it is at version 2/),
    });
    await expect(removeLimit(root, each, stale)).rejects.toMatchObject({ code: 'STALE_VERSION' });
    expect(await listLimits(root)).toMatchObject([{ perMinute: 500, version: version + 1 }]);
    await removeLimit(root, each, { ifVersion: version + 1 });
    await expect(setLimit(root, { ...each, perMinute: 1 }, stale)).rejects.toMatchObject({ code: 'STALE_VERSION' });
    expect(await listLimits(root)).toEqual([]);
  });

  it('can be taken away when what they limit is gone', async () => {
    await setLimit(root, { subject: 'server', target: 'github', perDay: 7 });
    await root.db.execute(sql`delete from servers`);
    const [gone] = await listLimits(root);
    expect(gone).toMatchObject({ label: null, target: serverId });
    await removeLimit(root, { subject: 'server', target: serverId });
    expect(await listLimits(root)).toEqual([]);
  });

  it('are for who may change settings', async () => {
    const ada = await fixture.addUser('ada', 'user');
    await expect(setLimit(ada, { subject: 'key', target: '*', perMinute: 1 })).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
    await expect(removeLimit(ada, { subject: 'key', target: '*' })).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(listLimits(ada)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  it.each([
    ['no numbers', { subject: 'key', target: '*' }],
    ['zero', { subject: 'key', target: '*', perMinute: 0 }],
    ['half a call', { subject: 'key', target: '*', perDay: 1.5 }],
    ['a key that is none', { subject: 'key', target: 'x', perDay: 1 }],
    ['a user who is none', { subject: 'user', target: 'nobody', perDay: 1 }],
    ['a tool without a server', { subject: 'tool', target: 'github', perDay: 1 }],
    ['a tool without a name', { subject: 'tool', target: 'github/', perDay: 1 }],
  ] as const)('are refused with %s', async (_what, input) => {
    await expect(setLimit(root, input)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    await expect(removeLimit(root, { subject: 'key', target: 'nothing' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('hold for workers together within seconds, from the moment they are set', async () => {
    const workers = [await limiterOf(), await limiterOf(), await limiterOf()] as const;
    const { key } = await createKey(root, { name: 'ci' });
    await setLimit(root, { subject: 'key', target: key.id, perDay: 10 });
    for (let at = 0; at < 6; at++) call(workers[0], key.id)?.release();
    await until(async () => (await listLimits(root))[0]?.today === 6, 5000);
    call(workers[1], key.id)?.release();
    await until(async () => (await listLimits(root))[0]?.today === 7, 5000);
    for (let at = 0; at < 3; at++) call(workers[1], key.id)?.release();
    expect(() => call(workers[1], key.id)).toThrow('This key may make no more than 10 calls in a day');
    // One that has not heard of the others yet lets through until it has, and then no more.
    call(workers[2], key.id)?.release();
    await until(async () => (await listLimits(root))[0]?.today === 11, 5000);
    // The sum comes back to it with the answer to its write.
    await until(() => {
      try {
        call(workers[2], key.id)?.release();
        return false;
      } catch {
        return true;
      }
    }, 5000);
    await Promise.all(workers.map((limiter) => limiter.close()));
    const restarted = await limiterOf();
    expect(() => call(restarted, key.id)).toThrow('10 calls in a day');
    await restarted.close();
  });

  it('are, for what reaches all workers at once, those of each worker', async () => {
    const { key } = await createKey(root, { name: 'ci' });
    await setLimit(root, { subject: 'key', target: key.id, perDay: 5 });
    const workers = await Promise.all([1, 2, 3].map(limiterOf));
    const through = () => {
      let count = 0;
      for (const limiter of workers) {
        for (let at = 0; at < 10; at++) {
          try {
            call(limiter, key.id)?.release();
            count++;
          } catch {
            break;
          }
        }
      }
      return count;
    };
    expect(through()).toBe(15);
    expect(through()).toBe(0);
    await until(async () => (await listLimits(root))[0]?.today === 15, 5000);
    await Promise.all(workers.map((limiter) => limiter.close()));
    const restarted = await limiterOf();
    expect(() => call(restarted, key.id)).toThrow('5 calls in a day');
    await restarted.close();
  });

  it('are counted right when workers write the same rows at once, and old rows go', async () => {
    const store = createUsageStore(root.db);
    const usage = ['a', 'b', 'c'].map((subjectId) => ({
      subject: 'key' as const,
      subjectId,
      day: '2026-01-31',
      calls: 1,
    }));
    const backwards = usage.toReversed();
    await Promise.all(Array.from({ length: 20 }, (_, at) => store.add(at % 2 ? usage : backwards)));
    const sums = await store.add(usage);
    expect(sums.map(({ calls }) => calls)).toEqual([21, 21, 21]);
    await store.add([{ subject: 'key', subjectId: 'a', day: '2026-01-31T10:00', calls: 1 }]);
    await store.removeOld(Date.UTC(2026, 0, 31, 11));
    expect(await root.db.select().from(quotaUsage)).toHaveLength(3);
    await store.removeOld(Date.UTC(2026, 11, 31));
    expect(await root.db.select().from(quotaUsage)).toEqual([]);
  });
});
