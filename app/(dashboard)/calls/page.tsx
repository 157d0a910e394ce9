import type { Metadata } from 'next';
import { context } from '@/app/_server';
import { listServers } from '@/lib/servers';
import { CallsView } from './calls-view';

export const metadata: Metadata = { title: 'Calls' };

export default async function CallsPage() {
  const ctx = await context();
  const servers = await listServers(ctx);
  return <CallsView servers={servers.map(({ name }) => name)} />;
}
