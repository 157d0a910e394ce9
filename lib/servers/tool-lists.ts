// How groups and the endpoint over everything list their tools, with the tools that are pinned there, and the verbs for the
// latter: it has no row of its own but a setting.
import { eq } from 'drizzle-orm';
import { type StoredToolList, settings } from '../../drizzle/schema';
import { can } from '../access/can';
import type { Ctx } from '../access/context';
import type { Db, Tx } from '../db/types';
import { type FieldFault, HubError } from '../errors';
import { invalidInput, parseInput } from '../input';
import {
  type PinnedTool,
  type ToolList,
  type ToolListPatch,
  toolListDefaults,
  toolListPatchSchema,
} from '../routing/schema';
import { writeAudit } from '../telemetry/audit';
import { checkVersion, type VersionCheck } from '../telemetry/versions';
import { readServers, serverResource } from './rows';

type Stored = StoredToolList<PinnedTool>;

/** Of the endpoint over everything. */
export interface RootToolList extends ToolList {
  version: number;
}

const settingKey = 'tool-list';
const named = { resourceType: 'setting', resourceId: settingKey, resourceName: 'tools of /api/mcp' };

/** As it is stored, without asking who wants to know. */
export async function loadToolList(db: Db | Tx): Promise<Stored> {
  return (await loadSetting(db)).list;
}

/** @throws HubError FORBIDDEN */
export async function getRootToolList(ctx: Ctx): Promise<RootToolList> {
  if (!can(ctx.actor, 'read', { type: 'setting' })) throw new HubError('FORBIDDEN', 'You may not see settings.');
  return viewRoot(ctx, ctx.db);
}

/**
 * Applies a JSON merge patch to how `/api/mcp` lists its tools.
 * @throws HubError FORBIDDEN, INVALID_INPUT (also for a tool of an unknown server), STALE_VERSION
 */
export async function setRootToolList(ctx: Ctx, patch: ToolListPatch, check: VersionCheck = {}): Promise<RootToolList> {
  if (!can(ctx.actor, 'update', { type: 'setting' })) throw new HubError('FORBIDDEN', 'You may not change settings.');
  const change = parseInput(toolListPatchSchema, patch);
  const view = await ctx.db.transaction(async (tx) => {
    // A row to lock: two who change at once come one after the other.
    await tx.insert(settings).values({ key: settingKey, value: {} }).onConflictDoNothing();
    await tx.select().from(settings).where(eq(settings.key, settingKey)).for('update');
    const { list, version } = await loadSetting(tx);
    await checkVersion(tx, { id: settingKey, name: named.resourceName, version }, check);
    const before = await viewRoot(ctx, tx);
    const value = { list: await changedToolList(ctx, tx, list, change), version: version + 1 };
    await tx.update(settings).set({ value, updatedAt: new Date() }).where(eq(settings.key, settingKey));
    const after = await viewRoot(ctx, tx);
    await writeAudit(tx, ctx, { action: 'setting.changed', ...named, before, after });
    return after;
  });
  await ctx.bus.emit('tool-list.changed', {});
  return view;
}

async function loadSetting(db: Db | Tx): Promise<{ list: Stored; version: number }> {
  const [row] = await db.select().from(settings).where(eq(settings.key, settingKey));
  const { list = {}, version = 1 } = (row?.value ?? {}) as { list?: Stored; version?: number };
  return { list, version };
}

async function viewRoot(ctx: Ctx, db: Db | Tx): Promise<RootToolList> {
  const { list, version } = await loadSetting(db);
  const [view] = await viewToolLists(ctx, db, [list]);
  return { ...toolListDefaults, ...view, version };
}

/** Tools of servers that the actor may not see are left out. */
export async function viewToolLists(ctx: Ctx, db: Db | Tx, stored: readonly Stored[]): Promise<ToolList[]> {
  const ids = new Set(stored.flatMap(({ pinned = [] }) => pinned.map(({ serverId }) => serverId)));
  const known = ids.size === 0 ? [] : await readServers(db, [...ids]);
  const names = new Map(
    known
      .filter((each) => can(ctx.actor, 'read', serverResource(each)))
      .map(({ row }): [string, string] => [row.id, row.name]),
  );
  return stored.map(({ pinned = [], ...list }) => ({
    ...toolListDefaults,
    ...list,
    pinned: pinned.flatMap(({ serverId, tool }) => (names.has(serverId) ? [`${names.get(serverId)}/${tool}`] : [])),
  }));
}

/**
 * What is stored after a patch. Pinned tools are replaced whole, but for those of servers that the actor may not see: these
 * stay behind the others. A tool may be pinned before its server lists it.
 * @throws HubError INVALID_INPUT for a tool of a server that is not there or not the actor's to see
 */
export async function changedToolList(
  ctx: Ctx,
  tx: Tx,
  before: Stored,
  patch: ToolListPatch | null | undefined,
): Promise<Stored> {
  if (patch === undefined) return before;
  const { pinned, ...fields } = patch ?? { mode: null, maxTools: null, maxTokens: null, pinned: null };
  const merged: Record<string, unknown> = { ...before, ...fields };
  if (pinned !== undefined) merged.pinned = await resolvedPins(ctx, tx, before.pinned ?? [], pinned ?? []);
  return Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null && value !== undefined));
}

async function resolvedPins(ctx: Ctx, tx: Tx, before: readonly PinnedTool[], wanted: readonly string[]) {
  if (before.length + wanted.length === 0) return [];
  const known = await readServers(tx);
  const visible = known.filter((each) => can(ctx.actor, 'read', serverResource(each)));
  const ids = new Map(visible.map(({ row }) => [row.name.toLowerCase(), row.id]));
  const faults: FieldFault[] = [];
  const pins = wanted.flatMap((text, index): PinnedTool[] => {
    // Names of servers have no slash, names of tools may.
    const at = text.indexOf('/');
    const serverId = ids.get(text.slice(0, Math.max(at, 0)).toLowerCase());
    if (serverId && at < text.length - 1) return [{ serverId, tool: text.slice(at + 1) }];
    const detail = at < 1 ? 'must be "server/tool"' : `there is no server "${text.slice(0, at)}"`;
    faults.push({ pointer: `/toolList/pinned/${index}`, detail });
    return [];
  });
  if (faults.length > 0) throw invalidInput(faults);
  const mine = new Set(ids.values());
  const hidden = before.filter(({ serverId }) => !mine.has(serverId) && known.some(({ row }) => row.id === serverId));
  return [...pins, ...hidden];
}
