// What the worker knows of servers right now, merged into answers. A worker that is away costs the status, never the
// answer.
import { log, worker } from '@/app/_server';
import type { ServerStatus, ServerView } from '@/lib/servers/schema';

/** A list must not wait longer than this for a busy worker. */
const statusTimeoutMs = 1_000;

export type LiveServer = ServerView & { status: ServerStatus | null };

export async function withStatus(servers: ServerView[]): Promise<LiveServer[]> {
  const statuses = await statusesOf(servers.map((server) => server.id));
  return servers.map((server) => ({ ...server, status: statuses.get(server.id) ?? null }));
}

export async function withOneStatus(server: ServerView): Promise<LiveServer> {
  const statuses = await statusesOf([server.id]);
  return { ...server, status: statuses.get(server.id) ?? null };
}

async function statusesOf(ids: string[]): Promise<Map<string, ServerStatus>> {
  if (ids.length === 0) return new Map();
  try {
    const signal = AbortSignal.timeout(statusTimeoutMs);
    const { servers } = await worker().call('servers.status', { ids }, { signal });
    return new Map(servers.map((status) => [status.id, status]));
  } catch (err) {
    log().debug({ err }, 'the worker did not tell the state of its servers');
    return new Map();
  }
}
