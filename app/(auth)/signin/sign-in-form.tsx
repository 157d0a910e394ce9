'use client';
// Name and password and, for those who have a second factor, a code as the second step.
import { type FormEvent, useState } from 'react';
import { Button } from '@/app/_ui/button';
import { Field } from '@/app/_ui/field';
import { hubPath } from '@/app/_ui/hub-path';
import { Input } from '@/app/_ui/input';
import { Notice } from '@/app/_ui/notice';
import type { ActionFailure } from '@/lib/errors';
import { signInAction, signInCodeAction } from '../actions';
import { type ProviderButton, ProviderButtons } from './provider-buttons';

type Refusal = Pick<ActionFailure, 'code' | 'message' | 'hint'>;

export interface SignInFormProps {
  next: string;
  providers: readonly ProviderButton[];
  /** Of somebody whom a provider has proved: then only the code is due. */
  firstTicket: string | null;
  /** Why a sign-in at a provider came to nothing, where the browser comes from one. */
  firstRefusal: string | null;
  passwords: boolean;
}

export function SignInForm({ next, providers, firstTicket, firstRefusal, passwords }: SignInFormProps) {
  const [ticket, setTicket] = useState<string | null>(firstTicket);
  const [refusal, setRefusal] = useState<Refusal | null>(
    firstRefusal === null || firstTicket !== null ? null : { code: 'UNAUTHENTICATED', message: firstRefusal },
  );
  // A whole page load: nothing that was cached for nobody stays.
  const enter = () => location.assign(hubPath(next));

  return ticket === null ? (
    <>
      {passwords ? (
        <PasswordStep refusal={refusal} onRefusal={setRefusal} onTicket={setTicket} onDone={enter} />
      ) : (
        <RefusalNotice refusal={refusal} />
      )}
      {providers.length > 0 && (
        <div className={passwords || refusal ? 'mt-4' : undefined}>
          {passwords && (
            <p className="mb-4 flex items-center gap-3 text-caption font-normal text-muted-foreground before:h-px before:flex-1 before:bg-border after:h-px after:flex-1 after:bg-border">
              or
            </p>
          )}
          <ProviderButtons providers={providers} next={next} onBegin={() => setRefusal(null)} />
        </div>
      )}
    </>
  ) : (
    <CodeStep
      ticket={ticket}
      onDone={enter}
      onBack={(why) => {
        setTicket(null);
        setRefusal(why);
      }}
    />
  );
}

function RefusalNotice({ refusal }: { refusal: Refusal | null }) {
  if (!refusal) return null;
  return (
    <Notice tone={refusal.code === 'LIMIT_EXCEEDED' ? 'warn' : 'bad'} title={refusal.message} hint={refusal.hint} />
  );
}

interface PasswordStepProps {
  refusal: Refusal | null;
  onRefusal: (refusal: Refusal | null) => void;
  onTicket: (ticket: string) => void;
  onDone: () => void;
}

function PasswordStep({ refusal, onRefusal, onTicket, onDone }: PasswordStepProps) {
  const [busy, setBusy] = useState(false);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setBusy(true);
    onRefusal(null);
    const answer = await signInAction({
      username: String(form.get('username')),
      password: String(form.get('password')),
    });
    if (answer.ok && answer.data.ticket === null) return onDone();
    setBusy(false);
    if (!answer.ok) onRefusal(answer);
    else if (answer.data.ticket !== null) onTicket(answer.data.ticket);
  }

  return (
    // `method` keeps the password out of the URL should the form be sent before its script runs.
    <form method="post" onSubmit={submit} className="flex flex-col gap-4">
      <RefusalNotice refusal={refusal} />
      <Field label="Name">
        {(control) => <Input {...control} name="username" autoComplete="username" autoFocus required maxLength={64} />}
      </Field>
      <Field label="Password">
        {(control) => (
          <Input
            {...control}
            name="password"
            type="password"
            autoComplete="current-password"
            required
            maxLength={256}
          />
        )}
      </Field>
      <Button type="submit" variant="primary" busy={busy}>
        Sign in
      </Button>
    </form>
  );
}

interface CodeStepProps {
  ticket: string;
  onDone: () => void;
  /** To the password, with the reason where there is one. */
  onBack: (why: Refusal | null) => void;
}

function CodeStep({ ticket, onDone, onBack }: CodeStepProps) {
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<Refusal | null>(null);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    setBusy(true);
    setRefusal(null);
    const answer = await signInCodeAction({ ticket, code: String(new FormData(form).get('code')) });
    if (answer.ok) return onDone();
    setBusy(false);
    if (answer.reason === 'ticket') return onBack(answer);
    setRefusal(answer);
    form.reset();
    form.querySelector('input')?.focus();
  }

  return (
    <form method="post" onSubmit={submit} className="flex flex-col gap-4">
      <RefusalNotice refusal={refusal} />
      <Field label="Code" hint="From your authenticator app, or one of your recovery codes.">
        {(control) => (
          <Input
            {...control}
            name="code"
            className="font-mono"
            autoComplete="one-time-code"
            autoCapitalize="none"
            spellCheck={false}
            autoFocus
            required
            maxLength={64}
          />
        )}
      </Field>
      <Button type="submit" variant="primary" busy={busy}>
        Confirm
      </Button>
      <Button variant="ghost" onClick={() => onBack(null)}>
        Sign in as somebody else
      </Button>
    </form>
  );
}
