// tasks/result (2025-11-25, basic/utilities/tasks): it is answered when the task has ended, however long that takes. A
// server's silence then means nothing, so what times out is sent again while the task lives.
import { asHubError } from '../../../lib/errors';
import type { UpstreamAnswer } from '../../upstream/types';
import type { ServerNode } from '../catalog/endpoints';
import type { RequestId } from '../http/json';
import type { Origin, Outlet, Relay, Running } from '../relay';

/** So many requests may wait beside those that a server's queue counts. */
const waitingMax = 1024;
let waiting = 0;

export interface AwaitedResult {
  origin: Origin;
  server: ServerNode;
  /** The server's id. */
  taskId: string;
  /** Further params, as the client sent them. */
  params?: Record<string, unknown> | undefined;
  progressToken?: RequestId | undefined;
}

/** @throws HubError as `relay.send` does */
export async function awaitResult(
  relay: Pick<Relay, 'send' | 'leavePlace'>,
  { origin, server, taskId, params, progressToken }: AwaitedResult,
): Promise<UpstreamAnswer> {
  const { exchange } = origin;
  let running: Running | null = null;
  const outlet: Outlet = {
    notify: (method, about) => exchange?.notify(method, about),
    keepAlive: (nowMs) => exchange?.keepAlive(nowMs),
    started: (now) => {
      running = now;
    },
  };
  const watched: Origin = { ...origin, exchange: outlet };
  const isBeside = waiting < waitingMax;
  waiting += 1;
  try {
    for (;;) {
      const answer = relay.send(watched, server, 'tasks/result', { ...params, taskId }, progressToken);
      // It waits and does no work; other calls may have its place.
      if (running && isBeside) relay.leavePlace(running);
      try {
        return await answer;
      } catch (error) {
        if (asHubError(error).code !== 'UPSTREAM_TIMEOUT' || exchange?.isGone) throw error;
        const { kind, value } = await relay.send(watched, server, 'tasks/get', { taskId });
        const { status } = value as { status?: unknown };
        if (kind === 'error' || (status !== 'working' && status !== 'input_required')) throw error;
      }
    }
  } finally {
    waiting -= 1;
  }
}
