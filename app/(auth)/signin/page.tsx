import type { Metadata } from 'next';
import { redirect } from 'next/navigation';
import { currentActor, isSetupNeeded, ownPath } from '@/app/_server';
import { SignInForm } from './sign-in-form';

export const metadata: Metadata = { title: 'Sign in' };

interface SignInPageProps {
  searchParams: Promise<{ next?: string | string[] }>;
}

export default async function SignInPage({ searchParams }: SignInPageProps) {
  const next = ownPath((await searchParams).next);
  if (await currentActor()) redirect(next);
  if (await isSetupNeeded()) redirect('/setup');
  return (
    <>
      <h1 className="mb-4 text-title">Sign in</h1>
      <SignInForm next={next} />
    </>
  );
}
