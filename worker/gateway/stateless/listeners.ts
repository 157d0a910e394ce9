// subscriptions/listen (revision 2026-07-28, basic/patterns/subscriptions): streams on which clients without sessions
// hear what they asked to hear, and nothing else. Each lives as long as its request.
import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { can } from '../../../lib/access/can';
import type { Actor } from '../../../lib/access/schema';
import { HubError } from '../../../lib/errors';
import { serverInfoOf } from '../catalog/endpoints';
import type { ListKind, View } from '../catalog/view';
import { ignoreErrors, isGone, keepAliveMs, streamHeaders, toEvent, unreadMaxBytes } from '../http/exchange';
import type { RequestId } from '../http/json';
import type { Visit } from '../http/visit';
import { changedNotification, type News, type Subscriber } from '../news';
import { userOf } from '../sessions/sessions';
import type { Streams } from '../sessions/streams';
import type { TaskListener, TaskNews } from '../tasks/task-news';
import { isObject, serverInfoKey, subscriptionIdKey } from './envelope';

/** Resources that one request may watch. */
const urisMax = 1000;
/** Tasks that one request may follow; each is asked about now and then. */
const tasksMax = 100;

/** A member of the filter, and the lists that it stands for. */
const listFilters: [string, string, ListKind[]][] = [
  ['toolsListChanged', 'tools', ['tools']],
  ['promptsListChanged', 'prompts', ['prompts']],
  ['resourcesListChanged', 'resources', ['resources', 'resourceTemplates']],
];

export interface ListenersDeps {
  streams: Pick<Streams, 'reserve'>;
  news: Pick<News, 'subscribe' | 'release'>;
  taskNews: TaskNews;
  /** What the actor sees at an endpoint now; null when that is gone. */
  viewFor(endpointKey: string, actor: Actor): View | null;
  version: string;
}

/** One open stream. */
class Listener implements Subscriber {
  readonly subscriptions = new Set<string>();
  /** With the rights that it has now. */
  actor: Actor;
  readonly user: string;
  /** It hears for itself alone, as long as it is open. */
  readonly conversation = randomUUID();
  readonly isPassing = true;
  readonly endpointKey: string;
  /** Digest of each list that the client wants to hear about, as it was last told. */
  readonly seen = new Map<ListKind, string>();
  readonly #id: RequestId;
  readonly #response: ServerResponse;
  /** Resources that were updated before the acknowledgement, which must come first. */
  #early: Map<unknown, Record<string, unknown>> | null = new Map();

  constructor({ actor, endpoint, response }: Visit, id: RequestId) {
    this.actor = actor;
    this.user = userOf(actor);
    this.endpointKey = endpoint.key;
    this.#id = id;
    this.#response = response;
  }

