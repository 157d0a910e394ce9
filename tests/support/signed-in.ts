// A browser that is signed in, without the page: the row of its session, and the cookie that names it.
import { beginBrowserSession, type Keyring, sealBrowserSession, sessionCookieNames } from '../../lib/access';
import type { Db } from '../../lib/db/types';

export interface SignedInBrowser {
  sessionId: string;
  /** For a Cookie header. */
  cookie: string;
}

/** @param sessionVersion as in the user's row; 1 for a new user */
export async function signedInBrowser(
  db: Db,
  keyring: Keyring,
  userId: string,
  sessionVersion = 1,
): Promise<SignedInBrowser> {
  const session = await beginBrowserSession(db, { userId, sessionVersion }, { method: 'password' });
  return { sessionId: session.id, cookie: `${sessionCookieNames.http}=${sealBrowserSession(keyring, session)}` };
}
