// The cookie of the browser session: set at sign-in, renewed while it is used, removed at sign-out. Only server actions
// and route handlers may set cookies; pages only read it.
import { cookies, headers } from 'next/headers';
import {
  type BrowserSession,
  renewBrowserSession,
  type SignedIn,
  sealBrowserSession,
  sessionCookieNames,
  sessionIdleSeconds,
  startBrowserSession,
} from '@/lib/access';
import { keyring, settings } from './hub';
import { visitorOrigin } from './visitor';

/** True where the visitor's own connection is https; the cookie's name and its Secure flag follow. */
export function isSecureVisitor(requestHeaders: Pick<Headers, 'get'>): boolean {
  const origin = visitorOrigin(requestHeaders, settings().MCPHUB_PUBLIC_URL);
  return (origin ?? settings().MCPHUB_PUBLIC_URL).startsWith('https:');
}

/** Signs this browser in, with a new session whatever it had before. */
export async function startSession(user: SignedIn): Promise<void> {
  await writeCookie(startBrowserSession(user, Date.now()));
}

/** Gives a session that is in use a new idle time, at most every quarter of an hour. */
export async function renewSession(session: BrowserSession): Promise<void> {
  const renewed = renewBrowserSession(session, Date.now());
  if (renewed) await writeCookie(renewed);
}

/** Signs this browser out. */
export async function endSession(): Promise<void> {
  const jar = await cookies();
  for (const name of Object.values(sessionCookieNames)) jar.delete(name);
}

async function writeCookie(session: BrowserSession): Promise<void> {
  const secure = isSecureVisitor(await headers());
  (await cookies()).set({
    name: secure ? sessionCookieNames.https : sessionCookieNames.http,
    value: sealBrowserSession(keyring(), session),
    httpOnly: true,
    sameSite: 'lax',
    path: '/',
    secure,
    maxAge: sessionIdleSeconds,
  });
}
