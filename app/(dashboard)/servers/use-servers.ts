'use client';
// The list of servers with their live states.
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { api, type Page } from '@/app/_ui/api';
import { usePollingInterval, useServerStatuses } from '@/app/_ui/live';
import type { ShownServer } from './shown-server';

export function useServers(initial: ShownServer[]) {
  const query = useQuery({
    queryKey: ['servers', 'list'],
    queryFn: ({ signal }) => fetchAll(signal),
    initialData: initial,
    refetchInterval: usePollingInterval(),
  });
  const statuses = useServerStatuses(initial.map((server) => server.status));
  const servers = useMemo(
    () => query.data.map((server) => ({ ...server, status: statuses.get(server.id) ?? server.status })),
    [query.data, statuses],
  );
  return { servers, error: query.error, refetch: query.refetch };
}

export function useServer(initial: ShownServer): ShownServer {
  const { data } = useQuery({
    queryKey: ['servers', 'one', initial.name],
    queryFn: ({ signal }) => api<ShownServer>(`/servers/${encodeURIComponent(initial.name)}`, { signal }),
    initialData: initial,
    refetchInterval: usePollingInterval(),
  });
  const statuses = useServerStatuses([initial.status]);
  return { ...data, status: statuses.get(data.id) ?? data.status };
}

async function fetchAll(signal: AbortSignal): Promise<ShownServer[]> {
  const found: ShownServer[] = [];
  let cursor: string | null = null;
  do {
    const query = new URLSearchParams({ limit: '200', ...(cursor && { cursor }) });
    const page: Page<ShownServer> = await api(`/servers?${query}`, { signal });
    found.push(...page.data);
    cursor = page.nextCursor;
  } while (cursor);
  return found;
}
