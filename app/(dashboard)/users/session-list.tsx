'use client';
// Where somebody is signed in, with a button that ends it.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { api, type Page } from '@/app/_ui/api';
import { Badge } from '@/app/_ui/badge';
import { Button } from '@/app/_ui/button';
import { usePollingInterval } from '@/app/_ui/live';
import { ErrorNotice } from '@/app/_ui/notice';
import { Panel, PanelHeader } from '@/app/_ui/panel';
import { RelativeTime } from '@/app/_ui/relative-time';
import { toast } from '@/app/_ui/toaster';
import type { SessionView } from '@/lib/access/schema';

export interface SessionListProps {
  initial: SessionView[];
  /** `/me/sessions`, or those of another user. */
  path: string;
}

export function SessionList({ initial, path }: SessionListProps) {
  const client = useQueryClient();
  const queryKey = ['sessions', path];
  const { data: sessions, error } = useQuery({
    queryKey,
    queryFn: async ({ signal }) => (await api<Page<SessionView>>(`${path}?limit=200`, { signal })).data,
    initialData: initial,
    refetchInterval: usePollingInterval(),
  });
  const others = sessions.filter((session) => !session.isCurrent);

  async function end(what: string) {
    try {
      await api(what, { method: 'DELETE' });
      toast('Signed out');
    } catch (fault) {
      toast.error(fault instanceof Error ? fault.message : String(fault));
    }
    await client.invalidateQueries({ queryKey });
  }

  return (
    <Panel>
      <PanelHeader
        title="Sessions"
        description="Browsers that are signed in. One that is signed out here is out at once."
        actions={
          others.length > 1 && (
            <Button size="sm" onClick={() => void end(path)}>
              Sign out all others
            </Button>
          )
        }
      />
      {error && <ErrorNotice error={error} />}
      {sessions.length === 0 ? (
        <p className="p-4 text-table text-muted-foreground">Signed in nowhere.</p>
      ) : (
        <ul>
          {sessions.map((session) => (
            <li
              key={session.id}
              data-session={session.id}
              className="flex min-h-12 items-center gap-4 border-t border-border px-4 py-2 text-table first:border-t-0"
            >
              <div className="min-w-0 flex-1">
                <p className="flex min-w-0 flex-wrap items-center gap-x-2 font-medium">
                  <span className="truncate" title={session.userAgent ?? undefined}>
                    {browserName(session.userAgent)}
                  </span>
                  {session.isCurrent && <Badge tone="ok">This browser</Badge>}
                </p>
                <p className="text-caption font-normal text-muted-foreground">
                  {session.address ?? 'unknown address'} · seen <RelativeTime at={session.lastSeenAt} /> · signed in{' '}
                  <RelativeTime at={session.createdAt} />
                </p>
              </div>
              {!session.isCurrent && (
                <Button
                  size="sm"
                  aria-label={`Sign out ${browserName(session.userAgent)}`}
                  onClick={() => void end(`${path}/${session.id}`)}
                >
                  Sign out
                </Button>
              )}
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

const browsers = ['Edg', 'OPR', 'Firefox', 'Chrome', 'Safari', 'curl'];
const shownAs: Record<string, string> = { Edg: 'Edge', OPR: 'Opera' };
const systems = ['Android', 'iPhone', 'iPad', 'Windows', 'Mac OS', 'Linux'];

/** "Firefox on Windows", as far as a user agent tells. */
function browserName(userAgent: string | null): string {
  const browser = browsers.find((name) => userAgent?.includes(`${name}/`));
  const system = systems.find((name) => userAgent?.includes(name));
  if (!browser) return userAgent?.slice(0, 60) || 'Unknown browser';
  return `${shownAs[browser] ?? browser}${system ? ` on ${system}` : ''}`;
}
