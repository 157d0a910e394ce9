// The part of a server's form that says how the connection is kept and whom it trusts; folded up while nothing is set.
import type { UseFormReturn } from 'react-hook-form';
import { Field } from '@/app/_ui/field';
import { Input, Textarea } from '@/app/_ui/input';
import type { ServerFormValues } from './server-form-values';

const names = ['checkSeconds', 'checkTimeoutSeconds', 'tlsCa', 'tlsServerName'] as const;

export function ConnectionFields({ form }: { form: UseFormReturn<ServerFormValues> }) {
  const { register, watch, formState } = form;
  const { errors, defaultValues } = formState;
  const isOpen = names.some((name) => errors[name] || defaultValues?.[name]);
  const type = watch('type');
  const isProgram = type === 'stdio';
  // Of an API nothing can be asked that would be safe to ask.
  const isAsked = type !== 'openapi';
  const title = isProgram ? 'Health check' : isAsked ? 'Health check and certificates' : 'Certificates';
  return (
    <details open={isOpen || undefined} className="rounded-panel border border-border">
      <summary className="cursor-pointer px-3 py-2 text-table font-medium select-none">
        {title}
        <span className="ml-1.5 font-normal text-muted-foreground">optional</span>
      </summary>
      <div className="grid gap-4 border-t border-border p-3 sm:grid-cols-2">
        {isAsked && (
          <>
            <Field
              label="Ask every … seconds"
              error={errors.checkSeconds?.message}
              hint="Whether it is there, while nobody calls it."
            >
              {(control) => (
                <Input {...control} inputMode="numeric" placeholder="Never" {...register('checkSeconds')} />
              )}
            </Field>
            <Field label="Wait for its answer, seconds" error={errors.checkTimeoutSeconds?.message}>
              {(control) => (
                <Input {...control} inputMode="numeric" placeholder="5" {...register('checkTimeoutSeconds')} />
              )}
            </Field>
          </>
        )}
        {!isProgram && (
          <>
            <Field
              label="Trusted certificates"
              className="sm:col-span-2"
              error={errors.tlsCa?.message}
              hint="PEM of an authority of your own, trusted for this server besides those of the system."
            >
              {(control) => (
                <Textarea
                  {...control}
                  className="font-mono"
                  rows={4}
                  placeholder="-----BEGIN CERTIFICATE-----"
                  {...register('tlsCa')}
                />
              )}
            </Field>
            <Field
              label="Name in its certificate"
              className="sm:col-span-2"
              error={errors.tlsServerName?.message}
              hint="Where it is not the host of the address."
            >
              {(control) => (
                <Input {...control} className="font-mono" autoComplete="off" {...register('tlsServerName')} />
              )}
            </Field>
          </>
        )}
      </div>
    </details>
  );
}
