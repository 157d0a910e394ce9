// The browser session: a sealed token inside next-auth's cookie. It is opened here without next-auth, so that the
// worker can ask who a browser is when it opens a socket.
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Keyring } from './keyring';

/** A session ends after this much idle time, in seconds … */
export const sessionIdleSeconds = 12 * 60 * 60;
/** … and at the latest this long after the sign-in. */
export const sessionMaxSeconds = 7 * 24 * 60 * 60;
/** A request after this age gets a fresh token with a new idle time. */
const renewAfterSeconds = 15 * 60;

/** Names that next-auth 4 gives its session cookie: with `__Secure-` on https. */
export const sessionCookieNames = { http: 'next-auth.session-token', https: '__Secure-next-auth.session-token' };

const browserSessionSchema = z.object({
  /** Of its row; a row that has ended ends the session. */
  id: z.uuid(),
  userId: z.string(),
  /** Must equal the user's; raising that one signs out everywhere. */
  sessionVersion: z.number(),
  /** Time of the sign-in, in seconds since 1970. */
  signedInAt: z.number(),
  /** Time of this token. */
  issuedAt: z.number(),
});
export type BrowserSession = z.infer<typeof browserSessionSchema>;

const inSeconds = (ms: number) => Math.floor(ms / 1000);

/** A new session; it counts once its row is there (browser-sessions.ts). */
export function startBrowserSession(user: { userId: string; sessionVersion: number }, nowMs: number): BrowserSession {
  const at = inSeconds(nowMs);
  return { id: randomUUID(), userId: user.userId, sessionVersion: user.sessionVersion, signedInAt: at, issuedAt: at };
}

export function sealBrowserSession(keyring: Keyring, session: BrowserSession): string {
  return keyring.seal('browser', session);
}

/** The session in `token`, or null if it is not ours, was idle too long is too old. Neither row nor user is looked up. */
export function openBrowserSession(keyring: Keyring, token: string, nowMs: number): BrowserSession | null {
  const parsed = browserSessionSchema.safeParse(keyring.open('browser', token));
  if (!parsed.success) return null;
  const { issuedAt, signedInAt } = parsed.data;
  const at = inSeconds(nowMs);
  if (at - issuedAt >= sessionIdleSeconds || at - signedInAt >= sessionMaxSeconds) return null;
  return parsed.data;
}

/** The session with a new idle time if it is old enough for that to be worth a cookie, else null. */
export function renewBrowserSession(session: BrowserSession, nowMs: number): BrowserSession | null {
  const at = inSeconds(nowMs);
  return at - session.issuedAt < renewAfterSeconds ? null : { ...session, issuedAt: at };
}

/** The session token of a Cookie header; the https name wins where both are sent. */
export function sessionTokenOf(cookieHeader: string | null | undefined): string | null {
  if (!cookieHeader) return null;
  let found: string | null = null;
  for (const part of cookieHeader.split(';')) {
    const at = part.indexOf('=');
    const name = part.slice(0, at).trim();
    if (name === sessionCookieNames.https) return part.slice(at + 1).trim();
    if (name === sessionCookieNames.http) found ??= part.slice(at + 1).trim();
  }
  return found;
}
