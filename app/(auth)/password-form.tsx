'use client';
// Chooses a password, and a name where there is none yet: for invites and for links to a new password.
import { type FormEvent, useState } from 'react';
import { ApiError, api } from '@/app/_ui/api';
import { Button } from '@/app/_ui/button';
import { Field } from '@/app/_ui/field';
import { hubPath } from '@/app/_ui/hub-path';
import { Input } from '@/app/_ui/input';
import { ErrorNotice, Notice } from '@/app/_ui/notice';

export interface PasswordFormProps {
  kind: 'invite' | 'reset';
  token: string;
  /** Of the account, where there is one already. */
  username?: string;
}

const texts = {
  invite: { submit: 'Create account', path: '/invites/accept', field: '/password', next: '/' },
  reset: { submit: 'Save password', path: '/password-reset', field: '/newPassword', next: '/signin' },
};

export function PasswordForm({ kind, token, username }: PasswordFormProps) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [differs, setDiffers] = useState(false);
  const [done, setDone] = useState(false);
  const { submit: verb, path, field, next } = texts[kind];
  const fields = error instanceof ApiError ? error.fields : {};

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const password = String(form.get('password'));
    setDiffers(password !== form.get('repeated'));
    if (password !== form.get('repeated')) return;
    setBusy(true);
    setError(null);
    try {
      const body =
        kind === 'invite'
          ? { token, username: String(form.get('username')), password }
          : { token, newPassword: password };
      await api(path, { method: 'POST', body });
      setDone(true);
      // The token leaves the address bar and the history with the page.
      if (kind === 'invite') location.replace(hubPath(next));
    } catch (fault) {
      setError(fault);
      setBusy(false);
    }
  }

  if (done && kind === 'reset') {
    return (
      <Notice
        tone="ok"
        title="The new password is saved."
        hint="Every browser was signed out."
        actions={
          <Button asChild>
            <a href={hubPath(next)}>Sign in</a>
          </Button>
        }
      />
    );
  }

  return (
    <form method="post" onSubmit={submit} className="flex flex-col gap-4">
      {error !== null && Object.keys(fields).length === 0 && <ErrorNotice error={error} />}
      {kind === 'invite' ? (
        <Field label="Name" error={fields['/username']} hint="With this name you sign in.">
          {(control) => (
            <Input {...control} name="username" autoComplete="username" autoFocus required maxLength={64} />
          )}
        </Field>
      ) : (
        // For the browser's own store of passwords.
        <input type="hidden" name="username" autoComplete="username" value={username} readOnly />
      )}
      <Field label="Password" error={fields[field]} hint="At least 12 characters. Length counts, not signs.">
        {(control) => (
          <Input
            {...control}
            name="password"
            type="password"
            autoComplete="new-password"
            autoFocus={kind === 'reset'}
            required
            maxLength={256}
          />
        )}
      </Field>
      <Field label="Password, once more" error={differs ? 'This is not the same password.' : null}>
        {(control) => (
          <Input {...control} name="repeated" type="password" autoComplete="new-password" required maxLength={256} />
        )}
      </Field>
      <Button type="submit" variant="primary" busy={busy}>
        {verb}
      </Button>
    </form>
  );
}
