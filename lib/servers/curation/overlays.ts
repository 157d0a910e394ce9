// The verbs of overlays: what is changed about a tool before models see it, on its server and, over that, in a group.
// An overlay names the tool as the server does and outlives it; what of it does not fit (any more) is told as a fault.
import { randomUUID } from 'node:crypto';
import { and, asc, eq, inArray, isNull, or } from 'drizzle-orm';
import { groupServers, groups, toolOverlays, tools } from '../../../drizzle/schema';
import { can } from '../../access/can';
import type { Ctx } from '../../access/context';
import type { Db, Tx } from '../../db/types';
import { type FieldFault, HubError } from '../../errors';
import { invalidInput, parseInput, pointerOf } from '../../input';
import { tokensOfTool } from '../../routing/tokens';
import { writeAudit } from '../../telemetry/audit';
import { checkVersion, type VersionCheck } from '../../telemetry/versions';
import { mayOpen } from '../anonymous';
import { type Definition, isReadOnly } from '../catalog';
import { findGroup, type GroupRow } from '../groups';
import { hidesCharacters } from '../names';
import { findServer, type KnownServer, readServers, toolResource } from '../rows';
import { choiceOf, offers } from '../tool-choice';
import { curate, curateIn, isEmptyOverlay, type OverlayFault, shownOf, tidied } from './curate';
import {
  type GroupToolView,
  groupOverlaySchema,
  type OverlayView,
  serverOverlaySchema,
  type ToolOverlay,
} from './schema';

/** Which tool: of a server, or of a server in a group. */
export interface ToolRef {
  server: string;
  group?: string | undefined;
  /** Original name. */
  tool: string;
}

type OverlayRow = typeof toolOverlays.$inferSelect;

/**
 * What is changed about a tool. It takes the right to change it, because values that callers do not see are in it.
 * @throws HubError NOT_FOUND, FORBIDDEN
 */
export async function getToolOverlay(ctx: Ctx, ref: ToolRef): Promise<OverlayView> {
  return viewOf(await find(ctx, ctx.db, ref));
}

/**
 * Replaces what is changed about a tool; an overlay that changes nothing takes it back. A name that another tool of the
 * server has, or gets by an overlay, is refused. Switching a tool on again where callers without a credential reach it
 * needs the right to change settings, too.
 * @throws HubError NOT_FOUND, FORBIDDEN, INVALID_INPUT, CONFLICT, STALE_VERSION
 */
export async function setToolOverlay(
  ctx: Ctx,
  ref: ToolRef,
  input: ToolOverlay,
  check: VersionCheck = {},
): Promise<OverlayView> {
  const overlay = tidied(parseInput(ref.group === undefined ? serverOverlaySchema : groupOverlaySchema, input));
  refuseHiddenCharacters(overlay);
  const { view, server } = await ctx.db.transaction(async (tx) => {
    const found = await find(ctx, tx, ref, true);
    const { server, group, row, base } = found;
    await checkVersion(tx, { id: row?.id ?? randomUUID(), name: ref.tool, version: row?.version ?? 0 }, check);
    if (overlay.name !== undefined) await refuseTakenName(tx, found, overlay.name);
    const before = (row?.overlay ?? {}) as ToolOverlay;
    if (base) {
      // What fitted once does not stand in the way of other changes.
      const isNew = ({ parameter }: OverlayFault) =>
        JSON.stringify(overlay.parameters?.[parameter]) !== JSON.stringify(before.parameters?.[parameter]);
      const faults = curate(base, overlay).faults.filter(isNew);
      if (faults.length > 0) {
        const places = faults.map(({ parameter, text }) => ({
          pointer: placeOf(parameter),
          detail: text.slice(0, -1),
        }));
        throw invalidInput(places, 'overlay');
      }
    }
    if (before.enabled === false && overlay.enabled !== false && (await isOpen(tx, server))) mayOpen(ctx);
    const values = { serverId: server.row.id, groupId: group?.id ?? null, tool: ref.tool };
    const [stored] = row
      ? await tx
          .update(toolOverlays)
          .set({ overlay, version: row.version + 1 })
          .where(eq(toolOverlays.id, row.id))
          .returning()
      : await tx
          .insert(toolOverlays)
          .values({ ...values, overlay })
          .returning();
    if (!stored) throw new HubError('INTERNAL', undefined, { detail: 'an overlay was not stored' });
    await writeAudit(tx, ctx, {
      action: isEmptyOverlay(overlay) ? 'tool.restored' : 'tool.curated',
      resourceType: 'tool',
      resourceId: stored.id,
      resourceName: `${server.row.name}/${ref.tool}`,
      before: { ...(group && { group: group.name }), ...before },
      after: { ...(group && { group: group.name }), ...overlay },
    });
    return { view: viewOf({ ...found, row: stored }), server };
  });
  await ctx.bus.emit('tools.curated', { id: server.row.id, name: server.row.name });
  return view;
}

