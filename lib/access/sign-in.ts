// Signing in with a name and a password and, where the user has a second factor, with a code as the second step.
import { eq, sql } from 'drizzle-orm';
import { z } from 'zod';
import { users } from '../../drizzle/schema';
import type { Db } from '../db/types';
import { HubError } from '../errors';
import { parseInput } from '../input';
import { writeAudit } from '../telemetry/audit';
import type { Keyring } from './keyring';
import { type Lockout, lockout as processLockout, unlocked } from './lockout';
import { verifyPassword } from './passwords';
import { noteLockOut, noteRefusal } from './refusals';
import {
  type CodeInput,
  codeInputSchema,
  type ProviderId,
  providerIds,
  type SignInInput,
  signInSchema,
} from './schema';
import { lookAtCode, spendCode } from './second-factor';

/** What a browser session is made of. */
export interface SignedIn {
  userId: string;
  username: string;
  sessionVersion: number;
}

/** Either somebody is signed in, or a ticket is needed together with a code. */
export type SignInStep = { user: SignedIn; ticket: null } | { user: null; ticket: string };

export interface SignInParts {
  db: Db;
  keyring: Pick<Keyring, 'seal' | 'open'>;
  requestId: string;
  /** Where the attempt comes from, for the audit trail. */
  address: string;
  lockout?: Lockout;
}

const ticketMs = 5 * 60_000;
const ticketSchema = z.object({
  userId: z.string(),
  sessionVersion: z.number(),
  at: z.number(),
  /** How the first step was done. */
  method: z.enum(['password', ...providerIds]).default('password'),
});

/**
 * Checks a user name and password.
 * @throws HubError UNAUTHENTICATED, alike for an unknown user, a wrong password and a disabled account;
 * LIMIT_EXCEEDED with retryAfterMs; INVALID_INPUT
 */
export async function signInWithPassword(parts: SignInParts, input: SignInInput): Promise<SignInStep> {
  const { db, keyring, address, requestId, lockout = processLockout() } = parts;
  const { username, password } = parseInput(signInSchema, input);
  const source = { db, requestId, address };
  const [user] = await db
    .select()
    .from(users)
    .where(eq(sql`lower(${users.username})`, username.toLowerCase()));
  await noteLockOut(source, lockout.attempt(db, user ?? null, username), async () => (user ? auditOf(user) : {}));
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
  const signedIn = signedInAs(user);
  if (user.totpSecret && user.totpConfirmedAt) {
    // Not forgiven whole: who has the password could else guess at codes without end.
    await lockout.refund(db, user.id);
    return { user: null, ticket: ticketFor(keyring, signedIn, 'password') };
  }
  await noteSignIn(parts, user);
  return { user: signedIn, ticket: null };
}

/**
 * The second step: a code of the authenticator app, or a recovery code, each of which works once.
 * @throws HubError UNAUTHENTICATED for a wrong code; with reason "ticket" where it takes the password again;
 * LIMIT_EXCEEDED with retryAfterMs; INVALID_INPUT; UNAVAILABLE, uncounted, while codes cannot be checked
 */
export async function signInWithCode(
  parts: SignInParts,
  input: CodeInput,
): Promise<SignedIn & { method: 'password' | ProviderId }> {
  const { db, keyring, address, requestId, lockout = processLockout() } = parts;
  const { ticket, code } = parseInput(codeInputSchema, input);
  const opened = ticketSchema.safeParse(keyring.open('sign-in', ticket));
  const isFresh = opened.success && Date.now() - opened.data.at < ticketMs;
  const [user] = isFresh ? await db.select().from(users).where(eq(users.id, opened.data.userId)) : [];
  if (!user || user.disabled || user.sessionVersion !== opened.data?.sessionVersion) {
    throw new HubError('UNAUTHENTICATED', 'This took too long: sign in again.', { reason: 'ticket' });
  }
  const source = { db, requestId, address };
  await noteLockOut(source, lockout.attempt(db, user, user.username), async () => auditOf(user));
  const used = await lookAtCode(db, lockout, user.id, () => spendCode(db, keyring, user.id, code));
  if (!used) {
    await noteRefusal(source, () => ({ action: 'user.code-refused', ...auditOf(user) }));
    throw new HubError('UNAUTHENTICATED', 'The code is wrong, or was used already.');
  }
  const { method } = opened.data;
  await noteSignIn(parts, user, { secondFactor: used, ...(method !== 'password' && { provider: method }) });
  return { ...signedInAs(user), method };
}

/** What the second step takes beside a code: good for five minutes. @param method how the first one was done */
export function ticketFor(
  keyring: Pick<Keyring, 'seal'>,
  { userId, sessionVersion }: SignedIn,
  method: 'password' | ProviderId,
): string {
  return keyring.seal('sign-in', { userId, sessionVersion, at: Date.now(), method });
}

async function noteSignIn(
  { db, requestId, address }: SignInParts,
  user: { id: string; username: string },
  after?: object,
): Promise<void> {
  await db.transaction(async (tx) => {
    await tx
      .update(users)
      .set({ lastSignInAt: new Date(), ...unlocked })
      .where(eq(users.id, user.id));
    const actor = { kind: 'user', id: user.id, name: user.username };
    const entry = { ...auditOf(user), action: 'user.signed-in', ...(after && { after }) };
    await writeAudit(tx, { actor, requestId, address }, entry);
  });
}

function signedInAs(user: { id: string; username: string; sessionVersion: number }): SignedIn {
  return { userId: user.id, username: user.username, sessionVersion: user.sessionVersion };
}

/** What the audit trail says of an account. */
export function auditOf(user: { id: string; username: string }) {
  return { resourceType: 'user', resourceId: user.id, resourceName: user.username };
}
