// Reads users with all that their rights consist of, and turns them into actors.
import { eq, type SQL } from 'drizzle-orm';
import { apiKeys, groupMembers, roles, userRoles, users } from '../../drizzle/schema';
import type { Db, Tx } from '../db/types';
import type { Actor, KeyScope, Permission } from './schema';

/** A user as the resolver keeps it. */
export interface Identity {
  actor: Actor;
  sessionVersion: number;
}

export interface KeyIdentity {
  actor: Actor;
  keyId: string;
  /** Milliseconds since 1970; null: never. */
  expiresAtMs: number | null;
}

/** Somebody without a credential. */
export const anonymousActor: Actor = Object.freeze({
  kind: 'anonymous',
  id: 'anonymous',
  userId: null,
  name: 'anonymous',
  permissions: [],
  groupIds: [],
  keyScope: null,
});

/** The hub itself, e.g. the import of the servers file; it may do everything. @param name shown in the audit trail */
export function systemActor(name: string): Actor {
  return { kind: 'system', id: name, userId: null, name, permissions: [], groupIds: [], keyScope: null };
}

/** An enabled user, or null. */
export async function loadUser(db: Db | Tx, userId: string): Promise<Identity | null> {
  const [user] = await db
    .select({ username: users.username, disabled: users.disabled, sessionVersion: users.sessionVersion })
    .from(users)
    .where(eq(users.id, userId));
  if (!user || user.disabled) return null;
  const rights = await loadRights(db, userId);
  return {
    actor: { kind: 'user', id: userId, userId, name: user.username, ...rights, keyScope: null },
    sessionVersion: user.sessionVersion,
  };
}

/** The key with this hash, unless it is revoked or its owner disabled. Expiry is left to the caller, who has a clock. */
export function loadKey(db: Db, secretHash: string): Promise<KeyIdentity | null> {
  return loadKeyWhere(db, eq(apiKeys.secretHash, secretHash));
}

/** As loadKey, by its id. */
export function loadKeyById(db: Db, id: string): Promise<KeyIdentity | null> {
  return loadKeyWhere(db, eq(apiKeys.id, id));
}

async function loadKeyWhere(db: Db, condition: SQL): Promise<KeyIdentity | null> {
  const [key] = await db
    .select({
      id: apiKeys.id,
      name: apiKeys.name,
      scope: apiKeys.scope,
      expiresAt: apiKeys.expiresAt,
      revokedAt: apiKeys.revokedAt,
      userId: users.id,
      username: users.username,
      disabled: users.disabled,
    })
    .from(apiKeys)
    .innerJoin(users, eq(users.id, apiKeys.userId))
    .where(condition);
  if (!key || key.revokedAt || key.disabled) return null;
  const rights = await loadRights(db, key.userId);
  return {
    actor: {
      kind: 'key',
      id: key.id,
      userId: key.userId,
      name: `${key.username}/${key.name}`,
      ...rights,
      keyScope: key.scope && lowerScope(key.scope),
      ...(key.expiresAt && { expiresAtMs: key.expiresAt.getTime() }),
    },
    keyId: key.id,
    expiresAtMs: key.expiresAt?.getTime() ?? null,
  };
}

/** Permissions and memberships of a user, whether enabled or not. */
export async function loadRights(db: Db | Tx, userId: string): Promise<Pick<Actor, 'permissions' | 'groupIds'>> {
  const [roleRows, groupRows] = await Promise.all([
    db
      .select({ permissions: roles.permissions })
      .from(userRoles)
      .innerJoin(roles, eq(roles.id, userRoles.roleId))
      .where(eq(userRoles.userId, userId)),
    db.select({ groupId: groupMembers.groupId }).from(groupMembers).where(eq(groupMembers.userId, userId)),
  ]);
  return {
    permissions: roleRows.flatMap((row) => row.permissions as Permission[]),
    groupIds: groupRows.map((row) => row.groupId),
  };
}

/** Names of groups and servers know no case; the name of a tool belongs to its server and does. */
export function lowerScope(scope: KeyScope): KeyScope {
  const lowered: KeyScope = scope.readOnly ? { readOnly: true } : {};
  if (scope.groups) lowered.groups = scope.groups.map((name) => name.toLowerCase());
  if (scope.servers) lowered.servers = scope.servers.map((name) => name.toLowerCase());
  if (scope.tools) {
    lowered.tools = scope.tools.map((entry) => {
      const slash = entry.indexOf('/');
      return slash < 0 ? entry.toLowerCase() : entry.slice(0, slash).toLowerCase() + entry.slice(slash);
    });
  }
  return lowered;
}
