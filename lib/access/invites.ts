// Invites: a link by which somebody makes an account of their own, once. Whoever invites gives nothing that they do not
// have, neither when the link is made nor when it is used.
import { randomBytes } from 'node:crypto';
import { desc, eq, inArray } from 'drizzle-orm';
import { groupMembers, groups, invites, roles, userRoles, users } from '../../drizzle/schema';
import type { Db, Tx } from '../db/types';
import { HubError } from '../errors';
import type { Bus } from '../events/bus';
import { parseInput } from '../input';
import { writeAudit } from '../telemetry/audit';
import { can, canGive } from './can';
import type { Ctx } from './context';
import { loadUser } from './identities';
import { isUuid } from './keys';
import { hashPassword } from './passwords';
import { noteRefusal } from './refusals';
import { givableRoles } from './roles-of';
import {
  type InviteAccept,
  type InviteInput,
  type InviteView,
  inviteAcceptSchema,
  inviteInputSchema,
  type OneTimeLink,
  type Permission,
} from './schema';
import { hashSecret } from './secrets';
import { auditOf, type SignedIn } from './sign-in';
import { defaultRoles, givableGroups, insertUser } from './users';

type InviteRow = typeof invites.$inferSelect;

const defaultDays = 7;
const dayMs = 86_400_000;
const listMax = 200;

/** Invites, newest first. @throws HubError FORBIDDEN */
export async function listInvites(ctx: Ctx): Promise<InviteView[]> {
  mayInvite(ctx);
  const rows = await ctx.db.select().from(invites).orderBy(desc(invites.createdAt), desc(invites.id)).limit(listMax);
  return viewsOf(ctx.db, rows);
}

/**
 * Makes an invite. Its token is in this answer and nowhere else.
 * @throws HubError FORBIDDEN, INVALID_INPUT (also for a role or group that the actor may not give)
 */
export async function createInvite(ctx: Ctx, input: InviteInput): Promise<{ invite: InviteView; link: OneTimeLink }> {
  mayInvite(ctx);
  const {
    note = '',
    roles: names = defaultRoles,
    groups: groupNames = [],
    expiresInDays = defaultDays,
  } = parseInput(inviteInputSchema, input);
  const token = randomBytes(32).toString('base64url');
  const invite = await ctx.db.transaction(async (tx) => {
    const givenRoles = await givableRoles(ctx, tx, names);
    const givenGroups = await givableGroups(ctx, tx, groupNames);
    const [row] = await tx
      .insert(invites)
      .values({
        tokenHash: hashSecret(token),
        note,
        roleIds: givenRoles.map(({ id }) => id),
        groupIds: givenGroups.map(({ id }) => id),
        createdBy: ctx.actor.userId,
        expiresAt: new Date(Date.now() + expiresInDays * dayMs),
      })
      .returning();
    if (!row) throw new HubError('INTERNAL', undefined, { detail: 'insert of an invite returned no row' });
    const [view] = await viewsOf(tx, [row]);
    if (!view) throw new HubError('INTERNAL', undefined, { detail: 'no view of an invite' });
    await writeAudit(tx, ctx, {
      action: 'invite.created',
      ...named(row),
      after: { note, roles: view.roles, groups: view.groups, expiresAt: view.expiresAt },
    });
    return view;
  });
  return { invite, link: { token, path: `/invite?token=${token}`, expiresAt: invite.expiresAt } };
}

/** Ends an invite that was not used. Doing it twice is no fault. @throws HubError NOT_FOUND, CONFLICT once it was used */
export async function revokeInvite(ctx: Ctx, id: string): Promise<void> {
  if (!isUuid(id) || !can(ctx.actor, 'create', { type: 'user' })) throw new HubError('NOT_FOUND');
  await ctx.db.transaction(async (tx) => {
    const [row] = await tx.select().from(invites).where(eq(invites.id, id)).for('update');
    if (!row) throw new HubError('NOT_FOUND');
    if (row.usedAt)
      throw new HubError('CONFLICT', 'This invite was used already.', { hint: 'Disable the user instead.' });
    if (row.revokedAt) return;
    await tx.update(invites).set({ revokedAt: new Date() }).where(eq(invites.id, id));
    await writeAudit(tx, ctx, { action: 'invite.revoked', ...named(row) });
  });
}

/** Whether a token can still be used, for the page that asks for name and password. */
export async function findInvite(db: Db, token: string): Promise<{ expiresAt: string } | null> {
  const row = await openInvite(db, token);
  return row && { expiresAt: row.expiresAt.toISOString() };
}

/**
 * Makes the account and uses the invite up. Of two at once one wins.
 * @throws HubError NOT_FOUND for an invite that is not valid any more, CONFLICT for a name that is taken, INVALID_INPUT
 */
