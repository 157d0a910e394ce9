'use client';
// The tools that were run in this tab, newest first. Kept in memory alone: arguments may be secret.
import { useSyncExternalStore } from 'react';
import { ApiError, api } from '@/app/_ui/api';
import type { Json } from '@/app/_ui/schema-form';

export interface RunAnswer {
  /** The JSON-RPC result or error as the server gave it. */
  result?: unknown;
  error?: unknown;
  durationMs: number;
  bytes: number;
  requestId: string;
}

export interface Run {
  id: number;
  server: string;
  tool: string;
  arguments: { [key: string]: Json };
  startedAt: number;
  state: 'running' | 'done' | 'cancelled';
  answer?: RunAnswer;
  /** The hub refused or could not be reached. */
  refusal?: ApiError;
}

const kept = 20;
const none: readonly Run[] = [];
let runs: readonly Run[] = none;
let nextId = 1;
const listeners = new Set<() => void>();
const cancels = new Map<number, AbortController>();

function change(next: readonly Run[]): void {
  runs = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

export function useRuns(): readonly Run[] {
  return useSyncExternalStore(
    subscribe,
    () => runs,
    () => none,
  );
}

/** Runs a tool as the visitor. @returns the id of the run, whose state follows in useRuns */
export function startRun(server: string, tool: string, args: Run['arguments']): number {
  const id = nextId++;
  const cancel = new AbortController();
  cancels.set(id, cancel);
  change(
    [{ id, server, tool, arguments: args, startedAt: Date.now(), state: 'running' as const }, ...runs].slice(0, kept),
  );
  api<RunAnswer>('/tools/call', { method: 'POST', body: { server, tool, arguments: args }, signal: cancel.signal })
    .then((answer) => finish(id, { state: 'done', answer }))
    .catch((error: unknown) => {
      if (cancel.signal.aborted) return finish(id, { state: 'cancelled' });
      const refusal =
        error instanceof ApiError ? error : new ApiError({ status: 0, detail: 'The answer could not be read.' });
      finish(id, { state: 'done', refusal });
    });
  return id;
}

/** Closing the request is the cancellation: the hub passes it on to the server. */
export function cancelRun(id: number): void {
  cancels.get(id)?.abort();
}

function finish(id: number, outcome: Partial<Run>): void {
  cancels.delete(id);
  change(runs.map((run) => (run.id === id ? { ...run, ...outcome } : run)));
}

export type Verdict = 'running' | 'ok' | 'tool error' | 'error' | 'cancelled';

export function verdictOf({ state, answer, refusal }: Run): Verdict {
  if (state !== 'done') return state;
  if (refusal || !answer || answer.error !== undefined) return 'error';
  const isError = (answer.result as { isError?: unknown } | null)?.isError === true;
  return isError ? 'tool error' : 'ok';
}
