'use client';
// One live connection per tab. Events patch or refetch the query cache; rows stay the truth.
import { useQueryClient } from '@tanstack/react-query';
import { useRouter } from 'next/navigation';
import { createContext, type ReactNode, useContext, useEffect, useState, useSyncExternalStore } from 'react';
import type { LiveFrame, LiveName } from '@/lib/events/live';
import { createLiveConnection, type LiveConnection, type LiveStatus } from './connection';

const LiveContext = createContext<LiveConnection | null>(null);

/** What to fetch again when a room's data may be out of date, by the room's first word. */
const queriesOfRoom: Record<string, readonly string[]> = {
  server: ['servers', 'tools', 'groups'],
  calls: ['calls', 'overview'],
  admin: ['hub'],
};

/** What to fetch again after an event. Statuses and calls bring their data along and are patched where they are shown. */
const queriesOfEvent: Partial<Record<LiveName, readonly string[]>> = {
  'server.created': ['servers', 'tools', 'groups'],
  'server.updated': ['servers', 'groups'],
  'server.deleted': ['servers', 'tools', 'groups'],
  'tools.changed': ['tools', 'servers'],
  'config.reloaded': ['servers', 'hub'],
};

const jitterMs = 500;

/** Query keys begin with one of: servers, tools, groups, keys, calls, hub, overview. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const [connection, setConnection] = useState<LiveConnection | null>(null);
  const client = useQueryClient();
  const router = useRouter();

  useEffect(() => {
    const made = createLiveConnection(() => router.refresh());
    setConnection(made);
    const waiting = new Set<string>();
    let timer: ReturnType<typeof setTimeout> | undefined;

    /** Many events in a row cost one refetch, and many tabs do not ask at the same moment. */
    function refetch(keys: readonly string[]): void {
      for (const key of keys) waiting.add(key);
      timer ??= setTimeout(() => {
        timer = undefined;
        const due = [...waiting];
        waiting.clear();
        for (const key of due) void client.invalidateQueries({ queryKey: [key] });
      }, Math.random() * jitterMs);
    }

    made.onStale((rooms) => {
      for (const room of rooms) refetch(queriesOfRoom[room.split(':')[0] ?? ''] ?? []);
    });
    for (const [name, keys] of Object.entries(queriesOfEvent)) made.on(name as LiveName, () => refetch(keys));
    made.on('access.changed', () => {
      // The page may not be theirs any more: the server decides anew.
      void client.invalidateQueries();
      router.refresh();
    });
    return () => {
      clearTimeout(timer);
      made.close();
    };
  }, [client, router]);

  return <LiveContext value={connection}>{children}</LiveContext>;
}

/** The connection itself; null during the first render and outside of a LiveProvider. */
export function useLiveConnection(): LiveConnection | null {
  return useContext(LiveContext);
}

/** `paused`: nothing has come for 3 s and more; pages ask by themselves meanwhile. */
export function useLive(): { status: LiveStatus } {
  const connection = useLiveConnection();
  const status = useSyncExternalStore(
    (listener) => connection?.onStatus(listener) ?? (() => undefined),
    () => connection?.status() ?? 'connecting',
    () => 'connecting' as const,
  );
  return { status };
}

/** For `refetchInterval` of a query: 10 s while the socket is away, else off. */
export function usePollingInterval(): number | false {
  return useLive().status === 'paused' ? 10_000 : false;
}

/** Calls `listener` with each frame of that name. The listener must be stable (useCallback or outside a component). */
export function useLiveEvent<N extends LiveName>(name: N, listener: (frame: LiveFrame<N>) => void): void {
  const connection = useLiveConnection();
  useEffect(() => connection?.on(name, listener), [connection, name, listener]);
}
