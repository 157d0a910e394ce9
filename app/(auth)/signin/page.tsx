import type { Metadata } from 'next';
import { redirect } from 'next/navigation';
import { currentActor, isSetupNeeded, ownPath, readTicket, waysIn } from '@/app/_server';
import { refusalText } from '@/lib/access/external/schema';
import { SignInForm } from './sign-in-form';

export const metadata: Metadata = { title: 'Sign in' };

interface SignInPageProps {
  searchParams: Promise<{ next?: string | string[]; error?: string | string[] }>;
}

export default async function SignInPage({ searchParams }: SignInPageProps) {
  const asked = await searchParams;
  const next = ownPath(asked.next);
  if (await currentActor()) redirect(next);
  if (await isSetupNeeded()) redirect('/setup');
  const { providers, passwords } = waysIn();
  // Somebody whom a provider has proved, and who has a second factor here.
  const ticket = await readTicket();
  const refusal = refusalText(asked.error);
  const buttons = providers.map(({ id, name }) => ({ id, name }));
  return (
    <>
      <h1 className="mb-4 text-title">Sign in</h1>
      <SignInForm next={next} providers={buttons} passwords={passwords} firstTicket={ticket} firstRefusal={refusal} />
    </>
  );
}
