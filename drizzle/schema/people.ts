// Users, what they may do, and how they sign in.
import { sql } from 'drizzle-orm';
import { boolean, index, integer, json, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { at, createdAt, id, updatedAt, version } from './columns';

export interface Permission {
  resource: string;
  action: string;
  scope: 'own' | 'group' | 'all';
}

export const users = pgTable(
  'users',
  {
    id: id(),
    username: text().notNull(),
    displayName: text(),
    email: text(),
    /** argon2id in PHC string format; null for an account that signs in elsewhere. */
    passwordHash: text(),
    disabled: boolean().notNull().default(false),
    /** Part of every browser session: raising it signs the user out everywhere. */
    sessionVersion: integer().notNull().default(1),
    lastSignInAt: at(),
    /** Wrong passwords and codes since the last right one. */
    failedSignIns: integer().notNull().default(0),
    /** No password is looked at before this time, whoever asks. */
    lockedUntil: at(),
    passwordChangedAt: at(),
    /** Base32 secret of RFC 6238, sealed; null without a second factor. It counts once it is confirmed by a code. */
    totpSecret: text(),
    totpConfirmedAt: at(),
    /** Time step of the last accepted code: no code works twice. */
    totpLastStep: integer(),
    /** SHA-256 (hex) of the recovery codes that are left. */
    recoveryCodes: json().$type<string[]>().notNull().default([]),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
    version: version(),
  },
  (table) => [uniqueIndex('users_username_key').on(sql`lower(${table.username})`)],
);

export const roles = pgTable('roles', {
  id: id(),
  name: text().notNull().unique(),
  description: text().notNull().default(''),
  builtIn: boolean().notNull().default(false),
  permissions: json().$type<Permission[]>().notNull(),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
  version: version(),
});

export const userRoles = pgTable(
  'user_roles',
  {
    userId: uuid()
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    roleId: uuid()
      .notNull()
      .references(() => roles.id, { onDelete: 'cascade' }),
  },
  (table) => [primaryKey({ columns: [table.userId, table.roleId] }), index('user_roles_role_idx').on(table.roleId)],
);

/** Where a user is signed in with a browser. Its id is part of the sealed cookie; a revoked or expired row ends it. */
export const browserSessions = pgTable(
  'browser_sessions',
  {
    id: id(),
    userId: uuid()
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    /** How the user signed in: "password", "setup", "invite", or the id of a sign-in provider. */
    method: text().notNull(),
    createdAt: createdAt(),
    lastSeenAt: at().notNull().defaultNow(),
    expiresAt: at().notNull(),
    revokedAt: at(),
    address: text(),
    userAgent: text(),
  },
  (table) => [index('browser_sessions_user_idx').on(table.userId)],
);

/** Who a user is at a sign-in provider. An issuer's subject never becomes another user's by a change of name or address. */
export const userIdentities = pgTable(
  'user_identities',
  {
    id: id(),
    userId: uuid()
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    /** "oidc", "github" or "google", as it is configured. */
    provider: text().notNull(),
    issuer: text().notNull(),
    subject: text().notNull(),
    /** As the provider last told it: for people, never to find a user by. */
    email: text(),
    /** What the rules gave at the last sign-in; the next one takes back what they give no more, and nothing else. */
    givenRoleIds: json().$type<string[]>().notNull().default([]),
    givenGroupIds: json().$type<string[]>().notNull().default([]),
    createdAt: createdAt(),
    lastSignInAt: at(),
  },
  (table) => [
    uniqueIndex('user_identities_subject_key').on(table.issuer, table.subject),
    index('user_identities_user_idx').on(table.userId),
  ],
);

/** Which roles and groups somebody gets who signs in with a claim of a value. */
export const signInRules = pgTable('sign_in_rules', {
  id: id(),
  /** Id of a sign-in provider; "*" for all. */
  provider: text().notNull(),
  /** Name of the claim, with dots between the names of nested ones; "*" for everybody who signs in there. */
  claim: text().notNull(),
  /** What the claim is, or holds as one of several values. */
  value: text().notNull().default(''),
  roleIds: json().$type<string[]>().notNull().default([]),
  groupIds: json().$type<string[]>().notNull().default([]),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
  version: version(),
});

/** A link that lets somebody make an account once. */
export const invites = pgTable('invites', {
  id: id(),
  /** SHA-256 (hex) of the token in the link, which is shown once. */
  tokenHash: text().notNull().unique(),
  /** A hint to whom it was given. */
  note: text().notNull().default(''),
  roleIds: json().$type<string[]>().notNull().default([]),
  groupIds: json().$type<string[]>().notNull().default([]),
  createdBy: uuid().references(() => users.id, { onDelete: 'set null' }),
  createdAt: createdAt(),
  expiresAt: at().notNull(),
  usedAt: at(),
  usedBy: uuid().references(() => users.id, { onDelete: 'set null' }),
  revokedAt: at(),
});
