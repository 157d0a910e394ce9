// What the authorization server for MCP clients keeps.
import { index, json, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { at, createdAt } from './columns';
import { users } from './people';

/**
 * What the authorization server keeps: clients, grants, codes, tokens. Whoever has the id of a code or token has it, so only
 * its SHA-256 (hex) is stored, and `payload` is without it.
 */
export const oauthRecords = pgTable(
  'oauth_records',
  {
    model: text().notNull(),
    idHash: text().notNull(),
    payload: json().$type<Record<string, unknown>>().notNull(),
    /** Id of the grant that it ends with. */
    grantId: text(),
    uidHash: text(),
    userId: uuid().references(() => users.id, { onDelete: 'cascade' }),
    clientId: text(),
    createdAt: createdAt(),
    expiresAt: at(),
    /** A code or refresh token is good once; one that comes again ends its grant. */
    consumedAt: at(),
    lastUsedAt: at(),
    lastUsedFrom: text(),
  },
  (table) => [
    primaryKey({ columns: [table.model, table.idHash] }),
    index('oauth_records_grant_idx').on(table.grantId),
    index('oauth_records_uid_idx').on(table.uidHash),
    index('oauth_records_user_idx').on(table.userId),
    index('oauth_records_expires_idx').on(table.expiresAt),
  ],
);
