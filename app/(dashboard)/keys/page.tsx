import type { Metadata } from 'next';
import { notFound } from 'next/navigation';
import { context } from '@/app/_server';
import { canSome, listKeys } from '@/lib/access';
import { loadConnect } from '../connect/load';
import { KeysView } from './keys-view';

export const metadata: Metadata = { title: 'Keys' };

export default async function KeysPage() {
  const ctx = await context();
  if (!canSome(ctx.actor, 'read', 'key')) notFound();
  const [keys, connect] = await Promise.all([listKeys(ctx), loadConnect(ctx)]);
  return <KeysView initial={keys} connect={connect} self={ctx.actor.name} />;
}
