// The second factor: codes by time (TOTP, RFC 6238) of an authenticator app, and recovery codes for when it is lost. The
// secret is sealed with a purpose of its own and bound to its user; of recovery codes only hashes are stored.
import { randomBytes } from 'node:crypto';
import { eq, isNotNull } from 'drizzle-orm';
import { Secret, TOTP } from 'otpauth';
import { z } from 'zod';
import { users } from '../../drizzle/schema';
import type { Db, Tx } from '../db/types';
import { HubError, isHubError } from '../errors';
import { parseInput } from '../input';
import { writeAudit } from '../telemetry/audit';
import { can, canGive } from './can';
import type { Ctx } from './context';
import type { Keyring } from './keyring';
import { isUuid } from './keys';
import { type Lockout, lockout as processLockout, unlocked } from './lockout';
import { ownAccount, proveOwner } from './proof';
import { noteLockOut } from './refusals';
import { permissionsOf } from './roles-of';
import {
  type FactorConfirm,
  type FactorStart,
  factorConfirmSchema,
  type OwnerProof,
  type SecondFactorView,
} from './schema';
import { hashSecret } from './secrets';

type Sealer = Pick<Keyring, 'seal' | 'open'>;
type UserRow = typeof users.$inferSelect;

const secretBytes = 20;
const periodSeconds = 30;
/** Steps before and after the present one that count, for clocks that differ (RFC 6238, 5.2). */
const window = 1;
const recoveryCodes = 10;
const recoveryBytes = 10;

const sealedSchema = z.object({ userId: z.string(), secret: z.string() });

/** Whether the asking user has a second factor, and how many recovery codes are left. @throws HubError FORBIDDEN */
export async function getSecondFactor(ctx: Ctx): Promise<SecondFactorView> {
  const user = await ownAccount(ctx);
  return { enabledAt: user.totpConfirmedAt?.toISOString() ?? null, recoveryCodesLeft: user.recoveryCodes.length };
}

/**
 * Makes a new secret, which counts once a code of it is confirmed. Until then a second start replaces the first.
 * @throws HubError CONFLICT while there is a second factor, and as proveOwner
 */
export async function startSecondFactor(
  ctx: Ctx,
  input: OwnerProof,
  { keyring, lockout }: { keyring: Sealer; lockout?: Lockout },
): Promise<FactorStart> {
  const user = await proveOwner(ctx, input, lockout);
  if (user.totpConfirmedAt) throw new HubError('CONFLICT', 'There is a second factor already: remove it first.');
  const secret = new Secret({ buffer: new Uint8Array(randomBytes(secretBytes)).buffer });
  await ctx.db.transaction(async (tx) => {
    await tx
      .update(users)
      .set({ totpSecret: keyring.seal('totp', { userId: user.id, secret: secret.base32 }), totpLastStep: null })
      .where(eq(users.id, user.id));
    await writeAudit(tx, ctx, { ...named(user), action: 'user.second-factor-started' });
  });
  return { secret: secret.base32, uri: totpOf(secret.base32, user.username).toString() };
}

/**
 * Confirms the secret with a code of it; from now on a sign-in takes one.
 * @returns recovery codes, which are shown this once
 * @throws HubError FORBIDDEN, INVALID_INPUT for a wrong code, CONFLICT where nothing is to be confirmed, LIMIT_EXCEEDED,
 * UNAVAILABLE
 */
export async function confirmSecondFactor(
  ctx: Ctx,
  input: FactorConfirm,
  { keyring, lockout = processLockout() }: { keyring: Sealer; lockout?: Lockout },
): Promise<{ recoveryCodes: string[] }> {
  const owner = await ownAccount(ctx);
  const { code } = parseInput(factorConfirmSchema, input);
  await noteLockOut(ctx, lockout.attempt(ctx.db, owner, owner.username), async () => named(owner));
  const codes = newRecoveryCodes();
  const confirm = async (tx: Tx) => {
    const user = await lockedRow(tx, owner.id);
    if (!user.totpSecret || user.totpConfirmedAt) throw new HubError('CONFLICT', 'There is nothing to confirm.');
    const step = stepOf(keyring, user, code);
    if (step === null) {
      throw new HubError('INVALID_INPUT', 'The code is wrong.', {
        hint: 'Wait for the next code; the clock of the phone must be right.',
        faults: [{ pointer: '/code', detail: 'is wrong' }],
      });
    }
    await tx
      .update(users)
      .set({
        totpConfirmedAt: new Date(),
        totpLastStep: step,
        recoveryCodes: hashesOf(codes),
        version: user.version + 1,
        ...unlocked,
      })
      .where(eq(users.id, user.id));
    await writeAudit(tx, ctx, { ...named(user), action: 'user.second-factor-added' });
  };
  await lookAtCode(ctx.db, lockout, owner.id, () => ctx.db.transaction(confirm));
  return { recoveryCodes: codes };
}

