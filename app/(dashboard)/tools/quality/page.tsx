import type { Metadata } from 'next';
import { notFound } from 'next/navigation';
import { context } from '@/app/_server';
import { canSome } from '@/lib/access';
import { can } from '@/lib/access/can';
import { QualityView } from './quality-view';

export const metadata: Metadata = { title: 'Quality of the search' };

export default async function QualityPage() {
  const { actor } = await context();
  if (!canSome(actor, 'read', 'tool')) notFound();
  const rights = {
    searches: canSome(actor, 'read', 'call'),
    cases: can(actor, 'read', { type: 'tool' }),
    change: can(actor, 'read', { type: 'tool' }) && can(actor, 'update', { type: 'setting' }),
  };
  return <QualityView rights={rights} />;
}
