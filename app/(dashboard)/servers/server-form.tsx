'use client';
// The form of a server, for adding one and for changing one. It checks with the schema that the verb uses.
import { useEffect, useRef, useState } from 'react';
import { type FieldPath, type Resolver, useForm } from 'react-hook-form';
import { Button } from '@/app/_ui/button';
import { Field } from '@/app/_ui/field';
import { Input, Textarea } from '@/app/_ui/input';
import { Select } from '@/app/_ui/select';
import { Switch } from '@/app/_ui/switch';
import type { ActionFailure } from '@/lib/errors';
import { serverInputSchema } from '@/lib/servers/schema';
import { ConnectionFields } from './connection-fields';
import { InstanceFields } from './instance-fields';
import { LimitFields } from './limit-fields';
import { PairRows } from './pair-rows';
import { inputOf, type ServerFormValues } from './server-form-values';
import { SignInFields } from './sign-in-fields';
import { TestOutcome } from './test-stages';
import { type Testable, useServerTest } from './use-test';

interface FormError {
  type: string;
  message: string;
}

const resolver: Resolver<ServerFormValues> = (values) => {
  const parsed = serverInputSchema.safeParse(inputOf(values));
  if (parsed.success) return { values, errors: {} };
  const errors: Record<string, FormError> = {};
  const limits: Record<string, FormError> = {};
  for (const issue of parsed.error.issues) {
    const path = issue.path.map(String);
    if (path[0] === 'limits' && path[1]) limits[path[1]] ??= { type: 'schema', message: issue.message };
    else errors[fieldOf(path)] ??= { type: 'schema', message: sentence(path, issue.message) };
  }
  return { values: {}, errors: Object.keys(limits).length > 0 ? { ...errors, limits } : errors };
};

/** The form's field for a place in the input. */
function fieldOf([head = 'name', inner]: string[]): string {
  const place = places[inner ? `${head}.${inner}` : head];
  if (place) return place;
  if (head === 'limits' && inner) return `limits.${inner}`;
  return head === 'timeoutMs' ? 'timeoutSeconds' : head;
}

/** Fields of the form that stand for a part of an object. */
const places: Record<string, string> = {
  tls: 'tlsCa',
  'tls.ca': 'tlsCa',
  'tls.serverName': 'tlsServerName',
  healthCheck: 'checkSeconds',
  'healthCheck.intervalSeconds': 'checkSeconds',
  'healthCheck.timeoutSeconds': 'checkTimeoutSeconds',
  credential: 'signIn',
  'credential.kind': 'signIn',
  'credential.fields': 'signInFields',
  'credential.scopes': 'signInScopes',
  'credential.clientId': 'signInClientId',
  'credential.clientSecret': 'signInClientSecret',
  'credential.issuer': 'signInIssuer',
};

function sentence(path: string[], message: string): string {
  if (places[path.join('.')]) return message;
  if (path[0] === 'credential' && path[2] !== undefined) return keySentence(path, message);
  const inner = path.slice(1).join('.');
  return inner ? `${inner}: ${message}` : message;
}

/** Of one of the keys that users are asked for, or of one of the scopes. */
function keySentence([, , index, field]: string[], message: string): string {
  const at = Number(index) + 1;
  if (field === undefined) return `${message} (${at})`;
  const what = field === 'label' ? 'name' : field === 'env' ? 'variable' : field;
  return `The ${what} of key ${at}${/^(is|must|belongs)\b/.test(message) ? '' : ':'} ${message}`;
}

export interface ServerFormProps {
  values: ServerFormValues;
  /** The type cannot change once the server exists. */
  fixedType?: boolean;
  submitLabel: string;
  /** @returns the refusal, whose fields are shown at their places */
  onSubmit: (values: ServerFormValues) => Promise<ActionFailure | null>;
  /** How values can be tested before they are saved; absent without the right. */
  testableOf?: ((values: ServerFormValues) => Testable) | undefined;
  footer?: (submit: React.ReactNode) => React.ReactNode;
  /** What a server of this type has in place of a command or a URL. */
  children?: React.ReactNode;
  /** Something among `children` is missing. */
  isIncomplete?: boolean;
}

