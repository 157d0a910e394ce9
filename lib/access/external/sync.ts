// What rules give and take, at each sign-in: what they gave and give no more is taken back, what an administrator gave by
// hand stays.
import { and, eq, inArray, ne } from 'drizzle-orm';
import { groupMembers, groups, roles, userIdentities, userRoles } from '../../../drizzle/schema';
import type { Tx } from '../../db/types';
import { isHubError } from '../../errors';
import { keepAnAdmin } from '../roles-of';

type IdentityRow = typeof userIdentities.$inferSelect;

export interface Given {
  roleIds: readonly string[];
  groupIds: readonly string[];
}

/** Names of what changed, for the audit trail. */
export interface Changes {
  before: { roles: string[]; groups: string[] };
  after: { roles: string[]; groups: string[] };
  /** A role that stays although no rule gives it any more, because its holder is the last admin. */
  keptAdmin?: true;
}

/**
 * Makes what an identity's user has of roles and groups what the rules give now. Call it with the user's row locked.
 * @returns null where nothing changed
 */
export async function applyRules(tx: Tx, identity: IdentityRow, given: Given): Promise<Changes | null> {
  const { userId } = identity;
  const others = await tx
    .select({ roleIds: userIdentities.givenRoleIds, groupIds: userIdentities.givenGroupIds })
    .from(userIdentities)
    .where(and(eq(userIdentities.userId, userId), ne(userIdentities.id, identity.id)));
  const before = await present(tx, userId);
  const role = plan(
    before.roles,
    identity.givenRoleIds,
    given.roleIds,
    others.flatMap((each) => each.roleIds),
  );
  const group = plan(
    before.groups,
    identity.givenGroupIds,
    given.groupIds,
    others.flatMap((each) => each.groupIds),
  );
  const adminId = before.roles.find(({ id, name }) => name === 'admin' && role.lost.includes(id))?.id;
  const keeps = adminId !== undefined && !(await mayLoseAdmin(tx, userId));
  if (keeps) {
    role.lost = role.lost.filter((id) => id !== adminId);
    role.given.push(adminId);
  }
  if (role.lost.length > 0) {
    await tx.delete(userRoles).where(and(eq(userRoles.userId, userId), inArray(userRoles.roleId, role.lost)));
  }
  if (group.lost.length > 0) {
    await tx
      .delete(groupMembers)
      .where(and(eq(groupMembers.userId, userId), inArray(groupMembers.groupId, group.lost)));
  }
  if (role.added.length > 0) {
    await tx
      .insert(userRoles)
      .values(role.added.map((roleId) => ({ userId, roleId })))
      .onConflictDoNothing();
  }
  if (group.added.length > 0) {
    await tx
      .insert(groupMembers)
      .values(group.added.map((groupId) => ({ userId, groupId })))
      .onConflictDoNothing();
  }
  await tx
    .update(userIdentities)
    .set({ givenRoleIds: role.given, givenGroupIds: group.given })
    .where(eq(userIdentities.id, identity.id));
  const changed = role.lost.length + role.added.length + group.lost.length + group.added.length > 0;
  if (!changed && !keeps) return null;
  return {
    before: namesOf(before),
    after: namesOf(await present(tx, userId)),
    ...(keeps && { keptAdmin: true as const }),
  };
}

interface Plan {
  added: string[];
  lost: string[];
  /** What is the rules' from now on: not what was there by hand before a rule gave it, too. */
  given: string[];
}

function plan(
  has: readonly { id: string }[],
  gave: readonly string[],
  gives: readonly string[],
  byOthers: readonly string[],
): Plan {
  const isPresent = (id: string) => has.some((each) => each.id === id);
  return {
    added: gives.filter((id) => !isPresent(id)),
    lost: gave.filter((id) => isPresent(id) && !gives.includes(id) && !byOthers.includes(id)),
    given: gives.filter((id) => !isPresent(id) || gave.includes(id) || byOthers.includes(id)),
  };
}

async function mayLoseAdmin(tx: Tx, userId: string): Promise<boolean> {
  try {
    await keepAnAdmin(tx, userId);
    return true;
  } catch (error) {
    if (isHubError(error) && error.code === 'CONFLICT') return false;
    throw error;
  }
}

async function present(tx: Tx, userId: string) {
  return {
    roles: await tx
      .select({ id: roles.id, name: roles.name })
      .from(userRoles)
      .innerJoin(roles, eq(roles.id, userRoles.roleId))
      .where(eq(userRoles.userId, userId)),
    groups: await tx
      .select({ id: groups.id, name: groups.name })
      .from(groupMembers)
      .innerJoin(groups, eq(groups.id, groupMembers.groupId))
      .where(eq(groupMembers.userId, userId)),
  };
}

function namesOf({ roles: roleRows, groups: groupRows }: Awaited<ReturnType<typeof present>>) {
  const sorted = (rows: readonly { name: string }[]) => rows.map(({ name }) => name).sort((a, b) => a.localeCompare(b));
  return { roles: sorted(roleRows), groups: sorted(groupRows) };
}
