// Accounts: sign-in with a password, change of the own password, and the list from which members of groups are picked.
import { asc, eq, sql } from 'drizzle-orm';
import { users } from '../../drizzle/schema';
import type { Db } from '../db/types';
import { HubError } from '../errors';
import { parseInput } from '../input';
import { writeAudit, writeAuditAlone } from '../telemetry/audit';
import { can } from './can';
import type { Ctx } from './context';
import { type GuessLimiter, guessLimiter, hashPassword, verifyPassword } from './passwords';
import { noteLockOut, noteRefusal, type Refusal } from './refusals';
import { type PasswordChange, passwordChangeSchema, type SignInInput, signInSchema, type UserView } from './schema';

/** What a browser session is made of. */
export interface SignedIn {
  userId: string;
  username: string;
  sessionVersion: number;
}

export interface SignInParts {
  db: Db;
  requestId: string;
  /** Where the attempt comes from, for the limit on guessing. */
  address: string;
  limiter?: GuessLimiter;
}

const listMax = 1000;

/**
 * Checks a user name and password.
 * @throws HubError UNAUTHENTICATED, alike for an unknown user, a wrong password and a disabled account;
 * LIMIT_EXCEEDED with retryAfterMs; INVALID_INPUT
 */
export async function signInWithPassword(parts: SignInParts, input: SignInInput): Promise<SignedIn> {
  const { db, address, requestId, limiter = guessLimiter() } = parts;
  const { username, password } = parseInput(signInSchema, input);
  const source = { db, requestId, address };
  await noteLockOut(source, limiter.attempt(username, address), () => knownByName(db, username));
  const [user] = await db
    .select()
    .from(users)
    .where(eq(sql`lower(${users.username})`, username.toLowerCase()));
  const matches = await verifyPassword(user?.passwordHash ?? null, password);
  if (!user || !matches || user.disabled) {
    const reason = !user ? 'no such user' : user.disabled ? 'account disabled' : 'wrong password';
    await noteRefusal(source, () => ({
      action: 'user.sign-in-failed',
      resourceType: 'user',
      ...(user && auditOf(user)),
      reason,
    }));
    throw new HubError('UNAUTHENTICATED', 'The user name or the password is wrong.');
  }
  await limiter.succeed(username, address);
  await db.transaction(async (tx) => {
    await tx.update(users).set({ lastSignInAt: new Date() }).where(eq(users.id, user.id));
    const actor = { kind: 'user', id: user.id, name: user.username };
    await writeAudit(tx, { actor, requestId, address }, { ...auditOf(user), action: 'user.signed-in' });
  });
  return { userId: user.id, username: user.username, sessionVersion: user.sessionVersion };
}

/**
 * Changes the asking user's own password, in a browser only. All sessions of the user end; the answer makes a new one.
 * @throws HubError FORBIDDEN, INVALID_INPUT, LIMIT_EXCEEDED
 */
export async function changeOwnPassword(
  ctx: Ctx,
  input: PasswordChange,
  { address, limiter = guessLimiter() }: { address: string; limiter?: GuessLimiter },
): Promise<SignedIn> {
  const { actor, db } = ctx;
  if (actor.kind !== 'user' || !can(actor, 'update', { type: 'user', ownerId: actor.userId })) {
    throw new HubError('FORBIDDEN');
  }
  const { currentPassword, newPassword } = parseInput(passwordChangeSchema, input);
  const [user] = await db.select().from(users).where(eq(users.id, actor.id));
  if (!user) throw new HubError('NOT_FOUND');
  await noteLockOut({ ...ctx, address }, limiter.attempt(user.username, address), async () => auditOf(user));
  if (!(await verifyPassword(user.passwordHash, currentPassword))) {
    await noteRefusal({ ...ctx, address }, () => ({ ...auditOf(user), action: 'user.password-refused' }));
    throw new HubError('INVALID_INPUT', 'The current password is wrong.', {
      faults: [{ pointer: '/currentPassword', detail: 'is wrong' }],
    });
  }
  await limiter.succeed(user.username, address);
  const passwordHash = await hashPassword(newPassword);
  const [changed] = await db.transaction(async (tx) => {
    const rows = await tx
      .update(users)
      .set({
        passwordHash,
        sessionVersion: sql`${users.sessionVersion} + 1`,
        version: sql`${users.version} + 1`,
      })
      .where(eq(users.id, user.id))
      .returning({ sessionVersion: users.sessionVersion });
    await writeAudit(tx, ctx, { ...auditOf(user), action: 'user.password-changed' });
    return rows;
  });
  if (!changed) throw new HubError('NOT_FOUND');
  await ctx.bus.emit('access.changed', { userId: user.id });
  return { userId: user.id, username: user.username, sessionVersion: changed.sessionVersion };
}

/** Notes that a browser of this user signed out; does nothing for others. The session itself is its cookie. */
export async function noteSignOut(source: Pick<Ctx, 'actor' | 'db' | 'requestId' | 'address'>): Promise<void> {
  const { actor, db } = source;
  if (actor.kind !== 'user') return;
  const entry = { resourceType: 'user', resourceId: actor.id, resourceName: actor.name };
  await writeAuditAlone(db, source, { action: 'user.signed-out', ...entry });
}

/** The users that the actor may see, by name; for everybody else than admins and managers only themselves. */
export async function listUsers(ctx: Ctx): Promise<UserView[]> {
  const { actor } = ctx;
  const seesAll = can(actor, 'read', { type: 'user' });
  if (!seesAll && !can(actor, 'read', { type: 'user', ownerId: actor.userId })) throw new HubError('FORBIDDEN');
  const rows = await ctx.db
    .select()
    .from(users)
    .where(seesAll || !actor.userId ? undefined : eq(users.id, actor.userId))
    .orderBy(asc(sql`lower(${users.username})`))
    .limit(listMax);
  return rows.map((user) => ({
    id: user.id,
    username: user.username,
    displayName: user.displayName,
    disabled: user.disabled,
    lastSignInAt: user.lastSignInAt?.toISOString() ?? null,
    createdAt: user.createdAt.toISOString(),
  }));
}

/** For the audit trail: the account of that name, if there is one. */
async function knownByName(db: Db, username: string): Promise<Partial<Refusal>> {
  const [user] = await db
    .select({ id: users.id, username: users.username })
    .from(users)
    .where(eq(sql`lower(${users.username})`, username.toLowerCase()));
  return user ? auditOf(user) : {};
}

function auditOf(user: { id: string; username: string }) {
  return { resourceType: 'user', resourceId: user.id, resourceName: user.username };
}
