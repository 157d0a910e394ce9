// Limits of calls, what was used of them, and the places of calls that run.
import { bigint, index, integer, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import { createdAt, updatedAt, version } from './columns';

/** How often and how many at once: of a key, a user, a server or a tool, or of each of its kind where `subjectId` is "*". */
export const callLimits = pgTable(
  'call_limits',
  {
    subject: text({ enum: ['key', 'user', 'server', 'tool'] }).notNull(),
    /** Id of the row; `server id/original name` for a tool; "*" for all that have no row of their own. */
    subjectId: text().notNull(),
    perMinute: integer(),
    concurrent: integer(),
    /** Of a day in UTC. */
    perDay: integer(),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
    version: version(),
  },
  (table) => [primaryKey({ columns: [table.subject, table.subjectId] })],
);

/** Calls of a day, or of a minute, that count towards a limit. */
export const quotaUsage = pgTable(
  'quota_usage',
  {
    subject: text().notNull(),
    subjectId: text().notNull(),
    /** UTC, as 2026-01-31 or 2026-01-31T10:05. */
    day: text().notNull(),
    calls: bigint({ mode: 'number' }).notNull().default(0),
  },
  (table) => [primaryKey({ columns: [table.subject, table.subjectId, table.day] })],
);

/** Workers that hold places of calls at once. One that is silent for some time is taken for dead. */
export const limitHolders = pgTable('limit_holders', {
  worker: text().primaryKey(),
  /** Goes up as long as it lives. */
  beat: bigint({ mode: 'number' }).notNull().default(0),
});

/** How a limit of calls at once is dealt out to the workers; what is in no row is free. */
export const limitPlaces = pgTable(
  'limit_places',
  {
    subject: text().notNull(),
    subjectId: text().notNull(),
    worker: text()
      .notNull()
      .references(() => limitHolders.worker, { onDelete: 'cascade' }),
    /** So many calls it may run at once. */
    places: integer().notNull(),
    /** So many it would run. */
    wanted: integer().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.subject, table.subjectId, table.worker] }),
    index('limit_places_worker_idx').on(table.worker),
  ],
);
