import type { Metadata } from 'next';
import { redirect } from 'next/navigation';
import { beginsHere, context, readConsent } from '@/app/_server';
import { Notice } from '@/app/_ui/notice';
import { isHubError } from '@/lib/errors';
import { ConsentForm } from './consent-form';

export const metadata: Metadata = { title: 'Allow access', referrer: 'no-referrer' };

export default async function ConsentPage({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  // Before the sign-in: with somebody else's link there is nothing to sign in for.
  if (!(await beginsHere(id))) return <Over />;
  const ctx = await context();
  const found = await readConsent(ctx, id).catch((error: unknown) => {
    if (isHubError(error) && error.code === 'NOT_FOUND') return null;
    throw error;
  });
  if (found?.returnTo) redirect(found.returnTo);
  if (!found?.ask || !ctx.actor.userId) return <Over />;
  return <ConsentForm id={id} view={found.ask} user={{ id: ctx.actor.userId, name: ctx.actor.name }} />;
}

function Over() {
  return (
    <>
      <h1 className="mb-4 text-title">Nothing to allow here</h1>
      <Notice
        tone="warn"
        title="This request has expired, or it began in another browser."
        hint="Begin again in the program that sent you here."
      />
    </>
  );
}
