// From a browser's request to an actor and a context, for pages and server actions. REST routes do it in rest.ts.
import { headers } from 'next/headers';
import { redirect } from 'next/navigation';
import { cache } from 'react';
import { type Actor, type Ctx, needsSetup } from '@/lib/access';
import { bus, database, resolver, vault } from './hub';
import { visitOf } from './visitor';

/** Set by proxy.ts for every page: path and query of the request, which pages cannot see otherwise. */
const pathHeader = 'x-mcphub-path';

/** Who is signed in, with the session; null if nobody. Asked once per request, however many parts of a page ask. */
export const currentBrowser = cache(async () => (await resolver()).resolveBrowser((await headers()).get('cookie')));

/** Who is signed in, or null. @throws HubError UNAVAILABLE when that cannot be found out */
export async function currentActor(): Promise<Actor | null> {
  return (await currentBrowser())?.actor ?? null;
}

/** Who is signed in; anybody else is led to the sign-in, or to the setup while there is no user. For pages. */
export async function requireActor(): Promise<Actor> {
  const actor = await currentActor();
  if (actor) return actor;
  if (await needsSetup((await database()).db)) redirect('/setup');
  const path = (await headers()).get(pathHeader) ?? '/';
  redirect(path === '/' ? '/signin' : `/signin?next=${encodeURIComponent(path)}`);
}

/** The first argument of every verb, for pages; leads to the sign-in where nobody is signed in. */
export async function context(): Promise<Ctx> {
  const actor = await requireActor();
  return contextFor(actor, visitOf(await headers()), (await currentBrowser())?.session.id);
}

/** The context of an actor that the caller has found. @param sessionId of the browser session, where it is one */
export async function contextFor(
  actor: Actor,
  visit: Pick<Ctx, 'requestId' | 'address'>,
  sessionId?: string,
): Promise<Ctx> {
  return { actor, db: (await database()).db, bus: bus(), vault: vault(), ...visit, ...(sessionId && { sessionId }) };
}

/** An actor as it travels to the worker. */
export function sentActor(actor: Actor) {
  return { ...actor, permissions: [...actor.permissions], groupIds: [...actor.groupIds] };
}
