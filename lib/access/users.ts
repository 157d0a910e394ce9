// The users of the hub: list, add, change, remove. Who may change users may still give nobody more rights than they have,
// nor touch somebody who has more, and the last admin stays.
import { asc, eq, inArray, sql } from 'drizzle-orm';
import { groupMembers, groups, roles, upstreamCredentials, userRoles, users } from '../../drizzle/schema';
import type { Db, Tx } from '../db/types';
import { type FieldFault, HubError } from '../errors';
import { invalidInput, parseInput } from '../input';
import { writeAudit } from '../telemetry/audit';
import { checkVersion, type VersionCheck } from '../telemetry/versions';
import { endAllSessions } from './browser-sessions';
import { can, canGive } from './can';
import type { Ctx } from './context';
import { giveUpTokens } from './given-up';
import { isUuid } from './keys';
import { dropResetLink, storeResetLink } from './passwords-of';
import { givableRoles, keepAnAdmin, permissionsOf, replaceRoles } from './roles-of';
import {
  type OneTimeLink,
  type UserInput,
  type UserPatch,
  type UserView,
  userInputSchema,
  userPatchSchema,
} from './schema';

type UserRow = typeof users.$inferSelect;

const listMax = 1000;
/** What somebody gets who is added without a word on it. */
export const defaultRoles = ['user'];

/** The users that the actor may see, by name; for everybody else than admins and managers only themselves. */
export async function listUsers(ctx: Ctx): Promise<UserView[]> {
  const { actor } = ctx;
  const seesAll = can(actor, 'read', { type: 'user' });
  if (!seesAll && !can(actor, 'read', { type: 'user', ownerId: actor.userId })) throw new HubError('FORBIDDEN');
  const rows = await ctx.db
    .select()
    .from(users)
    .where(seesAll || !actor.userId ? undefined : eq(users.id, actor.userId))
    .orderBy(asc(sql`lower(${users.username})`))
    .limit(listMax);
  return viewsOf(ctx, ctx.db, rows);
}

/** @throws HubError NOT_FOUND */
export async function getUser(ctx: Ctx, id: string): Promise<UserView> {
  return viewOf(ctx, ctx.db, await findUser(ctx, ctx.db, id));
}

/**
 * Adds a user without a password, and a link by which that user chooses one.
 * @throws HubError FORBIDDEN, INVALID_INPUT (also for a role or group that the actor may not give), CONFLICT
 */
export async function createUser(ctx: Ctx, input: UserInput): Promise<{ user: UserView; link: OneTimeLink }> {
  if (!can(ctx.actor, 'create', { type: 'user' })) throw new HubError('FORBIDDEN', 'You may not add users.');
  const { roles: roleNames = defaultRoles, groups: groupNames = [], ...fields } = parseInput(userInputSchema, input);
  const made = await ctx.db.transaction(async (tx) => {
    const row = await insertUser(tx, fields);
    await giveRoles(ctx, tx, row.id, roleNames);
    await setGroups(ctx, tx, row.id, groupNames);
    const link = await storeResetLink(tx, row.id);
    const user = await viewOf(ctx, tx, row);
    await writeAudit(tx, ctx, { action: 'user.created', ...named(row), after: contents(user) });
    return { user, link };
  });
  await ctx.bus.emit('access.changed', { userId: made.user.id });
  return made;
}

/**
 * Applies a JSON merge patch; `roles` and `groups` are replaced whole. Disabling ends sessions, keys and calls at once.
 * @throws HubError NOT_FOUND, FORBIDDEN, INVALID_INPUT, CONFLICT for the last admin, STALE_VERSION
 */
export async function updateUser(ctx: Ctx, id: string, patch: UserPatch, check: VersionCheck = {}): Promise<UserView> {
  const { view, ended } = await ctx.db.transaction(async (tx) => {
    const before = await findUser(ctx, tx, id, true);
    const { roles: roleNames, groups: groupNames, ...fields } = parseInput(userPatchSchema, patch);
    const others = fields.disabled !== undefined || roleNames !== undefined || groupNames !== undefined;
    await mustManage(ctx, tx, before, others);
    await checkVersion(tx, { ...before, name: before.username }, check);
    const old = await viewOf(ctx, tx, before);
    const ends = fields.disabled === true && !before.disabled;
    if (ends && ctx.actor.userId === id) throw new HubError('CONFLICT', 'You cannot disable yourself.');
    if (ends) await keepAnAdmin(tx, id);
    const [row] = await tx
      .update(users)
      .set({
        ...fields,
        version: sql`${users.version} + 1`,
        ...(ends && { sessionVersion: sql`${users.sessionVersion} + 1` }),
      })
      .where(eq(users.id, id))
      .returning();
    if (!row) throw new HubError('NOT_FOUND');
    if (ends) {
      await endAllSessions(tx, id);
      await dropResetLink(tx, id);
    }
    if (roleNames) await replaceRoles(ctx, tx, id, roleNames);
    if (groupNames) await setGroups(ctx, tx, id, groupNames);
    const view = await viewOf(ctx, tx, row);
    const action = ends ? 'user.disabled' : before.disabled && !row.disabled ? 'user.enabled' : 'user.updated';
    await writeAudit(tx, ctx, { action, ...named(row), before: contents(old), after: contents(view) });
    return { view, ended: ends };
  });
  await announce(ctx, id, ended);
  return view;
}

