// What a browser carries across a visit to a sign-in provider, beside what next-auth keeps: that an identity is to be
// linked, and the ticket of somebody whose second factor is still due. Sealed, short-lived, for this browser alone.
import { cookies, headers } from 'next/headers';
import { z } from 'zod';
import type { Keyring } from '@/lib/access';
import { basePath, cookiePath } from './hub';
import { isSecureVisitor } from './session';

type Purpose = 'link' | 'ticket';

const maxAgeSeconds: Record<Purpose, number> = { link: 15 * 60, ticket: 5 * 60 };

/** What is to be linked, and to whom: the session that asked for it. */
const linkSchema = z.object({
  link: z.object({ userId: z.string(), sessionId: z.string(), provider: z.string() }),
  at: z.number(),
});
export type LinkWish = z.infer<typeof linkSchema>['link'];

/** A cookie with the strictest prefix is for a whole host (RFC 6265bis, 4.1.3.2). */
const nameOf = (purpose: Purpose, isSecure: boolean) =>
  `${!isSecure ? '' : basePath() ? '__Secure-' : '__Host-'}mcphub.${purpose}`;

async function write(purpose: Purpose, value: string): Promise<void> {
  const secure = isSecureVisitor(await headers());
  (await cookies()).set({
    name: nameOf(purpose, secure),
    value,
    httpOnly: true,
    sameSite: 'lax',
    path: cookiePath(),
    secure,
    maxAge: maxAgeSeconds[purpose],
  });
}

async function read(purpose: Purpose): Promise<string | null> {
  const secure = isSecureVisitor(await headers());
  return (await cookies()).get(nameOf(purpose, secure))?.value ?? null;
}

async function drop(purpose: Purpose): Promise<void> {
  const secure = isSecureVisitor(await headers());
  const name = nameOf(purpose, secure);
  if ((await cookies()).has(name)) (await cookies()).set({ name, value: '', path: cookiePath(), secure, maxAge: 0 });
}

export function rememberLink(keyring: Keyring, link: LinkWish): Promise<void> {
  return write('link', keyring.seal('sign-in', { link, at: Date.now() }));
}

/** The wish of this browser, which is used up. */
export async function takeLink(keyring: Keyring): Promise<LinkWish | null> {
  const token = await read('link');
  await drop('link');
  const opened = linkSchema.safeParse(token && keyring.open('sign-in', token));
  const isFresh = opened.success && Date.now() - opened.data.at < maxAgeSeconds.link * 1000;
  return isFresh ? opened.data.link : null;
}

export function rememberTicket(ticket: string): Promise<void> {
  return write('ticket', ticket);
}

/** For pages, which cannot set cookies. */
export function readTicket(): Promise<string | null> {
  return read('ticket');
}

export function dropTicket(): Promise<void> {
  return drop('ticket');
}
