import type { Metadata } from 'next';
import { notFound } from 'next/navigation';
import { context } from '@/app/_server';
import { listKeys, listUsers } from '@/lib/access';
import { can } from '@/lib/access/can';
import { listLimits } from '@/lib/limits';
import { listServers } from '@/lib/servers';
import { LimitsView } from './limits-view';

export const metadata: Metadata = { title: 'Limits' };

export default async function LimitsPage() {
  const ctx = await context();
  if (!can(ctx.actor, 'read', { type: 'setting' })) notFound();
  const mayChange = can(ctx.actor, 'update', { type: 'setting' });
  const limits = await listLimits(ctx);
  if (!mayChange) return <LimitsView initial={limits} known={null} />;
  const [keys, users, servers] = await Promise.all([listKeys(ctx), listUsers(ctx), listServers(ctx)]);
  const known = {
    key: keys
      .filter(({ revokedAt }) => !revokedAt)
      .map(({ id, owner, name }) => ({ value: id, label: `${owner}/${name}` })),
    user: users.map(({ username }) => ({ value: username, label: username })),
    server: servers.map(({ name }) => ({ value: name, label: name })),
  };
  return <LimitsView initial={limits} known={known} />;
}
