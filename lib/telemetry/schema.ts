// Shapes of the call log and of the start page's figures, safe in a browser.
import { z } from 'zod';

export const outcomes = [
  'ok',
  'tool_error',
  'rpc_error',
  'timeout',
  'busy',
  'limited',
  'cancelled',
  'denied',
  'unavailable',
  'interrupted',
] as const;
export type Outcome = (typeof outcomes)[number];

/** Filters of the call log; all of them narrow. */
export const callQuerySchema = z.strictObject({
  server: z.string().max(64).optional(),
  tool: z.string().max(128).optional(),
  outcome: z.enum(outcomes).optional(),
  /** Newest first; 50 unless told, at most 200. */
  limit: z.coerce.number().int().min(1).max(200).optional(),
  /** `nextCursor` of the page before. */
  cursor: z.string().max(200).optional(),
});
export type CallQuery = z.input<typeof callQuerySchema>;

export interface CallView {
  id: string;
  at: string;
  requestId: string;
  /** Name of who called, at that time. */
  actor: string;
  client: string | null;
  endpoint: string;
  server: string | null;
  /** Original tool name; null when the called name was unknown. */
  tool: string | null;
  outcome: string;
  errorCode: number | null;
  errorMessage: string | null;
  durationMs: number;
  requestBytes: number;
  responseBytes: number;
  /** Secrets removed, cut at 4 KiB. */
  arguments: unknown;
}

export interface CallPage {
  data: CallView[];
  nextCursor: string | null;
}

/** Calls of the last 24 hours that the actor may see. Errors are all outcomes but `ok` and `cancelled`. */
export interface Overview {
  since: string;
  calls: number;
  errors: number;
  /** 0 to 100; null without calls. */
  errorPercent: number | null;
  p50Ms: number | null;
  p95Ms: number | null;
  /** 24 hours, oldest first; `at` is the begin of the hour. */
  buckets: { at: string; calls: number; errors: number }[];
}
