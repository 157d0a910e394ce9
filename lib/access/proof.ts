// Proofs that it is really the user of the account who asks, before something that a browser left alone must not be enough
// for: the password, or a sign-in of a moment ago.
import { and, eq, gt, isNull } from 'drizzle-orm';
import { browserSessions, users } from '../../drizzle/schema';
import { HubError } from '../errors';
import { parseInput } from '../input';
import { can } from './can';
import type { Ctx } from './context';
import { type Lockout, lockout as processLockout, unlocked } from './lockout';
import { verifyPassword } from './passwords';
import { noteLockOut, noteRefusal } from './refusals';
import { type OwnerProof, ownerProofSchema } from './schema';

type UserRow = typeof users.$inferSelect;

/** After this long since the sign-in it is no proof any more. */
const recentMs = 10 * 60_000;

/** The asking user, in a browser only. @throws HubError FORBIDDEN, for keys too; NOT_FOUND */
export async function ownAccount({ actor, db }: Ctx): Promise<UserRow> {
  if (actor.kind !== 'user' || !can(actor, 'update', { type: 'user', ownerId: actor.userId })) {
    throw new HubError('FORBIDDEN', 'This is done in a browser, by the user of the account.');
  }
  const [user] = await db.select().from(users).where(eq(users.id, actor.id));
  if (!user) throw new HubError('NOT_FOUND');
  return user;
}

/**
 * Takes the password of who has one, whenever the sign-in was; of all others, whom a provider signs in, a recent sign-in.
 * With a second factor that one took a code.
 * @throws HubError FORBIDDEN for keys, and with the reason "proof" where it takes a new sign-in; INVALID_INPUT for a wrong
 * password and none; LIMIT_EXCEEDED
 */
export async function proveOwner(ctx: Ctx, input: OwnerProof, lockout?: Lockout): Promise<UserRow> {
  const user = await ownAccount(ctx);
  const { password } = parseInput(ownerProofSchema, input);
  if (user.passwordHash !== null) await provePassword(ctx, user, password ?? '', lockout);
  else await requireRecent(ctx, false);
  return user;
}

/** Takes the password or a recent sign-in of anybody. @throws HubError as proveOwner */
export async function proveRecently(ctx: Ctx, input: OwnerProof, lockout?: Lockout): Promise<void> {
  const user = await ownAccount(ctx);
  const { password } = parseInput(ownerProofSchema, input);
  if (password !== undefined) await provePassword(ctx, user, password, lockout);
  else await requireRecent(ctx, user.passwordHash !== null);
}

/** @throws HubError INVALID_INPUT with a fault at `pointer`, LIMIT_EXCEEDED */
export async function provePassword(
  ctx: Ctx,
  user: UserRow,
  password: string,
  lockout: Lockout = processLockout(),
  pointer = '/password',
): Promise<void> {
  if (password === '') {
    throw new HubError('INVALID_INPUT', 'Give your password.', {
      faults: [{ pointer, detail: 'enter your password' }],
    });
  }
  const named = { resourceType: 'user', resourceId: user.id, resourceName: user.username };
  await noteLockOut(ctx, lockout.attempt(ctx.db, user, user.username), async () => named);
  if (!(await verifyPassword(user.passwordHash, password))) {
    await noteRefusal(ctx, () => ({ ...named, action: 'user.password-refused' }));
    throw new HubError('INVALID_INPUT', 'The current password is wrong.', {
      faults: [{ pointer, detail: 'is wrong' }],
    });
  }
  await ctx.db.update(users).set(unlocked).where(eq(users.id, user.id));
}

async function requireRecent({ actor, db, sessionId }: Ctx, hasPassword: boolean): Promise<void> {
  const since = new Date(Date.now() - recentMs);
  const isRecent = and(isNull(browserSessions.revokedAt), gt(browserSessions.createdAt, since));
  const [recent] = sessionId
    ? await db
        .select({ id: browserSessions.id })
        .from(browserSessions)
        .where(and(eq(browserSessions.id, sessionId), eq(browserSessions.userId, actor.id), isRecent))
    : [];
  if (recent) return;
  const what = hasPassword ? 'Give your password, or sign in again' : 'Sign in again';
  throw new HubError('FORBIDDEN', `${what}: your sign-in was more than ten minutes ago.`, { reason: 'proof' });
}
