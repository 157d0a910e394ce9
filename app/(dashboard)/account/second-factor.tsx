'use client';
// The second factor: switched on with a QR code and a first code, switched off, and its recovery codes made anew. Each
// takes the password, or a recent sign-in of who has none.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, type ReactNode, useState } from 'react';
import { encode } from 'uqr';
import { ApiError, api, beginSignIn } from '@/app/_ui/api';
import { Badge } from '@/app/_ui/badge';
import { Button } from '@/app/_ui/button';
import { CopyButton } from '@/app/_ui/copy-button';
import { Dialog, DialogActions, DialogBody, DialogClose, DialogContent, DialogFooter } from '@/app/_ui/dialog';
import { Field } from '@/app/_ui/field';
import { Input } from '@/app/_ui/input';
import { ErrorNotice, Notice } from '@/app/_ui/notice';
import { Panel, PanelBody, PanelHeader } from '@/app/_ui/panel';
import { toast } from '@/app/_ui/toaster';
import type { SignInProvider } from '@/lib/access/external/schema';
import type { FactorStart, SecondFactorView } from '@/lib/access/schema';

type Step =
  | { at: 'on' | 'off' | 'renew' }
  | { at: 'scan'; start: FactorStart }
  | { at: 'codes'; codes: string[]; isRenewed: boolean };

const queryKey = ['me', 'second-factor'];

export interface SecondFactorProps {
  initial: SecondFactorView;
  hasPassword: boolean;
  /** Where a user without a password can sign in again. */
  providers: SignInProvider[];
}

export function SecondFactor({ initial, hasPassword, providers }: SecondFactorProps) {
  const client = useQueryClient();
  const [step, setStep] = useState<Step | null>(null);
  const { data: factor } = useQuery({
    queryKey,
    queryFn: ({ signal }) => api<SecondFactorView>('/me/second-factor', { signal }),
    initialData: initial,
  });
  const isOn = factor.enabledAt !== null;
  const refresh = () => void client.invalidateQueries({ queryKey });
  const proof = (verb: string, run: (body: object) => Promise<void>) => (
    <ProofForm hasPassword={hasPassword} providers={providers} verb={verb} onProof={run} />
  );

  return (
    <Panel>
      <PanelHeader
        title="Second factor"
        description={
          hasPassword
            ? 'A code of an authenticator app, beside the password.'
            : 'A code of an authenticator app, after the sign-in at your provider.'
        }
        actions={isOn ? <Badge tone="ok">On</Badge> : <Badge tone="idle">Off</Badge>}
      />
      <PanelBody className="flex flex-wrap items-center gap-3">
        <p className="flex-1 basis-60 text-table text-muted-foreground">
          {isOn
            ? `${factor.recoveryCodesLeft} recovery codes are left. Each signs you in once without the app.`
            : `With it ${hasPassword ? 'a stolen password' : 'your account at the provider'} is not enough to sign in as you.`}
        </p>
        {isOn && <Button onClick={() => setStep({ at: 'renew' })}>New recovery codes</Button>}
        <Button onClick={() => setStep({ at: isOn ? 'off' : 'on' })}>{isOn ? 'Switch off' : 'Switch on'}</Button>
      </PanelBody>
      <Dialog open={step !== null} onOpenChange={(open) => !open && setStep(null)}>
        {step?.at === 'on' && (
          <DialogContent
            title="Switch on the second factor"
            description={hasPassword ? 'First your password.' : 'You need an authenticator app.'}
          >
            {proof('Continue', async (body) => {
              setStep({ at: 'scan', start: await api<FactorStart>('/me/second-factor', { method: 'POST', body }) });
            })}
          </DialogContent>
        )}
        {step?.at === 'scan' && (
          <DialogContent title="Scan the code" description="With your authenticator app.">
            <OneField
              label="Code that the app shows now"
              field="/code"
              submit="Confirm"
              type="code"
              onSubmit={async (code) => {
                const { recoveryCodes } = await api<{ recoveryCodes: string[] }>('/me/second-factor/confirm', {
                  method: 'POST',
                  body: { code },
                });
                setStep({ at: 'codes', codes: recoveryCodes, isRenewed: false });
                refresh();
              }}
            >
              <QrCode uri={step.start.uri} />
              <div>
                <p className="text-table text-muted-foreground">If it cannot scan, type this secret:</p>
                <div className="flex items-center gap-2">
                  <code data-secret className="min-w-0 font-mono text-table break-all">
                    {step.start.secret.match(/.{1,4}/g)?.join(' ')}
                  </code>
                  <CopyButton text={step.start.secret} label="Copy the secret" />
                </div>
              </div>
            </OneField>
          </DialogContent>
        )}
        {step?.at === 'codes' && (
          <DialogContent
            title="Recovery codes"
            description={step.isRenewed ? 'Those from before are good no more.' : 'The second factor is on.'}
          >
            <DialogBody className="flex flex-col gap-3">
              <Notice
                tone="warn"
                title="Keep these codes now: they are shown this once."
                hint="Each signs you in once if you lose the app."
              />
              <ul
                data-recovery
                aria-label="Recovery codes"
                className="grid gap-1 rounded-panel border border-border bg-sunken p-3 font-mono text-table sm:grid-cols-2"
              >
                {step.codes.map((code) => (
                  <li key={code}>{code}</li>
                ))}
              </ul>
            </DialogBody>
            <DialogFooter>
              <CopyButton text={step.codes.join('\n')} label="Copy all" withLabel variant="secondary" size="md" />
              <DialogClose asChild>
                <Button variant="primary">I have them</Button>
              </DialogClose>
            </DialogFooter>
          </DialogContent>
        )}
        {step?.at === 'off' && (
          <DialogContent
            title="Switch off the second factor"
            description={`From then on ${hasPassword ? 'the password' : 'the sign-in at your provider'} alone is enough to sign in as you.`}
          >
            {proof('Switch off', async (body) => {
              await api('/me/second-factor/remove', { method: 'POST', body });
              setStep(null);
              toast('Second factor switched off');
              refresh();
            })}
          </DialogContent>
        )}
        {step?.at === 'renew' && (
          <DialogContent title="New recovery codes" description="They take the place of those that you have.">
            {proof('Make new codes', async (body) => {
              const { recoveryCodes } = await api<{ recoveryCodes: string[] }>('/me/second-factor/recovery-codes', {
                method: 'POST',
                body,
              });
              setStep({ at: 'codes', codes: recoveryCodes, isRenewed: true });
              refresh();
            })}
          </DialogContent>
        )}
      </Dialog>
    </Panel>
  );
}

