'use client';
// The report on a server, read anew when its state changes.
import { useQuery } from '@tanstack/react-query';
import { api } from '@/app/_ui/api';
import type { ServerReport } from '@/lib/diagnosis/schema';
import type { ShownServer } from '../shown-server';

const refetchMs = 10_000;

export function useReport({ name, status }: ShownServer) {
  return useQuery({
    queryKey: ['report', name, status?.state, status?.since, status?.tools],
    queryFn: ({ signal }) => api<ServerReport>(`/servers/${encodeURIComponent(name)}/report`, { signal }),
    placeholderData: (before) => before,
    refetchInterval: refetchMs,
  });
}
