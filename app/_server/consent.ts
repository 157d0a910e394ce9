// What an MCP client asks a user to allow. Its request belongs to the browser that it began in: the authorization server
// gave that one a cookie, which nobody can be lent with a link.
import { headers } from 'next/headers';
import type { Ctx } from '@/lib/access';
import type { ConsentView } from '@/lib/access/schema';
import { HubError } from '@/lib/errors';
import { worker } from './hub';

/** As worker/oauth names it. Its path is that of the request's page. */
const cookieName = 'mcphub_consent';

/** Whether the request with this id began in the browser that asks. */
export async function beginsHere(id: string): Promise<boolean> {
  const cookie = (await headers()).get('cookie') ?? '';
  return cookie.split(/; */).includes(`${cookieName}=${id}`);
}

/** What to ask, or where to go on without a question. @throws HubError NOT_FOUND for a request that is over */
export async function readConsent(
  { actor }: Ctx,
  id: string,
): Promise<{ ask: ConsentView | null; returnTo: string | null }> {
  if (!actor.userId || !(await beginsHere(id))) throw new HubError('NOT_FOUND');
  return worker().call('oauth.consent', { id, userId: actor.userId });
}

/**
 * The user's answer. @param userId whom the page showed as signed in
 * @throws HubError NOT_FOUND for a request that is over; CONFLICT where somebody else is signed in by now
 */
export async function decideConsent(
  { actor, requestId, address }: Ctx,
  { id, userId, allow }: { id: string; userId: string; allow: boolean },
): Promise<{ returnTo: string }> {
  if (actor.kind !== 'user' || !(await beginsHere(id))) throw new HubError('NOT_FOUND');
  if (actor.id !== userId) throw new HubError('CONFLICT', 'Somebody else is signed in by now: load the page again.');
  return worker().call('oauth.decide', { id, userId, allow, requestId, ...(address !== undefined && { address }) });
}
