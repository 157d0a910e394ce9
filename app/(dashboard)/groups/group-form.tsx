'use client';
// The form of a group, for making one and for changing one.
import { useState } from 'react';
import { Button } from '@/app/_ui/button';
import { DialogBody, DialogFooter, DialogForm } from '@/app/_ui/dialog';
import { Field } from '@/app/_ui/field';
import { Input, Textarea } from '@/app/_ui/input';
import { Notice } from '@/app/_ui/notice';
import { Select } from '@/app/_ui/select';
import type { ActionFailure } from '@/lib/errors';
import { type GroupInput, type GroupView, nameSchema } from '@/lib/servers/schema';
import type { GroupContext } from './load';
import { ServerPicker } from './server-picker';

/** Whether it is open to everybody is asked apart, see open-access.tsx; how it lists its tools in tool-list-card.tsx. */
export type GroupValues = Required<Omit<GroupInput, 'anonymous' | 'toolList'>>;

export const emptyGroup: GroupValues = { name: '', description: '', prefix: 'always', servers: [], members: [] };

export function valuesOf({ name, description, prefix, servers, members }: GroupView): GroupValues {
  return { name, description, prefix, servers, members };
}

export interface GroupFormProps {
  values: GroupValues;
  around: GroupContext;
  submitLabel: string;
  readOnly?: boolean;
  onCancel?: () => void;
  /** @returns the refusal, whose fields are shown at their places */
  onSubmit: (values: GroupValues) => Promise<ActionFailure | null>;
}

export function GroupForm({ values: initial, around, submitLabel, readOnly, onCancel, onSubmit }: GroupFormProps) {
  const [values, setValues] = useState(initial);
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<ActionFailure | null>(null);
  const set = (change: Partial<GroupValues>) => setValues((before) => ({ ...before, ...change }));
  const nameFault = values.name === '' ? null : (nameSchema.safeParse(values.name).error?.issues[0]?.message ?? null);
  const ofServers = faultOf(refusal, '/servers');
  const placed = [faultOf(refusal, '/name'), faultOf(refusal, '/description'), ofServers, faultOf(refusal, '/members')];
  const leavesOutNone = readOnly ? undefined : values.servers.find(({ tools }) => exceptsNothing(tools));

  async function submit() {
    setBusy(true);
    setRefusal(await onSubmit(values));
    setBusy(false);
  }

  return (
    <DialogForm onSubmit={() => void submit()}>
      <DialogBody>
        <fieldset disabled={readOnly} className="flex flex-col gap-4">
          {refusal && !placed.some(Boolean) && <Notice tone="bad" title={refusal.message} hint={refusal.hint} />}
          <div className="grid gap-4 sm:grid-cols-2">
            <Field label="Name" required error={nameFault ?? faultOf(refusal, '/name')} hint="Part of the URL.">
              {(control) => (
                <Input
                  {...control}
                  autoComplete="off"
                  autoFocus={initial.name === ''}
                  value={values.name}
                  onChange={({ target }) => set({ name: target.value })}
                />
              )}
            </Field>
            <Field label="Tool names" hint="The server's name in front keeps equal names apart.">
              {(control) => (
                <Select
                  {...control}
                  className="w-full"
                  value={values.prefix}
                  onChange={({ target }) => set({ prefix: target.value as GroupValues['prefix'] })}
                  options={[
                    { value: 'always', label: 'server__tool' },
                    { value: 'never', label: 'tool' },
                  ]}
                />
              )}
            </Field>
          </div>
          <Field label="Description" optional error={faultOf(refusal, '/description')}>
            {(control) => (
              <Textarea
                {...control}
                rows={2}
                value={values.description}
                onChange={({ target }) => set({ description: target.value })}
              />
            )}
          </Field>
          <ServerPicker
            known={around.servers}
            mayExcept
            value={values.servers}
            onChange={(servers) => set({ servers })}
            fault={leavesOutNone ? `Untick a tool of ${leavesOutNone.server}, or offer all of them.` : ofServers}
          />
          <Members
            users={around.users}
            value={values.members}
            onChange={(members) => set({ members })}
            fault={faultOf(refusal, '/members')}
          />
        </fieldset>
      </DialogBody>
      {!readOnly && (
        <DialogFooter>
          {onCancel && <Button onClick={onCancel}>Cancel</Button>}
          <Button
            type="submit"
            variant="primary"
            busy={busy}
            disabled={values.name === '' || nameFault !== null || leavesOutNone !== undefined}
          >
            {submitLabel}
          </Button>
        </DialogFooter>
      )}
    </DialogForm>
  );
}

function exceptsNothing(tools: GroupValues['servers'][number]['tools']): boolean {
  return typeof tools === 'object' && !Array.isArray(tools) && tools.except.length === 0;
}

/** The first fault at a place of the input or below it. */
function faultOf(refusal: ActionFailure | null, pointer: string): string | null {
  const found = Object.entries(refusal?.fields ?? {}).find(
    ([place]) => place === pointer || place.startsWith(`${pointer}/`),
  );
  return found?.[1] ?? null;
}

interface MembersProps {
  users: string[];
  value: string[];
  onChange: (members: string[]) => void;
  fault: string | null;
}

function Members({ users, value, onChange, fault }: MembersProps) {
  const names = [...new Set([...users, ...value])];
  if (names.length === 0) return null;
  return (
    <fieldset className="flex flex-col gap-1">
      <legend className="mb-1 text-table font-medium">
        Members <span className="ml-1 font-normal text-muted-foreground">may see and call what the group offers</span>
      </legend>
      <div className="flex max-h-40 flex-wrap gap-x-5 overflow-y-auto">
        {names.map((name) => (
          <label key={name} className="flex min-h-6 items-center gap-2 text-table">
            <input
              type="checkbox"
              className="size-4 accent-primary"
              checked={value.includes(name)}
              onChange={({ target }) =>
                onChange(target.checked ? [...value, name] : value.filter((each) => each !== name))
              }
            />
            {name}
          </label>
        ))}
      </div>
      {fault && (
        <p role="alert" className="text-caption text-bad">
          {fault}
        </p>
      )}
    </fieldset>
  );
}
