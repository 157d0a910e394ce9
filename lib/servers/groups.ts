// The verbs of groups. A group names servers (all their tools or some) and the users who may see and call them.
import { randomUUID } from 'node:crypto';
import { eq, inArray, sql } from 'drizzle-orm';
import { endpointNames, groupMembers, groupServers, groups, servers, tools, users } from '../../drizzle/schema';
import { can, type Resource } from '../access/can';
import type { Ctx } from '../access/context';
import type { Action } from '../access/schema';
import type { Db, Tx } from '../db/types';
import { type FieldFault, HubError } from '../errors';
import { invalidInput, parseInput } from '../input';
import type { ToolList } from '../routing/schema';
import { writeAudit } from '../telemetry/audit';
import { checkVersion, type VersionCheck } from '../telemetry/versions';
import { mayOpen } from './anonymous';
import { changeName, claimName } from './names';
import { type KnownServer, readServers, serverResource } from './rows';
import { type GroupInput, type GroupPatch, type GroupView, groupInputSchema, groupPatchSchema } from './schema';
import { changedToolList, viewToolLists } from './tool-lists';

export type GroupRow = typeof groups.$inferSelect;

/** All groups that the actor may see, by name. */
export async function listGroups(ctx: Ctx): Promise<GroupView[]> {
  const rows = await ctx.db.select().from(groups).orderBy(sql`lower(${groups.name})`);
  return viewGroups(
    ctx,
    ctx.db,
    rows.filter((row) => can(ctx.actor, 'read', groupResource(row))),
  );
}

/** @throws HubError NOT_FOUND */
export async function getGroup(ctx: Ctx, name: string): Promise<GroupView> {
  return viewGroup(ctx, ctx.db, await findGroup(ctx, ctx.db, name, 'read'));
}

/**
 * Opening it to everybody needs the right to change settings, too.
 * @throws HubError FORBIDDEN, INVALID_INPUT (also for an unknown server or user), CONFLICT
 */
export async function createGroup(ctx: Ctx, input: GroupInput): Promise<GroupView> {
  if (!can(ctx.actor, 'create', { type: 'group' })) throw new HubError('FORBIDDEN', 'You may not add groups.');
  const group = parseInput(groupInputSchema, input);
  if (group.anonymous) mayOpen(ctx);
  const { view, touched } = await ctx.db.transaction(async (tx) => {
    const id = randomUUID();
    const toolList = await changedToolList(ctx, tx, {}, group.toolList);
    const [row] = await tx
      .insert(groups)
      .values({
        id,
        name: group.name,
        description: group.description ?? '',
        prefix: group.prefix ?? 'always',
        toolList,
        anonymous: group.anonymous ?? false,
        createdBy: ctx.actor.userId,
      })
      .returning();
    if (!row) throw new HubError('INTERNAL', undefined, { detail: 'insert into groups returned no row' });
    await claimName(tx, row.name, { groupId: id });
    await setServers(ctx, tx, id, group.servers ?? []);
    const touched = await setMembers(tx, id, group.members ?? []);
    await writeAudit(tx, ctx, { action: 'group.created', ...named(row), after: group });
    return { view: await viewGroup(ctx, tx, row), touched };
  });
  await ctx.bus.emit('group.created', { id: view.id, name: view.name });
  await announceAccess(ctx, touched);
  return view;
}

/**
 * Applies a JSON merge patch; `servers` and `members` are replaced whole. Opening it to everybody, and changing what an
 * open one offers, needs the right to change settings, too.
 * @throws HubError NOT_FOUND, FORBIDDEN, INVALID_INPUT, CONFLICT, STALE_VERSION
 */
export async function updateGroup(
  ctx: Ctx,
  name: string,
  patch: GroupPatch,
  check: VersionCheck = {},
): Promise<GroupView> {
  const { view, touched } = await ctx.db.transaction(async (tx) => {
    const before = await findGroup(ctx, tx, name, 'update', true);
    const { servers: newServers, members, toolList: newList, ...fields } = parseInput(groupPatchSchema, patch);
    await checkVersion(tx, before, check);
    if (fields.name !== undefined) await changeName(tx, before.name, fields.name, { groupId: before.id });
    const old = await viewGroup(ctx, tx, before);
    const toolList = await changedToolList(ctx, tx, before.toolList, newList);
    const [row] = await tx
      .update(groups)
      .set({ ...fields, toolList, version: sql`${groups.version} + 1` })
      .where(eq(groups.id, before.id))
      .returning();
    if (!row) throw new HubError('NOT_FOUND');
    if (newServers) await setServers(ctx, tx, row.id, newServers);
    const touched = members ? await setMembers(tx, row.id, members) : [];
    const view = await viewGroup(ctx, tx, row);
    const offersElse = JSON.stringify(old.servers) !== JSON.stringify(view.servers);
    if (row.anonymous && (offersElse || !before.anonymous)) mayOpen(ctx);
    await writeAudit(tx, ctx, { action: 'group.updated', ...named(row), before: contents(old), after: contents(view) });
    return { view, touched };
  });
  await ctx.bus.emit('group.updated', { id: view.id, name: view.name });
  await announceAccess(ctx, touched);
  return view;
}

