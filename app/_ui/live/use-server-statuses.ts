'use client';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import type { ServerStatus } from '@/lib/servers/schema';
import { api, type Page } from '../api';
import { useLiveConnection, usePollingInterval } from './live-provider';
import { applyStatus, forgetLife, replaceStatuses, type Statuses, statusesOf } from './statuses';

const queryKey = ['servers', 'statuses'] as const;

/**
 * The states of all servers that the visitor may see, by id, kept up to date.
 * @param initial what the page was rendered with
 */
export function useServerStatuses(
  initial: readonly (ServerStatus | null | undefined)[],
): ReadonlyMap<string, ServerStatus> {
  const client = useQueryClient();
  const connection = useLiveConnection();
  const refetchInterval = usePollingInterval();
  const { data } = useQuery({
    queryKey,
    queryFn: async ({ signal }) => {
      const list = await fetchStatuses(signal);
      return replaceStatuses(client.getQueryData<Statuses>(queryKey) ?? statusesOf([]), list);
    },
    initialData: () => statusesOf(initial),
    structuralSharing: false,
    refetchInterval,
  });

  useEffect(() => {
    if (!connection) return;
    const change = (apply: (statuses: Statuses) => Statuses) =>
      client.setQueryData<Statuses>(queryKey, (statuses) => apply(statuses ?? statusesOf([])));
    const ends = [
      connection.on('server.status', ({ src, ...status }) => change((known) => applyStatus(known, status, src))),
      connection.onStale((_rooms, newLife) => newLife && change(forgetLife)),
    ];
    return () => {
      for (const end of ends) end();
    };
  }, [client, connection]);

  return data.byId;
}

async function fetchStatuses(signal: AbortSignal): Promise<(ServerStatus | null)[]> {
  const found: (ServerStatus | null)[] = [];
  let cursor: string | null = null;
  do {
    const query = new URLSearchParams({ limit: '200', ...(cursor && { cursor }) });
    const page: Page<{ status: ServerStatus | null }> = await api(`/servers?${query}`, { signal });
    found.push(...page.data.map((server) => server.status));
    cursor = page.nextCursor;
  } while (cursor);
  return found;
}
