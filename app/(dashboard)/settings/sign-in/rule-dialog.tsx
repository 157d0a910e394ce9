'use client';
// One rule: at which provider, which claim, and what comes with it.
import { useState } from 'react';
import { ApiError, api } from '@/app/_ui/api';
import { Dialog, DialogActions, DialogBody, DialogContent, DialogForm } from '@/app/_ui/dialog';
import { Field } from '@/app/_ui/field';
import { Input } from '@/app/_ui/input';
import { ErrorNotice } from '@/app/_ui/notice';
import { Select } from '@/app/_ui/select';
import { toast } from '@/app/_ui/toaster';
import type { SignInProvider, SignInRuleView } from '@/lib/access/external/schema';
import { GrantFields, type Grants } from '../../users/grants';
import type { UserContext } from '../../users/load';

export interface RuleDialogProps {
  /** Null: a new one. */
  edited: SignInRuleView | null;
  around: UserContext;
  providers: readonly SignInProvider[];
  onClose: () => void;
  onSaved: () => void;
}

const hints: Record<string, string> = {
  github: 'login, email, orgs, or teams with values such as my-org/my-team.',
  google: 'hd (the organisation), email, sub.',
};
const hint = 'As the provider calls it, e.g. groups. Dots lead into objects: realm_access.roles';

export function RuleDialog({ edited, around, providers, onClose, onSaved }: RuleDialogProps) {
  const [provider, setProvider] = useState<string>(edited?.provider ?? '*');
  const [isForAll, setForAll] = useState(edited?.claim === '*');
  const [claim, setClaim] = useState(edited && edited.claim !== '*' ? edited.claim : '');
  const [value, setValue] = useState(edited?.value ?? '');
  const [grants, setGrants] = useState<Grants>({ roles: edited?.roles ?? [], groups: edited?.groups ?? [] });
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const fields = error instanceof ApiError ? error.fields : {};

  // A provider that is not set up any more stays what the rule names.
  const known = providers.map(({ id, name }) => ({ value: id as string, label: name }));
  const isKnown = provider === '*' || known.some((each) => each.value === provider);
  const options = [
    { value: '*', label: 'Every provider' },
    ...known,
    ...(isKnown ? [] : [{ value: provider, label: `${provider} (not set up)` }]),
  ];

  async function save() {
    setBusy(true);
    setError(null);
    const body = { provider, ...(isForAll ? { claim: '*', value: '' } : { claim, value }), ...grants };
    try {
      if (edited) await api(`/sign-in-rules/${edited.id}`, { method: 'PATCH', body, ifMatch: edited.version });
      else await api('/sign-in-rules', { method: 'POST', body });
      toast(edited ? 'Rule changed' : 'Rule added');
      onSaved();
      onClose();
    } catch (fault) {
      setError(fault);
      setBusy(false);
    }
  }

  return (
    <Dialog open onOpenChange={(open) => !open && !busy && onClose()}>
      <DialogContent
        title={edited ? 'Change rule' : 'New rule'}
        description="Who signs in and fits gets these roles and groups, for as long as it fits."
      >
        <DialogForm onSubmit={() => void save()}>
          <DialogBody className="flex flex-col gap-4">
            {error !== null && Object.keys(fields).length === 0 && <ErrorNotice error={error} />}
            <Field label="Signs in at">
              {(control) => (
                <Select
                  {...control}
                  className="self-start"
                  options={options}
                  value={provider}
                  onChange={({ target }) => setProvider(target.value)}
                />
              )}
            </Field>
            <label className="flex items-center gap-2 text-table">
              <input
                type="checkbox"
                className="size-4 accent-primary"
                checked={isForAll}
                onChange={({ target }) => setForAll(target.checked)}
              />
              Everybody who signs in there
            </label>
            {!isForAll && (
              <div className="grid gap-4 sm:grid-cols-2">
                <Field label="Claim" required error={fields['/claim']} hint={hints[provider] ?? hint}>
                  {(control) => (
                    <Input
                      {...control}
                      autoComplete="off"
                      autoCapitalize="none"
                      spellCheck={false}
                      maxLength={200}
                      value={claim}
                      onChange={({ target }) => setClaim(target.value)}
                    />
                  )}
                </Field>
                <Field label="Is, or holds" required error={fields['/value']} hint="Exactly, capitals too.">
                  {(control) => (
                    <Input
                      {...control}
                      autoComplete="off"
                      autoCapitalize="none"
                      spellCheck={false}
                      maxLength={500}
                      value={value}
                      onChange={({ target }) => setValue(target.value)}
                    />
                  )}
                </Field>
              </div>
            )}
            <GrantFields
              value={grants}
              around={around}
              kept={{ roles: edited?.roles ?? [], groups: edited?.groups ?? [] }}
              faults={fields}
              onChange={setGrants}
            />
          </DialogBody>
          <DialogActions verb={edited ? 'Save' : 'Add rule'} busy={busy} />
        </DialogForm>
      </DialogContent>
    </Dialog>
  );
}
