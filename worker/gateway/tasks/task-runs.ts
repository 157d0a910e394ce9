// A tool that its server runs only as a task, called by somebody who wants an answer: the hub begins the task, looks
// after it in the server's rhythm and gives its result. Who takes the call back cancels the task (2025-11-25,
// basic/utilities/tasks).
import { setTimeout as sleep } from 'node:timers/promises';
import { HubError } from '../../../lib/errors';
import type { UpstreamAnswer } from '../../upstream/types';
import type { Target } from '../catalog/view';
import type { RequestId } from '../http/json';
import { type Origin, type Outlet, type Relay, Running } from '../relay';
import { progressTokenOf, type RpcRequest } from '../rpc-request';
import { isObject } from '../stateless/envelope';
import { homeOf, TaskClient } from './task-client';
import { relabel, relabelError, serverTaskId } from './task-ids';
import { awaitResult } from './task-result';

/** The server's own rhythm counts within these bounds. */
const pollMs = { least: 100, usual: 1000, most: 5000 };
/** No call waits longer for its task. */
const hardEndMs = 3600_000;
/** Reads and cancellations that nobody waits for. */
const terminal = new Set(['completed', 'failed', 'cancelled']);

/** Steps of a task that a client hears of as progress of its call: rising, and none after the end. */
class Steps implements Outlet {
  #last = 0;
  #said: unknown;
  #isOver = false;

  constructor(
    private readonly outlet: Outlet,
    private readonly token: RequestId | undefined,
  ) {}

  notify(method: string, params: Record<string, unknown> | undefined): void {
    if (this.#isOver) return;
    if (method === 'notifications/progress' && typeof params?.progress === 'number') this.#last = params.progress;
    this.outlet.notify(method, params);
  }

  /** What the task says of itself is told once each time it changes. */
  status(statusMessage: unknown): void {
    if (this.token === undefined || typeof statusMessage !== 'string' || statusMessage === this.#said) return;
    this.#said = statusMessage;
    const params = { progressToken: this.token, progress: this.#last + 1, message: statusMessage };
    this.notify('notifications/progress', params);
  }

  keepAlive(nowMs: number): void {
    if (!this.#isOver) this.outlet.keepAlive(nowMs);
  }

  end(): void {
    this.#isOver = true;
  }
}

export function createTaskRuns(relay: Pick<Relay, 'send' | 'leavePlace'>) {
  /**
   * Runs a tool as a task until its end.
   * @param params of tools/call with the server's own name of the tool
   * @returns what the tool answered @throws HubError as `relay.send` does
   */
  async function run({ origin }: RpcRequest, target: Target, params: Record<string, unknown>): Promise<UpstreamAnswer> {
    const { id, session, exchange, signal } = origin;
    if (signal?.aborted) throw new HubError('CANCELLED');
    const ending = new AbortController();
    const running = new Running(origin);
    running.under = { cancel: () => ending.abort() };
    const leave = () => ending.abort();
    const token = progressTokenOf(params);
    const steps = exchange && new Steps(exchange, token);
    const client = origin.client && new TaskClient(origin.client, homeOf(origin.client), null, null, null);
    // What is sent for the call is not the call: it is neither cancelled nor found by the client's id.
    const own: Origin = { id, session: null, exchange: steps, client, caller: origin.caller };
    session?.calls.set(id, running);
    exchange?.started?.(running);
    signal?.addEventListener('abort', leave);
    const creation = relay.send(own, target.server, 'tools/call', { ...params, task: {} }, token);
    let taskId: string | null = null;
    try {
      const created = await orAborted(creation, ending.signal);
      const task = created.kind === 'result' ? (created.value as Record<string, unknown>).task : undefined;
      // It may answer at once, or not at all.
      if (!isObject(task)) return created;
      taskId = serverTaskId(task);
      client?.began(taskId);
      const answer = await follow(taskId, task, { ...own, signal: ending.signal }, target, steps);
      taskId = null;
      return answer;
    } catch (error) {
      if (ending.signal.aborted) throw new HubError('CANCELLED');
      throw error;
    } finally {
      steps?.end();
      if (session?.calls.get(id) === running) session.calls.delete(id);
      signal?.removeEventListener('abort', leave);
      if (taskId !== null) cancelTask(taskId, own, target);
      else if (ending.signal.aborted) void cancelWhenBegun(creation, own, target);
    }
  }

  async function follow(
    taskId: string,
    task: Record<string, unknown>,
    origin: Origin,
    target: Target,
    steps: Steps | null,
  ): Promise<UpstreamAnswer> {
    const { server } = target;
    const untilMs = performance.now() + hardEndMs;
    let state = task;
    while (state.status === 'working') {
      if (performance.now() >= untilMs) throw new HubError('UPSTREAM_TIMEOUT', 'The task took too long.');
      steps?.status((relabel(state, taskId, null) as typeof state).statusMessage);
      steps?.keepAlive(performance.now());
      await sleep(pauseOf(state.pollInterval), undefined, { signal: origin.signal });
      const { kind, value } = await relay.send(origin, server, 'tasks/get', { taskId });
      if (kind === 'error') return { kind, value: relabelError(value, taskId, null), raw: null };
      state = value as Record<string, unknown>;
    }
    if (!terminal.has(String(state.status)) && state.status !== 'input_required') {
      throw new HubError('UPSTREAM_BAD_ANSWER', 'The task is in a state that does not exist.', { server: server.name });
    }
    const { kind, value } = await awaitResult(relay, { origin, server, taskId });
    if (kind === 'error') return { kind, value: relabelError(value, taskId, null), raw: null };
    return { kind, value: relabel(value, taskId, null), raw: null };
  }

  async function cancelWhenBegun(creation: Promise<UpstreamAnswer>, origin: Origin, target: Target): Promise<void> {
    try {
      const { kind, value } = await creation;
      const task = kind === 'result' ? (value as Record<string, unknown>).task : undefined;
      if (isObject(task)) cancelTask(serverTaskId(task), origin, target);
    } catch {
      // Then there is none to cancel.
    }
  }

  /** Nobody waits for it; a task that has ended cannot be cancelled, and a server may not know how to. */
  function cancelTask(taskId: string, { id, client, caller }: Origin, { server }: Target): void {
    const origin = { id, session: null, exchange: null, client, caller };
    relay.send(origin, server, 'tasks/cancel', { taskId }).catch(() => {});
  }

  return { run };
}

function pauseOf(pollInterval: unknown): number {
  const wanted = typeof pollInterval === 'number' && pollInterval >= 0 ? pollInterval : pollMs.usual;
  return Math.min(Math.max(wanted, pollMs.least), pollMs.most);
}

function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(new HubError('CANCELLED'));
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
