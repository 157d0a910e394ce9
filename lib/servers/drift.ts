// Which servers have tools that are not as they were first seen or last approved, for those who shall look at that.
import { and, eq, ne } from 'drizzle-orm';
import { servers, toolPins, tools } from '../../drizzle/schema';
import { can } from '../access/can';
import type { Ctx } from '../access/context';
import { readServers, serverResource } from './rows';
import type { ServerDrift } from './schema';

/** Of the servers that the actor may read and whose tools are watched, by name; those without changed tools are left out. */
export async function listDrift(ctx: Ctx): Promise<ServerDrift[]> {
  const rows = await ctx.db
    .select({ id: servers.id, policy: servers.definitionChanges })
    .from(tools)
    .innerJoin(toolPins, and(eq(toolPins.serverId, tools.serverId), eq(toolPins.name, tools.name)))
    .innerJoin(servers, eq(servers.id, tools.serverId))
    .where(and(ne(toolPins.definitionHash, tools.definitionHash), ne(servers.definitionChanges, 'allow')));
  const counts = new Map<string, { count: number; held: boolean }>();
  for (const { id, policy } of rows)
    counts.set(id, { count: (counts.get(id)?.count ?? 0) + 1, held: policy === 'hold' });
  if (counts.size === 0) return [];
  const known = await readServers(ctx.db, [...counts.keys()]);
  return known.flatMap((each) => {
    const counted = counts.get(each.row.id);
    return counted && can(ctx.actor, 'read', serverResource(each)) ? [{ server: each.row.name, ...counted }] : [];
  });
}
