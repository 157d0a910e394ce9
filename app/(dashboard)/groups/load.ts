// What the pages of groups need beside the groups themselves.
import { headers } from 'next/headers';
import { ownUrl, settings } from '@/app/_server';
import { listUsers } from '@/lib/access';
import { canSome } from '@/lib/access/can';
import type { Ctx } from '@/lib/access/context';
import { listServers } from '@/lib/servers';

export interface GroupContext {
  /** Origin under which this visitor reaches the hub. */
  base: string;
  servers: { name: string; toolCount: number }[];
  /** Names of users; empty for those who may not see them. */
  users: string[];
  /** `open`: to callers without a key. */
  rights: { create: boolean; update: boolean; delete: boolean; open: boolean };
}

export async function loadGroupContext(ctx: Ctx): Promise<GroupContext> {
  const [requestHeaders, servers, users] = await Promise.all([
    headers(),
    listServers(ctx),
    canSome(ctx.actor, 'read', 'user') ? listUsers(ctx) : [],
  ]);
  return {
    base: ownUrl(requestHeaders, settings()),
    servers: servers.map(({ name, toolCount }) => ({ name, toolCount })),
    users: users.map(({ username }) => username),
    rights: {
      create: canSome(ctx.actor, 'create', 'group'),
      update: canSome(ctx.actor, 'update', 'group'),
      delete: canSome(ctx.actor, 'delete', 'group'),
      open: canSome(ctx.actor, 'update', 'group') && canSome(ctx.actor, 'update', 'setting'),
    },
  };
}