/**
 * Shows the tool as its server says again (in a group: as the server's overlay leaves it). Without an overlay nothing
 * happens.
 * @throws HubError NOT_FOUND, FORBIDDEN, STALE_VERSION
 */
export async function removeToolOverlay(ctx: Ctx, ref: ToolRef, check: VersionCheck = {}): Promise<void> {
  const { row } = await find(ctx, ctx.db, ref);
  const { overlay, version } = row ?? { overlay: {}, version: 0 };
  if (isEmptyOverlay(overlay) && (check.ifVersion ?? version) === version) return;
  await setToolOverlay(ctx, ref, {}, check);
}

/**
 * The tools that a group offers, as its URL shows them before the name of the server is put in front, in the order of each server's own list.
 * @throws HubError NOT_FOUND
 */
export async function listGroupTools(ctx: Ctx, name: string): Promise<GroupToolView[]> {
  const group = await findGroup(ctx, ctx.db, name, 'read');
  const members = await ctx.db.select().from(groupServers).where(eq(groupServers.groupId, group.id));
  const ids = members.map(({ serverId }) => serverId);
  if (ids.length === 0) return [];
  const [known, listed, overlays] = await Promise.all([
    readServers(ctx.db, ids),
    ctx.db.select().from(tools).where(inArray(tools.serverId, ids)).orderBy(asc(tools.position)),
    readOverlays(ctx.db, ids, group.id),
  ]);
  return known.flatMap((server) => {
    const stored = members.find(({ serverId }) => serverId === server.row.id);
    const choice = choiceOf(stored ?? { tools: [] });
    return listed.flatMap(({ serverId, name: tool, definition }): GroupToolView[] => {
      if (serverId !== server.row.id || !offers(choice, tool)) return [];
      const { ofServer, ofGroup } = overlays.get(`${serverId} ${tool}`) ?? {};
      if (ofServer?.enabled === false) return [];
      if (!can(ctx.actor, 'read', toolResource(server, tool, changesNothing(definition, ofServer)))) return [];
      const curated = curateIn(definition, ofServer, ofGroup);
      const shown = shownOf(curated?.definition ?? definition);
      const faults = ofGroup ? (curated?.faults.map(({ text }) => text) ?? []) : [];
      const row = { server: server.row.name, tool, curated: ofGroup !== undefined, faults };
      return [{ ...row, ...shown, tokens: tokensOfTool(shown) }];
    });
  });
}

export interface Overlays {
  ofServer?: ToolOverlay;
  ofGroup?: ToolOverlay;
}

/** Overlays that change something, by "server id, space, original name"; those of one group too, where it is given. */
export async function readOverlays(
  db: Db | Tx,
  serverIds: string[],
  groupId: string | null = null,
): Promise<Map<string, Overlays>> {
  const found = new Map<string, Overlays>();
  if (serverIds.length === 0) return found;
  const isOfPlace = groupId === null ? undefined : eq(toolOverlays.groupId, groupId);
  const rows = await db
    .select()
    .from(toolOverlays)
    .where(and(inArray(toolOverlays.serverId, serverIds), or(isNull(toolOverlays.groupId), isOfPlace)));
  for (const { serverId, groupId: ofGroup, tool, overlay } of rows) {
    if (isEmptyOverlay(overlay)) continue;
    const key = `${serverId} ${tool}`;
    found.set(key, { ...found.get(key), [ofGroup === null ? 'ofServer' : 'ofGroup']: overlay });
  }
  return found;
}

/** Whether a tool is taken to change nothing: its server says so, and the overlay does not deny it. */
export function changesNothing(definition: Definition, overlay: ToolOverlay | undefined): boolean {
  return isReadOnly(definition) && overlay?.annotations?.readOnlyHint !== false;
}

interface Found {
  server: KnownServer;
  group: GroupRow | null;
  tool: string;
  row: OverlayRow | undefined;
  /** As the server defines it; undefined while it does not list it. */
  upstream: Definition | undefined;
  /** What the overlay is laid on. */
  base: Definition | undefined;
}

