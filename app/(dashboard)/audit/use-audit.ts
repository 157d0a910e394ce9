'use client';
// Pages of the audit trail, newest first, and the state of its chain.
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { api } from '@/app/_ui/api';
import type { AuditPage, AuditVerdict } from '@/lib/telemetry/schema';

export interface AuditFilters {
  action: string | null;
  resource: string | null;
  actor: string | null;
  from: string | null;
  to: string | null;
  q: string | null;
}

const pageSize = 50;
const refreshMs = 10_000;

/** The filters as the REST API takes them. `from` and `to` are days of the visitor; both are meant to the end. */
export function auditQuery(filters: AuditFilters): URLSearchParams {
  const { from, to, ...others } = filters;
  const given = Object.entries({ ...others, from: startOfDay(from, 0), to: startOfDay(to, 1) });
  return new URLSearchParams(given.filter((entry): entry is [string, string] => Boolean(entry[1])));
}

function startOfDay(day: string | null, daysLater: number): string | null {
  const parts = /^(\d{4})-(\d{2})-(\d{2})$/.exec(day ?? '');
  if (!parts) return null;
  const [, year, month, date] = parts.map(Number);
  return new Date(year ?? 0, (month ?? 1) - 1, (date ?? 1) + daysLater).toISOString();
}

export function useAudit(filters: AuditFilters) {
  const query = useInfiniteQuery({
    queryKey: ['audit', filters],
    queryFn: ({ signal, pageParam }) => {
      const asked = auditQuery(filters);
      asked.set('limit', String(pageSize));
      if (pageParam) asked.set('cursor', pageParam);
      return api<AuditPage>(`/audit?${asked}`, { signal });
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page: AuditPage) => page.nextCursor,
    refetchInterval: ({ state }) => ((state.data?.pages.length ?? 0) > 1 ? false : refreshMs),
  });
  return { ...query, entries: query.data?.pages.flatMap((page) => page.data) ?? [] };
}

/** Reads the whole trail on the server, so it is asked once a visit and when somebody wants it. */
export function useVerdict() {
  return useQuery({
    queryKey: ['audit-verdict'],
    queryFn: ({ signal }) => api<AuditVerdict>('/audit/verify', { signal }),
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
  });
}
