'use client';
// The servers at which one signs in for oneself.
import { CircleCheck, KeyRound, TriangleAlert } from 'lucide-react';
import { Badge } from '@/app/_ui/badge';
import { buttonClass } from '@/app/_ui/button';
import { hubPath } from '@/app/_ui/hub-path';
import { Panel, PanelHeader } from '@/app/_ui/panel';
import { RelativeTime } from '@/app/_ui/relative-time';
import type { ConnectionState, ConnectionView } from '@/lib/credentials/schema';

const looks: Record<ConnectionState, { tone: 'ok' | 'auth' | 'warn'; word: string; Icon: typeof KeyRound }> = {
  connected: { tone: 'ok', word: 'Connected', Icon: CircleCheck },
  missing: { tone: 'auth', word: 'Needs sign-in', Icon: KeyRound },
  failed: { tone: 'warn', word: 'Failed', Icon: TriangleAlert },
};

export function ConnectionBadge({ state }: { state: ConnectionState }) {
  const { tone, word, Icon } = looks[state];
  return (
    <Badge tone={tone} data-state={state}>
      <Icon aria-hidden />
      {word}
    </Badge>
  );
}

/** Nothing where there are none. */
export function Connections({ connections }: { connections: ConnectionView[] }) {
  if (connections.length === 0) return null;
  return (
    <Panel>
      <PanelHeader
        title="Your connections"
        description="Servers at which you sign in for yourself. Nobody else calls them with what you enter there."
      />
      <ul>
        {connections.map(({ server, state, reason, since, host }) => (
          <li
            key={server}
            className="flex min-h-12 items-center gap-4 border-t border-border px-4 py-2 text-table first:border-t-0"
          >
            <div className="min-w-0 flex-1">
              <p className="flex min-w-0 flex-wrap items-center gap-x-2 font-medium">
                <span className="truncate">{server}</span>
                <ConnectionBadge state={state} />
              </p>
              <p className="text-caption font-normal text-muted-foreground">
                {reason ?? host ?? 'runs on this hub'}
                {since && (
                  <>
                    {' · since '}
                    <RelativeTime at={since} />
                  </>
                )}
              </p>
            </div>
            <a
              href={hubPath(`/connections/${encodeURIComponent(server)}`)}
              className={buttonClass('secondary', 'sm')}
              aria-label={`${state === 'connected' ? 'Change' : 'Connect'} ${server}`}
            >
              {state === 'connected' ? 'Change' : 'Connect'}
            </a>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
