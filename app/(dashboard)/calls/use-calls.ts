'use client';
// Pages of the call log, newest first, and the wish to see new calls as they happen.
import { type InfiniteData, useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { api } from '@/app/_ui/api';
import { useLiveConnection, usePollingInterval } from '@/app/_ui/live';
import type { CallPage, CallView } from '@/lib/telemetry/schema';

export interface CallFilter {
  server: string | null;
  tool: string | null;
  outcome: string | null;
}

const pageSize = 50;
/** Rows are written in batches of up to a second: a refetch right after the event would find nothing. */
const refetchAfterMs = 1_200;

export function useCalls(filter: CallFilter, follow: boolean) {
  const client = useQueryClient();
  const connection = useLiveConnection();
  const pollMs = usePollingInterval();
  const queryKey = ['calls', filter] as const;
  const query = useInfiniteQuery({
    queryKey,
    queryFn: ({ signal, pageParam }) => {
      const given = Object.entries({ ...filter, cursor: pageParam }).filter((entry): entry is [string, string] =>
        Boolean(entry[1]),
      );
      return api<CallPage>(`/calls?${new URLSearchParams([...given, ['limit', String(pageSize)]])}`, { signal });
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page: CallPage) => page.nextCursor,
    refetchInterval: follow ? pollMs : false,
  });

  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => {
    if (!follow || !connection) return;
    const stop = connection.on('call.finished', ({ calls }) => {
      const concerns = calls.some(
        (call) => !filter.server || call.server?.toLowerCase() === filter.server.toLowerCase(),
      );
      if (!concerns || timer.current) return;
      timer.current = setTimeout(() => {
        timer.current = undefined;
        // Following shows the newest page; older ones that were opened would all be asked again.
        client.setQueryData<InfiniteData<CallPage>>(
          ['calls', filter],
          (data) => data && { pages: data.pages.slice(0, 1), pageParams: data.pageParams.slice(0, 1) },
        );
        void client.invalidateQueries({ queryKey: ['calls', filter] });
      }, refetchAfterMs);
    });
    return () => {
      stop();
      clearTimeout(timer.current);
      timer.current = undefined;
    };
  }, [client, connection, filter, follow]);

  const calls: CallView[] = query.data?.pages.flatMap((page) => page.data) ?? [];
  return { ...query, calls };
}
