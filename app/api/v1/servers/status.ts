// What the worker knows of servers right now, merged into answers. A worker that is away costs the status, never the
// answer.
import { log, worker } from '@/app/_server';
import type { Ctx } from '@/lib/access/context';
import { readableLogs, withoutOutput } from '@/lib/servers';
import type { ServerStatus, ServerView } from '@/lib/servers/schema';

/** A list must not wait longer than this for a busy worker. */
const statusTimeoutMs = 1_000;

export type LiveServer = ServerView & { status: ServerStatus | null };

export async function withStatus(ctx: Ctx, servers: ServerView[]): Promise<LiveServer[]> {
  const statuses = await statusesOf(
    ctx,
    servers.map((server) => server.id),
  );
  return servers.map((server) => ({ ...server, status: statuses.get(server.id) ?? null }));
}

export async function withOneStatus(ctx: Ctx, server: ServerView): Promise<LiveServer> {
  const statuses = await statusesOf(ctx, [server.id]);
  return { ...server, status: statuses.get(server.id) ?? null };
}

async function statusesOf(ctx: Ctx, ids: string[]): Promise<Map<string, ServerStatus>> {
  if (ids.length === 0) return new Map();
  try {
    const signal = AbortSignal.timeout(statusTimeoutMs);
    const { servers } = await worker().call('servers.status', { ids }, { signal });
    const open = await readableLogs(ctx, ids);
    return new Map(servers.map((status) => [status.id, open.has(status.id) ? status : withoutOutput(status)]));
  } catch (err) {
    log().debug({ err }, 'the worker did not tell the state of its servers');
    return new Map();
  }
}
