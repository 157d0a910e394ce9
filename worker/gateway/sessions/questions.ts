// What servers ask of the client of a session while a call of it is under way: sampling, elicitation and roots (client/*
// of 2025-11-25). A question goes out on the stream of its call under an id of our own, and only its own session can
// answer it.
import { randomBytes } from 'node:crypto';
import { HubError, toRpc } from '../../../lib/errors';
import type { ClientAnswer, ClientSide } from '../../upstream/types';
import { mapQuestionUris } from '../catalog/rewrite';
import type { Target, View } from '../catalog/view';
import type { SessionOutlet } from '../http/exchange';
import type { Message } from '../http/json';
import { logLevels, severityOf } from '../log-levels';
import type { AskedClient } from '../relay';
import { isObject } from '../stateless/envelope';
import type { Session } from './sessions';

export interface QuestionLimits {
  /** How long a client, and the person before it, may take. */
  questionTimeoutMs: number;
  /** Questions of one session that wait for an answer at a time. */
  questionsPerSession: number;
}

/** So many calls may wait for people beside those that a server's queue counts. */
const placesLeftMax = 1024;
/** How often open questions are looked at, and the streams that they keep open. */
const sweepEveryMs = 1000;
/** Elicitations by URL whose completion may still be told; the oldest are forgotten. */
const elicitationsMax = 10_000;

interface Question {
  id: string;
  session: Session;
  outlet: SessionOutlet;
  untilMs: number;
  settle(answer: ClientAnswer): void;
}

const kinds = new Set(['sampling/createMessage', 'elicitation/create', 'roots/list']);

/**
 * Why this client must not be asked this, as it goes back to the server; null if it declared what is needed.
 * "elicitation" without modes means forms only, and tools in sampling have a flag of their own (2025-11-25).
 */
export function whyNotAsk(
  capabilities: Record<string, unknown>,
  method: string,
  params: Record<string, unknown> | undefined,
): HubError | null {
  const shown = JSON.stringify(method.slice(0, 128));
  if (!kinds.has(method)) return new HubError('METHOD_NOT_FOUND', `Servers cannot ask ${shown} of a client.`);
  const declared = capabilities[method.slice(0, method.indexOf('/'))];
  if (!isObject(declared)) return new HubError('METHOD_NOT_FOUND', `The client does not support ${shown}.`);
  if (method === 'elicitation/create') {
    const mode = params?.mode ?? 'form';
    const hasForms = 'form' in declared || !('url' in declared);
    if (mode === 'url' ? 'url' in declared : mode === 'form' && hasForms) return null;
    return new HubError('INVALID_INPUT', 'The client does not support this mode of elicitation.');
  }
  const wantsTools = method === 'sampling/createMessage' && (params?.tools ?? params?.toolChoice) !== undefined;
  if (!wantsTools || 'tools' in declared) return null;
  return new HubError('INVALID_INPUT', 'The client does not support tools in sampling.');
}

