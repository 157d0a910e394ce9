import { eq } from 'drizzle-orm';
import { beforeEach, expect, it } from 'vitest';
import { apiKeys, auditLogs, roles, settings, users } from '../../../drizzle/schema';
import { bootstrapAccess, completeSetup, issueSetupToken, needsSetup } from '../../../lib/access';
import { loadKey } from '../../../lib/access/identities';
import { builtInRoles } from '../../../lib/access/roles';
import { hashSecret } from '../../../lib/access/secrets';
import { eachDatabase, silentLog } from '../../support/database';
import { accessFixture } from './fixture';

const account = { username: 'Ada', password: 'correct horse battery' };
const env = { MCPHUB_ADMIN_USERNAME: 'root', MCPHUB_ADMIN_PASSWORD: 'correct horse battery' };
const bootstrapKey = 'any-form-of-key-with-32-characters-or-more';

eachDatabase('setup', (kind) => {
  const fixture = accessFixture(kind);
  const deps = () => ({ db: fixture.database.db, requestId: 'r1' });

  it('makes the first admin with the token, once', async () => {
    const { db } = fixture.database;
    const token = await issueSetupToken(db);
    expect(await needsSetup(db)).toBe(true);
    const admin = await completeSetup(deps(), { token, ...account });
    expect(await needsSetup(db)).toBe(false);
    const { actor } = await fixture.contextOf(admin.userId);
    expect((await db.select().from(users))[0]?.passwordChangedAt).toBeInstanceOf(Date);
    expect(actor.permissions).toEqual([{ resource: '*', action: '*', scope: 'all' }]);
    await expect(completeSetup(deps(), { token, ...account, username: 'Eve' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    expect(await db.select().from(settings).where(eq(settings.key, 'setup.token'))).toEqual([]);
    expect(await db.select().from(auditLogs)).toMatchObject([{ action: 'user.created', resourceName: 'Ada' }]);
  });

  it('of two at the same moment, one wins', async () => {
    const { db } = fixture.database;
    const other = await fixture.database.another();
    const token = await issueSetupToken(db);
    const results = await Promise.allSettled([
      completeSetup(deps(), { token, ...account, username: 'one' }),
      completeSetup({ db: other.db, requestId: 'r2' }, { token, ...account, username: 'two' }),
    ]);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(results.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'NOT_FOUND' } });
    expect(await db.select().from(users)).toHaveLength(1);
  });

  it('refuses a wrong token and the one of an earlier start, and the right one still works', async () => {
    const { db } = fixture.database;
    const earlier = await issueSetupToken(db);
    const token = await issueSetupToken(db);
    for (const wrong of [earlier, 'x', `${token}x`, '__proto__']) {
      await expect(completeSetup(deps(), { token: wrong, ...account })).rejects.toMatchObject({
        code: 'UNAUTHENTICATED',
      });
    }
    await expect(completeSetup(deps(), { token, ...account })).resolves.toMatchObject({ username: 'Ada' });
  });

  it('keeps no token in the database', async () => {
    const { db } = fixture.database;
    const token = await issueSetupToken(db);
    expect(JSON.stringify(await db.select().from(settings))).not.toContain(token);
  });

  it.each([
    ['a short password', { password: 'elevenchars' }, '/password'],
    ['a user name with a slash', { username: 'a/b' }, '/username'],
    ['a field that is not asked for', { role: 'admin' }, ''],
  ])('refuses %s and says where', async (_what, change, pointer) => {
    const token = await issueSetupToken(fixture.database.db);
    await expect(completeSetup(deps(), { token, ...account, ...change })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      extras: { faults: [{ pointer }] },
    });
    expect(await needsSetup(fixture.database.db)).toBe(true);
  });
});

eachDatabase('bootstrap', (kind) => {
  const fixture = accessFixture(kind);
  const boot = (more: object = {}) => bootstrapAccess({ db: fixture.database.db, env: { ...more }, log: silentLog });

  beforeEach(async () => {
    await fixture.database.db.delete(settings);
  });

  it('without an admin in the settings gives a new setup token at each start, until a user exists', async () => {
    const first = await boot();
    const second = await boot();
    expect(first.setupToken).toMatch(/^[\w-]{43}$/);
    expect(second.setupToken).not.toBe(first.setupToken);
    await fixture.addUser('ada', 'admin');
    expect(await boot()).toEqual({ setupToken: null });
  });

  it('makes the admin and the key of the settings, and changes nothing when run again', async () => {
    const { db } = fixture.database;
    const all = { ...env, MCPHUB_BOOTSTRAP_API_KEY: bootstrapKey };
    expect(await boot(all)).toEqual({ setupToken: null });
    expect(await boot(all)).toEqual({ setupToken: null });
    expect(await boot({ ...all, MCPHUB_ADMIN_PASSWORD: 'another password' })).toEqual({ setupToken: null });
    expect(await db.select().from(users)).toMatchObject([{ username: 'root', sessionVersion: 1, version: 1 }]);
    expect(await db.select().from(apiKeys)).toMatchObject([{ name: 'bootstrap', prefix: bootstrapKey.slice(0, 14) }]);
    expect(await db.select().from(roles)).toHaveLength(builtInRoles.length);
    expect((await loadKey(db, hashSecret(bootstrapKey)))?.actor).toMatchObject({ kind: 'key', name: 'root/bootstrap' });
  });

  it('may run in two programs at once', async () => {
    const { db } = fixture.database;
    const other = await fixture.database.another();
    const all = { ...env, MCPHUB_BOOTSTRAP_API_KEY: bootstrapKey };
    await Promise.all([boot(all), bootstrapAccess({ db: other.db, env: all, log: silentLog })]);
    expect(await db.select().from(users)).toHaveLength(1);
    expect(await db.select().from(apiKeys)).toHaveLength(1);
  });

  it('ends the former bootstrap key when the settings hold another one', async () => {
    const { db } = fixture.database;
    await boot({ ...env, MCPHUB_BOOTSTRAP_API_KEY: bootstrapKey });
    await boot({ ...env, MCPHUB_BOOTSTRAP_API_KEY: `${bootstrapKey}-new` });
    expect(await loadKey(db, hashSecret(bootstrapKey))).toBeNull();
    expect(await loadKey(db, hashSecret(`${bootstrapKey}-new`))).not.toBeNull();
  });

  it('does not revive a bootstrap key that was revoked', async () => {
    const { db } = fixture.database;
    const all = { ...env, MCPHUB_BOOTSTRAP_API_KEY: bootstrapKey };
    await boot(all);
    await db.update(apiKeys).set({ revokedAt: new Date() });
    await boot(all);
    expect(await loadKey(db, hashSecret(bootstrapKey))).toBeNull();
  });

  it('restores the built-in roles to what this version means by them', async () => {
    const { db } = fixture.database;
    await db.update(roles).set({ permissions: [] }).where(eq(roles.name, 'user'));
    await boot();
    const [role] = await db.select().from(roles).where(eq(roles.name, 'user'));
    expect(role?.permissions).toEqual(builtInRoles.find(({ name }) => name === 'user')?.permissions);
  });
});
