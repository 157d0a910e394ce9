// What reaches a client without being asked: changed lists, updated resources, log messages. Decides which session each
// is for; streams.ts and exchange.ts carry it.
import { can } from '../../lib/access/can';
import type { Actor } from '../../lib/access/schema';
import { HubError } from '../../lib/errors';
import type { Log } from '../../lib/log';
import type { SessionMessage } from '../fleet/messages';
import type { Supervisor } from '../supervisor/types';
import type { Caller, Wish } from '../upstream/types';
import { type ListKind, listKinds, type Target, type View } from './catalog/view';
import { createServerLevels, logLevels, severityOf } from './log-levels';
import type { Relay } from './relay';
import type { Questions } from './sessions/questions';
import type { Session } from './sessions/sessions';
import type { Streams } from './sessions/streams';
import type { Wishes } from './sessions/wishes';

/** Time for a server to take a new log level that no client waits for. */
const asideTimeoutMs = 10_000;

/** A client may tell of its roots at each key press; servers hear of it no more often than this. */
const rootsDebounceMs = 250;

export const changedNotification: Record<ListKind, string> = {
  tools: 'notifications/tools/list_changed',
  resources: 'notifications/resources/list_changed',
  resourceTemplates: 'notifications/resources/list_changed',
  prompts: 'notifications/prompts/list_changed',
};

/** Whether something of an instance is for this caller. @param whose of an isolated server: whose instance it is */
export function isTheirs(whose: string | undefined, { user, conversation }: Caller): boolean {
  return whose === undefined || whose === user || whose === conversation;
}

/** Who hears of resources: a session on its stream, or anything that hears for itself. */
export interface Subscriber extends Caller {
  readonly actor: Actor;
  readonly endpointKey: string;
  /** Exposed URIs. */
  readonly subscriptions: Set<string>;
  hear(method: string, params?: Record<string, unknown>): void;
}

export interface NewsDeps {
  supervisor: Pick<Supervisor, 'on' | 'upstreamOf'>;
  streams: Streams;
  relay: Relay;
  questions: Questions;
  viewFor(session: Session, actor: Actor): View | null;
  /** Tells the other workers. */
  tell(message: SessionMessage): void;
  /** What a session wants to hear of has changed: kept for its next life. */
  keep(session: Session): void;
  log: Log;
}

