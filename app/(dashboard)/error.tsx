'use client';
// A page that could not be rendered. The cause is in the hub's log under the digest.
import { useRouter } from 'next/navigation';
import { useEffect, useTransition } from 'react';
import { Button } from '@/app/_ui/button';
import { Notice } from '@/app/_ui/notice';

interface ErrorPageProps {
  error: Error & { digest?: string };
  reset: () => void;
}

export default function ErrorPage({ error, reset }: ErrorPageProps) {
  const router = useRouter();
  const [busy, startTransition] = useTransition();
  useEffect(() => console.error(error), [error]);

  function again() {
    startTransition(() => {
      router.refresh();
      reset();
    });
  }

  return (
    <Notice
      tone="bad"
      title="This page could not be shown: the hub's web program had an error, or its database does not answer."
      cause={error.digest && `digest ${error.digest}`}
      hint="The hub's log names the cause under this digest. Often it is over after a moment."
      actions={
        <Button size="sm" busy={busy} onClick={again}>
          Try again
        </Button>
      }
    />
  );
}
