// Tasks of servers, passed to clients of the same kind under ids of the hub: tools/call that begins one, and what may
// be asked of it later. Sessions: 2025-11-25, basic/utilities/tasks. Without sessions: io.modelcontextprotocol/tasks.
import { LRUCache } from 'lru-cache';
import { can } from '../../../lib/access/can';
import { HubError } from '../../../lib/errors';
import { isReadOnly } from '../../../lib/servers/catalog';
import type { Supervisor } from '../../supervisor/types';
import type { Caller, Era, UpstreamAnswer } from '../../upstream/types';
import { mapResultUris } from '../catalog/rewrite';
import type { Item, Target, View } from '../catalog/view';
import type { Reply } from '../http/exchange';
import { isTheirs } from '../news';
import type { AskedClient, Origin, Relay } from '../relay';
import { progressTokenOf, type RpcRequest } from '../rpc-request';
import type { Session } from '../sessions/sessions';
import { isObject } from '../stateless/envelope';
import { checkRequests } from '../stateless/input-required';
import type { Asking } from '../stateless/request-state';
import { homeOf, statusNotification, TaskClient, TaskOutlet } from './task-client';
import { noTask, relabel, relabelError, related, serverTaskId, type TaskIds, type TaskRef, unasked } from './task-ids';
import { createTaskNews } from './task-news';
import { needExtension, taskVersion } from './task-offers';
import { awaitResult } from './task-result';
import { createTaskRuns } from './task-runs';

/** Tasks whose session may hear of them; the oldest are forgotten, and their clients ask. */
const followedMax = 10_000;
const followedMs = 24 * 3600_000;

export interface TasksDeps {
  relay: Pick<Relay, 'send' | 'leavePlace'>;
  ids: TaskIds;
  supervisor: Pick<Supervisor, 'on'>;
  eraOf(serverId: string): Era | undefined;
  /** To a stream of a session, if it is known here and has one. */
  tell(sessionId: string, method: string, params: unknown): void;
  /** Names this worker. */
  self: string;
}

/** A task as a request of its client names it. */
interface Opened {
  task: TaskRef;
  /** The client's id of it. */
  id: string;
  target: Target;
}

