// Sign-in, sign-out, first setup, invites and change of password for actions and routes: the verbs of lib/access plus this
// browser's cookie.
import {
  acceptInvite as accept,
  type Ctx,
  changeOwnPassword,
  signInWithCode as checkCode,
  signInWithPassword as checkPassword,
  completeSetup,
  findInvite,
  findResetLink,
  needsSetup,
  proveRecently,
  type SignedIn,
  signInProviders,
  signOutOf,
  type WaysIn,
} from '@/lib/access';
import type { LinkStart } from '@/lib/access/external/schema';
import type {
  CodeInput,
  InviteAccept,
  PasswordChange,
  SetupInput,
  SignInInput,
  SignInMethod,
} from '@/lib/access/schema';
import { HubError } from '@/lib/errors';
import { database, keyring, settings } from './hub';
import { dropTicket, rememberLink } from './link-cookie';
import { endSession, startSession } from './session';

/**
 * Checks user name and password, and signs this browser in unless a second factor is due.
 * @returns a ticket for the second step, null once signed in. @throws HubError UNAUTHENTICATED, LIMIT_EXCEEDED
 */
export async function signInWithPassword(ctx: Ctx, input: SignInInput): Promise<{ ticket: string | null }> {
  mustTakePasswords();
  const { user, ticket } = await checkPassword(partsOf(ctx), input);
  if (user) await begin(ctx, user, 'password');
  return { ticket };
}

/** The second step. @throws HubError UNAUTHENTICATED, LIMIT_EXCEEDED */
export async function signInWithCode(ctx: Ctx, input: CodeInput): Promise<{ username: string }> {
  const { method, ...user } = await checkCode(partsOf(ctx), input);
  await dropTicket();
  return begin(ctx, user, method);
}

/** Makes the first admin and signs this browser in. @throws HubError NOT_FOUND, UNAUTHENTICATED, INVALID_INPUT */
export async function setUp(ctx: Ctx, input: SetupInput): Promise<{ username: string }> {
  return begin(ctx, await completeSetup(ctx, input), 'setup');
}

/** Makes the account of an invite and signs this browser in. @throws HubError NOT_FOUND, CONFLICT, INVALID_INPUT */
export async function acceptInvite(ctx: Ctx, input: InviteAccept): Promise<{ username: string }> {
  return begin(ctx, await accept(ctx, input), 'invite');
}

/** Changes the own password; every other browser is signed out. @throws HubError FORBIDDEN, INVALID_INPUT, LIMIT_EXCEEDED */
export async function changePassword(ctx: Ctx, input: PasswordChange): Promise<{ username: string }> {
  return begin(ctx, await changeOwnPassword(ctx, input), 'password');
}

/** Signs this browser out; others of the same user stay. */
export async function signOut(ctx: Ctx): Promise<null> {
  // First the cookie: with the database away, too, this browser is signed out.
  await endSession();
  await signOutOf(ctx);
  return null;
}

/** True while no user exists: then only /setup makes sense. */
export async function isSetupNeeded(): Promise<boolean> {
  return needsSetup((await database()).db);
}

/** Whether an invite can still be used. */
export async function isInviteOpen(token: string): Promise<boolean> {
  return (await findInvite((await database()).db, token)) !== null;
}

/** Whose password a link changes; null for one that is not valid any more. */
export async function userOfResetLink(token: string): Promise<string | null> {
  return (await findResetLink((await database()).db, token))?.username ?? null;
}

/** How people can sign in here, as the settings say. */
export function waysIn(): WaysIn {
  return { providers: signInProviders(settings()), passwords: settings().MCPHUB_PASSWORD_SIGN_IN === 'true' };
}

/**
 * Has this browser's next visit to a provider link an identity instead of signing in.
 * @throws HubError NOT_FOUND for a provider that is not set up, and as proveRecently
 */
export async function beginLink(ctx: Ctx, { provider, ...proof }: LinkStart): Promise<void> {
  await proveRecently(ctx, proof);
  const isKnown = waysIn().providers.some(({ id }) => id === provider);
  if (!isKnown || !ctx.sessionId) throw new HubError('NOT_FOUND', 'This sign-in provider is not set up.');
  await rememberLink(keyring(), { userId: ctx.actor.id, sessionId: ctx.sessionId, provider });
}

/** @throws HubError FORBIDDEN where the settings switched passwords off */
export function mustTakePasswords(): void {
  if (settings().MCPHUB_PASSWORD_SIGN_IN === 'true') return;
  throw new HubError('FORBIDDEN', 'Signing in with a password is switched off on this hub.');
}

function partsOf({ db, requestId, address = 'unknown' }: Ctx) {
  return { db, requestId, address, keyring: keyring() };
}

async function begin(ctx: Ctx, user: SignedIn, method: SignInMethod): Promise<{ username: string }> {
  await startSession(ctx, user, method);
  return { username: user.username };
}
