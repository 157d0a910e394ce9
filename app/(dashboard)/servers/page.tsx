import type { Metadata } from 'next';
import { notFound } from 'next/navigation';
import { context } from '@/app/_server';
import { canSome } from '@/lib/access';
import { listDrift } from '@/lib/servers';
import { loadServers, serverRights } from './load';
import { ServersView } from './servers-view';

export const metadata: Metadata = { title: 'Servers' };

export default async function ServersPage() {
  const ctx = await context();
  if (!canSome(ctx.actor, 'read', 'server')) notFound();
  const [servers, drift] = await Promise.all([loadServers(ctx), listDrift(ctx)]);
  return <ServersView initial={servers} drift={drift} rights={serverRights(ctx.actor)} />;
}
