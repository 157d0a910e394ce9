'use client';
// How a server is signed in to, and who has: for those who manage it with all users, for others their own.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, type Page } from '@/app/_ui/api';
import { Badge } from '@/app/_ui/badge';
import { Button, buttonClass } from '@/app/_ui/button';
import { plural } from '@/app/_ui/format';
import { hubPath } from '@/app/_ui/hub-path';
import { usePollingInterval } from '@/app/_ui/live';
import { ErrorNotice } from '@/app/_ui/notice';
import { Panel, PanelHeader } from '@/app/_ui/panel';
import { RelativeTime } from '@/app/_ui/relative-time';
import { toast } from '@/app/_ui/toaster';
import type { CredentialSetting, StoredConnectionView } from '@/lib/credentials/schema';
import { ConnectionBadge } from '../../account/connections';
import { signInText } from '../sign-in-values';

export interface SignInPanelProps {
  name: string;
  credential: CredentialSetting;
  mayUpdate: boolean;
}

export function SignInPanel({ name, credential, mayUpdate }: SignInPanelProps) {
  const client = useQueryClient();
  const queryKey = ['servers', name, 'connections'];
  const path = `/servers/${encodeURIComponent(name)}/connections`;
  const [error, setError] = useState<unknown>(null);
  const { data: stored = [], error: refused } = useQuery({
    queryKey,
    queryFn: async ({ signal }) => (await api<Page<StoredConnectionView>>(`${path}?limit=200`, { signal })).data,
    refetchInterval: usePollingInterval(),
    enabled: mayUpdate,
  });
  const isHubs = credential.per === 'hub';
  const shown = stored.filter(({ user, kind }) => (user === null) === isHubs && kind === credential.kind);
  const [hub] = shown;

  async function forget({ id, user }: StoredConnectionView) {
    setError(null);
    try {
      await api(`${path}/${id}`, { method: 'DELETE' });
      toast(user === null ? 'The sign-in of the hub is taken away' : `${user} is disconnected`);
    } catch (fault) {
      setError(fault);
    }
    await client.invalidateQueries({ queryKey });
  }

  const fault = error ?? refused;
  const href = hubPath(`/connections/${encodeURIComponent(name)}`);
  return (
    <Panel>
      <PanelHeader
        title="Sign-in"
        description={signInText(credential)}
        actions={
          (!isHubs || mayUpdate) && (
            <a href={href} className={buttonClass('secondary', 'sm')}>
              {!isHubs ? 'Your connection' : hub?.state === 'connected' ? 'Sign in again' : 'Sign in'}
            </a>
          )
        }
      />
      {fault != null && (
        <div className="p-4">
          <ErrorNotice error={fault} />
        </div>
      )}
      {mayUpdate && isHubs && !hub && !fault && (
        <p className="p-4 text-table text-muted-foreground">Nobody has signed the hub in to this server yet.</p>
      )}
      {mayUpdate && !isHubs && shown.length === 0 && !fault && (
        <p className="p-4 text-table text-muted-foreground">No user has connected yet.</p>
      )}
      {shown.length > 0 && (
        <ul aria-label={isHubs ? 'Sign-in of the hub' : plural(shown.length, 'connected user')}>
          {shown.map((each) => (
            <li
              key={each.id}
              className="flex min-h-12 items-center gap-4 border-t border-border px-4 py-2 text-table first:border-t-0"
            >
              <div className="min-w-0 flex-1">
                <p className="flex min-w-0 flex-wrap items-center gap-x-2 font-medium">
                  <span className="truncate">{each.user ?? 'The hub, for all callers'}</span>
                  <ConnectionBadge state={each.state} />
                  {each.scopes.map((scope) => (
                    <Badge key={scope}>{scope}</Badge>
                  ))}
                </p>
                <p className="text-caption font-normal text-muted-foreground">
                  {each.reason ?? each.issuer ?? 'own keys'} · since <RelativeTime at={each.since} />
                </p>
              </div>
              <Button size="sm" aria-label={`Disconnect ${each.user ?? 'the hub'}`} onClick={() => void forget(each)}>
                Disconnect
              </Button>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
