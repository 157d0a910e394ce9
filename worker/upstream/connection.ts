// JSON-RPC over any transport: ids, pending calls, deadlines, progress, cancellation, and what a server asks of us.
// Knows nothing of processes or HTTP. An answer, notification or request that belongs to no call of ours never reaches a caller.
import { isUtf8 } from 'node:buffer';
import { HubError } from '../../lib/errors';
import { type Slice, sliceAnswer } from './answer';
import { everyTick } from './deadlines';
import { type Envelope, subscriptionIdKey } from './modern';
import { type Heard, PendingCall, PendingCalls, type Sending } from './pending';
import { notOffered, Questions, whyInVain } from './questions';
import type { Call, CallOptions, ClientAnswer, ClientSide, Sighting } from './types';

/** No call lasts longer, whatever progress it reports. */
const hardEndMs = 600_000;
/** So many time-outs in a row, then a ping decides whether the server still lives. */
const timeoutsBeforePing = 3;
const pingTimeoutMs = 5_000;
/** An answer may cross a cancellation on its way; one that comes so much later does not. */
const crossingMs = 250;
/** So many cancelled calls are remembered. */
const withdrawnMax = 16;
/** UnsupportedProtocolVersionError (2026-07-28). */
const versionRefusedCode = -32022;
/** Requests that began tasks and whose progress is still told; the oldest are forgotten. */
const lastingMax = 1000;
/** Versions are settled by these; an answer about versions is theirs to read. */
const openingMethods = new Set(['initialize', 'server/discover']);

export interface Wire {
  /**
   * Sends one message.
   * @param id of a request; undefined for everything that has no answer
   * @param params of a request, as they were made into `text`
   * @throws HubError BUSY when the transport's queue is full
   */
  send(text: string, id: string | undefined, method: string, params?: Record<string, unknown>): Sending | undefined;
}

export interface ConnectionEvents {
  /**
   * The server keeps a session for this connection alone: what it asks outside of all calls concerns those who used it.
   * Many servers ask there during a call (basic/transports, 2025-11-25, says that they should not).
   */
  hasOwnSession?: boolean;
  notification(method: string, params: Record<string, unknown> | undefined): void;
  /** The server asked something that no client was asked: why, in a sentence for people. */
  inVain?(message: string): void;
  sighted?(sighting: Sighting): void;
  /** The server does not know our version any more. */
  versionRefused?(): void;
  /** Several calls timed out and a ping got no answer. */
  hung(): void;
}

/** What was received and could not be used, since the connection began. */
export interface ConnectionCounters {
  unknownAnswers: number;
  badMessages: number;
  staleProgress: number;
  timeouts: number;
}

export interface Connection {
  /** Calls under way, without those that only listen. */
  readonly inflight: number;
  readonly counters: ConnectionCounters;
  /** Methods of the requests under way, oldest first. */
  readonly asked: string[];
  /** Messages that were valid JSON-RPC; zero means that the other side may not speak MCP at all. */
  readonly received: number;
  call(method: string, params: Record<string, unknown> | undefined, options: CallOptions): Call;
  /** A request that stays open for the notifications which belong to it (subscriptions/listen); it has no deadline. */
  listen(method: string, params: Record<string, unknown>, heard: Heard): Call;
  /**
   * All calls are of one caller: what the server asks or says beside them is for the call under way, or, before there is
   * one, for this client.
   */
  lend(client: ClientSide): void;
  /** Writes requests as the envelope says from now on, or as the legacy revisions do for null. */
  speak(envelope: Envelope | null): void;
  notify(method: string, params?: Record<string, unknown>): void;
  /**
   * Takes one message as it came. @param onlyFor the one call that it may answer, where the transport knows that
   * @returns false if it is no JSON-RPC message
   */
  receive(bytes: Buffer, onlyFor?: string): boolean;
  /** A message over the size limit came; fails the call that it answers if one of its ends names it. */
  receiveOverlong(head: Buffer, tail: Buffer, length: number): void;
  pending(id: string): boolean;
  /** Settles one call; a call that is settled already is left alone. */
  fail(id: string, error: HubError): void;
  /** Fails all calls, now and in future. */
  end(error: HubError): void;
}

