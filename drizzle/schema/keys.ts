// Keys of MCP clients and programs.
import { index, json, pgTable, text, uuid } from 'drizzle-orm/pg-core';
import { at, createdAt, id } from './columns';
import { users } from './people';

/** Names of what a key is limited to; an absent list does not limit. */
export interface KeyScope {
  groups?: string[];
  servers?: string[];
  /** `server/tool` with the original tool name. */
  tools?: string[];
  /** Only tools that their server annotates as read-only. */
  readOnly?: boolean;
}

export const apiKeys = pgTable(
  'api_keys',
  {
    id: id(),
    userId: uuid()
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    name: text().notNull(),
    /** The first characters, to recognise a key by. */
    prefix: text().notNull(),
    /** SHA-256 (hex) of the whole secret; the secret itself is shown once and never stored. */
    secretHash: text().notNull().unique(),
    scope: json().$type<KeyScope>(),
    expiresAt: at(),
    lastUsedAt: at(),
    lastUsedFrom: text(),
    revokedAt: at(),
    /** The key that this one was made to replace; the older one works on until its `expiresAt`. */
    replaces: uuid(),
    createdAt: createdAt(),
  },
  (table) => [index('api_keys_user_idx').on(table.userId)],
);
