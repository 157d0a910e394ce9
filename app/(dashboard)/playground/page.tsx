import type { Metadata } from 'next';
import { notFound } from 'next/navigation';
import { context } from '@/app/_server';
import { canSome } from '@/lib/access';
import { listTools } from '@/lib/servers';
import { PlaygroundView } from './playground-view';

export const metadata: Metadata = { title: 'Playground' };

export default async function PlaygroundPage() {
  const ctx = await context();
  if (!canSome(ctx.actor, 'call', 'tool')) notFound();
  const tools = await listTools(ctx);
  // Schemas can be large: the page brings names, the chosen tool's own definition follows.
  return (
    <PlaygroundView
      names={tools
        .filter(({ enabled }) => enabled)
        .map(({ server, name, title, curated }) => ({ server, name: curated?.name ?? name, title, original: name }))}
    />
  );
}
