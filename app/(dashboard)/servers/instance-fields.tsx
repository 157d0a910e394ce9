// The part of a server's form that says how many instances it has and which of them a call goes to.
import type { UseFormReturn } from 'react-hook-form';
import { Field } from '@/app/_ui/field';
import { Input, Textarea } from '@/app/_ui/input';
import { Select } from '@/app/_ui/select';
import type { Balancing } from '@/lib/servers/schema';
import type { ServerFormValues } from './server-form-values';

const words: Record<Balancing, string> = {
  'round-robin': 'To one after the other',
  'least-connections': 'To the least busy one',
  weighted: 'By weight',
};

export function InstanceFields({ form }: { form: UseFormReturn<ServerFormValues> }) {
  const { register, watch, formState } = form;
  const { errors } = formState;
  const isProgram = watch('type') === 'stdio';
  const options = Object.entries(words)
    .filter(([value]) => value !== 'weighted' || !isProgram)
    .map(([value, label]) => ({ value, label }));
  return (
    <fieldset className="flex flex-col gap-4">
      <legend className="mb-2 text-table font-medium">Instances</legend>
      <div className="grid gap-4 sm:grid-cols-2">
        {isProgram && (
          <Field label="Processes" optional error={errors.replicas?.message} hint="How many run side by side.">
            {(control) => <Input {...control} inputMode="numeric" placeholder="1" {...register('replicas')} />}
          </Field>
        )}
        <Field label="Calls go" error={errors.balancing?.message}>
          {(control) => <Select {...control} className="w-full" options={options} {...register('balancing')} />}
        </Field>
      </div>
      {!isProgram && (
        <Field
          label="Further addresses"
          optional
          error={errors.endpoints?.message}
          hint="One per line, with a weight after a space: https://two.example/mcp 3"
        >
          {(control) => <Textarea {...control} className="font-mono" rows={2} {...register('endpoints')} />}
        </Field>
      )}
    </fieldset>
  );
}
