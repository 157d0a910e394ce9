// Groups of users, servers and tools.
import { boolean, index, json, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { createdAt, id, updatedAt, version } from './columns';
import { users } from './people';
import { type StoredToolList, servers } from './servers';

export const groups = pgTable('groups', {
  id: id(),
  name: text().notNull(),
  description: text().notNull().default(''),
  prefix: text({ enum: ['always', 'never'] })
    .notNull()
    .default('always'),
  toolList: json().$type<StoredToolList<{ serverId: string; tool: string }>>().notNull().default({}),
  /** What it offers is open to callers without a credential. */
  anonymous: boolean().notNull().default(false),
  createdBy: uuid().references(() => users.id, { onDelete: 'set null' }),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
  version: version(),
});

/** The one case-insensitive name space of servers and groups, held by the primary key. `name` is lower case. */
export const endpointNames = pgTable('endpoint_names', {
  name: text().primaryKey(),
  serverId: uuid()
    .unique()
    .references(() => servers.id, { onDelete: 'cascade' }),
  groupId: uuid()
    .unique()
    .references(() => groups.id, { onDelete: 'cascade' }),
});

export const groupServers = pgTable(
  'group_servers',
  {
    groupId: uuid()
      .notNull()
      .references(() => groups.id, { onDelete: 'cascade' }),
    serverId: uuid()
      .notNull()
      .references(() => servers.id, { onDelete: 'cascade' }),
    /** Original tool names; null means all tools of the server. */
    tools: json().$type<string[]>(),
    /** Original names: all tools but these. `tools` is empty then, so that who does not know of this offers none. */
    exceptTools: json().$type<string[]>(),
  },
  (table) => [
    primaryKey({ columns: [table.groupId, table.serverId] }),
    index('group_servers_server_idx').on(table.serverId),
  ],
);

export const groupMembers = pgTable(
  'group_members',
  {
    groupId: uuid()
      .notNull()
      .references(() => groups.id, { onDelete: 'cascade' }),
    userId: uuid()
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
  },
  (table) => [primaryKey({ columns: [table.groupId, table.userId] }), index('group_members_user_idx').on(table.userId)],
);
