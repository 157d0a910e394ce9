'use client';
// The tools that somebody sees: all of them page by page, or those that a request is about, the best first.
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { api, type Page } from '@/app/_ui/api';
import type { ToolSearchAnswer, ToolSearchStatus } from '@/lib/routing/schema';
import type { ToolView } from '@/lib/servers/schema';

const pageSize = 50;
const hitsMax = 20;
/** Long enough that a word is not asked for letter by letter. */
const typingMs = 200;
const indexingMs = 2_000;
const restingMs = 20_000;

export function useToolList(server: string | null) {
  const query = useInfiniteQuery({
    queryKey: ['tools', 'all', server],
    queryFn: ({ signal, pageParam }) => {
      const given = { limit: String(pageSize), ...(server && { server }), ...(pageParam && { cursor: pageParam }) };
      return api<Page<ToolView>>(`/tools?${new URLSearchParams(given)}`, { signal });
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.nextCursor,
  });
  const tools = query.data?.pages.flatMap(({ data }) => data) ?? [];
  return { ...query, tools: tools.map((tool) => (tool.curated ? { ...tool, ...tool.curated } : tool)) };
}

export interface Wanted {
  query: string;
  server: string | null;
  readOnly: boolean;
}

export function useToolSearch({ query, server, readOnly }: Wanted) {
  const settled = useSettled(query.trim());
  return useQuery({
    queryKey: ['tools', 'search', settled, server, readOnly],
    queryFn: ({ signal }) =>
      api<ToolSearchAnswer>('/tools/search', {
        method: 'POST',
        body: { query: settled, limit: hitsMax, ...(server && { server }), ...(readOnly && { readOnly }) },
        signal,
      }),
    enabled: settled !== '',
    placeholderData: keepPreviousData,
  });
}

/** Often while tools are being embedded, seldom else. */
export function useSearchStatus() {
  return useQuery({
    queryKey: ['tools', 'search-status'],
    queryFn: ({ signal }) => api<ToolSearchStatus>('/tools/search/status', { signal }),
    refetchInterval: ({ state: { data } }) => {
      if (!data?.model) return false;
      return data.embedded < data.tools && !data.warning ? indexingMs : restingMs;
    },
  });
}

/** A value once it has stayed the same for a moment. */
function useSettled(value: string): string {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), typingMs);
    return () => clearTimeout(timer);
  }, [value]);
  return value === '' ? '' : settled;
}
