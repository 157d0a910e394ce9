'use client';
// What somebody would get: claims are pasted, the hub answers, nothing is kept.
import { useState } from 'react';
import { api } from '@/app/_ui/api';
import { Button } from '@/app/_ui/button';
import { Field } from '@/app/_ui/field';
import { Textarea } from '@/app/_ui/input';
import { ErrorNotice, Notice } from '@/app/_ui/notice';
import { Panel, PanelBody, PanelHeader } from '@/app/_ui/panel';
import { Select } from '@/app/_ui/select';
import type { RuleTrialView, SignInProvider, SignInRuleView } from '@/lib/access/external/schema';

const example = '{"sub": "1234", "email": "ada@example.org", "email_verified": true, "groups": ["dev"]}';
const everyProvider = [
  { value: 'oidc', label: 'OpenID Connect' },
  { value: 'github', label: 'GitHub' },
  { value: 'google', label: 'Google' },
];

export interface TryRulesProps {
  providers: readonly SignInProvider[];
  rules: readonly SignInRuleView[];
}

export function TryRules({ providers, rules }: TryRulesProps) {
  const options = providers.length > 0 ? providers.map(({ id, name }) => ({ value: id, label: name })) : everyProvider;
  const [provider, setProvider] = useState<string>(options[0]?.value ?? 'oidc');
  const [text, setText] = useState('');
  const [fault, setFault] = useState<string | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const [trial, setTrial] = useState<RuleTrialView | null>(null);

  async function run() {
    setError(null);
    setTrial(null);
    const claims = claimsOf(text);
    setFault(claims ? null : 'Paste a JSON object, in braces.');
    if (!claims) return;
    setBusy(true);
    try {
      setTrial(await api<RuleTrialView>('/sign-in-rules/try', { method: 'POST', body: { provider, claims } }));
    } catch (thrown) {
      setError(thrown);
    }
    setBusy(false);
  }

  return (
    <Panel>
      <PanelHeader title="Try" description="What somebody with these claims would get. Nothing is changed or kept." />
      <PanelBody>
        <form
          noValidate
          className="flex flex-col gap-4"
          onSubmit={(event) => {
            event.preventDefault();
            void run();
          }}
        >
          <Field label="Signed in at">
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
          <Field label="Claims" error={fault} hint="As JSON, e.g. what an ID token holds.">
            {(control) => (
              <Textarea
                {...control}
                className="font-mono"
                spellCheck={false}
                placeholder={example}
                value={text}
                onChange={({ target }) => setText(target.value)}
              />
            )}
          </Field>
          <Button type="submit" className="self-start" busy={busy}>
            Try
          </Button>
          {error !== null && <ErrorNotice error={error} />}
          {trial && <Outcome trial={trial} rules={rules} />}
        </form>
      </PanelBody>
    </Panel>
  );
}

function Outcome({ trial, rules }: { trial: RuleTrialView; rules: readonly SignInRuleView[] }) {
  const matching = rules.filter(({ id }) => trial.rules.includes(id));
  const gets = [
    trial.roles.length > 0 && `roles: ${trial.roles.join(', ')}`,
    trial.groups.length > 0 && `groups: ${trial.groups.join(', ')}`,
  ].filter(Boolean);
  const { made, because } = trial.newAccount;
  return (
    <div data-trial>
      <Notice
        tone={matching.length > 0 ? 'ok' : 'neutral'}
        title={
          matching.length === 0
            ? 'No rule matches.'
            : `${matching.length} ${matching.length === 1 ? 'rule matches' : 'rules match'}: ${gets.join('; ') || 'nothing that is left'}.`
        }
        hint={made ? 'Somebody new would get an account.' : `Somebody new would get no account: ${because}.`}
      />
    </div>
  );
}

function claimsOf(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}
