'use client';
// Sets the limits of one key, user, server or tool, or of each of them.
import { useState } from 'react';
import { answered } from '@/app/_ui/answered';
import { Dialog, DialogActions, DialogBody, DialogContent } from '@/app/_ui/dialog';
import { Field } from '@/app/_ui/field';
import { Input } from '@/app/_ui/input';
import { Notice } from '@/app/_ui/notice';
import { Select, type SelectOption } from '@/app/_ui/select';
import type { ActionFailure } from '@/lib/errors';
import type { LimitSubject, LimitView } from '@/lib/limits/schema';
import { setLimitAction } from './actions';

/** What can be limited, by name; tools are typed. */
export type Known = Record<'key' | 'user' | 'server', SelectOption[]>;

const subjects: { value: LimitSubject; label: string }[] = [
  { value: 'key', label: 'Key' },
  { value: 'user', label: 'User, with all keys' },
  { value: 'server', label: 'Server, of all callers' },
  { value: 'tool', label: 'Tool, of all callers' },
];

const amounts = [
  { name: 'perMinute', label: 'Calls in a minute' },
  { name: 'concurrent', label: 'Calls at once' },
  { name: 'perDay', label: 'Calls in a day (UTC)' },
] as const;

export interface LimitDialogProps {
  known: Known;
  /** Null: a new one. */
  edited: LimitView | null;
  onClose: () => void;
  onSaved: () => void;
}

export function LimitDialog({ known, edited, onClose, onSaved }: LimitDialogProps) {
  const [subject, setSubject] = useState<LimitSubject>(edited?.subject ?? 'key');
  const [target, setTarget] = useState(edited?.target ?? '*');
  const [values, setValues] = useState(() =>
    Object.fromEntries(amounts.map(({ name }) => [name, edited?.[name]?.toString() ?? ''])),
  );
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<ActionFailure | null>(null);

  async function save() {
    setBusy(true);
    const numbers = Object.fromEntries(amounts.map(({ name }) => [name, numberOf(values[name])]));
    const versionRead = edited ? { ifVersion: edited.version } : {};
    const answer = await answered(setLimitAction({ subject, target, ...numbers, ...versionRead }));
    setBusy(false);
    if (!answer.ok) return setRefusal(answer);
    onSaved();
    onClose();
  }

  return (
    <Dialog open onOpenChange={(open) => !open && !busy && onClose()}>
      <DialogContent
        size="sm"
        title={edited ? 'Change limit' : 'New limit'}
        description="An empty field does not limit."
      >
        <form
          noValidate
          className="flex min-h-0 flex-1 flex-col"
          onSubmit={(event) => {
            event.preventDefault();
            void save();
          }}
        >
          <DialogBody className="flex flex-col gap-4">
            {refusal && <Notice tone="bad" title={refusal.message} hint={refusal.hint} />}
            <Field label="Of a">
              {(control) => (
                <Select
                  {...control}
                  className="self-start"
                  options={subjects}
                  value={subject}
                  disabled={edited !== null}
                  onChange={(event) => {
                    setSubject(event.target.value as LimitSubject);
                    setTarget('*');
                  }}
                />
              )}
            </Field>
            <Target known={known} subject={subject} value={target} onChange={setTarget} isFixed={edited !== null} />
            {amounts.map(({ name, label }) => (
              <Field key={name} label={label} optional error={refusal?.fields[`/${name}`]}>
                {(control) => (
                  <Input
                    {...control}
                    inputMode="numeric"
                    autoComplete="off"
                    className="w-40"
                    value={values[name] ?? ''}
                    onChange={(event) => setValues({ ...values, [name]: event.target.value })}
                  />
                )}
              </Field>
            ))}
          </DialogBody>
          <DialogActions verb="Save" busy={busy} />
        </form>
      </DialogContent>
    </Dialog>
  );
}

interface TargetProps {
  known: Known;
  subject: LimitSubject;
  value: string;
  onChange: (target: string) => void;
  isFixed: boolean;
}

function Target({ known, subject, value, onChange, isFixed }: TargetProps) {
  if (subject === 'tool') {
    return (
      <Field label="Which" hint="server/tool, or * for each tool without a limit of its own.">
        {(control) => (
          <Input
            {...control}
            autoComplete="off"
            value={value}
            disabled={isFixed}
            onChange={(event) => onChange(event.target.value)}
          />
        )}
      </Field>
    );
  }
  const each = { value: '*', label: `Each ${subject} without a limit of its own` };
  return (
    <Field label="Which">
      {(control) => (
        <Select
          {...control}
          options={[each, ...known[subject]]}
          value={value}
          disabled={isFixed}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}

/** Null for an empty field; what is no number is left to the hub to refuse. */
function numberOf(text: string | undefined): number | null {
  return text?.trim() ? Number(text) : null;
}
