// The stored catalogue on a real database.
import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { groupServers, groups, servers, toolOverlays, tools } from '../../../drizzle/schema';
import { type Listing, loadCatalogs, loadEndpoints, noDiff, storeCatalog } from '../../../lib/servers/catalog';
import { createEndedSessions } from '../../../worker/gateway';
import { eachDatabase, openTestDatabase, type TestDatabase } from '../../support/database';

const tool = (name: string, description = name) => ({ name, description, inputSchema: { type: 'object' }, 'x-own': 1 });

const listing = (changes: Partial<Listing> = {}): Listing => ({
  protocolVersion: '2025-11-25',
  serverInfo: { name: 'x', version: '1', extra: true },
  capabilities: { tools: {} },
  instructions: null,
  tools: [tool('a'), tool('b')],
  resources: [{ uri: 'x://a', name: 'a' }],
  resourceTemplates: [],
  prompts: [],
  faults: [],
  ...changes,
});

eachDatabase('the stored catalogue', (kind) => {
  let database: TestDatabase;
  let id: string;

  beforeAll(async () => {
    database = await openTestDatabase(kind);
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await database.db.delete(servers);
    const [row] = await database.db
      .insert(servers)
      .values({ name: 'one', type: 'stdio' })
      .returning({ id: servers.id });
    id = row?.id ?? '';
  });

  const rows = () => database.db.select().from(tools).where(eq(tools.serverId, id)).orderBy(tools.position);

  it('comes back as it was listed', async () => {
    expect(await storeCatalog(database.db, id, listing())).toEqual({ ...noDiff, added: ['a', 'b'] });
    expect((await loadCatalogs(database.db)).get(id)).toEqual(listing());
  });

  it('tells what came, went and changed; what stayed keeps its id', async () => {
    await storeCatalog(database.db, id, listing({ tools: [tool('a'), tool('b'), tool('c')] }));
    const before = await rows();
    const next = listing({ tools: [tool('d'), tool('a'), tool('b', 'other')] });
    expect(await storeCatalog(database.db, id, next)).toEqual({
      added: ['d'],
      removed: ['c'],
      changed: ['b'],
      drifted: ['b'],
    });
    const after = await rows();
    expect(after.map(({ name }) => name)).toEqual(['d', 'a', 'b']);
    const of = (list: typeof after, name: string) => list.find((row) => row.name === name);
    expect(of(after, 'a')?.id).toBe(of(before, 'a')?.id);
    expect(of(after, 'a')?.changedAt).toEqual(of(before, 'a')?.changedAt);
    expect(of(after, 'b')?.changedAt.getTime()).toBeGreaterThan(of(before, 'b')?.changedAt.getTime() ?? Infinity);
  });

  it('another order of keys is no change', async () => {
    await storeCatalog(database.db, id, listing());
    const turned = listing({
      tools: [{ inputSchema: { type: 'object' }, 'x-own': 1, description: 'a', name: 'a' }, tool('b')],
    });
    expect(await storeCatalog(database.db, id, turned)).toEqual(noDiff);
  });

  it('text that Postgres cannot hold costs a character, or the one tool that is named so', async () => {
    const odd = [tool('a', 'nul \0 and half \ud83d a pair, \\u0000 stays'), tool('b\0'), tool('c', 'fine 😀')];
    expect((await storeCatalog(database.db, id, listing({ tools: odd, instructions: '\0' }))).added).toEqual([
      'a',
      'c',
    ]);
    const stored = (await loadCatalogs(database.db)).get(id);
    expect(stored?.tools.map(({ description }) => description)).toEqual([
      'nul \ufffd and half \ufffd a pair, \\u0000 stays',
      'fine 😀',
    ]);
  });

  it('of a server that is gone is not stored', async () => {
    await database.db.delete(servers);
    expect((await storeCatalog(database.db, id, listing())).added).toEqual([]);
    expect(await loadCatalogs(database.db)).toEqual(new Map());
  });

  it('two listings at once leave one of them', async () => {
    const many = (count: number) => listing({ tools: Array.from({ length: count }, (_, index) => tool(`t${index}`)) });
    await Promise.all([storeCatalog(database.db, id, many(1000)), storeCatalog(database.db, id, many(10))]);
    expect([10, 1000]).toContain((await rows()).length);
  });

  it('endpoints come with their order, choice of tools and overlays', async () => {
    await storeCatalog(database.db, id, listing());
    const off = { enabled: false };
    await database.db.insert(toolOverlays).values([
      { serverId: id, tool: 'b', overlay: off },
      { serverId: id, tool: 'a', overlay: {} },
    ]);
    await database.db.insert(servers).values({ name: 'two', type: 'stdio', enabled: false });
    const [group] = await database.db.insert(groups).values({ name: 'G' }).returning({ id: groups.id });
    await database.db.insert(groupServers).values({ groupId: group?.id ?? '', serverId: id, tools: ['a'] });
    const overlay = { name: 'alpha' };
    await database.db.insert(toolOverlays).values({ serverId: id, groupId: group?.id ?? '', tool: 'a', overlay });
    const loaded = await loadEndpoints(database.db);
    expect(loaded.servers).toMatchObject([
      { id, name: 'one', enabled: true, prefix: 'never', overlays: { b: off } },
      { name: 'two', enabled: false, overlays: {} },
    ]);
    expect(loaded.groups).toMatchObject([
      { name: 'G', prefix: 'always', servers: [{ serverId: id, tools: ['a'], overlays: { a: overlay } }] },
    ]);
    await database.db.delete(groups);
  });

  it('an ended session is known to every process, and forgotten when its id is void anyway', async () => {
    const soon = new Date(Date.now() + 60_000);
    await createEndedSessions(database.db).add('h1', new Date(0));
    await createEndedSessions(database.db).add('h2', soon);
    const other = createEndedSessions(database.db);
    expect([await other.has('h1'), await other.has('h2'), await other.has('h3')]).toEqual([false, true, false]);
  });
});
