// Sends one request of a client on to a server and watches over it until its answer: place in the server's queue,
// progress, cancellation, time limits. Knows neither names nor HTTP.
import { can } from '../../lib/access/can';
import type { Actor } from '../../lib/access/schema';
import { HubError, isHubError } from '../../lib/errors';
import { quoteOfStderr, withoutQuote } from '../../lib/servers/program-output';
import { Slots, type Slotted } from '../slots';
import type { Supervisor } from '../supervisor/types';
import type { Caller, CallOptions, ClientSide, UpstreamAnswer } from '../upstream/types';
import type { ServerNode } from './catalog/endpoints';
import type { Target } from './catalog/view';
import type { RequestId } from './http/json';
import type { Repeats } from './repeat';
import type { Session } from './sessions/sessions';

export interface RelayLimits {
  /** Silence after which a call fails, where the server has no own value. */
  callTimeoutMs: number;
  /** Where the server has no own values. */
  inflightPerServer: number;
  queuedPerServer: number;
}

/** Where what belongs to a request is sent while it runs. */
export interface Outlet {
  notify(method: string, params: Record<string, unknown> | undefined): void;
  /** Called by a timer. */
  keepAlive(nowMs: number): void;
  /** Whether nothing can be sent any more, where that is known. */
  readonly isGone?: boolean;
  /** Told what runs for the request, so that it can be cancelled. @throws HubError CANCELLED when it is too late */
  started?(running: Running): void;
  /** Whether it takes progress after the answer too, as that of a task. */
  readonly outlivesAnswer?: boolean;
  /** Whether an answer is not the last word: the client will ask again for the same thing. */
  isInterim?(answer: UpstreamAnswer): boolean;
}

/** The client of a request, told what the request is about before servers may ask it something. */
export interface AskedClient extends ClientSide {
  target: Target | null;
  /** Whether the client heard of the request from a server: a question, a message. */
  readonly hasSpoken?: boolean;
}

/** Where a request came from; `session` and `exchange` are absent for calls of the dashboard. */
export interface Origin {
  id: RequestId;
  /** Who asks, for the time when rights change while it runs. */
  actor?: Actor | undefined;
  /** What it is about, once that is known. */
  target?: Target | null;
  session: Session | null;
  exchange: Outlet | null;
  /** What servers may learn of the client and ask it; null where nobody can be asked. */
  client: AskedClient | null;
  /** Whose request it is, where the client does not say so. */
  caller?: Caller | undefined;
  signal?: AbortSignal;
}

/** A request under way: it waits for its place, or runs. */
export class Running implements Slotted {
  slot = -1;
  /** Where it takes a place; null before and after, and when it gave it up. */
  place: Lane | null = null;
  /** What ends it now. */
  under: { cancel(reason: string): void } | null = null;
  /** Why the hub itself ended it; told to the client in place of an answer. */
  end: HubError | null = null;
  /** Progress was sent to the client. */
  hasProgressed = false;
  isCancelled = false;

  constructor(readonly origin: Origin) {}

  cancel(reason: string): void {
    this.isCancelled = true;
    this.under?.cancel(reason);
  }
}

interface Lane {
  readonly inflight: Slots<Running>;
  /** Places in use: calls in flight but for those that wait for a person. */
  taken: number;
  queue: { enter(): void; running: Running }[];
}

/** How often answers that take long are looked at. */
const sweepEveryMs = 1000;

