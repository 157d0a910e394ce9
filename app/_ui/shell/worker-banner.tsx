'use client';
// Says on every page that the hub's worker does not answer: states are unknown and no tool can be called.
import { useQuery } from '@tanstack/react-query';
import { OctagonX } from 'lucide-react';
import { ApiError, api } from '../api';

const askEveryMs = 15_000;

export function WorkerBanner() {
  const { data, error } = useQuery({
    queryKey: ['hub'],
    queryFn: ({ signal }) => api<{ worker: unknown }>('/hub', { signal }),
    refetchInterval: askEveryMs,
  });
  const away = (data && data.worker === null) || (error instanceof ApiError && error.status === 0);
  return (
    <div role="status">
      {away && (
        <p className="flex items-center justify-center gap-2 bg-bad-soft px-4 py-1.5 text-table text-bad">
          <OctagonX aria-hidden className="size-4 shrink-0" />
          The hub's worker does not answer. It is restarted by itself; states and calls return with it.
        </p>
      )}
    </div>
  );
}
