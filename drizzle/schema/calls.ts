// Sessions and calls.
import { bigserial, index, integer, json, pgTable, primaryKey, real, text, uuid } from 'drizzle-orm/pg-core';
import { at, updatedAt } from './columns';

/** MCP sessions that a client ended before they expired. `idHash` = SHA-256 (hex) of the session id. */
export const endedSessions = pgTable('ended_sessions', {
  idHash: text().primaryKey(),
  expiresAt: at().notNull(),
});

/** What MCP sessions asked for that goes on, by the worker that holds it; another takes it over when that one is gone. */
export const sessionWishes = pgTable(
  'session_wishes',
  {
    /** SHA-256 (hex) of the session id. */
    idHash: text().notNull(),
    worker: text().notNull(),
    logLevel: integer(),
    /** URIs as the client knows them. */
    subscriptions: json().$type<string[]>().notNull().default([]),
    updatedAt: updatedAt(),
    expiresAt: at().notNull(),
  },
  (table) => [primaryKey({ columns: [table.idHash, table.worker] })],
);

/** One row per tools/call. No foreign keys: the record outlives what it names. */
export const requestLogs = pgTable(
  'request_logs',
  {
    id: bigserial({ mode: 'number' }).primaryKey(),
    at: at().notNull(),
    requestId: text().notNull(),
    userId: uuid(),
    keyId: uuid(),
    /** The actor's name at that time. */
    actor: text().notNull(),
    /** `clientInfo.name` of the MCP client, or "dashboard". */
    client: text(),
    endpoint: text().notNull(),
    serverId: uuid(),
    server: text(),
    /** Original tool name; null when the called name was unknown. */
    tool: text(),
    /** The name that an overlay gave the tool where it was called; null without one. */
    shownTool: text(),
    /** ok, tool_error, rpc_error, timeout, busy, limited, cancelled, denied, unavailable, interrupted. */
    outcome: text().notNull(),
    errorCode: integer(),
    errorMessage: text(),
    durationMs: real().notNull(),
    requestBytes: integer().notNull(),
    responseBytes: integer().notNull(),
    /** Arguments with secrets removed, cut at a few KiB. */
    arguments: json(),
  },
  (table) => [
    index('request_logs_at_idx').on(table.at.desc()),
    index('request_logs_server_at_idx').on(table.serverId, table.at.desc()),
    index('request_logs_user_at_idx').on(table.userId, table.at.desc()),
  ],
);
