'use client';
// The accounts at sign-in providers that sign the visitor in here: link, unlink.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { ApiError, api, beginSignIn } from '@/app/_ui/api';
import { Button } from '@/app/_ui/button';
import { Dialog, DialogActions, DialogBody, DialogContent } from '@/app/_ui/dialog';
import { Field } from '@/app/_ui/field';
import { Input } from '@/app/_ui/input';
import { ErrorNotice, Notice } from '@/app/_ui/notice';
import { Panel, PanelBody, PanelHeader } from '@/app/_ui/panel';
import { RelativeTime } from '@/app/_ui/relative-time';
import { toast } from '@/app/_ui/toaster';
import type { IdentityView, OwnIdentitiesView, SignInProvider } from '@/lib/access/external/schema';

/** How the visit to a provider ended from which the browser comes. */
export interface LinkOutcome {
  isLinked: boolean;
  refusal: string | null;
}

type Step = { link: SignInProvider } | { unlink: IdentityView };

const queryKey = ['me', 'identities'];

export function Identities({ initial, outcome }: { initial: OwnIdentitiesView; outcome: LinkOutcome }) {
  const client = useQueryClient();
  const [step, setStep] = useState<Step | null>(null);
  const { data } = useQuery({
    queryKey,
    queryFn: ({ signal }) => api<OwnIdentitiesView>('/me/identities', { signal }),
    initialData: initial,
  });

  async function run(password: string | undefined) {
    const proof = password ? { password } : {};
    if (!step) return;
    if ('link' in step) {
      const { id } = step.link;
      await api('/me/identities/link', { method: 'POST', body: { provider: id, ...proof } });
      location.assign(await beginSignIn(id, '/account'));
      return;
    }
    await api(`/me/identities/${step.unlink.id}/remove`, { method: 'POST', body: proof });
    setStep(null);
    toast('Unlinked');
    await client.invalidateQueries({ queryKey });
  }

  return (
    <Panel>
      <PanelHeader title="Sign-in providers" description="Accounts elsewhere that sign you in here." />
      {outcome.isLinked && (
        <PanelBody>
          <Notice tone="ok" title="The account is linked: from now on it signs you in." />
        </PanelBody>
      )}
      {outcome.refusal && (
        <PanelBody>
          <Notice tone="bad" title="Nothing was linked." hint={outcome.refusal} />
        </PanelBody>
      )}
      {data.identities.length === 0 ? (
        <p className="p-4 text-table text-muted-foreground">None is linked.</p>
      ) : (
        <ul>
          {data.identities.map((identity) => (
            <li
              key={identity.id}
              data-identity={identity.id}
              className="flex min-h-12 items-center gap-4 border-t border-border px-4 py-2 text-table first:border-t-0"
            >
              <div className="min-w-0 flex-1">
                <p className="truncate font-medium">{identity.providerName}</p>
                <p className="text-caption font-normal break-words text-muted-foreground">
                  {identity.email ?? 'no e-mail address'} · linked <RelativeTime at={identity.createdAt} />
                </p>
              </div>
              <Button
                size="sm"
                aria-label={`Unlink ${identity.providerName} ${identity.email ?? ''}`}
                onClick={() => setStep({ unlink: identity })}
              >
                Unlink
              </Button>
            </li>
          ))}
        </ul>
      )}
      {data.providers.length > 0 && (
        <div className="flex flex-wrap gap-2 border-t border-border px-4 py-3">
          {data.providers.map((provider) => (
            <Button key={provider.id} size="sm" className="max-w-full" onClick={() => setStep({ link: provider })}>
              <span className="truncate">Link {provider.name}</span>
            </Button>
          ))}
        </div>
      )}
      <Dialog open={step !== null} onOpenChange={(open) => !open && setStep(null)}>
        {step && (
          <DialogContent
            size="sm"
            title={'link' in step ? `Link ${step.link.name}` : `Unlink ${step.unlink.providerName}`}
            description={
              'link' in step
                ? 'You sign in there once; that account then signs you in here.'
                : 'It signs you in no more. What rules gave you for it is taken back.'
            }
          >
            <ProofForm verb={'link' in step ? 'Continue' : 'Unlink'} hasPassword={data.hasPassword} onProof={run} />
          </DialogContent>
        )}
      </Dialog>
    </Panel>
  );
}

interface ProofFormProps {
  verb: string;
  hasPassword: boolean;
  onProof: (password: string | undefined) => Promise<void>;
}

/** A recent sign-in is proof enough: the password is asked for once the hub says that it takes it. */
function ProofForm({ verb, hasPassword, onProof }: ProofFormProps) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [asksPassword, setAsksPassword] = useState(false);
  const fields = error instanceof ApiError ? error.fields : {};

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const password = new FormData(event.currentTarget).get('password');
    setBusy(true);
    setError(null);
    try {
      await onProof(typeof password === 'string' ? password : undefined);
    } catch (fault) {
      const takesPassword = fault instanceof ApiError && fault.code === 'FORBIDDEN' && hasPassword && !asksPassword;
      if (takesPassword) setAsksPassword(true);
      else setError(fault);
      setBusy(false);
    }
  }

  return (
    <form method="post" onSubmit={submit} className="flex min-h-0 flex-1 flex-col">
      {(asksPassword || error !== null) && (
        <DialogBody className="flex flex-col gap-4">
          {error !== null && !fields['/password'] && <ErrorNotice error={error} />}
          {asksPassword && (
            <Field label="Your password" error={fields['/password']} hint="Your sign-in was some time ago.">
              {(control) => (
                <Input
                  {...control}
                  name="password"
                  type="password"
                  autoComplete="current-password"
                  autoFocus
                  required
                  maxLength={256}
                />
              )}
            </Field>
          )}
        </DialogBody>
      )}
      <DialogActions verb={verb} busy={busy} />
    </form>
  );
}
