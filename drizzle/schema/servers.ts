// Servers and what is known of them as they run.
import { boolean, integer, json, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { at, createdAt, id, type StoredValues, updatedAt, version } from './columns';
import { users } from './people';

/** How an endpoint lists its tools, as lib/servers/tool-list says. */
export interface StoredToolList<P> {
  mode?: 'full' | 'smart' | 'auto';
  maxTools?: number;
  maxTokens?: number;
  pinned?: P[];
}

export const servers = pgTable('servers', {
  id: id(),
  name: text().notNull(),
  /** The name as it was imported, where it had to be made legal. */
  label: text(),
  description: text().notNull().default(''),
  type: text({ enum: ['stdio', 'streamable-http', 'sse', 'openapi'] }).notNull(),
  command: text(),
  args: json().$type<string[]>().notNull().default([]),
  env: json().$type<StoredValues>().notNull().default({}),
  cwd: text(),
  url: text(),
  headers: json().$type<StoredValues>().notNull().default({}),
  /** Which era of the protocol the hub speaks to it; "auto" finds it out. */
  era: text({ enum: ['auto', 'legacy', 'modern'] })
    .notNull()
    .default('auto'),
  endpoints: json().$type<{ url: string; weight: number }[]>().notNull().default([]),
  /** False: the server is switched off and its tools are not listed. */
  enabled: boolean().notNull().default(true),
  /** What the supervisor works towards while the server is enabled. */
  desired: text({ enum: ['running', 'stopped'] })
    .notNull()
    .default('running'),
  isolation: text({ enum: ['shared', 'user', 'session'] })
    .notNull()
    .default('shared'),
  replicas: integer().notNull().default(1),
  balancing: text({ enum: ['round-robin', 'least-connections', 'weighted'] })
    .notNull()
    .default('round-robin'),
  startOnDemand: boolean().notNull().default(false),
  idleStopSeconds: integer(),
  /** Silence allowed during a call, in milliseconds; progress extends it. */
  timeoutMs: integer(),
  limits: json().$type<Record<string, number>>().notNull().default({}),
  /** With `isolation` other than "shared": instances that stand ready for the next user or session. */
  warmInstances: integer().notNull().default(0),
  /** Named values for `${NAME}` in `env`, `headers` and the credentials of an OpenAPI server. */
  secrets: json().$type<StoredValues>().notNull().default({}),
  /** PEM certificates that are trusted besides those of the system. */
  tls: json().$type<{ ca?: string; serverName?: string }>(),
  healthCheck: json().$type<{ intervalSeconds: number; timeoutSeconds?: number }>(),
  /** A call of a read-only or idempotent tool whose connection broke is sent once more. */
  repeatSafeCalls: boolean().notNull().default(false),
  /** What becomes of a tool that its server defines anew: taken as it is, shown, or kept from callers until it is approved. */
  definitionChanges: text({ enum: ['allow', 'warn', 'hold'] })
    .notNull()
    .default('warn'),
  /** Which operations of the document become tools, and how they are called. */
  openapi: json().$type<Record<string, unknown>>(),
  /** Tool names on this server's own endpoint: as they are (never) or with the server's name (always). */
  prefix: text({ enum: ['always', 'never'] })
    .notNull()
    .default('never'),
  /** How the hub, or each of its users, signs in to the server; null: with nothing but `headers` and `env`. */
  credential: json().$type<Record<string, unknown>>(),
  /** How its own endpoint lists its tools. */
  toolList: json().$type<StoredToolList<string>>().notNull().default({}),
  /** Its tools are open to callers without a credential. */
  anonymous: boolean().notNull().default(false),
  /** "file" rows belong to the configuration file and are read-only elsewhere. */
  source: text({ enum: ['api', 'file'] })
    .notNull()
    .default('api'),
  sourceFile: text(),
  /** Keys of an imported entry that we do not know, kept for its export. */
  extra: json().$type<Record<string, unknown>>().notNull().default({}),
  createdBy: uuid().references(() => users.id, { onDelete: 'set null' }),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
  version: version(),
});

/** The OpenAPI document of a server, as it was fetched or given: some megabytes at most. */
export const openapiDocuments = pgTable('openapi_documents', {
  serverId: uuid()
    .primaryKey()
    .references(() => servers.id, { onDelete: 'cascade' }),
  document: text().notNull(),
  sha256: text().notNull(),
  fetchedAt: createdAt(),
});

/** What was last found out about a server: what it offers, what it supports, how it starts. */
export const serverReports = pgTable('server_reports', {
  serverId: uuid()
    .primaryKey()
    .references(() => servers.id, { onDelete: 'cascade' }),
  report: json().$type<Record<string, unknown>>().notNull(),
  updatedAt: updatedAt(),
});

export interface LastExit {
  at: string;
  /** A short word: "exited", "killed", "spawn-failed", "handshake-failed", "connect-failed", "stopped". */
  reason: string;
  /** The cause in one plain sentence. */
  message: string;
  exitCode?: number | null;
  signal?: string | null;
  /** The last lines of stderr at that moment. */
  stderr?: string[];
}

/** A running process or connection of a server. The owner writes it; `epoch` fences an owner that lost its lease. */
export const instances = pgTable(
  'instances',
  {
    id: id(),
    serverId: uuid()
      .notNull()
      .references(() => servers.id, { onDelete: 'cascade' }),
    ordinal: integer().notNull().default(0),
    workerId: text(),
    epoch: integer().notNull().default(0),
    leaseExpiresAt: at(),
    state: text().notNull(),
    pid: integer(),
    startedAt: at(),
    restarts: integer().notNull().default(0),
    lastExit: json().$type<LastExit>(),
    updatedAt: updatedAt(),
  },
  (table) => [uniqueIndex('instances_server_ordinal_key').on(table.serverId, table.ordinal)],
);
