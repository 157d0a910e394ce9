import type { Metadata } from 'next';
import { notFound } from 'next/navigation';
import { context } from '@/app/_server';
import { canSome } from '@/lib/access';
import { listGroups } from '@/lib/servers';
import { GroupsView } from './groups-view';
import { loadGroupContext } from './load';

export const metadata: Metadata = { title: 'Groups' };

export default async function GroupsPage() {
  const ctx = await context();
  if (!canSome(ctx.actor, 'read', 'group')) notFound();
  const [groups, around] = await Promise.all([listGroups(ctx), loadGroupContext(ctx)]);
  return <GroupsView initial={groups} around={around} />;
}