/**
 * Makes new recovery codes, which are shown this once; those from before are good no more.
 * @throws HubError CONFLICT without a second factor, and as proveOwner
 */
export async function renewRecoveryCodes(
  ctx: Ctx,
  input: OwnerProof,
  { lockout }: { lockout?: Lockout } = {},
): Promise<{ recoveryCodes: string[] }> {
  const { id } = await proveOwner(ctx, input, lockout);
  const codes = newRecoveryCodes();
  await ctx.db.transaction(async (tx) => {
    const user = await lockedRow(tx, id);
    if (!user.totpConfirmedAt) throw new HubError('CONFLICT', 'There is no second factor.');
    await tx
      .update(users)
      .set({ recoveryCodes: hashesOf(codes), version: user.version + 1 })
      .where(eq(users.id, id));
    await writeAudit(tx, ctx, { ...named(user), action: 'user.recovery-codes-renewed' });
  });
  return { recoveryCodes: codes };
}

/** Removes the own second factor. @throws HubError as proveOwner */
export async function removeOwnSecondFactor(
  ctx: Ctx,
  input: OwnerProof,
  { lockout }: { lockout?: Lockout } = {},
): Promise<void> {
  const user = await proveOwner(ctx, input, lockout);
  await remove(ctx, user);
}

/**
 * Removes the second factor of somebody who lost it. Doing it twice is no fault.
 * @throws HubError NOT_FOUND, FORBIDDEN for the own one, and for a user with rights that the actor has not
 */
export async function removeSecondFactor(ctx: Ctx, userId: string): Promise<void> {
  if (!isUuid(userId) || !can(ctx.actor, 'update', { type: 'user' })) throw new HubError('NOT_FOUND');
  const [user] = await ctx.db.select().from(users).where(eq(users.id, userId));
  if (!user) throw new HubError('NOT_FOUND');
  if (ctx.actor.userId === userId) {
    throw new HubError('FORBIDDEN', 'Remove your own second factor on the page of your account.');
  }
  if (!canGive(ctx.actor, await permissionsOf(ctx.db, userId))) {
    throw new HubError('FORBIDDEN', `"${user.username}" has rights that you do not have.`);
  }
  await remove(ctx, user);
}

async function remove(ctx: Ctx, { id }: UserRow): Promise<void> {
  await ctx.db.transaction(async (tx) => {
    const user = await lockedRow(tx, id);
    if (!user.totpSecret) return;
    await tx
      .update(users)
      .set({
        totpSecret: null,
        totpConfirmedAt: null,
        totpLastStep: null,
        recoveryCodes: [],
        version: user.version + 1,
      })
      .where(eq(users.id, id));
    if (user.totpConfirmedAt) await writeAudit(tx, ctx, { ...named(user), action: 'user.second-factor-removed' });
  });
}

/**
 * Looks at a code whose attempt was counted, and takes that back where it cannot be looked at: nobody shall be held back for
 * a code that may be right.
 */
export async function lookAtCode<T>(db: Db, lockout: Lockout, userId: string, look: () => Promise<T>): Promise<T> {
  try {
    return await look();
  } catch (error) {
    if (isHubError(error) && error.code === 'UNAVAILABLE') {
      // Where the database is away, too, the first fault says it.
      await lockout.refund(db, userId).catch(() => undefined);
    }
    throw error;
  }
}

/**
 * Uses a code up: no code works twice, not even when it comes twice at once.
 * @returns which kind it was, null for a wrong one
 * @throws HubError UNAVAILABLE where it cannot be found out
 */
