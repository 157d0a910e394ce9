'use client';
// One button for each sign-in provider. Its page is gone to by script: a form may lead to our own pages alone.
import { useEffect, useState } from 'react';
import { beginSignIn } from '@/app/_ui/api';
import { Button } from '@/app/_ui/button';
import { ErrorNotice } from '@/app/_ui/notice';

export interface ProviderButton {
  id: string;
  name: string;
}

export interface ProviderButtonsProps {
  providers: readonly ProviderButton[];
  next: string;
  onBegin: () => void;
}

export function ProviderButtons({ providers, next, onBegin }: ProviderButtonsProps) {
  const [busy, setBusy] = useState<string | null>(null);
  const [error, setError] = useState<unknown>(null);

  // Back from the provider's page, a browser shows this one as it was left.
  useEffect(() => {
    const reset = (event: PageTransitionEvent) => event.persisted && setBusy(null);
    addEventListener('pageshow', reset);
    return () => removeEventListener('pageshow', reset);
  }, []);

  async function begin(id: string) {
    onBegin();
    setBusy(id);
    setError(null);
    try {
      location.assign(await beginSignIn(id, next));
    } catch (fault) {
      setError(fault);
      setBusy(null);
    }
  }

  return (
    <div className="flex flex-col gap-2">
      {error !== null && <ErrorNotice error={error} />}
      {providers.map(({ id, name }) => (
        <Button key={id} className="min-w-0" busy={busy === id} disabled={busy !== null} onClick={() => void begin(id)}>
          <span className="truncate">Continue with {name}</span>
        </Button>
      ))}
    </div>
  );
}
