'use client';
// The latest changes of state of a server's instances, newest first.
import { useState } from 'react';
import { Button } from '@/app/_ui/button';
import { Panel, PanelBody, PanelHeader } from '@/app/_ui/panel';
import { RelativeTime } from '@/app/_ui/relative-time';
import { StateBadge } from '@/app/_ui/state-badge';
import type { ServerEvent } from '@/lib/diagnosis/schema';
import type { ShownServer } from '../shown-server';
import { useReport } from './use-report';

const shownAtFirst = 6;

export function EventTrail({ server }: { server: ShownServer }) {
  const { data } = useReport(server);
  const [all, setAll] = useState(false);
  const events = (data?.life?.events ?? []).toReversed();
  const several = events.some(({ ordinal }) => ordinal > 0);
  const shown = all ? events : events.slice(0, shownAtFirst);
  return (
    <Panel>
      <PanelHeader
        title="Changes"
        description="What became of its instances, newest first."
        actions={
          events.length > shownAtFirst && (
            <Button size="sm" variant="ghost" onClick={() => setAll(!all)}>
              {all ? 'Show fewer' : `Show all ${events.length}`}
            </Button>
          )
        }
      />
      {events.length === 0 ? (
        <PanelBody className="text-table text-muted-foreground">Nothing was noticed yet.</PanelBody>
      ) : (
        <ol className="hairlines">
          {shown.map((event) => (
            <EventRow
              key={`${event.at} ${event.ordinal} ${event.state} ${event.reason}`}
              event={event}
              several={several}
            />
          ))}
        </ol>
      )}
    </Panel>
  );
}

function EventRow({
  event: { at, ordinal, state, reason, message },
  several,
}: {
  event: ServerEvent;
  several: boolean;
}) {
  return (
    <li className="grid gap-x-4 gap-y-0.5 px-4 py-1.5 text-table sm:grid-cols-[6.5rem_8rem_minmax(0,1fr)]">
      <span className="text-muted-foreground">
        <RelativeTime at={at} />
      </span>
      <StateBadge state={state} plain />
      <span className="min-w-0 wrap-anywhere">
        {several && <span className="figures mr-2 text-muted-foreground">[{ordinal + 1}]</span>}
        {message}
        {reason && <span className="ml-2 font-mono text-[0.75rem] text-muted-foreground">{reason}</span>}
      </span>
    </li>
  );
}
