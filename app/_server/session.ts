// The cookie of the browser session: set at sign-in, renewed while it is used, removed at sign-out. Only server actions
// and route handlers may set cookies; pages only read it.
import { cookies, headers } from 'next/headers';
import {
  type BrowserSession,
  beginBrowserSession,
  type Ctx,
  renewBrowserSession,
  replaceSession,
  type SignedIn,
  sealBrowserSession,
  sessionCookieNames,
  sessionIdleSeconds,
} from '@/lib/access';
import type { SignInMethod } from '@/lib/access/schema';
import { cookiePath, keyring, resolver, settings } from './hub';
import { visitorOrigin } from './visitor';

/** True where the visitor's own connection is https; the cookie's name and its Secure flag follow. */
export function isSecureVisitor(requestHeaders: Pick<Headers, 'get'>): boolean {
  const origin = visitorOrigin(requestHeaders, settings());
  return (origin ?? settings().MCPHUB_PUBLIC_URL).startsWith('https:');
}

/** Signs this browser in, with a new session whatever it had before. */
export async function startSession(
  ctx: Pick<Ctx, 'db' | 'bus' | 'address'>,
  user: SignedIn,
  method: SignInMethod,
): Promise<void> {
  const requestHeaders = await headers();
  await writeCookie(await openSession(ctx, user, method, requestHeaders));
}

/** A session for somebody who has just proved who they are; the one that this browser had ends. */
export async function openSession(
  { db, bus, address }: Pick<Ctx, 'db' | 'bus' | 'address'>,
  user: SignedIn,
  method: SignInMethod,
  requestHeaders: Pick<Headers, 'get'>,
): Promise<BrowserSession> {
  const before = await (await resolver()).resolveBrowser(requestHeaders.get('cookie'));
  const session = await beginBrowserSession(db, user, { method, address, userAgent: requestHeaders.get('user-agent') });
  if (before) await replaceSession({ db, bus }, before.session);
  return session;
}

/** Gives a session that is in use a new idle time, at most every quarter of an hour. */
export async function renewSession(session: BrowserSession): Promise<void> {
  const renewed = renewBrowserSession(session, Date.now());
  if (renewed) await writeCookie(renewed);
}

/** Signs this browser out. */
export async function endSession(): Promise<void> {
  const jar = await cookies();
  for (const name of Object.values(sessionCookieNames)) {
    // A browser takes a cookie of this name only with the flag that goes with it, also to remove it (RFC 6265bis, 4.1.3.1).
    jar.set({ name, value: '', path: cookiePath(), secure: name === sessionCookieNames.https, maxAge: 0 });
  }
}

async function writeCookie(session: BrowserSession): Promise<void> {
  const secure = isSecureVisitor(await headers());
  (await cookies()).set({
    name: secure ? sessionCookieNames.https : sessionCookieNames.http,
    value: sealBrowserSession(keyring(), session),
    httpOnly: true,
    sameSite: 'lax',
    path: cookiePath(),
    secure,
    maxAge: sessionIdleSeconds,
  });
}
