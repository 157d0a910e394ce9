import type { Metadata } from 'next';
import { notFound } from 'next/navigation';
import { context } from '@/app/_server';
import { getSecondFactor, getUser, listGrants, listSessions } from '@/lib/access';
import { can } from '@/lib/access/can';
import { AccountView } from './account-view';

export const metadata: Metadata = { title: 'Account' };

export default async function AccountPage() {
  const ctx = await context();
  const { userId } = ctx.actor;
  const own = { type: 'user', ownerId: userId } as const;
  if (!userId || !can(ctx.actor, 'read', own) || !can(ctx.actor, 'update', own)) notFound();
  const [user, factor, sessions, grants] = await Promise.all([
    getUser(ctx, userId),
    getSecondFactor(ctx),
    listSessions(ctx, userId),
    listGrants(ctx, userId),
  ]);
  return <AccountView user={user} factor={factor} sessions={sessions} grants={grants} />;
}