export async function spendCode(
  db: Db,
  keyring: Sealer,
  userId: string,
  code: string,
): Promise<'code' | 'recovery code' | null> {
  return db.transaction(async (tx) => {
    const user = await lockedRow(tx, userId);
    if (!user.totpConfirmedAt) return null;
    const step = stepOf(keyring, user, code);
    if (step !== null) {
      if (user.totpLastStep !== null && step <= user.totpLastStep) return null;
      await tx.update(users).set({ totpLastStep: step }).where(eq(users.id, userId));
      return 'code';
    }
    const hash = hashSecret(plainCode(code));
    if (!user.recoveryCodes.includes(hash)) return null;
    const left = user.recoveryCodes.filter((each) => each !== hash);
    await tx.update(users).set({ recoveryCodes: left }).where(eq(users.id, userId));
    return 'recovery code';
  });
}

/**
 * After a change of the master key: seals the secrets that open with the previous one with the present one, all or none.
 * Changes nothing when it runs again. @returns how many it were
 */
export async function resealSecondFactors(db: Db, keyring: Sealer, previous: Pick<Keyring, 'open'>): Promise<number> {
  return db.transaction(async (tx) => {
    let count = 0;
    const rows = await tx
      .select({ id: users.id, totpSecret: users.totpSecret, updatedAt: users.updatedAt })
      .from(users)
      .where(isNotNull(users.totpSecret))
      .orderBy(users.id)
      .for('update');
    for (const { id, totpSecret, updatedAt } of rows) {
      if (!totpSecret || keyring.open('totp', totpSecret) !== null) continue;
      const payload = previous.open('totp', totpSecret);
      if (payload === null) continue;
      await tx
        .update(users)
        .set({ totpSecret: keyring.seal('totp', payload), updatedAt })
        .where(eq(users.id, id));
      count++;
    }
    return count;
  });
}

/**
 * The time step of a right code, else null.
 * @throws HubError UNAVAILABLE while the secret does not open: after a change of the master key until the worker has sealed
 * it anew, and for good where that key is lost
 */
function stepOf(keyring: Sealer, { id, username, totpSecret }: UserRow, code: string): number | null {
  const digits = code.replace(/\s/g, '');
  if (!/^\d{6}$/.test(digits) || !totpSecret) return null;
  const opened = keyring.open('totp', totpSecret);
  if (opened === null) {
    throw new HubError('UNAVAILABLE', 'Codes cannot be checked right now: try again in a moment.', {
      hint: 'If it stays so, use a recovery code, or ask an administrator to remove your second factor.',
    });
  }
  const sealed = sealedSchema.safeParse(opened);
  if (!sealed.success || sealed.data.userId !== id) return null;
  const timestamp = Date.now();
  const delta = totpOf(sealed.data.secret, username).validate({ token: digits, window, timestamp });
  return delta === null ? null : Math.floor(timestamp / 1000 / periodSeconds) + delta;
}

function totpOf(secret: string, label: string): TOTP {
  // The algorithm, the digits and the period are those that every authenticator app knows.
  return new TOTP({ issuer: 'MCPHub', label, secret, algorithm: 'SHA1', digits: 6, period: periodSeconds });
}

/** Each of 80 random bits, as `abcd-efgh-ijkl-mnop`. */
function newRecoveryCodes(): string[] {
  return Array.from({ length: recoveryCodes }, () => {
    const text = new Secret({ buffer: new Uint8Array(randomBytes(recoveryBytes)).buffer }).base32.toLowerCase();
    return text.match(/.{4}/g)?.join('-') ?? text;
  });
}

const hashesOf = (codes: readonly string[]) => codes.map((each) => hashSecret(plainCode(each)));

/** People type spaces, capitals and no dashes. */
function plainCode(code: string): string {
  return code.toLowerCase().replace(/[\s-]/g, '');
}

async function lockedRow(tx: Tx, userId: string): Promise<UserRow> {
  const [user] = await tx.select().from(users).where(eq(users.id, userId)).for('update');
  if (!user) throw new HubError('NOT_FOUND');
  return user;
}

function named(user: { id: string; username: string }) {
  return { resourceType: 'user', resourceId: user.id, resourceName: user.username };
}
