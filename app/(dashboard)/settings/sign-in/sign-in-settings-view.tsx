'use client';
// How people sign in beside passwords: the providers, who gets an account, and the rules that give roles and groups.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Plus, UserCheck } from 'lucide-react';
import { useState } from 'react';
import { api, type Page } from '@/app/_ui/api';
import { Badge } from '@/app/_ui/badge';
import { Button } from '@/app/_ui/button';
import { ConfirmDialog } from '@/app/_ui/confirm-dialog';
import { CopyButton } from '@/app/_ui/copy-button';
import { EmptyState } from '@/app/_ui/empty-state';
import { usePollingInterval } from '@/app/_ui/live';
import { ErrorNotice } from '@/app/_ui/notice';
import { PageHeader } from '@/app/_ui/page-header';
import { Panel, PanelHeader } from '@/app/_ui/panel';
import { Table, TableBody, TableHead, TableRow, Td, Th } from '@/app/_ui/table';
import { toast } from '@/app/_ui/toaster';
import type { SignInProvider, SignInRuleView, SignInSetting } from '@/lib/access/external/schema';
import type { UserContext } from '../../users/load';
import { NewAccounts } from './new-accounts';
import { RuleDialog } from './rule-dialog';
import { TryRules } from './try-rules';

export interface ShownProvider extends SignInProvider {
  /** What the provider has to know. */
  callbackUrl: string;
}

export interface SignInSettingsViewProps {
  rules: SignInRuleView[];
  setting: SignInSetting;
  around: UserContext;
  providers: ShownProvider[];
  passwords: boolean;
  mayChange: boolean;
}

const queryKey = ['sign-in-rules'];

export function SignInSettingsView(props: SignInSettingsViewProps) {
  const { setting, around, providers, passwords, mayChange } = props;
  const client = useQueryClient();
  const [edited, setEdited] = useState<SignInRuleView | 'new' | null>(null);
  const { data: rules, error } = useQuery({
    queryKey,
    queryFn: async ({ signal }) => {
      const all: SignInRuleView[] = [];
      for (let cursor: string | null = ''; cursor !== null; ) {
        const from: string = cursor && `&cursor=${encodeURIComponent(cursor)}`;
        const page: Page<SignInRuleView> = await api(`/sign-in-rules?limit=200${from}`, { signal });
        all.push(...page.data);
        cursor = page.nextCursor;
      }
      return all;
    },
    initialData: props.rules,
    refetchInterval: usePollingInterval(),
  });
  const refresh = () => void client.invalidateQueries({ queryKey });
  const newButton = mayChange && (
    <Button variant={rules.length === 0 ? 'primary' : 'secondary'} onClick={() => setEdited('new')}>
      <Plus aria-hidden />
      New rule
    </Button>
  );

  return (
    <>
      <PageHeader
        title="Sign-in"
        description="Where people sign in beside a password, who gets an account, and what comes with it."
      />
      <div className="flex flex-col gap-6">
        <Providers providers={providers} passwords={passwords} />
        <NewAccounts initial={setting} mayChange={mayChange} />
        <section aria-labelledby="rules">
          <div className="mb-3 flex flex-wrap items-end gap-3">
            <div className="min-w-0 flex-1 basis-60">
              <h2 id="rules" className="text-section">
                Rules
              </h2>
              <p className="text-table text-muted-foreground">
                Followed at each sign-in. What a rule gave and gives no more is taken back; what somebody gave by hand
                stays.
              </p>
            </div>
            {rules.length > 0 && newButton}
          </div>
          {error && <ErrorNotice error={error} />}
          {rules.length === 0 ? (
            <EmptyState Icon={UserCheck} title="No rules" actions={newButton}>
              A rule says which roles and groups somebody gets by what the provider tells: a team, a department, or
              simply that they signed in there.
            </EmptyState>
          ) : (
            <RuleTable
              rules={rules}
              providers={providers}
              mayChange={mayChange}
              onEdit={setEdited}
              onChanged={refresh}
            />
          )}
        </section>
        <TryRules providers={providers} rules={rules} />
      </div>
      {edited && (
        <RuleDialog
          edited={edited === 'new' ? null : edited}
          around={around}
          providers={providers}
          onClose={() => setEdited(null)}
          onSaved={refresh}
        />
      )}
    </>
  );
}

