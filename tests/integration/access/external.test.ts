// Sign-in by what a provider proved: whose account that is, who gets one, what the rules give and take back, and what a
// user links and unlinks.
import { randomBytes } from 'node:crypto';
import { desc, eq } from 'drizzle-orm';
import { TOTP } from 'otpauth';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  auditLogs,
  browserSessions,
  groupMembers,
  groups,
  roles,
  userIdentities,
  userRoles,
  users,
} from '../../../drizzle/schema';
import {
  type Ctx,
  confirmSecondFactor,
  createKeyring,
  createRole,
  createSignInRule,
  deleteSignInRule,
  getSignInRule,
  linkIdentity,
  listOwnIdentities,
  listSignInRules,
  type Proof,
  proveRecently,
  removeOwnSecondFactor,
  renewRecoveryCodes,
  setSignInSetting,
  signInWithCode,
  signInWithPassword,
  signInWithProof,
  startSecondFactor,
  trySignInRules,
  unlinkIdentity,
  updateSignInRule,
  updateUser,
} from '../../../lib/access';
import { createLockout } from '../../../lib/access/lockout';
import { hashPassword } from '../../../lib/access/passwords';
import { eachDatabase } from '../../support/database';
import { signedInBrowser } from '../../support/signed-in';
import { accessFixture } from './fixture';

const keyring = createKeyring(randomBytes(32));
const issuer = 'https://idp.test';
const provider = { id: 'oidc' as const, name: 'Corp', issuer };
const ways = { providers: [provider], passwords: true };
const password = 'correct horse battery';
const passwordHash = hashPassword(password);

const proofOf = (subject: string, claims: Record<string, unknown> = {}): Proof => ({
  provider: 'oidc',
  issuer,
  subject,
  claims: { sub: subject, ...claims },
});

