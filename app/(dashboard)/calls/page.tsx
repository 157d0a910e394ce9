import type { Metadata } from 'next';
import { notFound } from 'next/navigation';
import { context } from '@/app/_server';
import { canSome } from '@/lib/access';
import { listServers } from '@/lib/servers';
import { CallsView } from './calls-view';

export const metadata: Metadata = { title: 'Calls' };

export default async function CallsPage() {
  const ctx = await context();
  if (!canSome(ctx.actor, 'read', 'call')) notFound();
  const servers = await listServers(ctx);
  return <CallsView servers={servers.map(({ name }) => name)} />;
}
