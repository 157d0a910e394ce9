// Changing a password: the own one, with the present one; or by a link that an administrator makes, which works once.
// Nobody ever sets a password that somebody else uses.
import { randomBytes } from 'node:crypto';
import { eq, sql } from 'drizzle-orm';
import { z } from 'zod';
import { settings, users } from '../../drizzle/schema';
import type { Db, Tx } from '../db/types';
import { HubError } from '../errors';
import type { Bus } from '../events/bus';
import { parseInput } from '../input';
import { writeAudit } from '../telemetry/audit';
import { endAllSessions } from './browser-sessions';
import { can, canGive } from './can';
import type { Ctx } from './context';
import { isUuid } from './keys';
import { type Lockout, unlocked } from './lockout';
import { hashPassword } from './passwords';
import { ownAccount, provePassword } from './proof';
import { noteRefusal } from './refusals';
import { permissionsOf } from './roles-of';
import {
  type OneTimeLink,
  type PasswordChange,
  type PasswordReset,
  passwordChangeSchema,
  passwordResetSchema,
} from './schema';
import { hashSecret, sameHash } from './secrets';
import { auditOf, type SignedIn } from './sign-in';

const resetMs = 24 * 60 * 60_000;
const resetSchema = z.object({ hash: z.string(), expiresAt: z.string() });

/** One open link per user, kept among the settings under this name. */
const resetName = (userId: string) => `password-reset.${userId}`;

/**
 * Changes the asking user's own password, in a browser only. All sessions of the user end; the answer makes a new one.
 * @throws HubError FORBIDDEN, INVALID_INPUT, LIMIT_EXCEEDED
 */
export async function changeOwnPassword(
  ctx: Ctx,
  input: PasswordChange,
  { lockout }: { lockout?: Lockout } = {},
): Promise<SignedIn> {
  const { currentPassword, newPassword } = parseInput(passwordChangeSchema, input);
  const user = await ownAccount(ctx);
  await provePassword(ctx, user, currentPassword, lockout, '/currentPassword');
  const passwordHash = await hashPassword(newPassword);
  const sessionVersion = await ctx.db.transaction(async (tx) => {
    const changed = await setPassword(tx, user.id, passwordHash);
    await writeAudit(tx, ctx, { ...auditOf(user), action: 'user.password-changed' });
    return changed;
  });
  await announce(ctx.bus, user.id);
  return { userId: user.id, username: user.username, sessionVersion };
}

/**
 * Makes a link by which a user chooses a new password; an earlier one is void. The present password works until then.
 * @throws HubError NOT_FOUND, FORBIDDEN for a user with rights that the actor has not
 */
export async function createResetLink(ctx: Ctx, userId: string): Promise<OneTimeLink> {
  if (!isUuid(userId) || !can(ctx.actor, 'update', { type: 'user' })) throw new HubError('NOT_FOUND');
  return ctx.db.transaction(async (tx) => {
    const [user] = await tx.select().from(users).where(eq(users.id, userId)).for('update');
    if (!user) throw new HubError('NOT_FOUND');
    if (!canGive(ctx.actor, await permissionsOf(tx, userId))) {
      throw new HubError('FORBIDDEN', `"${user.username}" has rights that you do not have.`);
    }
    const link = await storeResetLink(tx, userId);
    await writeAudit(tx, ctx, {
      ...auditOf(user),
      action: 'user.reset-link-made',
      after: { expiresAt: link.expiresAt },
    });
    return link;
  });
}

/** Within the transaction of a change of the user. */
export async function storeResetLink(tx: Tx, userId: string): Promise<OneTimeLink> {
  const secret = randomBytes(32).toString('base64url');
  const expiresAt = new Date(Date.now() + resetMs).toISOString();
  const value = { hash: hashSecret(secret), expiresAt };
  await tx
    .insert(settings)
    .values({ key: resetName(userId), value })
    .onConflictDoUpdate({ target: settings.key, set: { value, updatedAt: new Date() } });
  const token = `${userId}.${secret}`;
  return { token, path: `/reset?token=${token}`, expiresAt };
}

/** Voids the link of a user who is disabled or removed. */
export async function dropResetLink(tx: Tx, userId: string): Promise<void> {
  await tx.delete(settings).where(eq(settings.key, resetName(userId)));
}

/** Whose password a link changes; null for one that is not valid any more. */
export async function findResetLink(db: Db | Tx, token: string): Promise<{ userId: string; username: string } | null> {
  const [userId = '', secret = ''] = token.split('.');
  if (!isUuid(userId) || secret === '') return null;
  const [row] = await db
    .select()
    .from(settings)
    .where(eq(settings.key, resetName(userId)));
  const stored = resetSchema.safeParse(row?.value);
  const isValid = sameHash(stored.data?.hash ?? hashSecret(''), hashSecret(secret));
  if (!stored.success || !isValid || Date.parse(stored.data.expiresAt) <= Date.now()) return null;
  const [user] = await db.select().from(users).where(eq(users.id, userId));
  return user && !user.disabled ? { userId, username: user.username } : null;
}

/**
 * Sets a new password by a link, which is used up. All sessions of the user end; whoever has a second factor still needs
 * it to sign in.
 * @throws HubError NOT_FOUND for a link that is not valid any more, INVALID_INPUT
 */
export async function resetPassword(
  source: { db: Db; bus: Bus; requestId: string; address?: string | undefined },
  input: PasswordReset,
): Promise<{ username: string }> {
  const { db, bus, requestId, address } = source;
  const { token, newPassword } = parseInput(passwordResetSchema, input);
  // Asked before the costly hash and again below, where it decides.
  const found = await findResetLink(db, token);
  if (!found) {
    await noteRefusal({ db, requestId, address }, () => ({ action: 'user.reset-refused', resourceType: 'user' }));
    throw invalidLink();
  }
  const { userId, username } = found;
  const passwordHash = await hashPassword(newPassword);
  await db.transaction(async (tx) => {
    // The lock on the user comes first here as in every other change of one.
    await tx.select({ id: users.id }).from(users).where(eq(users.id, userId)).for('update');
    if (!(await findResetLink(tx, token))) throw invalidLink();
    await dropResetLink(tx, userId);
    await setPassword(tx, userId, passwordHash);
    const actor = { kind: 'user', id: userId, name: username };
    await writeAudit(
      tx,
      { actor, requestId, address },
      {
        ...auditOf({ id: userId, username }),
        action: 'user.password-reset',
      },
    );
  });
  await announce(bus, userId);
  return { username };
}

/** @returns the session version that holds from now on */
async function setPassword(tx: Tx, userId: string, passwordHash: string): Promise<number> {
  const [row] = await tx
    .update(users)
    .set({
      passwordHash,
      passwordChangedAt: new Date(),
      sessionVersion: sql`${users.sessionVersion} + 1`,
      version: sql`${users.version} + 1`,
      ...unlocked,
    })
    .where(eq(users.id, userId))
    .returning({ sessionVersion: users.sessionVersion });
  if (!row) throw new HubError('NOT_FOUND');
  await endAllSessions(tx, userId);
  await dropResetLink(tx, userId);
  return row.sessionVersion;
}

async function announce(bus: Bus, userId: string): Promise<void> {
  await bus.emit('access.changed', { userId });
  await bus.emit('browser.ended', { userId, ids: null });
}

function invalidLink(): HubError {
  return new HubError('NOT_FOUND', 'This link is not valid any more: it was used, replaced, or is too old.', {
    hint: 'Ask an administrator for a new one.',
  });
}
