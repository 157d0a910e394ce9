import type { Metadata } from 'next';
import { notFound } from 'next/navigation';
import { context } from '@/app/_server';
import { canSome, listRoles } from '@/lib/access';
import { loadRoleContext } from './load';
import { RolesView } from './roles-view';

export const metadata: Metadata = { title: 'Roles' };

export default async function RolesPage() {
  const ctx = await context();
  if (!canSome(ctx.actor, 'read', 'role')) notFound();
  return <RolesView initial={await listRoles(ctx)} around={loadRoleContext(ctx)} />;
}
