// Shapes of the call log, of the audit trail and of the start page's figures, safe in a browser.
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
  /** The name that an overlay gave the tool where it was called; null without one. */
  shownTool: string | null;
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

const instant = z.iso.datetime({ offset: true });

/** Filters of the audit trail; all of them narrow. */
export const auditFilterSchema = z.strictObject({
  /** "server.created", or "server" for all that was done to servers. */
  action: z.string().max(100).optional(),
  /** "server", or "server/github" for one, by its name or id. */
  resource: z.string().max(200).optional(),
  /** Name or id. */
  actor: z.string().max(200).optional(),
  /** RFC 3339; from this moment on … */
  from: instant.optional(),
  /** … and before this one. */
  to: instant.optional(),
  /** Text that occurs anywhere in the entry. */
  q: z.string().max(200).optional(),
});
export type AuditFilter = z.input<typeof auditFilterSchema>;

export const auditQuerySchema = auditFilterSchema.extend({
  /** Newest first; 50 unless told, at most 200. */
  limit: z.coerce.number().int().min(1).max(200).optional(),
  /** `nextCursor` of the page before. */
  cursor: z.string().max(200).optional(),
});
export type AuditQuery = z.input<typeof auditQuerySchema>;

export const auditFormats = ['ndjson', 'csv'] as const;
export const auditExportSchema = auditFilterSchema.extend({ format: z.enum(auditFormats).default('ndjson') });
export type AuditExport = z.input<typeof auditExportSchema>;

export interface AuditView {
  /** Rises by one with each entry. */
  id: string;
  at: string;
  /** user, key, system or anonymous. */
  actorKind: string;
  actorId: string | null;
  /** Name of who did it, at that time. */
  actor: string;
  address: string | null;
  action: string;
  resourceType: string;
  resourceId: string | null;
  resourceName: string | null;
  /** Secrets masked. */
  before: unknown;
  after: unknown;
  requestId: string | null;
  /** SHA-256 (hex) over this entry and the hash of the one before; null in entries from before there was a chain. */
  hash: string | null;
}

export interface AuditPage {
  data: AuditView[];
  nextCursor: string | null;
}

interface ChainFacts {
  /** Entries of the chain that were looked at. */
  rows: number;
  /** Entries from before there was a chain, which nothing protects. */
  unchained: number;
  /** Time of the first and of the last one. */
  from: string | null;
  to: string | null;
  /** Hash of the newest entry; null without any. */
  head: string | null;
}

/**
 * Altered: the entry does not follow from the one before it. Missing: there is no entry with this id. Foreign: an entry
 * beyond the end of the chain.
 */
export const auditFaults = ['altered', 'missing', 'foreign'] as const;

export type AuditVerdict =
  | (ChainFacts & { ok: true })
  | (ChainFacts & { ok: false; broken: { id: string; reason: (typeof auditFaults)[number] } });