/** @param lock until the transaction ends nobody else changes overlays of this server */
async function find(
  ctx: Ctx,
  db: Db | Tx,
  { server: name, group: groupName, tool }: ToolRef,
  lock = false,
): Promise<Found> {
  const group = groupName === undefined ? null : await findGroup(ctx, db, groupName, 'update', lock);
  const server = await findServer(ctx, db, name, group ? 'read' : 'update', lock);
  const { id, name: serverName } = server.row;
  if (group && !server.memberships.some((each) => each.id === group.id)) {
    throw new HubError('NOT_FOUND', `The group "${group.name}" offers nothing of the server "${serverName}".`);
  }
  const [listed] = await db
    .select({ definition: tools.definition })
    .from(tools)
    .where(and(eq(tools.serverId, id), eq(tools.name, tool)));
  const rows = await db
    .select()
    .from(toolOverlays)
    .where(and(eq(toolOverlays.serverId, id), eq(toolOverlays.tool, tool)));
  const row = rows.find(({ groupId }) => groupId === (group?.id ?? null));
  const ofServer = rows.find(({ groupId }) => groupId === null)?.overlay as ToolOverlay | undefined;
  const upstream = listed?.definition;
  // Who may change the server may change all its tools.
  const isSeen =
    group === null
      ? upstream !== undefined
      : upstream && can(ctx.actor, 'read', toolResource(server, tool, changesNothing(upstream, ofServer)));
  if (!isSeen && (upstream || !row)) {
    const shown = JSON.stringify(tool.slice(0, 128));
    throw new HubError('NOT_FOUND', `The server "${serverName}" has no tool ${shown}, or it is not yours to see.`);
  }
  const base = group && upstream && ofServer ? curate(upstream, ofServer).definition : upstream;
  return { server, group, tool, row, upstream, base };
}

function viewOf({ server, group, tool, row, upstream, base }: Found): OverlayView {
  const overlay = (row?.overlay ?? {}) as ToolOverlay;
  const curated = base ? curate(base, overlay) : null;
  const [own, shown] = [upstream ? shownOf(upstream) : null, curated ? shownOf(curated.definition) : null];
  const isGone = !upstream && !isEmptyOverlay(overlay);
  return {
    server: server.row.name,
    group: group?.name ?? null,
    tool,
    overlay,
    version: row?.version ?? 0,
    updatedAt: row?.updatedAt.toISOString() ?? null,
    upstream: own,
    base: base ? shownOf(base) : null,
    shown,
    tokens: own && shown ? { upstream: tokensOfTool(own), shown: tokensOfTool(shown) } : null,
    faults: isGone ? ['The server does not list this tool now.'] : (curated?.faults.map(({ text }) => text) ?? []),
  };
}

const placeOf = (parameter: string) => pointerOf(['parameters', parameter]);

function refuseHiddenCharacters({ title, description, annotations, parameters = {} }: ToolOverlay): void {
  const texts: [string, string | undefined][] = [
    ['/title', title],
    ['/description', description],
    ['/annotations/title', annotations?.title],
    ...Object.entries(parameters).flatMap(([name, each]): [string, string | undefined][] => [
      [placeOf(name), 'value' in each ? JSON.stringify(each.value) : ''],
      [`${placeOf(name)}/description`, 'description' in each ? each.description : undefined],
    ]),
  ];
  const faults: FieldFault[] = texts.flatMap(([pointer, text]) =>
    text !== undefined && hidesCharacters(text)
      ? [{ pointer, detail: 'holds characters that nobody sees, or that turn the text around' }]
      : [],
  );
  if (faults.length > 0) throw invalidInput(faults, 'overlay');
}

/** Nobody else on this server may have the name, with or without overlay, so that to take an overlay back is always possible. */
async function refuseTakenName(tx: Tx, { server, group, tool }: Found, name: string): Promise<void> {
  const isOther = (each: { tool: string }) => each.tool !== tool;
  const listed = await tx
    .select({ tool: tools.name })
    .from(tools)
    .where(and(eq(tools.serverId, server.row.id), eq(tools.name, name)));
  const overlays = (await tx.select().from(toolOverlays).where(eq(toolOverlays.serverId, server.row.id))).filter(
    (row) => (row.overlay as ToolOverlay).name === name,
  );
  // What the server's overlay says holds in all its groups; what a group says holds in that group alone.
  const isNear = ({ groupId }: OverlayRow) => !group || groupId === null || groupId === group.id;
  const holder = listed.find(isOther) ?? overlays.filter(isNear).find(isOther);
  if (!holder) return;
  const shown = JSON.stringify(holder.tool);
  const whose = holder.tool === name ? `a tool of "${server.row.name}"` : `the curated name of the tool ${shown}`;
  throw new HubError('CONFLICT', `The name "${name}" is taken: it is ${whose}.`, {
    hint: 'Choose another name.',
    faults: [{ pointer: '/name', detail: `is ${whose}` }],
  });
}

/** Whether callers without a credential reach tools of the server. */
async function isOpen(tx: Tx, { row, memberships }: KnownServer): Promise<boolean> {
  if (row.anonymous) return true;
  const ids = memberships.map(({ id }) => id);
  if (ids.length === 0) return false;
  const open = await tx
    .select({ id: groups.id })
    .from(groups)
    .where(and(inArray(groups.id, ids), eq(groups.anonymous, true)));
  return open.length > 0;
}
