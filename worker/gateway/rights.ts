// What happens to those who are connected when rights change: a key is revoked, a role or membership changes, a group
// offers something else. Lists are told anew, and what runs or listens without a right any more ends.
import { can } from '../../lib/access/can';
import type { Actor } from '../../lib/access/schema';
import { HubError } from '../../lib/errors';
import type { Bus } from '../../lib/events/bus';
import type { Log } from '../../lib/log';
import type { ServerNode } from './catalog/endpoints';
import type { Target, View } from './catalog/view';
import type { News, Subscriber } from './news';
import type { Origin, Relay } from './relay';
import { credentialOf, type Session, type Sessions } from './sessions/sessions';
import type { Streams } from './sessions/streams';
import type { Listeners } from './stateless/listeners';
import type { Parking } from './stateless/parking';

export interface RightsDeps {
  bus: Bus;
  /** The actor as its rights are now; null when it is gone. @throws what the database throws */
  reloadActor(kind: Actor['kind'], id: string): Promise<Actor | null>;
  streams: Streams;
  listeners: Listeners;
  parking: Parking;
  relay: Relay;
  sessions: Sessions;
  news: News;
  /** The server as it is offered now; undefined when it is gone. */
  nodeOf(serverId: string): ServerNode | undefined;
  /** What the actor sees at the endpoint of a session now; null when that is gone. */
  viewFor(at: { endpointKey: string }, actor: Actor): View | null;
  /** Somebody's rights changed: who was recognised before must be recognised again. */
  changed(): void;
  /** Milliseconds since 1970: what keys and tokens expire by. */
  now(): number;
  log: Log;
}

const taken = () => new HubError('FORBIDDEN', 'The right to use this was taken back while the request ran.');
const listenerReason = 'The rights of the caller changed.';
/** How soon a stream ends after the key or token that opened it. */
const sweepEveryMs = 2000;

