import type { Metadata } from 'next';
import { context } from '@/app/_server';
import { loadServers, serverRights } from './load';
import { ServersView } from './servers-view';

export const metadata: Metadata = { title: 'Servers' };

export default async function ServersPage() {
  const ctx = await context();
  return <ServersView initial={await loadServers(ctx)} rights={serverRights(ctx.actor)} />;
}
