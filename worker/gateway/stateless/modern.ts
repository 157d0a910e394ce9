// The era without sessions on an MCP endpoint: revision 2026-07-28 over HTTP (basic/transports/streamable-http). Each
// POST is judged, run and answered for itself.
import type { Actor } from '../../../lib/access/schema';
import { asHubError, errorTable, HubError } from '../../../lib/errors';
import type { Era } from '../../upstream/types';
import { errorReply } from '../call';
import { type Endpoint, serverInfoOf } from '../catalog/endpoints';
import { type ListKind, listKinds, type Target, type View } from '../catalog/view';
import { Exchange, type Reply } from '../http/exchange';
import type { Message } from '../http/json';
import { refuse, retryAfterSeconds, type Visit } from '../http/visit';
import type { Methods } from '../methods';
import type { News } from '../news';
import type { Relay } from '../relay';
import { progressTokenOf } from '../rpc-request';
import { whyNotAsk } from '../sessions/questions';
import { needExtension } from '../tasks/task-offers';
import type { Tasks } from '../tasks/tasks';
import {
  dropEnvelope,
  type Envelope,
  isModern,
  isObject,
  modernVersions,
  readEnvelope,
  serverInfoKey,
} from './envelope';
import { checkParamHeaders } from './headers';
import { inputMethods } from './input-requests';
import { inputRequired, relayInputRequired, urlInputRequests } from './input-required';
import type { Listeners } from './listeners';
import { type CallHost, ModernCall, type Outcome } from './modern-call';
import type { Parking } from './parking';
import { type Asking, badState, type RequestStates } from './request-state';
import {
  completed,
  completeMember,
  listHints,
  modernError,
  typedResult,
  urlElicitationRequired,
  withMembers,
} from './results';

/** What a request without a session may ask for: a list, or by the way in which its answer is completed. */
const served = new Map<string, ListKind | 'read' | 'plain'>([
  ['tools/list', 'tools'],
  ['resources/list', 'resources'],
  ['resources/templates/list', 'resourceTemplates'],
  ['prompts/list', 'prompts'],
  ['resources/read', 'read'],
  ['tools/call', 'plain'],
  ['prompts/get', 'plain'],
  ['completion/complete', 'plain'],
  ['tasks/get', 'plain'],
  ['tasks/update', 'plain'],
  ['tasks/cancel', 'plain'],
]);

export interface ModernDeps {
  methods: Methods;
  relay: Pick<Relay, 'leavePlace'>;
  states: RequestStates;
  parking: Parking;
  listeners: Pick<Listeners, 'open'>;
  news: Pick<News, 'wantLevel' | 'forgetLevel'>;
  tasks: Pick<Tasks, 'created'>;
  /** Lets the worker at which a call waits take its retry. @returns false when there is none */
  passOn(visit: Visit, body: unknown, worker: string): boolean;
  viewOf(actor: Actor, endpoint: Endpoint): View;
  /** Era of a server; undefined while it is not open. */
  eraOf(serverId: string): Era | undefined;
  version: string;
  report(error: unknown, requestId: string): void;
}

