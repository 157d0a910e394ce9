'use client';
// The own account: password, second factor, where one is signed in, and which clients may act for one.
import { useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { ApiError, api } from '@/app/_ui/api';
import { Button } from '@/app/_ui/button';
import { Field } from '@/app/_ui/field';
import { Input } from '@/app/_ui/input';
import { ErrorNotice } from '@/app/_ui/notice';
import { PageHeader } from '@/app/_ui/page-header';
import { Panel, PanelBody, PanelHeader } from '@/app/_ui/panel';
import { RelativeTime } from '@/app/_ui/relative-time';
import { toast } from '@/app/_ui/toaster';
import type { OwnIdentitiesView, SignInProvider } from '@/lib/access/external/schema';
import type { GrantView, SecondFactorView, SessionView, UserView } from '@/lib/access/schema';
import type { ConnectionView } from '@/lib/credentials/schema';
import { ConnectedApps } from '../users/connected-apps';
import { SessionList } from '../users/session-list';
import { Connections } from './connections';
import { Identities, type LinkOutcome } from './identities';
import { SecondFactor } from './second-factor';

export interface AccountViewProps {
  user: UserView;
  factor: SecondFactorView;
  sessions: SessionView[];
  grants: GrantView[];
  identities: OwnIdentitiesView;
  linkOutcome: LinkOutcome;
  connections: ConnectionView[];
}

export function AccountView(props: AccountViewProps) {
  const { user, factor, sessions, grants, identities, linkOutcome, connections } = props;
  const { hasPassword } = identities;
  return (
    <>
      <PageHeader
        title="Account"
        description={`Signed in as ${user.username}, with the ${user.roles.length === 1 ? 'role' : 'roles'} ${user.roles.join(', ') || '–'}.`}
      />
      <div className="flex max-w-[48rem] flex-col gap-4">
        {hasPassword ? <PasswordPanel initialChangedAt={user.passwordChangedAt} /> : <NoPassword />}
        {(identities.providers.length > 0 || identities.identities.length > 0) && (
          <Identities initial={identities} outcome={linkOutcome} />
        )}
        <SecondFactor initial={factor} hasPassword={hasPassword} providers={providersOf(identities)} />
        <Connections connections={connections} />
        <SessionList initial={sessions} path="/me/sessions" />
        <ConnectedApps initial={grants} userId={user.id} />
      </div>
    </>
  );
}

/** Those at which somebody can sign in again as the same user. */
function providersOf({ identities, providers }: OwnIdentitiesView): SignInProvider[] {
  return providers.filter(({ id, name }) =>
    identities.some(({ provider, providerName }) => provider === id && providerName === name),
  );
}

/** Of an account that a sign-in at a provider made. */
function NoPassword() {
  return (
    <Panel>
      <PanelHeader title="Password" />
      <PanelBody className="text-table text-muted-foreground">
        This account has none: you sign in at a provider. An administrator can make a link by which you choose one.
      </PanelBody>
    </Panel>
  );
}

function PasswordPanel({ initialChangedAt }: { initialChangedAt: string | null }) {
  const client = useQueryClient();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [differs, setDiffers] = useState(false);
  const [changedAt, setChangedAt] = useState(initialChangedAt);
  const fields = error instanceof ApiError ? error.fields : {};

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const given = new FormData(form);
    const [currentPassword, newPassword] = [String(given.get('current')), String(given.get('new'))];
    setDiffers(newPassword !== given.get('repeated'));
    setError(null);
    if (newPassword !== given.get('repeated')) return;
    setBusy(true);
    try {
      await api('/me/password', { method: 'POST', body: { currentPassword, newPassword } });
      form.reset();
      setChangedAt(new Date().toISOString());
      toast('Password changed: every other browser is signed out');
      await client.invalidateQueries({ queryKey: ['sessions'] });
    } catch (fault) {
      setError(fault);
    }
    setBusy(false);
  }

  return (
    <Panel>
      <PanelHeader
        title="Password"
        description={
          <>
            A change signs out every other browser.
            {changedAt !== null && (
              <>
                {' '}
                Last set <RelativeTime at={changedAt} />.
              </>
            )}
          </>
        }
      />
      <PanelBody>
        <form method="post" onSubmit={submit} className="flex max-w-sm flex-col gap-4">
          {error !== null && Object.keys(fields).length === 0 && <ErrorNotice error={error} />}
          <Field label="Present password" error={fields['/currentPassword']}>
            {(control) => (
              <Input
                {...control}
                name="current"
                type="password"
                autoComplete="current-password"
                required
                maxLength={256}
              />
            )}
          </Field>
          <Field
            label="New password"
            error={fields['/newPassword']}
            hint="At least 12 characters. Length counts, not signs."
          >
            {(control) => (
              <Input {...control} name="new" type="password" autoComplete="new-password" required maxLength={256} />
            )}
          </Field>
          <Field label="New password, once more" error={differs ? 'This is not the same password.' : null}>
            {(control) => (
              <Input
                {...control}
                name="repeated"
                type="password"
                autoComplete="new-password"
                required
                maxLength={256}
              />
            )}
          </Field>
          <Button type="submit" className="self-start" busy={busy}>
            Change password
          </Button>
        </form>
      </PanelBody>
    </Panel>
  );
}
