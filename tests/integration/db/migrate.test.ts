import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eq, sql } from 'drizzle-orm';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import {
  apiKeys,
  endpointNames,
  groupServers,
  groups,
  instances,
  servers,
  tools,
  users,
} from '../../../drizzle/schema';
import { isDatabaseUnavailable, migrate, openDatabase, violatedConstraint } from '../../../lib/db/index';
import { eachDatabase, openTestDatabase, silentLog, type TestDatabase } from '../../support/database';

eachDatabase('migrations and schema', (kind) => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await openTestDatabase(kind);
  });
  afterAll(() => database?.close());

  async function one<T>(rows: Promise<T[]>): Promise<T> {
    const [row] = await rows;
    if (row === undefined) throw new Error('no row');
    return row;
  }

  const addUser = (username: string) => one(database.db.insert(users).values({ username }).returning());
  const addServer = (name: string) => one(database.db.insert(servers).values({ name, type: 'stdio' }).returning());
  const addTool = (serverId: string, name: string) =>
    one(
      database.db
        .insert(tools)
        .values({ serverId, name, position: 0, definition: { name }, definitionHash: 'hash' })
        .returning(),
    );
  const constraintOf = (query: Promise<unknown>) => query.then(() => 'accepted', violatedConstraint);
  const applied = async () =>
    (await database.db.execute(sql`select hash from drizzle.__drizzle_migrations order by id`)).map(({ hash }) => hash);

  it('each migration is recorded once, however often and from wherever they are run', async () => {
    const others = await Promise.all([database.another(), database.another()]);
    const results = await Promise.all([database, ...others, database].map((each) => migrate(each)));
    expect(new Set(results.map(({ vector }) => vector)).size).toBe(1);
    expect(await applied()).toEqual(
      readMigrationFiles({ migrationsFolder: 'drizzle/migrations' }).map(({ hash }) => hash),
    );
  });

  it('an empty database is migrated once by programs that start at the same moment', async () => {
    await database.db.execute(sql`drop schema public cascade`);
    await database.db.execute(sql`drop schema drizzle cascade`);
    await database.db.execute(sql`create schema public`);
    const others = await Promise.all([database.another(), database.another()]);
    await Promise.all([database, ...others].map((each) => migrate(each)));
    expect(await applied()).toHaveLength(readMigrationFiles({ migrationsFolder: 'drizzle/migrations' }).length);
    await addUser('after');
  });

  it('the embedding column exists exactly where pgvector does', async () => {
    const { vector } = await migrate(database);
    const columns = await database.db.execute(sql`select 1 from information_schema.columns
      where table_name = 'tool_embeddings' and column_name = 'embedding'`);
    expect(columns.length === 1).toBe(vector);
    if (kind === 'embedded') expect(vector).toBe(true);
  });

  it('a schema of a newer version is refused and left alone', async () => {
    const future = Date.UTC(2100, 0, 1);
    await database.db.execute(sql`insert into drizzle.__drizzle_migrations (hash, created_at) values ('x', ${future})`);
    await expect(migrate(database)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('newer version'),
    });
    await database.db.execute(sql`delete from drizzle.__drizzle_migrations where hash = 'x'`);
    await migrate(database);
  });

  it('servers and groups share one name space, in which a name exists once', async () => {
    const [first, second] = [await addServer('one'), await addServer('two')];
    const group = await one(database.db.insert(groups).values({ name: 'one' }).returning());
    await database.db.insert(endpointNames).values({ name: 'shared', serverId: first.id });
    expect(
      await constraintOf(database.db.insert(endpointNames).values({ name: 'shared', groupId: group.id }).execute()),
    ).toBe('endpoint_names_pkey');
    expect(
      await constraintOf(database.db.insert(endpointNames).values({ name: 'shared', serverId: second.id }).execute()),
    ).toBe('endpoint_names_pkey');
  });

  it('a name is free again when its server is gone, and nothing of the server is left', async () => {
    const server = await addServer('gone');
    const group = await one(database.db.insert(groups).values({ name: 'keeps' }).returning());
    await addTool(server.id, 'echo');
    await database.db.insert(endpointNames).values({ name: 'gone', serverId: server.id });
    await database.db.insert(groupServers).values({ groupId: group.id, serverId: server.id });
    await database.db.insert(instances).values({ serverId: server.id, state: 'ready' });

    await database.db.delete(servers).where(eq(servers.id, server.id));
    const left = await Promise.all([
      database.db.select().from(tools).where(eq(tools.serverId, server.id)),
      database.db.select().from(instances).where(eq(instances.serverId, server.id)),
      database.db.select().from(groupServers).where(eq(groupServers.serverId, server.id)),
      database.db.select().from(endpointNames).where(eq(endpointNames.name, 'gone')),
    ]);
    expect(left.flat()).toEqual([]);
  });

  it('a tool name exists once per server', async () => {
    const [first, second] = [await addServer('a'), await addServer('b')];
    await addTool(first.id, 'echo');
    await addTool(second.id, 'echo');
    expect(await constraintOf(addTool(first.id, 'echo'))).toBe('tools_server_name_key');
  });

  it('user names differ in more than upper and lower case, and keys end with their user', async () => {
    const user = await addUser('Ada');
    expect(await constraintOf(addUser('ada'))).toBe('users_username_key');
    await database.db.insert(apiKeys).values({ userId: user.id, name: 'k', prefix: 'p', secretHash: 'h' });
    await database.db.delete(users).where(eq(users.id, user.id));
    expect(await database.db.select().from(apiKeys)).toEqual([]);
  });

  it('of twenty creators of one name at the same moment exactly one succeeds', async () => {
    const results = await Promise.all(Array.from({ length: 20 }, () => constraintOf(addUser('racer'))));
    expect(results.filter((result) => result === 'accepted')).toHaveLength(1);
  });

  it('an update raises updatedAt and jsonb comes back as it went in', async () => {
    const extra = { deep: { list: [1, null, 'ü'], __proto: 'x' } };
    const server = await one(database.db.insert(servers).values({ name: 'json', type: 'sse', extra }).returning());
    expect([server.extra, server.args, server.env]).toEqual([extra, [], {}]);
    const updated = await one(
      database.db.update(servers).set({ description: 'new' }).where(eq(servers.id, server.id)).returning(),
    );
    expect(updated.updatedAt.getTime()).toBeGreaterThanOrEqual(server.updatedAt.getTime());
  });

  it('a failed transaction leaves nothing, and the pool goes on', async () => {
    const failing = database.db.transaction(async (tx) => {
      await tx.insert(users).values({ username: 'half' });
      await tx.insert(users).values({ username: 'half' });
    });
    expect(await constraintOf(failing)).toBe('users_username_key');
    expect(await database.db.select().from(users).where(eq(users.username, 'half'))).toEqual([]);
  });

  if (kind === 'postgres') {
    it('a statement that runs longer than 5 s is ended and counts as unavailable', async () => {
      const slow = database.db.execute(sql`select pg_sleep(20)`);
      expect(isDatabaseUnavailable(await slow.catch((error: unknown) => error))).toBe(true);
    });
  }
});

