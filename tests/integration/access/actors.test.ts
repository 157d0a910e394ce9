import { createHash, randomBytes } from 'node:crypto';
import { eq } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { apiKeys, groupMembers, groups, userRoles, users } from '../../../drizzle/schema';
import {
  type ActorResolver,
  actorOfBearer,
  actorOfSession,
  type Ctx,
  changeOwnPassword,
  createActorResolver,
  createKey,
  createKeyring,
  revokeKey,
  rotateKey,
  sealBrowserSession,
  sessionCookieNames,
  signInWithPassword,
  startBrowserSession,
} from '../../../lib/access';
import { createGuessLimiter, hashPassword } from '../../../lib/access/passwords';
import { hashSecret, newKeySecret } from '../../../lib/access/secrets';
import { type DatabaseKind, eachDatabase } from '../../support/database';
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
      expect(await access.resolveBearer(secret)).toEqual(known);
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
    const cookieOf = (user: { userId: string; sessionVersion: number }) =>
      `${sessionCookieNames.http}=${sealBrowserSession(keyring, startBrowserSession(user, Date.now()))}`;

    it('are the signed-in user', async () => {
      const cookie = cookieOf({ userId: ada.actor.id, sessionVersion: 1 });
      expect(await actorOfSession(access, cookie)).toEqual(ada.actor);
    });

    it('are null without a cookie, with a foreign one, and for a user that is gone', async () => {
      expect(await access.resolveSession(undefined)).toBeNull();
      expect(await access.resolveSession(`${sessionCookieNames.http}=eyJhbGciOiJub25lIn0.e30.`)).toBeNull();
      const other = createKeyring(randomBytes(32));
      const session = startBrowserSession({ userId: ada.actor.id, sessionVersion: 1 }, Date.now());
      expect(
        await access.resolveSession(`${sessionCookieNames.http}=${sealBrowserSession(other, session)}`),
      ).toBeNull();
      const gone = cookieOf({ userId: '00000000-0000-4000-8000-000000000000', sessionVersion: 1 });
      expect(await access.resolveSession(gone)).toBeNull();
    });

    it('end on every other browser when the password changes', async () => {
      const cookie = cookieOf({ userId: ada.actor.id, sessionVersion: 1 });
      expect(await access.resolveSession(cookie)).not.toBeNull();
      const limiter = createGuessLimiter();
      const input = { currentPassword: password, newPassword: 'a new long password' };
      const renewed = await changeOwnPassword(ada, input, { address: 'here', limiter });
      expect(await access.resolveSession(cookie)).toBeNull();
      expect(await access.resolveSession(cookieOf(renewed))).not.toBeNull();
      const parts = { db: ada.db, requestId: 'r', address: 'here', limiter };
      await expect(signInWithPassword(parts, { username: 'ada', password })).rejects.toMatchObject({
        code: 'UNAUTHENTICATED',
      });
      await expect(signInWithPassword(parts, { username: 'ada', password: input.newPassword })).resolves.toMatchObject({
        sessionVersion: 2,
      });
    });
  });
});

const password = 'correct horse battery';
const passwordHash = hashPassword(password);

eachDatabase('sign-in', (kind) => {
  const fixture = accessFixture(kind);
  const parts = (address = '10.0.0.1', limiter = createGuessLimiter()) => ({
    db: fixture.database.db,
    requestId: 'r',
    address,
    limiter,
  });

  it('takes the right password, whatever the case of the name', async () => {
    const ada = await fixture.addUser('Ada', 'user', { passwordHash: await passwordHash });
    const user = await signInWithPassword(parts(), { username: 'aDA', password });
    expect(user).toEqual({ userId: ada.actor.id, username: 'Ada', sessionVersion: 1 });
  });

  it('answers alike to a wrong password, an unknown user, and accounts disabled or without a password', async () => {
    await fixture.addUser('ada', 'user', { passwordHash: await passwordHash });
    await fixture.addUser('elsewhere', 'user');
    const off = await fixture.addUser('off', 'user', { passwordHash: await passwordHash });
    await fixture.database.db.update(users).set({ disabled: true }).where(eq(users.id, off.actor.id));
    const attempts = [
      { username: 'ada', password: 'wrong' },
      { username: 'nobody', password },
      { username: 'off', password },
      { username: 'elsewhere', password },
    ];
    const faults = await Promise.all(
      attempts.map((input) => signInWithPassword(parts(), input).catch((error: unknown) => error)),
    );
    for (const fault of faults) {
      expect(fault).toMatchObject({ code: 'UNAUTHENTICATED', message: 'The user name or the password is wrong.' });
    }
  });

  it('refuses the sixth wrong password within a minute, and then also the right one', async () => {
    await fixture.addUser('ada', 'user', { passwordHash: await passwordHash });
    const limited = parts();
    for (let i = 0; i < 5; i++) {
      await expect(signInWithPassword(limited, { username: 'ada', password: 'wrong' })).rejects.toMatchObject({
        code: 'UNAUTHENTICATED',
      });
    }
    await expect(signInWithPassword(limited, { username: 'ada', password })).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      extras: { retryAfterMs: expect.any(Number) },
    });
    await expect(
      signInWithPassword({ ...limited, address: '10.0.0.2' }, { username: 'ada', password }),
    ).resolves.toBeDefined();
  });
});