/** @throws HubError NOT_FOUND, FORBIDDEN, STALE_VERSION */
export async function deleteGroup(ctx: Ctx, name: string, check: VersionCheck = {}): Promise<void> {
  const { row, touched } = await ctx.db.transaction(async (tx) => {
    const row = await findGroup(ctx, tx, name, 'delete', true);
    await checkVersion(tx, row, check);
    const before = contents(await viewGroup(ctx, tx, row));
    const touched = await memberIds(tx, row.id);
    await tx.delete(groups).where(eq(groups.id, row.id));
    await writeAudit(tx, ctx, { action: 'group.deleted', ...named(row), before });
    return { row, touched };
  });
  await ctx.bus.emit('group.deleted', { id: row.id, name: row.name });
  await announceAccess(ctx, touched);
}

/**
 * The group called `name`, in any case of letters. With `lock` its row stays locked until the transaction ends.
 * @throws HubError NOT_FOUND, FORBIDDEN
 */
export async function findGroup(ctx: Ctx, db: Db | Tx, name: string, action: Action, lock = false): Promise<GroupRow> {
  const query = db
    .select({ group: groups })
    .from(groups)
    .innerJoin(endpointNames, eq(endpointNames.groupId, groups.id))
    .where(eq(endpointNames.name, name.toLowerCase()));
  const [found] = await (lock ? query.for('update', { of: groups }) : query);
  if (!found || !can(ctx.actor, 'read', groupResource(found.group))) {
    throw new HubError('NOT_FOUND', `There is no group "${name.slice(0, 64)}", or it is not yours to see.`);
  }
  if (!can(ctx.actor, action, groupResource(found.group))) {
    throw new HubError('FORBIDDEN', `You may see the group "${found.group.name}" but not change it.`);
  }
  return found.group;
}

/** What is left out is no business of those who get the rest. */
function mayChange(ctx: Ctx, row: GroupRow): boolean {
  return can(ctx.actor, 'update', groupResource(row));
}

function groupResource(row: GroupRow): Resource {
  return { type: 'group', ownerId: row.createdBy, groups: [row] };
}

/** Replaces the servers of a group. Only servers that the actor may see can be named. */
async function setServers(ctx: Ctx, tx: Tx, groupId: string, wanted: NonNullable<GroupInput['servers']>) {
  const known = new Map(
    wanted.length === 0 ? [] : (await readServers(tx)).map((each) => [each.row.name.toLowerCase(), each]),
  );
  const faults: FieldFault[] = [];
  const rows = wanted.flatMap(({ server: name, tools: choice }, index) => {
    const server: KnownServer | undefined = known.get(name.toLowerCase());
    if (server && can(ctx.actor, 'read', serverResource(server))) {
      const tools = choice === 'all' ? null : Array.isArray(choice) ? [...new Set(choice)] : [];
      const exceptTools = choice === 'all' || Array.isArray(choice) ? null : [...new Set(choice.except)];
      return [{ groupId, serverId: server.row.id, tools, exceptTools }];
    }
    faults.push({ pointer: `/servers/${index}/server`, detail: `there is no server "${name}"` });
    return [];
  });
  const ids = rows.map((row) => row.serverId);
  rows.forEach(({ serverId }, index) => {
    if (ids.indexOf(serverId) !== index) faults.push({ pointer: '/servers', detail: 'a server is named twice' });
  });
  if (faults.length === 0) faults.push(...(await unknownExceptions(tx, groupId, rows)));
  if (faults.length > 0) throw invalidInput(faults);
  await tx.delete(groupServers).where(eq(groupServers.groupId, groupId));
  if (rows.length > 0) await tx.insert(groupServers).values(rows);
}

/**
 * A tool that is left out has to be named as its server does: by a slip of the pen, or by a curated name, it would be on
 * offer. Of a server that has listed nothing yet nothing is known, and what was left out before may be gone meanwhile.
 */
