'use client';
// One user: roles and groups, sessions, and what an administrator can do about the account.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useRouter } from 'next/navigation';
import { useState } from 'react';
import { ApiError, api } from '@/app/_ui/api';
import { Badge } from '@/app/_ui/badge';
import { Button } from '@/app/_ui/button';
import { ConfirmDialog } from '@/app/_ui/confirm-dialog';
import { Dialog, DialogBody, DialogContent, DialogDone } from '@/app/_ui/dialog';
import { ErrorNotice, Notice } from '@/app/_ui/notice';
import { PageHeader } from '@/app/_ui/page-header';
import { Panel, PanelBody, PanelHeader } from '@/app/_ui/panel';
import { RelativeTime } from '@/app/_ui/relative-time';
import { toast } from '@/app/_ui/toaster';
import type { GrantView, OneTimeLink as Link, SessionView, UserPatch, UserView } from '@/lib/access/schema';
import { ConnectedApps } from '../connected-apps';
import { GrantFields, type Grants } from '../grants';
import type { UserContext } from '../load';
import { OneTimeLink } from '../one-time-link';
import { SessionList } from '../session-list';

export interface UserPageProps {
  initial: UserView;
  /** Null where they are not the visitor's to see. */
  sessions: SessionView[] | null;
  /** As sessions. */
  apps: GrantView[] | null;
  around: UserContext;
}

export function UserPage({ initial, sessions, apps, around }: UserPageProps) {
  const client = useQueryClient();
  const router = useRouter();
  const queryKey = ['users', initial.id];
  const { data: user } = useQuery({
    queryKey,
    queryFn: ({ signal }) => api<UserView>(`/users/${initial.id}`, { signal }),
    initialData: initial,
  });
  const isSelf = user.id === around.self;
  const path = `/users/${user.id}`;

  async function change(patch: UserPatch): Promise<void> {
    client.setQueryData(queryKey, await api<UserView>(path, { method: 'PATCH', body: patch, ifMatch: user.version }));
    void client.invalidateQueries({ queryKey: ['sessions'] });
  }

  return (
    <>
      <PageHeader
        title={user.username}
        aside={
          <>
            {user.disabled && <Badge tone="idle">Disabled</Badge>}
            {user.lockedUntil && <Badge tone="warn">Locked</Badge>}
          </>
        }
        description={[user.displayName, user.email].filter(Boolean).join(' · ') || undefined}
        actions={around.rights.update && !isSelf && <Switches user={user} onChange={change} />}
      />
      <div className="flex max-w-[64rem] flex-col gap-4">
        {user.lockedUntil && (
          <Notice
            tone="warn"
            title="Too many wrong passwords or codes."
            hint="The next attempt is looked at when the pause is over. A link for a new password ends it."
          />
        )}
        <GrantsPanel key={user.version} user={user} around={around} onSave={change} />
        {around.rights.update && <SignInPanel user={user} isSelf={isSelf} path={path} queryKey={queryKey} />}
        {sessions && <SessionList initial={sessions} path={`${path}/sessions`} />}
        {apps && <ConnectedApps initial={apps} userId={user.id} />}
        {around.rights.delete && !isSelf && (
          <Panel>
            <PanelBody className="flex flex-wrap items-center gap-3">
              <p className="flex-1 basis-60 text-table text-muted-foreground">
                Removing a user ends keys and sessions. What the user made stays.
              </p>
              <ConfirmDialog
                trigger={<Button>Remove user</Button>}
                title={`Remove user ${user.username}?`}
                confirm="Remove"
                onConfirm={async () => {
                  await api(path, { method: 'DELETE', ifMatch: user.version });
                  await client.invalidateQueries({ queryKey: ['users', 'list'] });
                  router.push('/users');
                }}
              >
                All keys and sessions of this user end at once, and what runs for them. This cannot be undone.
              </ConfirmDialog>
            </PanelBody>
          </Panel>
        )}
      </div>
    </>
  );
}

