// What servers are signed in to with, and the keys that secrets are sealed with.
import { sql } from 'drizzle-orm';
import { index, integer, json, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { at, createdAt, id, type StoredValues, updatedAt, version } from './columns';
import { users } from './people';
import { servers } from './servers';

/** What the hub (`userId` null) or one of its users signs in to a server with. */
export const upstreamCredentials = pgTable(
  'upstream_credentials',
  {
    id: id(),
    serverId: uuid()
      .notNull()
      .references(() => servers.id, { onDelete: 'cascade' }),
    userId: uuid().references(() => users.id, { onDelete: 'cascade' }),
    kind: text({ enum: ['oauth', 'static'] }).notNull(),
    /** The authorization server that gave the tokens, which are good for nothing else; empty for static values. */
    issuer: text().notNull().default(''),
    clientId: text(),
    /** Tokens by name, or static values by the name of their field. */
    values: json().$type<StoredValues>().notNull(),
    scopes: json().$type<string[]>().notNull().default([]),
    /** Of the access token; null where the issuer does not say. */
    expiresAt: at(),
    /** Why it does not work any more, in plain words; null while it does. */
    fault: text(),
    lastUsedAt: at(),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
    version: version(),
  },
  (table) => [
    uniqueIndex('upstream_credentials_owner_key').on(
      table.serverId,
      sql`coalesce(${table.userId}, '00000000-0000-0000-0000-000000000000')`,
    ),
    index('upstream_credentials_user_idx').on(table.userId),
  ],
);

/**
 * Tokens of servers that nobody here uses any more, until their issuer has them back. Server and user may be gone, so the
 * row refers to neither and has all that is needed to ask.
 */
export const givenUpTokens = pgTable(
  'given_up_tokens',
  {
    id: id(),
    /** Where the values were stored: they open for no other place. */
    credentialId: uuid().notNull(),
    /** Its row as it was; as JSON, so that its times are texts. */
    server: json().$type<Record<string, unknown>>().notNull(),
    /** Null: the hub's own. */
    userId: uuid(),
    /** Name of that user. */
    user: text(),
    issuer: text().notNull(),
    clientId: text(),
    values: json().$type<StoredValues>().notNull(),
    tries: integer().notNull().default(0),
    nextTryAt: at().notNull().defaultNow(),
    /** A worker asks for it now; ends by itself, should the worker die. */
    claimedUntil: at(),
    createdAt: createdAt(),
  },
  (table) => [index('given_up_tokens_next_idx').on(table.nextTryAt)],
);

/** The hub as a client that registered itself with an authorization server (RFC 7591). */
export const upstreamClients = pgTable(
  'upstream_clients',
  {
    id: id(),
    issuer: text().notNull(),
    redirectUri: text().notNull(),
    clientId: text().notNull(),
    /** `clientSecret`, where one was given. */
    values: json().$type<StoredValues>().notNull().default({}),
    /** As the issuer registered it, without secrets. */
    metadata: json().$type<Record<string, unknown>>().notNull().default({}),
    /** Of the secret. */
    expiresAt: at(),
    createdAt: createdAt(),
  },
  (table) => [uniqueIndex('upstream_clients_issuer_key').on(table.issuer, table.redirectUri)],
);

/** A sign-in to a server that was begun in a browser and waits for its code. Good once. */
export const upstreamSignIns = pgTable('upstream_sign_ins', {
  id: id(),
  /** SHA-256 (hex) of the state parameter. */
  stateHash: text().notNull().unique(),
  serverId: uuid()
    .notNull()
    .references(() => servers.id, { onDelete: 'cascade' }),
  /** Who began it, and alone may end it. */
  startedBy: uuid()
    .notNull()
    .references(() => users.id, { onDelete: 'cascade' }),
  /** Whose credential it will be; null: the hub's. */
  userId: uuid().references(() => users.id, { onDelete: 'cascade' }),
  /** Recorded before the browser leaves, so that no other issuer's code is taken. */
  issuer: text().notNull(),
  clientId: text().notNull(),
  redirectUri: text().notNull(),
  resource: text().notNull(),
  scopes: json().$type<string[]>().notNull().default([]),
  /** `verifier` of PKCE. */
  values: json().$type<StoredValues>().notNull(),
  createdAt: createdAt(),
  expiresAt: at().notNull(),
  usedAt: at(),
});

/** Keys that wrap the keys of stored secrets, each itself wrapped by the master key; all but the newest only open. */
export const vaultKeys = pgTable('vault_keys', {
  id: text().primaryKey(),
  wrapped: text().notNull(),
  createdAt: createdAt(),
});
