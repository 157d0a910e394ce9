// What a session may ask: one row per method. Lists come from the view, the rest goes to the server that it concerns.
import { can } from '../../lib/access/can';
import { asHubError, HubError } from '../../lib/errors';
import { type Calls, replyOf } from './call';
import type { ListKind, Target } from './catalog/view';
import type { Connecting } from './connect';
import type { Reply } from './http/exchange';
import type { News } from './news';
import { createRate } from './rate';
import type { Relay } from './relay';
import { progressTokenOf, type RpcRequest } from './rpc-request';
import { type InputRounds, wantsInput } from './sessions/input-rounds';
import { credentialOf, type Session } from './sessions/sessions';
import type { Smart } from './smart/smart';
import type { Tasks } from './tasks/tasks';

/** @returns null when the request was cancelled. @throws HubError, also by the promise */
type Method = (request: RpcRequest) => Reply | Promise<Reply>;

const empty: Reply = { kind: 'result', body: '{}' };

/** Completions are asked for with each key that is pressed (server/utilities/completion: they must be limited in rate). */
const completionsAtOnce = 100;
const completionsPerSecond = 20;

export interface MethodsDeps {
  calls: Calls;
  /** Answers in their place on smart endpoints, and the calls of the tools that smart lists are of. */
  smart: Smart;
  relay: Relay;
  inputs: InputRounds;
  connecting: Pick<Connecting, 'reply'>;
  news: News;
  tasks: Pick<Tasks, 'methods'>;
}

export function createMethods({ calls, smart, relay, inputs, connecting, news, tasks }: MethodsDeps) {
  const completionRate = createRate(completionsAtOnce, completionsPerSecond);

  function list(kind: ListKind): Method {
    return (request) => {
      const { origin, view, params } = request;
      const body = view.page(kind, params?.cursor);
      if (kind === 'tools') smart.listed(request);
      origin.session?.seenLists.set(kind, view.digest(kind));
      return { kind: 'result', body };
    };
  }

  async function passOn(
    { origin, actor, view, params }: RpcRequest,
    method: string,
    target: Target,
    changed: Record<string, unknown>,
  ): Promise<Reply> {
    if (!can(actor, 'call', target.resource)) throw notFound(target.name);
    const sent = { ...params, ...changed };
    const { server } = target;
    origin.target = target;
    if (origin.client) origin.client.target = target;
    const progressToken = progressTokenOf(params);
    let answer = await relay.send(origin, server, method, sent, progressToken);
    if (wantsInput(answer)) {
      answer = await inputs.settle(answer, { origin, server, method, params: sent, progressToken });
    }
    return replyOf(answer, view, target);
  }

  /** As passOn, for requests that a person may be sent to a page for. */
  async function passOnOrAsk(
    request: RpcRequest,
    method: string,
    target: Target,
    changed: Record<string, unknown>,
  ): Promise<Reply> {
    try {
      return await passOn(request, method, target, changed);
    } catch (error) {
      const reply = connecting.reply(asHubError(error), request.origin, false);
      if (reply) return reply;
      throw error;
    }
  }

  function targetOfUri({ view }: RpcRequest, uri: unknown): Target {
    if (typeof uri !== 'string') throw new HubError('INVALID_INPUT', 'The "uri" of a resource is needed.');
    const target = view.resource(uri);
    if (!target) throw notFound(uri);
    return target;
  }

  function targetOfPrompt({ view }: RpcRequest, name: unknown): Target {
    if (typeof name !== 'string') throw new HubError('INVALID_INPUT', 'The "name" of a prompt is needed.');
    const target = view.prompts.get(name);
    if (!target) throw notFound(name);
    return target;
  }

  const methods: [string, Method][] = [
    ['ping', () => empty],
    ['tools/list', list('tools')],
    ['resources/list', list('resources')],
    ['resources/templates/list', list('resourceTemplates')],
    ['prompts/list', list('prompts')],
    [
      'tools/call',
      (request) => {
        const { view, params } = request;
        return (view.endpoint.isSmart || view.isMeta(params?.name) ? smart : calls).callTool(request);
      },
    ],
    [
      'resources/read',
      (request) => {
        const target = targetOfUri(request, request.params?.uri);
        return passOnOrAsk(request, 'resources/read', target, { uri: target.name });
      },
    ],
    [
      'resources/subscribe',
      async (request) => {
        const uri = request.params?.uri;
        const target = targetOfUri(request, uri);
        if (!can(request.actor, 'call', target.resource)) throw notFound(target.name);
        await news.subscribe(sessionOf(request), String(uri), target);
        return empty;
      },
    ],
    [
      'resources/unsubscribe',
      (request) => {
        const uri = request.params?.uri;
        news.unsubscribe(sessionOf(request), String(uri), targetOfUri(request, uri));
        return empty;
      },
    ],
    [
      'prompts/get',
      (request) => {
        const target = targetOfPrompt(request, request.params?.name);
        return passOnOrAsk(request, 'prompts/get', target, { name: target.name });
      },
    ],
    [
      'completion/complete',
      (request) => {
        completionRate.take(credentialOf(request.actor));
        const ref = (request.params?.ref ?? {}) as { type?: unknown; name?: unknown; uri?: unknown };
        if (ref.type === 'ref/prompt') {
          const target = targetOfPrompt(request, ref.name);
          return passOn(request, 'completion/complete', target, { ref: { ...ref, name: target.name } });
        }
        if (ref.type !== 'ref/resource') throw new HubError('INVALID_INPUT', '"ref" must name a prompt or a resource.');
        const target = targetOfUri(request, ref.uri);
        return passOn(request, 'completion/complete', target, { ref: { ...ref, uri: target.name } });
      },
    ],
    [
      'logging/setLevel',
      (request) => {
        news.setLogLevel(sessionOf(request), request.params?.level, request.view);
        return empty;
      },
    ],
    ...tasks.methods,
  ];
  return new Map(methods);
}

/** @throws HubError METHOD_NOT_FOUND where there is none */
function sessionOf({ origin }: RpcRequest): Session {
  if (origin.session) return origin.session;
  throw new HubError('METHOD_NOT_FOUND', 'This method needs a session.');
}

function notFound(name: string): HubError {
  return new HubError('NOT_FOUND', `There is no ${JSON.stringify(name.slice(0, 128))} here.`);
}

export type Methods = ReturnType<typeof createMethods>;
