import type { Metadata } from 'next';
import { notFound } from 'next/navigation';
import { cache } from 'react';
import { context } from '@/app/_server';
import { isHubError } from '@/lib/errors';
import { listTools } from '@/lib/servers';
import { loadServer, serverRights, userNames } from '../load';
import { ServerView } from './server-view';

interface ServerPageProps {
  params: Promise<{ name: string }>;
}

/** The server, or the page that says that there is none. */
const serverOf = cache(async (name: string) => {
  const ctx = await context();
  try {
    return { ctx, server: await loadServer(ctx, name) };
  } catch (error) {
    if (isHubError(error) && error.code === 'NOT_FOUND') notFound();
    throw error;
  }
});

export async function generateMetadata({ params }: ServerPageProps): Promise<Metadata> {
  return { title: decodeURIComponent((await params).name) };
}

export default async function ServerPage({ params }: ServerPageProps) {
  const { ctx, server } = await serverOf(decodeURIComponent((await params).name));
  const tools = await listTools(ctx, { server: server.name });
  const users = server.isolation === 'user' ? await userNames(ctx) : {};
  return <ServerView initial={server} tools={tools} rights={serverRights(ctx.actor)} users={users} />;
}