  get isGone(): boolean {
    return isGone(this.#response);
  }

  /** The acknowledgement was not sent yet. */
  get isPending(): boolean {
    return this.#early !== null;
  }

  acknowledge(notifications: Record<string, unknown>): void {
    this.#send({ method: 'notifications/subscriptions/acknowledged', params: this.#params({ notifications }) });
    const early = this.#early;
    this.#early = null;
    for (const params of early?.values() ?? []) this.hear('notifications/resources/updated', params);
  }

  hear(method: string, params: Record<string, unknown> = {}): void {
    if (this.#early) this.#early.set(params.uri, params);
    else this.#send({ method, params: this.#params(params) });
  }

  /**
   * Tells that the hub ends the stream, in both of the ways that the specification names (basic/patterns/subscriptions
   * and cancellation), and ends it. The result goes first: a client that reads "cancelled" looks no further.
   */
  end(reason: string, serverInfo: Record<string, string>): void {
    if (this.isGone) return;
    const meta = { [subscriptionIdKey]: this.#id };
    this.#send({ id: this.#id, result: { resultType: 'complete', _meta: { ...meta, [serverInfoKey]: serverInfo } } });
    this.#send({ method: 'notifications/cancelled', params: this.#params({ requestId: this.#id, reason }) });
    this.#response.end();
  }

  keepAlive(): void {
    if (!this.isGone) this.#response.write(': listening\n\n');
  }

  #params(params: Record<string, unknown>): Record<string, unknown> {
    const meta = isObject(params._meta) ? params._meta : {};
    return { ...params, _meta: { ...meta, [subscriptionIdKey]: this.#id } };
  }

  #send(message: Record<string, unknown>): void {
    if (this.isGone) return;
    // A client that reads nothing is cut, so that it notices and listens anew.
    if (this.#response.writableLength > unreadMaxBytes) this.#response.destroy();
    else this.#response.write(toEvent(Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...message }))));
  }
}

export function createListeners({ streams, news, taskNews, viewFor, version }: ListenersDeps) {
  const listeners = new Set<Listener>();
  let isStopped = false;

  const keepAlive = setInterval(() => {
    for (const listener of listeners) listener.keepAlive();
  }, keepAliveMs);
  keepAlive.unref();

  function end(listener: Listener, reason: string): void {
    const view = viewFor(listener.endpointKey, listener.actor);
    listener.end(reason, view ? serverInfoOf(view.endpoint, version) : { name: 'mcphub', version });
  }

  function tellChangedLists(listener: Listener): void {
    if (listener.isPending) return;
    const view = viewFor(listener.endpointKey, listener.actor);
    if (!view) {
      end(listener, 'This endpoint does not exist any more.');
      return;
    }
    const due = new Set<string>();
    for (const [kind, seen] of listener.seen) {
      const digest = view.digest(kind);
      if (digest === seen) continue;
      listener.seen.set(kind, digest);
      due.add(changedNotification[kind]);
    }
    for (const method of due) listener.hear(method);
  }

  function taskListener(listener: Listener, capabilities: Record<string, unknown>): TaskListener {
    return {
      get actor() {
        return listener.actor;
      },
      capabilities,
      get isGone() {
        return listener.isGone;
      },
      view: () => viewFor(listener.endpointKey, listener.actor),
      hear: (method, params) => listener.hear(method, params),
    };
  }

  /** Subscribes to what the client may read and the servers offer. @returns the URIs that will be told */
  async function watch(listener: Listener, uris: string[], view: View): Promise<string[]> {
    const watched = await Promise.all(
      [...new Set(uris)].map(async (uri) => {
        const target = view.resource(uri);
        if (!target || !can(listener.actor, 'call', target.resource)) return [];
        try {
          await news.subscribe(listener, uri, target);
          return [uri];
        } catch {
          return []; // What is not honoured is left out of the acknowledgement; there is no place for a reason.
        }
      }),
    );
    return watched.flat();
  }

  return {
    /**
     * Answers the request with a stream. The promise is fulfilled when the stream is acknowledged, or gone.
     * @throws HubError INVALID_INPUT for a filter that is none, UNAVAILABLE when too many streams are open
     */
    async open(
      visit: Visit,
      id: RequestId,
      params: Record<string, unknown> | undefined,
      view: View,
      capabilities: Record<string, unknown>,
    ): Promise<void> {
      const { response, requestId, actor } = visit;
      if (isStopped) throw new HubError('UNAVAILABLE', 'The hub is shutting down.', { retryAfterMs: 3000 });
      const filter = params?.notifications;
      if (!isObject(filter)) throw new HubError('INVALID_INPUT', '"notifications" must be an object.');
      const uris = filter.resourceSubscriptions ?? [];
      if (!Array.isArray(uris) || uris.length > urisMax || !uris.every((uri) => typeof uri === 'string')) {
        throw new HubError('INVALID_INPUT', `"resourceSubscriptions" must be a list of up to ${urisMax} URIs.`);
      }
      const taskIds = filter.taskIds ?? [];
      if (!Array.isArray(taskIds) || taskIds.length > tasksMax || !taskIds.every((each) => typeof each === 'string')) {
        throw new HubError('INVALID_INPUT', `"taskIds" must be a list of up to ${tasksMax} ids.`);
      }
      if (isGone(response)) return;
      const release = streams.reserve(actor, response);
      const listener = new Listener(visit, id);
      listeners.add(listener);
      response.on('error', ignoreErrors);
      response.once('close', () => {
        listeners.delete(listener);
        release();
        news.release(listener);
      });
      response.writeHead(200, [...streamHeaders, 'x-request-id', requestId]);
      response.flushHeaders();

      const offered = view.about().capabilities;
      const honoured: Record<string, unknown> = {};
      for (const [member, capability, kinds] of listFilters) {
        if (filter[member] !== true || !(capability in offered)) continue;
        honoured[member] = true;
        for (const kind of kinds) listener.seen.set(kind, view.digest(kind));
      }
      if (uris.length > 0) honoured.resourceSubscriptions = await watch(listener, uris, view);
      const watching = taskIds.length > 0 ? await taskNews.watch(taskListener(listener, capabilities), taskIds) : null;
      if (watching) honoured.taskIds = watching.ids;
      // Whoever left meanwhile may have been subscribed after everything was released.
      if (listener.isGone) return news.release(listener);
      listener.acknowledge(honoured);
      watching?.begin();
      tellChangedLists(listener);
    },

    all: (): Iterable<{ actor: Actor }> => listeners,

    /** Some list may have changed: tells each client whose own lists did. */
    tellChangedLists(): void {
      for (const listener of listeners) tellChangedLists(listener);
    },

    endWhere(matches: (actor: Actor, endpointKey: string) => boolean, reason: string): void {
      for (const listener of listeners) if (matches(listener.actor, listener.endpointKey)) end(listener, reason);
    },

    get size(): number {
      return listeners.size;
    },

    /** Ends all streams and takes no more. Idempotent. */
    stop(): void {
      isStopped = true;
      clearInterval(keepAlive);
      for (const listener of listeners) end(listener, 'The hub is shutting down.');
    },
  };
}

export type Listeners = ReturnType<typeof createListeners>;
