// How endpoints list their tools: of groups, servers and the endpoint over everything, as it is set, stored and told.
import { desc } from 'drizzle-orm';
import { beforeAll, expect, it } from 'vitest';
import { auditLogs } from '../../../drizzle/schema';
import type { Actor } from '../../../lib/access/schema';
import { toolListDefaults } from '../../../lib/routing/schema';
import {
  createGroup,
  createServer,
  deleteServer,
  getGroup,
  getRootToolList,
  getServer,
  setRootToolList,
  updateGroup,
  updateServer,
} from '../../../lib/servers';
import { loadEndpoints } from '../../../lib/servers/catalog';
import { eachDatabase } from '../../support/database';
import { bench, codeOf } from './support';

eachDatabase('lists of tools', (kind) => {
  const { use, ctx, take, actor } = bench(kind);
  const lastAudit = async () => (await use().db.select().from(auditLogs).orderBy(desc(auditLogs.id)).limit(1))[0];
  let admin: Actor;
  let manager: Actor;

  beforeAll(async () => {
    [admin, manager] = await Promise.all([actor('admin'), actor('manager')]);
    for (const name of ['one', 'two']) await createServer(ctx(admin), { name, type: 'stdio', command: 'node' });
  });

  it('of a group: everything is listed until it is set; null gives the default back', async () => {
    const made = await createGroup(ctx(manager), { name: 'team' });
    expect(made.toolList).toEqual(toolListDefaults);
    const pinned = ['One/write', 'two/a/b'];
    const set = await updateGroup(ctx(manager), 'team', { toolList: { mode: 'auto', maxTools: 7, pinned } });
    expect(set.toolList).toEqual({
      mode: 'auto',
      maxTools: 7,
      maxTokens: 10_000,
      pinned: ['one/write', 'two/a/b'],
    });
    expect(await lastAudit()).toMatchObject({
      action: 'group.updated',
      before: { toolList: toolListDefaults },
      after: { toolList: set.toolList },
    });
    await updateGroup(ctx(manager), 'team', { description: 'other' });
    await updateServer(ctx(admin), 'one', { name: 'first' });
    const changed = await updateGroup(ctx(manager), 'team', { toolList: { maxTools: null } });
    expect(changed.toolList).toEqual({ ...toolListDefaults, mode: 'auto', pinned: ['first/write', 'two/a/b'] });
    await updateServer(ctx(admin), 'first', { name: 'one' });
    expect((await updateGroup(ctx(manager), 'team', { toolList: null })).toolList).toEqual(toolListDefaults);
  });

  it.each([
    [{ pinned: ['write'] }, '/toolList/pinned/0'],
    [{ pinned: ['one/a', 'nobody/write'] }, '/toolList/pinned/1'],
    [{ pinned: ['one/'] }, '/toolList/pinned/0'],
    [{ pinned: ['/a'] }, '/toolList/pinned/0'],
    [{ pinned: ['one/a', 'one/a'] }, '/toolList/pinned'],
    [{ pinned: Array.from({ length: 51 }, (_, at) => `one/${at}`) }, '/toolList/pinned'],
    [{ mode: 'some' }, '/toolList/mode'],
    [{ maxTools: 0 }, '/toolList/maxTools'],
    [{ more: 1 }, '/toolList'],
  ])('refuses %j', async (toolList, pointer) => {
    await createGroup(ctx(admin), { name: 'refusing' }).catch(() => undefined);
    const error = await updateGroup(ctx(admin), 'refusing', { toolList } as never).catch((thrown) => thrown);
    expect(error.code).toBe('INVALID_INPUT');
    expect(error.extras.faults[0].pointer).toContain(pointer);
    expect((await getGroup(ctx(admin), 'refusing')).toolList).toEqual(toolListDefaults);
  });

  it('of a group: tools of servers that somebody may not see stay pinned when he changes it, and he is not told', async () => {
    const member = await actor('user');
    await createGroup(ctx(admin), {
      name: 'half',
      servers: [{ server: 'one', tools: 'all' }],
      members: [member.name],
      toolList: { pinned: ['two/secret', 'one/a'] },
    });
    const group = await getGroup(ctx(admin), 'half');
    // A member who may change the group sees one of its servers only.
    const rights = [
      { resource: 'group', action: 'read', scope: 'group' },
      { resource: 'group', action: 'update', scope: 'group' },
      { resource: 'server', action: 'read', scope: 'group' },
    ] as const;
    const limited: Actor = { ...member, permissions: [...rights], groupIds: [group.id] };
    expect((await getGroup(ctx(limited), 'half')).toolList.pinned).toEqual(['one/a']);
    expect(await codeOf(updateGroup(ctx(limited), 'half', { toolList: { pinned: ['two/a'] } }))).toBe('INVALID_INPUT');
    await updateGroup(ctx(limited), 'half', { toolList: { pinned: ['one/b', 'one/a'] } });
    expect((await getGroup(ctx(admin), 'half')).toolList.pinned).toEqual(['one/b', 'one/a', 'two/secret']);
  });

  it('of a server: its own tools by name, also with other settings and in copies of it', async () => {
    const pinned = ['write', 'a/b'];
    const set = await updateServer(ctx(admin), 'two', { toolList: { mode: 'smart', pinned } });
    expect(set.toolList).toEqual({ ...toolListDefaults, mode: 'smart', pinned });
    await updateServer(ctx(admin), 'two', { description: 'other', toolList: { maxTokens: 500 } });
    expect((await getServer(ctx(admin), 'two')).toolList).toEqual({
      mode: 'smart',
      maxTools: 40,
      maxTokens: 500,
      pinned,
    });
    expect(await lastAudit()).toMatchObject({ action: 'server.updated', after: { toolList: { maxTokens: 500 } } });
    const rows = await loadEndpoints(use().db);
    expect(rows.servers.find(({ name }) => name === 'two')?.toolList).toEqual({
      mode: 'smart',
      maxTokens: 500,
      pinned,
    });
    expect((await updateServer(ctx(admin), 'two', { toolList: null })).toolList).toEqual(toolListDefaults);
  });

  it('of the endpoint over everything: with a version, for those who may change settings', async () => {
    expect(await getRootToolList(ctx(admin))).toEqual({ ...toolListDefaults, version: 1 });
    take();
    await createServer(ctx(admin), { name: 'passing', type: 'stdio', command: 'node' });
    const pinned = ['passing/x', 'one/a'];
    const set = await setRootToolList(ctx(admin), { mode: 'auto', pinned }, { ifVersion: 1 });
    expect(set).toEqual({ ...toolListDefaults, mode: 'auto', pinned, version: 2 });
    expect(take().map(({ name }) => name)).toEqual(['server.created', 'tool-list.changed']);
    expect(await lastAudit()).toMatchObject({
      action: 'setting.changed',
      resourceId: 'tool-list',
      before: { mode: 'full' },
      after: { mode: 'auto', pinned },
    });
    expect(await codeOf(setRootToolList(ctx(admin), { mode: 'full' }, { ifVersion: 1 }))).toBe('STALE_VERSION');
    expect(await codeOf(setRootToolList(ctx(admin), { pinned: ['none/x'] }))).toBe('INVALID_INPUT');
    expect(await codeOf(setRootToolList(ctx(manager), { mode: 'full' }))).toBe('FORBIDDEN');
    expect(await codeOf(getRootToolList(ctx(await actor('user'))))).toBe('FORBIDDEN');
    await deleteServer(ctx(admin), 'passing');
    expect((await getRootToolList(ctx(admin))).pinned).toEqual(['one/a']);
    const one = (await getServer(ctx(admin), 'one')).id;
    const { toolList } = await loadEndpoints(use().db);
    expect(toolList).toMatchObject({ mode: 'auto', pinned: [{ tool: 'x' }, { serverId: one, tool: 'a' }] });
    // The next change drops what is gone.
    await setRootToolList(ctx(admin), { pinned: ['one/b'] });
    expect((await loadEndpoints(use().db)).toolList?.pinned).toEqual([{ serverId: one, tool: 'b' }]);
  });

  it('of the endpoint over everything: two who change it at once lose nothing', async () => {
    await Promise.all([setRootToolList(ctx(admin), { maxTools: 11 }), setRootToolList(ctx(admin), { maxTokens: 22 })]);
    expect(await getRootToolList(ctx(admin))).toMatchObject({ maxTools: 11, maxTokens: 22 });
  });
});