eachDatabase('sign-in at a provider', (kind) => {
  const fixture = accessFixture(kind);
  let root: Ctx;

  beforeEach(async () => {
    root = await fixture.addUser('root', 'admin', { passwordHash: await passwordHash });
  });

  const parts = () => ({ db: fixture.database.db, bus: fixture.bus, keyring, requestId: 'r', address: '192.0.2.1' });
  const signIn = (proof: Proof) => signInWithProof(parts(), proof);
  const userOf = async (proof: Proof) => {
    const { user } = await signIn(proof);
    if (!user) throw new Error('a code is due');
    return user;
  };
  const rolesOf = async (userId: string) => {
    const rows = await fixture.database.db
      .select({ name: roles.name })
      .from(userRoles)
      .innerJoin(roles, eq(roles.id, userRoles.roleId))
      .where(eq(userRoles.userId, userId));
    return rows.map(({ name }) => name).sort();
  };
  const groupsOf = async (userId: string) => {
    const rows = await fixture.database.db
      .select({ name: groups.name })
      .from(groupMembers)
      .innerJoin(groups, eq(groups.id, groupMembers.groupId))
      .where(eq(groupMembers.userId, userId));
    return rows.map(({ name }) => name).sort();
  };
  const accounts = () => fixture.database.db.select().from(users);
  const entries = () => fixture.database.db.select().from(auditLogs).orderBy(desc(auditLogs.id));
  const refused = { code: 'UNAUTHENTICATED', extras: { reason: 'not-allowed' } };
  const everybody = (given: object = { roles: ['user'] }) => createSignInRule(root, { claim: '*', ...given });

  describe('whose account it is', () => {
    it('an e-mail address or a name of an existing user takes nobody over', async () => {
      await setSignInSetting(root, { newAccounts: 'always' });
      await fixture.database.db.update(users).set({ email: 'root@corp.test' }).where(eq(users.id, root.actor.id));
      const claims = { email: 'root@corp.test', email_verified: true, preferred_username: 'Root' };
      const user = await userOf(proofOf('stranger', claims));
      expect(user).toMatchObject({ username: 'Root-2' });
      expect(user.userId).not.toBe(root.actor.id);
      expect(await rolesOf(user.userId)).toEqual(['user']);
    });

    it('the same subject of another issuer is somebody else', async () => {
      await everybody();
      const one = await userOf(proofOf('7', { preferred_username: 'ada' }));
      const other = await userOf({ ...proofOf('7', { preferred_username: 'ada' }), issuer: 'https://other.test' });
      const again = await userOf(proofOf('7', { preferred_username: 'renamed' }));
      expect([other.userId === one.userId, again.userId === one.userId, again.username]).toEqual([false, true, 'ada']);
    });

    it('many first sign-ins at once make one account', async () => {
      await everybody();
      const before = (await accounts()).length;
      const found = await Promise.all(Array.from({ length: 6 }, () => userOf(proofOf('new', { name: 'Neu' }))));
      expect(new Set(found.map(({ userId }) => userId)).size).toBe(1);
      expect(await accounts()).toHaveLength(before + 1);
      const made = (await entries()).filter(({ action }) => action === 'user.created');
      expect(made).toHaveLength(1);
    });

    it('a disabled user is refused, the reason is in the audit trail alone', async () => {
      await everybody();
      const user = await userOf(proofOf('ada'));
      await updateUser(root, user.userId, { disabled: true });
      await expect(signIn(proofOf('ada'))).rejects.toMatchObject({
        ...refused,
        message: 'You may not sign in here this way.',
      });
      const [entry] = await entries();
      expect(entry).toMatchObject({ action: 'user.sign-in-failed', after: { reason: 'oidc: account disabled' } });
    });

    it('who has a second factor here is asked for it, too', async () => {
      await everybody();
      const user = await userOf(proofOf('ada'));
      await fixture.database.db
        .update(users)
        .set({
          totpSecret: keyring.seal('totp', { userId: user.userId, secret: 'JBSWY3DPEHPK3PXP' }),
          totpConfirmedAt: new Date(),
        })
        .where(eq(users.id, user.userId));
      const step = await signIn(proofOf('ada'));
      expect(step).toMatchObject({ user: null, ticket: expect.any(String) });
      const lockout = createLockout();
      await expect(
        signInWithCode({ ...parts(), lockout }, { ticket: step.ticket ?? '', code: '000000' }),
      ).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
      const { TOTP } = await import('otpauth');
      const code = new TOTP({ secret: 'JBSWY3DPEHPK3PXP' }).generate();
      await expect(signInWithCode({ ...parts(), lockout }, { ticket: step.ticket ?? '', code })).resolves.toMatchObject(
        {
          userId: user.userId,
          method: 'oidc',
        },
      );
    });

    it('nobody becomes the first user of a hub by it', async () => {
      await setSignInSetting(root, { newAccounts: 'always' });
      await fixture.database.db.delete(users);
      await expect(signIn(proofOf('first'))).rejects.toMatchObject(refused);
      expect(await accounts()).toEqual([]);
    });
  });

  describe('somebody new', () => {
    it('gets an account if a rule matches, unless the setting says otherwise', async () => {
      await expect(signIn(proofOf('a'))).rejects.toMatchObject(refused);
      await createSignInRule(root, { claim: 'groups', value: 'dev', roles: ['manager'] });
      await expect(signIn(proofOf('a', { groups: ['ops'] }))).rejects.toMatchObject(refused);
      const user = await userOf(proofOf('a', { groups: ['ops', 'dev'] }));
      expect(await rolesOf(user.userId)).toEqual(['manager']);
      await setSignInSetting(root, { newAccounts: 'never' });
      await expect(signIn(proofOf('b', { groups: ['dev'] }))).rejects.toMatchObject(refused);
      await expect(signIn(proofOf('a', { groups: ['dev'] }))).resolves.toMatchObject({ user: { userId: user.userId } });
    });

    it('needs a verified address of one of the domains, where domains are named', async () => {
      await setSignInSetting(root, { newAccounts: 'always', domains: ['Corp.test', 'corp.test'] });
      const attempts: Record<string, unknown>[] = [
        {},
        { email: 'a@corp.test' },
        { email: 'a@corp.test', email_verified: 'true' },
        { email: 'a@evil.test', email_verified: true },
        { email: 'a@corp.test@evil.test', email_verified: true },
        { email: 'a@sub.corp.test', email_verified: true },
      ];
      for (const claims of attempts) await expect(signIn(proofOf('a', claims))).rejects.toMatchObject(refused);
      await expect(signIn(proofOf('a', { email: 'A@CORP.test', email_verified: true }))).resolves.toMatchObject({
        user: { username: 'A' },
      });
    });

    it('has a name that users may have, whatever the claims are', async () => {
      await everybody();
      const names = ['Zoë Müller', '../..', '', '\u0000', '名前', 'x'.repeat(300), 7, { a: 1 }, 'a@b.test'];
      for (const [index, name] of names.entries()) {
        const user = await userOf(proofOf(`s${index}`, { preferred_username: name }));
        expect(user.username).toMatch(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/);
      }
    });
  });

  describe('who may still sign in', () => {
    const atCorp = { email: 'ada@corp.test', email_verified: true };
    const lastReason = async () => (await entries()).find(({ action }) => /failed|refused/.test(action))?.after;

    it('an account that exists needs an address of a domain that is still named, a password needs none', async () => {
      await setSignInSetting(root, { newAccounts: 'always', domains: ['corp.test', 'new.test'] });
      await createSignInRule(root, { claim: 'groups', value: 'dev', roles: ['manager'] });
      const { userId } = await userOf(proofOf('ada', { ...atCorp, groups: ['dev'] }));
      expect(await rolesOf(userId)).toContain('manager');
      await linkIdentity(root, proofOf('r', { ...atCorp, email: 'root@corp.test' }));
      const identities = () => fixture.database.db.select().from(userIdentities).orderBy(userIdentities.subject);
      const before = (await identities()).map(({ lastSignInAt }) => lastSignInAt);
      await setSignInSetting(root, { domains: ['new.test'] });
      const told: string[] = [];
      fixture.bus.on('access.changed', (event) => void told.push(event.userId));
      await expect(signIn(proofOf('ada', { ...atCorp, groups: ['dev', 'ops'] }))).rejects.toMatchObject({
        ...refused,
        message: 'You may not sign in here this way.',
      });
      expect(await lastReason()).toEqual({ reason: 'oidc: the e-mail address is of another domain' });
      // What rules gave is gone, and nothing came to it; the account and what it has by hand stay.
      expect([await rolesOf(userId), told]).toEqual([[], [userId]]);
      expect((await identities()).map(({ lastSignInAt }) => lastSignInAt)).toEqual(before);
      await expect(signIn(proofOf('r', { ...atCorp, email: 'root@corp.test' }))).rejects.toMatchObject(refused);
      const byPassword = { ...parts(), lockout: createLockout() };
      await expect(signInWithPassword(byPassword, { username: 'root', password })).resolves.toMatchObject({
        user: { userId: root.actor.id },
      });
      await expect(signIn(proofOf('ada', { email: 'ada@new.test', email_verified: true }))).resolves.toMatchObject({
        user: { userId },
      });
    });

    it('an account without a password needs a rule that matches, where rules open accounts', async () => {
      await createSignInRule(root, { provider: 'github', claim: 'orgs', value: 'corp', roles: ['user'] });
      const member = (orgs: string[]): Proof => ({ ...proofOf('42', { orgs }), provider: 'github' });
      const { userId } = await userOf(member(['corp']));
      await expect(signIn(member(['other']))).rejects.toMatchObject(refused);
      expect(await lastReason()).toEqual({ reason: 'github: no rule matches' });
      expect(await rolesOf(userId)).toEqual([]);
      expect(await userOf(member(['other', 'corp']))).toMatchObject({ userId });
      expect(await rolesOf(userId)).toEqual(['user']);
      // Linking is no way around it, and the trail tells of the attempt.
      const ada = await fixture.contextOf(userId);
      await expect(linkIdentity(ada, proofOf('private'))).rejects.toMatchObject({
        code: 'FORBIDDEN',
        extras: { reason: 'not-allowed' },
      });
      const [entry] = await entries();
      expect(entry).toMatchObject({ action: 'user.identity-refused', after: { reason: 'oidc: no rule matches' } });
      // With a password the account is one that an administrator opened.
      await fixture.database.db
        .update(users)
        .set({ passwordHash: await passwordHash })
        .where(eq(users.id, userId));
      expect(await userOf(member(['other']))).toMatchObject({ userId });
    });

    it('shuts administrators out only while one of them has a password', async () => {
      await createSignInRule(root, { claim: 'groups', value: 'admins', roles: ['admin'] });
      const boss = proofOf('boss', { ...atCorp, groups: ['admins'] });
      const { userId } = await userOf(boss);
      await setSignInSetting(root, { domains: ['mistyped.test'] });
      await fixture.database.db.update(users).set({ disabled: true }).where(eq(users.id, root.actor.id));
      expect(await userOf(boss)).toMatchObject({ userId });
      expect(await rolesOf(userId)).toEqual(['admin']);
      const kept = (await entries()).find(({ action }) => action === 'user.sign-in-kept');
      expect(kept?.after).toMatchObject({ despite: 'the e-mail address is of another domain' });
      await expect(signIn(proofOf('stranger', { groups: ['admins'] }))).rejects.toMatchObject(refused);
      await fixture.database.db.update(users).set({ disabled: false }).where(eq(users.id, root.actor.id));
      await expect(signIn(boss)).rejects.toMatchObject(refused);
      expect(await rolesOf(userId)).toEqual([]);
    });
  });

  describe('rules', () => {
    it('give and take back at each sign-in, and leave what was given by hand', async () => {
      await setSignInSetting(root, { newAccounts: 'always' });
      const [team] = await fixture.database.db.insert(groups).values({ name: 'team' }).returning();
      await createSignInRule(root, {
        claim: 'org.role',
        value: 'lead',
        roles: ['manager', 'auditor'],
        groups: ['team'],
      });
      await everybody();
      const lead = { org: { role: 'lead' } };
      const { userId } = await userOf(proofOf('ada', { ...lead, login: 'ada' }));
      expect([await rolesOf(userId), await groupsOf(userId)]).toEqual([['auditor', 'manager', 'user'], ['team']]);
      // By hand before any rule gave it: the rule does not own it.
      const bob = await userOf(proofOf('bob'));
      await updateUser(root, bob.userId, { roles: ['user', 'auditor'] });
      await userOf(proofOf('bob', lead));
      expect(await rolesOf(bob.userId)).toEqual(['auditor', 'manager', 'user']);
      await userOf(proofOf('bob'));
      expect(await rolesOf(bob.userId)).toEqual(['auditor', 'user']);
      const told: string[] = [];
      fixture.bus.on('access.changed', (event) => void told.push(event.userId));
      await userOf(proofOf('ada', { org: { role: 'member' } }));
      expect([await rolesOf(userId), await groupsOf(userId)]).toEqual([['user'], []]);
      expect(told).toEqual([userId]);
      expect(team).toBeDefined();
      const applied = (await entries()).find(({ action }) => action === 'user.rules-applied');
      expect(applied).toMatchObject({
        resourceName: 'ada',
        before: { roles: ['auditor', 'manager', 'user'], groups: ['team'] },
        after: { roles: ['user'], groups: [] },
      });
    });

    it('never take the last admin away', async () => {
      const rule = await createSignInRule(root, { claim: 'groups', value: 'admins', roles: ['admin'] });
      const { userId } = await userOf(proofOf('ada', { groups: ['admins'] }));
      await fixture.database.db.delete(users).where(eq(users.id, root.actor.id));
      await userOf(proofOf('ada'));
      expect(await rolesOf(userId)).toEqual(['admin']);
      const second = await fixture.addUser('second', 'admin');
      await deleteSignInRule(second, rule.id);
      await expect(signIn(proofOf('ada'))).rejects.toMatchObject(refused);
      expect(await rolesOf(userId)).toEqual([]);
    });

    it('of one identity leave what those of another give', async () => {
      await setSignInSetting(root, { newAccounts: 'always' });
      await createSignInRule(root, { claim: 'groups', value: 'dev', roles: ['manager'] });
      const dev = { groups: ['dev'] };
      const { userId } = await userOf(proofOf('ada', dev));
      const ada = await fixture.contextOf(userId);
      await linkIdentity(ada, { ...proofOf('ada', dev), issuer: 'https://other.test' });
      await userOf({ ...proofOf('ada', dev), issuer: 'https://other.test' });
      await userOf(proofOf('ada'));
      expect(await rolesOf(userId)).toEqual(['manager']);
      await userOf({ ...proofOf('ada'), issuer: 'https://other.test' });
      expect(await rolesOf(userId)).toEqual([]);
    });

    it('match a provider, nested names, names with dots, lists, and nothing inherited', async () => {
      const claims = {
        'https://corp.test/roles': ['a'],
        realm: { access: { roles: ['x', 'y'] } },
        level: 3,
        flag: true,
        list: [['deep']],
      };
      const matching = async (claim: string, value: string, at = '*') => {
        const rule = await createSignInRule(root, { provider: at as '*', claim, value, roles: ['user'] });
        const trial = await trySignInRules(root, { provider: 'oidc', claims });
        await deleteSignInRule(root, rule.id);
        return trial.rules.includes(rule.id);
      };
      const yes: [string, string][] = [
        ['https://corp.test/roles', 'a'],
        ['realm.access.roles', 'y'],
        ['level', '3'],
        ['flag', 'true'],
      ];
      const no: [string, string][] = [
        ['realm.access', 'roles'],
        ['realm.access.roles', 'x,y'],
        ['realm.access.roles', 'X'],
        ['list', 'deep'],
        ['constructor.name', 'Object'],
        ['__proto__', 'x'],
        ['realm.access.roles.length', '2'],
      ];
      for (const [claim, value] of yes) expect([claim, await matching(claim, value)]).toEqual([claim, true]);
      for (const [claim, value] of no) expect([claim, await matching(claim, value)]).toEqual([claim, false]);
      expect(await matching('level', '3', 'github')).toBe(false);
      expect(await matching('level', '3', 'oidc')).toBe(true);
    });

    it('are nobody to write, change or remove who could not give by hand what they give', async () => {
      await createRole(root, {
        name: 'settler',
        permissions: [
          { resource: 'setting', action: 'read', scope: 'all' },
          { resource: 'setting', action: 'update', scope: 'all' },
        ],
      });
      const settler = await fixture.addUser('settler', 'settler');
      const admins = await createSignInRule(root, { claim: 'groups', value: 'admins', roles: ['admin'] });
      await expect(createSignInRule(settler, { claim: '*', roles: ['admin'] })).rejects.toMatchObject({
        code: 'INVALID_INPUT',
      });
      await expect(updateSignInRule(settler, admins.id, { value: 'everybody' })).rejects.toMatchObject({
        code: 'FORBIDDEN',
      });
      await expect(deleteSignInRule(settler, admins.id)).rejects.toMatchObject({ code: 'FORBIDDEN' });
      await expect(setSignInSetting(settler, { newAccounts: 'always' })).rejects.toMatchObject({ code: 'FORBIDDEN' });
      const own = await createSignInRule(settler, { claim: '*', roles: ['settler'] });
      await expect(updateSignInRule(settler, own.id, { roles: ['manager'] })).rejects.toMatchObject({
        code: 'INVALID_INPUT',
      });
      const user = await fixture.addUser('plain', 'user');
      await expect(listSignInRules(user)).rejects.toMatchObject({ code: 'FORBIDDEN' });
      for (const attempt of [
        () => getSignInRule(user, own.id),
        () => updateSignInRule(user, own.id, { value: 'x' }),
        () => deleteSignInRule(user, own.id),
      ]) {
        await expect(attempt()).rejects.toMatchObject({ code: 'NOT_FOUND' });
      }
      const auditor = await fixture.addUser('reader', 'auditor');
      await expect(listSignInRules(auditor)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    });

    it('have to say something, and are changed by one at a time', async () => {
      const bad = [
        { claim: '*', value: 'x', roles: ['user'] },
        { claim: 'a', roles: ['user'] },
        { claim: 'a', value: 'b' },
        { claim: 'a', value: 'b', roles: ['nope'] },
        { claim: 'a', value: 'b', groups: ['nope'] },
        { claim: '', value: 'b', roles: ['user'] },
      ];
      for (const input of bad)
        await expect(createSignInRule(root, input)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
      const rule = await everybody();
      const changed = await updateSignInRule(root, rule.id, { claim: 'a', value: 'b' }, { ifVersion: rule.version });
      expect(changed).toMatchObject({ claim: 'a', value: 'b', roles: ['user'], version: rule.version + 1 });
      await expect(updateSignInRule(root, rule.id, { value: 'c' }, { ifVersion: rule.version })).rejects.toMatchObject({
        code: 'STALE_VERSION',
      });
    });

    it('are tried without a change of anything', async () => {
      await everybody();
      const before = (await accounts()).length;
      expect(await trySignInRules(root, { provider: 'oidc', claims: { sub: 'x' } })).toMatchObject({
        roles: ['user'],
        newAccount: { made: true, because: null },
      });
      await setSignInSetting(root, { newAccounts: 'never' });
      expect((await trySignInRules(root, { provider: 'oidc', claims: {} })).newAccount.made).toBe(false);
      expect(await accounts()).toHaveLength(before);
    });
  });

  const inBrowser = async (ctx: Ctx): Promise<Ctx> => ({
    ...ctx,
    sessionId: (await signedInBrowser(fixture.database.db, keyring, ctx.actor.id)).sessionId,
  });

  it('a second factor of an account without a password takes a recent sign-in, for which its code is asked', async () => {
    await everybody();
    const { userId } = await userOf(proofOf('ada'));
    const ada = await inBrowser(await fixture.contextOf(userId));
    const lockout = createLockout();
    const by = { keyring, lockout };
    const again = { code: 'FORBIDDEN', extras: { reason: 'proof' } };
    // Without a session, as for a key; with an old one; and a made-up password is none.
    await expect(startSecondFactor({ ...ada, sessionId: undefined }, {}, by)).rejects.toMatchObject(again);
    await expect(startSecondFactor({ ...ada, sessionId: undefined }, { password: 'x' }, by)).rejects.toMatchObject(
      again,
    );
    const { secret } = await startSecondFactor(ada, {}, by);
    const codeAt = (steps: number) => new TOTP({ secret }).generate({ timestamp: Date.now() + steps * 30_000 });
    const { recoveryCodes } = await confirmSecondFactor(ada, { code: codeAt(-1) }, by);
    const { user, ticket } = await signIn(proofOf('ada'));
    expect([user, ticket]).toEqual([null, expect.any(String)]);
    const done = await signInWithCode({ ...parts(), lockout }, { ticket: ticket ?? '', code: codeAt(0) });
    expect(done).toMatchObject({ userId, method: 'oidc' });
    const old = new Date(Date.now() - 11 * 60_000);
    await fixture.database.db.update(browserSessions).set({ createdAt: old });
    await expect(renewRecoveryCodes(ada, {}, by)).rejects.toMatchObject(again);
    await expect(removeOwnSecondFactor(ada, {}, by)).rejects.toMatchObject(again);
    const anew = await inBrowser(ada);
    const renewed = await renewRecoveryCodes(anew, {}, by);
    expect(renewed.recoveryCodes.filter((code) => recoveryCodes.includes(code))).toEqual([]);
    // Another user's session is no proof, and no key is.
    const other = await inBrowser(await fixture.contextOf((await userOf(proofOf('bob'))).userId));
    await expect(removeOwnSecondFactor({ ...ada, sessionId: other.sessionId }, {}, by)).rejects.toMatchObject(again);
    const key = { ...anew, actor: { ...anew.actor, kind: 'key' as const } };
    await expect(removeOwnSecondFactor(key, {}, by)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await removeOwnSecondFactor(anew, {}, by);
    expect(await signIn(proofOf('ada'))).toMatchObject({ user: { userId }, ticket: null });
    const told = (await entries()).map(({ action }) => action).filter((action) => /factor|codes/.test(action));
    expect(told).toEqual([
      'user.second-factor-removed',
      'user.recovery-codes-renewed',
      'user.second-factor-added',
      'user.second-factor-started',
    ]);
  });

  describe('the own identities', () => {
    it('are linked once, and then sign that user in', async () => {
      await linkIdentity(root, proofOf('r', { email: 'r@corp.test' }));
      await linkIdentity(root, proofOf('r'));
      expect(await userOf(proofOf('r'))).toMatchObject({ userId: root.actor.id });
      const { identities, hasPassword } = await listOwnIdentities(root, ways);
      expect([identities, hasPassword]).toMatchObject([[{ provider: 'oidc', providerName: 'Corp' }], true]);
      const other = await fixture.addUser('other', 'user');
      await expect(linkIdentity(other, proofOf('r'))).rejects.toMatchObject({
        code: 'CONFLICT',
        extras: { reason: 'taken' },
      });
      const key = { ...root, actor: { ...root.actor, kind: 'key' as const } };
      await expect(linkIdentity(key, proofOf('z'))).rejects.toMatchObject({ code: 'FORBIDDEN' });
    });

    it('take a recent sign-in or the password', async () => {
      const ctx = await inBrowser(root);
      await expect(proveRecently(ctx, {})).resolves.toBeUndefined();
      const old = new Date(Date.now() - 11 * 60_000);
      await fixture.database.db.update(browserSessions).set({ createdAt: old });
      await expect(proveRecently(ctx, {})).rejects.toMatchObject({ code: 'FORBIDDEN', extras: { reason: 'proof' } });
      const lockout = createLockout();
      await expect(proveRecently(ctx, { password: 'wrong' }, lockout)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
      await expect(proveRecently(ctx, { password }, lockout)).resolves.toBeUndefined();
    });

    it('are unlinked with what their rules gave, but never the last way in', async () => {
      await createSignInRule(root, { claim: '*', roles: ['manager'] });
      const { userId } = await userOf(proofOf('ada'));
      const ada = await inBrowser(await fixture.contextOf(userId));
      const [first] = (await listOwnIdentities(ada, ways)).identities;
      const unlink = (id = '', given = ways) => unlinkIdentity(ada, id, {}, given);
      await expect(unlink(first?.id)).rejects.toMatchObject({ code: 'CONFLICT' });
      await linkIdentity(ada, proofOf('second'));
      const ids = (await listOwnIdentities(ada, ways)).identities.map(({ id }) => id);
      // Two at once, of which each would leave the other.
      const both = await Promise.allSettled(ids.map((id) => unlink(id)));
      expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      expect(await fixture.database.db.select().from(userIdentities)).toHaveLength(1);
      // A password counts only where people sign in with one, a provider only while it is set up.
      await fixture.database.db
        .update(users)
        .set({ passwordHash: await passwordHash })
        .where(eq(users.id, userId));
      const [left = ''] = (await listOwnIdentities(ada, ways)).identities.map(({ id }) => id);
      await expect(unlink(left, { ...ways, passwords: false })).rejects.toMatchObject({ code: 'CONFLICT' });
      await expect(unlinkIdentity(await inBrowser(root), left, {}, ways)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await unlink(left);
      expect(await rolesOf(userId)).not.toContain('manager');
    });
  });
});
