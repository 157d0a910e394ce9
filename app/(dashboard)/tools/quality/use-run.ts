'use client';
// Measures the search by the test set and tells how far it is; whoever leaves the page cancels it.
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { ApiError } from '@/app/_ui/api';
import { streamLines } from '@/app/_ui/ndjson';
import { toast } from '@/app/_ui/toaster';
import type { Problem } from '@/lib/errors';

/** A step, or at last the run or why there is none. */
interface Line {
  id?: string;
  done?: number;
  total?: number;
  error?: Problem;
}

const brokenOff = 'The hub went away before the search was measured: measure again.';

export function useRun() {
  const client = useQueryClient();
  const running = useRef<AbortController | null>(null);
  const [progress, setProgress] = useState<{ done: number; total: number } | null>(null);
  const [refusal, setRefusal] = useState<Error | null>(null);
  useEffect(
    () => () => {
      running.current?.abort();
      running.current = null;
    },
    [],
  );

  async function start() {
    const own = new AbortController();
    running.current = own;
    setRefusal(null);
    setProgress({ done: 0, total: 0 });
    let hasEnded = false;
    try {
      for await (const value of streamLines('/tools/runs', { signal: own.signal })) {
        const { done, error, id, total } = value as Line;
        if (error) throw new ApiError(error);
        if (done !== undefined && total !== undefined) setProgress({ done, total });
        if (id !== undefined) hasEnded = true;
      }
      if (!hasEnded) throw new Error(brokenOff);
      await client.invalidateQueries({ queryKey: ['quality', 'runs'] });
    } catch (error) {
      if (running.current !== own) return;
      if (own.signal.aborted) toast('Cancelled: nothing of it is kept');
      else setRefusal(error instanceof ApiError ? error : new Error(brokenOff));
    } finally {
      if (running.current === own) setProgress(null);
    }
  }

  return { progress, refusal, start, cancel: () => running.current?.abort() };
}
