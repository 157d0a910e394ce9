'use client';
import { type FormEvent, useState } from 'react';
import { Button } from '@/app/_ui/button';
import { Field } from '@/app/_ui/field';
import { Input } from '@/app/_ui/input';
import { Notice } from '@/app/_ui/notice';
import type { ActionFailure } from '@/lib/errors';
import { signInAction } from '../actions';

export function SignInForm({ next }: { next: string }) {
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<ActionFailure | null>(null);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setBusy(true);
    setRefusal(null);
    const answer = await signInAction({
      username: String(form.get('username')),
      password: String(form.get('password')),
    });
    if (answer.ok) {
      // A whole page load: nothing that was cached for nobody stays.
      location.assign(next);
      return;
    }
    setBusy(false);
    setRefusal(answer);
  }

  return (
    // `method` keeps the password out of the URL should the form be sent before its script runs.
    <form method="post" onSubmit={submit} className="flex flex-col gap-4">
      {refusal && (
        <Notice tone={refusal.code === 'LIMIT_EXCEEDED' ? 'warn' : 'bad'} title={refusal.message} hint={refusal.hint} />
      )}
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
