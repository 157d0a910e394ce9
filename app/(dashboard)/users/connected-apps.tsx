'use client';
// MCP clients that a user allowed something, with a button that takes it back.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { api, type Page } from '@/app/_ui/api';
import { Button } from '@/app/_ui/button';
import { ConfirmDialog } from '@/app/_ui/confirm-dialog';
import { usePollingInterval } from '@/app/_ui/live';
import { ErrorNotice } from '@/app/_ui/notice';
import { Panel, PanelHeader } from '@/app/_ui/panel';
import { RelativeTime } from '@/app/_ui/relative-time';
import { toast } from '@/app/_ui/toaster';
import type { GrantView } from '@/lib/access/schema';

export interface ConnectedAppsProps {
  initial: GrantView[];
  userId: string;
}

export function ConnectedApps({ initial, userId }: ConnectedAppsProps) {
  const client = useQueryClient();
  const queryKey = ['grants', userId];
  const { data: grants, error } = useQuery({
    queryKey,
    queryFn: async ({ signal }) => (await api<Page<GrantView>>(`/grants?user=${userId}&limit=200`, { signal })).data,
    initialData: initial,
    refetchInterval: usePollingInterval(),
  });

  return (
    <Panel>
      <PanelHeader
        title="Connected applications"
        description="MCP clients that signed in through the browser. One that is revoked is out at once."
      />
      {error && <ErrorNotice error={error} />}
      {grants.length === 0 ? (
        <p className="p-4 text-table text-muted-foreground">
          None. A client that supports OAuth asks here by itself when it is given the address of the hub.
        </p>
      ) : (
        <ul>
          {grants.map((grant) => (
            <li
              key={grant.id}
              data-grant={grant.id}
              className="flex min-h-12 items-center gap-4 border-t border-border px-4 py-2 text-table first:border-t-0"
            >
              <div className="min-w-0 flex-1">
                <p className="truncate font-medium">
                  {grant.client}
                  {grant.clientId.startsWith('https://') && (
                    <span className="font-normal text-muted-foreground"> of {new URL(grant.clientId).host}</span>
                  )}
                </p>
                <p className="text-caption font-normal text-muted-foreground">
                  {grant.scopes.includes('mcp:call') ? 'All tools' : 'Only tools that read'} at{' '}
                  <span className="font-mono break-all">{pathOf(grant.resource)}</span> · since{' '}
                  <RelativeTime at={grant.createdAt} /> ·{' '}
                  {grant.lastUsedAt ? (
                    <>
                      used <RelativeTime at={grant.lastUsedAt} />
                    </>
                  ) : (
                    'not used yet'
                  )}
                </p>
              </div>
              <ConfirmDialog
                trigger={
                  <Button size="sm" aria-label={`Revoke ${grant.client}`}>
                    Revoke
                  </Button>
                }
                title={`Revoke ${grant.client}?`}
                confirm="Revoke"
                onConfirm={async () => {
                  await api(`/grants/${grant.id}`, { method: 'DELETE' });
                  toast(`${grant.client} is disconnected`);
                  await client.invalidateQueries({ queryKey });
                }}
              >
                Its tokens stop working and its calls end, all at once. It may ask again.
              </ConfirmDialog>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

function pathOf(resource: string): string {
  return URL.canParse(resource) ? new URL(resource).pathname : resource;
}
