'use client';
// Ends a sign-in as soon as the browser is back, once, and says how it went.
import { useEffect, useRef, useState } from 'react';
import { answered } from '@/app/_ui/answered';
import { buttonClass } from '@/app/_ui/button';
import { hubPath } from '@/app/_ui/hub-path';
import { Notice } from '@/app/_ui/notice';
import type { ConnectionView, SignInAnswer } from '@/lib/credentials/schema';
import type { ActionFailure } from '@/lib/errors';
import { finishSignInAction } from '../actions';
import { ConnectView } from '../connect-view';

export interface CallbackViewProps {
  answer: SignInAnswer;
  /** Who is signed in. */
  user: string;
  /** Where this user began a sign-in with that state; null: nowhere. */
  server: string | null;
}

export function CallbackView({ answer, user, server }: CallbackViewProps) {
  const [connection, setConnection] = useState<ConnectionView | null>(null);
  const [failure, setFailure] = useState<ActionFailure | null>(null);
  const hasBegun = useRef(false);

  useEffect(() => {
    if (hasBegun.current) return;
    hasBegun.current = true;
    // The code is good once; it leaves the address bar and the history.
    history.replaceState(null, '', location.pathname);
    void answered(finishSignInAction(answer)).then((result) => {
      if (!result.ok) return setFailure(result);
      setConnection(result.data);
      history.replaceState(null, '', `/connections/${encodeURIComponent(result.data.server)}`);
    });
  }, [answer]);

  if (connection) return <ConnectView initial={connection} user={user} isNew />;
  return (
    <>
      <h1 className="mb-4 text-title">
        {failure ? 'Not connected' : 'Connecting'} {server && `to ${server}`}
      </h1>
      {failure ? (
        <div className="flex flex-col gap-4">
          <Notice tone="bad" title={failure.message} hint={failure.hint ?? 'Nothing was stored.'} />
          <a
            href={hubPath(server === null ? '/account' : `/connections/${encodeURIComponent(server)}`)}
            className={buttonClass('primary', 'md', 'self-start')}
          >
            {server === null ? 'Your connections' : 'Try again'}
          </a>
        </div>
      ) : (
        <Notice tone="busy" title="The hub asks the service for its tokens." />
      )}
    </>
  );
}
