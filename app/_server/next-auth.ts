// next-auth 4, which this file and oauth-providers.ts alone know. Its cookie carries our own sealed session, so that
// whatever signs in or out through its endpoints is the same session that pages, actions, REST and the worker's sockets
// see.
import { AsyncLocalStorage } from 'node:async_hooks';
import type { NextRequest } from 'next/server';
import NextAuth, { type NextAuthOptions } from 'next-auth';
import Credentials from 'next-auth/providers/credentials';
import { z } from 'zod';
import {
  linkIdentity,
  loadUser,
  noteFailedProof,
  renewBrowserSession,
  type SignedIn,
  sealBrowserSession,
  sessionCookieNames,
  sessionIdleSeconds,
  signInProviders,
  signInWithCode,
  signInWithPassword,
  signInWithProof,
  signOutOf,
} from '@/lib/access';
import type { RefusalReason } from '@/lib/access/external/schema';
import type { SignInMethod } from '@/lib/access/schema';
import { HubError, isHubError, messageOf, toResponse } from '@/lib/errors';
import { contextFor } from './actor';
import { shownFault } from './faults';
import { basePath, bus, cookiePath, database, keyring, log, resolver, settings } from './hub';
import { dropTicket, rememberTicket, takeLink } from './link-cookie';
import { oauthProviders, type ProvenProfile } from './oauth-providers';
import { ownPath } from './own-path';
import { isSecureVisitor, openSession } from './session';
import { mustTakePasswords } from './sign-in';
import { isFromOwnPage, ownUrl, requestIdOf, visitOf, visitorOrigin } from './visitor';

/** What went wrong in the request under way; next-auth tells it to its logger alone, of which it has one for all. */
const trouble = new AsyncLocalStorage<{ cause?: unknown }>();

/** What next-auth calls a user. */
interface KnownUser {
  id: string;
  name?: string | null;
  sessionVersion: number;
  method: SignInMethod;
}

/** State, nonce and PKCE verifier live in cookies of next-auth's, each with a salt of its own, no longer than it says. */
const flowMs = 15 * 60_000;
const flowSchema = z.object({ salt: z.string(), token: z.record(z.string(), z.unknown()), at: z.number() });

/** next-auth's own cookies, for the hub alone and not for what else its proxy serves on the same host. */
function cookiesBelow(path: string, secure: boolean): NextAuthOptions['cookies'] {
  const cookie = (name: string, maxAge?: number) => ({
    name: `${secure ? '__Secure-' : ''}next-auth.${name}`,
    options: { httpOnly: true, sameSite: 'lax', path, secure, ...(maxAge !== undefined && { maxAge }) },
  });
  return {
    sessionToken: cookie('session-token'),
    callbackUrl: cookie('callback-url'),
    csrfToken: cookie('csrf-token'),
    pkceCodeVerifier: cookie('pkce.code_verifier', flowMs / 1000),
    state: cookie('state', flowMs / 1000),
    nonce: cookie('nonce'),
  };
}

