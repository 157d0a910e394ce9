'use client';
// Turns green when an MCP client of this visitor opens a session.
import { CircleCheck, LoaderCircle, Unplug } from 'lucide-react';
import { useCallback, useState } from 'react';
import { cn } from '@/app/_ui/cn';
import { useLive, useLiveEvent } from '@/app/_ui/live';
import type { LiveFrame } from '@/lib/events/live';

export function FirstRequest() {
  const { status } = useLive();
  const [opened, setOpened] = useState<{ client: string; endpoint: string } | null>(null);
  useLiveEvent(
    'session.opened',
    // Admins also hear of sessions of others: only what came to the own room counts here.
    useCallback((frame: LiveFrame<'session.opened'>) => {
      if (frame.room.startsWith('user:')) setOpened({ client: frame.client, endpoint: frame.endpoint });
    }, []),
  );

  const paused = status === 'paused' && !opened;
  const Icon = opened ? CircleCheck : paused ? Unplug : LoaderCircle;
  return (
    <p
      role="status"
      data-connected={opened ? 'yes' : 'no'}
      className={cn(
        'flex items-center gap-2 rounded-panel px-3 py-2.5 text-table',
        opened ? 'bg-ok-soft font-medium text-ok' : 'bg-muted text-muted-foreground',
      )}
    >
      <Icon aria-hidden className={cn('size-4 shrink-0', !opened && !paused && 'animate-turn')} />
      {opened
        ? `${opened.client} is connected at ${opened.endpoint}`
        : paused
          ? 'Live updates are paused: the first request cannot be seen here right now.'
          : 'Waiting for the first request…'}
    </p>
  );
}
