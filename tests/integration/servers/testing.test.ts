// Who may have a server tested, what is tested then, and that it is written down.
import { desc } from 'drizzle-orm';
import { expect, it } from 'vitest';
import { auditLogs, groupMembers } from '../../../drizzle/schema';
import type { Actor } from '../../../lib/access/schema';
import {
  createGroup,
  createServer,
  desiredOfInput,
  openStandIns,
  requireConfigTest,
  requireServerTest,
  updateServer,
} from '../../../lib/servers';
import type { ServerInput } from '../../../lib/servers/schema';
import { eachDatabase } from '../../support/database';
import { bench, codeOf } from './support';

eachDatabase('the test of a server', (kind) => {
  const { use, ctx, actor, opener } = bench(kind);

  const lastAudit = async () => (await use().db.select().from(auditLogs).orderBy(desc(auditLogs.id)).limit(1))[0];

  async function saved(name: string) {
    const admin = ctx(await actor('admin'));
    const env = { API_TOKEN: 'a-secret-of-some-length', MODE: 'x' };
    const view = await createServer(admin, { name, type: 'stdio', command: 'node', env });
    return { admin, id: view.id, view };
  }

  async function userOf(server: string): Promise<Actor> {
    const admin = ctx(await actor('admin'));
    const group = await createGroup(admin, { name: `of-${server}`, servers: [{ server, tools: 'all' }] });
    const user = await actor('user', [group.id]);
    await use()
      .db.insert(groupMembers)
      .values({ groupId: group.id, userId: user.userId as string });
    return user;
  }

  it('role by role: only who may start it tests a saved server, only who may add servers tests new settings', async () => {
    const { admin, id } = await saved('one');
    const manager = ctx(await actor('manager'));
    const member = ctx(await userOf('one'));
    const stranger = ctx(await actor('user'));
    const outcomes = async (who: typeof admin) => [
      await codeOf(requireServerTest(who, 'one')),
      await codeOf(requireServerTest(who, 'one', { args: ['x'] })),
      await codeOf(requireServerTest(who, 'none')),
      await codeOf(requireConfigTest(who, { name: 'new', type: 'stdio', command: 'node' })),
    ];
    expect(await outcomes(admin)).toEqual(['none', 'none', 'NOT_FOUND', 'none']);
    expect(await outcomes(manager)).toEqual(['none', 'FORBIDDEN', 'NOT_FOUND', 'FORBIDDEN']);
    expect(await outcomes(member)).toEqual(['FORBIDDEN', 'FORBIDDEN', 'NOT_FOUND', 'FORBIDDEN']);
    expect(await outcomes(stranger)).toEqual(['NOT_FOUND', 'NOT_FOUND', 'NOT_FOUND', 'FORBIDDEN']);
    expect(await requireServerTest(admin, 'ONE')).toEqual({ id });
  });

  it('who may start it but not see what it prints is refused', async () => {
    await saved('silent');
    const operator = await actor('manager');
    const permissions = operator.permissions.filter(({ resource }) => resource !== 'log');
    expect(await codeOf(requireServerTest(ctx({ ...operator, permissions }), 'silent'))).toBe('FORBIDDEN');
  });

  it('a key with a scope tests nothing', async () => {
    await saved('scoped');
    const key = { ...(await actor('admin')), kind: 'key' as const, keyScope: { servers: ['scoped'] } };
    expect(await codeOf(requireServerTest(ctx(key), 'scoped'))).toBe('FORBIDDEN');
    const input = { name: 'new', type: 'stdio', command: 'node' } as const;
    expect(await codeOf(requireConfigTest(ctx(key), input))).toBe('FORBIDDEN');
  });

  it('changes are laid over what is saved; masked values stay, and nothing is saved', async () => {
    const { admin, view } = await saved('patched');
    const patch = { args: ['--fast'], env: { API_TOKEN: view.env.API_TOKEN as string, MODE: null } };
    const tested = await requireServerTest(admin, 'patched', patch);
    expect(JSON.stringify(tested)).not.toMatch(/MODE|a-secret/);
    const { server, of = '' } = tested as { server: ServerInput; of?: string };
    expect(await openStandIns(use().db, opener, of, server)).toMatchObject({
      args: ['--fast'],
      env: { API_TOKEN: 'a-secret-of-some-length' },
    });
    expect((await updateServer(admin, 'patched', {})).args).toEqual([]);
    const bad = { env: { NODE_OPTIONS: '--require x' } };
    expect(await codeOf(requireServerTest(admin, 'patched', bad))).toBe('INVALID_INPUT');
  });

  it('a server that is switched off is tested only by who may change it', async () => {
    const { admin } = await saved('off');
    await updateServer(admin, 'off', { enabled: false });
    expect(await codeOf(requireServerTest(admin, 'off'))).toBe('none');
    expect(await codeOf(requireServerTest(ctx(await actor('manager')), 'off'))).toBe('CONFLICT');
  });

  it('each is in the audit trail, without secrets', async () => {
    const { admin, id } = await saved('audited');
    await requireServerTest(admin, 'audited');
    expect(await lastAudit()).toMatchObject({ action: 'server.tested', resourceId: id, resourceName: 'audited' });
    const env = { API_TOKEN: 'another-secret-value' };
    await requireConfigTest(admin, { name: 'draft', type: 'stdio', command: 'node', env });
    const row = await lastAudit();
    expect(row).toMatchObject({ action: 'server.tested', resourceId: null, resourceName: 'draft' });
    expect(row?.after).toMatchObject({ command: 'node', env: { API_TOKEN: '***' } });
  });

  it("settings that are not saved are never filled in from the hub's environment", () => {
    const server = { name: 'draft', type: 'stdio', command: '$' + '{HOME}/x', args: ['$' + '{PATH}'] } as const;
    const made = desiredOfInput({ ...server, args: [...server.args] });
    expect(made).toMatchObject({ command: server.command, args: server.args, fault: null });
  });
});
