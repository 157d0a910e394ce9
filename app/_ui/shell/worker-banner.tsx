'use client';
// Says on every page that the hub's worker does not answer: states are unknown and no tool can be called.
import { useQuery } from '@tanstack/react-query';
import { OctagonX } from 'lucide-react';
import { useEffect, useState } from 'react';
import { ApiError, api } from '../api';

const askEveryMs = 15_000;
const askAgainAfterMs = 2_000;

export function WorkerBanner() {
  const [missed, setMissed] = useState(0);
  const { data, error, dataUpdatedAt, errorUpdatedAt } = useQuery({
    queryKey: ['hub'],
    queryFn: ({ signal }) => api<{ worker: unknown }>('/hub', { signal }),
    refetchInterval: ({ state }) => (state.data?.worker === null || state.error ? askAgainAfterMs : askEveryMs),
  });
  const away = (data && data.worker === null) || (error instanceof ApiError && error.status === 0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: every answer counts, also one that says the same
  useEffect(() => setMissed((before) => (away ? before + 1 : 0)), [away, dataUpdatedAt, errorUpdatedAt]);
  return (
    <div role="status">
      {/* One late answer is no alarm: a busy machine gives that too. */}
      {missed >= 2 && (
        <p className="flex items-center justify-center gap-2 bg-bad-soft px-4 py-1.5 text-table text-bad">
          <OctagonX aria-hidden className="size-4 shrink-0" />
          The hub's worker does not answer. It is restarted by itself; states and calls return with it.
        </p>
      )}
    </div>
  );
}
