import type { Metadata } from 'next';
import { userOfResetLink } from '@/app/_server';
import { DeadLink } from '../dead-link';
import { PasswordForm } from '../password-form';

export const metadata: Metadata = { title: 'Choose a password', referrer: 'no-referrer' };

interface ResetPageProps {
  searchParams: Promise<{ token?: string | string[] }>;
}

export default async function ResetPage({ searchParams }: ResetPageProps) {
  const { token } = await searchParams;
  const username = typeof token === 'string' ? await userOfResetLink(token) : null;
  if (typeof token !== 'string' || username === null) {
    return <DeadLink title="This link is not valid any more" hint="Ask an administrator for a new one." />;
  }
  return (
    <>
      <h1 className="text-title">Choose a password</h1>
      <p className="mt-1 mb-4 text-body text-muted-foreground">
        For <span className="font-medium text-foreground">{username}</span>. The link works once, and every browser that
        is signed in will have to sign in again.
      </p>
      <PasswordForm kind="reset" token={token} username={username} />
    </>
  );
}
