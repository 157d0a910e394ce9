// The part of a server's form that says what it may use; folded up while nothing is limited.
import type { UseFormReturn } from 'react-hook-form';
import { Field } from '@/app/_ui/field';
import { Input } from '@/app/_ui/input';
import { type LimitField, limitsOf } from './limit-words';
import type { ServerFormValues } from './server-form-values';

export interface LimitFieldsProps {
  form: UseFormReturn<ServerFormValues>;
  type: ServerFormValues['type'];
}

export function LimitFields({ form, type }: LimitFieldsProps) {
  const errors = form.formState.errors.limits;
  const isSet = Object.values(form.formState.defaultValues?.limits ?? {}).some((value) => value !== '');
  return (
    <details open={isSet || errors !== undefined || undefined} className="rounded-panel border border-border">
      <summary className="cursor-pointer px-3 py-2 text-table font-medium select-none">
        Limits <span className="ml-1 font-normal text-muted-foreground">optional</span>
      </summary>
      <div className="grid gap-4 border-t border-border p-3 grid-cols-2 sm:grid-cols-4">
        {limitsOf(type).map((limit) => (
          <LimitInput key={limit.name} limit={limit} form={form} />
        ))}
      </div>
      <p className="px-3 pb-3 text-caption font-normal text-muted-foreground">
        {type === 'stdio'
          ? 'Counted over all processes of the server. Over a limit it is stopped, says why in its log, and is started again.'
          : 'Calls beyond these are refused as busy.'}
      </p>
    </details>
  );
}

function LimitInput({
  limit: { name, label, placeholder },
  form,
}: { limit: LimitField } & Pick<LimitFieldsProps, 'form'>) {
  return (
    <Field label={label} error={form.formState.errors.limits?.[name]?.message}>
      {(control) => (
        <Input {...control} inputMode="numeric" placeholder={placeholder} {...form.register(`limits.${name}`)} />
      )}
    </Field>
  );
}
