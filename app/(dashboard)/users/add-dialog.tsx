'use client';
// Adds a user, or invites somebody who chooses the name: both end with a link that is shown once.
import { type FormEvent, useState } from 'react';
import { ApiError, api } from '@/app/_ui/api';
import { Dialog, DialogActions, DialogBody, DialogContent, DialogDone } from '@/app/_ui/dialog';
import { Field } from '@/app/_ui/field';
import { Input } from '@/app/_ui/input';
import { ErrorNotice } from '@/app/_ui/notice';
import { Select } from '@/app/_ui/select';
import type { OneTimeLink as Link } from '@/lib/access/schema';
import { GrantFields, type Grants } from './grants';
import type { UserContext } from './load';
import { OneTimeLink } from './one-time-link';

export type AddKind = 'user' | 'invite';

const texts = {
  user: {
    title: 'New user',
    description: 'You get a link by which the user chooses a password. Nobody else ever knows it.',
    submit: 'Add user',
    done: 'User added',
    path: '/users',
  },
  invite: {
    title: 'Invite',
    description: 'A link by which somebody makes an account: name and password are theirs to choose.',
    submit: 'Make the link',
    done: 'Invite made',
    path: '/invites',
  },
};
const lifetimes = ['1', '7', '30'].map((value) => ({ value, label: value === '1' ? 'In a day' : `In ${value} days` }));

export interface AddDialogProps {
  kind: AddKind | null;
  around: UserContext;
  onClose: () => void;
  onAdded: () => void;
}

export function AddDialog({ kind, around, onClose, onAdded }: AddDialogProps) {
  const [link, setLink] = useState<Link | null>(null);
  const { title, description, done } = texts[kind ?? 'user'];

  function change(open: boolean) {
    if (open) return;
    onClose();
    setLink(null);
  }

  return (
    <Dialog open={kind !== null} onOpenChange={change}>
      {link ? (
        <DialogContent size="lg" title={done} description="Give this link to whom it is for.">
          <DialogBody>
            <OneTimeLink link={link} />
          </DialogBody>
          <DialogDone />
        </DialogContent>
      ) : (
        <DialogContent title={title} description={description}>
          {kind && (
            <AddForm
              kind={kind}
              around={around}
              onMade={(made) => {
                setLink(made);
                onAdded();
              }}
            />
          )}
        </DialogContent>
      )}
    </Dialog>
  );
}

function AddForm({ kind, around, onMade }: { kind: AddKind; around: UserContext; onMade: (link: Link) => void }) {
  const [grants, setGrants] = useState<Grants>({
    roles: around.roles.filter(({ name, givable }) => name === 'user' && givable).map(({ name }) => name),
    groups: [],
  });
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const fields = error instanceof ApiError ? error.fields : {};
  const { path, submit: verb } = texts[kind];

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string) => String(form.get(name) ?? '').trim();
    setBusy(true);
    setError(null);
    try {
      const body =
        kind === 'user'
          ? { username: text('username'), ...(text('displayName') && { displayName: text('displayName') }), ...grants }
          : { note: text('note'), expiresInDays: Number(text('days')), ...grants };
      const { link } = await api<{ link: Link }>(path, { method: 'POST', body });
      onMade(link);
    } catch (fault) {
      setError(fault);
      setBusy(false);
    }
  }

  return (
    <form noValidate className="flex min-h-0 flex-1 flex-col" onSubmit={submit}>
      <DialogBody className="flex flex-col gap-4">
        {error !== null && Object.keys(fields).length === 0 && <ErrorNotice error={error} />}
        {kind === 'user' ? (
          <>
            <Field label="Name" required error={fields['/username']} hint="The user signs in with it.">
              {(control) => <Input {...control} name="username" autoComplete="off" autoFocus maxLength={64} />}
            </Field>
            <Field label="Full name" optional error={fields['/displayName']}>
              {(control) => <Input {...control} name="displayName" autoComplete="off" maxLength={200} />}
            </Field>
          </>
        ) : (
          <>
            <Field label="For whom" optional error={fields['/note']} hint="Only for your list of invites.">
              {(control) => <Input {...control} name="note" autoComplete="off" autoFocus maxLength={200} />}
            </Field>
            <Field label="Expires" error={fields['/expiresInDays']}>
              {(control) => (
                <Select {...control} name="days" className="self-start" options={lifetimes} defaultValue="7" />
              )}
            </Field>
          </>
        )}
        <GrantFields value={grants} around={around} faults={fields} onChange={setGrants} />
      </DialogBody>
      <DialogActions verb={verb} busy={busy} />
    </form>
  );
}
