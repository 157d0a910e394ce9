// The part of a server's form that says how many instances it has, whose they are and when they run.
import type { UseFormReturn } from 'react-hook-form';
import { Field } from '@/app/_ui/field';
import { Input, Textarea } from '@/app/_ui/input';
import { Select } from '@/app/_ui/select';
import { Switch } from '@/app/_ui/switch';
import { type Balancing, type Isolation, idleStopDefaults } from '@/lib/servers/schema';
import { isolationWords } from './instance-words';
import type { ServerFormValues } from './server-form-values';

const balancingWords: Record<Balancing, string> = {
  'round-robin': 'To one after the other',
  'least-connections': 'To the least busy one',
  weighted: 'By weight',
};

const isolationHints: Record<Isolation, string> = {
  shared: 'For servers that keep nothing of their callers.',
  user: "What it remembers stays with the user, over all of the user's clients.",
  session:
    'Each client gets a fresh one, and the server can ask it questions. Clients without sessions: one for each call.',
};

interface InstanceFieldsProps {
  form: UseFormReturn<ServerFormValues>;
}

export function InstanceFields({ form }: InstanceFieldsProps) {
  const { register, watch, setValue, formState } = form;
  const { errors } = formState;
  const isolation = watch('isolation');
  const startOnDemand = watch('startOnDemand');
  const isShared = isolation === 'shared';
  const defaultSeconds = isShared ? idleStopDefaults.startOnDemand : idleStopDefaults.isolated;
  return (
    <fieldset className="flex flex-col gap-4">
      <legend className="mb-2 text-table font-medium">Instances</legend>
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label="Who shares one" error={errors.isolation?.message} hint={isolationHints[isolation]}>
          {(control) => (
            <Select
              {...control}
              className="w-full"
              options={Object.entries(isolationWords).map(([value, label]) => ({ value, label }))}
              {...register('isolation')}
            />
          )}
        </Field>
        {!isShared && (
          <Field
            label="Ready in advance"
            optional
            error={errors.warmInstances?.message}
            hint={`Started before the next ${isolation} comes, so that nobody waits. The limit below counts them too.`}
          >
            {(control) => <Input {...control} inputMode="numeric" placeholder="0" {...register('warmInstances')} />}
          </Field>
        )}
      </div>
      {isShared && <SharedFields form={form} />}
      <Field
        label="Start on demand"
        className="flex-row flex-wrap items-center justify-between"
        error={errors.startOnDemand?.message}
        hint="It sleeps until a call needs it; that call waits for the start. Its tools stay listed meanwhile, and it sleeps again when nobody uses it."
      >
        {(control) => (
          <Switch
            id={control.id}
            checked={startOnDemand}
            onCheckedChange={(checked) => setValue('startOnDemand', checked, { shouldDirty: true })}
          />
        )}
      </Field>
      {(startOnDemand || !isShared) && (
        <div className="grid gap-4 sm:grid-cols-2">
          <Field
            label="Stop after idle seconds"
            optional
            error={errors.idleStopSeconds?.message}
            hint="Without a call, a subscription or an open task."
          >
            {(control) => (
              <Input
                {...control}
                inputMode="numeric"
                placeholder={String(defaultSeconds)}
                {...register('idleStopSeconds')}
              />
            )}
          </Field>
        </div>
      )}
    </fieldset>
  );
}

/** Several instances that all callers share. */
function SharedFields({ form: { register, watch, formState } }: InstanceFieldsProps) {
  const { errors } = formState;
  const isProgram = watch('type') === 'stdio';
  const options = Object.entries(balancingWords)
    .filter(([value]) => value !== 'weighted' || !isProgram)
    .map(([value, label]) => ({ value, label }));
  return (
    <>
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
    </>
  );
}