export function createRelay(supervisor: Pick<Supervisor, 'upstreamOf'>, limits: RelayLimits, repeats: Repeats) {
  const lanes = new Map<string, Lane>();
  /** They wait for something else than a place at a server. */
  const held = new Set<Running>();
  let inflight = 0;
  let isStopping = false;

  function laneOf(serverId: string): Lane {
    const known = lanes.get(serverId);
    if (known) return known;
    const lane: Lane = { inflight: new Slots(), taken: 0, queue: [] };
    lanes.set(serverId, lane);
    return lane;
  }

  const sweep = setInterval(() => {
    const nowMs = performance.now();
    for (const { inflight: calls } of lanes.values()) {
      for (const running of calls) {
        running.origin.exchange?.keepAlive(nowMs);
      }
    }
  }, sweepEveryMs);
  sweep.unref();

  /** Waits for a place. @throws HubError BUSY when the queue is full too, CANCELLED when the caller gave up */
  function waitForPlace(lane: Lane, server: ServerNode, running: Running): Promise<void> {
    if (lane.queue.length >= (server.queuedCalls ?? limits.queuedPerServer)) {
      throw new HubError('BUSY', undefined, { server: server.name, retryable: true, retryAfterMs: 1000 });
    }
    return new Promise((resolve, reject) => {
      const enter = () => {
        running.place = lane;
        resolve();
      };
      const place = { enter, running };
      lane.queue.push(place);
      const cancel = () => {
        const at = lane.queue.indexOf(place);
        if (at === -1) return;
        lane.queue.splice(at, 1);
        reject(new HubError('CANCELLED'));
      };
      running.under = { cancel };
    });
  }

  /** Lets the next one in, e.g. while a call waits for a person and does no work. A second call does nothing. */
  function leavePlace(running: Running): void {
    const lane = running.place;
    if (!lane) return;
    running.place = null;
    // It goes from hand to hand: nobody may come in between.
    const next = lane.queue.shift();
    if (next) next.enter();
    else lane.taken--;
  }

  /**
   * @param progressToken the client's own, if it wants progress
   * @throws HubError (by the promise) UPSTREAM_*, INTERRUPTED, BUSY, CANCELLED
   */
  async function send(
    origin: Origin,
    server: ServerNode,
    method: string,
    params: Record<string, unknown> | undefined,
    progressToken?: RequestId,
  ): Promise<UpstreamAnswer> {
    const { id, session, exchange, client, signal } = origin;
    if (signal?.aborted) throw new HubError('CANCELLED');
    const lane = laneOf(server.id);
    const running = new Running(origin);
    const abort = signal && cancelsWhenGone(running);
    session?.calls.set(id, running);
    exchange?.started?.(running);
    if (abort) signal.addEventListener('abort', abort);
    try {
      if (isStopping) throw stopped(server);
      if (lane.taken >= (server.concurrentCalls ?? limits.inflightPerServer)) {
        await waitForPlace(lane, server, running);
        if (running.isCancelled) throw new HubError('CANCELLED');
      } else {
        lane.taken++;
        running.place = lane;
      }
      lane.inflight.add(running);
      inflight++;
      const timeoutMs = server.timeoutMs ?? limits.callTimeoutMs;
      const options: CallOptions = {
        timeoutMs,
        onProgress: progressToken === undefined || !exchange ? undefined : progressTo(exchange, progressToken, running),
        client: client ?? undefined,
        caller: origin.caller,
      };
      if (exchange?.outlivesAnswer) options.progressLasts = true;
      const untilMs = performance.now() + timeoutMs;
      let call = supervisor.upstreamOf(server.id).call(method, params, options);
      running.under = call;
      try {
        return await call.answer;
      } catch (error) {
        if (running.end) throw error;
        const upstream = await repeats.after(error, { server, method, params, running, untilMs });
        options.timeoutMs = untilMs - performance.now();
        call = upstream.call(method, params, options);
        running.under = call;
        return await call.answer;
      }
    } catch (error) {
      if (isStopping && isHubError(error) && error.code === 'CANCELLED') throw stopped(server);
      throw running.end ?? tellable(error, origin.actor, server);
    } finally {
      if (session?.calls.get(id) === running) session.calls.delete(id);
      if (abort) signal.removeEventListener('abort', abort);
      if (lane.inflight.delete(running)) inflight--;
      leavePlace(running);
    }
  }

  /**
   * Lets a request wait for something before it is sent; meanwhile it is cancelled and ended like one under way.
   * @throws HubError CANCELLED, INTERRUPTED, and whatever `until` rejects with
   */
  async function hold(origin: Origin, server: ServerNode, until: Promise<void>): Promise<void> {
    const { id, session, exchange, signal } = origin;
    const running = new Running(origin);
    const abort = signal && cancelsWhenGone(running);
    const over = new Promise<void>((resolve, reject) => {
      const why = () => running.end ?? (isStopping ? stopped(server) : new HubError('CANCELLED'));
      running.under = { cancel: () => reject(why()) };
      until.then(resolve, reject);
    });
    try {
      session?.calls.set(id, running);
      held.add(running);
      if (abort) signal.addEventListener('abort', abort);
      if (isStopping || signal?.aborted) running.cancel('the caller is gone');
      exchange?.started?.(running);
      await over;
    } finally {
      over.catch(() => {});
      held.delete(running);
      if (session?.calls.get(id) === running) session.calls.delete(id);
      if (abort) signal.removeEventListener('abort', abort);
    }
  }

  function everything(): Running[] {
    const atServers = [...lanes.values()].flatMap(({ inflight: calls, queue }) => [
      ...calls,
      ...queue.map((place) => place.running),
    ]);
    return [...held, ...atServers];
  }

  return {
    send,
    hold,
    leavePlace,
    /** The call of a session whose client this is waits for a person. */
    waits(session: Session, client: ClientSide): void {
      for (const running of session.calls.values()) {
        if ('origin' in running && (running as Running).origin.client === client) leavePlace(running as Running);
      }
    },
    get inflight() {
      return inflight;
    },
    /** The only call under way at a server, or null: what the server says beside it can only then be told apart. */
    onlyCallOf(serverId: string): Running | null {
      const calls = lanes.get(serverId)?.inflight;
      const [only] = calls?.size === 1 ? calls : [];
      return only ?? null;
    },
    /** Ends the requests for which `whyEnd` gives a reason, those that wait for their place too. Their clients are told it. */
    endWhere(whyEnd: (origin: Origin) => HubError | null): void {
      for (const running of everything()) {
        const why = whyEnd(running.origin);
        if (!why) continue;
        running.end = why;
        running.cancel('the right to it was taken back');
      }
    },
    /** Where the requests under way came from. */
    *origins(): Generator<Origin> {
      for (const running of everything()) yield running.origin;
    },
    /**
     * Ends every request with INTERRUPTED, those that wait for their place too, while its client can still be told.
     * @returns how many there were
     */
    interrupt(): number {
      isStopping = true;
      const all = everything();
      for (const running of all) running.cancel('the hub stops');
      return all.length;
    },
    forget: (serverId: string) => void lanes.delete(serverId),
    close: () => clearInterval(sweep),
  };
}

/** What a program printed last is part of its log: it is for those who may read that log. */
function tellable(error: unknown, actor: Actor | undefined, { resource }: ServerNode): unknown {
  if (!isHubError(error) || !error.message.includes(quoteOfStderr)) return error;
  if (actor && can(actor, 'read', { ...resource, type: 'log' })) return error;
  return new HubError(error.code, withoutQuote(error.message), error.extras);
}

function stopped({ name }: ServerNode): HubError {
  return new HubError('INTERRUPTED', 'The hub was stopped before the call was over.', { server: name });
}

// Closures are made out here: one in the body of `send` would keep its whole scope alive with the request.
function cancelsWhenGone(running: Running) {
  return () => running.cancel('the caller went away');
}

function progressTo(exchange: Outlet, progressToken: RequestId, running: Running) {
  return (progress: Record<string, unknown>) => {
    running.hasProgressed = true;
    exchange.notify('notifications/progress', { ...progress, progressToken });
  };
}

export type Relay = ReturnType<typeof createRelay>;
