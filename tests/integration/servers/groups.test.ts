// The verbs of groups on a real database.
import { desc, eq } from 'drizzle-orm';
import { beforeAll, expect, it } from 'vitest';
import { auditLogs, groupServers, servers } from '../../../drizzle/schema';
import type { Actor } from '../../../lib/access/schema';
import {
  createGroup,
  createServer,
  deleteGroup,
  getGroup,
  listGroups,
  listGroupTools,
  listOpen,
  listServers,
  listTools,
  setToolOverlay,
  updateGroup,
} from '../../../lib/servers';
import { storeCatalog } from '../../../lib/servers/catalog';
import { eachDatabase } from '../../support/database';
import { bench, codeOf } from './support';

eachDatabase('verbs of groups', (kind) => {
  const { use, ctx, take, actor } = bench(kind);
  const lastAudit = async () => (await use().db.select().from(auditLogs).orderBy(desc(auditLogs.id)).limit(1))[0];
  let admin: Actor;
  let manager: Actor;
  let user: Actor;

  beforeAll(async () => {
    [admin, manager, user] = await Promise.all([actor('admin'), actor('manager'), actor('user')]);
    await createServer(ctx(admin), { name: 'one', type: 'stdio', command: 'node' });
    await createServer(ctx(admin), { name: 'two', type: 'stdio', command: 'node' });
  });

  it('a created group holds its servers and members and voids their cached rights', async () => {
    take();
    const group = await createGroup(ctx(manager), {
      name: 'first',
      servers: [
        { server: 'two', tools: ['a', 'b'] },
        { server: 'One', tools: 'all' },
      ],
      members: [user.name.toUpperCase()],
    });
    expect(group).toMatchObject({
      servers: [
        { server: 'one', tools: 'all' },
        { server: 'two', tools: ['a', 'b'] },
      ],
      members: [user.name],
      prefix: 'always',
    });
    expect(take()).toEqual([
      { name: 'group.created', payload: { id: group.id, name: 'first' } },
      { name: 'access.changed', payload: { userId: user.id } },
    ]);
  });

  it('a change of members concerns only those who came or went', async () => {
    const other = await actor('user');
    await createGroup(ctx(admin), { name: 'moving', members: [user.name, admin.name] });
    take();
    await updateGroup(ctx(admin), 'moving', { members: [admin.name, other.name] });
    const touched = take().flatMap(({ name, payload }) => (name === 'access.changed' ? [payload] : []));
    expect(touched).toHaveLength(2);
    expect(touched).toEqual(expect.arrayContaining([{ userId: user.id }, { userId: other.id }]));
    await deleteGroup(ctx(admin), 'moving');
    expect(take().filter(({ name }) => name === 'access.changed')).toHaveLength(2);
  });

  it('only who may change settings opens a group to everybody, or changes what an open one offers', async () => {
    const opened = { name: 'lobby', anonymous: true, servers: [{ server: 'one', tools: ['a'] }] };
    expect(await codeOf(createGroup(ctx(manager), opened))).toBe('FORBIDDEN');
    expect(await createGroup(ctx(manager), { ...opened, anonymous: false })).toMatchObject({ anonymous: false });
    expect(await codeOf(updateGroup(ctx(manager), 'lobby', { anonymous: true }))).toBe('FORBIDDEN');
    expect(await updateGroup(ctx(admin), 'lobby', { anonymous: true })).toMatchObject({ anonymous: true });
    expect(await lastAudit()).toMatchObject({ before: { anonymous: false }, after: { anonymous: true } });
    const more = { servers: [{ server: 'one', tools: 'all' as const }] };
    expect(await codeOf(updateGroup(ctx(manager), 'lobby', more))).toBe('FORBIDDEN');
    // All else of it, and what it offers as it is, may be saved by who arranges groups.
    const same = { description: 'for guests', servers: [{ server: 'one', tools: ['a'] }] };
    expect(await updateGroup(ctx(manager), 'lobby', same)).toMatchObject({
      anonymous: true,
      description: 'for guests',
    });
    expect(await listOpen(ctx(admin))).toEqual([{ kind: 'group', name: 'lobby' }]);
    expect(await listOpen(ctx(user))).toEqual([]);
    expect(await updateGroup(ctx(manager), 'lobby', { anonymous: false, ...more })).toMatchObject({ anonymous: false });
    await deleteGroup(ctx(admin), 'lobby');
  });

  it('a group offers all tools of a server but some; these are named as the server does, to who may change it', async () => {
    const [server] = await use().db.select().from(servers).where(eq(servers.name, 'two'));
    const serverId = server?.id ?? '';
    const list = (names: string[]) =>
      storeCatalog(use().db, serverId, {
        protocolVersion: '2025-11-25',
        serverInfo: { name: 'x' },
        capabilities: {},
        instructions: null,
        tools: names.map((name) => ({ name, inputSchema: { type: 'object' } })),
        resources: [],
        resourceTemplates: [],
        prompts: [],
        faults: [],
      });
    await list(['read', 'drop', 'wipe']);
    await setToolOverlay(ctx(admin), { server: 'two', tool: 'wipe' }, { name: 'tidy' });
    const offering = (...except: string[]) => ({ servers: [{ server: 'two', tools: { except } }] });
    const members = { members: [user.name] };
    for (const [wrong, place] of [
      [offering(), ''],
      [offering('drop', 'tidy'), '/except/1'],
      [offering('dorp'), '/except/0'],
    ] as const) {
      const made = createGroup(ctx(manager), { name: 'most', ...wrong });
      await expect(made).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        extras: { faults: [{ pointer: expect.stringMatching(`^/servers/0/tools${place}`) }] },
      });
    }
    const group = await createGroup(ctx(manager), { name: 'most', ...members, ...offering('drop', 'wipe', 'drop') });
    expect(group.servers).toEqual(offering('drop', 'wipe').servers);
    expect(await lastAudit()).toMatchObject({ action: 'group.created', after: offering('drop', 'wipe', 'drop') });
    // A version that does not know of this offers nothing.
    expect(await use().db.select().from(groupServers).where(eq(groupServers.groupId, group.id))).toMatchObject([
      { tools: [], exceptTools: ['drop', 'wipe'] },
    ]);
    const member: Actor = { ...user, groupIds: [group.id] };
    const seen = async () => (await listTools(ctx(member), { server: 'two' })).map(({ name }) => name);
    expect(await seen()).toEqual(['read']);
    expect((await listServers(ctx(member))).map(({ toolCount }) => toolCount)).toEqual([1]);
    expect((await getGroup(ctx(member), 'most')).servers).toEqual(offering().servers);
    expect((await listGroupTools(ctx(admin), 'most')).map(({ tool }) => tool)).toEqual(['read']);
    const overlay = setToolOverlay(
      ctx({ ...manager, groupIds: [] }),
      { server: 'two', group: 'most', tool: 'read' },
      {},
    );
    expect(await overlay).toMatchObject({ shown: { name: 'read' } });
    // What is left out stays so while it is not listed, and what comes is on offer.
    await list(['read', 'write', 'wipe']);
    expect(await updateGroup(ctx(manager), 'most', offering('drop', 'wipe'))).toMatchObject(offering('drop', 'wipe'));
    await list(['read', 'write', 'wipe', 'drop']);
    expect(await seen()).toEqual(['read', 'write']);
    await deleteGroup(ctx(admin), 'most');
  });

  it('unknown servers and users are named by pointer, and nothing is written', async () => {
    await expect(
      createGroup(ctx(admin), { name: 'broken', servers: [{ server: 'absent', tools: 'all' }] }),
    ).rejects.toMatchObject({ code: 'INVALID_INPUT', extras: { faults: [{ pointer: '/servers/0/server' }] } });
    await expect(createGroup(ctx(admin), { name: 'broken', members: [user.name, 'nobody'] })).rejects.toMatchObject({
      extras: { faults: [{ pointer: '/members/1' }] },
    });
    const twice = [
      { server: 'one', tools: 'all' as const },
      { server: 'ONE', tools: 'all' as const },
    ];
    expect(await codeOf(createGroup(ctx(admin), { name: 'broken', servers: twice }))).toBe('INVALID_INPUT');
    expect(await codeOf(getGroup(ctx(admin), 'broken'))).toBe('NOT_FOUND');
  });

  it('members see their group without the other members; strangers see nothing', async () => {
    const group = await createGroup(ctx(admin), {
      name: 'seen',
      servers: [{ server: 'one', tools: 'all' }],
      members: [user.name, admin.name],
    });
    const member: Actor = { ...user, groupIds: [group.id] };
    expect(await getGroup(ctx(member), 'SEEN')).toMatchObject({ name: 'seen', members: [user.name] });
    expect(await codeOf(updateGroup(ctx(member), 'seen', { description: 'x' }))).toBe('FORBIDDEN');
    expect(await codeOf(createGroup(ctx(member), { name: 'own' }))).toBe('FORBIDDEN');
    const stranger = await actor('user');
    expect(await codeOf(getGroup(ctx(stranger), 'seen'))).toBe('NOT_FOUND');
    expect(await listGroups(ctx(stranger))).toEqual([]);
  });

  it('of two groups with one name at once, and of two changes of one version, exactly one wins', async () => {
    const created = await Promise.all([1, 2].map(() => codeOf(createGroup(ctx(admin), { name: 'raced' }))));
    expect(created.sort()).toEqual(['CONFLICT', 'none']);
    const changed = await Promise.all(
      ['a', 'b'].map((description) => codeOf(updateGroup(ctx(admin), 'raced', { description }, { ifVersion: 1 }))),
    );
    expect(changed.sort()).toEqual(['STALE_VERSION', 'none']);
  });

  it('a group cannot take the name of a server, and keeps its servers when only its name changes', async () => {
    await createGroup(ctx(admin), { name: 'named', servers: [{ server: 'two', tools: [] }] });
    expect(await codeOf(updateGroup(ctx(admin), 'named', { name: 'ONE' }))).toBe('INVALID_INPUT');
    const renamed = await updateGroup(ctx(admin), 'named', { name: 'Named' });
    expect(renamed).toMatchObject({ name: 'Named', servers: [{ server: 'two', tools: [] }] });
  });
});
