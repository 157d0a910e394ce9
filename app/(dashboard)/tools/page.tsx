import type { Metadata } from 'next';
import { notFound } from 'next/navigation';
import { context } from '@/app/_server';
import { canSome } from '@/lib/access';
import { listServers } from '@/lib/servers';
import { ToolsView } from './tools-view';

export const metadata: Metadata = { title: 'Tools' };

export default async function ToolsPage() {
  const ctx = await context();
  if (!canSome(ctx.actor, 'read', 'tool')) notFound();
  const servers = await listServers(ctx);
  return <ToolsView servers={servers.map(({ name }) => name)} mayCall={canSome(ctx.actor, 'call', 'tool')} />;
}
