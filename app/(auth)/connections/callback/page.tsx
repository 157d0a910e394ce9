import type { Metadata } from 'next';
import { context } from '@/app/_server';
import { serverOfSignIn } from '@/lib/credentials';
import ConnectPage from '../[name]/page';
import { CallbackView } from './callback-view';

interface CallbackPageProps {
  searchParams: Promise<Record<string, string | string[] | undefined>>;
}

export const metadata: Metadata = { title: 'Connect', referrer: 'no-referrer' };

/** Where the sign-in page of a service sends browsers back to. */
export default async function CallbackPage({ searchParams }: CallbackPageProps) {
  const given = await searchParams;
  const text = (name: string) => (typeof given[name] === 'string' ? given[name] : undefined);
  const state = text('state');
  // A server may be called so.
  if (state === undefined) return ConnectPage({ params: Promise.resolve({ name: 'callback' }) });
  const ctx = await context();
  const [code, iss, error, errorDescription] = [text('code'), text('iss'), text('error'), text('error_description')];
  return (
    <CallbackView
      user={ctx.actor.name}
      server={await serverOfSignIn(ctx, state.slice(0, 512))}
      answer={{
        state,
        ...(code !== undefined && { code }),
        ...(iss !== undefined && { iss }),
        ...(error !== undefined && { error }),
        ...(errorDescription !== undefined && { errorDescription }),
      }}
    />
  );
}
