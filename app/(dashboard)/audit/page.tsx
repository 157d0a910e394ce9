import type { Metadata } from 'next';
import { notFound } from 'next/navigation';
import { context } from '@/app/_server';
import { canSome } from '@/lib/access';
import { AuditView } from './audit-view';

export const metadata: Metadata = { title: 'Audit' };

export default async function AuditPage() {
  const { actor } = await context();
  if (!canSome(actor, 'read', 'audit')) notFound();
  return <AuditView />;
}
