// Who asks, and what may be granted. Safe in a browser.
import { z } from 'zod';

export const resources = ['server', 'group', 'tool', 'key', 'user', 'role', 'call', 'log', 'audit', 'setting'] as const;
export type ResourceType = (typeof resources)[number];

/** `call` = run a tool; `operate` = start, stop, restart. */
export const actions = ['read', 'create', 'update', 'delete', 'operate', 'call'] as const;
export type Action = (typeof actions)[number];

export const scopes = ['own', 'group', 'all'] as const;
export type Scope = (typeof scopes)[number];

export interface Permission {
  resource: ResourceType | '*';
  action: Action | '*';
  scope: Scope;
}

/**
 * What a role may hold: the actions of each resource, each with the scopes that mean something for it. `own` is what the
 * user made or is, `group` what the user's groups offer.
 */
export const grantable: Record<ResourceType, Partial<Record<Action, readonly Scope[]>>> = {
  server: { read: scopes, create: ['all'], update: scopes, delete: scopes, operate: scopes },
  group: { read: scopes, create: ['all'], update: scopes, delete: scopes },
  tool: { read: scopes, call: scopes },
  key: { read: ['own', 'all'], create: ['own', 'all'], update: ['own', 'all'], delete: ['own', 'all'] },
  user: { read: ['own', 'all'], create: ['all'], update: ['own', 'all'], delete: ['all'] },
  role: { read: ['all'], create: ['all'], update: ['all'], delete: ['all'] },
  call: { read: ['own', 'all'] },
  log: { read: scopes },
  audit: { read: ['all'] },
  setting: { read: ['all'], update: ['all'] },
};

export const permissionSchema = z
  .strictObject({ resource: z.enum(resources), action: z.enum(actions), scope: z.enum(scopes) })
  .refine(({ resource, action, scope }) => grantable[resource][action]?.includes(scope) ?? false, {
    error: 'there is no such permission',
  });

/** What a role that somebody adds consists of. */
export type SinglePermission = z.infer<typeof permissionSchema>;

export const roleNameSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'use 1 to 63 small letters, digits, "_" or "-"');

const roleFields = {
  name: roleNameSchema,
  description: z.string().max(500),
  permissions: z.array(permissionSchema).max(200),
};

export const roleInputSchema = z.strictObject({ ...roleFields, description: roleFields.description.optional() });
export type RoleInput = z.infer<typeof roleInputSchema>;

export const rolePatchSchema = z.strictObject(roleFields).partial();
export type RolePatch = z.infer<typeof rolePatchSchema>;

export const roleCopySchema = z.strictObject({ name: roleNameSchema });

export interface RoleView {
  id: string;
  name: string;
  description: string;
  /** Exists from the start and cannot be changed. */
  builtIn: boolean;
  permissions: Permission[];
  /** Who has it, by name: some of them, and only for those who may see users. */
  users: string[];
  userCount: number;
  /** RFC 3339. */
  createdAt: string;
  updatedAt: string;
  version: number;
}

/** What a key is limited to: what one of the lists names. Without any list, everything of its owner. */
export interface KeyScope {
  groups?: string[];
  servers?: string[];
  /** `server/tool` with the original tool name. */
  tools?: string[];
  /** Only tools that their server annotates with `readOnlyHint: true`; resources and prompts are not concerned. */
  readOnly?: boolean;
}

/** Scopes of OAuth tokens: `mcp:read` is for all that changes nothing, `mcp:call` for all, so it includes the other. */
export const tokenScopes = ['mcp:read', 'mcp:call'] as const;
export type TokenScope = (typeof tokenScopes)[number];

/** What an OAuth access token is good for. */
export interface TokenLimits {
  /** Keys of endpoints (names in lower case); null: all. */
  endpoints: readonly string[] | null;
  scopes: readonly TokenScope[];
}

