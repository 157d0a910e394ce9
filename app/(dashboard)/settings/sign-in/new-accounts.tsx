'use client';
// Who gets an account by a provider's word, and who may still sign in by it.
import { useState } from 'react';
import { ApiError, api } from '@/app/_ui/api';
import { Button } from '@/app/_ui/button';
import { Field } from '@/app/_ui/field';
import { Input } from '@/app/_ui/input';
import { ErrorNotice } from '@/app/_ui/notice';
import { Panel, PanelBody, PanelHeader } from '@/app/_ui/panel';
import { Select } from '@/app/_ui/select';
import { toast } from '@/app/_ui/toaster';
import type { SignInSetting } from '@/lib/access/external/schema';

const modes: { value: SignInSetting['newAccounts']; label: string }[] = [
  { value: 'never', label: 'Never' },
  { value: 'matching-rule', label: 'If a rule matches' },
  { value: 'always', label: 'Always, with the role "user" at least' },
];

export function NewAccounts({ initial, mayChange }: { initial: SignInSetting; mayChange: boolean }) {
  const [mode, setMode] = useState(initial.newAccounts);
  const [domains, setDomains] = useState(initial.domains.join(', '));
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const fields = error instanceof ApiError ? error.fields : {};
  const domainFault = Object.entries(fields).find(([pointer]) => pointer.startsWith('/domains'))?.[1];

  async function save() {
    setBusy(true);
    setError(null);
    try {
      const body = { newAccounts: mode, domains: domains.split(/[\s,]+/).filter(Boolean) };
      const saved = await api<SignInSetting>('/settings/sign-in', { method: 'PATCH', body });
      setDomains(saved.domains.join(', '));
      toast('Saved: it holds from the next sign-in on');
    } catch (fault) {
      setError(fault);
    }
    setBusy(false);
  }

  return (
    <Panel>
      <PanelHeader
        title="New accounts"
        description="Made at the first sign-in of somebody who has none. An e-mail address never leads into an account that exists."
      />
      <PanelBody>
        <form
          noValidate
          className="flex max-w-md flex-col gap-4"
          onSubmit={(event) => {
            event.preventDefault();
            void save();
          }}
        >
          {error !== null && !domainFault && <ErrorNotice error={error} />}
          <Field
            label="Somebody new gets an account"
            hint="If a rule matches: whoever has no password here needs one that matches at every sign-in."
          >
            {(control) => (
              <Select
                {...control}
                options={modes}
                value={mode}
                disabled={!mayChange}
                onChange={({ target }) => setMode(target.value as SignInSetting['newAccounts'])}
              />
            )}
          </Field>
          <Field
            label="Only with a verified e-mail address at"
            optional
            hint="Domains, such as example.org, with commas between them. Asked at every sign-in at a provider."
            error={domainFault}
          >
            {(control) => (
              <Input
                {...control}
                autoComplete="off"
                value={domains}
                disabled={!mayChange}
                onChange={({ target }) => setDomains(target.value)}
              />
            )}
          </Field>
          {mayChange && (
            <Button type="submit" className="self-start" busy={busy}>
              Save
            </Button>
          )}
        </form>
      </PanelBody>
    </Panel>
  );
}
