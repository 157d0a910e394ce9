import type { Metadata } from 'next';
import { context } from '@/app/_server';
import { listKeys } from '@/lib/access';
import { loadConnect } from '../connect/load';
import { KeysView } from './keys-view';

export const metadata: Metadata = { title: 'Keys' };

export default async function KeysPage() {
  const ctx = await context();
  const [keys, connect] = await Promise.all([listKeys(ctx), loadConnect(ctx)]);
  return <KeysView initial={keys} connect={connect} self={ctx.actor.name} />;
}