/** What next-auth calls a JWT: the members of our session beside the user's name. */
function options(request: Request): NextAuthOptions {
  const { headers } = request;
  return {
    secret: keyring().secretFor('next-auth'),
    pages: { signIn: '/signin', signOut: '/signin', error: '/signin' },
    session: { strategy: 'jwt', maxAge: sessionIdleSeconds },
    useSecureCookies: isSecureVisitor(headers),
    ...(basePath() && { cookies: cookiesBelow(cookiePath(), isSecureVisitor(headers)) }),
    providers: [
      Credentials({
        name: 'Password',
        credentials: {
          username: { label: 'User name' },
          password: { label: 'Password', type: 'password' },
          code: { label: 'Code of the second factor, for those who have one' },
        },
        async authorize(given) {
          mustTakePasswords();
          const { db } = await database();
          const parts = { db, keyring: keyring(), ...visitOf(headers) };
          const input = { username: String(given?.username ?? ''), password: String(given?.password ?? '') };
          const { user, ticket } = await signInWithPassword(parts, input);
          const known = user ?? (await signInWithCode(parts, { ticket, code: String(given?.code ?? '') }));
          return { id: known.userId, name: known.username, sessionVersion: known.sessionVersion, method: 'password' };
        },
      }),
      ...oauthProviders(settings(), ownUrl(headers, settings())),
    ],
    jwt: {
      maxAge: sessionIdleSeconds,
      async encode({ token, salt }) {
        if (salt) return keyring().seal('sign-in', { salt, token, at: Date.now() });
        return sealBrowserSession(keyring(), token as unknown as Parameters<typeof sealBrowserSession>[1]);
      },
      async decode({ token, salt }) {
        if (salt) {
          const opened = flowSchema.safeParse(token && keyring().open('sign-in', token));
          const isOurs = opened.success && opened.data.salt === salt && Date.now() - opened.data.at < flowMs;
          return isOurs ? opened.data.token : null;
        }
        const known = token ? await (await resolver()).resolveBrowser(`${sessionCookieNames.http}=${token}`) : null;
        return known && { ...(renewBrowserSession(known.session, Date.now()) ?? known.session) };
      },
    },
    callbacks: {
      async signIn({ user, account, profile }) {
        if (account?.type !== 'oauth') return true;
        return afterProof(headers, profile as unknown as ProvenProfile, user as unknown as KnownUser);
      },
      async jwt({ token, user }) {
        if (!user) return token;
        const { id, name, sessionVersion, method } = user as unknown as KnownUser;
        const signedIn: SignedIn = { userId: id, username: name ?? '', sessionVersion };
        const parts = { db: (await database()).db, bus: bus(), ...visitOf(headers) };
        return { ...(await openSession(parts, signedIn, method, headers)) };
      },
      // A path alone: the browser knows best under which address it sees the hub.
      redirect: async ({ url, baseUrl }) => {
        const own = baseUrl + basePath();
        return ownPath(url.startsWith(own) ? url.slice(own.length) || '/' : url);
      },
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
      error(code, about) {
        const here = trouble.getStore();
        const cause = about instanceof Error ? about : about.error;
        if (here) here.cause ??= cause;
        log().info({ code, detail: messageOf(cause).slice(0, 500) }, 'next-auth refused a request');
      },
      warn: (code) => log().debug({ code }, 'next-auth warning'),
      debug: () => undefined,
    },
  };
}

/**
 * A provider has proved who somebody is: links that, or signs them in.
 * @param user next-auth's, which becomes ours
 * @returns true for a session, else the path to go on at
 */
async function afterProof(headers: Headers, { proof }: ProvenProfile, user: KnownUser): Promise<true | string> {
  const visit = visitOf(headers);
  const wish = await takeLink(keyring());
  const browser = await (await resolver()).resolveBrowser(headers.get('cookie'));
  // The wish of a session that has ended since links nothing: then this is a sign-in like any other.
  const isLink = wish?.provider === proof.provider && browser?.session.id === wish.sessionId;
  try {
    if (isLink && browser) {
      await linkIdentity(await contextFor(browser.actor, visit, browser.session.id), proof);
      return '/account?linked=1';
    }
    const parts = { db: (await database()).db, bus: bus(), keyring: keyring(), ...visit };
    const { user: known, ticket } = await signInWithProof(parts, proof);
    if (!known) {
      await rememberTicket(ticket);
      return `/signin${nextOf(headers)}`;
    }
    await dropTicket();
    Object.assign(user, { id: known.userId, name: known.username, sessionVersion: known.sessionVersion });
    user.method = proof.provider;
    return true;
  } catch (error) {
    const fault = shownFault(error, visit.requestId, 'sign-in at a provider');
    const reason = (fault.extras.reason ?? 'provider') as RefusalReason;
    return isLink ? `/account?error=${reason}` : errorPath(reason, headers);
  }
}

function errorPath(reason: RefusalReason, headers: Headers): string {
  const next = nextOf(headers);
  return `/signin${next}${next ? '&' : '?'}error=${reason}`;
}

/** Where the sign-in was to lead, from the cookie in which next-auth keeps it. */
function nextOf(headers: Headers): string {
  const kept = /(?:^|;\s*)(?:__Secure-)?next-auth\.callback-url=([^;]*)/.exec(headers.get('cookie') ?? '')?.[1];
  if (!kept) return '';
  try {
    const url = new URL(decodeURIComponent(kept), 'http://hub.invalid');
    const path = ownPath(`${url.pathname}${url.search}`);
    return path === '/' || path.startsWith('/signin') ? '' : `?next=${encodeURIComponent(path)}`;
  } catch {
    return '';
  }
}

