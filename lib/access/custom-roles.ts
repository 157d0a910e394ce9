// The verbs of roles. Built-in roles are read and duplicated only; a role that somebody adds holds single permissions,
// never "everything", and never one that its author has not.
import { and, asc, eq, sql } from 'drizzle-orm';
import { roles, userRoles, users } from '../../drizzle/schema';
import type { Db, Tx } from '../db/types';
import { type FieldFault, HubError } from '../errors';
import { invalidInput, parseInput } from '../input';
import { writeAudit } from '../telemetry/audit';
import { checkVersion, type VersionCheck } from '../telemetry/versions';
import { can, canGive, includes } from './can';
import type { Ctx } from './context';
import {
  type Action,
  grantable,
  type Permission,
  type ResourceType,
  type RoleInput,
  type RolePatch,
  type RoleView,
  resources,
  roleInputSchema,
  roleNameSchema,
  rolePatchSchema,
  type SinglePermission,
} from './schema';

type RoleRow = typeof roles.$inferSelect;

/** Holders that a view names; the count is of all. */
const namedHoldersMax = 200;
/** Above so many holders an event names none, and concerns everybody. */
const toldHoldersMax = 1000;

/** All roles, the built-in ones first. @throws HubError FORBIDDEN */
export async function listRoles(ctx: Ctx): Promise<RoleView[]> {
  if (!can(ctx.actor, 'read', { type: 'role' })) throw new HubError('FORBIDDEN', 'You may not see roles.');
  const rows = await ctx.db.select().from(roles).orderBy(sql`${roles.builtIn} desc`, asc(roles.name));
  return Promise.all(rows.map((row) => viewOf(ctx, ctx.db, row)));
}

/** @throws HubError NOT_FOUND, also where the actor may not see roles */
export async function getRole(ctx: Ctx, name: string): Promise<RoleView> {
  return viewOf(ctx, ctx.db, await findRole(ctx, ctx.db, name));
}

/** @throws HubError FORBIDDEN, INVALID_INPUT (also for a permission that the actor has not), CONFLICT */
export async function createRole(ctx: Ctx, input: RoleInput): Promise<RoleView> {
  mustBeAllowed(ctx, 'create');
  return insertRole(ctx, parseInput(roleInputSchema, input), {});
}

/**
 * Makes a role with the permissions of another one, built-in ones too. "Everything" becomes all single permissions that
 * there are in this version.
 * @throws HubError NOT_FOUND, FORBIDDEN, INVALID_INPUT (also for a permission that the actor has not), CONFLICT
 */
export async function duplicateRole(ctx: Ctx, name: string, newName: string): Promise<RoleView> {
  const source = await findRole(ctx, ctx.db, name);
  mustBeAllowed(ctx, 'create');
  const permissions = singlePermissions(source.permissions as Permission[]);
  const role = { name: parseInput(roleNameSchema, newName), description: source.description, permissions };
  return insertRole(ctx, role, { copyOf: source.name });
}

/**
 * Applies a JSON merge patch; `permissions` are replaced whole. Who holds the role has the new rights at once.
 * @throws HubError NOT_FOUND, FORBIDDEN (also for a built-in role), INVALID_INPUT, CONFLICT, STALE_VERSION
 */
export async function updateRole(
  ctx: Ctx,
  name: string,
  patch: RolePatch,
  check: VersionCheck = {},
): Promise<RoleView> {
  const { view, holders } = await ctx.db.transaction(async (tx) => {
    const before = await findRole(ctx, tx, name, true);
    mustBeAllowed(ctx, 'update');
    const fields = parseInput(rolePatchSchema, patch);
    mustBeCustom(before);
    await checkVersion(tx, before, check);
    const old = before.permissions as Permission[];
    const isNew = (permission: Permission) => !old.some((each) => includes(each, permission));
    if (fields.permissions) mustBeGivable(ctx, fields.permissions, isNew);
    const [row] = await tx
      .update(roles)
      .set({ ...fields, version: sql`${roles.version} + 1` })
      .where(eq(roles.id, before.id))
      .returning()
      .catch(nameTaken(fields.name));
    if (!row) throw new HubError('NOT_FOUND');
    const holders = fields.permissions ? await holderIds(tx, row.id) : [];
    const view = await viewOf(ctx, tx, row);
    await writeAudit(tx, ctx, {
      action: 'role.updated',
      ...named(row),
      before: contents(before),
      after: contents(row),
    });
    return { view, holders };
  });
  if (holders.length > 0) {
    const userIds = holders.length > toldHoldersMax ? null : holders;
    await ctx.bus.emit('role.changed', { id: view.id, name: view.name, userIds });
  }
  return view;
}

/**
 * Removes a role that nobody has.
 * @throws HubError NOT_FOUND, FORBIDDEN (also for a built-in role), CONFLICT naming who has it, STALE_VERSION
 */
export async function deleteRole(ctx: Ctx, name: string, check: VersionCheck = {}): Promise<void> {
  await ctx.db.transaction(async (tx) => {
    // Who is given the role at this moment waits for this lock, and then finds no role.
    const row = await findRole(ctx, tx, name, true);
    mustBeAllowed(ctx, 'delete');
    mustBeCustom(row);
    await checkVersion(tx, row, check);
    const { users: holders, userCount } = await viewOf(ctx, tx, row);
    if (userCount > 0) throw inUse(row.name, holders, userCount);
    await tx.delete(roles).where(eq(roles.id, row.id));
    await writeAudit(tx, ctx, { action: 'role.deleted', ...named(row), before: contents(row) });
  });
}

