// The gateway: what an MCP client sees of the hub. It knows actors, names and sessions, but no processes: those are
// behind the supervisor. Made by createGateway, begun by start(), ended by close().
import { randomBytes, randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { can } from '../../lib/access/can';
import type { Keyring } from '../../lib/access/keyring';
import type { Actor } from '../../lib/access/schema';
import { HubError } from '../../lib/errors';
import type { Bus } from '../../lib/events/bus';
import type { Limiter } from '../../lib/limits';
import type { Log } from '../../lib/log';
import type { SearchCost, SearchEntry } from '../../lib/quality';
import type { MeasuredCase, Measurement } from '../../lib/quality/schema';
import type { EndpointView, ToolSearch, ToolSearchAnswer, ToolSearchStatus } from '../../lib/routing/schema';
import type { Metrics } from '../../lib/telemetry';
import type { SessionMessage } from '../fleet/messages';
import type { OriginRules } from '../origin';
import { createSearcher, type Question } from '../search';
import { createMeasurement } from '../search/measure';
import type { Embeddings } from '../search/vectors';
import type { Supervisor } from '../supervisor/types';
import { type CallRecord, createCalls } from './call';
import { type CatalogDeps, createCatalog } from './catalog/catalog';
import { allKey, type Endpoint } from './catalog/endpoints';
import type { View } from './catalog/view';
import { createViews } from './catalog/views';
import { createConnecting } from './connect';
import { createHttp, type HttpLimits } from './http/http';
import type { ProtectedResource } from './http/protected-resource';
import { pathOf } from './http/request';
import { createStartGate } from './http/start-gate';
import { createStrangers, type StrangerLimits } from './http/strangers';
import { refuse } from './http/visit';
import { createMethods } from './methods';
import { createNews } from './news';
import { OpenSearches } from './open-searches';
import { createRate } from './rate';
import { createRelay, type RelayLimits } from './relay';
import { createRepeats } from './repeat';
import { createRights } from './rights';
import type { EndedSessions } from './sessions/ended-sessions';
import { createInputRounds } from './sessions/input-rounds';
import { createLegacy } from './sessions/legacy';
import { createPeers, type PeerLine } from './sessions/peers';
import { createQuestions, type QuestionLimits } from './sessions/questions';
import { createSessions, expiryOf, type Session, userOf } from './sessions/sessions';
import { createSse } from './sessions/sse';
import { createStreams, type StreamLimits } from './sessions/streams';
import { createWishKeeper } from './sessions/wish-keeper';
import type { Wishes, WishStore } from './sessions/wishes';
import { createSmart } from './smart/smart';
import { describeEndpoint } from './smart/smart-list';
import { createListeners } from './stateless/listeners';
import { createModern } from './stateless/modern';
import { createParking, type ParkingLimits } from './stateless/parking';
import { createRequestStates } from './stateless/request-state';
import { createTaskIds } from './tasks/task-ids';
import { createTasks } from './tasks/tasks';

export type { CallRecord } from './call';
export { createProtectedResource, metadataPath, type ProtectedResource } from './http/protected-resource';
export { createEndedSessions, type EndedSessions } from './sessions/ended-sessions';
export type { PeerLine } from './sessions/peers';
export { createWishStore, type WishStore } from './sessions/wishes';

export interface GatewayLimits
  extends HttpLimits,
    RelayLimits,
    StreamLimits,
    QuestionLimits,
    ParkingLimits,
    StrangerLimits {
  /** Of one user, with all keys and clients: a search takes a thread some milliseconds, and all callers share it. */
  searchesAtOnce: number;
  searchesPerSecond: number;
}

export const defaultLimits: GatewayLimits = {
  bodyBytes: 4 * 1024 * 1024,
  bodyTimeoutMs: 30_000,
  jsonDepth: 64,
  jsonKeys: 100_000,
  batchMessages: 100,
  callTimeoutMs: 60_000,
  inflightPerServer: 64,
  queuedPerServer: 256,
  streams: 10_000,
  streamsPerUser: 100,
  streamsOfStrangers: 1000,
  questionTimeoutMs: 600_000,
  questionsPerSession: 64,
  parkedMs: 300_000,
  parkedPerCredential: 8,
  parkedOfStrangers: 1000,
  strangersPerMinute: 120,
  strangersAtOnce: 16,
  searchesAtOnce: 60,
  searchesPerSecond: 10,
};

export interface GatewayDeps {
  supervisor: Pick<Supervisor, 'on' | 'upstreamOf' | 'listingUpstreamOf' | 'listed' | 'release'>;
  /** The actor of a bearer token, at once while it is known. @throws HubError UNAVAILABLE */
  resolveActor(token: string, address?: string, connection?: object): Actor | null | Promise<Actor | null>;
  /** The actor as its rights are now, past every memory; null when it is gone. @throws what the database throws */
  reloadActor(kind: Actor['kind'], id: string): Promise<Actor | null>;
  catalogs: CatalogDeps['catalogs'];
  loadEndpoints: CatalogDeps['loadEndpoints'];
  keyring: Pick<Keyring, 'seal' | 'open'>;
  endedSessions: EndedSessions;
  wishes: WishStore;
  /** Whether a user's own connection to a server works now; absent: users connect to none. */
  isConnected?(serverId: string, userId: string): Promise<boolean>;
  /** The other workers, where there are any. */
  peers?: PeerLine;
  /** Lets calls through or refuses them; without it nothing is limited. */
  limiter?: Pick<Limiter, 'admit'>;
  /** A caller without a credential was sent away for asking too much. */
  strangerRefused?(reason: 'rate' | 'concurrency'): void;
  /** Where searches for tools are counted. */
  searches?: Pick<Metrics, 'searched' | 'foundToolCalled'>;
  /** By which tools are searched beside words; null or absent: by words alone. */
  embeddings?: Embeddings | null;
  /** Called with each search once it is known what came of it; must be cheap. */
  recordSearch?(entry: SearchEntry): void;
  /** Called with what a smart endpoint gives a model to read; must be cheap. */
  spendTokens?(cost: SearchCost): void;
  /** Called with each finished tools/call; must be cheap. */
  recordCall(entry: CallRecord): void;
  bus: Bus;
  log: Log;
  origins: OriginRules;
  /** Tells who is refused where to get a token. */
  protectedResource?: Pick<ProtectedResource, 'challenge'>;
  /** Version of the hub, told to clients. */
  version: string;
  limits?: Partial<GatewayLimits>;
  /** Wall clock in ms. */
  now?: () => number;
}

export interface DirectCall {
  actor: Actor;
  server: string;
  /** Original name. */
  tool: string;
  arguments: Record<string, unknown>;
  requestId: string;
  signal?: AbortSignal;
}

export interface DirectAnswer {
  /** The JSON-RPC result or error. */
  result?: unknown;
  error?: unknown;
  durationMs: number;
  bytes: number;
}

export interface Gateway {
  /** Reads the stored catalogue and begins to follow the servers. @throws what the database throws */
  start(): Promise<void>;
  /** Answers a request on /api/mcp or below; one that comes before start() is over waits for it, 5 s at most. Never throws. */
  handle(request: IncomingMessage, response: ServerResponse): void;
  /** Runs a tool as somebody who is not an MCP client, through the same path. @throws HubError NOT_FOUND, BUSY, CANCELLED */
  callTool(call: DirectCall): Promise<DirectAnswer>;
  /**
   * The tools that a request in plain words is about, of those that the actor sees.
   * @throws HubError NOT_FOUND for a group that the actor does not see, LIMIT_EXCEEDED, UNAVAILABLE, BUSY
   */
  searchTools(actor: Actor, search: ToolSearch): Promise<ToolSearchAnswer>;
  /** How the actor's tools are searched now. */
  searchStatus(actor: Actor): ToolSearchStatus;
  /**
   * What the actor sees at the endpoints that it may use, or at the one with this path.
   * @throws HubError NOT_FOUND for one that is not there or not the actor's to see
   */
  endpoints(actor: Actor, path?: string): EndpointView[];
  /**
   * Ranks of the expected tools of each case, among what the actor sees. Counts for no metric.
   * @param step told now and then how many are done
   * @throws HubError CANCELLED, UNAVAILABLE; BUSY while another measurement runs
   */
  measureSearch(
    actor: Actor,
    cases: readonly MeasuredCase[],
    step: (step: { done: number; total: number }) => void,
    signal: AbortSignal,
  ): Promise<Measurement>;
  stats(): { sessions: number; inflight: number; parked: number; questions: number; droppedAnswers: number };
  /** A user's connection to a server was stored or taken away. @throws what isConnected throws */
  connectionChanged(serverId: string, userId: string): Promise<void>;
  /** Tools that the server was last seen with. */
  toolCount(serverId: string): number;
  /** From now on no new session begins and no client is asked, and open event streams end; calls under way go on. */
  drain(): void;
  /** Ends calls under way and those that wait with an answer that says so; for what outlasts the drain. @returns how many */
  interrupt(): number;
  /** Ends all streams and timers. Idempotent. */
  close(): Promise<void>;
}

const purgeEveryMs = 60_000;
const givenRequestId = /^[A-Za-z0-9_-]{1,64}$/;

export function createGateway(deps: GatewayDeps): Gateway {
  const { supervisor, resolveActor, keyring, bus, log, origins, version } = deps;
  const limits = { ...defaultLimits, ...deps.limits };
  const idPrefix = randomBytes(6).toString('base64url');
  let requests = 0;
  let isDraining = false;

  const report = (error: unknown, requestId: string) => log.error({ err: error, requestId }, 'unexpected error');
  const newRequestId = ({ headers }: IncomingMessage) => {
    const given = headers['x-request-id'];
    if (typeof given === 'string' && givenRequestId.test(given)) return given;
    requests++;
    return `${idPrefix}-${requests.toString(36)}`;
  };

  const views = createViews(keyring);
  const viewOf = (actor: Actor, endpoint: Endpoint): View =>
    views.viewOf(actor, endpoint, catalog.version, catalog.listings);
  const catalog = createCatalog({
    supervisor,
    catalogs: deps.catalogs,
    loadEndpoints: deps.loadEndpoints,
    bus,
    log,
    changed: () => {
      for (const { session, actor } of streams.newest()) news.tellChangedLists(session, actor);
      listeners.tellChangedLists();
      deps.embeddings?.wake();
      void rights.endForbidden();
    },
  });
  const searcher = createSearcher({ catalog, embeddings: deps.embeddings ?? null, log });
  const self = deps.peers?.self ?? randomBytes(9).toString('base64url');
  const others = () => deps.peers?.members().filter((name) => name !== self) ?? [];
  const keeper = createWishKeeper({
    store: deps.wishes,
    self,
    others,
    expiryOf,
    report: (error, message) => log.warn({ err: error }, message),
  });
  const sessions = createSessions({
    keyring,
    ended: deps.endedSessions,
    ...(deps.now && { now: deps.now }),
    adopted: (session) => peers?.adopt(session),
    recall: (session) => keeper.recall(session),
    resumed: (session, actor, wishes) => resume(session, actor, wishes),
    isBusy: (session) => streams.has(session) || session.calls.size > 0 || (peers?.hasStream(session) ?? false),
    released: (session) => {
      if (session.ended) for (const call of session.calls.values()) call.cancel('the session ended');
      questions.release(session);
      connecting.release(session);
      news.release(session);
      if (session.ended) keeper.ended(session);
      if (session.ended) supervisor.release(session.conversation);
      if (session.ended) streams.endWhere((stream) => stream.session === session);
    },
    report: (error, message) => log.warn({ err: error }, message),
  });
  const peers = deps.peers
    ? createPeers(deps.peers, {
        peek: (id) => sessions.peek(id),
        forget: (session) => sessions.drop(session),
        unpin: (session) => sessions.unpin(session),
        deliver: (session, method, params) => void streams.sendHere(session, method, params),
        sessionsWithStream: () => [...streams.newest()].map(({ session }) => session),
        hasStreamHere: (id) => {
          const session = sessions.peek(id);
          return session !== undefined && streams.has(session);
        },
        takeAnswer: (session, message) => void questions.answer(session, message),
        unsubscribe: (session, uri) => news.dropExposed(session, uri),
      })
    : undefined;
  const tell = (message: SessionMessage) => peers?.tell(message);
  const streams = createStreams(limits, (session) => sessions.unpin(session), peers);
  const repeats = createRepeats({
    supervisor,
    toolOf: (serverId, name) => catalog.listings.get(serverId)?.tools.find((tool) => tool.name === name),
  });
  const relay = createRelay(supervisor, limits, repeats);
  const questions = createQuestions(limits, relay.waits);
  const inputs = createInputRounds({ relay, supervisor, questions });
  const connecting = createConnecting({ streams, isConnected: deps.isConnected ?? (async () => false) });
  const news = createNews({
    supervisor,
    streams,
    relay,
    questions,
    viewFor: (session, actor) => {
      const endpoint = catalog.endpoints.byKey.get(session.endpointKey);
      return endpoint ? viewOf(actor, endpoint) : null;
    },
    tell,
    // The id of a session over HTTP+SSE ends with its stream.
    keep: (session) => {
      if (!sse.has(session)) keeper.changed(session);
    },
    log,
  });

  function resume(session: Session, actor: Actor, wishes: Wishes): void {
    const endpoint = catalog.endpoints.byKey.get(session.endpointKey);
    if (endpoint) news.resume(session, wishes, actor, viewOf(actor, endpoint));
  }

  /** Other workers have ended: what their sessions asked for goes on here where the session is in use here. */
  async function inherit(): Promise<void> {
    const found = await keeper.inherit(sessions.all());
    const listening = new Map([...streams.newest()].map(({ session, actor }) => [session, actor]));
    for (const [session, wishes] of found) {
      const actor = listening.get(session);
      if (actor) resume(session, actor, wishes);
      // Nobody listens: it is recalled when the session is used again.
      else sessions.letGo(session);
    }
  }

  const eraOf = (serverId: string) => {
    try {
      return supervisor.upstreamOf(serverId).handshake.era;
    } catch {
      return undefined;
    }
  };
  const tasks = createTasks({
    relay,
    ids: createTaskIds(keyring),
    supervisor,
    eraOf,
    tell: (sessionId, method, params) => {
      const session = sessions.peek(sessionId);
      if (session && !session.ended) streams.send(session, method, params);
    },
    self,
  });
  const openSearches = new OpenSearches({
    foundToolCalled: (rank) => deps.searches?.foundToolCalled(rank),
    record: (entry) => deps.recordSearch?.(entry),
    now: deps.now ?? Date.now,
    line: deps.peers?.searches,
  });
  const calls = createCalls({
    relay,
    inputs,
    connecting,
    tasks,
    limiter: deps.limiter,
    searches: openSearches,
    record: deps.recordCall,
    report,
  });
  const searchRate = createRate(limits.searchesAtOnce, limits.searchesPerSecond, {
    text: `No more than ${limits.searchesPerSecond} searches for tools in a second: try again in a moment.`,
  });
  /** What a search within a group is about; undefined for one that the actor does not see. */
  function viewOfGroup(actor: Actor, group: string | null = null): View | undefined {
    const endpoint = catalog.endpoints.byKey.get(group?.toLowerCase() ?? allKey);
    const isSeen = !endpoint?.resource || (endpoint.kind === 'group' && can(actor, 'read', endpoint.resource));
    return endpoint && isSeen ? viewOf(actor, endpoint) : undefined;
  }
  /** Every search, whoever asks. */
  async function search(
    { actor, view, session, client }: { actor: Actor; view: View; session: string | null; client: string | null },
    question: Question,
  ): Promise<ToolSearchAnswer> {
    const startedAtMs = performance.now();
    const found = await searcher.search(view, question);
    const tookMs = performance.now() - startedAtMs;
    deps.searches?.searched(found.mode, found.hits.length, tookMs / 1000);
    const endpoint = pathOf(view.endpoint.key);
    const hits = found.hits.flatMap(({ id }) => {
      const item = view.tools.get(id);
      return item ? [{ server: item.server.name, name: item.name }] : [];
    });
    openSearches.begin({ actor, session, client, endpoint, query: question.query, mode: found.mode, hits });
    return { ...found, tookMs: Math.round(tookMs * 100) / 100 };
  }
  const measure = createMeasurement({ searcher, version });
  const smart = createSmart({
    calls,
    admitSearch: (actor) => searchRate.take(userOf(actor)),
    search: ({ actor, view, origin, clientName }, question) =>
      search({ actor, view, session: origin.session?.id ?? null, client: clientName }, question),
    record: deps.recordCall,
    spend: (cost) => deps.spendTokens?.(cost),
  });
  const methods = createMethods({ calls, smart, relay, inputs, connecting, news, tasks });
  const states = createRequestStates(keyring, deps.now ?? Date.now);
  const parking = createParking(states, limits, self);
  const listeners = createListeners({
    streams,
    news,
    taskNews: tasks.news,
    viewFor: (endpointKey, actor) => {
      const endpoint = catalog.endpoints.byKey.get(endpointKey);
      return endpoint ? viewOf(actor, endpoint) : null;
    },
    version,
  });
  const modern = createModern({
    methods,
    relay,
    states,
    parking,
    listeners,
    news,
    passOn: (visit, body, worker) => peers?.passOn(visit, body, worker) ?? false,
    viewOf,
    tasks,
    eraOf,
    version,
    report,
  });
  const legacy = createLegacy({
    sessions,
    streams,
    methods,
    questions,
    tell,
    viewOf,
    passOnTask: (visit, message) => {
      const worker = peers && tasks.workerOf(message.params);
      return worker !== undefined && (peers?.passOn(visit, { jsonrpc: '2.0', ...message }, worker) ?? false);
    },
    batchMessages: limits.batchMessages,
    version,
    opened: (session: Session, { userId }: Actor) => {
      const endpoint = pathOf(session.endpointKey);
      void bus.emit('session.opened', { client: session.clientName, userId, endpoint });
    },
    streamOpened: (session, actor) => news.tellChangedLists(session, actor),
    rootsChanged: (session, view) => news.rootsChanged(session, view),
    isDraining: () => isDraining,
    report,
  });
  const sse = createSse({
    legacy,
    sessions,
    streams,
    batchMessages: limits.batchMessages,
    worker: deps.peers?.self,
    passOn: (visit, body, worker) => peers?.passOn(visit, body, worker) ?? false,
    report,
  });
  const http = createHttp({
    resolveActor,
    origins,
    catalog,
    viewOf,
    protectedResource: deps.protectedResource,
    legacy,
    sse,
    modern,
    strangers: createStrangers(limits, deps.strangerRefused),
    limits,
    newRequestId,
  });
  const gate = createStartGate(http.handle, (request, response, error) =>
    refuse(request, response, error, newRequestId(request)),
  );

  const rights = createRights({
    bus,
    reloadActor: deps.reloadActor,
    streams,
    listeners,
    parking,
    relay,
    sessions,
    news,
    nodeOf: (serverId) => catalog.endpoints.servers.get(serverId),
    viewFor: (session, actor) => {
      const endpoint = catalog.endpoints.byKey.get(session.endpointKey);
      return endpoint ? viewOf(actor, endpoint) : null;
    },
    changed: http.forgetCallers,
    now: deps.now ?? Date.now,
    log,
  });
  const unsubscribe = [
    rights.close,
    ...(deps.peers ? [deps.peers.onChange(() => void inherit())] : []),
    supervisor.on('removed', (serverId) => relay.forget(serverId)),
  ];
  const purge = setInterval(() => sessions.purge(), purgeEveryMs);
  purge.unref();

  return {
    async start() {
      await catalog.start();
      gate.open();
      const open = [...catalog.endpoints.byKey.values()].filter(({ resource, isSmart }) => resource?.open && !isSmart);
      const paths = open.map(({ key }) => pathOf(key));
      if (open.length > 0) log.warn({ paths }, 'open to everybody: these endpoints ask for no credential');
    },
    handle: gate.handle,
    async callTool({ actor, server, tool, arguments: args, requestId, signal }) {
      const startedAtMs = performance.now();
      const endpoint = catalog.endpoints.byKey.get(server.toLowerCase());
      if (endpoint?.kind !== 'server') throw new HubError('NOT_FOUND', `There is no server ${JSON.stringify(server)}.`);
      const { kind, body } = await calls.callTool({
        actor,
        view: viewOf(actor, endpoint),
        params: { name: tool, arguments: args },
        origin: {
          id: requestId,
          actor,
          target: null,
          session: null,
          exchange: null,
          client: null,
          caller: { user: userOf(actor), conversation: randomUUID(), isPassing: true },
          ...(signal && { signal }),
        },
        requestId,
        clientName: 'dashboard',
        bodyBytes: Buffer.byteLength(JSON.stringify(args)),
      });
      const text = body.toString();
      const durationMs = performance.now() - startedAtMs;
      return { [kind]: JSON.parse(text), durationMs, bytes: Buffer.byteLength(text) };
    },
    measureSearch: (actor, cases, step, signal) =>
      measure({ viewFor: (group) => viewOfGroup(actor, group), cases, step, signal }),
    async searchTools(actor, { group, ...question }) {
      const view = viewOfGroup(actor, group);
      if (!view) throw new HubError('NOT_FOUND', `There is no group ${JSON.stringify(group)}.`);
      searchRate.take(userOf(actor));
      const client = actor.kind === 'user' ? 'dashboard' : null;
      return search({ actor, view, session: null, client }, question);
    },
    searchStatus(actor) {
      const endpoint = catalog.endpoints.byKey.get(allKey);
      if (!endpoint) throw new HubError('NOT_FOUND');
      return searcher.status(viewOf(actor, endpoint));
    },
    endpoints(actor, path) {
      const asked = path?.toLowerCase();
      const endpoints = [...catalog.endpoints.byKey.values()].filter(
        ({ key, resource, isSmart }) =>
          !isSmart && (asked === undefined || pathOf(key) === asked) && (!resource || can(actor, 'read', resource)),
      );
      if (path !== undefined && endpoints.length === 0) {
        throw new HubError('NOT_FOUND', 'There is no such MCP endpoint, or it is not yours to see.');
      }
      return endpoints.map((endpoint) => describeEndpoint(viewOf(actor, endpoint)));
    },
    stats: () => ({
      sessions: sessions.size,
      inflight: relay.inflight,
      parked: parking.size,
      questions: questions.counts.open,
      droppedAnswers: questions.counts.dropped,
    }),
    connectionChanged: connecting.changed,
    toolCount: (serverId) => catalog.listings.get(serverId)?.tools.length ?? 0,
    drain: () => {
      isDraining = true;
      gate.close();
      streams.endWhere(({ session }) => !sse.has(session));
      sse.drain();
      questions.stop();
      parking.stop();
      listeners.stop();
    },
    interrupt: relay.interrupt,
    async close() {
      for (const stop of unsubscribe.splice(0)) stop();
      clearInterval(purge);
      openSearches.close();
      gate.close();
      http.close();
      parking.stop();
      listeners.stop();
      catalog.close();
      news.close();
      tasks.close();
      peers?.close();
      relay.close();
      questions.close();
      streams.close();
      await Promise.all([keeper.close(), searcher.close()]);
    },
  };
}
