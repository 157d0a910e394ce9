'use client';
// Creates the first admin and signs in as it.
import { zodResolver } from '@hookform/resolvers/zod';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import type { z } from 'zod';
import { Button } from '@/app/_ui/button';
import { Field } from '@/app/_ui/field';
import { hubPath } from '@/app/_ui/hub-path';
import { Input } from '@/app/_ui/input';
import { Notice } from '@/app/_ui/notice';
import { setupInputSchema } from '@/lib/access/schema';
import type { ActionFailure } from '@/lib/errors';
import { setUpAction } from '../actions';

type SetupInput = z.infer<typeof setupInputSchema>;

export function SetupForm({ token }: { token: string }) {
  const [refusal, setRefusal] = useState<ActionFailure | null>(null);
  const [done, setDone] = useState(false);
  const { register, handleSubmit, formState, setError } = useForm<SetupInput>({
    resolver: zodResolver(setupInputSchema),
    defaultValues: { token, username: 'admin', password: '' },
  });
  const { errors, isSubmitting } = formState;

  async function submit(input: SetupInput) {
    setRefusal(null);
    const answer = await setUpAction(input);
    if (answer.ok) {
      setDone(true);
      // The token leaves the address bar and the history with the page.
      location.replace(hubPath('/'));
      return;
    }
    for (const [pointer, message] of Object.entries(answer.fields)) {
      setError(pointer.slice(1) as keyof SetupInput, { message });
    }
    setRefusal(answer);
  }

  return (
    <form onSubmit={handleSubmit(submit)} className="flex flex-col gap-4" noValidate>
      {refusal && <Notice tone="bad" title={refusal.message} hint={refusal.hint} />}
      {token === '' ? (
        <Field
          label="Setup token"
          required
          error={errors.token && 'Paste the token from the terminal.'}
          hint={
            <>
              The terminal that runs MCPHub shows a link that ends in{' '}
              <span className="whitespace-nowrap">?token=…</span>
            </>
          }
        >
          {(control) => <Input {...control} className="font-mono" autoComplete="off" {...register('token')} />}
        </Field>
      ) : (
        <input type="hidden" {...register('token')} />
      )}
      <Field label="Name" required error={errors.username?.message}>
        {(control) => <Input {...control} autoComplete="username" {...register('username')} />}
      </Field>
      <Field
        label="Password"
        required
        error={errors.password?.message}
        hint="At least 12 characters. Length counts, not signs."
      >
        {(control) => (
          <Input
            {...control}
            type="password"
            autoComplete="new-password"
            autoFocus={token !== ''}
            {...register('password')}
          />
        )}
      </Field>
      <Button type="submit" variant="primary" busy={isSubmitting || done}>
        Create admin
      </Button>
    </form>
  );
}
