// The hub itself: what happens in it, its limits and its records.
import { limitRefSchema } from '@/lib/limits/schema';
import { auditExportSchema, auditQuerySchema, callQuerySchema } from '@/lib/telemetry/schema';
import type { Operations } from './operation';
import { page } from './paging';

export const hubOperations: Operations = {
  '/api/v1/settings/secrets/rotate': {
    post: {
      summary: 'Put all stored secrets under a new key, for administrators; no server restarts',
      answer: 'SecretsRotation',
      problems: [403],
    },
  },
  '/api/v1/calls': {
    get: { summary: 'The call log, newest first', query: callQuerySchema, answer: 'CallList', problems: [403] },
  },
  '/api/v1/audit': {
    get: {
      summary: 'Who changed what, newest first: every change, and every sign-in',
      query: auditQuerySchema,
      answer: 'AuditList',
      problems: [403],
    },
  },
  '/api/v1/audit/export': {
    get: {
      summary: 'The audit trail as a file, oldest first: a line of JSON per entry, or CSV',
      query: auditExportSchema,
      text: ['application/x-ndjson', 'text/csv'],
      problems: [403],
    },
  },
  '/api/v1/audit/verify': {
    get: {
      summary: 'Check that no entry of the audit trail was altered, removed or slipped in',
      answer: 'AuditVerdict',
      problems: [403],
    },
  },
  '/api/v1/hub': {
    get: { summary: 'Figures of the last 24 hours and of the worker', answer: 'Hub', problems: [403] },
  },
  '/api/v1/limits': {
    get: { summary: 'Limits of calls', query: page, answer: 'LimitList', problems: [403] },
    put: {
      summary:
        'Limit the calls of a key or user, or to a server or tool; "*" for each of the kind without limits of its own',
      body: 'LimitInput',
      answer: 'Limit',
      versioned: 'both',
      problems: [403, 412],
    },
    delete: {
      summary: 'Take a limit away',
      query: limitRefSchema,
      status: 204,
      versioned: 'if-match',
      problems: [403, 404, 412],
    },
  },
};