export function ServerForm(props: ServerFormProps) {
  const { values, fixedType, submitLabel, onSubmit, testableOf, footer, children, isIncomplete } = props;
  const frame = useRef<HTMLFormElement>(null);
  const [refusals, setRefusals] = useState(0);
  const testing = useServerTest();
  const outcome = useRef<HTMLDivElement>(null);
  const form = useForm<ServerFormValues>({ defaultValues: values, resolver });
  const { register, watch, setValue, setError, handleSubmit, formState } = form;
  const { errors, isSubmitting } = formState;
  const type = watch('type');

  async function submit(input: ServerFormValues) {
    const refusal = await onSubmit(input);
    if (!refusal) return;
    for (const [pointer, message] of Object.entries(refusal.fields)) {
      const path = pointer.split('/').slice(1);
      // Whoever gave the children shows what concerns them.
      if (path[0] === 'openapi') continue;
      setError(fieldOf(path) as FieldPath<ServerFormValues>, { message: sentence(path, message) });
    }
    setRefusals((count) => count + 1);
  }

  function test(input: ServerFormValues) {
    if (testableOf) testing.run(testableOf(input));
  }

  // Once the faults are shown, whoever shows them.
  useEffect(() => {
    if (refusals > 0) frame.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [refusals]);

  // The outcome grows below what is filled in: it is brought into view as it does.
  const { test: latest, error: testError } = testing;
  useEffect(() => {
    if (latest || testError) outcome.current?.scrollIntoView({ block: 'nearest' });
  }, [latest, testError]);

  const button = (
    <>
      {testableOf &&
        (testing.isRunning ? (
          <Button onClick={testing.cancel}>Cancel the test</Button>
        ) : (
          <Button onClick={handleSubmit(test)}>Test</Button>
        ))}
      <Button type="submit" variant="primary" busy={isSubmitting} disabled={isIncomplete}>
        {submitLabel}
      </Button>
    </>
  );
  return (
    <form ref={frame} onSubmit={handleSubmit(submit)} noValidate className="flex max-w-[640px] flex-col gap-4">
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label="Name" required error={errors.name?.message} hint="Part of the URL and of tool names.">
          {(control) => <Input {...control} autoComplete="off" placeholder="github" {...register('name')} />}
        </Field>
        {!fixedType && (
          <Field label="Type">
            {(control) => (
              <Select
                {...control}
                className="w-full"
                options={[
                  { value: 'stdio', label: 'Local program (stdio)' },
                  { value: 'streamable-http', label: 'Remote (streamable HTTP)' },
                  { value: 'sse', label: 'Remote (SSE, the transport before 2025)' },
                ]}
                {...register('type')}
              />
            )}
          </Field>
        )}
      </div>
      {type === 'stdio' ? (
        <>
          <Field label="Command" required error={errors.command?.message}>
            {(control) => (
              <Input {...control} className="font-mono" autoComplete="off" placeholder="npx" {...register('command')} />
            )}
          </Field>
          <Field label="Arguments" optional error={errors.args?.message} hint="One per line, without quotes.">
            {(control) => (
              <Textarea
                {...control}
                className="font-mono"
                rows={3}
                placeholder={'-y\n@modelcontextprotocol/server-memory'}
                {...register('args')}
              />
            )}
          </Field>
          <PairRows
            form={form}
            name="env"
            label="Environment variables"
            add="Add a variable"
            error={errors.env?.message}
          />
          <Field label="Working directory" optional error={errors.cwd?.message}>
            {(control) => <Input {...control} className="font-mono" autoComplete="off" {...register('cwd')} />}
          </Field>
        </>
      ) : (
        <>
          {type === 'openapi' ? (
            children
          ) : (
            <Field label="URL" required error={errors.url?.message}>
              {(control) => (
                <Input
                  {...control}
                  type="url"
                  className="font-mono"
                  autoComplete="off"
                  placeholder="https://example.com/mcp"
                  {...register('url')}
                />
              )}
            </Field>
          )}
          <PairRows form={form} name="headers" label="Headers" add="Add a header" error={errors.headers?.message} />
        </>
      )}
      <PairRows
        form={form}
        name="secrets"
        label="Secrets"
        add="Add a secret"
        hidden
        hint={
          type === 'stdio'
            ? 'A value such as ${API_TOKEN} in a variable above is replaced by the secret of that name when the server starts.'
            : 'A value such as Bearer ${API_TOKEN} in a header above is filled in with the secret of that name when the hub connects.'
        }
        error={errors.secrets?.message}
      />
      <Field label="Description" optional error={errors.description?.message}>
        {(control) => <Input {...control} {...register('description')} />}
      </Field>
      <div className="grid gap-4 sm:grid-cols-2">
        <Field
          label="Time-out of a call, in seconds"
          optional
          error={errors.timeoutSeconds?.message}
          hint="Silence after which a call fails. Progress extends it."
        >
          {(control) => (
            <Input {...control} inputMode="decimal" placeholder="Default" {...register('timeoutSeconds')} />
          )}
        </Field>
        <Field label="Tool names on its own URL">
          {(control) => (
            <Select
              {...control}
              className="w-full"
              options={[
                { value: 'never', label: 'As the server gives them' },
                { value: 'always', label: "With the server's name in front" },
              ]}
              {...register('prefix')}
            />
          )}
        </Field>
        {type !== 'sse' && type !== 'openapi' && (
          <Field label="Protocol" hint="Set it only for a server that is not recognised.">
            {(control) => (
              <Select
                {...control}
                className="w-full"
                options={[
                  { value: 'auto', label: 'Find out' },
                  { value: 'legacy', label: 'With sessions (up to 2025-11-25)' },
                  { value: 'modern', label: 'Without sessions (2026-07-28)' },
                ]}
                {...register('era')}
              />
            )}
          </Field>
        )}
      </div>
      {type !== 'openapi' && <SignInFields form={form} />}
      {type !== 'openapi' && <InstanceFields form={form} />}
      <ConnectionFields form={form} />
      <LimitFields form={form} type={type} />
      <Field
        label="Send safe calls once more"
        className="flex-row flex-wrap items-center justify-between"
        hint="When the connection breaks during a call: reads, and tools that the server marks as read-only or idempotent. Others fail, since they may have run."
      >
        {(control) => (
          <Switch
            id={control.id}
            checked={watch('repeatSafeCalls')}
            onCheckedChange={(checked) => setValue('repeatSafeCalls', checked, { shouldDirty: true })}
          />
        )}
      </Field>
      <Field
        label="Tools that change"
        hint="A tool that is not as it was first seen or last approved: its text is what models go by."
      >
        {(control) => (
          <Select
            {...control}
            className="w-full"
            options={[
              { value: 'warn', label: 'Serve and mark them' },
              { value: 'hold', label: 'Hold them until somebody approves' },
              { value: 'allow', label: 'Serve them as they are' },
            ]}
            {...register('definitionChanges')}
          />
        )}
      </Field>
      <Field label="Enabled" className="flex-row items-center justify-between">
        {(control) => (
          <Switch
            id={control.id}
            checked={watch('enabled')}
            onCheckedChange={(checked) => setValue('enabled', checked, { shouldDirty: true })}
          />
        )}
      </Field>
      <div ref={outcome} className="scroll-mb-20">
        <TestOutcome {...testing} className="rounded-panel border border-border bg-card" />
      </div>
      {footer ? footer(button) : <div className="flex items-center gap-2">{button}</div>}
    </form>
  );
}
