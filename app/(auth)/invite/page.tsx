import type { Metadata } from 'next';
import { isInviteOpen } from '@/app/_server';
import { DeadLink } from '../dead-link';
import { PasswordForm } from '../password-form';

export const metadata: Metadata = { title: 'Join', referrer: 'no-referrer' };

interface InvitePageProps {
  searchParams: Promise<{ token?: string | string[] }>;
}

export default async function InvitePage({ searchParams }: InvitePageProps) {
  const { token } = await searchParams;
  if (typeof token !== 'string' || !(await isInviteOpen(token))) {
    return <DeadLink title="This invite is not valid any more" hint="Ask who invited you for a new one." />;
  }
  return (
    <>
      <h1 className="text-title">Create your account</h1>
      <p className="mt-1 mb-4 text-body text-muted-foreground">
        You were invited to this hub. The link works once: choose the name and the password of your account.
      </p>
      <PasswordForm kind="invite" token={token} />
    </>
  );
}
