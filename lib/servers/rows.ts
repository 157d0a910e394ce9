// Reads server rows together with what the policy wants to know of them, and turns them into views.
import { and, eq, inArray, isNull, sql } from 'drizzle-orm';
import { endpointNames, groupServers, groups, servers, toolOverlays, tools } from '../../drizzle/schema';
import { can, type Resource } from '../access/can';
import type { Ctx } from '../access/context';
import type { Action } from '../access/schema';
import type { CredentialSetting } from '../credentials/schema';
import type { Db, Tx } from '../db/types';
import { HubError } from '../errors';
import type { OpenApiSettings, OpenApiView } from '../openapi/schema';
import { toolListDefaults } from '../routing/schema';
import { mapCredential } from './credential';
import { maskSecrets, maskValue, maskValues } from './masking';
import { maskAuth } from './openapi/auth';
import type { ServerView } from './schema';
import { choiceOf, offers, type ToolChoice } from './tool-choice';

export type ServerRow = typeof servers.$inferSelect;

/** A group that contains a server, and which of its tools it offers. */
export interface Membership {
  id: string;
  name: string;
  choice: ToolChoice;
}

export interface KnownServer {
  row: ServerRow;
  memberships: Membership[];
}

/** Servers with their groups, by name; all of them, or those with the given ids. */
export async function readServers(db: Db | Tx, ids?: string[]): Promise<KnownServer[]> {
  const rows = await db
    .select()
    .from(servers)
    .where(ids && inArray(servers.id, ids))
    .orderBy(sql`lower(${servers.name})`);
  const memberships = await readMemberships(db, ids);
  return rows.map((row) => ({ row, memberships: memberships.get(row.id) ?? [] }));
}

async function readMemberships(db: Db | Tx, ids?: string[]): Promise<Map<string, Membership[]>> {
  const rows = await db
    .select({
      serverId: groupServers.serverId,
      tools: groupServers.tools,
      exceptTools: groupServers.exceptTools,
      id: groups.id,
      name: groups.name,
    })
    .from(groupServers)
    .innerJoin(groups, eq(groups.id, groupServers.groupId))
    .where(ids && inArray(groupServers.serverId, ids))
    .orderBy(groups.name);
  return byServer(rows.map(({ serverId, id, name, ...stored }) => ({ serverId, id, name, choice: choiceOf(stored) })));
}

function byServer<R extends { serverId: string }>(rows: R[]): Map<string, R[]> {
  const lists = new Map<string, R[]>();
  for (const row of rows) {
    const list = lists.get(row.serverId);
    if (list) list.push(row);
    else lists.set(row.serverId, [row]);
  }
  return lists;
}

export function serverResource({ row, memberships }: KnownServer): Resource {
  return { type: 'server', ownerId: row.createdBy, groups: memberships, server: row.name };
}

/** A tool is in those groups only that offer this very tool. */
export function toolResource({ row, memberships }: KnownServer, tool: string, readOnly: boolean): Resource {
  const isLimited = memberships.some(({ choice }) => choice !== null);
  if (!isLimited)
    return { type: 'tool', ownerId: row.createdBy, groups: memberships, server: row.name, tool, readOnly };
  const offering = memberships.filter(({ choice }) => offers(choice, tool));
  return { type: 'tool', ownerId: row.createdBy, groups: offering, server: row.name, tool, readOnly };
}

/**
 * The server called `name`, in any case of letters. With `lock` its row stays locked until the transaction ends.
 * @throws HubError NOT_FOUND when it does not exist or may not be seen; FORBIDDEN when it may be seen but not acted on
 */
export async function findServer(
  ctx: Ctx,
  db: Db | Tx,
  name: string,
  action: Action,
  lock = false,
): Promise<KnownServer> {
  const named = db
    .select({ id: servers.id })
    .from(servers)
    .innerJoin(endpointNames, eq(endpointNames.serverId, servers.id))
    .where(eq(endpointNames.name, name.toLowerCase()));
  const [found] = await (lock ? named.for('update', { of: servers }) : named);
  const [known] = found ? await readServers(db, [found.id]) : [];
  if (!known || !can(ctx.actor, 'read', serverResource(known))) {
    throw new HubError('NOT_FOUND', `There is no server "${name.slice(0, 64)}", or it is not yours to see.`);
  }
  if (!can(ctx.actor, action, serverResource(known))) {
    throw new HubError('FORBIDDEN', `You may see the server "${known.row.name}" but not ${verbOf[action]} it.`);
  }
  return known;
}