/**
 * Removes a user with keys, sessions and memberships. What the user made stays.
 * @throws HubError NOT_FOUND, FORBIDDEN, CONFLICT for the last admin and for oneself, STALE_VERSION
 */
export async function deleteUser(ctx: Ctx, id: string, check: VersionCheck = {}): Promise<void> {
  const connected = await ctx.db.transaction(async (tx) => {
    const row = await findUser(ctx, tx, id, true);
    if (!can(ctx.actor, 'delete', { type: 'user', ownerId: id })) {
      throw new HubError('FORBIDDEN', 'You may not remove users.');
    }
    await mustNotHaveMore(ctx, tx, row);
    await checkVersion(tx, { ...row, name: row.username }, check);
    if (ctx.actor.userId === id) throw new HubError('CONFLICT', 'You cannot remove yourself.');
    await keepAnAdmin(tx, id);
    const before = contents(await viewOf(ctx, tx, row));
    await dropResetLink(tx, id);
    // They go with the row.
    const connected = await tx
      .select({ serverId: upstreamCredentials.serverId })
      .from(upstreamCredentials)
      .where(eq(upstreamCredentials.userId, id));
    await giveUpTokens(tx, eq(upstreamCredentials.userId, id));
    await tx.delete(users).where(eq(users.id, id));
    await writeAudit(tx, ctx, { action: 'user.deleted', ...named(row), before });
    return connected;
  });
  await announce(ctx, id, true);
  for (const { serverId } of connected) await ctx.bus.emit('credential.changed', { serverId, userId: id });
}

/** @throws HubError CONFLICT for a name that is taken */
export async function insertUser(
  tx: Tx,
  values: Pick<UserRow, 'username'> & Partial<typeof users.$inferInsert>,
): Promise<UserRow> {
  const [row] = await tx.insert(users).values(values).onConflictDoNothing().returning();
  if (row) return row;
  throw new HubError('CONFLICT', `The name "${values.username}" is taken.`, {
    faults: [{ pointer: '/username', detail: 'is taken' }],
  });
}

async function giveRoles(ctx: Ctx, tx: Tx, userId: string, names: readonly string[]): Promise<void> {
  const given = await givableRoles(ctx, tx, names);
  if (given.length > 0) await tx.insert(userRoles).values(given.map(({ id }) => ({ userId, roleId: id })));
}

/**
 * The groups of these names, whose members the actor may change.
 * @throws HubError INVALID_INPUT for an unknown one, and for one that is not the actor's to change
 */
export async function givableGroups(
  { actor }: Ctx,
  db: Db | Tx,
  names: readonly string[],
  kept: ReadonlySet<string> = new Set(),
): Promise<{ id: string; name: string }[]> {
  const wanted = [...new Set(names.map((name) => name.toLowerCase()))];
  const rows =
    wanted.length === 0
      ? []
      : await db
          .select()
          .from(groups)
          .where(inArray(sql`lower(${groups.name})`, wanted));
  const faults: FieldFault[] = names.flatMap((name, index) => {
    const pointer = `/groups/${index}`;
    const group = rows.find((row) => row.name.toLowerCase() === name.toLowerCase());
    const resource = group && { type: 'group' as const, ownerId: group.createdBy, groups: [group] };
    if (!resource || !can(actor, 'read', resource)) return [{ pointer, detail: `there is no group "${name}"` }];
    if (kept.has(group.id) || can(actor, 'update', resource)) return [];
    return [{ pointer, detail: `you may not change the members of "${name}"` }];
  });
  if (faults.length > 0) throw invalidInput(faults);
  return rows.map(({ id, name }) => ({ id, name }));
}