/** Who asks. Made only by lib/access from a credential; every verb takes it as an argument. */
export interface Actor {
  /** `token`: somebody whom an OAuth client acts for; it is known at MCP endpoints alone. */
  kind: 'user' | 'key' | 'token' | 'system' | 'anonymous';
  /** User id, key id, id of the token's grant, the program's name, or "anonymous". */
  id: string;
  /** The user behind it: the owner, for a key or token. */
  userId: string | null;
  name: string;
  permissions: readonly Permission[];
  /** Ids of the groups the user is a member of. */
  groupIds: readonly string[];
  /** Limits of an API key or token; null does not limit. Names are lower case. */
  keyScope: KeyScope | null;
  /** Of kind `token` only. */
  token?: TokenLimits;
  /** When the key or token ends by itself, in milliseconds since 1970; absent: never. */
  expiresAtMs?: number;
}

export const username = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/, 'use 1 to 64 letters, digits, ".", "_", "@" or "-"');

/** NIST SP 800-63B: length counts, composition rules do not; the upper bound keeps hashing cheap. */
export const password = z.string().min(12, 'use at least 12 characters').max(256, 'use at most 256 characters');

export const setupInputSchema = z.strictObject({ token: z.string().min(1).max(256), username, password });
export type SetupInput = z.infer<typeof setupInputSchema>;

/** Bounds only: what a wrong password looks like is nobody's business. */
export const signInSchema = z.strictObject({
  username: z.string().trim().min(1, 'enter the user name').max(64),
  password: z.string().min(1, 'enter the password').max(256),
});
export type SignInInput = z.infer<typeof signInSchema>;

export const passwordChangeSchema = z.strictObject({ currentPassword: z.string().max(256), newPassword: password });
export type PasswordChange = z.infer<typeof passwordChangeSchema>;

/** As it is typed: with spaces, capitals or dashes. */
const code = z.string().trim().min(6, 'enter the code').max(64);

/** The second step of a sign-in. */
export const codeInputSchema = z.strictObject({ ticket: z.string().min(1).max(2048), code });
export type CodeInput = z.infer<typeof codeInputSchema>;

/** Without the password: a sign-in of the last ten minutes, where that is enough. */
export const ownerProofSchema = z.strictObject({ password: z.string().max(256).optional() });
export type OwnerProof = z.infer<typeof ownerProofSchema>;

export const factorConfirmSchema = z.strictObject({ code });
export type FactorConfirm = z.infer<typeof factorConfirmSchema>;

export interface FactorStart {
  /** Base32, for typing. */
  secret: string;
  /** `otpauth://totp/…`, for a QR code. */
  uri: string;
}

export interface SecondFactorView {
  /** RFC 3339; null: there is none. */
  enabledAt: string | null;
  recoveryCodesLeft: number;
}

const token = z.string().min(1).max(256);

export const passwordResetSchema = z.strictObject({ token, newPassword: password });
export type PasswordReset = z.infer<typeof passwordResetSchema>;

const displayName = z.string().trim().max(200).nullable();
const email = z.email('is not an e-mail address').max(254).nullable();
const roleNames = z.array(z.string().max(64)).max(100);
const groupNames = z.array(z.string().max(64)).max(500);

export const userInputSchema = z.strictObject({
  username,
  displayName: displayName.optional(),
  email: email.optional(),
  /** Names; absent: the role "user". */
  roles: roleNames.optional(),
  groups: groupNames.optional(),
});
export type UserInput = z.infer<typeof userInputSchema>;

export const userPatchSchema = z
  .strictObject({ displayName, email, disabled: z.boolean(), roles: roleNames, groups: groupNames })
  .partial();
export type UserPatch = z.infer<typeof userPatchSchema>;

export interface UserView {
  id: string;
  username: string;
  displayName: string | null;
  email: string | null;
  disabled: boolean;
  /** Names. */
  roles: string[];
  /** Names of those that the caller may see. */
  groups: string[];
  secondFactor: boolean;
  /** Too many wrong passwords: no sign-in before this time. */
  lockedUntil: string | null;
  lastSignInAt: string | null;
  /** When the password was last set or changed; null without one, and where nobody knows any more. */
  passwordChangedAt: string | null;
  createdAt: string;
  version: number;
}

/** A link that works once; the token is shown this once. */
export interface OneTimeLink {
  token: string;
  /** Path and query under the hub's URL. */
  path: string;
  expiresAt: string;
}

/** Where people sign in beside the hub's own passwords; more of them is in external/schema.ts. */
export const providerIds = ['oidc', 'github', 'google'] as const;
export type ProviderId = (typeof providerIds)[number];