/** @param server the server's name, for error messages */
export function createConnection(server: string, wire: Wire, events: ConnectionEvents): Connection {
  const pending = new PendingCalls();
  const counters: ConnectionCounters = { unknownAnswers: 0, badMessages: 0, staleProgress: 0, timeouts: 0 };
  let received = 0;
  let timeoutsInRow = 0;
  let pinging = false;
  let ended: HubError | null = null;
  let envelope: Envelope | null = null;
  let standing = 0;
  /** Whose calls came this way so far; null: of several. */
  let soleOwner: string | null | undefined;
  /** By the progress token. */
  const lasting = new Map<string, PendingCall>();
  let hasProgress = false;
  let withdrawn: { id: string; atMs: number }[] = [];
  let borrower: ClientSide | null = null;
  /** What the server asks the borrower while no call is under way. */
  let aside: Questions | null = null;
  const stopTicking = everyTick(checkDeadlines);

  function call(method: string, params: Record<string, unknown> | undefined, options: CallOptions): Call {
    return begin(new PendingCall(method, options, cancelCall), params);
  }

  function listen(method: string, params: Record<string, unknown>, heard: Heard): Call {
    const made = begin(new PendingCall(method, { timeoutMs: Infinity }, cancelCall, heard), params);
    standing += 1;
    const answer = made.answer.finally(() => {
      standing -= 1;
    });
    return { answer, cancel: (reason) => made.cancel(reason) };
  }

  function begin(call: PendingCall, params: Record<string, unknown> | undefined): PendingCall {
    if (ended) {
      call.reject(ended);
      return call;
    }
    const { method, options } = call;
    const owner = options.client?.owner;
    if (owner !== undefined && owner !== soleOwner) soleOwner = soleOwner === undefined ? owner : null;
    pending.add(call);
    const { id } = call;
    const token = options.onProgress ? id : undefined;
    const body = envelope ? envelope.params(method, params, token, options.client) : serialiseParams(params, token);
    const text = `{"jsonrpc":"2.0","id":"${id}","method":${JSON.stringify(method)}${body}}`;
    try {
      call.sending = wire.send(text, id, method, params);
    } catch (error) {
      pending.delete(call);
      call.reject(error as HubError);
    }
    return call;
  }

  function notify(method: string, params?: Record<string, unknown>): void {
    if (ended) return;
    try {
      wire.send(`{"jsonrpc":"2.0","method":${JSON.stringify(method)}${serialiseParams(params)}}`, undefined, method);
    } catch {
      // The queue is full: the server does not read, and whoever waits for it runs into its deadline.
    }
  }

  function cancelCall(call: PendingCall, reason: string): void {
    if (call.slot === -1) return;
    withdraw(call, reason);
    call.reject(new HubError('CANCELLED', undefined, { server, reason: 'cancelled' }));
  }

  /**
   * Forgets a call and tells the server so. `initialize` is never cancelled (lifecycle, 2025-11-25), and neither is the
   * question whether a server is a modern one: others do not know of it.
   */
  function withdraw(call: PendingCall, reason: string): void {
    pending.delete(call);
    if (!openingMethods.has(call.method) && !envelope?.cancelsByClosing) {
      notify('notifications/cancelled', { requestId: call.id, reason });
      withdrawn = [...withdrawn.slice(1 - withdrawnMax), { id: call.id, atMs: performance.now() }];
      events.sighted?.({ kind: 'cancelled' });
    }
    call.sending?.abort();
  }

  function noteUnknownAnswer(id: string): void {
    counters.unknownAnswers += 1;
    const cancelled = withdrawn.find((each) => each.id === id);
    if (!cancelled) return;
    withdrawn = withdrawn.filter((each) => each !== cancelled);
    if (performance.now() - cancelled.atMs > crossingMs) events.sighted?.({ kind: 'answered-cancelled' });
  }

  function checkDeadlines(now: number): void {
    // Twenty times a second for each of hundreds of idle servers.
    if (pending.size === 0 && timeoutsInRow < timeoutsBeforePing) return;
    for (const call of pending) {
      if (call.heard) continue;
      // While a person is asked, the server waits too: its silence says nothing.
      if (call.questions && call.questions.open > 0) call.heardAt = now;
      const silent = now - call.heardAt >= call.options.timeoutMs;
      if (!silent && now - call.startedAt < hardEndMs) continue;
      counters.timeouts += 1;
      timeoutsInRow += 1;
      withdraw(call, 'timed out');
      const text = silent
        ? `The server "${server}" sent nothing for ${call.options.timeoutMs} ms.`
        : `The call took longer than ${hardEndMs / 60_000} minutes.`;
      call.reject(new HubError('UPSTREAM_TIMEOUT', text, { server, reason: 'timeout', retryable: true }));
    }
    if (timeoutsInRow >= timeoutsBeforePing && !pinging) void askWhetherAlive();
  }

  async function askWhetherAlive(): Promise<void> {
    pinging = true;
    const before = received;
    try {
      await call(envelope ? 'server/discover' : 'ping', undefined, { timeoutMs: pingTimeoutMs }).answer;
    } catch {
      if (!ended && received === before) events.hung();
    } finally {
      pinging = false;
      timeoutsInRow = 0;
    }
  }

  function receive(bytes: Buffer, onlyFor?: string): boolean {
    const slice = sliceAnswer(bytes);
    if (slice) {
      const value = parse(bytes, slice.start, slice.end);
      if (value !== undefined) {
        received += 1;
        answer(slice.id, slice.kind, value, relayable(bytes, slice), onlyFor);
        return true;
      }
    }
    const message = parse(bytes, 0, bytes.length);
    if (message === undefined || message === null || typeof message !== 'object') return false;
    // Batches exist in 2025-03-26 only, but understanding one costs nothing.
    const messages: unknown[] = Array.isArray(message) ? message : [message];
    let understood = messages.length > 0;
    for (const each of messages) understood = receiveMessage(each, onlyFor) && understood;
    return understood;
  }

  function receiveMessage(message: unknown, onlyFor: string | undefined): boolean {
    if (typeof message !== 'object' || message === null) return false;
    const { jsonrpc, id, method, params, result, error } = message as Record<string, unknown>;
    if (jsonrpc !== '2.0') return false;
    received += 1;
    if (typeof method === 'string') {
      const named = typeof params === 'object' && params !== null ? (params as Record<string, unknown>) : undefined;
      if (id === undefined) receiveNotification(method, named, onlyFor);
      else if (typeof id === 'string' || typeof id === 'number') receiveRequest(id, method, named, onlyFor);
      else counters.badMessages += 1;
    } else if (envelope && onlyFor && error !== undefined && (id === undefined || id === null)) {
      // Modern servers may refuse a request before they have read its id; the exchange tells whose it is.
      answer(onlyFor, 'error', error, null, onlyFor);
    } else if (typeof id === 'string' && (result !== undefined || error !== undefined)) {
      if (error !== undefined) answer(id, 'error', error, null, onlyFor);
      else answer(id, 'result', result, null, onlyFor);
    } else if (id !== undefined) {
      counters.unknownAnswers += 1;
    } else {
      counters.badMessages += 1;
    }
    return true;
  }

  function answer(id: string, kind: 'result' | 'error', value: unknown, raw: Buffer | null, onlyFor?: string): void {
    const call = onlyFor === undefined || onlyFor === id ? pending.find(id) : undefined;
    if (!call) {
      noteUnknownAnswer(id);
      return;
    }
    pending.delete(call);
    timeoutsInRow = 0;
    if (kind === 'result' ? isObject(value) : isRpcError(value)) {
      // Its words name versions that our own client may never have asked for.
      if (kind === 'error' && !openingMethods.has(call.method) && refusesVersion(value)) {
        call.reject(interrupted('does not speak the protocol version any more that it spoke at first'));
        events.versionRefused?.();
      } else {
        if (call.options.progressLasts && kind === 'result') keepProgress(call);
        call.resolve({ kind, value, raw });
      }
    } else call.reject(badAnswer(`The server "${server}" gave an answer that is not valid JSON-RPC.`));
  }

  function receiveNotification(
    method: string,
    params: Record<string, unknown> | undefined,
    onlyFor: string | undefined,
  ): void {
    if (method === 'notifications/progress') {
      receiveProgress(params);
      return;
    }
    if (method === 'notifications/cancelled') {
      receiveCancelled(params?.requestId, onlyFor);
      return;
    }
    const listener = listenerOf(params, onlyFor);
    if (listener) {
      listener(method, params);
    } else if ((!onlyFor && !borrower) || concernsAll(method)) {
      events.notification(method, params);
    } else if (!onlyFor) {
      explaining()?.options.client?.notify(method, params);
    } else {
      // On the stream of a call it belongs to that call, and to nobody once the call is over.
      pending.find(onlyFor)?.options.client?.notify(method, params);
    }
  }

  function listenerOf(params: Record<string, unknown> | undefined, onlyFor: string | undefined): Heard | undefined {
    if (standing === 0) return undefined;
    const id = (params?._meta as Record<string, unknown> | undefined)?.[subscriptionIdKey] ?? onlyFor;
    return typeof id === 'string' ? pending.find(id)?.heard : undefined;
  }

  function keepProgress(call: PendingCall): void {
    lasting.set(call.id, call);
    for (const oldest of lasting.keys()) {
      if (lasting.size <= lastingMax) break;
      lasting.delete(oldest);
    }
  }

  /**
   * The call that explains what the server says beside all calls, where one caller has lent the connection: any of one
   * session, and of several conversations the only one.
   */
  function explaining(): PendingCall | undefined {
    if (!borrower && !hasOneCaller()) return undefined;
    let found: PendingCall | undefined;
    for (const call of pending) {
      const { client } = call.options;
      if (!client) continue;
      if (found && found.options.client?.conversation !== client.conversation) return undefined;
      if (!found || call.startedAt > found.startedAt) found = call;
    }
    return found;
  }

  /** Whether calls of several conversations are under way, so that nothing tells which of them a question is about. */
  function isBetweenCallers(): boolean {
    return borrower !== null && !explaining() && [...pending].some(({ options }) => options.client);
  }

  /** A legacy server takes a question back; a modern one ends a subscription (basic/patterns/cancellation). */
  function receiveCancelled(requestId: unknown, onlyFor: string | undefined): void {
    const listening = typeof requestId === 'string' ? pending.find(requestId) : undefined;
    if (listening?.heard) fail(listening.id, interrupted('ended it'));
    else if (onlyFor) pending.find(onlyFor)?.questions?.takeBack(requestId);
    else if (borrower || hasOneCaller()) {
      aside?.takeBack(requestId);
      for (const { questions } of pending) questions?.takeBack(requestId);
    }
  }

  /** Nobody else ever used the session that the server keeps for this connection. */
  function hasOneCaller(): boolean {
    return events.hasOwnSession === true && typeof soleOwner === 'string';
  }

  function interrupted(what: string): HubError {
    return new HubError('INTERRUPTED', `The server "${server}" ${what}.`, { server, reason: 'ended', retryable: true });
  }

  /** Progress must rise (basic/utilities/progress); one that does not is a sign of life and nothing more. */
  function receiveProgress(params: Record<string, unknown> | undefined): void {
    const token = params?.progressToken;
    const call = typeof token === 'string' ? (pending.find(token) ?? lasting.get(token)) : undefined;
    if (!params || !call) {
      counters.staleProgress += 1;
      return;
    }
    call.heardAt = performance.now();
    if (typeof params.progress !== 'number' || params.progress <= call.progress) {
      counters.staleProgress += 1;
      return;
    }
    call.progress = params.progress;
    if (!hasProgress) {
      hasProgress = true;
      events.sighted?.({ kind: 'progress' });
    }
    call.options.onProgress?.(params);
  }

  function receiveRequest(
    id: string | number,
    method: string,
    params: Record<string, unknown> | undefined,
    onlyFor: string | undefined,
  ): void {
    if (ended) return;
    if (typeof id === 'string' && pending.find(id)) {
      fail(id, badAnswer('The program sends back what it is sent; that is not MCP.'));
      return;
    }
    // Modern servers ask by their results, and their clients send no responses (basic/transports, 2026-07-28).
    if (envelope) {
      counters.badMessages += 1;
      return;
    }
    const call = onlyFor ? pending.find(onlyFor) : explaining();
    const client = call?.options.client ?? (isBetweenCallers() ? undefined : (borrower ?? undefined));
    const inVain = whyInVain(client, method, borrower !== null);
    if (inVain) events.inVain?.(inVain);
    if (method === 'ping') {
      respond(id, { kind: 'result', value: {} });
    } else if (call?.options.client) {
      call.questions ??= new Questions(call.options.client);
      void call.questions.ask(id, method, params).then((answer) => {
        call.heardAt = performance.now();
        if (answer) respond(id, answer);
      });
    } else if (client) {
      aside ??= new Questions(client);
      void aside.ask(id, method, params).then((answer) => {
        if (answer) respond(id, answer);
      });
    } else {
      respond(id, notOffered(method));
    }
  }

  function respond(id: string | number, { kind, value }: ClientAnswer): void {
    if (ended) return;
    try {
      wire.send(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"${kind}":${JSON.stringify(value)}}`, undefined, '');
    } catch {
      // As in notify.
    }
  }

  function badAnswer(message: string): HubError {
    return new HubError('UPSTREAM_BAD_ANSWER', message, { server, reason: 'bad-answer' });
  }

  function fail(id: string, error: HubError): void {
    const call = pending.find(id);
    if (!call || !pending.delete(call)) return;
    call.reject(error);
  }

  return {
    get inflight() {
      return pending.size - standing;
    },
    get received() {
      return received;
    },
    counters,
    get asked() {
      return [...pending].map(({ method }) => method);
    },
    call,
    listen,
    lend(client) {
      borrower ??= client;
    },
    speak(next) {
      envelope = next;
    },
    notify,
    receive,
    fail,
    pending: (id) => pending.find(id) !== undefined,
    receiveOverlong(head, tail, length) {
      counters.badMessages += 1;
      const id = pending.idIn(head) ?? pending.idIn(tail);
      if (id) fail(id, badAnswer(`The answer of "${server}" is too large: ${length} bytes.`));
    },
    end(error) {
      if (ended) return;
      ended = error;
      aside?.end();
      stopTicking();
      lasting.clear();
      for (const call of pending) {
        pending.delete(call);
        call.reject(error);
        call.sending?.abort();
      }
    },
  };
}

/** `,"params":…` with the progress token of ours in place of the caller's, or nothing. */
function serialiseParams(params: Record<string, unknown> | undefined, progressToken?: string): string {
  const meta = params?._meta as Record<string, unknown> | undefined;
  if (progressToken !== undefined) {
    return `,"params":${JSON.stringify({ ...params, _meta: { ...meta, progressToken } })}`;
  }
  if (!params) return '';
  if (!isObject(meta) || meta.progressToken === undefined) return `,"params":${JSON.stringify(params)}`;
  const { progressToken: _theirs, ...rest } = meta;
  return `,"params":${JSON.stringify({ ...params, _meta: rest })}`;
}

/** `undefined` for what is not JSON; JSON itself has no such value. */
function parse(bytes: Buffer, start: number, end: number): unknown {
  try {
    return JSON.parse(bytes.toString('utf8', start, end));
  } catch {
    return undefined;
  }
}

/** The bytes can be passed on inside a line of their own: valid UTF-8 and no line break between the tokens. */
function relayable(bytes: Buffer, { start, end }: Slice): Buffer | null {
  const raw = bytes.subarray(start, end);
  return isUtf8(raw) && !raw.includes(10) && !raw.includes(13) ? raw : null;
}

/** What is told of the server as a whole, on whatever stream it comes. */
function concernsAll(method: string): boolean {
  return method.endsWith('/list_changed') || method === 'notifications/resources/updated';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** UnsupportedProtocolVersionError; a legacy server may mean anything by this code, so the versions must be there too. */
function refusesVersion(value: unknown): boolean {
  const { code, data } = value as { code: number; data?: unknown };
  return code === versionRefusedCode && isObject(data) && Array.isArray(data.supported);
}

function isRpcError(value: unknown): boolean {
  return isObject(value) && Number.isInteger(value.code) && typeof value.message === 'string';
}
