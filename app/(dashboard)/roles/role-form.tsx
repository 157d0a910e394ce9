'use client';
// The form of a role, for making one and for changing one.
import { useState } from 'react';
import { Button } from '@/app/_ui/button';
import { DialogBody, DialogFooter, DialogForm } from '@/app/_ui/dialog';
import { Field } from '@/app/_ui/field';
import { Input } from '@/app/_ui/input';
import { Notice } from '@/app/_ui/notice';
import type { SinglePermission } from '@/lib/access/schema';
import type { ActionFailure } from '@/lib/errors';
import type { RoleContext } from './load';
import { PermissionMatrix } from './permission-matrix';

export interface RoleValues {
  name: string;
  description: string;
  permissions: SinglePermission[];
}

interface RoleFormProps {
  values: RoleValues;
  around: RoleContext;
  submitLabel: string;
  onCancel?: () => void;
  /** @returns the refusal, whose fields are shown at their places */
  onSubmit: (values: RoleValues) => Promise<ActionFailure | null>;
}

export function RoleForm({ values: initial, around, submitLabel, onCancel, onSubmit }: RoleFormProps) {
  const [values, setValues] = useState(initial);
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<ActionFailure | null>(null);
  const set = (change: Partial<RoleValues>) => setValues((before) => ({ ...before, ...change }));
  const { '/name': ofName, '/description': ofDescription } = refusal?.fields ?? {};

  async function submit() {
    setBusy(true);
    setRefusal(await onSubmit(values));
    setBusy(false);
  }

  return (
    <DialogForm onSubmit={() => void submit()}>
      <DialogBody className="flex flex-col gap-4">
        {refusal && !ofName && !ofDescription && <Notice tone="bad" title={refusal.message} hint={refusal.hint} />}
        <div className="grid gap-4 sm:grid-cols-2">
          <Field label="Name" required error={ofName ?? null} hint="Small letters, digits, “-” and “_”.">
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
          <Field label="Description" optional error={ofDescription ?? null}>
            {(control) => (
              <Input
                {...control}
                value={values.description}
                onChange={({ target }) => set({ description: target.value })}
              />
            )}
          </Field>
        </div>
        <PermissionMatrix
          rows={around.matrix}
          value={values.permissions}
          onChange={(permissions) => set({ permissions })}
        />
        <p className="text-caption text-muted-foreground">
          Own: what the person added, or is. Groups: what the person’s groups offer. You can give only what you have
          yourself.
        </p>
      </DialogBody>
      <DialogFooter>
        {onCancel && <Button onClick={onCancel}>Cancel</Button>}
        <Button type="submit" variant="primary" busy={busy} disabled={values.name === ''}>
          {submitLabel}
        </Button>
      </DialogFooter>
    </DialogForm>
  );
}
