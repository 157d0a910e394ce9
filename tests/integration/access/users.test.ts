// Users, invites and one-time links: what they do, and that nobody gains rights by them.
import { randomBytes } from 'node:crypto';
import { eq } from 'drizzle-orm';
import { beforeEach, describe, expect, it } from 'vitest';
import { groups, invites, roles, users } from '../../../drizzle/schema';
import {
  acceptInvite,
  type Ctx,
  changeOwnPassword,
  createActorResolver,
  createInvite,
  createKey,
  createKeyring,
  createResetLink,
  createUser,
  deleteUser,
  findInvite,
  findResetLink,
  getUser,
  listInvites,
  resetPassword,
  revokeInvite,
  signInWithPassword,
  updateUser,
} from '../../../lib/access';
import { createLockout } from '../../../lib/access/lockout';
import { eachDatabase } from '../../support/database';
import { signedInBrowser } from '../../support/signed-in';
import { accessFixture } from './fixture';

const keyring = createKeyring(randomBytes(32));
const password = 'correct horse battery';
const forbidden = { code: 'FORBIDDEN' };
const invalid = { code: 'INVALID_INPUT' };
const gone = { code: 'NOT_FOUND' };

eachDatabase('users', (kind) => {
  const fixture = accessFixture(kind);
  let root: Ctx;
  /** May manage users, and nothing else beyond what the role "user" allows. */
  let clerk: Ctx;

  beforeEach(async () => {
    root = await fixture.addUser('root', 'admin');
    const permissions = ['read', 'create', 'update', 'delete'].map((action) => ({
      resource: 'user',
      action,
      scope: 'all' as const,
    }));
    const [user] = await fixture.database.db.select().from(roles).where(eq(roles.name, 'user'));
    await fixture.database.db
      .insert(roles)
      .values({ name: 'clerk', permissions: [...(user?.permissions ?? []), ...permissions] });
    clerk = await fixture.addUser('clerk', 'clerk');
  });

  const source = () => ({ db: fixture.database.db, bus: fixture.bus, requestId: 'r' });
  const signIn = (username: string, given: string) =>
    signInWithPassword(
      { ...source(), keyring, address: 'here', lockout: createLockout() },
      { username, password: given },
    );

  it('are added without a password, choose one by the link, and the link works once', async () => {
    const { user, link } = await createUser(root, { username: 'ada', roles: ['user', 'auditor'] });
    expect(user).toMatchObject({ username: 'ada', roles: ['auditor', 'user'], version: 1 });
    await expect(signIn('ada', '')).rejects.toMatchObject(invalid);
    await expect(resetPassword(source(), { token: link.token, newPassword: 'short' })).rejects.toMatchObject(invalid);
    const both = await Promise.allSettled(
      ['first long password', 'second long password'].map((newPassword) =>
        resetPassword(source(), { token: link.token, newPassword }),
      ),
    );
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    await expect(resetPassword(source(), { token: link.token, newPassword: password })).rejects.toMatchObject(gone);
    await expect(createUser(root, { username: 'ADA' })).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('show when their password was set, by a link, by themselves and with an invite', async () => {
    const changedAt = async (userId: string) => (await getUser(root, userId)).passwordChangedAt;
    const { user, link } = await createUser(root, { username: 'ada' });
    expect(user.passwordChangedAt).toBeNull();
    await resetPassword(source(), { token: link.token, newPassword: password });
    const first = await changedAt(user.id);
    expect(Math.abs(Date.now() - Date.parse(first ?? ''))).toBeLessThan(60_000);
    await fixture.database.db
      .update(users)
      .set({ passwordChangedAt: new Date(0) })
      .where(eq(users.id, user.id));
    const ada = await fixture.contextOf(user.id);
    await changeOwnPassword(ada, { currentPassword: password, newPassword: 'a new long password' });
    expect(Date.parse((await changedAt(user.id)) ?? '')).toBeGreaterThanOrEqual(Date.parse(first ?? ''));
    const invite = (await createInvite(root, {})).link;
    const made = await acceptInvite(source(), { token: invite.token, username: 'eve', password });
    expect(Date.parse((await changedAt(made.userId)) ?? '')).toBeGreaterThanOrEqual(Date.parse(first ?? ''));
  });

  it('a new link voids the one before, ends a lockout and every session, and none is valid for the disabled', async () => {
    const { user, link } = await createUser(root, { username: 'ada' });
    const { token } = await createResetLink(root, user.id);
    expect(await findResetLink(root.db, link.token)).toBeNull();
    expect(await findResetLink(root.db, `${token}x`)).toBeNull();
    await fixture.database.db.update(users).set({ failedSignIns: 9, lockedUntil: new Date(Date.now() + 60_000) });
    await resetPassword(source(), { token, newPassword: password });
    expect(await signIn('ada', password)).toMatchObject({ user: { sessionVersion: 2 } });
    const last = await createResetLink(root, user.id);
    await updateUser(root, user.id, { disabled: true });
    expect(await findResetLink(root.db, last.token)).toBeNull();
    await updateUser(root, user.id, { disabled: false });
    expect(await findResetLink(root.db, last.token)).toBeNull();
  });

  it('disabling ends browser sessions and keys at once, enabling brings back only the keys', async () => {
    const ada = await fixture.addUser('ada', 'user');
    const access = createActorResolver({ ...source(), keyring });
    try {
      const { cookie } = await signedInBrowser(fixture.database.db, keyring, ada.actor.id);
      const { secret } = await createKey(ada, { name: 'cli' });
      expect(await access.resolveSession(cookie)).not.toBeNull();
      expect(await access.resolveBearer(secret)).not.toBeNull();
      await updateUser(root, ada.actor.id, { disabled: true });
      expect(await access.resolveSession(cookie)).toBeNull();
      expect(await access.resolveBearer(secret)).toBeNull();
      await updateUser(root, ada.actor.id, { disabled: false });
      expect(await access.resolveSession(cookie)).toBeNull();
      expect(await access.resolveBearer(secret)).not.toBeNull();
      await deleteUser(root, ada.actor.id);
      expect(await access.resolveBearer(secret)).toBeNull();
    } finally {
      await access.close();
    }
  });

  it('changes name the version they are based on', async () => {
    const { user } = await createUser(root, { username: 'ada' });
    await updateUser(root, user.id, { displayName: 'Ada L.' }, { ifVersion: 1 });
    await expect(updateUser(root, user.id, { displayName: 'x' }, { ifVersion: 1 })).rejects.toMatchObject({
      code: 'STALE_VERSION',
    });
    await expect(deleteUser(root, user.id, { ifVersion: 1 })).rejects.toMatchObject({ code: 'STALE_VERSION' });
    await expect(updateUser(root, 'no-uuid', {})).rejects.toMatchObject(gone);
  });

  it('are nobody else’s to change; oneself one may rename, but not enable, nor give roles', async () => {
    const ada = await fixture.addUser('ada', 'user');
    const manager = await fixture.addUser('max', 'manager');
    await expect(updateUser(ada, root.actor.id, { displayName: 'x' })).rejects.toMatchObject(gone);
    await expect(updateUser(manager, ada.actor.id, { displayName: 'x' })).rejects.toMatchObject(forbidden);
    expect(await updateUser(ada, ada.actor.id, { displayName: 'Ada' })).toMatchObject({ displayName: 'Ada' });
    for (const patch of [{ roles: ['admin'] }, { groups: [] }, { disabled: false }]) {
      await expect(updateUser(ada, ada.actor.id, patch)).rejects.toMatchObject(forbidden);
    }
    await expect(createUser(manager, { username: 'x' })).rejects.toMatchObject(forbidden);
    await expect(deleteUser(manager, ada.actor.id)).rejects.toMatchObject(forbidden);
    await expect(createInvite(manager, {})).rejects.toMatchObject(forbidden);
    await expect(listInvites(manager)).rejects.toMatchObject(forbidden);
  });

  describe('nobody gains rights', () => {
    it('by giving a role with more than they have, to others or to themselves', async () => {
      const ada = await fixture.addUser('ada', 'user');
      await expect(updateUser(clerk, ada.actor.id, { roles: ['admin'] })).rejects.toMatchObject(invalid);
      await expect(updateUser(clerk, clerk.actor.id, { roles: ['clerk', 'manager'] })).rejects.toMatchObject(invalid);
      await expect(createUser(clerk, { username: 'x', roles: ['admin'] })).rejects.toMatchObject(invalid);
      await expect(createInvite(clerk, { roles: ['auditor'] })).rejects.toMatchObject(invalid);
      expect(await updateUser(clerk, ada.actor.id, { roles: ['user', 'clerk'] })).toMatchObject({
        roles: ['clerk', 'user'],
      });
    });

    it('over somebody who has more: no password link, no disabling, no removal, no roles taken', async () => {
      const id = root.actor.id;
      await expect(createResetLink(clerk, id)).rejects.toMatchObject(forbidden);
      await expect(updateUser(clerk, id, { disabled: true })).rejects.toMatchObject(forbidden);
      await expect(updateUser(clerk, id, { roles: [] })).rejects.toMatchObject(forbidden);
      await expect(deleteUser(clerk, id)).rejects.toMatchObject(forbidden);
    });

    it('by a group that is not theirs to change', async () => {
      await fixture.database.db.insert(groups).values({ name: 'team' });
      await expect(createInvite(clerk, { groups: ['team'] })).rejects.toMatchObject(invalid);
      await expect(updateUser(clerk, clerk.actor.id, { groups: ['team'] })).rejects.toMatchObject(invalid);
      expect(await updateUser(root, clerk.actor.id, { groups: ['TEAM'] })).toMatchObject({ groups: ['team'] });
    });

    it('by an invite whose maker has lost the rights, is disabled, or is gone', async () => {
      const { link } = await createInvite(clerk, { roles: ['clerk'] });
      const accept = () => acceptInvite(source(), { token: link.token, username: 'new', password });
      await updateUser(root, clerk.actor.id, { roles: ['user'] });
      await expect(accept()).rejects.toMatchObject(gone);
      await updateUser(root, clerk.actor.id, { roles: ['clerk'], disabled: true });
      await expect(accept()).rejects.toMatchObject(gone);
      await updateUser(root, clerk.actor.id, { disabled: false });
      await expect(accept()).resolves.toMatchObject({ username: 'new' });
    });
  });

  it('the last admin stays, also when two admins remove each other at once', async () => {
    const last = { code: 'CONFLICT' };
    await expect(updateUser(root, root.actor.id, { roles: ['user'] })).rejects.toMatchObject(last);
    await expect(updateUser(fixture.system, root.actor.id, { disabled: true })).rejects.toMatchObject(last);
    await expect(deleteUser(fixture.system, root.actor.id)).rejects.toMatchObject(last);
    const other = await fixture.addUser('other', 'admin');
    const both = await Promise.allSettled([
      updateUser(root, other.actor.id, { roles: ['user'] }),
      updateUser(other, root.actor.id, { roles: ['user'] }),
    ]);
    expect(both.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const admins = (await Promise.all([root, other].map((each) => getUser(fixture.system, each.actor.id)))).filter(
      (user) => user.roles.includes('admin'),
    );
    expect(admins).toHaveLength(1);
  });

  describe('an invite', () => {
    it('makes an account with its roles and groups, once, even when two use it at once', async () => {
      await fixture.database.db.insert(groups).values({ name: 'team' });
      const { invite, link } = await createInvite(root, { note: 'for Ada', roles: ['auditor'], groups: ['team'] });
      expect(await findInvite(root.db, link.token)).not.toBeNull();
      const both = await Promise.allSettled(
        ['ada', 'eve'].map((username) => acceptInvite(source(), { token: link.token, username, password })),
      );
      expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      const [made] = both.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
      expect(await getUser(root, made?.userId ?? '')).toMatchObject({ roles: ['auditor'], groups: ['team'] });
      expect(await listInvites(root)).toMatchObject([{ id: invite.id, state: 'used', usedBy: made?.username }]);
      expect(await findInvite(root.db, link.token)).toBeNull();
      await expect(revokeInvite(root, invite.id)).rejects.toMatchObject({ code: 'CONFLICT' });
      expect(await signIn(made?.username ?? '', password)).toMatchObject({ ticket: null });
    });

    it('is not used up by a name that is taken or a password that is too short', async () => {
      const { link } = await createInvite(root, {});
      const accept = (username: string, given = password) =>
        acceptInvite(source(), { token: link.token, username, password: given });
      await expect(accept('ROOT')).rejects.toMatchObject({ code: 'CONFLICT' });
      await expect(accept('ada', 'short')).rejects.toMatchObject(invalid);
      await expect(accept('ada')).resolves.toMatchObject({ username: 'ada' });
    });

    it('ends when it is revoked and when its time is over, and its token is stored nowhere', async () => {
      const [one, other] = [await createInvite(root, {}), await createInvite(root, { expiresInDays: 1 })];
      await revokeInvite(root, one.invite.id);
      await revokeInvite(root, one.invite.id);
      await fixture.database.db.update(invites).set({ expiresAt: new Date() }).where(eq(invites.id, other.invite.id));
      for (const { link } of [one, other]) {
        await expect(acceptInvite(source(), { token: link.token, username: 'x', password })).rejects.toMatchObject(
          gone,
        );
        expect(JSON.stringify(await fixture.database.db.select().from(invites))).not.toContain(link.token);
      }
      expect((await listInvites(root)).map(({ state }) => state).sort()).toEqual(['expired', 'revoked']);
    });
  });
});
