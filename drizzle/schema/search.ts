// How well the search for tools serves.
import { bigint, bigserial, index, integer, json, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { at, createdAt, id, updatedAt, version } from './columns';
import { users } from './people';

/**
 * One row per search for tools, written once it is known what came of it. No foreign keys: the record outlives what it
 * names.
 */
export const toolSearches = pgTable(
  'tool_searches',
  {
    id: bigserial({ mode: 'number' }).primaryKey(),
    at: at().notNull(),
    userId: uuid(),
    keyId: uuid(),
    /** The actor's name at that time. */
    actor: text().notNull(),
    /** `clientInfo.name` of the MCP client, or "dashboard". */
    client: text(),
    endpoint: text().notNull(),
    /** With secrets removed, cut. */
    query: text().notNull(),
    mode: text().notNull(),
    hits: integer().notNull(),
    /** `server/tool` of the first hits. */
    found: json().$type<string[]>().notNull(),
    /** `server/tool` of the first hit that was called, else of what was called in its place; null: nothing. */
    called: text(),
    /** Place of `called` among the hits, from 1; null where it was none of them. */
    calledRank: integer(),
  },
  (table) => [
    index('tool_searches_at_idx').on(table.at.desc()),
    index('tool_searches_user_at_idx').on(table.userId, table.at.desc()),
  ],
);

/** What smart endpoints gave models to read, in tokens as estimated, against the whole list; per day. */
export const searchCosts = pgTable(
  'search_costs',
  {
    /** UTC, `2026-07-28`. */
    day: text().notNull(),
    endpoint: text().notNull(),
    lists: integer().notNull().default(0),
    searches: integer().notNull().default(0),
    /** What the lists would have taken with all tools. */
    fullTokens: bigint({ mode: 'number' }).notNull().default(0),
    /** What lists and answers took. */
    shownTokens: bigint({ mode: 'number' }).notNull().default(0),
  },
  (table) => [primaryKey({ columns: [table.day, table.endpoint] })],
);

/** Requests of which somebody knows the right tool: what the search for tools is measured by. */
export const searchCases = pgTable(
  'search_cases',
  {
    id: id(),
    query: text().notNull(),
    /** SHA-256 (hex) of query and group, so that none is there twice. */
    hash: text().notNull().unique(),
    /** Any of them is right: `server/tool` with original names. */
    expected: json().$type<string[]>().notNull(),
    /** Searched within this group; null: all tools. */
    group: text(),
    note: text().notNull().default(''),
    createdBy: uuid().references(() => users.id, { onDelete: 'set null' }),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
    version: version(),
  },
  (table) => [index('search_cases_created_idx').on(table.createdAt)],
);

/** What one measurement of the search over all cases gave. */
export const searchRuns = pgTable(
  'search_runs',
  {
    id: id(),
    at: createdAt(),
    tookMs: integer().notNull(),
    userId: uuid(),
    /** The actor's name at that time; it was searched with its rights. */
    actor: text().notNull(),
    /** What ranked, and among what; the same fingerprint means that nothing of it changed. */
    engine: json().$type<Record<string, unknown>>().notNull(),
    fingerprint: text().notNull(),
    figures: json().$type<Record<string, unknown>>().notNull(),
    /** One entry per case. */
    results: json().$type<Record<string, unknown>[]>().notNull(),
  },
  (table) => [index('search_runs_at_idx').on(table.at.desc())],
);
