import type { Metadata } from 'next';
import { notFound } from 'next/navigation';
import { context } from '@/app/_server';
import { listInvites, listUsers } from '@/lib/access';
import { can } from '@/lib/access/can';
import { loadUserContext } from './load';
import { UsersView } from './users-view';

export const metadata: Metadata = { title: 'Users' };

export default async function UsersPage() {
  const ctx = await context();
  if (!can(ctx.actor, 'read', { type: 'user' })) notFound();
  const around = await loadUserContext(ctx);
  const [users, invites] = await Promise.all([listUsers(ctx), around.rights.create ? listInvites(ctx) : []]);
  return <UsersView initial={users} invites={invites} around={around} />;
}
