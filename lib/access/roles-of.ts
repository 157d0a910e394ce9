// The roles of a user: read, and given without anybody giving more than they have, and never away from the last admin.
import { and, eq, inArray, ne } from 'drizzle-orm';
import { roles, userRoles, users } from '../../drizzle/schema';
import type { Db, Tx } from '../db/types';
import { type FieldFault, HubError } from '../errors';
import { invalidInput } from '../input';
import { canGive } from './can';
import type { Ctx } from './context';
import type { Permission } from './schema';

const adminRole = 'admin';

export interface GivenRole {
  id: string;
  name: string;
  permissions: Permission[];
}

/** All that a user's roles allow. */
export async function permissionsOf(db: Db | Tx, userId: string): Promise<Permission[]> {
  return (await rolesOf(db, userId)).flatMap((role) => role.permissions);
}

export async function rolesOf(db: Db | Tx, userId: string): Promise<GivenRole[]> {
  const rows = await db
    .select({ id: roles.id, name: roles.name, permissions: roles.permissions })
    .from(userRoles)
    .innerJoin(roles, eq(roles.id, userRoles.roleId))
    .where(eq(userRoles.userId, userId));
  return rows.map((row) => ({ ...row, permissions: row.permissions as Permission[] }));
}

/**
 * The roles of these names, all of which the actor may give.
 * @param kept names that the user has already: they need not be given
 * @throws HubError INVALID_INPUT for an unknown role, and for one with rights that the actor has not
 */
export async function givableRoles(
  { actor }: Ctx,
  db: Db | Tx,
  names: readonly string[],
  kept: readonly string[] = [],
): Promise<GivenRole[]> {
  const wanted = [...new Set(names)];
  const rows = wanted.length === 0 ? [] : await db.select().from(roles).where(inArray(roles.name, wanted));
  const known = new Map(rows.map((row) => [row.name, row]));
  const faults: FieldFault[] = wanted.flatMap((name, index) => {
    const pointer = `/roles/${index}`;
    const role = known.get(name);
    if (!role) return [{ pointer, detail: `there is no role "${name}"` }];
    if (kept.includes(name) || canGive(actor, role.permissions as Permission[])) return [];
    return [{ pointer, detail: `the role "${name}" has rights that you do not have yourself` }];
  });
  if (faults.length > 0) throw invalidInput(faults);
  return rows.map(({ id, name, permissions }) => ({ id, name, permissions: permissions as Permission[] }));
}

/**
 * Makes these the roles of a user, inside the caller's transaction.
 * @throws HubError INVALID_INPUT as givableRoles; FORBIDDEN where one that the actor could not give would be taken
 */
export async function replaceRoles(ctx: Ctx, tx: Tx, userId: string, names: readonly string[]): Promise<void> {
  const before = await rolesOf(tx, userId);
  const after = await givableRoles(
    ctx,
    tx,
    names,
    before.map((role) => role.name),
  );
  const lost = before.filter((role) => !after.some(({ id }) => id === role.id));
  const strange = lost.find((role) => !canGive(ctx.actor, role.permissions));
  if (strange) throw new HubError('FORBIDDEN', `The role "${strange.name}" has rights that you do not have yourself.`);
  if (lost.some((role) => role.name === adminRole)) await keepAnAdmin(tx, userId);
  await tx.delete(userRoles).where(eq(userRoles.userId, userId));
  if (after.length > 0) await tx.insert(userRoles).values(after.map(({ id }) => ({ userId, roleId: id })));
}

/** Whether `userId` is an admin, and no admin that is not disabled has a password: then only providers lead to one. */
export async function leadsOnlyByProviders(tx: Tx, userId: string): Promise<boolean> {
  const admins = await tx
    .select({ id: users.id, passwordHash: users.passwordHash })
    .from(userRoles)
    .innerJoin(roles, eq(roles.id, userRoles.roleId))
    .innerJoin(users, eq(users.id, userRoles.userId))
    .where(and(eq(roles.name, adminRole), eq(users.disabled, false)));
  return admins.some(({ id }) => id === userId) && admins.every(({ passwordHash }) => passwordHash === null);
}

/**
 * Call it in the transaction in which `userId` ceases to be an admin that can sign in. Two admins who remove each other
 * wait here for one another.
 * @throws HubError CONFLICT when there is no other one
 */
export async function keepAnAdmin(tx: Tx, userId: string): Promise<void> {
  const [admin] = await tx.select({ id: roles.id }).from(roles).where(eq(roles.name, adminRole)).for('update');
  if (!admin) return;
  const [has] = await tx
    .select({ id: userRoles.userId })
    .from(userRoles)
    .where(and(eq(userRoles.roleId, admin.id), eq(userRoles.userId, userId)));
  if (!has) return;
  const [other] = await tx
    .select({ id: users.id })
    .from(userRoles)
    .innerJoin(users, eq(users.id, userRoles.userId))
    .where(and(eq(userRoles.roleId, admin.id), ne(users.id, userId), eq(users.disabled, false)))
    .limit(1);
  if (!other) {
    throw new HubError('CONFLICT', 'This is the last admin: nobody could manage the hub any more.', {
      hint: 'Give somebody else the role "admin" first.',
    });
  }
}