export function createTasks({ relay, ids, supervisor, eraOf, tell, self }: TasksDeps) {
  const runs = createTaskRuns(relay);
  const followers = new LRUCache<string, { session: string; id: string; caller: Caller }>({
    max: followedMax,
    ttl: followedMs,
  });

  const unsubscribe = supervisor.on('notification', (serverId, method, params, whose) => {
    if (method !== statusNotification || typeof params?.taskId !== 'string') return;
    const follower = followers.get(keyOf(serverId, params.taskId));
    if (follower && isTheirs(whose, follower.caller))
      tell(follower.session, method, relabel(params, params.taskId, follower.id));
  });

  /**
   * tools/call with `task`, or of a tool that only runs as one.
   * @param sent params with the server's own name of the tool
   * @throws HubError METHOD_NOT_FOUND for a tool that is not run as a task, else as `relay.send` does
   */
  function call(request: RpcRequest, target: Item, sent: Record<string, unknown>): Promise<UpstreamAnswer> {
    const { origin, view } = request;
    const { session } = origin;
    const { task, ...plain } = sent;
    if (task !== undefined && isTaskSession(session) && view.taskOffers.legacy) {
      if (!isObject(task)) throw new HubError('INVALID_INPUT', '"task" must be an object.');
      if (!target.taskSupport) throw new HubError('METHOD_NOT_FOUND', 'This tool cannot be called as a task.');
      return begin(request, target, sent);
    }
    if (target.taskSupport === 'required') return runs.run(request, target, plain);
    // To others the word means nothing, but the server might take it at its own.
    const isForeign = session !== null || eraOf(target.server.id) !== 'modern';
    return relay.send(origin, target.server, 'tools/call', isForeign ? plain : sent, progressTokenOf(sent));
  }

  async function begin(request: RpcRequest, target: Item, sent: Record<string, unknown>): Promise<UpstreamAnswer> {
    const { origin, actor, view } = request;
    const { server } = target;
    const home = homeOf(origin.client ?? { capabilities: {}, owner: '' });
    const client = origin.client && new TaskClient(origin.client, home, null, null, null);
    const exchange = origin.exchange && origin.session && new TaskOutlet(origin.exchange, origin.session, tell);
    const answer = await relay.send({ ...origin, client, exchange }, server, 'tools/call', sent, progressTokenOf(sent));
    const result = answer.value as Record<string, unknown>;
    if (answer.kind === 'error' || !isObject(result.task)) return answer;
    exchange?.began();
    const task = serverTaskId(result.task);
    const ref: TaskRef = { server: server.id, task, tool: target.name, era: 'legacy', home, worker: self };
    const id = ids.seal({ actor, endpoint: view.endpoint }, ref);
    const { session } = origin;
    if (session) followers.set(keyOf(server.id, task), { session: session.id, id, caller: session });
    return { kind: 'result', value: relabel(result, task, id), raw: null };
  }

  /** @throws HubError METHOD_NOT_FOUND, MISSING_CLIENT_CAPABILITY, NOT_FOUND */
  function open({ params, origin, actor, view }: RpcRequest): Opened {
    const { session } = origin;
    const isOffered = session ? isTaskSession(session) && view.taskOffers.legacy : view.taskOffers.modern;
    if (!isOffered) throw new HubError('METHOD_NOT_FOUND', 'Tasks are not offered here.');
    if (!session) needExtension(origin.client?.capabilities ?? {});
    const task = ids.open({ actor, endpoint: view.endpoint }, params?.taskId, session ? 'legacy' : 'modern');
    const known = view.servers.find(({ server }) => server.id === task.server);
    const definition = known?.listing.tools.find(({ name }) => name === task.tool);
    const resource = known?.server.toolResource(task.tool, definition !== undefined && isReadOnly(definition));
    if (!known || !resource || !can(actor, 'call', resource)) throw noTask();
    const target = { server: known.server, name: task.tool, resource };
    if (origin.client) origin.client.target = target;
    return { task, id: String(params?.taskId), target };
  }

  /** The request's origin, with the client as the task's server knows it. */
  function originOf({ origin }: RpcRequest, { task, id }: Opened): Origin {
    const { client, exchange, session } = origin;
    if (!client) return origin;
    const { user, conversation, isPassing } = client;
    if (!session) {
      return { ...origin, caller: { user, conversation: task.home.conversation ?? conversation, isPassing } };
    }
    return { ...origin, client: new TaskClient(client, task.home, exchange, task.task, id) };
  }

  async function passOn(method: string, request: RpcRequest): Promise<NonNullable<Reply>> {
    const opened = open(request);
    const { task, target } = opened;
    const params = relabel({ ...request.params, taskId: task.task }, task.task, null) as Record<string, unknown>;
    const origin = originOf(request, opened);
    const answer = await relay.send(origin, target.server, method, params, progressTokenOf(request.params));
    return replyOf(answer, opened, request);
  }

  async function result(request: RpcRequest): Promise<NonNullable<Reply>> {
    if (!request.origin.session) throw new HubError('METHOD_NOT_FOUND');
    const opened = open(request);
    const { task, id, target } = opened;
    const answer = await awaitResult(relay, {
      origin: originOf(request, opened),
      server: target.server,
      taskId: task.task,
      params: relabel(request.params, null, null) as Record<string, unknown>,
      progressToken: progressTokenOf(request.params),
    });
    if (answer.kind === 'error') return replyOf(answer, opened, request);
    const value = related(relabel(answer.value, task.task, id) as Record<string, unknown>, id);
    return { kind: 'result', body: JSON.stringify(mapped(value, request.view, target)) };
  }

  function replyOf({ kind, value }: UpstreamAnswer, { task, id, target }: Opened, request: RpcRequest) {
    if (kind === 'error') return { kind, body: JSON.stringify(relabelError(value, task.task, id)) };
    const state = relabel(value, task.task, id) as Record<string, unknown>;
    if (request.origin.session === null) {
      state.resultType = 'complete';
      if (isObject(state.inputRequests)) checkRequests(state.inputRequests, request.origin.client?.capabilities ?? {});
      if (isObject(state.result)) state.result = mapped(relabel(state.result, task.task, id), request.view, target);
      if (isObject(state.error)) state.error = relabelError(state.error, task.task, id);
    }
    return { kind, body: JSON.stringify(mapped(state, request.view, target)) };
  }

  const get = (request: RpcRequest) => passOn('tasks/get', request);

  return {
    call,
    news: createTaskNews(get),

    /**
     * A server of 2026-07-28 answered tools/call with a task.
     * @throws HubError UPSTREAM_BAD_ANSWER where that was not asked for
     */
    created(
      { actor, endpoint, method }: Asking,
      { capabilities, conversation }: Pick<AskedClient, 'capabilities' | 'conversation'>,
      target: Target | undefined,
      answer: Record<string, unknown>,
    ): string {
      if (method !== 'tools/call' || !target) throw unasked();
      try {
        needExtension(capabilities);
      } catch {
        throw unasked();
      }
      const task = serverTaskId(answer);
      const { server, name } = target;
      const ref: TaskRef = {
        server: server.id,
        task,
        tool: name,
        era: 'modern',
        home: { capabilities: {}, owner: '', conversation },
        worker: '',
      };
      return JSON.stringify(relabel(answer, task, ids.seal({ actor, endpoint }, ref)));
    },

    /** Methods of requests about tasks. */
    methods: [
      ['tasks/get', get],
      ['tasks/cancel', (request: RpcRequest) => passOn('tasks/cancel', request)],
      ['tasks/result', result],
      [
        'tasks/update',
        (request: RpcRequest) => {
          if (request.origin.session) throw new HubError('METHOD_NOT_FOUND');
          return passOn('tasks/update', request);
        },
      ],
    ] as [string, (request: RpcRequest) => Promise<NonNullable<Reply>>][],

    /** The other worker at which a task lives; undefined where it is none or this one. */
    workerOf(params: Record<string, unknown> | undefined): string | undefined {
      const worker = ids.workerOf(params?.taskId);
      return worker === self ? undefined : worker;
    },

    close: unsubscribe,
  };
}

export type Tasks = ReturnType<typeof createTasks>;

function keyOf(serverId: string, task: string): string {
  return `${serverId}/${task}`;
}

function isTaskSession(session: Session | null): boolean {
  return session?.protocolVersion === taskVersion;
}

function mapped(value: unknown, view: View, { server }: Target): unknown {
  return view.mapsUris() ? mapResultUris(value, (uri) => view.uriOut(server, uri)) : value;
}
