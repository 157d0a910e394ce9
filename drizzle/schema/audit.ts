// The audit trail and the head of its chain.
import { bigint, bigserial, index, integer, json, pgTable, text } from 'drizzle-orm/pg-core';
import { createdAt } from './columns';

export const auditLogs = pgTable(
  'audit_logs',
  {
    id: bigserial({ mode: 'number' }).primaryKey(),
    at: createdAt(),
    actorKind: text().notNull(),
    actorId: text(),
    actor: text().notNull(),
    /** `noun.verb`, e.g. "server.created". */
    action: text().notNull(),
    resourceType: text().notNull(),
    resourceId: text(),
    resourceName: text(),
    before: json(),
    after: json(),
    requestId: text(),
    /** From where, as far as the hub knows: an IP address. */
    address: text(),
    /** SHA-256 (hex) over this row and the hash of the one before it; null in rows from before there was a chain. */
    hash: text(),
  },
  (table) => [index('audit_logs_at_idx').on(table.at.desc())],
);

/** One row: the end of the audit trail's chain. Whoever appends locks it. */
export const auditHead = pgTable('audit_head', {
  id: integer().primaryKey().default(1),
  lastId: bigint({ mode: 'number' }).notNull().default(0),
  hash: text().notNull().default(''),
});
