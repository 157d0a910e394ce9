import { createHash, randomBytes } from 'node:crypto';
import { eq } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { apiKeys, browserSessions, groupMembers, groups, userRoles, users } from '../../../drizzle/schema';
import {
  type ActorResolver,
  actorOfBearer,
  actorOfSession,
  type BrowserSession,
  type Ctx,
  changeOwnPassword,
  createActorResolver,
  createKey,
  createKeyring,
  type Keyring,
  listSessions,
  revokeKey,
  revokeOtherSessions,
  revokeSession,
  rotateKey,
  sealBrowserSession,
  sessionCookieNames,
  signInWithPassword,
  signOutOf,
  startBrowserSession,
} from '../../../lib/access';
import { createLockout } from '../../../lib/access/lockout';
import { hashPassword } from '../../../lib/access/passwords';
import { hashSecret, newKeySecret } from '../../../lib/access/secrets';
import { type DatabaseKind, eachDatabase } from '../../support/database';
import { signedInBrowser } from '../../support/signed-in';
import { until } from '../../support/until';
import { accessFixture } from './fixture';

const keyring = createKeyring(randomBytes(32));
const second = 1000;

eachDatabase('actors', (kind: DatabaseKind) => {
  const fixture = accessFixture(kind);
  let access: ActorResolver;
  /** Both clocks of the resolver; tests move them. */
  let elapsed: number;
  let ada: Ctx;

  beforeEach(async () => {
    elapsed = 0;
    const start = Date.now();
    access = createActorResolver({
      db: fixture.database.db,
      bus: fixture.bus,
      keyring,
      now: () => elapsed,
      wallClock: () => start + elapsed,
    });
    ada = await fixture.addUser('ada', 'user', { groups: ['team'], passwordHash: await passwordHash });
  });
  afterEach(() => access.close());

  describe('of an API key', () => {
    it('have the rights of the owner and the scope of the key', async () => {
      const { key, secret } = await createKey(ada, { name: 'cli', scope: { tools: ['GitHub/getIssue'] } });
      expect(await actorOfBearer(access, secret)).toEqual({
        ...ada.actor,
        kind: 'key',
        id: key.id,
        name: 'ada/cli',
        keyScope: { tools: ['github/getIssue'] },
      });
      expect(ada.actor.groupIds).toHaveLength(1);
    });

    it('are answered without a promise once known', async () => {
      const { secret } = await createKey(ada, { name: 'cli' });
      const first = await access.resolveBearer(secret);
      expect(access.resolveBearer(secret)).toBe(first);
    });

    it('are null for keys that do not exist, however they look', async () => {
      for (const token of ['', 'x', newKeySecret(), 'x'.repeat(40), 'x'.repeat(100_000), "' or 1=1 --".repeat(5)]) {
        expect(await access.resolveBearer(token)).toBeNull();
      }
    });

    it('are null without a look into the database where the checksum is wrong', async () => {
      const lost = await fixture.database.another();
      const bootstrapKey = `mcphub_${'chosen-by-the-operator-'.repeat(2)}`;
      const cut = createActorResolver({ db: lost.db, bus: fixture.bus, keyring, bootstrapKey });
      await lost.close();
      const secret = newKeySecret();
      const connection = {};
      for (const wrong of [`${secret.slice(0, -1)}${secret.endsWith('0') ? '1' : '0'}`, secret.slice(0, -1)]) {
        expect(cut.resolveBearer(wrong)).toBeNull();
        expect(cut.resolveBearer(wrong, undefined, connection)).toBeNull();
      }
      // What may be a key is looked for, among it the operator's own of whatever form.
      for (const possible of [secret, bootstrapKey]) {
        await expect(Promise.resolve(cut.resolveBearer(possible, undefined, connection))).rejects.toMatchObject({
          code: 'UNAVAILABLE',
        });
      }
      await cut.close();
    });

    it('belong to the token, not to the connection that several callers of a proxy share', async () => {
      const bob = await fixture.addUser('bob', 'user');
      const [mine, his] = [await createKey(ada, { name: 'cli' }), await createKey(bob, { name: 'cli' })];
      const connection = {};
      for (const [secret, name] of [
        [mine.secret, 'ada/cli'],
        [his.secret, 'bob/cli'],
        [mine.secret, 'ada/cli'],
      ] as const) {
        expect(await access.resolveBearer(secret, undefined, connection)).toMatchObject({ name });
      }
      expect(await access.resolveBearer(newKeySecret(), undefined, connection)).toBeNull();
    });

    it('are found for keys of the former format', async () => {
      const random = randomBytes(32).toString('base64url');
      const secret = `mcphub_${random}${createHash('sha256').update(random).digest('base64url').slice(0, 6)}`;
      const { userId } = ada.actor;
      await fixture.database.db
        .insert(apiKeys)
        .values({ userId: userId ?? '', name: 'old', prefix: 'mcphub_', secretHash: hashSecret(secret) });
      expect(await access.resolveBearer(secret)).toMatchObject({ name: 'ada/old' });
    });

    it('of a rotated key work for the overlap, and no longer, also from memory', async () => {
      const { key, secret } = await createKey(ada, { name: 'cli', scope: { readOnly: true } });
      const known = await access.resolveBearer(secret);
      const { secret: next, key: successor } = await rotateKey(ada, key.id, { overlapHours: 1 });
      expect(await access.resolveBearer(next)).toEqual({ ...known, id: successor.id });
      expect(await access.resolveBearer(secret)).toEqual({ ...known, expiresAtMs: expect.any(Number) });
      elapsed = 3600 * second + second;
      expect(await access.resolveBearer(secret)).toBeNull();
      expect(await access.resolveBearer(next)).not.toBeNull();
    });

    it('end at once for a key that is rotated without overlap', async () => {
      const { key, secret } = await createKey(ada, { name: 'cli' });
      expect(await access.resolveBearer(secret)).not.toBeNull();
      await rotateKey(ada, key.id, { overlapHours: 0 });
      expect(await access.resolveBearer(secret)).toBeNull();
    });

    it('end the moment a key is revoked', async () => {
      const { key, secret } = await createKey(ada, { name: 'cli' });
      expect(await access.resolveBearer(secret)).not.toBeNull();
      await revokeKey(ada, key.id);
      expect(await access.resolveBearer(secret)).toBeNull();
    });

    it('end also when the key is revoked while it is being looked up', async () => {
      const { key, secret } = await createKey(ada, { name: 'cli' });
      const asked = access.resolveBearer(secret);
      await revokeKey(ada, key.id);
      await asked;
      expect(await access.resolveBearer(secret)).toBeNull();
    });

    it('end when a key expires, to the millisecond, also from memory', async () => {
      const expiresAt = new Date(Date.now() + 30 * second).toISOString();
      const { secret } = await createKey(ada, { name: 'cli', expiresAt });
      expect(await access.resolveBearer(secret)).not.toBeNull();
      elapsed = 31 * second;
      expect(await access.resolveBearer(secret)).toBeNull();
    });

    it('end when the owner is disabled', async () => {
      const { secret } = await createKey(ada, { name: 'cli' });
      expect(await access.resolveBearer(secret)).not.toBeNull();
      await fixture.database.db.update(users).set({ disabled: true });
      await fixture.bus.emit('access.changed', { userId: ada.actor.id });
      expect(await access.resolveBearer(secret)).toBeNull();
    });

    it('follow a change of rights or memberships at once', async () => {
      const { db } = fixture.database;
      const { secret } = await createKey(ada, { name: 'cli' });
      expect((await access.resolveBearer(secret))?.groupIds).toHaveLength(1);
      await db.delete(groupMembers);
      const [group] = await db.select().from(groups);
      await fixture.bus.emit('group.updated', { id: group?.id ?? '', name: 'team' });
      expect((await access.resolveBearer(secret))?.groupIds).toEqual([]);
      await db.delete(userRoles);
      await fixture.bus.emit('access.changed', { userId: ada.actor.id });
      expect((await access.resolveBearer(secret))?.permissions).toEqual([]);
    });

    it('follow a change that no event told of within a minute', async () => {
      const { db } = fixture.database;
      const { secret } = await createKey(ada, { name: 'cli' });
      expect((await access.resolveBearer(secret))?.permissions).not.toEqual([]);
      await db.delete(userRoles);
      elapsed = 40 * second;
      expect(access.resolveBearer(secret)).not.toBeInstanceOf(Promise);
      await until(async () => (await access.resolveBearer(secret))?.permissions.length === 0, 5000);
    });

    it('are trusted for a minute without the database, then refused as unavailable', async () => {
      const lost = await fixture.database.another();
      const cut = createActorResolver({ db: lost.db, bus: fixture.bus, keyring, now: () => elapsed });
      const { secret } = await createKey(ada, { name: 'cli' });
      expect(await cut.resolveBearer(secret)).not.toBeNull();
      await lost.close();
      elapsed = 59 * second;
      expect(await cut.resolveBearer(secret)).toMatchObject({ name: 'ada/cli' });
      elapsed = 61 * second;
      await expect(Promise.resolve(cut.resolveBearer(secret))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      await expect(Promise.resolve(cut.resolveBearer(newKeySecret()))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      await cut.close();
    });

    it('leave the time and place of the last use, at most once a minute', async () => {
      const { db } = fixture.database;
      const { key, secret } = await createKey(ada, { name: 'cli' });
      const row = async () => (await db.select().from(apiKeys).where(eq(apiKeys.id, key.id)))[0];
      await access.resolveBearer(secret, '10.0.0.1');
      await until(async () => (await row())?.lastUsedFrom === '10.0.0.1', 5000);
      elapsed = 30 * second;
      await access.resolveBearer(secret, '10.0.0.2');
      elapsed = 61 * second;
      await access.resolveBearer(secret, '10.0.0.3');
      await access.close();
      expect((await row())?.lastUsedFrom).toBe('10.0.0.3');
    });
  });

  describe('of a browser session', () => {
    const signIn = (ctx: Ctx = ada, sessionVersion?: number) =>
      signedInBrowser(fixture.database.db, keyring, ctx.actor.id, sessionVersion);

    it('are the signed-in user', async () => {
      expect(await actorOfSession(access, (await signIn()).cookie)).toEqual(ada.actor);
    });

    it('are null without a cookie, with a foreign one, without its row, and for a user that is gone', async () => {
      expect(await access.resolveSession(undefined)).toBeNull();
      expect(await access.resolveSession(`${sessionCookieNames.http}=eyJhbGciOiJub25lIn0.e30.`)).toBeNull();
      const cookieOf = (ring: Keyring, session: BrowserSession) =>
        `${sessionCookieNames.http}=${sealBrowserSession(ring, session)}`;
      const session = startBrowserSession({ userId: ada.actor.id, sessionVersion: 1 }, Date.now());
      expect(await access.resolveSession(cookieOf(createKeyring(randomBytes(32)), session))).toBeNull();
      expect(await access.resolveSession(cookieOf(keyring, session))).toBeNull();
      const bob = await fixture.addUser('bob', 'user');
      const { cookie, sessionId } = await signIn(bob);
      // The row of one user is of no use to another.
      expect(await access.resolveSession(cookieOf(keyring, { ...session, id: sessionId }))).toBeNull();
      await fixture.database.db.delete(users).where(eq(users.id, bob.actor.id));
      expect(await access.resolveSession(cookie)).toBeNull();
    });

    it('end the moment a session is revoked, and no other one with it', async () => {
      const [one, other] = [await signIn(), await signIn()];
      expect(await access.resolveSession(one.cookie)).not.toBeNull();
      expect(await access.resolveSession(other.cookie)).not.toBeNull();
      await revokeSession(ada, ada.actor.id, one.sessionId);
      await revokeSession(ada, ada.actor.id, one.sessionId);
      expect(await access.resolveSession(one.cookie)).toBeNull();
      expect(await access.resolveSession(other.cookie)).not.toBeNull();
      const third = await signIn();
      const asking = { ...ada, sessionId: third.sessionId };
      expect(await revokeOtherSessions(asking, ada.actor.id)).toEqual({ ended: 1 });
      expect(await access.resolveSession(other.cookie)).toBeNull();
      expect(await access.resolveSession(third.cookie)).not.toBeNull();
      expect(await listSessions(asking, ada.actor.id)).toMatchObject([{ id: third.sessionId, isCurrent: true }]);
    });

    it('end at the sign-out, and with the seven days of the row whatever the cookie says', async () => {
      const { cookie, sessionId } = await signIn();
      await signOutOf({ ...ada, sessionId });
      expect(await access.resolveSession(cookie)).toBeNull();
      const late = await signIn();
      await fixture.database.db.update(browserSessions).set({ expiresAt: new Date(Date.now() - 600_000) });
      expect(await access.resolveSession(late.cookie)).toBeNull();
    });

    it("are nobody else's to see or to end", async () => {
      const { sessionId } = await signIn();
      const bob = await fixture.addUser('bob', 'manager');
      const refused = { code: 'NOT_FOUND' };
      await expect(listSessions(bob, ada.actor.id)).rejects.toMatchObject(refused);
      await expect(revokeSession(bob, ada.actor.id, sessionId)).rejects.toMatchObject(refused);
      await expect(revokeSession(bob, bob.actor.id, sessionId)).rejects.toMatchObject(refused);
      await expect(revokeOtherSessions(bob, ada.actor.id)).rejects.toMatchObject(refused);
      const admin = await fixture.addUser('root', 'admin');
      await revokeSession(admin, ada.actor.id, sessionId);
      expect(await listSessions(admin, ada.actor.id)).toEqual([]);
    });

    it('are noted as seen once a minute at most, and never while somebody waits', async () => {
      const { cookie, sessionId } = await signIn();
      const seen = async () =>
        (await fixture.database.db.select().from(browserSessions).where(eq(browserSessions.id, sessionId)))[0]
          ?.lastSeenAt;
      const long = new Date(Date.now() - 3_600_000);
      await fixture.database.db.update(browserSessions).set({ lastSeenAt: long });
      await access.resolveSession(cookie);
      expect(await seen()).toEqual(long);
      await until(async () => (await seen())?.getTime() !== long.getTime(), 5_000);
      const first = await seen();
      for (let i = 0; i < 20; i++) await access.resolveSession(cookie);
      elapsed = 61 * second;
      await access.resolveSession(cookie);
      await access.close();
      expect((await seen())?.getTime()).toBeGreaterThan((first?.getTime() ?? 0) + 59 * second);
    });

    it('end on every browser when the password changes', async () => {
      const { cookie } = await signIn();
      expect(await access.resolveSession(cookie)).not.toBeNull();
      const input = { currentPassword: password, newPassword: 'a new long password' };
      const lockout = createLockout();
      const renewed = await changeOwnPassword(ada, input, { lockout });
      expect(await access.resolveSession(cookie)).toBeNull();
      expect(await access.resolveSession((await signIn(ada, renewed.sessionVersion)).cookie)).not.toBeNull();
      const parts = { db: ada.db, keyring, requestId: 'r', address: 'here', lockout };
      await expect(signInWithPassword(parts, { username: 'ada', password })).rejects.toMatchObject({
        code: 'UNAUTHENTICATED',
      });
      await expect(signInWithPassword(parts, { username: 'ada', password: input.newPassword })).resolves.toMatchObject({
        user: { sessionVersion: 2 },
      });
    });
  });
});

const password = 'correct horse battery';
const passwordHash = hashPassword(password);