interface ProofFormProps {
  hasPassword: boolean;
  providers: SignInProvider[];
  verb: string;
  onProof: (body: object) => Promise<void>;
}

/** Asks for the password; who has none has just signed in, or is sent to do that again. */
function ProofForm({ hasPassword, providers, verb, onProof }: ProofFormProps) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  if (hasPassword) {
    return (
      <OneField
        label="Password"
        field="/password"
        submit={verb}
        type="password"
        onSubmit={(password) => onProof({ password })}
      />
    );
  }
  const [provider] = error instanceof ApiError && error.code === 'FORBIDDEN' ? providers : [];

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      if (provider) location.assign(await beginSignIn(provider.id, '/account'));
      else await onProof({});
    } catch (thrown) {
      setError(thrown);
      setBusy(false);
    }
  }

  return (
    <form method="post" onSubmit={submit} className="flex min-h-0 flex-1 flex-col">
      {error !== null && (
        <DialogBody>
          <ErrorNotice error={error} />
        </DialogBody>
      )}
      <DialogFooter>
        <DialogClose asChild>
          <Button>Cancel</Button>
        </DialogClose>
        <Button type="submit" variant="primary" busy={busy} className="min-w-0">
          <span className="truncate">{provider ? `Sign in with ${provider.name}` : verb}</span>
        </Button>
      </DialogFooter>
    </form>
  );
}

interface OneFieldProps {
  label: string;
  /** Where its faults point. */
  field: string;
  submit: string;
  type: 'password' | 'code';
  children?: ReactNode;
  onSubmit: (value: string) => Promise<void>;
}

function OneField({ label, field, submit: verb, type, children, onSubmit }: OneFieldProps) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const fault = error instanceof ApiError ? error.fields[field] : undefined;
  const isPassword = type === 'password';

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const value = String(new FormData(event.currentTarget).get('value'));
    setBusy(true);
    setError(null);
    try {
      await onSubmit(value);
    } catch (thrown) {
      setError(thrown);
    }
    setBusy(false);
  }

  return (
    <form method="post" onSubmit={submit} className="flex min-h-0 flex-1 flex-col">
      <DialogBody className="flex flex-col gap-4">
        {error !== null && !fault && <ErrorNotice error={error} />}
        {children}
        <Field label={label} error={fault}>
          {(control) => (
            <Input
              {...control}
              name="value"
              type={isPassword ? 'password' : 'text'}
              inputMode={isPassword ? undefined : 'numeric'}
              autoComplete={isPassword ? 'current-password' : 'one-time-code'}
              autoFocus
              required
              maxLength={isPassword ? 256 : 64}
            />
          )}
        </Field>
      </DialogBody>
      <DialogActions verb={verb} busy={busy} />
    </form>
  );
}

/** Black on white in both themes: that is what scanners read. */
function QrCode({ uri }: { uri: string }) {
  const { data, size } = encode(uri, { ecc: 'M', border: 3 });
  const path = data.flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : ''))).join('');
  return (
    <svg
      role="img"
      aria-label="QR code of the secret"
      viewBox={`0 0 ${size} ${size}`}
      shapeRendering="crispEdges"
      className="size-48 self-center rounded-control bg-white"
    >
      <path d={path} fill="#000" />
    </svg>
  );
}
