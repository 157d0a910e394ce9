// The part of a server's form that says how the hub and its users sign in to the server.
import { Plus, X } from 'lucide-react';
import { type UseFormReturn, useFieldArray } from 'react-hook-form';
import { Button } from '@/app/_ui/button';
import { Field } from '@/app/_ui/field';
import { Input } from '@/app/_ui/input';
import { Select } from '@/app/_ui/select';
import type { ServerFormValues } from './server-form-values';
import type { SignInChoice } from './sign-in-values';

const choices: Record<SignInChoice, { label: string; hint: string }> = {
  none: { label: 'None, or by what is set above', hint: 'All callers share what is entered here, if anything is.' },
  'oauth-hub': {
    label: 'OAuth, once for all',
    hint: 'Somebody who may change this server signs in on its page. All callers then use that sign-in.',
  },
  'oauth-user': {
    label: 'OAuth, each user',
    hint: 'Who has not signed in yet gets a link with the first call. Each call runs as the user who makes it.',
  },
  static: {
    label: 'Own keys of each user',
    hint: 'Each user enters keys once, on a page of the hub. They are stored sealed, and nobody is shown them.',
  },
};

interface SignInFieldsProps {
  form: UseFormReturn<ServerFormValues>;
}

export function SignInFields({ form }: SignInFieldsProps) {
  const { register, watch, formState } = form;
  const { errors } = formState;
  const isProgram = watch('type') === 'stdio';
  const chosen = watch('signIn');
  const signIn = isProgram && chosen !== 'static' ? 'none' : chosen;
  const offered = (Object.keys(choices) as SignInChoice[]).filter((each) => !isProgram || !each.startsWith('oauth'));
  return (
    <fieldset className="flex flex-col gap-4">
      <legend className="mb-2 text-table font-medium">Sign-in to this server</legend>
      <Field label="Who signs in" error={errors.signIn?.message} hint={choices[signIn].hint}>
        {(control) => (
          <Select
            {...control}
            className="w-full"
            options={offered.map((value) => ({ value, label: choices[value].label }))}
            {...register('signIn')}
          />
        )}
      </Field>
      {signIn === 'static' && <KeyFields form={form} isProgram={isProgram} />}
      {signIn.startsWith('oauth') && (
        <details
          open={errors.signInClientId || errors.signInClientSecret || errors.signInIssuer ? true : undefined}
          className="rounded-panel border border-border"
        >
          <summary className="cursor-pointer px-3 py-2 text-table font-medium select-none">
            Client and scopes
            <span className="ml-1.5 font-normal text-muted-foreground">optional</span>
          </summary>
          <div className="grid gap-4 border-t border-border p-3 sm:grid-cols-2">
            <Field
              label="Client id"
              error={errors.signInClientId?.message}
              hint="Only for a service at which the hub cannot register itself."
            >
              {(control) => (
                <Input {...control} className="font-mono" autoComplete="off" {...register('signInClientId')} />
              )}
            </Field>
            <Field
              label="Client secret"
              error={errors.signInClientSecret?.message}
              hint="Kept sealed, or the name of a secret above: ${NAME}"
            >
              {(control) => (
                <Input
                  {...control}
                  className="font-mono"
                  autoComplete="new-password"
                  type={/^(\*\*\*.{0,4}|\$\{\w*\}?)$/.test(watch('signInClientSecret')) ? 'text' : 'password'}
                  {...register('signInClientSecret')}
                />
              )}
            </Field>
            <Field
              label="Scopes"
              error={errors.signInScopes?.message}
              hint="Separated by spaces. Empty: what the server says that it needs."
            >
              {(control) => (
                <Input {...control} className="font-mono" autoComplete="off" {...register('signInScopes')} />
              )}
            </Field>
            <Field
              label="Authorization server"
              error={errors.signInIssuer?.message}
              hint="The only one to be used. Empty: the one that the server names."
            >
              {(control) => (
                <Input
                  {...control}
                  className="font-mono"
                  autoComplete="off"
                  placeholder="https://…"
                  {...register('signInIssuer')}
                />
              )}
            </Field>
          </div>
        </details>
      )}
    </fieldset>
  );
}

function KeyFields({ form, isProgram }: SignInFieldsProps & { isProgram: boolean }) {
  const { fields, append, remove } = useFieldArray({ control: form.control, name: 'signInFields' });
  const error = form.formState.errors.signInFields?.message;
  const place = isProgram ? 'Variable' : 'Header';
  return (
    <div className="flex flex-col gap-2">
      {fields.map((field, index) => (
        <div key={field.id} className="flex flex-wrap items-center gap-2">
          <Input
            aria-label={`What key ${index + 1} is called`}
            className="min-w-32 flex-1"
            autoComplete="off"
            placeholder="API key"
            {...form.register(`signInFields.${index}.label`)}
          />
          <Input
            aria-label={`${place} of key ${index + 1}`}
            className="min-w-32 flex-1 font-mono"
            autoComplete="off"
            placeholder={isProgram ? 'API_KEY' : 'Authorization'}
            {...form.register(`signInFields.${index}.place`)}
          />
          {!isProgram && (
            <label className="flex items-center gap-1.5 text-table whitespace-nowrap">
              <input type="checkbox" className="size-4" {...form.register(`signInFields.${index}.bearer`)} />
              with “Bearer”
            </label>
          )}
          <Button variant="ghost" size="icon" aria-label={`Remove key ${index + 1}`} onClick={() => remove(index)}>
            <X aria-hidden />
          </Button>
        </div>
      ))}
      {isProgram && (
        <p className="text-caption font-normal text-muted-foreground">
          Needs instances of each user or session, below: a program that all share would have the keys of one of them.
        </p>
      )}
      {error && (
        <p role="alert" className="text-caption text-bad">
          {error}
        </p>
      )}
      <div>
        <Button size="sm" onClick={() => append({ name: '', label: '', place: '', bearer: !isProgram })}>
          <Plus aria-hidden />
          Add a key
        </Button>
      </div>
    </div>
  );
}
