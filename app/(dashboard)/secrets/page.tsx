import type { Metadata } from 'next';
import { notFound } from 'next/navigation';
import { context } from '@/app/_server';
import { can } from '@/lib/access/can';
import { listServers } from '@/lib/servers';
import { SecretsView } from './secrets-view';

export const metadata: Metadata = { title: 'Secrets' };

export default async function SecretsPage() {
  const ctx = await context();
  if (!can(ctx.actor, 'read', { type: 'setting' })) notFound();
  const servers = await listServers(ctx);
  const closed = servers.flatMap(({ name, needsReentry }) => (needsReentry.length > 0 ? [{ name, needsReentry }] : []));
  return <SecretsView closed={closed} mayRotate={can(ctx.actor, 'update', { type: 'setting' })} />;
}
