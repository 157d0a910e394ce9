import type { Metadata } from 'next';
import { notFound } from 'next/navigation';
import { context, waysIn } from '@/app/_server';
import { getSecondFactor, getUser, listGrants, listOwnIdentities, listSessions } from '@/lib/access';
import { can } from '@/lib/access/can';
import { refusalText } from '@/lib/access/external/schema';
import { listConnections } from '@/lib/credentials';
import { AccountView } from './account-view';

export const metadata: Metadata = { title: 'Account' };

interface AccountPageProps {
  searchParams: Promise<{ linked?: string | string[]; error?: string | string[] }>;
}

export default async function AccountPage({ searchParams }: AccountPageProps) {
  const ctx = await context();
  const { userId } = ctx.actor;
  const own = { type: 'user', ownerId: userId } as const;
  if (!userId || !can(ctx.actor, 'read', own) || !can(ctx.actor, 'update', own)) notFound();
  const { linked, error } = await searchParams;
  const [user, factor, sessions, grants, identities, connections] = await Promise.all([
    getUser(ctx, userId),
    getSecondFactor(ctx),
    listSessions(ctx, userId),
    listGrants(ctx, userId),
    listOwnIdentities(ctx, waysIn()),
    listConnections(ctx),
  ]);
  const outcome = { isLinked: linked === '1', refusal: refusalText(error) };
  return (
    <AccountView
      user={user}
      factor={factor}
      sessions={sessions}
      grants={grants}
      identities={identities}
      linkOutcome={outcome}
      connections={connections}
    />
  );
}