export function createNews({ supervisor, streams, relay, questions, viewFor, tell, keep, log }: NewsDeps) {
  /** Server id → original URI → who wants to hear of it, each under the URI it knows. */
  const subscribers = new Map<string, Map<string, Map<Session | Subscriber, string>>>();
  const levels = createServerLevels(setServerLevel);
  const rootsTimers = new Map<Session, NodeJS.Timeout>();

  function subscribersOf(serverId: string, uri: string): Map<Session | Subscriber, string> | undefined {
    return subscribers.get(serverId)?.get(uri);
  }

  /** Modern servers are told the level with each request instead. Nobody waits for it. */
  async function setServerLevel(serverId: string, level: string): Promise<void> {
    try {
      const upstream = supervisor.upstreamOf(serverId);
      if (upstream.handshake.era === 'modern') return;
      await upstream.call('logging/setLevel', { level }, { timeoutMs: asideTimeoutMs }).answer;
    } catch (error) {
      log.debug({ err: error, serverId }, 'a server did not take a log level');
    }
  }

  function watchedOf(serverId: string): string[] {
    return [...(subscribers.get(serverId)?.keys() ?? [])];
  }

  /** Tells the server what is subscribed to now. @returns whether it refused a resource to somebody */
  async function settle(serverId: string): Promise<(who: Caller, uri: string) => boolean> {
    const upstream = supervisor.upstreamOf(serverId);
    if (!upstream.watchFor) {
      const refused = await upstream.watch(watchedOf(serverId));
      return (_who, uri) => refused.includes(uri);
    }
    const wishes: Wish[] = [];
    for (const [uri, callers] of subscribers.get(serverId) ?? []) {
      for (const caller of callers.keys()) {
        const capabilities = 'clientCapabilities' in caller ? caller.clientCapabilities : undefined;
        wishes.push({ caller: plainOf(caller), uri, capabilities });
      }
    }
    const refused = await upstream.watchFor(wishes);
    return (who, uri) => refused.some((wish) => wish.uri === uri && wish.caller.conversation === who.conversation);
  }

  /** Tells the server; nobody waits for it. */
  async function watch(serverId: string): Promise<void> {
    try {
      await settle(serverId);
    } catch (error) {
      log.debug({ err: error, serverId }, 'a server did not take the subscriptions');
    }
  }

  /** @returns whether it was not noted before */
  function note(session: Session | Subscriber, exposed: string, { server, name: uri }: Target): boolean {
    const byUri = subscribers.get(server.id) ?? new Map<string, Map<Session | Subscriber, string>>();
    const callers = byUri.get(uri) ?? new Map<Session | Subscriber, string>();
    const isNew = !callers.has(session);
    subscribers.set(server.id, byUri.set(uri, callers.set(session, exposed)));
    session.subscriptions.add(exposed);
    return isNew;
  }

  /** Servers are set to the most verbose level that any session wants; each session then hears its own. */
  function wantLevel(session: Session, severity: number, view: View): void {
    session.logLevel = severity;
    for (const { server, listing } of view.servers) {
      if ('logging' in listing.capabilities) levels.want(server.id, session, severity);
    }
  }

  function drop(session: Session | Subscriber, serverId: string, uri: string): boolean {
    const byUri = subscribers.get(serverId);
    const sessions = byUri?.get(uri);
    if (!byUri || !sessions?.delete(session)) return false;
    if (sessions.size > 0) return false;
    byUri.delete(uri);
    if (byUri.size === 0) subscribers.delete(serverId);
    return true;
  }

  const unsubscribe = [
    supervisor.on('notification', (serverId, method, params, whose) => {
      if (method === 'notifications/resources/updated') {
        const { uri } = params ?? {};
        if (typeof uri !== 'string') return;
        for (const [session, exposed] of subscribersOf(serverId, uri) ?? []) {
          if (!isTheirs(whose, session)) continue;
          const known = { ...params, uri: exposed };
          if ('hear' in session) session.hear(method, known);
          else streams.send(session, method, known);
        }
      } else if (method === 'notifications/message') {
        // A shared server does not say whose call it speaks of; with one call under way it is clear.
        if (whose === undefined) relay.onlyCallOf(serverId)?.origin.client?.notify(method, params);
      } else if (method === 'notifications/elicitation/complete') {
        const session = questions.takeElicitation(params?.elicitationId);
        if (session && isTheirs(whose, session)) streams.send(session, method, params);
      }
    }),
    supervisor.on('opened', (serverId, upstream) => {
      // A server of 2026-07-28 is told the level with each request.
      if (upstream.handshake.era === 'legacy' && 'logging' in upstream.handshake.capabilities) levels.opened(serverId);
      if (subscribers.has(serverId)) void watch(serverId);
    }),
    supervisor.on('removed', (serverId) => {
      subscribers.delete(serverId);
      levels.removed(serverId);
    }),
  ];

  return {
    /** Tells the session which of the lists it saw are no longer the same; also at the begin of a stream. */
    tellChangedLists(session: Session, actor: Actor): void {
      const view = viewFor(session, actor);
      if (!view) return;
      const due = new Set<string>();
      for (const kind of listKinds) {
        const seen = session.seenLists.get(kind);
        const digest = view.digest(kind);
        if (seen !== undefined && seen !== digest) due.add(changedNotification[kind]);
        session.seenLists.set(kind, digest);
      }
      for (const method of due) streams.send(session, method);
    },

    /** Noted first, so that subscriptions that come at once do not undo each other. @throws HubError as Upstream.watch */
    async subscribe(session: Session | Subscriber, exposed: string, target: Target): Promise<void> {
      const { server, name: uri } = target;
      const isNew = note(session, exposed, target);
      try {
        const isRefused = await settle(server.id);
        if (isRefused(session, uri)) {
          throw new HubError('INVALID_INPUT', `The server "${server.name}" refused the subscription.`);
        }
      } catch (error) {
        if (isNew) {
          session.subscriptions.delete(exposed);
          drop(session, server.id, uri);
        }
        throw error;
      }
      if ('logLevel' in session) keep(session);
    },

    /** Begins again what a session asked for in an earlier life, as far as it still may; servers are told when they run. */
    resume(session: Session, { logLevel, subscriptions }: Wishes, actor: Actor, view: View): void {
      if (logLevel !== null) wantLevel(session, logLevel, view);
      const concerned = new Set<string>();
      for (const exposed of subscriptions) {
        const target = view.resource(exposed);
        if (!target || !can(actor, 'call', target.resource)) continue;
        note(session, exposed, target);
        concerned.add(target.server.id);
      }
      for (const serverId of concerned) void watch(serverId);
    },

    /** Ends a subscription; one that does not exist is ended already. */
    unsubscribe(session: Session, exposed: string, target: Target): void {
      session.subscriptions.delete(exposed);
      if (drop(session, target.server.id, target.name)) {
        void watch(target.server.id);
      }
      keep(session);
      tell({ about: 'unsubscribe', session: session.id, uri: exposed });
    },

    /** As unsubscribe, for what another worker was asked. */
    dropExposed(session: Session, exposed: string): void {
      if (session.subscriptions.has(exposed)) this.dropWhere(session, (each) => each === exposed);
    },

    /** Ends those subscriptions that `matches` picks, by the URI that the client knows and the server. */
    dropWhere(session: Session | Subscriber, matches: (exposed: string, serverId: string) => boolean): void {
      for (const [serverId, byUri] of subscribers) {
        for (const [uri, all] of [...byUri]) {
          const exposed = all.get(session);
          if (exposed === undefined || !matches(exposed, serverId)) continue;
          session.subscriptions.delete(exposed);
          if ('logLevel' in session) keep(session);
          if (drop(session, serverId, uri)) void watch(serverId);
        }
      }
    },

    /** Everybody who subscribed to a resource here. */
    subscribed: (): Set<Session | Subscriber> =>
      new Set([...subscribers.values()].flatMap((byUri) => [...byUri.values()].flatMap((all) => [...all.keys()]))),

    /** Forgets everything of a session or subscriber that ended. */
    release(session: Session | Subscriber): void {
      if ('logLevel' in session && session.logLevel !== null) levels.release(session);
      if (session.subscriptions.size === 0) return;
      session.subscriptions.clear();
      for (const [serverId, byUri] of subscribers) {
        let isChanged = false;
        for (const uri of [...byUri.keys()]) isChanged = drop(session, serverId, uri) || isChanged;
        if (isChanged) void watch(serverId);
      }
    },

    /** @throws HubError INVALID_INPUT */
    setLogLevel(session: Session, level: unknown, view: View): void {
      const index = severityOf(level);
      if (index === -1) throw new HubError('INVALID_INPUT', `"level" must be one of ${logLevels.join(', ')}.`);
      wantLevel(session, index, view);
      keep(session);
      tell({ about: 'level', session: session.id, level: index });
    },

    /** Sets a server to what one request wants to hear, until its `forgetLevel`. */
    wantLevel(request: object, level: string, serverId: string, view: View): void {
      const known = view.servers.find(({ server }) => server.id === serverId);
      if (known && 'logging' in known.listing.capabilities) levels.want(serverId, request, severityOf(level));
    },

    forgetLevel: (request: object) => levels.release(request),

    /** The client's roots changed: servers that may ask it for them are told, in a moment and once. */
    rootsChanged(session: Session, view: View): void {
      const { clientCapabilities: capabilities } = session;
      const { roots } = capabilities as { roots?: { listChanged?: unknown } };
      if (roots?.listChanged !== true || rootsTimers.has(session)) return;
      const timer = setTimeout(() => {
        rootsTimers.delete(session);
        if (session.ended) return;
        for (const { server } of view.servers) {
          try {
            const client = { capabilities, owner: session.id, ...plainOf(session) };
            supervisor.upstreamOf(server.id).notify('notifications/roots/list_changed', undefined, client);
          } catch (error) {
            // It does not run; when it does, it asks for them anyway.
            log.debug({ err: error, serverId: server.id }, 'a server was not told of changed roots');
          }
        }
      }, rootsDebounceMs);
      rootsTimers.set(session, timer.unref());
    },

    close(): void {
      for (const timer of rootsTimers.values()) clearTimeout(timer);
      rootsTimers.clear();
      for (const stop of unsubscribe.splice(0)) stop();
    },
  };
}

function plainOf({ user, conversation, isPassing }: Caller): Caller {
  return { user, conversation, isPassing };
}

export type News = ReturnType<typeof createNews>;
