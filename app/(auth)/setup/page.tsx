import type { Metadata } from 'next';
import { notFound } from 'next/navigation';
import { isSetupNeeded } from '@/app/_server';
import { SetupForm } from './setup-form';

export const metadata: Metadata = { title: 'Set up' };

interface SetupPageProps {
  searchParams: Promise<{ token?: string | string[] }>;
}

/** Exists only while the hub has no user. */
export default async function SetupPage({ searchParams }: SetupPageProps) {
  if (!(await isSetupNeeded())) notFound();
  const { token } = await searchParams;
  return (
    <>
      <h1 className="text-title">Create the first admin</h1>
      <p className="mt-1 mb-4 text-body text-muted-foreground">
        This hub is new. The account you make here may do everything; there is no default password.
      </p>
      <SetupForm token={typeof token === 'string' ? token : ''} />
    </>
  );
}
