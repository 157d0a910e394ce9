'use client';
// A test of a server, followed while it runs. Leaving the page cancels it, as the button does.
import { useCallback, useEffect, useRef, useState } from 'react';
import { ApiError } from '@/app/_ui/api';
import { streamLines } from '@/app/_ui/ndjson';
import type { ServerTest } from '@/lib/diagnosis/schema';
import type { Problem } from '@/lib/errors';

/** What is tested: the path below /api/v1, and the body where there is one. */
export interface Testable {
  path: string;
  body?: unknown;
}

export interface TestRun {
  /** The test as it is; null before the first. */
  test: ServerTest | null;
  isRunning: boolean;
  /** Why it was refused, or broke off. */
  error: Error | null;
  run: (testable: Testable) => void;
  cancel: () => void;
}

export function useServerTest(): TestRun {
  const [test, setTest] = useState<ServerTest | null>(null);
  const [isRunning, setRunning] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const under = useRef<AbortController | null>(null);

  const run = useCallback(({ path, body }: Testable) => {
    under.current?.abort();
    const mine = new AbortController();
    under.current = mine;
    setTest(null);
    setError(null);
    setRunning(true);
    const isCurrent = () => under.current === mine;
    const follow = async () => {
      for await (const line of streamLines(path, { body, signal: mine.signal })) {
        const next = line as ServerTest | { error: Problem };
        if ('error' in next) throw new ApiError(next.error);
        if (isCurrent()) setTest(next);
      }
    };
    follow()
      .catch((reason: unknown) => {
        if (!isCurrent()) return;
        if (mine.signal.aborted) setTest((last) => last && asCancelled(last));
        else setError(reason as Error);
      })
      .finally(() => {
        if (isCurrent()) setRunning(false);
      });
  }, []);

  const cancel = useCallback(() => under.current?.abort(), []);
  useEffect(
    () => () => {
      under.current?.abort();
      under.current = null;
    },
    [],
  );
  return { test, isRunning, error, run, cancel };
}

/** The hub does the same; nobody is there any more to be told. */
function asCancelled(test: ServerTest): ServerTest {
  const stages = test.stages.map((stage) => {
    const isOpen = stage.state === 'running' || stage.state === 'waiting';
    return isOpen ? { ...stage, state: 'skipped' as const } : stage;
  });
  return { ...test, state: 'cancelled', stages };
}
