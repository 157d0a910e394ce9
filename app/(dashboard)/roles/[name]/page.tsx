import type { Metadata } from 'next';
import { notFound } from 'next/navigation';
import { context } from '@/app/_server';
import { getRole } from '@/lib/access';
import { isHubError } from '@/lib/errors';
import { loadRoleContext } from '../load';
import { RoleView } from './role-view';

interface RolePageProps {
  params: Promise<{ name: string }>;
}

export async function generateMetadata({ params }: RolePageProps): Promise<Metadata> {
  return { title: decodeURIComponent((await params).name) };
}

export default async function RolePage({ params }: RolePageProps) {
  const ctx = await context();
  try {
    const role = await getRole(ctx, decodeURIComponent((await params).name));
    return <RoleView key={role.version} role={role} around={loadRoleContext(ctx)} />;
  } catch (error) {
    if (isHubError(error) && error.code === 'NOT_FOUND') notFound();
    throw error;
  }
}