/** Makes these the groups of a user; memberships that the actor cannot see stay. */
async function setGroups(ctx: Ctx, tx: Tx, userId: string, names: readonly string[]): Promise<void> {
  const present = await tx
    .select({ group: groups })
    .from(groupMembers)
    .innerJoin(groups, eq(groups.id, groupMembers.groupId))
    .where(eq(groupMembers.userId, userId));
  const isMember = new Set(present.map(({ group }) => group.id));
  const after = await givableGroups(ctx, tx, names, isMember);
  for (const { group } of present) {
    const resource = { type: 'group' as const, ownerId: group.createdBy, groups: [group] };
    if (after.some(({ id }) => id === group.id) || !can(ctx.actor, 'read', resource)) continue;
    if (!can(ctx.actor, 'update', resource)) {
      throw new HubError('FORBIDDEN', `You may not change the members of "${group.name}".`);
    }
    await tx
      .delete(groupMembers)
      .where(sql`${groupMembers.groupId} = ${group.id} and ${groupMembers.userId} = ${userId}`);
  }
  const added = after.filter(({ id }) => !isMember.has(id));
  if (added.length > 0) await tx.insert(groupMembers).values(added.map(({ id }) => ({ groupId: id, userId })));
}

async function findUser(ctx: Ctx, db: Db | Tx, id: string, lock = false): Promise<UserRow> {
  if (!isUuid(id) || !can(ctx.actor, 'read', { type: 'user', ownerId: id })) throw new HubError('NOT_FOUND');
  const query = db.select().from(users).where(eq(users.id, id));
  const [row] = await (lock ? query.for('update') : query);
  if (!row) throw new HubError('NOT_FOUND');
  return row;
}

/** @param others it is more than one's own name and address: that takes the right to change users at all */
async function mustManage(ctx: Ctx, tx: Tx, row: UserRow, others: boolean): Promise<void> {
  const isAllowed = can(ctx.actor, 'update', others ? { type: 'user' } : { type: 'user', ownerId: row.id });
  if (!isAllowed) throw new HubError('FORBIDDEN', `You may see "${row.username}" but not change this.`);
  if (ctx.actor.userId !== row.id) await mustNotHaveMore(ctx, tx, row);
}

async function mustNotHaveMore(ctx: Ctx, tx: Tx, row: UserRow): Promise<void> {
  if (canGive(ctx.actor, await permissionsOf(tx, row.id))) return;
  throw new HubError('FORBIDDEN', `"${row.username}" has rights that you do not have.`);
}

async function announce(ctx: Ctx, userId: string, ended: boolean): Promise<void> {
  await ctx.bus.emit('access.changed', { userId });
  if (ended) await ctx.bus.emit('browser.ended', { userId, ids: null });
}

async function viewOf(ctx: Ctx, db: Db | Tx, row: UserRow): Promise<UserView> {
  const [view] = await viewsOf(ctx, db, [row]);
  if (!view) throw new HubError('NOT_FOUND');
  return view;
}

async function viewsOf(ctx: Ctx, db: Db | Tx, rows: UserRow[]): Promise<UserView[]> {
  if (rows.length === 0) return [];
  const ids = rows.map((row) => row.id);
  const given = await db
    .select({ userId: userRoles.userId, name: roles.name })
    .from(userRoles)
    .innerJoin(roles, eq(roles.id, userRoles.roleId))
    .where(inArray(userRoles.userId, ids))
    .orderBy(asc(roles.name));
  const joined = await db
    .select({ userId: groupMembers.userId, group: groups })
    .from(groupMembers)
    .innerJoin(groups, eq(groups.id, groupMembers.groupId))
    .where(inArray(groupMembers.userId, ids))
    .orderBy(asc(sql`lower(${groups.name})`));
  return rows.map((row) => ({
    id: row.id,
    username: row.username,
    displayName: row.displayName,
    email: row.email,
    disabled: row.disabled,
    roles: given.filter(({ userId }) => userId === row.id).map(({ name }) => name),
    groups: joined
      .filter(({ userId }) => userId === row.id)
      .filter(({ group }) => can(ctx.actor, 'read', { type: 'group', ownerId: group.createdBy, groups: [group] }))
      .map(({ group }) => group.name),
    secondFactor: row.totpConfirmedAt !== null,
    // Before the pause begins the column holds the time of the last wrong password.
    lockedUntil: row.lockedUntil && row.lockedUntil.getTime() > Date.now() ? row.lockedUntil.toISOString() : null,
    lastSignInAt: row.lastSignInAt?.toISOString() ?? null,
    passwordChangedAt: row.passwordChangedAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
    version: row.version,
  }));
}

function contents({ displayName, email, disabled, roles: roleNames, groups: groupNames }: UserView) {
  return { displayName, email, disabled, roles: roleNames, groups: groupNames };
}

function named(row: UserRow) {
  return { resourceType: 'user', resourceId: row.id, resourceName: row.username };
}