export function createModern(deps: ModernDeps) {
  const { methods, relay, states, parking, passOn, listeners, news, tasks, viewOf, eraOf, version, report } = deps;
  const discoveries = new WeakMap<View, Buffer>();
  /** Pages of lists, completed; by the page, which lives as long as its view. */
  const pages = new WeakMap<Buffer, Buffer>();

  /** Takes one message of this era. Never throws. */
  async function post(visit: Visit, message: Message, bodyBytes: number): Promise<void> {
    const { request, response, requestId, actor, endpoint } = visit;
    const { id, method, params } = message;
    let envelope: Envelope;
    let view: View;
    try {
      if (method === undefined) {
        throw new HubError('INVALID_REQUEST', 'Answers are not sent in this revision: retry with "inputResponses".');
      }
      // The only notification of this revision is for stdio; here a closed stream says the same.
      if (id === undefined) return new Exchange(response, requestId).accepted();
      envelope = readEnvelope(request.headers, message);
      if (method !== 'server/discover' && method !== 'subscriptions/listen' && !served.has(method)) {
        throw new HubError('METHOD_NOT_FOUND', `The method ${JSON.stringify(method.slice(0, 128))} is not known.`);
      }
      view = viewOf(actor, endpoint);
      if (method === 'tools/call') checkToolHeaders(visit, view, params);
      if (method === 'subscriptions/listen' && wantsTasks(params)) needExtension(envelope.capabilities);
      if (method === 'subscriptions/listen')
        return await listeners.open(visit, id, params, view, envelope.capabilities);
    } catch (error) {
      return refuse(request, response, error, requestId, id ?? null);
    }
    const exchange = new Exchange(response, requestId);
    if (method === 'server/discover') return exchange.answer(id, { kind: 'result', body: discovery(view) });
    await run(visit, envelope, view, exchange, message, bodyBytes);
  }

  function checkToolHeaders({ request }: Visit, view: View, params: Record<string, unknown> | undefined): void {
    // The parameters of a tool that is run through call_tool are no parameters of that: no header repeats them.
    const tool = view.isMeta(params?.name) ? undefined : view.called(params);
    if (tool) checkParamHeaders(request.headers, tool.definition, params?.arguments);
  }

  async function run(
    visit: Visit,
    envelope: Envelope,
    view: View,
    exchange: Exchange,
    { id = 0, method = '', params }: Message,
    bodyBytes: number,
  ): Promise<void> {
    const { response, requestId, actor, endpoint } = visit;
    const asking = { actor, endpoint, method, params };
    const progressToken = progressTokenOf(params);
    let call: ModernCall;
    try {
      const isRetry = params !== undefined && isInputRetry(method, params);
      if (isRetry && isParkedElsewhere(visit, asking, { id, method, params })) return;
      dropEnvelope(params);
      const parked = isRetry ? reopen(asking, params, view) : undefined;
      if (parked) return parked.resume(exchange, response, id, progressToken, envelope, answersIn(params));
      call = new ModernCall(asking, envelope, view, host);
      call.isRetry = isRetry;
    } catch (error) {
      const { reply, status } = failure(error, method, requestId);
      return exchange.answer(id, reply, status);
    }
    call.attach(exchange, response, id, progressToken);
    const { logLevel } = envelope;
    if (logLevel !== undefined) news.wantLevel(call, logLevel, targetOf(asking, view)?.server.id ?? '', view);
    try {
      const reply = methods.get(method)?.({
        params,
        origin: { id, actor, target: null, session: null, exchange: call, client: call },
        actor,
        view,
        clientName: envelope.clientName,
        requestId,
        bodyBytes,
      });
      call.finish(outcomeOf(call, view, (reply instanceof Promise ? await reply : reply) ?? null));
    } catch (error) {
      call.finish(failure(error, method, requestId));
    }
    if (logLevel !== undefined) news.forgetLevel(call);
  }

  /** A call waits at the worker that sent it; its retry may have come to another. */
  function isParkedElsewhere(visit: Visit, asking: Asking, message: Message): boolean {
    if (message.params?.requestState === undefined) return false;
    const state = states.open(asking, message.params.requestState);
    if (state.kind !== 'parked') return false;
    return passOn(visit, { jsonrpc: '2.0', ...message }, state.worker);
  }

  /**
   * Makes the params of a retry those that the server expects.
   * @returns the call that waits for this retry, if there is one
   * @throws HubError INVALID_INPUT for a state that was not given out for this request, or was used
   */
  function reopen(asking: Asking, params: Record<string, unknown>, view: View): ModernCall | undefined {
    // A server may want input without a state of its own; then the answers are all that comes back.
    if (params.requestState === undefined) return undefined;
    const state = states.open(asking, params.requestState);
    if (state.kind === 'parked') {
      const call = parking.take(state);
      if (!call) throw badState();
      return call;
    }
    if (targetOf(asking, view)?.server.id !== state.server) throw badState();
    params.requestState = state.kind === 'relayed' ? state.state : undefined;
    if (state.kind === 'repeat') params.inputResponses = undefined;
    return undefined;
  }

  const host: CallHost = {
    askClient(call) {
      try {
        const state = parking.park(call);
        const running = call.leave(inputRequired(call.inputRequests(), state, identityOf(call.asking.endpoint)));
        if (running) relay.leavePlace(running);
      } catch (error) {
        call.refuse(failure(error, call.asking.method, ''));
      }
    },
    isInterim({ asking, capabilities }, { kind, value }) {
      const { resultType, code } = (value ?? {}) as { resultType?: unknown; code?: unknown };
      if (!inputMethods.has(asking.method)) return false;
      if (kind === 'result') return resultType === 'input_required';
      return code === urlElicitationRequired && whyNotAsk(capabilities, 'elicitation/create', { mode: 'url' }) === null;
    },
  };

  function outcomeOf(call: ModernCall, view: View, reply: Reply): Outcome {
    if (!reply) return { reply, status: 200 };
    const { asking, isRetry } = call;
    if (reply.kind === 'error') return errorOutcome(call, view, reply);
    const kind = served.get(asking.method);
    if (kind && kind !== 'read' && kind !== 'plain') {
      return { reply: { kind: 'result', body: pageOf(view, kind, reply.body as Buffer) }, status: 200 };
    }
    let typed = typedResult(reply.body);
    let { body } = reply;
    if (typed?.resultType === 'task' && eraOf(targetOf(asking, view)?.server.id ?? '') === 'modern') {
      body = tasks.created(asking, call, targetOf(asking, view), typed);
    } else if (typed && typed.resultType !== 'complete') {
      const server = targetOf(asking, view)?.server.id ?? '';
      if (typed.resultType === 'input_required' && eraOf(server) !== 'legacy') {
        return { reply: relayInputRequired(typed, asking, call.capabilities, server, states), status: 200 };
      }
      // In an earlier revision the word means nothing.
      typed = { ...typed, resultType: 'complete' };
      body = JSON.stringify(typed);
    }
    return { reply: { kind: 'result', body: completed(body, typed, kind === 'read', isRetry) }, status: 200 };
  }

  function errorOutcome({ asking, capabilities }: ModernCall, view: View, reply: NonNullable<Reply>): Outcome {
    const { error, status, body } = modernError(reply.body);
    const isWish = error.code === urlElicitationRequired && inputMethods.has(asking.method);
    const server = isWish ? targetOf(asking, view)?.server.id : undefined;
    if (server === undefined) return { reply: { kind: 'error', body }, status };
    const requests = urlInputRequests(error.data, capabilities);
    const state = states.seal(asking, { kind: 'repeat', server });
    return { reply: inputRequired(requests, state, identityOf(asking.endpoint)), status: 200 };
  }

  function failure(thrown: unknown, method: string, requestId: string): Outcome {
    const error = asHubError(thrown);
    if (error.code === 'CANCELLED') return { reply: null, status: 200 };
    if (error.code === 'INTERNAL') report(thrown, requestId);
    const { status, rpc } = errorTable[error.code];
    const reply = errorReply(error, method, requestId);
    // What was found after the message had been accepted is a JSON-RPC matter, but for what HTTP must know too.
    if (status === 429) return { reply, status, retryAfterSeconds: retryAfterSeconds(error) };
    return { reply, status: rpc === -32601 || rpc === -32021 || rpc === -32020 ? status : 200 };
  }

  function pageOf(view: View, kind: ListKind, page: Buffer): Buffer {
    const known = pages.get(page);
    if (known) return known;
    const members = `${completeMember},${listHints(view.ttlMs([kind]))},"_meta":${identityOf(view.endpoint)}`;
    const body = Buffer.from(withMembers(page, members));
    pages.set(page, body);
    return body;
  }

  function identityOf(endpoint: Endpoint): string {
    return JSON.stringify({ [serverInfoKey]: serverInfoOf(endpoint, version) });
  }

  /** The result of server/discover (server/discover). */
  function discovery(view: View): Buffer {
    const known = discoveries.get(view);
    if (known) return known;
    const { capabilities, instructions } = view.about();
    const result = JSON.stringify({
      supportedVersions: modernVersions,
      capabilities: withTasks(capabilities, view),
      ...(instructions && { instructions }),
      _meta: { [serverInfoKey]: serverInfoOf(view.endpoint, version) },
    });
    const body = Buffer.from(withMembers(result, `${completeMember},${listHints(view.ttlMs(listKinds))}`));
    discoveries.set(view, body);
    return body;
  }

  return { accepts: isModern, post };
}

