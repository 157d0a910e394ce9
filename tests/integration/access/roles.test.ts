// Roles that administrators add: what they may hold, who may give it, and that a change holds at once.
import { eq } from 'drizzle-orm';
import { beforeEach, expect, it } from 'vitest';
import { auditLogs, roles, userRoles } from '../../../drizzle/schema';
import {
  type Ctx,
  createActorResolver,
  createKey,
  createKeyring,
  createRole,
  deleteRole,
  duplicateRole,
  getRole,
  listRoles,
  updateRole,
} from '../../../lib/access';
import { can } from '../../../lib/access/can';
import type { RoleInput } from '../../../lib/access/schema';
import type { HubError } from '../../../lib/errors';
import { eachDatabase } from '../../support/database';
import { accessFixture } from './fixture';

const reader: RoleInput = {
  name: 'reader',
  description: 'Looks at servers',
  permissions: [{ resource: 'server', action: 'read', scope: 'all' }],
};

async function faultOf(promise: Promise<unknown>): Promise<HubError> {
  return promise.then(
    () => expect.fail('nothing was refused'),
    (error: unknown) => error as HubError,
  );
}

eachDatabase('roles', (kind) => {
  const fixture = accessFixture(kind);
  let root: Ctx;
  const give = async (who: Ctx, role: string) => {
    const { id } = await getRole(root, role);
    await who.db.insert(userRoles).values({ userId: who.actor.userId ?? '', roleId: id });
    return fixture.contextOf(who.actor.userId ?? '');
  };

  beforeEach(async () => {
    root = await fixture.addUser('root', 'admin');
  });

  it('are made, read, changed and deleted, each with its row in the audit trail', async () => {
    const made = await createRole(root, reader);
    expect(made).toMatchObject({ ...reader, builtIn: false, users: [], userCount: 0, version: 1 });
    const changed = await updateRole(root, 'reader', { description: 'x' }, { ifVersion: 1 });
    expect(changed).toMatchObject({ ...reader, description: 'x', version: 2 });
    expect((await faultOf(updateRole(root, 'reader', { description: 'y' }, { ifVersion: 1 }))).code).toBe(
      'STALE_VERSION',
    );
    expect((await faultOf(createRole(root, reader))).code).toBe('CONFLICT');
    await createRole(root, { ...reader, name: 'other' });
    expect((await faultOf(updateRole(root, 'other', { name: 'reader' }))).code).toBe('CONFLICT');
    await deleteRole(root, 'reader', { ifVersion: 2 });
    expect((await faultOf(getRole(root, 'reader'))).code).toBe('NOT_FOUND');
    expect((await listRoles(root)).map(({ name }) => name)).toEqual(['admin', 'auditor', 'manager', 'user', 'other']);
    const trail = await root.db.select().from(auditLogs).where(eq(auditLogs.resourceType, 'role'));
    expect(trail.map(({ action }) => action)).toEqual(['role.created', 'role.updated', 'role.created', 'role.deleted']);
  });

  it('two people who make one role at once get one role', async () => {
    const made = await Promise.allSettled([createRole(root, reader), createRole(root, reader)]);
    expect(made.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  it('built-in ones are read and duplicated, never changed or deleted', async () => {
    for (const name of ['admin', 'manager', 'user', 'auditor']) {
      expect((await faultOf(updateRole(root, name, { description: 'x' }))).code).toBe('FORBIDDEN');
      expect((await faultOf(deleteRole(root, name))).code).toBe('FORBIDDEN');
    }
    const copy = await duplicateRole(root, 'admin', 'almost-admin');
    expect(copy.builtIn).toBe(false);
    expect(copy.permissions).toContainEqual({ resource: 'server', action: 'create', scope: 'all' });
    expect(copy.permissions.some(({ resource, action }) => resource === '*' || action === '*')).toBe(false);
    const { permissions } = await duplicateRole(root, 'user', 'user-copy');
    expect(permissions).toEqual((await getRole(root, 'user')).permissions);
  });

  it('hold only permissions that mean something', async () => {
    const refused = (permission: object) =>
      faultOf(createRole(root, { ...reader, permissions: [permission] } as RoleInput));
    for (const permission of [
      { resource: '*', action: '*', scope: 'all' },
      { resource: 'audit', action: 'delete', scope: 'all' },
      { resource: 'server', action: 'create', scope: 'group' },
      { resource: 'server', action: 'read', scope: 'all', more: true },
    ]) {
      const { code, extras } = await refused(permission);
      expect([code, extras.faults?.[0]?.pointer]).toEqual([
        'INVALID_INPUT',
        expect.stringMatching(/^\/permissions\/0/),
      ]);
    }
  });

  it('nobody gives what he has not: not by a new role, a change or a copy', async () => {
    await createRole(root, {
      name: 'keeper',
      permissions: [
        { resource: 'role', action: 'read', scope: 'all' },
        { resource: 'role', action: 'create', scope: 'all' },
        { resource: 'role', action: 'update', scope: 'all' },
        { resource: 'server', action: 'read', scope: 'group' },
      ],
    });
    const keeper = await give(await fixture.addUser('kim', 'user'), 'keeper');
    expect((await faultOf(createRole(keeper, reader))).extras.faults).toEqual([
      { pointer: '/permissions/0', detail: expect.stringContaining('you do not have') },
    ]);
    await createRole(keeper, { name: 'small', permissions: [{ resource: 'server', action: 'read', scope: 'group' }] });
    const wider = { permissions: reader.permissions };
    expect((await faultOf(updateRole(keeper, 'small', wider))).code).toBe('INVALID_INPUT');
    expect((await faultOf(updateRole(keeper, 'keeper', wider))).code).toBe('INVALID_INPUT');
    expect((await faultOf(duplicateRole(keeper, 'admin', 'mine'))).code).toBe('INVALID_INPUT');
    // What others gave to a role may stay in it, and may be made less.
    await createRole(root, reader);
    await updateRole(keeper, 'reader', { description: 'x', ...wider });
    await updateRole(keeper, 'reader', { permissions: [{ resource: 'server', action: 'read', scope: 'own' }] });
    expect((await faultOf(deleteRole(keeper, 'reader'))).code).toBe('FORBIDDEN');
  });

  it('a role in use is not deleted, and the refusal says who has it', async () => {
    await createRole(root, reader);
    await give(await fixture.addUser('ada', 'user'), 'reader');
    const { code, message } = await faultOf(deleteRole(root, 'reader'));
    expect([code, message]).toEqual(['CONFLICT', 'The role "reader" is in use: ada has it.']);
    expect(await getRole(root, 'reader')).toMatchObject({ users: ['ada'], userCount: 1 });
    expect(await root.db.select().from(roles).where(eq(roles.name, 'reader'))).toHaveLength(1);
  });

  it('are hidden from those who may not see them, and a limited key changes none', async () => {
    const ada = await fixture.addUser('ada', 'user');
    expect((await faultOf(listRoles(ada))).code).toBe('FORBIDDEN');
    expect((await faultOf(getRole(ada, 'admin'))).code).toBe('NOT_FOUND');
    const limited: Ctx = { ...root, actor: { ...root.actor, keyScope: { groups: ['x'] } } };
    expect((await faultOf(createRole(limited, reader))).code).toBe('FORBIDDEN');
    const auditor = await fixture.addUser('aud', 'auditor');
    expect((await listRoles(auditor)).find(({ name }) => name === 'admin')?.users).toEqual(['root']);
    expect((await faultOf(createRole(auditor, reader))).code).toBe('FORBIDDEN');
  });

  it('a change holds at once for every credential of those who have the role, here and in other processes', async () => {
    await createRole(root, reader);
    const ada = await give(await fixture.addUser('ada', 'user'), 'reader');
    const { secret } = await createKey(ada, { name: 'k' });
    const told: unknown[] = [];
    fixture.bus.on('role.changed', (event) => void told.push(event));
    const access = createActorResolver({
      db: root.db,
      bus: fixture.bus,
      keyring: createKeyring(Buffer.alloc(32, 7)),
    });
    try {
      const maySee = async () => {
        const actor = await access.resolveBearer(secret);
        return actor !== null && can(actor, 'read', { type: 'server', server: 'x' });
      };
      expect(await maySee()).toBe(true);
      const { id } = await updateRole(root, 'reader', { permissions: [] });
      expect(await maySee()).toBe(false);
      await updateRole(root, 'reader', { permissions: reader.permissions });
      expect(await maySee()).toBe(true);
      await updateRole(root, 'reader', { description: 'no right changed' });
      const event = { id, name: 'reader', userIds: [ada.actor.userId] };
      expect(told).toEqual([event, event]);
    } finally {
      await access.close();
    }
  });
});
