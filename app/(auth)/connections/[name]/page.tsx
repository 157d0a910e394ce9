import type { Metadata } from 'next';
import { notFound } from 'next/navigation';
import { context } from '@/app/_server';
import { getConnection } from '@/lib/credentials';
import { isHubError } from '@/lib/errors';
import { ConnectView } from '../connect-view';

interface ConnectPageProps {
  params: Promise<{ name: string }>;
}

export const metadata: Metadata = { title: 'Connect', referrer: 'no-referrer' };

/** Where a call of a user who has not signed in to a server yet leads. Always about the one who is signed in here. */
export default async function ConnectPage({ params }: ConnectPageProps) {
  const name = decodeURIComponent((await params).name);
  const ctx = await context();
  try {
    return <ConnectView initial={await getConnection(ctx, name)} user={ctx.actor.name} />;
  } catch (error) {
    if (isHubError(error) && error.code === 'NOT_FOUND') notFound();
    throw error;
  }
}