/** Whether a request carries what only a retry has. */
function isInputRetry(method: string, { requestState, inputResponses }: Record<string, unknown>): boolean {
  return (requestState !== undefined || inputResponses !== undefined) && inputMethods.has(method);
}

function withTasks(capabilities: Record<string, unknown>, { taskOffers }: View): Record<string, unknown> {
  if (!taskOffers.modern) return capabilities;
  const extensions = { ...(capabilities.extensions as object | undefined), ...taskOffers.modern.extensions };
  return { ...capabilities, extensions };
}

/** Whether news of tasks are asked for (io.modelcontextprotocol/tasks, "Task Status Notifications"). */
function wantsTasks(params: Record<string, unknown> | undefined): boolean {
  return isObject(params?.notifications) && params.notifications.taskIds !== undefined;
}

function answersIn(params: Record<string, unknown> | undefined): Record<string, unknown> {
  return isObject(params?.inputResponses) ? params.inputResponses : {};
}

/** What a request is about: a tool, a prompt or a resource. */
function targetOf({ method, params }: Asking, view: View): Target | undefined {
  const { name, uri } = params ?? {};
  if (method === 'tools/call') return view.called(params);
  return method === 'prompts/get' ? view.prompts.get(String(name)) : view.resource(String(uri));
}

export type Modern = ReturnType<typeof createModern>;
