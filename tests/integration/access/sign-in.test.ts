// Signing in: the brake on guessing, the second step, and what neither tells to strangers.
import { randomBytes } from 'node:crypto';
import { eq } from 'drizzle-orm';
import { TOTP } from 'otpauth';
import { beforeEach, describe, expect, it } from 'vitest';
import { users } from '../../../drizzle/schema';
import {
  type Ctx,
  confirmSecondFactor,
  createKeyring,
  createVault,
  getSecondFactor,
  type Keyring,
  removeOwnSecondFactor,
  removeSecondFactor,
  renewRecoveryCodes,
  signInWithCode,
  signInWithPassword,
  startSecondFactor,
} from '../../../lib/access';
import { createLockout, type Lockout } from '../../../lib/access/lockout';
import { hashPassword } from '../../../lib/access/passwords';
import { prepareVault } from '../../../lib/servers/resealing';
import { eachDatabase, silentLog } from '../../support/database';
import { signedInBrowser } from '../../support/signed-in';
import { accessFixture } from './fixture';

const keyring = createKeyring(randomBytes(32));
const password = 'correct horse battery';
const passwordHash = hashPassword(password);
const wrong = { code: 'UNAUTHENTICATED' };

eachDatabase('sign-in', (kind) => {
  const fixture = accessFixture(kind);
  let now: number;
  let lockout: Lockout;
  let ada: Ctx;

  beforeEach(async () => {
    now = Date.now();
    lockout = createLockout(() => now);
    ada = await fixture.addUser('Ada', 'user', { passwordHash: await passwordHash });
  });

  const parts = (address = '10.0.0.1') => ({ db: fixture.database.db, keyring, requestId: 'r', address, lockout });
  const tryAs = (username: string, given: string, address?: string) =>
    signInWithPassword(parts(address), { username, password: given });
  const faultOf = (attempt: Promise<unknown>) => attempt.then(String, (error: unknown) => error as object);

  it('takes the right password, whatever the case of the name', async () => {
    const { user } = await tryAs('aDA', password);
    expect(user).toEqual({ userId: ada.actor.id, username: 'Ada', sessionVersion: 1 });
  });

  it('answers alike to a wrong password, an unknown user, and accounts disabled or without a password [T-LOGIN-02]', async () => {
    await fixture.addUser('elsewhere', 'user');
    const off = await fixture.addUser('off', 'user', { passwordHash: await passwordHash });
    await fixture.database.db.update(users).set({ disabled: true }).where(eq(users.id, off.actor.id));
    const attempts = [
      tryAs('ada', 'wrong'),
      tryAs('nobody', password),
      tryAs('off', password),
      tryAs('elsewhere', 'x'),
    ];
    for (const fault of await Promise.all(attempts.map(faultOf))) {
      expect(fault).toMatchObject({ ...wrong, message: 'The user name or the password is wrong.' });
    }
  });

  it.each(['ada', 'nobody'])(
    'guessing at "%s" has to wait after five attempts, longer each time, from whatever address, and is told how long',
    async (name) => {
      for (let i = 0; i < 5; i++) await expect(tryAs(name, 'wrong', `10.0.0.${i}`)).rejects.toMatchObject(wrong);
      const early = await faultOf(tryAs(name, password, '10.9.9.9'));
      expect(early).toMatchObject({
        code: 'LIMIT_EXCEEDED',
        message: 'Too many attempts for this name: try again in 30 seconds.',
        extras: { retryAfterMs: 30_000 },
      });
      now += 30_000;
      await expect(tryAs(name, 'wrong')).rejects.toMatchObject(wrong);
      expect(await faultOf(tryAs(name, password))).toMatchObject({ extras: { retryAfterMs: 60_000 } });
    },
  );

  it('a restart forgives nothing, and the right password in time forgives all', async () => {
    for (let i = 0; i < 5; i++) await expect(tryAs('ada', 'wrong')).rejects.toMatchObject(wrong);
    lockout = createLockout(() => now);
    await expect(tryAs('ada', password)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    now += 30_000;
    await expect(tryAs('ada', password)).resolves.toMatchObject({ ticket: null });
    for (let i = 0; i < 5; i++) await expect(tryAs('ada', 'wrong')).rejects.toMatchObject(wrong);
  });

  it('many guesses at once are as few as one after the other', async () => {
    const faults = await Promise.all(Array.from({ length: 12 }, () => faultOf(tryAs('ada', 'wrong'))));
    const codes = faults.map((fault) => (fault as { code: string }).code);
    expect(codes.filter((code) => code === 'UNAUTHENTICATED')).toHaveLength(5);
    expect(codes.filter((code) => code === 'LIMIT_EXCEEDED')).toHaveLength(7);
  });

  describe('with a second factor', () => {
    let secret: string;
    let recovery: string[];
    /** A code of another step each time, within what clocks may differ. */
    const codeAt = (steps: number) => new TOTP({ secret }).generate({ timestamp: Date.now() + steps * 30_000 });
    const ticketOf = async () => (await tryAs('ada', password)).ticket ?? '';
    const second = async (code: string, ticket?: string) =>
      signInWithCode(parts(), { ticket: ticket ?? (await ticketOf()), code });

    beforeEach(async () => {
      const start = await startSecondFactor(ada, { password }, { keyring, lockout });
      secret = start.secret;
      expect(start.uri).toMatch(/^otpauth:\/\/totp\/MCPHub:Ada\?/);
      ({ recoveryCodes: recovery } = await confirmSecondFactor(ada, { code: codeAt(-1) }, { keyring, lockout }));
    });

    it('the password alone signs nobody in, a code does, and each code once', async () => {
      expect(await tryAs('ada', password)).toMatchObject({ user: null });
      const code = codeAt(0);
      expect(await second(code)).toMatchObject({ username: 'Ada' });
      await expect(second(code)).rejects.toMatchObject(wrong);
      // The code that confirmed it is older than one that was used.
      await expect(second(codeAt(-1))).rejects.toMatchObject(wrong);
      expect(await second(codeAt(1))).toMatchObject({ username: 'Ada' });
    });

    it('it survives a change of the master key, and a wrong previous key harms nothing', async () => {
      const { db } = fixture.database;
      const stored = async () => (await db.select().from(users).where(eq(users.id, ada.actor.id)))[0];
      const next = createKeyring(randomBytes(32));
      const begin = (previous: Keyring | null) =>
        prepareVault({ db, vault: createVault(next), keyring: next, previous, log: silentLog });
      const signIn = async (code: string) => {
        const by = { ...parts(), keyring: next };
        const { ticket } = await signInWithPassword(by, { username: 'ada', password });
        return signInWithCode(by, { ticket: ticket ?? '', code });
      };
      let before = await stored();
      await begin(createKeyring(randomBytes(32)));
      expect(await stored()).toEqual(before);
      // Until then a code is neither right nor wrong, and none is counted; recovery codes work.
      for (let i = 0; i < 7; i++) {
        await expect(signIn(codeAt(0))).rejects.toMatchObject({
          code: 'UNAVAILABLE',
          message: 'Codes cannot be checked right now: try again in a moment.',
        });
      }
      expect(await stored()).toMatchObject({ failedSignIns: 0 });
      expect(await signIn(recovery[1] ?? '')).toMatchObject({ username: 'Ada' });
      before = await stored();
      await begin(keyring);
      const after = await stored();
      expect({ ...after, totpSecret: null }).toEqual({ ...before, totpSecret: null });
      expect(keyring.open('totp', after?.totpSecret ?? '')).toBeNull();
      // The same start again, and one without the setting, leave it as it is.
      await begin(keyring);
      await begin(null);
      expect(await stored()).toEqual(after);
      expect(await signIn(codeAt(0))).toMatchObject({ username: 'Ada' });
      expect(await signIn(recovery[0] ?? '')).toMatchObject({ username: 'Ada' });
    });

    it('of the same code twice at once one signs in', async () => {
      const [ticket, code] = [await ticketOf(), codeAt(0)];
      const both = await Promise.allSettled([second(code, ticket), second(code, ticket)]);
      expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    });

    it('a recovery code works once, as people type it', async () => {
      expect(recovery).toHaveLength(10);
      const [code = ''] = recovery;
      await second(code.toUpperCase().replaceAll('-', ' '));
      await expect(second(code)).rejects.toMatchObject(wrong);
      expect(await getSecondFactor(ada)).toMatchObject({ recoveryCodesLeft: 9 });
    });

    it('new recovery codes take the password, and are good in place of the others', async () => {
      await expect(renewRecoveryCodes(ada, {}, { lockout })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
      const [old = ''] = recovery;
      ({ recoveryCodes: recovery } = await renewRecoveryCodes(ada, { password }, { lockout }));
      await expect(second(old)).rejects.toMatchObject(wrong);
      expect(await second(recovery[0] ?? '')).toMatchObject({ username: 'Ada' });
      expect(await getSecondFactor(ada)).toMatchObject({ recoveryCodesLeft: 9 });
    });

    it('wrong codes count as wrong passwords do, and the right password in between forgives none', async () => {
      for (let i = 0; i < 4; i++) await expect(second('000000')).rejects.toMatchObject(wrong);
      const ticket = await ticketOf();
      await expect(second('000000', ticket)).rejects.toMatchObject(wrong);
      await expect(second(codeAt(0), ticket)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
      await expect(tryAs('ada', password)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    });

    it('a ticket is good for five minutes, for its user, and until the password changes', async () => {
      const stale = keyring.seal('sign-in', { userId: ada.actor.id, sessionVersion: 1, at: Date.now() - 301_000 });
      const again = { ...wrong, extras: { reason: 'ticket' } };
      await expect(second(codeAt(0), stale)).rejects.toMatchObject(again);
      await expect(second(codeAt(0), keyring.seal('browser', { userId: ada.actor.id }))).rejects.toMatchObject(again);
      const ticket = await ticketOf();
      await fixture.database.db.update(users).set({ sessionVersion: 2 });
      await expect(second(codeAt(0), ticket)).rejects.toMatchObject(again);
    });

    it('the secret is nowhere in the row, and is of no use in the row of another', async () => {
      const { db } = fixture.database;
      const [row] = await db.select().from(users).where(eq(users.id, ada.actor.id));
      const text = JSON.stringify(row);
      expect(
        [secret, ...recovery, ...recovery.map((code) => code.replaceAll('-', ''))].filter((each) =>
          text.includes(each),
        ),
      ).toEqual([]);
      const bob = await fixture.addUser('bob', 'user', { passwordHash: await passwordHash });
      await db
        .update(users)
        .set({ totpSecret: row?.totpSecret ?? null, totpConfirmedAt: new Date() })
        .where(eq(users.id, bob.actor.id));
      const { ticket } = await tryAs('bob', password);
      await expect(second(codeAt(0), ticket ?? '')).rejects.toMatchObject(wrong);
    });

    it('is removed with the password, however new the sign-in, and by an administrator, but not by others', async () => {
      const { sessionId } = await signedInBrowser(fixture.database.db, keyring, ada.actor.id);
      await expect(removeOwnSecondFactor({ ...ada, sessionId }, {}, { lockout })).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        extras: { faults: [{ pointer: '/password' }] },
      });
      await expect(removeOwnSecondFactor(ada, { password: 'wrong' }, { lockout })).rejects.toMatchObject({
        code: 'INVALID_INPUT',
      });
      const manager = await fixture.addUser('bob', 'manager');
      await expect(removeSecondFactor(manager, ada.actor.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      const admin = await fixture.addUser('root', 'admin');
      await expect(removeSecondFactor(admin, admin.actor.id)).rejects.toMatchObject({ code: 'FORBIDDEN' });
      await removeSecondFactor(admin, ada.actor.id);
      expect(await tryAs('ada', password)).toMatchObject({ ticket: null });
      await startSecondFactor(ada, { password }, { keyring, lockout });
      // Not confirmed, so it counts for nothing yet.
      expect(await tryAs('ada', password)).toMatchObject({ ticket: null });
    });
  });
});
