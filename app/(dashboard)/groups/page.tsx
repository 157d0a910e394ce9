import type { Metadata } from 'next';
import { context } from '@/app/_server';
import { listGroups } from '@/lib/servers';
import { GroupsView } from './groups-view';
import { loadGroupContext } from './load';

export const metadata: Metadata = { title: 'Groups' };

export default async function GroupsPage() {
  const ctx = await context();
  const [groups, around] = await Promise.all([listGroups(ctx), loadGroupContext(ctx)]);
  return <GroupsView initial={groups} around={around} />;
}
