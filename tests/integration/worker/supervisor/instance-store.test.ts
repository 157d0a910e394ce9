import { randomUUID } from 'node:crypto';
import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { instances, servers } from '../../../../drizzle/schema';
import { createInstanceStore, type InstanceStore } from '../../../../worker/supervisor';
import { eachDatabase, openTestDatabase, silentLog, type TestDatabase } from '../../../support/database';
import { until } from '../../../support/upstreams';

eachDatabase('the instance store', (kind) => {
  let database: TestDatabase;
  const stores: InstanceStore[] = [];

  beforeAll(async () => {
    database = await openTestDatabase(kind);
  });
  afterAll(async () => {
    await Promise.all(stores.map((store) => store.close()));
    await database.close();
  });

  function store(workerId: string): InstanceStore {
    const made = createInstanceStore(database.db, workerId, silentLog);
    stores.push(made);
    return made;
  }

  async function addServer(): Promise<string> {
    const id = randomUUID();
    await database.db.insert(servers).values({ id, name: `s-${id.slice(0, 8)}`, type: 'stdio', command: 'true' });
    return id;
  }

  const row = (serverId: string, state: string) => ({
    id: randomUUID(),
    serverId,
    ordinal: 0,
    state,
    pid: 4711,
    startedAt: new Date(),
    restarts: 2,
    lastExit: { at: new Date().toISOString(), reason: 'exited', message: 'It ended.', exitCode: 1 },
  });
  const stored = async (serverId: string) =>
    (await database.db.select().from(instances).where(eq(instances.serverId, serverId)))[0];

  it('writes the last of many states, once', async () => {
    const serverId = await addServer();
    const mine = store(`one-${kind}`);
    for (const state of ['starting', 'retrying', 'ready']) mine.record({ ...row(serverId, state) });
    const found = await until('the row', () => stored(serverId));
    expect(found).toMatchObject({ state: 'ready', pid: 4711, restarts: 2, epoch: 1, lastExit: { exitCode: 1 } });
  });

  it('never takes a row that another worker holds, and takes it with a higher epoch once that lease has run out', async () => {
    const serverId = await addServer();
    const [owner, other] = [store(`owner-${kind}`), store(`other-${kind}`)];
    owner.record(row(serverId, 'ready'));
    await until('the row', () => stored(serverId));
    other.record(row(serverId, 'starting'));
    await other.close();
    expect(await stored(serverId)).toMatchObject({ workerId: `owner-${kind}`, state: 'ready', epoch: 1 });
    await database.db
      .update(instances)
      .set({ leaseExpiresAt: new Date(Date.now() - 1000) })
      .where(eq(instances.serverId, serverId));
    const heir = store(`heir-${kind}`);
    heir.record(row(serverId, 'starting'));
    const taken = await until(
      'the claim',
      async () => (await stored(serverId))?.workerId === `heir-${kind}` && stored(serverId),
    );
    expect(taken).toMatchObject({ state: 'starting', epoch: 2 });
  });

  it('drops the row of a server that is gone and writes the others', async () => {
    const serverId = await addServer();
    const mine = store(`mixed-${kind}`);
    mine.record(row(randomUUID(), 'ready'));
    mine.record(row(serverId, 'ready'));
    await until('the row', () => stored(serverId));
  });

  it('does not trust the rows of an earlier life', async () => {
    const serverId = await addServer();
    const first = store(`again-${kind}`);
    first.record(row(serverId, 'ready'));
    await until('the row', () => stored(serverId));
    await store(`again-${kind}`).reset();
    expect(await stored(serverId)).toMatchObject({ state: 'stopped', pid: null, leaseExpiresAt: null });
  });

  it('removes the row of a removed server', async () => {
    const serverId = await addServer();
    const mine = store(`removing-${kind}`);
    mine.record(row(serverId, 'ready'));
    await until('the row', () => stored(serverId));
    mine.remove(serverId);
    await until('no row', async () => (await stored(serverId)) === undefined);
  });
});
