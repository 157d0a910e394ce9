import type { Metadata } from 'next';
import { notFound } from 'next/navigation';
import { context } from '@/app/_server';
import { canSome } from '@/lib/access';
import { loadServers, serverRights } from './load';
import { ServersView } from './servers-view';

export const metadata: Metadata = { title: 'Servers' };

export default async function ServersPage() {
  const ctx = await context();
  if (!canSome(ctx.actor, 'read', 'server')) notFound();
  return <ServersView initial={await loadServers(ctx)} rights={serverRights(ctx.actor)} />;
}