const verbOf: Record<Action, string> = {
  read: 'read',
  create: 'create',
  update: 'change',
  delete: 'remove',
  operate: 'start or stop',
  call: 'call',
};

/** How many tools of each server the actor may see. */
export async function countTools(ctx: Ctx, db: Db | Tx, known: KnownServer[]): Promise<Map<string, number>> {
  const ids = known.map(({ row }) => row.id);
  if (ids.length === 0) return new Map();
  if (can(ctx.actor, 'read', { type: 'tool' })) {
    const counts = await db
      .select({ serverId: tools.serverId, count: sql<number>`count(*)::int` })
      .from(tools)
      .where(inArray(tools.serverId, ids))
      .groupBy(tools.serverId);
    return new Map(counts.map((row) => [row.serverId, row.count]));
  }
  const names = await db
    .select({
      serverId: tools.serverId,
      name: tools.name,
      readOnly: sql<boolean>`coalesce((${tools.definition} -> 'annotations' -> 'readOnlyHint')::text = 'true'
        and coalesce((${toolOverlays.overlay} -> 'annotations' -> 'readOnlyHint')::text, '') <> 'false', false)`,
    })
    .from(tools)
    .leftJoin(
      toolOverlays,
      and(eq(toolOverlays.serverId, tools.serverId), eq(toolOverlays.tool, tools.name), isNull(toolOverlays.groupId)),
    )
    .where(inArray(tools.serverId, ids));
  const namesOf = byServer(names);
  return new Map(
    known.map((server) => {
      const own = namesOf.get(server.row.id) ?? [];
      return [
        server.row.id,
        own.filter((row) => can(ctx.actor, 'read', toolResource(server, row.name, row.readOnly))).length,
      ];
    }),
  );
}

function openApiOf({ type, openapi }: ServerRow, document: OpenApiView['document']): OpenApiView | null {
  if (type !== 'openapi') return null;
  const { auth, ...settings } = (openapi ?? {}) as OpenApiSettings;
  return { ...settings, ...(auth && { auth: maskAuth(auth as Parameters<typeof maskAuth>[0]) }), document };
}

/** What a view shows besides the row. */
export interface Beside {
  toolCount: number;
  document: OpenApiView['document'];
  needsReentry: string[];
}

/** Groups that the actor may not see are left out. */
export function viewOfServer(ctx: Ctx, { row, memberships }: KnownServer, beside: Beside): ServerView {
  const visible = memberships.filter((group) => can(ctx.actor, 'read', { type: 'group', groups: [group] }));
  return {
    id: row.id,
    name: row.name,
    label: row.label,
    description: row.description,
    type: row.type,
    command: row.command,
    args: row.args,
    env: maskValues(row.env),
    cwd: row.cwd,
    url: row.url,
    headers: maskValues(row.headers),
    secrets: maskSecrets(row.secrets),
    era: row.era,
    enabled: row.enabled,
    desired: row.desired,
    timeoutMs: row.timeoutMs,
    prefix: row.prefix,
    toolList: { ...toolListDefaults, ...row.toolList },
    anonymous: row.anonymous,
    limits: row.limits,
    tls: row.tls,
    healthCheck: row.healthCheck,
    replicas: row.replicas,
    endpoints: row.endpoints,
    balancing: row.balancing,
    repeatSafeCalls: row.repeatSafeCalls,
    definitionChanges: row.definitionChanges,
    isolation: row.isolation,
    startOnDemand: row.startOnDemand,
    idleStopSeconds: row.idleStopSeconds,
    warmInstances: row.warmInstances,
    credential: row.credential && (mapCredential(row.credential, maskValue) as CredentialSetting),
    openapi: openApiOf(row, beside.document),
    needsReentry: beside.needsReentry,
    source: row.source,
    sourceFile: row.sourceFile,
    groups: visible.map((group) => group.name),
    toolCount: beside.toolCount,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
    version: row.version,
  };
}
