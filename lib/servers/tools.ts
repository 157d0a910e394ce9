// The tools that an actor may see, from what the servers last listed.
import { asc, inArray } from 'drizzle-orm';
import { tools } from '../../drizzle/schema';
import { can, type Resource } from '../access/can';
import type { Ctx } from '../access/context';
import { isReadOnly } from './catalog';
import { findServer, type KnownServer, readServers, toolResource } from './rows';
import type { ToolView } from './schema';
import { exposedName } from './tool-names';

type ToolRow = typeof tools.$inferSelect;

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
  return known.flatMap((each) =>
    rows
      .filter((tool) => tool.serverId === each.row.id && can(ctx.actor, 'read', resourceOf(each, tool)))
      .map((tool) => viewOfTool(each.row.name, tool)),
  );
}

function resourceOf(server: KnownServer, { name, definition }: ToolRow): Resource {
  return toolResource(server, name, isReadOnly(definition));
}

function viewOfTool(server: string, tool: ToolRow): ToolView {
  const { inputSchema, outputSchema, annotations } = tool.definition;
  return {
    id: tool.id,
    server,
    name: tool.name,
    exposedName: exposedName(server, tool.name),
    title: tool.title,
    description: tool.description,
    inputSchema: objectOf(inputSchema) ?? { type: 'object' },
    outputSchema: objectOf(outputSchema),
    annotations: objectOf(annotations),
    enabled: tool.enabled,
    changedAt: tool.changedAt.toISOString(),
  };
}

function objectOf(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null;
}
