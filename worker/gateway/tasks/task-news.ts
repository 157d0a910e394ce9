// News of tasks on the streams of clients without sessions (io.modelcontextprotocol/tasks, "Task Status Notifications").
// Servers may tell them, and need not; the hub asks the task's server in the rhythm that the task names, for as long as
// the stream lives, so that every server's tasks can be followed. Each notification is what tasks/get gives then.
import type { Actor } from '../../../lib/access/schema';
import { HubError } from '../../../lib/errors';
import type { View } from '../catalog/view';
import type { Reply } from '../http/exchange';
import type { AskedClient } from '../relay';
import type { RpcRequest } from '../rpc-request';
import { failed } from '../sessions/questions';
import { credentialOf, userOf } from '../sessions/sessions';

/** The task's own rhythm counts within these bounds. */
const pollMs = { least: 500, usual: 2000, most: 10_000 };
const terminal = new Set(['completed', 'failed', 'cancelled']);

/** Who listens. */
export interface TaskListener {
  readonly actor: Actor;
  readonly isGone: boolean;
  /** What its client declared with the request. */
  readonly capabilities: Record<string, unknown>;
  /** What it may see now; null when its endpoint is gone. */
  view(): View | null;
  hear(method: string, params: Record<string, unknown>): void;
}

export interface WatchedTasks {
  /** Those that exist and are the listener's. */
  ids: string[];
  /** Tells the state of each, and each that comes after it. To be called once. */
  begin(): void;
}

/** @param get tasks/get. @throws HubError for what is no task of the caller */
export function createTaskNews(get: (request: RpcRequest) => Promise<NonNullable<Reply>>) {
  /** The state of a task as the client may see it. @throws HubError also by the promise */
  async function stateOf(listener: TaskListener, taskId: string): Promise<string | null> {
    const { actor, capabilities } = listener;
    const view = listener.view();
    if (!view) return null;
    const client: AskedClient = {
      capabilities,
      owner: credentialOf(actor),
      user: userOf(actor),
      conversation: taskId,
      isPassing: true,
      target: null,
      ask: async () => failed(new HubError('METHOD_NOT_FOUND', 'The client can be asked nothing here.')),
      notify: () => undefined,
    };
    const { kind, body } = await get({
      params: { taskId },
      origin: { id: taskId, session: null, exchange: null, client },
      actor,
      view,
      clientName: '',
      requestId: '',
      bodyBytes: 0,
    });
    return kind === 'result' ? body.toString() : null;
  }

  function follow(listener: TaskListener, taskId: string, told: string): void {
    const { resultType: _type, ...task } = JSON.parse(told) as Record<string, unknown>;
    listener.hear('notifications/tasks', task);
    if (terminal.has(String(task.status))) return;
    const wanted = typeof task.pollIntervalMs === 'number' ? task.pollIntervalMs : pollMs.usual;
    const everyMs = Math.min(Math.max(wanted, pollMs.least), pollMs.most);
    const again = () => setTimeout(look, everyMs).unref();
    const look = async () => {
      if (listener.isGone) return;
      try {
        const state = await stateOf(listener, taskId);
        if (state === null || listener.isGone) return;
        if (state === told) again();
        else follow(listener, taskId, state);
      } catch (error) {
        // A server that is not there now, or a question that this client cannot answer: both may pass.
        if ((error as HubError).code !== 'NOT_FOUND') again();
      }
    };
    again();
  }

  return {
    /** Finds out which of these are tasks of the listener that can be followed. Never rejects. */
    async watch(listener: TaskListener, taskIds: string[]): Promise<WatchedTasks> {
      const states = new Map<string, string>();
      const asked = [...new Set(taskIds)].map(async (taskId) => {
        const state = await stateOf(listener, taskId).catch(() => null);
        if (state !== null) states.set(taskId, state);
      });
      await Promise.all(asked);
      return {
        ids: [...states.keys()],
        begin() {
          for (const [taskId, state] of states) follow(listener, taskId, state);
        },
      };
    },
  };
}

export type TaskNews = ReturnType<typeof createTaskNews>;