/** @param asked called with each question that was put: its call waits for a person now, and does no work */
export function createQuestions(limits: QuestionLimits, asked: (session: Session, client: ClientSide) => void) {
  const open = new Map<string, Question>();
  const perSession = new Map<Session, number>();
  /** Who was sent to a page, by the server's id of that elicitation. */
  const elicitations = new Map<string, Session>();
  let dropped = 0;
  let isStopped = false;

  const sweep = setInterval(() => {
    const nowMs = performance.now();
    for (const question of open.values()) {
      if (question.outlet.isGone) question.settle(failed(gone()));
      else if (nowMs >= question.untilMs) withdraw(question, new HubError('UPSTREAM_TIMEOUT', noAnswer), 'timed out');
      else question.outlet.keepAlive(nowMs);
    }
  }, sweepEveryMs);
  sweep.unref();

  function withdraw(question: Question, why: HubError, reason: string): void {
    if (!open.has(question.id)) return;
    question.settle(failed(why));
    question.outlet.notify('notifications/cancelled', { requestId: question.id, reason });
  }

  /** Puts a question to a client. Never rejects; a refusal comes as an error answer. */
  function ask(
    client: SessionClient,
    method: string,
    params: Record<string, unknown> | undefined,
    signal: AbortSignal,
  ): Promise<ClientAnswer> {
    const { session, outlet } = client;
    const refusal = whyNotAsk(session.clientCapabilities, method, params);
    if (refusal) return Promise.resolve(failed(refusal));
    if (signal.aborted) return Promise.resolve(failed(new HubError('CANCELLED')));
    if (isStopped) return Promise.resolve(failed(stopping()));
    const waiting = perSession.get(session) ?? 0;
    if (waiting >= limits.questionsPerSession) {
      return Promise.resolve(failed(new HubError('BUSY', 'Too many questions wait for an answer of this client.')));
    }
    const id = randomBytes(12).toString('base64url');
    if (session.ended || !outlet.request(id, method, params)) return Promise.resolve(failed(gone()));
    if (open.size < placesLeftMax) asked(session, client);
    if (method === 'elicitation/create' && params?.mode === 'url') sentToPage(session, [params.elicitationId]);
    return new Promise((resolve) => {
      const question: Question = {
        id,
        session,
        outlet,
        untilMs: performance.now() + limits.questionTimeoutMs,
        settle: (answer) => {
          if (!open.delete(id)) return;
          signal.removeEventListener('abort', abort);
          const left = (perSession.get(session) ?? 1) - 1;
          if (left > 0) perSession.set(session, left);
          else perSession.delete(session);
          resolve(answer);
        },
      };
      const abort = () => withdraw(question, new HubError('CANCELLED'), 'nobody waits for the answer any more');
      open.set(id, question);
      perSession.set(session, waiting + 1);
      signal.addEventListener('abort', abort, { once: true });
    });
  }

  /** The client was given these elicitations by URL, so it is told when one is done with. */
  function sentToPage(session: Session, elicitationIds: unknown[]): void {
    for (const id of elicitationIds) {
      if (typeof id !== 'string') continue;
      elicitations.delete(id);
      elicitations.set(id, session);
    }
    for (const oldest of elicitations.keys()) {
      if (elicitations.size <= elicitationsMax) break;
      elicitations.delete(oldest);
    }
  }

  return {
    ask,
    sentToPage,

    /** Takes a response of a client. @returns false for one that answers no question of this session; it is dropped */
    answer(session: Session, { id, result, error }: Message): boolean {
      const question = typeof id === 'string' ? open.get(id) : undefined;
      if (!question || question.session !== session) {
        dropped++;
        return false;
      }
      if (isObject(result)) question.settle({ kind: 'result', value: result });
      else if (isRpcError(error)) question.settle({ kind: 'error', value: error });
      else question.settle(failed(new HubError('INVALID_INPUT', 'The client gave an answer that is not valid.')));
      return true;
    },

    /** The session that was sent to a page under this id; told once. */
    takeElicitation(elicitationId: unknown): Session | undefined {
      const session = elicitations.get(elicitationId as string);
      elicitations.delete(elicitationId as string);
      return session;
    },

    /** The session is over: whoever waits for its answers is told so. */
    release(session: Session): void {
      for (const question of open.values()) if (question.session === session) question.settle(failed(gone()));
      for (const [id, asked] of elicitations) if (asked === session) elicitations.delete(id);
    },

    /** Questions that wait for their answer, and responses that answered none. */
    get counts(): { open: number; dropped: number } {
      return { open: open.size, dropped };
    },

    /** Takes all questions back and puts no more: a person would take longer than the hub may take to stop. Idempotent. */
    stop(): void {
      isStopped = true;
      for (const question of open.values()) withdraw(question, stopping(), 'the hub is shutting down');
    },

    close(): void {
      clearInterval(sweep);
      for (const question of open.values()) question.settle(failed(gone()));
    },
  };
}

export type Questions = ReturnType<typeof createQuestions>;

const noAnswer = 'The client did not answer in time.';

function gone(): HubError {
  return new HubError('INTERRUPTED', 'The client cannot be reached (any more).');
}

function stopping(): HubError {
  return new HubError('UNAVAILABLE', 'The hub is shutting down.', { retryable: true });
}

/** A failure as the answer that the asking server gets. */
export function failed(error: HubError): ClientAnswer {
  const outcome = toRpc(error, '');
  return { kind: 'error', value: 'error' in outcome ? outcome.error : { code: -32603, message: error.message } };
}

/** The client of a session, as the servers of one of its requests see it. */
export class SessionClient implements AskedClient {
  readonly #questions: Questions;
  readonly #view: View;
  readonly session: Session;
  readonly outlet: SessionOutlet;
  target: Target | null = null;
  hasSpoken = false;

  constructor(questions: Questions, session: Session, outlet: SessionOutlet, view: View) {
    this.#questions = questions;
    this.session = session;
    this.outlet = outlet;
    this.#view = view;
  }

  get capabilities(): Record<string, unknown> {
    return this.session.clientCapabilities;
  }

  get owner(): string {
    return this.session.id;
  }

  get user(): string {
    return this.session.user;
  }

  get conversation(): string {
    return this.session.conversation;
  }

  get isPassing(): boolean {
    return false;
  }

  get logLevel(): string | undefined {
    const { logLevel } = this.session;
    return logLevel === null ? undefined : logLevels[logLevel];
  }

  ask(method: string, params: Record<string, unknown> | undefined, signal: AbortSignal): Promise<ClientAnswer> {
    this.hasSpoken = true;
    return this.#questions.ask(this, method, mapQuestionUris(method, params, this.#view, this.target), signal);
  }

  /** Only what may reach a client beside an answer is passed on. */
  notify(method: string, params: Record<string, unknown> | undefined): void {
    this.hasSpoken = true;
    if (method === 'notifications/message') {
      if (severityOf(params?.level) >= (this.session.logLevel ?? 0)) this.outlet.notify(method, params);
    } else if (method === 'notifications/elicitation/complete') {
      if (this.#questions.takeElicitation(params?.elicitationId)) this.outlet.notify(method, params);
    }
  }
}

function isRpcError(value: unknown): value is { code: number; message: string; data?: unknown } {
  return isObject(value) && Number.isSafeInteger(value.code) && typeof value.message === 'string';
}