export type SignInMethod = 'password' | 'setup' | 'invite' | ProviderId;

/** Where somebody is signed in with a browser. */
export interface SessionView {
  id: string;
  method: SignInMethod;
  address: string | null;
  userAgent: string | null;
  /** The session that asks. */
  isCurrent: boolean;
  createdAt: string;
  lastSeenAt: string;
  /** At the latest. */
  expiresAt: string;
}

export const inviteDaysMax = 30;

export const inviteInputSchema = z.strictObject({
  /** For whom it is. */
  note: z.string().trim().max(200).optional(),
  /** Names; absent: the role "user". */
  roles: roleNames.optional(),
  groups: groupNames.optional(),
  expiresInDays: z.number().int().min(1).max(inviteDaysMax).optional(),
});
export type InviteInput = z.infer<typeof inviteInputSchema>;

export const inviteAcceptSchema = z.strictObject({ token, username, password });
export type InviteAccept = z.infer<typeof inviteAcceptSchema>;

export interface InviteView {
  id: string;
  note: string;
  roles: string[];
  groups: string[];
  state: 'open' | 'used' | 'revoked' | 'expired';
  createdBy: string | null;
  /** Name of who used it. */
  usedBy: string | null;
  createdAt: string;
  expiresAt: string;
}

/** Who asks, and which kinds of things they may do something to: for navigation. */
export interface MeView {
  kind: Actor['kind'];
  id: string;
  userId: string | null;
  name: string;
  may: Record<ResourceType, Action[]>;
}

export const keyScopeSchema = z.strictObject({
  groups: z.array(z.string().max(64)).max(200).optional(),
  servers: z.array(z.string().max(64)).max(500).optional(),
  tools: z.array(z.string().max(200)).max(1000).optional(),
  readOnly: z.boolean().optional(),
});

export const keyInputSchema = z.strictObject({
  name: z.string().trim().min(1, 'give the key a name').max(100),
  scope: keyScopeSchema.nullable().optional(),
  /** RFC 3339; absent or null: the key does not expire. */
  expiresAt: z.iso.datetime({ offset: true }).nullable().optional(),
});
export type KeyInput = z.infer<typeof keyInputSchema>;

export const rotationMaxHours = 720;

export const keyRotationSchema = z.strictObject({
  /** How long the old secret works beside the new one; 0: it ends at once. */
  overlapHours: z.number().int().min(0).max(rotationMaxHours, 'must be at most 720 (30 days)'),
  /** Of the new key, RFC 3339; null: never; absent: as the old one. */
  expiresAt: z.iso.datetime({ offset: true }).nullable().optional(),
});
export type KeyRotation = z.infer<typeof keyRotationSchema>;

export interface KeyView {
  id: string;
  name: string;
  /** First characters of the secret. */
  prefix: string;
  owner: string;
  scope: KeyScope | null;
  expiresAt: string | null;
  lastUsedAt: string | null;
  lastUsedFrom: string | null;
  revokedAt: string | null;
  /** Id of the key that this one was made to replace. */
  replaces: string | null;
  createdAt: string;
}

/** What a user allowed an MCP client. */
export interface GrantView {
  id: string;
  /** Name of the user. */
  user: string;
  /** As the client calls itself. */
  client: string;
  /** Where the client has a document of its own, the URL of that; else the hub made it up. */
  clientId: string;
  /** URL of the endpoint. */
  resource: string;
  scopes: string[];
  /** RFC 3339. */
  createdAt: string;
  lastUsedAt: string | null;
  /** Unless it is used before. */
  expiresAt: string | null;
}

/** What the consent page asks about. */
export const consentSchema = z.object({
  client: z.object({
    /** As it calls itself. */
    name: z.string(),
    /** Host of the client's own document, which vouches for it; null: it registered itself, nobody vouches for it. */
    host: z.string().nullable(),
  }),
  /** Where the answer goes: a host, or the scheme of a program of this computer. */
  redirect: z.object({ to: z.string(), isLocal: z.boolean() }),
  /** Name of the endpoint; null: all that the user may use. */
  endpoint: z.string().nullable(),
  scopes: z.array(z.string()),
});
export type ConsentView = z.infer<typeof consentSchema>;
