import type { Metadata } from 'next';
import { context } from '@/app/_server';
import { listTools } from '@/lib/servers';
import { PlaygroundView } from './playground-view';

export const metadata: Metadata = { title: 'Playground' };

export default async function PlaygroundPage() {
  const tools = await listTools(await context());
  // Schemas can be large: the page brings names, the chosen tool's own definition follows.
  return (
    <PlaygroundView
      names={tools.filter(({ enabled }) => enabled).map(({ server, name, title }) => ({ server, name, title }))}
    />
  );
}
