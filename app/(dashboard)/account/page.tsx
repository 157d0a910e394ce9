import type { Metadata } from 'next';
import { notFound } from 'next/navigation';
import { context } from '@/app/_server';
import { getSecondFactor, getUser, listSessions } from '@/lib/access';
import { AccountView } from './account-view';

export const metadata: Metadata = { title: 'Account' };

export default async function AccountPage() {
  const ctx = await context();
  const { userId } = ctx.actor;
  if (!userId) notFound();
  const [user, factor, sessions] = await Promise.all([
    getUser(ctx, userId),
    getSecondFactor(ctx),
    listSessions(ctx, userId),
  ]);
  return <AccountView user={user} factor={factor} sessions={sessions} />;
}
