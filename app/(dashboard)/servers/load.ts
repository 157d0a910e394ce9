// First data of the pages of servers: rows by the verbs, states from the worker where it answers.
import { worker } from '@/app/_server';
import { canSome } from '@/lib/access/can';
import type { Ctx } from '@/lib/access/context';
import type { Actor } from '@/lib/access/schema';
import { getServer, listServers } from '@/lib/servers';
import type { ServerStatus, ServerView } from '@/lib/servers/schema';
import type { ServerRights, ShownServer } from './shown-server';

/** A page must not wait for a worker that hangs: it is shown without states, and they follow. */
const statusTimeoutMs = 1_500;

export async function loadServers(ctx: Ctx): Promise<ShownServer[]> {
  return withStatuses(await listServers(ctx));
}

/** @throws HubError NOT_FOUND */
export async function loadServer(ctx: Ctx, name: string): Promise<ShownServer> {
  const [shown] = await withStatuses([await getServer(ctx, name)]);
  return shown as ShownServer;
}

async function withStatuses(views: ServerView[]): Promise<ShownServer[]> {
  const statuses = await statusesOf(views.map(({ id }) => id));
  return views.map((view) => ({ ...view, status: statuses.get(view.id) ?? null }));
}

async function statusesOf(ids: string[]): Promise<Map<string, ServerStatus>> {
  if (ids.length === 0) return new Map();
  try {
    const signal = AbortSignal.timeout(statusTimeoutMs);
    const { servers } = await worker().call('servers.status', { ids }, { signal });
    return new Map(servers.map((status) => [status.id, status]));
  } catch {
    return new Map();
  }
}

export function serverRights(actor: Actor): ServerRights {
  return {
    create: canSome(actor, 'create', 'server'),
    update: canSome(actor, 'update', 'server'),
    operate: canSome(actor, 'operate', 'server'),
    delete: canSome(actor, 'delete', 'server'),
    call: canSome(actor, 'call', 'tool'),
  };
}
