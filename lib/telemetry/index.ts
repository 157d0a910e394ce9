// What the hub records of itself: audit trail, call log and metrics. Shapes for browsers are in schema.ts.
export type { AuditEntry, AuditSource } from './audit';
export { verifyChain } from './audit-chain';
export { exportAudit, listAudit, verifyAudit } from './audit-trail';
export { type CallEntry, type CallLog, type CallLogOptions, createCallLog } from './call-log';
export { listCalls } from './calls';
export { type Metrics, metrics } from './metrics';
export { overview, recentOverview } from './overview';
