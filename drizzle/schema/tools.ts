// What servers offer: tools, what is pinned and changed about them, and their vectors. A definition of somebody else
// (a tool, a resource) is kept whole, so that fields unknown to us survive; as json, not jsonb, because the order of a
// schema's properties is what people and models read.
import { sql } from 'drizzle-orm';
import { index, integer, json, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { at, bytea, createdAt, id, updatedAt, version } from './columns';
import { groups } from './groups';
import { servers } from './servers';

/** What a server last said of itself, beside its tools. It stays listed while the server sleeps or restarts. */
export const serverCatalogs = pgTable('server_catalogs', {
  serverId: uuid()
    .primaryKey()
    .references(() => servers.id, { onDelete: 'cascade' }),
  protocolVersion: text().notNull(),
  serverInfo: json().$type<Record<string, unknown>>().notNull(),
  capabilities: json().$type<Record<string, unknown>>().notNull(),
  instructions: text(),
  resources: json().$type<Record<string, unknown>[]>().notNull().default([]),
  resourceTemplates: json().$type<Record<string, unknown>[]>().notNull().default([]),
  prompts: json().$type<Record<string, unknown>[]>().notNull().default([]),
  /** Items that could not be taken over, each with the reason. */
  faults: json().$type<{ kind: string; name: string; reason: string }[]>().notNull().default([]),
  listedAt: at().notNull(),
});

export const tools = pgTable(
  'tools',
  {
    id: id(),
    serverId: uuid()
      .notNull()
      .references(() => servers.id, { onDelete: 'cascade' }),
    /** The name as the server gave it. */
    name: text().notNull(),
    position: integer().notNull(),
    title: text(),
    description: text(),
    /** The whole definition as the server sent it. */
    definition: json().$type<Record<string, unknown>>().notNull(),
    /** SHA-256 (hex) over name, title, description, schemas and annotations. */
    definitionHash: text().notNull(),
    firstSeenAt: createdAt(),
    changedAt: at().notNull().defaultNow(),
  },
  (table) => [uniqueIndex('tools_server_name_key').on(table.serverId, table.name)],
);

/**
 * The definition of each tool as it was first seen or last approved. Kept when the tool goes: one that comes back with
 * another definition is no new one.
 */
export const toolPins = pgTable(
  'tool_pins',
  {
    serverId: uuid()
      .notNull()
      .references(() => servers.id, { onDelete: 'cascade' }),
    /** The name as the server gave it. */
    name: text().notNull(),
    definition: json().$type<Record<string, unknown>>().notNull(),
    /** As `tools.definitionHash`. */
    definitionHash: text().notNull(),
    pinnedAt: createdAt(),
  },
  (table) => [primaryKey({ columns: [table.serverId, table.name] })],
);

/**
 * What is changed about a tool before models see it, on the whole server or, over that, in one group. By names, so that it
 * outlives a tool that goes and comes back. One that was taken back stays as `{}`, so that its version only rises.
 */
export const toolOverlays = pgTable(
  'tool_overlays',
  {
    id: id(),
    serverId: uuid()
      .notNull()
      .references(() => servers.id, { onDelete: 'cascade' }),
    /** Null: of the server. */
    groupId: uuid().references(() => groups.id, { onDelete: 'cascade' }),
    /** The name of the tool as the server gives it. */
    tool: text().notNull(),
    overlay: json().$type<Record<string, unknown>>().notNull(),
    version: version(),
    updatedAt: updatedAt(),
  },
  (table) => [
    uniqueIndex('tool_overlays_server_key').on(table.serverId, table.tool).where(sql`${table.groupId} is null`),
    uniqueIndex('tool_overlays_group_key')
      .on(table.groupId, table.serverId, table.tool)
      .where(sql`${table.groupId} is not null`),
  ],
);

/** Vectors of what a model read of a tool, by its text: equal texts share one. They outlive the tool for a while. */
export const toolEmbeddings = pgTable(
  'tool_embeddings',
  {
    /** SHA-256 (hex) over model and text. */
    textHash: text().primaryKey(),
    model: text().notNull(),
    dimensions: integer().notNull(),
    /** Float32, little-endian, of length 1; null where `embedding vector` holds them, see lib/db/vector-column. */
    bytes: bytea(),
    /** The last time that it was noted to belong to a tool; noted once a day. */
    usedAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [index().on(table.model, table.updatedAt)],
);