export async function acceptInvite(
  source: { db: Db; bus: Bus; requestId: string; address?: string | undefined },
  input: InviteAccept,
): Promise<SignedIn> {
  const { db, bus, requestId, address } = source;
  const { token, username, password } = parseInput(inviteAcceptSchema, input);
  // Asked before the costly hash and again below, where it decides.
  if (!(await openInvite(db, token))) {
    await noteRefusal({ db, requestId, address }, () => ({ action: 'invite.refused', resourceType: 'invite' }));
    throw invalidInvite();
  }
  const passwordHash = await hashPassword(password);
  const user = await db.transaction(async (tx) => {
    // A second one waits here and then finds it used.
    const invite = await openInvite(tx, token, true);
    if (!invite) throw invalidInvite();
    const given = await stillGivable(tx, invite);
    const now = new Date();
    const row = await insertUser(tx, { username, passwordHash, passwordChangedAt: now, lastSignInAt: now });
    if (given.roleIds.length > 0) {
      await tx.insert(userRoles).values(given.roleIds.map((roleId) => ({ userId: row.id, roleId })));
    }
    if (given.groupIds.length > 0) {
      await tx.insert(groupMembers).values(given.groupIds.map((groupId) => ({ userId: row.id, groupId })));
    }
    await tx.update(invites).set({ usedAt: new Date(), usedBy: row.id }).where(eq(invites.id, invite.id));
    const actor = { kind: 'user', id: row.id, name: row.username };
    const [view] = await viewsOf(tx, [invite]);
    await writeAudit(
      tx,
      { actor, requestId, address },
      {
        ...auditOf(row),
        action: 'invite.accepted',
        after: { invite: invite.id, note: invite.note, roles: view?.roles, groups: view?.groups },
      },
    );
    return { userId: row.id, username: row.username, sessionVersion: row.sessionVersion };
  });
  await bus.emit('access.changed', { userId: user.userId });
  return user;
}

/**
 * What of an invite still exists, provided that whoever made it is still there and could still give it: rights that were
 * taken away must not come back by a link.
 * @throws HubError NOT_FOUND
 */
async function stillGivable(tx: Tx, { createdBy, roleIds, groupIds }: InviteRow) {
  const found = roleIds.length === 0 ? [] : await tx.select().from(roles).where(inArray(roles.id, roleIds));
  const known = groupIds.length === 0 ? [] : await tx.select().from(groups).where(inArray(groups.id, groupIds));
  const maker = createdBy === null ? null : (await loadUser(tx, createdBy))?.actor;
  const permissions = found.flatMap((role) => role.permissions as Permission[]);
  const mayGive =
    maker &&
    can(maker, 'create', { type: 'user' }) &&
    canGive(maker, permissions) &&
    known.every((group) => can(maker, 'update', { type: 'group', ownerId: group.createdBy, groups: [group] }));
  if (!mayGive) throw invalidInvite();
  return { roleIds: found.map(({ id }) => id), groupIds: known.map(({ id }) => id) };
}

async function openInvite(db: Db | Tx, token: string, lock = false): Promise<InviteRow | null> {
  const query = db
    .select()
    .from(invites)
    .where(eq(invites.tokenHash, hashSecret(token)));
  const [row] = await (lock ? query.for('update') : query);
  return row && stateOf(row) === 'open' ? row : null;
}

function mayInvite({ actor }: Ctx): void {
  if (!can(actor, 'create', { type: 'user' })) throw new HubError('FORBIDDEN', 'You may not invite users.');
}

function stateOf({ usedAt, revokedAt, expiresAt }: InviteRow): InviteView['state'] {
  if (usedAt) return 'used';
  if (revokedAt) return 'revoked';
  return expiresAt.getTime() <= Date.now() ? 'expired' : 'open';
}

async function viewsOf(db: Db | Tx, rows: InviteRow[]): Promise<InviteView[]> {
  if (rows.length === 0) return [];
  const roleNames = new Map((await db.select().from(roles)).map((role) => [role.id, role.name]));
  const groupNames = new Map((await db.select().from(groups)).map((group) => [group.id, group.name]));
  const people = rows.flatMap(({ createdBy, usedBy }) => [createdBy, usedBy]).filter((id) => id !== null);
  const names = new Map(
    people.length === 0
      ? []
      : (await db.select().from(users).where(inArray(users.id, people))).map((user) => [user.id, user.username]),
  );
  const namesOf = (ids: string[], known: Map<string, string>) =>
    ids.flatMap((id) => known.get(id) ?? []).sort((a, b) => a.localeCompare(b));
  return rows.map((row) => ({
    id: row.id,
    note: row.note,
    roles: namesOf(row.roleIds, roleNames),
    groups: namesOf(row.groupIds, groupNames),
    state: stateOf(row),
    createdBy: (row.createdBy && names.get(row.createdBy)) ?? null,
    usedBy: (row.usedBy && names.get(row.usedBy)) ?? null,
    createdAt: row.createdAt.toISOString(),
    expiresAt: row.expiresAt.toISOString(),
  }));
}

function named(row: InviteRow) {
  return { resourceType: 'invite', resourceId: row.id, resourceName: row.note || null };
}

function invalidInvite(): HubError {
  return new HubError('NOT_FOUND', 'This invite is not valid any more: it was used, revoked, or is too old.', {
    hint: 'Ask who invited you for a new one.',
  });
}