function Providers({ providers, passwords }: Pick<SignInSettingsViewProps, 'providers' | 'passwords'>) {
  return (
    <Panel>
      <PanelHeader
        title="Providers"
        description="They are set up in the settings of the hub (docs/users.md). Each has to know its callback URL."
      />
      <ul>
        <li className="flex min-h-12 items-center gap-4 px-4 py-2 text-table">
          <p className="flex-1 font-medium">Password</p>
          <Badge tone={passwords ? 'ok' : 'idle'}>{passwords ? 'On' : 'Off'}</Badge>
        </li>
        {providers.map(({ id, name, issuer, callbackUrl }) => (
          <li
            key={id}
            data-provider={id}
            className="flex min-h-12 flex-wrap items-center gap-x-4 gap-y-1 border-t border-border px-4 py-2 text-table"
          >
            <div className="min-w-0 flex-1 basis-40">
              <p className="truncate font-medium">{name}</p>
              <p className="truncate text-caption font-normal text-muted-foreground" title={issuer}>
                {issuer}
              </p>
            </div>
            <p className="flex min-w-0 items-center gap-2">
              <code className="min-w-0 font-mono text-caption break-all">{callbackUrl}</code>
              <CopyButton text={callbackUrl} label={`Copy the callback URL of ${name}`} />
            </p>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

interface RuleTableProps {
  rules: SignInRuleView[];
  providers: ShownProvider[];
  mayChange: boolean;
  onEdit: (rule: SignInRuleView) => void;
  onChanged: () => void;
}

function RuleTable({ rules, providers, mayChange, onEdit, onChanged }: RuleTableProps) {
  return (
    <Table>
      <TableHead actions={mayChange}>
        <Th>Who</Th>
        <Th className="max-sm:hidden">At</Th>
        <Th className="max-sm:hidden">Gets</Th>
      </TableHead>
      <TableBody>
        {rules.map((rule) => (
          <TableRow key={rule.id} data-rule={rule.id}>
            <Td className="w-1/2 max-w-0 max-sm:w-full">
              <p className="truncate" title={titleOf(rule)}>
                {titleOf(rule)}
              </p>
              <p className="text-caption font-normal break-words text-muted-foreground sm:hidden">
                {providerName(rule, providers)}: {givenBy(rule)}
              </p>
            </Td>
            <Td className="max-sm:hidden">{providerName(rule, providers)}</Td>
            <Td className="max-sm:hidden">{givenBy(rule)}</Td>
            {mayChange && (
              <Td>
                <div className="flex flex-wrap justify-end gap-1.5">
                  <Button size="sm" aria-label={`Change the rule ${titleOf(rule)}`} onClick={() => onEdit(rule)}>
                    Change
                  </Button>
                  <ConfirmDialog
                    trigger={
                      <Button size="sm" aria-label={`Remove the rule ${titleOf(rule)}`}>
                        Remove
                      </Button>
                    }
                    title="Remove this rule?"
                    confirm="Remove"
                    onConfirm={async () => {
                      await api(`/sign-in-rules/${rule.id}`, { method: 'DELETE', ifMatch: rule.version });
                      toast('Rule removed');
                      onChanged();
                    }}
                  >
                    What it gave is taken back from each at the next sign-in: {givenBy(rule)}.
                  </ConfirmDialog>
                </div>
              </Td>
            )}
          </TableRow>
        ))}
      </TableBody>
    </Table>
  );
}

export function titleOf({ claim, value }: Pick<SignInRuleView, 'claim' | 'value'>): string {
  return claim === '*' ? 'Everybody' : `${claim} is ${value}`;
}

function providerName({ provider }: SignInRuleView, providers: readonly SignInProvider[]): string {
  if (provider === '*') return 'every provider';
  return providers.find(({ id }) => id === provider)?.name ?? `${provider} (not set up)`;
}

function givenBy({ roles, groups }: SignInRuleView): string {
  const list = (label: string, names: string[]) =>
    names.length > 0 && `${names.length === 1 ? label : `${label}s`} ${names.join(', ')}`;
  return [list('role', roles), list('group', groups)].filter(Boolean).join('; ') || 'nothing that is left';
}
