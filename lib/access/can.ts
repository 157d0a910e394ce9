// The one policy function. Lists, calls, pages, REST routes and socket rooms all ask it; nothing else decides.
import {
  type Action,
  type Actor,
  actions,
  type MeView,
  type Permission,
  type ResourceType,
  resources,
  type TokenScope,
} from './schema';

/** What is asked about. Leave out what does not exist yet, e.g. `ownerId` before a create. */
export interface Resource {
  type: ResourceType;
  ownerId?: string | null;
  /** An administrator opened it to callers without a credential. */
  open?: boolean;
  /** The groups that contain it; for a tool only those that offer this very tool. `open` as above. */
  groups?: readonly { id: string; name: string; open?: boolean }[];
  /** Name of the server, for servers and tools. */
  server?: string;
  /** Original name, for tools. */
  tool?: string;
  /** The server says that it changes nothing. */
  readOnly?: boolean;
}

/**
 * May `actor` do `action` to `resource`? Pure; costs no I/O, so the data plane asks it too.
 * A key is never allowed more than its owner, and a key with a scope may only read and call what its scope names.
 */
export function can(actor: Actor, action: Action, resource: Resource): boolean {
  if (actor.kind === 'system') return true;
  if (actor.kind === 'anonymous') return isOpen(action, resource);
  if (actor.keyScope && !isInKeyScope(actor, action, resource)) return false;
  for (const permission of actor.permissions) {
    if (
      (permission.resource === '*' || permission.resource === resource.type) &&
      (permission.action === '*' || permission.action === action) &&
      isInScope(actor, permission.scope, resource)
    ) {
      return true;
    }
  }
  return false;
}

/**
 * The scope without which an OAuth token does not do what its user may, null where it has it. With `mcp:read` everything
 * is listed, so that a client can ask for more when somebody wants to use it.
 * @param tool the tool to be called; without it, whatever only reads
 */
export function missingScope({ token }: Actor, tool?: Resource): TokenScope | null {
  if (!token || token.scopes.includes('mcp:call')) return null;
  if (tool && tool.readOnly !== true) return 'mcp:call';
  return token.scopes.includes('mcp:read') ? null : 'mcp:read';
}

/**
 * May `actor` do `action` to some resource of this type, whichever? For navigation and for whole pages; every object
 * shown there is asked about again.
 */
export function canSome(actor: Actor, action: Action, type: ResourceType): boolean {
  if (actor.kind === 'system') return true;
  if (actor.keyScope && !(isScopedType(type) && (action === 'read' || action === 'call'))) return false;
  return actor.permissions.some(
    ({ resource, action: allowed }) =>
      (resource === '*' || resource === type) && (allowed === '*' || allowed === action),
  );
}

/**
 * May `actor` give all of these to somebody, by a role? Only what it has itself, in the same scope or over all. A key
 * with a scope gives nothing.
 */
export function canGive(actor: Actor, permissions: readonly Permission[]): boolean {
  if (actor.kind === 'system') return true;
  if (actor.keyScope) return false;
  return permissions.every((given) => actor.permissions.some((own) => includes(own, given)));
}

/** Whether who has `one` has `other` too. */
export function includes(one: Permission, other: Permission): boolean {
  return (
    (one.resource === '*' || one.resource === other.resource) &&
    (one.action === '*' || one.action === other.action) &&
    (one.scope === 'all' || one.scope === other.scope)
  );
}

/** The actor as navigation needs it: what it may do to some resource of each type. */
export function describeActor(actor: Actor): MeView {
  const { kind, id, userId, name } = actor;
  const may = Object.fromEntries(
    resources.map((type) => [type, actions.filter((action) => canSome(actor, action, type))]),
  ) as MeView['may'];
  return { kind, id, userId, name, may };
}

function isInScope(actor: Actor, scope: 'own' | 'group' | 'all', resource: Resource): boolean {
  if (scope === 'all') return true;
  if (scope === 'own') return actor.userId !== null && resource.ownerId === actor.userId;
  return resource.groups?.some((group) => actor.groupIds.includes(group.id)) ?? false;
}

/** Somebody without a credential reads and calls what was opened to everybody, and has no other right. */
function isOpen(action: Action, { type, open, groups }: Resource): boolean {
  if ((action !== 'read' && action !== 'call') || !isScopedType(type)) return false;
  return open === true || (groups?.some((group) => group.open === true) ?? false);
}

function isScopedType(type: ResourceType): boolean {
  return type === 'server' || type === 'tool' || type === 'group';
}

function isInKeyScope({ keyScope }: Actor, action: Action, resource: Resource): boolean {
  if (action !== 'read' && action !== 'call') return false;
  if (!isScopedType(resource.type) || !keyScope) return false;
  if (keyScope.readOnly && resource.type === 'tool' && resource.readOnly !== true) return false;
  if (!keyScope.groups && !keyScope.servers && !keyScope.tools) return true;
  if (resource.groups?.some((group) => keyScope.groups?.includes(group.name.toLowerCase()))) return true;
  const server = resource.server?.toLowerCase();
  if (server === undefined) return false;
  if (keyScope.servers?.includes(server)) return true;
  if (resource.tool === undefined) return keyScope.tools?.some((entry) => entry.startsWith(`${server}/`)) ?? false;
  return keyScope.tools?.includes(`${server}/${resource.tool}`) ?? false;
}
