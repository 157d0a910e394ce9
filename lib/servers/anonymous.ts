// Endpoints that ask for no credential: who may open them, and which are open.
import { eq, sql } from 'drizzle-orm';
import { groups, servers } from '../../drizzle/schema';
import { can } from '../access/can';
import type { Ctx } from '../access/context';
import { HubError } from '../errors';
import { readServers, serverResource } from './rows';
import type { OpenEndpoint } from './schema';

/** It concerns everybody who reaches the hub, so the right to arrange things is not enough. @throws HubError FORBIDDEN */
export function mayOpen(ctx: Ctx): void {
  if (can(ctx.actor, 'update', { type: 'setting' })) return;
  throw new HubError('FORBIDDEN', 'You may not decide what callers without a credential reach: ask an administrator.');
}

/** What asks for no credential, as far as the actor may see it; servers first, by name. */
export async function listOpen(ctx: Ctx): Promise<OpenEndpoint[]> {
  const [openServers, openGroups] = await Promise.all([
    ctx.db.select({ id: servers.id }).from(servers).where(eq(servers.anonymous, true)),
    ctx.db
      .select({ id: groups.id, name: groups.name, ownerId: groups.createdBy })
      .from(groups)
      .where(eq(groups.anonymous, true))
      .orderBy(sql`lower(${groups.name})`),
  ]);
  const ids = openServers.map(({ id }) => id);
  const known = ids.length === 0 ? [] : await readServers(ctx.db, ids);
  const seenServers = known.filter((each) => can(ctx.actor, 'read', serverResource(each)));
  const seenGroups = openGroups.filter((group) =>
    can(ctx.actor, 'read', { type: 'group', ownerId: group.ownerId, groups: [group] }),
  );
  return [
    ...seenServers.map(({ row }) => ({ kind: 'server' as const, name: row.name })),
    ...seenGroups.map(({ name }) => ({ kind: 'group' as const, name })),
  ];
}