async function insertRole(ctx: Ctx, role: RoleInput, about: { copyOf?: string }): Promise<RoleView> {
  const { name, description = '', permissions } = role;
  mustBeGivable(ctx, permissions);
  return ctx.db.transaction(async (tx) => {
    const [row] = await tx.insert(roles).values({ name, description, permissions }).returning().catch(nameTaken(name));
    if (!row) throw new HubError('INTERNAL', undefined, { detail: 'insert of a role returned no row' });
    await writeAudit(tx, ctx, { action: 'role.created', ...named(row), after: { ...contents(row), ...about } });
    return viewFrom(row, [], 0);
  });
}

async function findRole(ctx: Ctx, db: Db | Tx, name: string, lock = false): Promise<RoleRow> {
  const query = db.select().from(roles).where(eq(roles.name, name.toLowerCase()));
  const [row] = await (lock ? query.for('update') : query);
  if (!row || !can(ctx.actor, 'read', { type: 'role' })) {
    throw new HubError('NOT_FOUND', `There is no role "${name.slice(0, 64)}", or it is not yours to see.`);
  }
  return row;
}

function mustBeAllowed({ actor }: Ctx, action: Action): void {
  if (!can(actor, action, { type: 'role' })) throw new HubError('FORBIDDEN', `You may not ${action} roles.`);
}

function mustBeCustom({ builtIn, name }: RoleRow): void {
  if (!builtIn) return;
  const hint = 'Duplicate it and change the copy.';
  throw new HubError('FORBIDDEN', `The role "${name}" is built in and cannot be changed.`, { hint });
}

/** @param picks which of them are asked about; what a role has already, nobody gives anew */
function mustBeGivable({ actor }: Ctx, permissions: readonly Permission[], picks = (_each: Permission) => true): void {
  const faults: FieldFault[] = permissions.flatMap((each, index) => {
    if (!picks(each) || canGive(actor, [each])) return [];
    const { resource, action, scope } = each;
    return [
      { pointer: `/permissions/${index}`, detail: `you do not have "${resource}, ${action}, ${scope}" yourself` },
    ];
  });
  if (faults.length > 0) throw invalidInput(faults);
}

function nameTaken(name: string | undefined) {
  return (error: unknown): never => {
    const { code } = (error as { cause?: { code?: string } }).cause ?? {};
    if (code !== '23505') throw error;
    throw new HubError('CONFLICT', `There is a role "${name}" already.`, {
      faults: [{ pointer: '/name', detail: 'is taken' }],
    });
  };
}

function inUse(name: string, holders: readonly string[], count: number): HubError {
  const shown = holders.slice(0, 5);
  const rest = count - shown.length;
  const people = `${rest} ${shown.length > 0 ? 'more' : rest === 1 ? 'user' : 'users'}`;
  const who = [...shown, ...(rest > 0 ? [people] : [])].join(', ');
  return new HubError('CONFLICT', `The role "${name}" is in use: ${who} ${count === 1 ? 'has' : 'have'} it.`, {
    hint: 'Give them another role first.',
  });
}

/** What a role holds without "*": each permission that means something, with a scope that it can have. */
function singlePermissions(permissions: readonly Permission[]): SinglePermission[] {
  return permissions.flatMap((each) => {
    const types = each.resource === '*' ? resources : [each.resource];
    return types.flatMap((resource: ResourceType) =>
      (Object.keys(grantable[resource]) as Action[])
        .filter((action) => each.action === '*' || each.action === action)
        .filter((action) => grantable[resource][action]?.includes(each.scope))
        .map((action) => ({ resource, action, scope: each.scope })),
    );
  });
}

async function holderIds(tx: Tx, roleId: string): Promise<string[]> {
  const rows = await tx.select({ id: userRoles.userId }).from(userRoles).where(eq(userRoles.roleId, roleId));
  return rows.map((row) => row.id);
}

async function viewOf(ctx: Ctx, db: Db | Tx, row: RoleRow): Promise<RoleView> {
  const { actor } = ctx;
  const isOfRole = eq(userRoles.roleId, row.id);
  const seesAll = can(actor, 'read', { type: 'user' });
  const isSeen = seesAll || !actor.userId ? isOfRole : and(isOfRole, eq(users.id, actor.userId));
  const [[total], holders] = await Promise.all([
    db.select({ count: sql<number>`count(*)::int` }).from(userRoles).where(isOfRole),
    db
      .select({ id: users.id, name: users.username })
      .from(userRoles)
      .innerJoin(users, eq(users.id, userRoles.userId))
      .where(isSeen)
      .orderBy(asc(sql`lower(${users.username})`))
      .limit(namedHoldersMax),
  ]);
  const seen = holders.filter(({ id }) => can(actor, 'read', { type: 'user', ownerId: id }));
  return viewFrom(row, seen, total?.count ?? 0);
}

function viewFrom(row: RoleRow, holders: readonly { name: string }[], userCount: number): RoleView {
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    builtIn: row.builtIn,
    permissions: row.permissions as Permission[],
    users: holders.map(({ name }) => name),
    userCount,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
    version: row.version,
  };
}

function contents({ name, description, permissions }: RoleRow) {
  return { name, description, permissions };
}

function named(row: RoleRow) {
  return { resourceType: 'role', resourceId: row.id, resourceName: row.name };
}
