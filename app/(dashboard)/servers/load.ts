// First data of the pages of servers: rows by the verbs, states from the worker where it answers.
import { withOneStatus, withStatus } from '@/app/api/v1/servers/status';
import { listUsers } from '@/lib/access';
import { canSome } from '@/lib/access/can';
import type { Ctx } from '@/lib/access/context';
import type { Actor } from '@/lib/access/schema';
import { getServer, listServers } from '@/lib/servers';
import type { ServerRights, ShownServer } from './shown-server';

export async function loadServers(ctx: Ctx): Promise<ShownServer[]> {
  return withStatus(ctx, await listServers(ctx));
}

/** @throws HubError NOT_FOUND */
export async function loadServer(ctx: Ctx, name: string): Promise<ShownServer> {
  return withOneStatus(ctx, await getServer(ctx, name));
}

/** Names of the users that the visitor may see, by their ids. */
export async function userNames(ctx: Ctx): Promise<Record<string, string>> {
  if (!canSome(ctx.actor, 'read', 'user')) return {};
  return Object.fromEntries((await listUsers(ctx)).map(({ id, username }) => [id, username]));
}

export function serverRights(actor: Actor): ServerRights {
  return {
    create: canSome(actor, 'create', 'server'),
    update: canSome(actor, 'update', 'server'),
    operate: canSome(actor, 'operate', 'server'),
    delete: canSome(actor, 'delete', 'server'),
    call: canSome(actor, 'call', 'tool'),
    open: canSome(actor, 'update', 'server') && canSome(actor, 'update', 'setting'),
  };
}
