// The tools that an actor may see, from what the servers last listed, and the approval of those that changed.
import { and, asc, eq, inArray } from 'drizzle-orm';
import { toolPins, tools } from '../../drizzle/schema';
import { can, type Resource } from '../access/can';
import type { Ctx } from '../access/context';
import type { Db } from '../db/types';
import { HubError } from '../errors';
import { parseInput } from '../input';
import { tokensOfTool } from '../routing/tokens';
import { writeAudit } from '../telemetry/audit';
import type { Definition } from './catalog';
import { curate, shownOf } from './curation/curate';
import { changesNothing, type Overlays, readOverlays } from './curation/overlays';
import { hidesCharacters, looksOf } from './names';
import { writePins } from './pins';
import { findServer, type KnownServer, readServers, toolResource } from './rows';
import { type ToolApproval, type ToolDrift, type ToolSuspicion, type ToolView, toolApprovalSchema } from './schema';
import { exposedName } from './tool-names';

type ToolRow = typeof tools.$inferSelect;
type PinRow = typeof toolPins.$inferSelect;

/**
 * Tools by server, in the order of each server's own list. Those of a switched-off server are shown only when it is
 * asked for by name.
 * @throws HubError NOT_FOUND for a server that is not there or not the actor's to see
 */
export async function listTools(ctx: Ctx, { server }: { server?: string | undefined } = {}): Promise<ToolView[]> {
  const known =
    server === undefined
      ? (await readServers(ctx.db)).filter(({ row }) => row.enabled)
      : [await findServer(ctx, ctx.db, server, 'read')];
  if (known.length === 0) return [];
  const ids = known.map(({ row }) => row.id);
  const rows = await ctx.db.select().from(tools).where(inArray(tools.serverId, ids)).orderBy(asc(tools.position));
  const pins = await readDrifted(ctx.db, ids);
  const overlays = await readOverlays(ctx.db, ids);
  return known.flatMap((each) => {
    const own = rows.filter((tool) => tool.serverId === each.row.id);
    const alike = alikeNames(own);
    return own
      .map((tool) => ({ tool, key: `${tool.serverId} ${tool.name}` }))
      .filter(({ tool, key }) => can(ctx.actor, 'read', resourceOf(each, tool, overlays.get(key))))
      .map(({ tool, key }) => viewOfTool(each, tool, pins.get(key), overlays.get(key), alike.has(tool.name)));
  });
}

/**
 * Takes the present definitions of tools for good.
 * @throws HubError NOT_FOUND, FORBIDDEN; CONFLICT where one of them is another by now, or gone, and nothing is approved
 */
export async function approveTools(ctx: Ctx, server: string, input: ToolApproval): Promise<null> {
  const { tools: approved } = parseInput(toolApprovalSchema, input);
  const { row } = await findServer(ctx, ctx.db, server, 'update');
  await ctx.db.transaction(async (tx) => {
    const names = approved.map(({ name }) => name);
    const isOfServer = and(eq(tools.serverId, row.id), inArray(tools.name, names));
    const present = await tx.select().from(tools).where(isOfServer).for('update');
    const pins = await tx
      .select()
      .from(toolPins)
      .where(and(eq(toolPins.serverId, row.id), inArray(toolPins.name, names)));
    const byName = new Map(present.map((tool) => [tool.name, tool]));
    for (const { name, definitionHash } of approved) {
      const tool = byName.get(name);
      const shown = JSON.stringify(name);
      if (tool?.definitionHash === definitionHash) continue;
      const why = tool ? 'has changed once more: look at it again' : `is not on the list of "${row.name}" (any more)`;
      throw new HubError('CONFLICT', `The tool ${shown} ${why}.`, { reason: 'definition-changed' });
    }
    await writePins(
      tx,
      present.map(({ serverId, name, definition, definitionHash }) => ({ serverId, name, definition, definitionHash })),
    );
    await writeAudit(tx, ctx, {
      action: 'server.tools-approved',
      resourceType: 'server',
      resourceId: row.id,
      resourceName: row.name,
      before: Object.fromEntries(pins.map(({ name, definition }) => [name, definition])),
      after: Object.fromEntries(present.map(({ name, definition }) => [name, definition])),
    });
  });
  await ctx.bus.emit('tools.approved', { id: row.id, name: row.name });
  return null;
}

