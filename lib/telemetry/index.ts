// What the hub records of itself: audit trail, call log and metrics. Shapes for browsers are in schema.ts.
export { type AuditEntry, type AuditSource, maskSecrets, writeAudit } from './audit';
export { type CallEntry, type CallLog, type CallLogOptions, createCallLog } from './call-log';
export { listCalls } from './calls';
export { createMetrics, type Metrics, metrics } from './metrics';
export { overview, recentOverview } from './overview';
export { redactArguments, redactText } from './redact';