/** GET and POST of /api/auth/*. Hosts that are not ours, and writes from other sites, do not get as far as next-auth. */
export async function nextAuth(request: NextRequest, context: RouteContext): Promise<Response> {
  return below(basePath(), request.headers, await answer(request, context));
}

/** next-auth knows no path that the hub is served below: leads to where the visitor sees the hub. */
async function below(base: string, headers: Headers, response: Response): Promise<Response> {
  if (base === '') return response;
  const origin = visitorOrigin(headers, settings()) ?? '';
  const seen = (url: string) => {
    const path = url.startsWith(`${origin}/`) ? url.slice(origin.length) : url;
    return path.startsWith('/') ? base + path : url;
  };
  const location = response.headers.get('location');
  if (location !== null) response.headers.set('location', seen(location));
  const isJson = response.headers.get('content-type')?.startsWith('application/json') ?? false;
  if (location !== null || !isJson) return response;
  const text = await response.text();
  const { status, headers: kept } = response;
  const body = JSON.parse(text) as { url?: unknown } | null;
  if (typeof body?.url !== 'string') return new Response(text, { status, headers: kept });
  return new Response(JSON.stringify({ ...body, url: seen(body.url) }), { status, headers: kept });
}

type RouteContext = { params: Promise<{ nextauth: string[] }> };

async function answer(request: NextRequest, context: RouteContext): Promise<Response> {
  const isOurs =
    request.method === 'GET'
      ? visitorOrigin(request.headers, settings()) !== null
      : isFromOwnPage(request.headers, settings());
  if (!isOurs) return toResponse(new HubError('FORBIDDEN'), requestIdOf(request.headers));
  // next-auth reads its own environment; with this it stays on the visitor's host, which was checked above.
  process.env.AUTH_TRUST_HOST ??= 'true';
  const [action, providerId] = (await context.params).nextauth;
  const isCallback = action === 'callback' && providerId !== 'credentials';
  // Providers come back by GET; a POST would have to come from another site, and the cookies with it do not.
  if (isCallback && request.method !== 'GET')
    return toResponse(new HubError('METHOD_NOT_ALLOWED'), requestIdOf(request.headers));
  const here: { cause?: unknown } = {};
  const response = await trouble.run(here, () => NextAuth(request, context, options(request)));
  const isStart = action === 'signin' && request.method === 'POST';
  if (here.cause === undefined || !(isCallback || isStart)) return response;
  return isStart ? unreachable(request) : failed(request, String(providerId), here.cause, response);
}

/** The provider did not even say where its page is. */
function unreachable({ headers }: NextRequest): Response {
  const fault = new HubError('UNAVAILABLE', 'The sign-in service cannot be reached right now.', {
    hint: 'Try again in a moment, or sign in another way.',
  });
  return toResponse(fault, requestIdOf(headers));
}

/** In place of next-auth's own words: a plain sentence for the visitor, the reason for the audit trail. */
async function failed(request: NextRequest, provider: string, cause: unknown, response: Response): Promise<Response> {
  const { headers } = request;
  const reason = reasonOf(cause);
  const parts = { db: (await database()).db, bus: bus(), keyring: keyring(), ...visitOf(headers) };
  const isKnown = signInProviders(settings()).some(({ id }) => id === provider);
  if (isKnown && reason !== 'denied') await noteFailedProof(parts, provider, messageOf(cause));
  const wish = await takeLink(keyring());
  response.headers.set('location', wish ? `/account?error=${reason}` : errorPath(reason, headers));
  return response;
}

function reasonOf(cause: unknown): RefusalReason {
  if (isHubError(cause)) return 'provider';
  const text = messageOf(cause);
  if (/^access_denied/.test(text)) return 'denied';
  if (/cookie|state (mismatch|value)|State value|nonce mismatch|value could not be parsed|invalid_grant/i.test(text))
    return 'expired';
  return 'provider';
}