export function createRights(deps: RightsDeps) {
  const { bus, reloadActor, streams, listeners, parking, relay, sessions, news, nodeOf, viewFor, changed, log } = deps;

  function endOf(matches: (actor: Actor) => boolean): void {
    streams.endWhere(({ actor }) => matches(actor));
    parking.endWhere(matches, 'the rights of the caller changed');
    listeners.endWhere(matches, listenerReason);
  }

  /** The groups that offer a thing change too, so it is asked about as it is offered now. */
  function isAllowed(actor: Actor, { server, resource }: Target): boolean {
    const node = nodeOf(server.id);
    if (!node) return false;
    const isWhole = resource === server.wholeResource;
    const asked = isWhole ? node.wholeResource : node.toolResource(resource.tool ?? '', resource.readOnly === true);
    return can(actor, 'call', asked);
  }

  function endForbiddenCalls(actorOf: (actor: Actor) => Actor | null | undefined): void {
    relay.endWhere(({ actor, target }: Origin) => {
      const now = actor && actorOf(actor);
      if (now === undefined || (now && (!target || isAllowed(now, target)))) return null;
      return taken();
    });
    parking.endWhere((actor, target) => {
      const now = actorOf(actor);
      return now === null || (now !== undefined && target !== null && !isAllowed(now, target));
    }, 'the rights of the caller changed');
  }

  function endForbiddenSubscriptions(subscriber: Session | Subscriber, endpointKey: string, actor: Actor | null): void {
    const view = actor && viewFor({ endpointKey }, actor);
    news.dropWhere(subscriber, (exposed, serverId) => {
      const target = view?.resource(exposed);
      return !actor || target?.server.id !== serverId || !can(actor, 'call', target.resource);
    });
  }

  /**
   * Asks anew what all of these users may, tells them of lists that changed, and ends what they may not have any more.
   * Where the database cannot be asked their streams end: their clients connect again and are asked then.
   */
  async function reconsider(isConcerned: (userId: string | null) => boolean): Promise<void> {
    const loads = new Map<string, Promise<Actor | null>>();
    const load = (credential: string) => {
      const known = loads.get(credential);
      if (known) return known;
      const at = credential.indexOf(':');
      const loading = reloadActor(credential.slice(0, at) as Actor['kind'], credential.slice(at + 1));
      loads.set(credential, loading);
      return loading;
    };
    const subscribers = [...news.subscribed()].filter(({ user }) => isConcerned(user));
    const actors = [...streams.all(), ...listeners.all(), ...relay.origins(), ...parking.actors()]
      .flatMap(({ actor }) => (actor ? [actor] : []))
      .filter(({ kind, userId }) => (kind === 'user' || kind === 'key' || kind === 'token') && isConcerned(userId));
    for (const actor of actors) load(credentialOf(actor)).catch(() => undefined);
    for (const each of subscribers) if ('credential' in each) load(each.credential).catch(() => undefined);
    try {
      await Promise.all(loads.values());
    } catch (error) {
      log.warn({ err: error }, 'rights that changed could not be read; those concerned must connect again');
      return endOf(({ userId }) => isConcerned(userId));
    }
    const settled = new Map<string, Actor | null>();
    for (const [credential, loading] of loads) settled.set(credential, await loading);
    const now = (actor: Actor) => settled.get(credentialOf(actor));
    endOf((actor) => now(actor) === null);
    endForbiddenCalls(now);
    for (const stream of streams.all()) stream.actor = now(stream.actor) ?? stream.actor;
    for (const listener of listeners.all()) listener.actor = now(listener.actor) ?? listener.actor;
    for (const each of subscribers) {
      const actor = 'credential' in each ? settled.get(each.credential) : now(each.actor);
      if (actor !== undefined) endForbiddenSubscriptions(each, each.endpointKey, actor);
    }
    for (const { session, actor } of streams.newest())
      if (isConcerned(actor.userId)) news.tellChangedLists(session, actor);
    listeners.tellChangedLists();
  }

  function revoke(credential: string, text: string): void {
    changed();
    endOf((actor) => credentialOf(actor) === credential);
    const why = new HubError('UNAUTHENTICATED', text);
    relay.endWhere(({ session, client }) => ((session?.credential ?? client?.owner) === credential ? why : null));
    // Those that run at no server now: they ask their client, or follow a task.
    for (const call of sessions.callsOf(credential)) call.cancel('the credential was revoked');
  }

  /** A stream is as good as what opened it; its client opens the next one with what it has then. */
  const sweep = setInterval(() => {
    const nowMs = deps.now();
    const isOver = ({ expiresAtMs }: Actor) => expiresAtMs !== undefined && expiresAtMs <= nowMs;
    streams.endWhere(({ actor }) => isOver(actor));
    listeners.endWhere(isOver, 'The key or token of the caller has expired.');
  }, sweepEveryMs);
  sweep.unref();

  const unsubscribe = [
    bus.on('key.revoked', ({ id }) => revoke(`key:${id}`, 'The key was revoked while the request ran.')),
    bus.on('grant.revoked', ({ grantId }) =>
      revoke(`token:${grantId}`, 'The access was taken back while the request ran.'),
    ),
    ...(['access.changed', 'key.updated'] as const).map((event) =>
      bus.on(event, ({ userId }) => {
        changed();
        return reconsider((each) => each === userId);
      }),
    ),
    bus.on('role.changed', ({ userIds }) => {
      changed();
      const concerned = userIds && new Set<string | null>(userIds);
      return reconsider((each) => concerned?.has(each) ?? true);
    }),
  ];

  /** Without a credential there is nothing to see at an endpoint that is open no more, not even an empty list. */
  function isShut(actor: Actor, endpointKey: string): boolean {
    if (actor.kind !== 'anonymous') return false;
    const resource = viewFor({ endpointKey }, actor)?.endpoint.resource;
    return !resource || !can(actor, 'read', resource);
  }

  return {
    /** What is offered changed: ends calls and subscriptions to what a caller may not have any more. */
    async endForbidden(): Promise<void> {
      changed();
      streams.endWhere(({ actor, session }) => isShut(actor, session.endpointKey));
      listeners.endWhere((actor, endpointKey) => isShut(actor, endpointKey), listenerReason);
      endForbiddenCalls((actor) => actor);
      for (const each of news.subscribed()) {
        try {
          const actor = 'credential' in each ? await actorBehind(each) : each.actor;
          endForbiddenSubscriptions(each, each.endpointKey, actor);
        } catch (error) {
          log.warn({ err: error }, 'a subscription could not be checked again');
        }
      }
    },
    close: () => {
      clearInterval(sweep);
      for (const stop of unsubscribe.splice(0)) stop();
    },
  };

  function actorBehind({ credential }: Session): Promise<Actor | null> {
    const at = credential.indexOf(':');
    return reloadActor(credential.slice(0, at) as Actor['kind'], credential.slice(at + 1));
  }
}