function Switches({ user, onChange }: { user: UserView; onChange: (patch: UserPatch) => Promise<void> }) {
  if (user.disabled) {
    return (
      <Button
        onClick={async () => {
          try {
            await onChange({ disabled: false });
            toast(`User ${user.username} enabled`);
          } catch (error) {
            toast.error(error instanceof Error ? error.message : String(error));
          }
        }}
      >
        Enable
      </Button>
    );
  }
  return (
    <ConfirmDialog
      trigger={<Button>Disable</Button>}
      title={`Disable user ${user.username}?`}
      confirm="Disable"
      onConfirm={() => onChange({ disabled: true })}
    >
      Every browser is signed out, keys stop working and running calls end, all at once. Nothing is lost: you can enable
      the user again.
    </ConfirmDialog>
  );
}

interface GrantsPanelProps {
  user: UserView;
  around: UserContext;
  onSave: (patch: UserPatch) => Promise<void>;
}

function GrantsPanel({ user, around, onSave }: GrantsPanelProps) {
  const before: Grants = { roles: user.roles, groups: user.groups };
  const [grants, setGrants] = useState(before);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const fields = error instanceof ApiError ? error.fields : {};
  const key = ({ roles, groups }: Grants) => JSON.stringify([[...roles].sort(), [...groups].sort()]);
  const isChanged = key(grants) !== key(before);
  const readOnly = !around.rights.update;

  async function save() {
    setBusy(true);
    setError(null);
    try {
      await onSave({
        ...(key({ ...grants, groups: [] }) !== key({ ...before, groups: [] }) && { roles: grants.roles }),
        ...(key({ ...grants, roles: [] }) !== key({ ...before, roles: [] }) && { groups: grants.groups }),
      });
      toast('Saved: it holds at once');
    } catch (fault) {
      setError(fault);
    }
    setBusy(false);
  }

  return (
    <Panel>
      <PanelHeader
        title="Roles and groups"
        description="Roles say what this user may do, groups which servers it is about."
        actions={
          !readOnly && (
            <Button variant="primary" size="sm" disabled={!isChanged} busy={busy} onClick={() => void save()}>
              Save
            </Button>
          )
        }
      />
      <PanelBody className="flex flex-col gap-4">
        {error !== null && Object.keys(fields).length === 0 && <ErrorNotice error={error} />}
        <GrantFields
          value={grants}
          around={around}
          kept={before}
          readOnly={readOnly}
          faults={fields}
          onChange={setGrants}
        />
      </PanelBody>
    </Panel>
  );
}

interface SignInPanelProps {
  user: UserView;
  isSelf: boolean;
  path: string;
  queryKey: string[];
}

function SignInPanel({ user, isSelf, path, queryKey }: SignInPanelProps) {
  const client = useQueryClient();
  const [link, setLink] = useState<Link | null>(null);
  return (
    <Panel>
      <PanelHeader
        title="Sign-in"
        description={
          <>
            Last <RelativeTime at={user.lastSignInAt} />. Second factor {user.secondFactor ? 'on' : 'off'}.
            {user.passwordChangedAt !== null && (
              <>
                {' '}
                Password set <RelativeTime at={user.passwordChangedAt} />.
              </>
            )}
          </>
        }
      />
      <PanelBody className="flex flex-wrap gap-2">
        <ConfirmDialog
          trigger={<Button disabled={user.disabled}>Link for a new password</Button>}
          title={`Make a link for ${user.username}?`}
          confirm="Make the link"
          danger={false}
          onConfirm={async () => setLink(await api<Link>(`${path}/reset-link`, { method: 'POST' }))}
        >
          Whoever has the link chooses a new password, once, within a day. An earlier link stops working; the present
          password works until then.
        </ConfirmDialog>
        {user.secondFactor && !isSelf && (
          <ConfirmDialog
            trigger={<Button>Remove second factor</Button>}
            title={`Remove the second factor of ${user.username}?`}
            confirm="Remove"
            onConfirm={async () => {
              await api(`${path}/second-factor`, { method: 'DELETE' });
              await client.invalidateQueries({ queryKey });
            }}
          >
            From then on the password alone is enough. Be sure that it is the user who asks for it.
          </ConfirmDialog>
        )}
      </PanelBody>
      <Dialog open={link !== null} onOpenChange={(open) => !open && setLink(null)}>
        <DialogContent size="lg" title={`Link for ${user.username}`} description="Give it to the user.">
          <DialogBody>{link && <OneTimeLink link={link} />}</DialogBody>
          <DialogDone />
        </DialogContent>
      </Dialog>
    </Panel>
  );
}