eachDatabase('a database that is not there', (kind) => {
  let dir: string;
  const absent = () => ({
    url: kind === 'postgres' ? 'postgres://postgres@127.0.0.1:1/postgres' : undefined,
    socketDir: dir,
    log: silentLog,
  });

  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'mcphub-absent-'));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  it('fails a query at once with a fault that is recognised', async () => {
    const database = await openDatabase({ ...absent(), wait: false });
    const error = await database.db.execute(sql`select 1`).catch((failure: unknown) => failure);
    expect(isDatabaseUnavailable(error)).toBe(true);
    await database.close();
  });

  it('is waited for until the caller gives up', async () => {
    const giveUp = new AbortController();
    const waiting = openDatabase({ ...absent(), signal: giveUp.signal });
    setImmediate(() => giveUp.abort(new Error('stopped')));
    await expect(waiting).rejects.toThrow('stopped');
  });
});

eachDatabase('a database that comes back', (kind) => {
  let database: TestDatabase | undefined;
  afterEach(() => database?.close());

  it('serves the same pool again after its connections were cut', async () => {
    database = await openTestDatabase(kind);
    await database.db.execute(sql`select 1`);
    await database.cutConnections();
    const answers: unknown[] = [];
    for (let attempt = 0; attempt < 20 && answers.length === 0; attempt++) {
      await database.db.execute(sql`select 1 as a`).then(
        (rows) => answers.push(rows[0]),
        (error: unknown) => expect(isDatabaseUnavailable(error)).toBe(true),
      );
    }
    expect(answers).toEqual([{ a: 1 }]);
  });
});
