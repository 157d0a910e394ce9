'use client';
// What a client asks for, in plain words, and the two answers.
import { AppWindow, Globe } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { Button } from '@/app/_ui/button';
import { Notice } from '@/app/_ui/notice';
import type { ConsentView } from '@/lib/access/schema';
import type { ActionFailure } from '@/lib/errors';
import { signOutAction } from '../../actions';
import { decideConsentAction } from '../actions';

export interface ConsentFormProps {
  id: string;
  view: ConsentView;
  user: { id: string; name: string };
}

export function ConsentForm({ id, view, user }: ConsentFormProps) {
  const [busy, setBusy] = useState<'allow' | 'deny' | 'switch' | null>(null);
  const [refusal, setRefusal] = useState<ActionFailure | null>(null);
  const { client, redirect, endpoint, scopes } = view;

  async function answer(allow: boolean) {
    setBusy(allow ? 'allow' : 'deny');
    setRefusal(null);
    const result = await decideConsentAction({ id, userId: user.id, allow });
    if (result.ok) return location.assign(result.data.returnTo);
    setBusy(null);
    setRefusal(result);
  }

  /** Nobody is signed in then: the page leads to the sign-in, and that back here. */
  async function switchAccount() {
    setBusy('switch');
    await signOutAction({});
    location.reload();
  }

  return (
    <>
      <h1 className="text-title break-words">Allow {client.name} to use your MCP servers?</h1>
      <p className="mt-1 mb-4 text-body text-muted-foreground">
        Signed in as <span className="font-medium text-foreground">{user.name}</span>.{' '}
        <button
          type="button"
          className="text-foreground underline underline-offset-2 disabled:opacity-50"
          disabled={busy !== null}
          onClick={() => void switchAccount()}
        >
          Use another account
        </button>
      </p>
      {refusal && <Notice tone="bad" title={refusal.message} hint={refusal.hint} className="mb-4" />}
      <dl className="mb-4 divide-y divide-border rounded-panel border border-border bg-card text-table">
        <Row label="Who asks">
          <span className="flex items-start gap-2">
            {client.host ? (
              <Globe aria-hidden className="mt-0.5 size-4 shrink-0 text-muted-foreground" />
            ) : (
              <AppWindow aria-hidden className="mt-0.5 size-4 shrink-0 text-muted-foreground" />
            )}
            <span className="min-w-0 break-words">
              {client.host ? (
                <>
                  {client.name} of <span className="font-medium">{client.host}</span>
                </>
              ) : (
                <>{client.name}. It chose this name itself, and nobody has verified it.</>
              )}
            </span>
          </span>
        </Row>
        <Row label="It may">
          <ul className="flex flex-col gap-1">
            {scopes.includes('mcp:call') ? (
              <li>Call every tool that you may call, also those that change something.</li>
            ) : (
              <li>Call tools that only read.</li>
            )}
            <li>See your tools, and read your resources and prompts.</li>
          </ul>
        </Row>
        <Row label="Where">
          {endpoint === null ? (
            'At all servers and groups that you may use.'
          ) : (
            <>
              At <span className="font-mono text-caption break-all">{endpoint}</span> only.
            </>
          )}
        </Row>
        <Row label="Answer goes to">
          <span className="font-medium break-all">{redirect.to}</span>
          {redirect.isLocal && <> – a program on this computer</>}
        </Row>
      </dl>
      <p className="mb-4 text-caption font-normal text-muted-foreground">
        Allow it only if you have just started this in the program yourself. You can take it back at any time under
        Account, Connected applications.
      </p>
      <div className="flex flex-wrap gap-2">
        <Button
          variant="primary"
          busy={busy === 'allow'}
          disabled={busy !== null}
          className="flex-1"
          onClick={() => void answer(true)}
        >
          Allow
        </Button>
        <Button busy={busy === 'deny'} disabled={busy !== null} className="flex-1" onClick={() => void answer(false)}>
          Deny
        </Button>
      </div>
    </>
  );
}

function Row({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className="px-3 py-2.5">
      <dt className="text-caption text-muted-foreground">{label}</dt>
      <dd className="mt-0.5">{children}</dd>
    </div>
  );
}
