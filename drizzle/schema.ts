// All tables of the product. Columns that hold a definition of somebody else (a tool, a resource) keep it whole, so that
// fields unknown to us survive; as json, not jsonb, because the order of a schema's properties is what people and models
// read. Times are UTC.
import { sql } from 'drizzle-orm';
import {
  bigint,
  bigserial,
  boolean,
  customType,
  index,
  integer,
  json,
  pgTable,
  primaryKey,
  real,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';

const bytea = customType<{ data: Buffer }>({ dataType: () => 'bytea' });

const id = () => uuid().primaryKey().defaultRandom();
const at = () => timestamp({ withTimezone: true, mode: 'date' });
const createdAt = () => at().notNull().defaultNow();
const updatedAt = () =>
  at()
    .notNull()
    .defaultNow()
    .$onUpdate(() => new Date());
/** Rises with every change of the row; the REST API shows it as ETag. */
const version = () => integer().notNull().default(1);

/** A value that only the worker can open, with what may be known of it without. */
export interface SealedValue {
  /** `v1.keyId.wrapped.iv.ciphertext.tag`, see lib/access/vault. */
  sealed: string;
  /** Tells whether another value is the same one. */
  mark: string;
  /** What may be shown of it. */
  mask: string;
  /** Names of the secrets that it refers to. */
  refs?: string[];
  /** It holds characters that no header can carry. */
  unfitForHeaders?: true;
}

/** How an endpoint lists its tools, as lib/servers/tool-list says. */
export interface StoredToolList<P> {
  mode?: 'full' | 'smart' | 'auto';
  maxTools?: number;
  maxTokens?: number;
  pinned?: P[];
}

/** Text is an empty value, a reference and nothing else, or one from before values were sealed, which the next start of a worker seals. */
export type StoredValues = Record<string, SealedValue | string>;

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

/** What was last found out about a server: what it offers, what it supports, how it starts. */
export const serverReports = pgTable('server_reports', {
  serverId: uuid()
    .primaryKey()
    .references(() => servers.id, { onDelete: 'cascade' }),
  report: json().$type<Record<string, unknown>>().notNull(),
  updatedAt: updatedAt(),
});

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

export const auditLogs = pgTable(
  'audit_logs',
  {
    id: bigserial({ mode: 'number' }).primaryKey(),
    at: createdAt(),
    actorKind: text().notNull(),
    actorId: text(),
    actor: text().notNull(),
    /** `noun.verb`, e.g. "server.created". */
    action: text().notNull(),
    resourceType: text().notNull(),
    resourceId: text(),
    resourceName: text(),
    before: json(),
    after: json(),
    requestId: text(),
    /** From where, as far as the hub knows: an IP address. */
    address: text(),
    /** SHA-256 (hex) over this row and the hash of the one before it; null in rows from before there was a chain. */
    hash: text(),
  },
  (table) => [index('audit_logs_at_idx').on(table.at.desc())],
);

/** One row: the end of the audit trail's chain. Whoever appends locks it. */
export const auditHead = pgTable('audit_head', {
  id: integer().primaryKey().default(1),
  lastId: bigint({ mode: 'number' }).notNull().default(0),
  hash: text().notNull().default(''),
});

/** Keys that wrap the keys of stored secrets, each itself wrapped by the master key; all but the newest only open. */
export const vaultKeys = pgTable('vault_keys', {
  id: text().primaryKey(),
  wrapped: text().notNull(),
  createdAt: createdAt(),
});

export const settings = pgTable('settings', {
  key: text().primaryKey(),
  value: json().notNull(),
  updatedAt: updatedAt(),
});
