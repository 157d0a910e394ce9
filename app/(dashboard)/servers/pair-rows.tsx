'use client';
// Rows of name and value: environment variables, headers, secrets.
import { Plus, X } from 'lucide-react';
import { type UseFormReturn, useFieldArray } from 'react-hook-form';
import { Button } from '@/app/_ui/button';
import { Input } from '@/app/_ui/input';
import type { ServerFormValues } from './server-form-values';

export interface PairRowsProps {
  form: UseFormReturn<ServerFormValues>;
  name: 'env' | 'headers' | 'secrets';
  label: string;
  add: string;
  hint?: string;
  /** Values are not shown while they are typed. */
  hidden?: boolean;
  error?: string;
}

export function PairRows({ form, name, label, add, hint, hidden, error }: PairRowsProps) {
  const { fields, append, remove } = useFieldArray({ control: form.control, name });
  return (
    <fieldset className="flex flex-col gap-1.5">
      <legend className="mb-1.5 text-table font-medium">
        {label}
        <span className="ml-1.5 font-normal text-muted-foreground">optional</span>
      </legend>
      {fields.map((field, index) => (
        <div key={field.id} className="flex gap-2">
          <Input
            aria-label={`Name of row ${index + 1}`}
            className="flex-1 font-mono"
            autoComplete="off"
            {...form.register(`${name}.${index}.key`)}
          />
          <Input
            aria-label={`Value of row ${index + 1}`}
            className="flex-[2] font-mono"
            autoComplete={hidden ? 'new-password' : 'off'}
            type={hidden && !/^\*\*\*.{0,4}$/.test(form.watch(`${name}.${index}.value`)) ? 'password' : 'text'}
            placeholder={hidden ? 'no value yet' : undefined}
            {...form.register(`${name}.${index}.value`)}
          />
          <Button variant="ghost" size="icon" aria-label={`Remove row ${index + 1}`} onClick={() => remove(index)}>
            <X aria-hidden />
          </Button>
        </div>
      ))}
      {hint && <p className="text-caption font-normal text-muted-foreground">{hint}</p>}
      {error && (
        <p role="alert" className="text-caption text-bad">
          {error}
        </p>
      )}
      <div>
        <Button size="sm" onClick={() => append({ key: '', value: '' })}>
          <Plus aria-hidden />
          {add}
        </Button>
      </div>
    </fieldset>
  );
}
