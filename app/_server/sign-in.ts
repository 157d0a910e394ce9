// Sign-in, sign-out, first setup and change of password for actions: the verbs of lib/access plus this browser's cookie.
import {
  type Ctx,
  changeOwnPassword,
  signInWithPassword as checkPassword,
  completeSetup,
  needsSetup,
  noteSignOut,
  type SignedIn,
} from '@/lib/access';
import type { PasswordChange, SetupInput, SignInInput } from '@/lib/access/schema';
import { database } from './hub';
import { endSession, startSession } from './session';

/** Checks user name and password and signs this browser in. @throws HubError UNAUTHENTICATED, LIMIT_EXCEEDED */
export async function signInWithPassword(ctx: Ctx, input: SignInInput): Promise<{ username: string }> {
  const { db, requestId, address = 'unknown' } = ctx;
  return begin(await checkPassword({ db, requestId, address }, input));
}

/** Makes the first admin and signs this browser in. @throws HubError NOT_FOUND, UNAUTHENTICATED, INVALID_INPUT */
export async function setUp(ctx: Ctx, input: SetupInput): Promise<{ username: string }> {
  return begin(await completeSetup(ctx, input));
}

/** Changes the own password; every other browser is signed out. @throws HubError FORBIDDEN, INVALID_INPUT, LIMIT_EXCEEDED */
export async function changePassword(ctx: Ctx, input: PasswordChange): Promise<{ username: string }> {
  return begin(await changeOwnPassword(ctx, input, { address: ctx.address ?? 'unknown' }));
}

/** Signs this browser out; others of the same user stay. */
export async function signOut(ctx: Ctx): Promise<null> {
  // First the cookie: with the database away, too, this browser is signed out.
  await endSession();
  await noteSignOut(ctx);
  return null;
}

/** True while no user exists: then only /setup makes sense. */
export async function isSetupNeeded(): Promise<boolean> {
  return needsSetup((await database()).db);
}

async function begin(user: SignedIn): Promise<{ username: string }> {
  await startSession(user);
  return { username: user.username };
}
