// next-auth 4, and the only file that knows it. Its cookie carries our own sealed session, so that whatever signs in or
// out through its endpoints is the same session that pages, actions, REST and the worker's sockets see.
import type { NextRequest } from 'next/server';
import NextAuth, { type NextAuthOptions } from 'next-auth';
import Credentials from 'next-auth/providers/credentials';
import {
  loadUser,
  renewBrowserSession,
  type SignedIn,
  sealBrowserSession,
  sessionCookieNames,
  sessionIdleSeconds,
  signInWithCode,
  signInWithPassword,
  signOutOf,
} from '@/lib/access';
import { HubError, toResponse } from '@/lib/errors';
import { bus, database, keyring, log, resolver, settings } from './hub';
import { ownPath } from './own-path';
import { isSecureVisitor, openSession } from './session';
import { isFromOwnPage, requestIdOf, visitOf, visitorOrigin } from './visitor';

/** What next-auth calls a JWT: the members of our session beside the user's name. */
function options(request: Request): NextAuthOptions {
  const { headers } = request;
  return {
    secret: keyring().secretFor('next-auth'),
    pages: { signIn: '/signin', signOut: '/signin', error: '/signin' },
    session: { strategy: 'jwt', maxAge: sessionIdleSeconds },
    useSecureCookies: isSecureVisitor(headers),
    providers: [
      Credentials({
        name: 'Password',
        credentials: {
          username: { label: 'User name' },
          password: { label: 'Password', type: 'password' },
          code: { label: 'Code of the second factor, for those who have one' },
        },
        async authorize(given) {
          const { db } = await database();
          const parts = { db, keyring: keyring(), ...visitOf(headers) };
          const input = { username: String(given?.username ?? ''), password: String(given?.password ?? '') };
          const { user, ticket } = await signInWithPassword(parts, input);
          const known = user ?? (await signInWithCode(parts, { ticket, code: String(given?.code ?? '') }));
          return { id: known.userId, name: known.username, sessionVersion: known.sessionVersion };
        },
      }),
    ],
    jwt: {
      maxAge: sessionIdleSeconds,
      encode: async ({ token }) =>
        sealBrowserSession(keyring(), token as unknown as Parameters<typeof sealBrowserSession>[1]),
      async decode({ token }) {
        const known = token ? await (await resolver()).resolveBrowser(`${sessionCookieNames.http}=${token}`) : null;
        return known && { ...(renewBrowserSession(known.session, Date.now()) ?? known.session) };
      },
    },
    callbacks: {
      async jwt({ token, user }) {
        if (!user) return token;
        const { sessionVersion } = user as unknown as SignedIn;
        const signedIn = { userId: user.id, username: user.name ?? '', sessionVersion };
        const parts = { db: (await database()).db, bus: bus(), ...visitOf(headers) };
        return { ...(await openSession(parts, signedIn, 'password', headers)) };
      },
      redirect: async ({ url, baseUrl }) =>
        `${baseUrl}${ownPath(url.startsWith(baseUrl) ? url.slice(baseUrl.length) : url)}`,
    },
    events: {
      async signOut({ token }) {
        const { id, userId } = (token ?? {}) as unknown as { id?: string; userId?: string };
        const { db } = await database();
        const user = userId ? await loadUser(db, userId) : null;
        if (user && id) await signOutOf({ actor: user.actor, db, bus: bus(), sessionId: id, ...visitOf(headers) });
      },
    },
    logger: {
      error: (code) => log().info({ code }, 'next-auth refused a request'),
      warn: (code) => log().debug({ code }, 'next-auth warning'),
      debug: () => undefined,
    },
  };
}

/** GET and POST of /api/auth/*. Hosts that are not ours, and writes from other sites, do not get as far as next-auth. */
export async function nextAuth(
  request: NextRequest,
  context: { params: Promise<{ nextauth: string[] }> },
): Promise<Response> {
  const isOurs =
    request.method === 'GET'
      ? visitorOrigin(request.headers, settings()) !== null
      : isFromOwnPage(request.headers, settings());
  if (!isOurs) return toResponse(new HubError('FORBIDDEN'), requestIdOf(request.headers));
  // next-auth reads its own environment; with this it stays on the visitor's host, which was checked above.
  process.env.AUTH_TRUST_HOST ??= 'true';
  return NextAuth(request, context, options(request));
}