async function unknownExceptions(
  tx: Tx,
  groupId: string,
  rows: readonly { serverId: string; exceptTools: string[] | null }[],
): Promise<FieldFault[]> {
  const ids = rows.flatMap(({ serverId, exceptTools }) => (exceptTools ? [serverId] : []));
  if (ids.length === 0) return [];
  const listed = await tx
    .select({ serverId: tools.serverId, name: tools.name })
    .from(tools)
    .where(inArray(tools.serverId, ids));
  const before = await tx.select().from(groupServers).where(eq(groupServers.groupId, groupId));
  return rows.flatMap(({ serverId, exceptTools }, index) => {
    const own = listed.filter((tool) => tool.serverId === serverId).map(({ name }) => name);
    if (!exceptTools || own.length === 0) return [];
    const former = before.find((row) => row.serverId === serverId)?.exceptTools ?? [];
    const known = new Set([...own, ...former]);
    return exceptTools.flatMap((name, at) =>
      known.has(name)
        ? []
        : [
            {
              pointer: `/servers/${index}/tools/except/${at}`,
              detail: `the server has no tool ${JSON.stringify(name)}; name it as the server does`,
            },
          ],
    );
  });
}

/** Replaces the members of a group. @returns ids of the users that came or went */
async function setMembers(tx: Tx, groupId: string, wanted: string[]): Promise<string[]> {
  const names = [...new Set(wanted.map((name) => name.toLowerCase()))];
  const found =
    names.length === 0
      ? []
      : await tx
          .select({ id: users.id, name: sql<string>`lower(${users.username})` })
          .from(users)
          .where(inArray(sql`lower(${users.username})`, names));
  const known = new Set(found.map((user) => user.name));
  const faults = wanted.flatMap((name, index) =>
    known.has(name.toLowerCase()) ? [] : [{ pointer: `/members/${index}`, detail: `there is no user "${name}"` }],
  );
  if (faults.length > 0) throw invalidInput(faults);
  const before = new Set(await memberIds(tx, groupId));
  const after = new Set(found.map((user) => user.id));
  await tx.delete(groupMembers).where(eq(groupMembers.groupId, groupId));
  if (after.size > 0) await tx.insert(groupMembers).values([...after].map((userId) => ({ groupId, userId })));
  return [...new Set([...before, ...after])].filter((id) => before.has(id) !== after.has(id));
}

async function memberIds(tx: Tx, groupId: string): Promise<string[]> {
  const rows = await tx.select({ id: groupMembers.userId }).from(groupMembers).where(eq(groupMembers.groupId, groupId));
  return rows.map((row) => row.id);
}

async function announceAccess(ctx: Ctx, userIds: string[]): Promise<void> {
  await Promise.all(userIds.map((userId) => ctx.bus.emit('access.changed', { userId })));
}

async function viewGroup(ctx: Ctx, db: Db | Tx, row: GroupRow): Promise<GroupView> {
  const [view] = await viewGroups(ctx, db, [row]);
  if (!view) throw new HubError('NOT_FOUND');
  return view;
}

/** Other members are shown only to those who may see users. */
async function viewGroups(ctx: Ctx, db: Db | Tx, rows: GroupRow[]): Promise<GroupView[]> {
  if (rows.length === 0) return [];
  const ids = rows.map((row) => row.id);
  const contained = await db
    .select({
      groupId: groupServers.groupId,
      server: servers.name,
      tools: groupServers.tools,
      exceptTools: groupServers.exceptTools,
    })
    .from(groupServers)
    .innerJoin(servers, eq(servers.id, groupServers.serverId))
    .where(inArray(groupServers.groupId, ids))
    .orderBy(sql`lower(${servers.name})`);
  const members = await db
    .select({ groupId: groupMembers.groupId, id: users.id, username: users.username })
    .from(groupMembers)
    .innerJoin(users, eq(users.id, groupMembers.userId))
    .where(inArray(groupMembers.groupId, ids))
    .orderBy(sql`lower(${users.username})`);
  const toolLists = await viewToolLists(
    ctx,
    db,
    rows.map((row) => row.toolList),
  );
  return rows.map((row, index) => ({
    id: row.id,
    name: row.name,
    description: row.description,
    prefix: row.prefix,
    toolList: toolLists[index] as ToolList,
    anonymous: row.anonymous,
    servers: contained
      .filter((each) => each.groupId === row.id)
      .filter((each) => can(ctx.actor, 'read', { type: 'server', groups: [row], server: each.server }))
      .map(({ server, tools, exceptTools }) => ({
        server,
        tools: exceptTools ? { except: mayChange(ctx, row) ? exceptTools : [] } : (tools ?? 'all'),
      })),
    members: members
      .filter((each) => each.groupId === row.id && can(ctx.actor, 'read', { type: 'user', ownerId: each.id }))
      .map((each) => each.username),
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
    version: row.version,
  }));
}

function contents({ name, description, prefix, toolList, anonymous, servers, members }: GroupView) {
  return { name, description, prefix, toolList, anonymous, servers, members };
}

function named(row: GroupRow) {
  return { resourceType: 'group', resourceId: row.id, resourceName: row.name };
}
