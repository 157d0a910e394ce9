// One request of a client without sessions, from its POST to its last answer. While it runs it is what servers may know
// of the client and where everything that belongs to it goes. A question of a server cannot be put to such a client
// directly: the POST is answered with "input_required", the call is parked, and the client's retry takes it up again
// (revision 2026-07-28, basic/patterns/mrtr).
import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { HubError } from '../../../lib/errors';
import type { ClientAnswer, UpstreamAnswer } from '../../upstream/types';
import { mapQuestionUris } from '../catalog/rewrite';
import type { Target, View } from '../catalog/view';
import { type Exchange, isGone, type Reply } from '../http/exchange';
import type { RequestId } from '../http/json';
import { partyOf } from '../http/strangers';
import { severityOf } from '../log-levels';
import type { AskedClient, Outlet, Running } from '../relay';
import { failed, whyNotAsk } from '../sessions/questions';
import { credentialOf, userOf } from '../sessions/sessions';
import { type Envelope, isObject } from './envelope';
import { inputMethods, toInputRequest } from './input-requests';
import type { Asking } from './request-state';

/** A question of a server that waits for the client. */
interface Question {
  method: string;
  params: Record<string, unknown> | undefined;
  settle(answer: ClientAnswer): void;
}

/** How a call ended: what is sent, and with which status if nothing was sent before. */
export interface Outcome {
  reply: Reply;
  status: number;
  retryAfterSeconds?: number;
}

/** What is behind all calls. */
export interface CallHost {
  /** Puts the open questions of a call to its client, which waits for something to come. Never throws. */
  askClient(call: ModernCall): void;
  /** Whether the client gets another chance after this answer: it is not the last word. */
  isInterim(call: ModernCall, answer: UpstreamAnswer): boolean;
}

/** Notifications that only a session could be sent. */
const ofSessions = new Set([
  'notifications/cancelled',
  'notifications/elicitation/complete',
  'notifications/prompts/list_changed',
  'notifications/resources/list_changed',
  'notifications/resources/updated',
  'notifications/roots/list_changed',
  'notifications/tools/list_changed',
]);

const notHere = new HubError('METHOD_NOT_FOUND', 'The client can be asked nothing during this request.');
const withdrawn = failed(new HubError('CANCELLED', 'The request is over.'));

export class ModernCall implements AskedClient, Outlet {
  readonly asking: Asking;
  capabilities: Record<string, unknown>;
  logLevel: string | undefined;
  target: Target | null = null;
  /** Answers of the client have gone into it, so what comes of it fits no other request. */
  isRetry = false;
  hasSpoken = false;
  readonly #host: CallHost;
  readonly #view: View;
  #exchange: Exchange | null = null;
  #id: RequestId = 0;
  #progressToken: RequestId | undefined;
  #running: Running | null = null;
  #isOver = false;
  #isAsking = false;
  #outcome: Outcome | null = null;
  #questions: Map<string, Question> | null = null;
  #asked = 0;
  #conversation: string | null = null;
  #party: string | null = null;

  constructor(asking: Asking, { capabilities, logLevel }: Envelope, view: View, host: CallHost) {
    this.asking = asking;
    this.#view = view;
    this.capabilities = capabilities;
    this.logLevel = logLevel;
    this.#host = host;
  }

  get owner(): string {
    return credentialOf(this.asking.actor);
  }

  /** Whom limits count it for. */
  get party(): string {
    return this.#party ?? this.owner;
  }

  get user(): string {
    return userOf(this.asking.actor);
  }

  get conversation(): string {
    this.#conversation ??= randomUUID();
    return this.#conversation;
  }

  get isPassing(): boolean {
    return true;
  }

