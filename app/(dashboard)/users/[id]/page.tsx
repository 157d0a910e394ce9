import type { Metadata } from 'next';
import { notFound } from 'next/navigation';
import { context } from '@/app/_server';
import { getUser, listGrants, listSessions } from '@/lib/access';
import { isHubError } from '@/lib/errors';
import { loadUserContext } from '../load';
import { UserPage } from './user-view';

export const metadata: Metadata = { title: 'User' };

export default async function OneUserPage({ params }: { params: Promise<{ id: string }> }) {
  const ctx = await context();
  const { id } = await params;
  try {
    const [user, around] = await Promise.all([getUser(ctx, id), loadUserContext(ctx)]);
    const { update: mayUpdate } = around.rights;
    const [sessions, apps] = mayUpdate ? await Promise.all([listSessions(ctx, id), listGrants(ctx, id)]) : [null, null];
    return <UserPage initial={user} sessions={sessions} apps={apps} around={around} />;
  } catch (error) {
    if (isHubError(error) && error.code === 'NOT_FOUND') notFound();
    throw error;
  }
}
