// Rounds of input (2026-07-28, basic/patterns/mrtr): a server may answer that it first needs something of the client.
// The client of a session is asked in the way of its revision, and the request is sent again with what it answered.
import { randomUUID } from 'node:crypto';
import { HubError } from '../../../lib/errors';
import type { Supervisor } from '../../supervisor/types';
import type { ClientSide, UpstreamAnswer } from '../../upstream/types';
import type { ServerNode } from '../catalog/endpoints';
import type { RequestId } from '../http/json';
import type { Origin, Relay } from '../relay';
import { isObject } from '../stateless/envelope';
import { urlElicitationRequired } from '../stateless/results';
import { unasked } from '../tasks/task-ids';
import { type Questions, whyNotAsk } from './questions';
import type { RunningCall } from './sessions';

/** A server that asks on and on makes no progress. */
const maxRounds = 10;
/** The only requests that may be answered so. */
const methodsWithInput = new Set(['tools/call', 'prompts/get', 'resources/read']);

/** Of one URLElicitationRequiredError (2025-11-25, client/elicitation); its client is told when a page is done with. */
const elicitationsMax = 16;

/** The request that was answered with a wish for input. */
export interface AskedRequest {
  origin: Origin;
  server: ServerNode;
  method: string;
  params: Record<string, unknown> | undefined;
  progressToken: RequestId | undefined;
}

interface InputRequired {
  inputRequests?: unknown;
  requestState?: unknown;
}

/** The one check that every answer pays for: whether `settle` has anything to do with it, as it is not the last word. */
export function wantsInput({ kind, value }: UpstreamAnswer): boolean {
  if (kind === 'error') return (value as { code?: unknown } | null)?.code === urlElicitationRequired;
  const { resultType } = value as { resultType?: unknown };
  return resultType !== undefined && resultType !== 'complete';
}

export interface InputRoundsDeps {
  relay: Pick<Relay, 'send'>;
  supervisor: Pick<Supervisor, 'upstreamOf'>;
  questions: Pick<Questions, 'sentToPage'>;
}

export function createInputRounds({ relay, supervisor, questions }: InputRoundsDeps) {
  /**
   * Goes on with a request until its answer is final. `answer` is returned as it is if it is no wish for input at all,
   * or one that a client of 2026-07-28 fulfils by itself.
   * @throws HubError as `relay.send` does; INVALID_INPUT when the client does not give what the server needs,
   * UPSTREAM_BAD_ANSWER when the server asks for what it must not, or too often, or says what nobody understands
   */
  async function settle(answer: UpstreamAnswer, request: AskedRequest): Promise<UpstreamAnswer> {
    const { origin, server, method } = request;
    if (answer.kind === 'error') {
      if (origin.session) questions.sentToPage(origin.session, elicitationsOf(answer.value));
      return answer;
    }
    // In an older revision the word means nothing.
    if (supervisor.upstreamOf(server.id).handshake.era !== 'modern') return answer;
    if (isTask(answer)) return passedOn(answer, origin);
    const { resultType } = answer.value as { resultType?: unknown };
    if (resultType !== 'input_required') {
      throw badWish(server, `gave a result of the unknown type ${JSON.stringify(resultType).slice(0, 100)}`);
    }
    if (!methodsWithInput.has(method)) throw badWish(server, `asked for input in answer to ${method}`);
    if (!origin.client) {
      throw new HubError('INVALID_INPUT', `The server "${server.name}" asks for input, and nobody can be asked here.`);
    }
    if (!origin.session) return answer;
    let current = answer;
    for (let round = 1; wantsInput(current); round++) {
      if (isTask(current)) return passedOn(current, origin);
      if (round > maxRounds) throw badWish(server, `asked for input more than ${maxRounds} times`);
      const params = await nextParams(current.value as InputRequired, request, origin.client);
      current = await relay.send(origin, server, method, params, request.progressToken);
    }
    return current;
  }

  /** The request's params with what the client answered. A client that cancels its call ends the questions too. */
  async function nextParams(
    { inputRequests, requestState }: InputRequired,
    { origin, server, params }: AskedRequest,
    client: ClientSide,
  ): Promise<Record<string, unknown>> {
    const { inputResponses: _responses, requestState: _state, ...next } = params ?? {};
    if (requestState !== undefined) {
      if (typeof requestState !== 'string') throw badWish(server, 'gave a requestState that is no text');
      next.requestState = requestState;
    }
    if (inputRequests === undefined) {
      if (requestState === undefined) throw badWish(server, 'asked for input without naming any');
      return next;
    }
    if (!isObject(inputRequests)) throw badWish(server, 'gave inputRequests that are no object');
    const { id, session } = origin;
    const asking = new AbortController();
    const running: RunningCall = { cancel: () => asking.abort() };
    session?.calls.set(id, running);
    try {
      const answers = Object.entries(inputRequests).map(
        async ([key, wish]) => [key, await askFor(wish, server, client, asking.signal)] as const,
      );
      next.inputResponses = Object.fromEntries(await Promise.all(answers));
      return next;
    } catch (error) {
      if (asking.signal.aborted) throw new HubError('CANCELLED');
      // The other questions of this round are of no use any more.
      asking.abort();
      throw error;
    } finally {
      if (session?.calls.get(id) === running) session.calls.delete(id);
    }
  }

  return { settle };
}

export type InputRounds = ReturnType<typeof createInputRounds>;

function isTask({ value }: UpstreamAnswer): boolean {
  return (value as { resultType?: unknown } | null)?.resultType === 'task';
}

/** A client without a session may have asked for it; that is looked at where its answers are completed. */
function passedOn(answer: UpstreamAnswer, { session, client }: Origin): UpstreamAnswer {
  if (session || !client) throw unasked();
  return answer;
}

async function askFor(wish: unknown, server: ServerNode, client: ClientSide, signal: AbortSignal): Promise<unknown> {
  const { method, params } = isObject(wish) ? wish : {};
  if (typeof method !== 'string' || (params !== undefined && !isObject(params))) {
    throw badWish(server, 'gave an input request that is no request');
  }
  const refusal = whyNotAsk(client.capabilities, method, params);
  if (refusal) {
    throw new HubError(
      'INVALID_INPUT',
      `The server "${server.name}" needs ${method.slice(0, 128)}: ${refusal.message}`,
    );
  }
  // An elicitation by URL has no id of its own in 2026-07-28, but must have one in the revisions before it.
  const isByUrl = method === 'elicitation/create' && params?.mode === 'url';
  const asked = isByUrl ? { ...params, elicitationId: randomUUID() } : params;
  const answer = await client.ask(method, asked, signal);
  if (answer.kind === 'result') return answer.value;
  if (signal.aborted) throw new HubError('CANCELLED');
  if (method === 'elicitation/create') return { action: 'cancel' };
  const why = answer.value.message.slice(0, 500);
  throw new HubError('INVALID_INPUT', `The server "${server.name}" needs ${method}, which the client refused: ${why}`);
}

function elicitationsOf(error: unknown): unknown[] {
  const { data } = error as { data?: { elicitations?: unknown } };
  const listed = isObject(data) && Array.isArray(data.elicitations) ? data.elicitations.slice(0, elicitationsMax) : [];
  return listed.map((each) => (isObject(each) ? each.elicitationId : undefined));
}

function badWish({ name }: ServerNode, what: string): HubError {
  return new HubError('UPSTREAM_BAD_ANSWER', `The server "${name}" ${what}.`, { server: name, reason: 'bad-answer' });
}
