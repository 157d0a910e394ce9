import type { Metadata } from 'next';
import { notFound } from 'next/navigation';
import { context } from '@/app/_server';
import { isHubError } from '@/lib/errors';
import { getGroup } from '@/lib/servers';
import { loadGroupContext } from '../load';
import { GroupView } from './group-view';

interface GroupPageProps {
  params: Promise<{ name: string }>;
}

export async function generateMetadata({ params }: GroupPageProps): Promise<Metadata> {
  return { title: decodeURIComponent((await params).name) };
}

export default async function GroupPage({ params }: GroupPageProps) {
  const ctx = await context();
  const name = decodeURIComponent((await params).name);
  try {
    const [group, around] = await Promise.all([getGroup(ctx, name), loadGroupContext(ctx)]);
    return <GroupView key={group.version} group={group} around={around} />;
  } catch (error) {
    if (isHubError(error) && error.code === 'NOT_FOUND') notFound();
    throw error;
  }
}