/** Pins of tools that are not as they were pinned. */
async function readDrifted(db: Db, serverIds: string[]): Promise<Map<string, PinRow>> {
  const rows = await db
    .select({ pin: toolPins, hash: tools.definitionHash })
    .from(toolPins)
    .innerJoin(tools, and(eq(tools.serverId, toolPins.serverId), eq(tools.name, toolPins.name)))
    .where(inArray(toolPins.serverId, serverIds));
  return new Map(
    rows.filter(({ pin, hash }) => pin.definitionHash !== hash).map(({ pin }) => [`${pin.serverId} ${pin.name}`, pin]),
  );
}

/** Names of which another tool's only differs in what people do not see. */
function alikeNames(rows: readonly ToolRow[]): Set<string> {
  const byLook = new Map<string, Set<string>>();
  for (const { name } of rows) {
    for (const look of looksOf(name)) byLook.set(look, (byLook.get(look) ?? new Set()).add(name));
  }
  return new Set([...byLook.values()].filter(({ size }) => size > 1).flatMap((names) => [...names]));
}

function resourceOf(server: KnownServer, { name, definition }: ToolRow, overlays: Overlays | undefined): Resource {
  return toolResource(server, name, changesNothing(definition, overlays?.ofServer));
}

function viewOfTool(
  { row }: KnownServer,
  tool: ToolRow,
  pin: PinRow | undefined,
  overlays: Overlays | undefined,
  isAlike: boolean,
): ToolView {
  const curated = overlays?.ofServer ? curate(tool.definition, overlays.ofServer) : null;
  const hasOnlySwitch = Object.keys(overlays?.ofServer ?? {}).every((each) => each === 'enabled');
  return {
    id: tool.id,
    server: row.name,
    name: tool.name,
    exposedName: exposedName(row.name, String((curated?.definition ?? tool.definition).name ?? tool.name)),
    ...textsOf(tool.definition),
    enabled: overlays?.ofServer?.enabled !== false,
    tokens: tokensOfTool(curated?.definition ?? tool.definition),
    curated: curated && !hasOnlySwitch ? shownOf(curated.definition) : null,
    overlayFaults: curated?.faults.map(({ text }) => text) ?? [],
    changedAt: tool.changedAt.toISOString(),
    definitionHash: tool.definitionHash,
    drift: pin && row.definitionChanges !== 'allow' ? driftOf(pin, row.definitionChanges === 'hold') : null,
    suspicions: suspicionsOf(tool, isAlike),
  };
}

function driftOf({ definition, pinnedAt }: PinRow, held: boolean): ToolDrift {
  return { ...textsOf(definition), pinnedAt: pinnedAt.toISOString(), held };
}

function textsOf({ title, description, inputSchema, outputSchema, annotations }: Definition) {
  return {
    title: typeof title === 'string' ? title : null,
    description: typeof description === 'string' ? description : null,
    inputSchema: objectOf(inputSchema) ?? { type: 'object' },
    outputSchema: objectOf(outputSchema),
    annotations: objectOf(annotations),
  };
}

function suspicionsOf({ definition }: ToolRow, isAlike: boolean): ToolSuspicion[] {
  const { name, title, description, inputSchema } = definition;
  const hides = hidesCharacters([name, title, description, JSON.stringify(inputSchema)].join('\n'));
  return [...(hides ? (['hidden-characters'] as const) : []), ...(isAlike ? (['look-alike-name'] as const) : [])];
}

function objectOf(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null;
}