  /** From now on everything goes to this POST; when its client closes it, the call is cancelled. */
  attach(exchange: Exchange, response: ServerResponse, id: RequestId, progressToken: RequestId | undefined): void {
    this.#exchange = exchange;
    // It stays with the address that began it: a retry may come by another worker, which has no address of it.
    if (this.asking.actor.kind === 'anonymous') this.#party ??= partyOf(this.asking.actor, this.owner, response);
    this.#id = id;
    this.#progressToken = progressToken;
    response.once('close', () => {
      if (this.#exchange === exchange) this.abandon('the client closed the stream');
    });
    if (isGone(response)) this.abandon('the client closed the stream');
  }

  /** The relay began something for this call. @throws HubError CANCELLED where nobody waits for it any more */
  started(running: Running): void {
    if (this.#isOver) throw new HubError('CANCELLED');
    this.#running = running;
  }

  /** Ends the call without an answer to the client. Idempotent. */
  abandon(reason: string): void {
    this.#exchange = null;
    this.#outcome = null;
    if (this.#isOver) return;
    this.#isOver = true;
    this.#running?.cancel(reason);
    this.#running = null;
    for (const question of this.#questions?.values() ?? []) question.settle(withdrawn);
    this.#questions = null;
  }

  /** Sends the answer, or keeps it for the client's retry. */
  finish(outcome: Outcome): void {
    this.#running = null;
    if (this.#isOver) return;
    this.#isOver = true;
    for (const question of this.#questions?.values() ?? []) question.settle(withdrawn);
    this.#questions = null;
    this.#outcome = outcome;
    this.#deliver();
  }

  /** Answers the client although the server has not, and cancels the call. */
  refuse(outcome: Outcome): void {
    const running = this.#running;
    this.finish(outcome);
    running?.cancel('the client could not be asked');
  }

  #deliver(): void {
    const exchange = this.#exchange;
    const outcome = this.#outcome;
    if (!exchange || !outcome) return;
    this.#exchange = null;
    this.#outcome = null;
    exchange.answer(this.#id, outcome.reply, outcome.status, outcome.retryAfterSeconds);
  }

  ask(method: string, params: Record<string, unknown> | undefined, signal: AbortSignal): Promise<ClientAnswer> {
    const refusal = inputMethods.has(this.asking.method) ? whyNotAsk(this.capabilities, method, params) : notHere;
    if (refusal) return Promise.resolve(failed(refusal));
    if (this.#isOver || signal.aborted) return Promise.resolve(withdrawn);
    return new Promise((resolve) => {
      const questions = this.#questions ?? new Map<string, Question>();
      this.#questions = questions;
      this.#asked++;
      this.hasSpoken = true;
      const key = `input-${this.#asked}`;
      const withdraw = () => questions.get(key)?.settle(withdrawn);
      const settle = (answer: ClientAnswer) => {
        if (!questions.delete(key)) return;
        signal.removeEventListener('abort', withdraw);
        resolve(answer);
      };
      questions.set(key, { method, params: mapQuestionUris(method, params, this.#view, this.target), settle });
      signal.addEventListener('abort', withdraw);
      this.#askSoon();
    });
  }

  /** A turn later, so that questions which arrive together are asked together. */
  #askSoon(): void {
    if (this.#isAsking || !this.#exchange) return;
    this.#isAsking = true;
    setImmediate(() => {
      this.#isAsking = false;
      if (this.#exchange && this.#questions && this.#questions.size > 0) this.#host.askClient(this);
    });
  }

  /** The open questions as the member `inputRequests` of a result. */
  inputRequests(): Record<string, unknown> {
    const requests: [string, unknown][] = [];
    for (const [key, { method, params }] of this.#questions ?? []) requests.push([key, toInputRequest(method, params)]);
    return Object.fromEntries(requests);
  }

  /** Answers the POST with "input_required"; the call goes on without a client. */
  leave(reply: Reply): Running | null {
    const exchange = this.#exchange;
    this.#exchange = null;
    exchange?.answer(this.#id, reply);
    return this.#running;
  }

  isInterim(answer: UpstreamAnswer): boolean {
    return this.#host.isInterim(this, answer);
  }

  /** The client's retry: hands its answers to the server and takes the call's place. What is missing is asked again. */
  resume(
    exchange: Exchange,
    response: ServerResponse,
    id: RequestId,
    progressToken: RequestId | undefined,
    { capabilities, logLevel }: Envelope,
    answers: Record<string, unknown>,
  ): void {
    this.isRetry = true;
    this.capabilities = capabilities;
    this.logLevel = logLevel;
    this.attach(exchange, response, id, progressToken);
    for (const [key, { settle }] of [...(this.#questions ?? [])]) {
      if (Object.hasOwn(answers, key) && isObject(answers[key])) settle({ kind: 'result', value: answers[key] });
    }
    this.#deliver();
    this.#askSoon();
  }

  notify(method: string, params: Record<string, unknown> | undefined): void {
    const exchange = this.#exchange;
    if (!exchange || ofSessions.has(method)) return;
    this.hasSpoken = true;
    if (method === 'notifications/progress') {
      const progressToken = this.#progressToken;
      if (progressToken === undefined) return;
      exchange.notify(method, params?.progressToken === progressToken ? params : { ...params, progressToken });
    } else if (method !== 'notifications/message' || this.#wantsLog(params?.level)) {
      exchange.notify(method, params);
    }
  }

  /** Without a level of its own a request gets no log messages (server/utilities/logging). */
  #wantsLog(level: unknown): boolean {
    return this.logLevel !== undefined && severityOf(level) >= severityOf(this.logLevel);
  }

  keepAlive(nowMs: number): void {
    this.#exchange?.keepAlive(nowMs);
  }
}
