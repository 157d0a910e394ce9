// A gateway on a real port, with servers that live in memory: they implement the same interface as real upstreams, so
// a test decides when and what they answer. Rows of servers, groups and keys are plain values.
import { setMaxListeners } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { ClientCapabilities } from '@modelcontextprotocol/sdk/types.js';
import pino from 'pino';
import { anonymousActor } from '../../lib/access/identities';
import { createKeyring } from '../../lib/access/keyring';
import { builtInRoles } from '../../lib/access/roles';
import type { Actor, TokenLimits } from '../../lib/access/schema';
import { HubError } from '../../lib/errors';
import { type Bus, createBus } from '../../lib/events/bus';
import type { Log } from '../../lib/log';
import { type EndpointRows, type EndpointServer, type Listing, noDiff } from '../../lib/servers/catalog';
import {
  type CallRecord,
  createGateway,
  createProtectedResource,
  type Gateway,
  type GatewayDeps,
  type GatewayLimits,
  type PeerLine,
} from '../../worker/gateway';
import type { Wishes, WishStore } from '../../worker/gateway/sessions/wishes';
import { createOriginRules } from '../../worker/origin';
import type { SupervisorEvents } from '../../worker/supervisor/types';
import { createSubscriptions } from '../../worker/upstream/subscriptions';
import type { CallOptions, Upstream, UpstreamAnswer } from '../../worker/upstream/types';

type Json = Record<string, unknown>;

/** What a server in memory does with a request; what it throws becomes the call's failure. */
export type Respond = (method: string, params: Json, options: CallOptions, signal: AbortSignal) => unknown;

export class RpcFailure {
  constructor(readonly value: { code: number; message: string; data?: unknown }) {}
}

/** An upstream that is a function. Its answers come with their bytes, as real ones do. */
export function memoryUpstream(
  capabilities: Json,
  respond: Respond,
  instructions?: string,
  era: Upstream['handshake']['era'] = 'legacy',
): Upstream {
  let inflight = 0;
  const closing = new AbortController();
  setMaxListeners(0, closing.signal);
  const upstream: Upstream = {
    handshake: {
      era,
      protocolVersion: era === 'modern' ? '2026-07-28' : '2025-11-25',
      serverInfo: { name: 'memory', version: '1' },
      capabilities,
      ...(instructions && { instructions }),
    },
    get inflight() {
      return inflight;
    },
    call(method, params, options) {
      const cancelled = new AbortController();
      inflight++;
      const answer = (async (): Promise<UpstreamAnswer> => {
        const fail = new Promise<never>((_, reject) => {
          cancelled.signal.addEventListener('abort', () => reject(new HubError('CANCELLED')));
          closing.signal.addEventListener('abort', () => reject(new HubError('INTERRUPTED')));
        });
        fail.catch(() => undefined);
        try {
          const value = await Promise.race([respond(method, params ?? {}, options, cancelled.signal), fail]);
          const isFailure = value instanceof RpcFailure;
          const sent = isFailure ? value.value : value;
          return { kind: isFailure ? 'error' : 'result', value: sent, raw: Buffer.from(JSON.stringify(sent)) };
        } finally {
          inflight--;
        }
      })();
      answer.catch(() => undefined);
      return { answer, cancel: () => cancelled.abort() };
    },
    notify: () => undefined,
    watch: (uris) => subscriptions.watch(uris),
    close: async () => closing.abort(),
  };
  const subscriptions = createSubscriptions(
    'memory',
    capabilities,
    (method, params) => upstream.call(method, params, { timeoutMs: 10_000 }).answer,
  );
  return upstream;
}

/** Tools by name; each answers with a text. */
export function toolServer(
  tools: Record<string, (args: Json) => unknown>,
  extra: Partial<Record<string, unknown>> = {},
) {
  return memoryUpstream({ tools: {} }, (method, params) => {
    if (method === 'tools/list') {
      const names = Object.keys(tools);
      return { tools: names.map((name) => ({ name, inputSchema: { type: 'object' }, ...extra })) };
    }
    const run = tools[String(params.name)];
    if (method !== 'tools/call' || !run) return new RpcFailure({ code: -32602, message: `unknown: ${params.name}` });
    return Promise.resolve(run((params.arguments ?? {}) as Json)).then((text) => ({
      content: [{ type: 'text', text: String(text) }],
    }));
  });
}

/** Stands in for the supervisor: servers are opened and notified by hand. */
export function createHandSupervisor() {
  const upstreams = new Map<string, Upstream>();
  const listeners: { [E in keyof SupervisorEvents]?: Set<SupervisorEvents[E]> } = {};
  const listed: { serverId: string; tools: number; fault: string | null }[] = [];

  function emit<E extends keyof SupervisorEvents>(event: E, ...args: Parameters<SupervisorEvents[E]>): void {
    for (const listener of listeners[event] ?? []) (listener as (...all: typeof args) => void)(...args);
  }

  function upstreamOf(serverId: string): Upstream {
    const upstream = upstreams.get(serverId);
    if (!upstream) throw new HubError('UPSTREAM_UNAVAILABLE', undefined, { server: serverId, reason: 'exited' });
    return upstream;
  }

  return {
    listed: (serverId: string, outcome: { tools: number; fault: string | null }) =>
      void listed.push({ serverId, ...outcome }),
    outcomes: listed,
    upstreamOf,
    listingUpstreamOf: upstreamOf,
    release: () => undefined,
    on<E extends keyof SupervisorEvents>(event: E, listener: SupervisorEvents[E]) {
      const set = (listeners[event] ?? new Set()) as Set<SupervisorEvents[E]>;
      (listeners as Record<string, unknown>)[event] = set.add(listener);
      return () => void set.delete(listener);
    },
    open(serverId: string, upstream: Upstream) {
      upstreams.set(serverId, upstream);
      emit('opened', serverId, upstream);
    },
    close: (serverId: string) => void upstreams.delete(serverId),
    notify: (serverId: string, method: string, params?: Json) => emit('notification', serverId, method, params),
    remove(serverId: string) {
      upstreams.delete(serverId);
      emit('removed', serverId);
    },
  };
}

export function serverRow(name: string, changes: Partial<EndpointServer> = {}): EndpointServer {
  const base = {
    enabled: true,
    prefix: 'never' as const,
    anonymous: false,
    ownerId: null,
    timeoutMs: null,
    limits: {},
    repeatSafeCalls: false,
    overlays: {},
    pins: null,
  };
  return { id: `id-${name}`, name, ...base, ...changes };
}

export function keyActor(id: string, role: 'admin' | 'user' = 'admin', changes: Partial<Actor> = {}): Actor {
  const permissions = builtInRoles.find(({ name }) => name === role)?.permissions ?? [];
  return { kind: 'key', id, userId: `user-${id}`, name: id, permissions, groupIds: [], keyScope: null, ...changes };
}

/** Somebody whom an OAuth client acts for. */
export function tokenActor(grant: string, limits: Partial<TokenLimits> = {}, changes: Partial<Actor> = {}): Actor {
  const token: TokenLimits = { endpoints: null, scopes: ['mcp:call'], ...limits };
  return keyActor(grant, 'admin', { kind: 'token', keyScope: {}, token, ...changes });
}

export interface TestGateway {
  url: string;
  gateway: Gateway;
  server: Server;
  supervisor: ReturnType<typeof createHandSupervisor>;
  bus: Bus;
  rows: EndpointRows;
  records: CallRecord[];
  /** Credential → actor. */
  keys: Map<string, Actor>;
  stored: Map<string, Listing>;
  ended: Set<string>;
  wishes: WishStore;
  /** A connected client of the official SDK; `prepare` sets its handlers before it connects. */
  client(
    path?: string,
    key?: string,
    capabilities?: ClientCapabilities,
    prepare?: (client: Client) => void,
  ): Promise<{ client: Client; transport: StreamableHTTPClientTransport }>;
  post(body: unknown, options?: PostOptions): Promise<Response>;
  /** Sends `initialize` and returns the session id. */
  session(path?: string, key?: string, version?: string, capabilities?: Json): Promise<string>;
  close(): Promise<void>;
}

export interface PostOptions {
  path?: string;
  key?: string | null;
  session?: string;
  headers?: Record<string, string>;
  method?: string;
}

export interface TestGatewayOptions {
  servers?: EndpointServer[];
  groups?: EndpointRows['groups'];
  limits?: Partial<GatewayLimits>;
  /** Limits of calls; without it there are none. */
  limiter?: GatewayDeps['limiter'];
  /** What another life of the gateway left behind. */
  previous?: TestGateway;
  now?: () => number;
  /** Where searches are counted. */
  searches?: GatewayDeps['searches'];
  /** Vectors for the search. */
  embeddings?: GatewayDeps['embeddings'];
  recordSearch?: GatewayDeps['recordSearch'];
  spendTokens?: GatewayDeps['spendTokens'];
  /** The other workers. */
  peers?: PeerLine;
  log?: Log;
  /** Stands in for the one whose servers are opened by hand. */
  supervisor?: GatewayDeps['supervisor'];
  /** The stored catalogue cannot be read before this is settled; startGateway() then does not wait for the start. */
  storeReady?: Promise<void>;
}

const publicUrl = 'http://hub.example:3000';
const masterKey = Buffer.from('0123456789abcdef0123456789abcdef');

export async function startGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const { previous, limits, now } = options;
  const log = options.log ?? pino({ level: process.env.LOG_LEVEL ?? 'silent' });
  const supervisor = createHandSupervisor();
  const bus = createBus((error) => log.error(error));
  const rows = previous?.rows ?? { servers: options.servers ?? [], groups: options.groups ?? [] };
  const keys = previous?.keys ?? new Map([['key-a', keyActor('a')]]);
  const stored = previous?.stored ?? new Map<string, Listing>();
  const ended = previous?.ended ?? new Set<string>();
  const wishes = previous?.wishes ?? memoryWishes();
  const records: CallRecord[] = [];
  const gateway = createGateway({
    supervisor: options.supervisor ?? supervisor,
    resolveActor: (token) => keys.get(token) ?? null,
    reloadActor: async (kind, id) =>
      [...keys.values(), anonymousActor].find((key) => key.kind === kind && key.id === id) ?? null,
    catalogs: {
      load: async () => {
        await options.storeReady;
        return structuredClone(stored);
      },
      store: async (serverId, listing) => {
        stored.set(serverId, listing);
        return noDiff;
      },
    },
    loadEndpoints: async () => structuredClone(rows),
    keyring: createKeyring(masterKey),
    endedSessions: { has: async (hash) => ended.has(hash), add: async (hash) => void ended.add(hash) },
    wishes,
    recordCall: (entry) => void records.push(entry),
    bus,
    log,
    origins: createOriginRules('127.0.0.1', publicUrl),
    protectedResource: createProtectedResource(publicUrl, publicUrl),
    version: '0.0.0',
    ...(limits && { limits }),
    ...(options.limiter && { limiter: options.limiter }),
    ...(options.searches && { searches: options.searches }),
    ...(options.embeddings && { embeddings: options.embeddings }),
    ...(options.recordSearch && { recordSearch: options.recordSearch }),
    ...(options.spendTokens && { spendTokens: options.spendTokens }),
    ...(now && { now }),
    ...(options.peers && { peers: options.peers }),
  });
  const started = gateway.start();
  if (!options.storeReady) await started;
  const server = createServer((request, response) => gateway.handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const clients: Client[] = [];

  function post(
    body: unknown,
    { path = '/api/mcp', key = 'key-a', session, headers, method = 'POST' }: PostOptions = {},
  ) {
    return fetch(url + path, {
      method,
      headers: {
        ...(method === 'POST' && { 'content-type': 'application/json' }),
        accept: 'application/json, text/event-stream',
        ...(key !== null && { authorization: `Bearer ${key}` }),
        ...(session && { 'mcp-session-id': session }),
        ...headers,
      },
      ...(method !== 'GET' && method !== 'DELETE' && { body: toBody(body) }),
    });
  }

  return {
    url,
    gateway,
    server,
    supervisor,
    bus,
    rows,
    records,
    keys,
    stored,
    ended,
    wishes,
    post,
    async client(path = '/api/mcp', key = 'key-a', capabilities = {}, prepare) {
      const transport = new StreamableHTTPClientTransport(new URL(url + path), {
        requestInit: { headers: { authorization: `Bearer ${key}` } },
      });
      const client = new Client({ name: 'test', version: '1' }, { capabilities });
      prepare?.(client);
      await client.connect(transport);
      clients.push(client);
      return { client, transport };
    },
    async session(path = '/api/mcp', key = 'key-a', version = '2025-11-25', capabilities = {}) {
      const response = await post(initialize(version, 1, capabilities), { path, key });
      const id = response.headers.get('mcp-session-id');
      if (!id) throw new Error(`initialize gave ${response.status}: ${await response.text()}`);
      await response.arrayBuffer();
      return id;
    },
    async close() {
      await Promise.all(clients.map((client) => client.close()));
      await gateway.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await bus.close();
    },
  };
}

/** What sessions asked for, of one worker after the other; several at once are tested with the real store. */
function memoryWishes(): WishStore {
  const kept = new Map<string, { worker: string; wishes: Wishes }>();
  return {
    save: async (idHash, worker, wishes) => void kept.set(idHash, { worker, wishes: structuredClone(wishes) }),
    takeOver: async (idHashes, worker, others) => {
      const found = new Map<string, Wishes>();
      for (const idHash of idHashes) {
        const one = kept.get(idHash);
        if (!one || others.includes(one.worker)) continue;
        kept.set(idHash, { ...one, worker });
        found.set(idHash, one.wishes);
      }
      return found;
    },
    remove: async (idHash) => void kept.delete(idHash),
  };
}

function toBody(body: unknown): BodyInit {
  return typeof body === 'string' || body instanceof Uint8Array ? (body as BodyInit) : JSON.stringify(body);
}

export function initialize(protocolVersion = '2025-11-25', id: string | number = 1, capabilities: Json = {}) {
  const params = { protocolVersion, capabilities, clientInfo: { name: 'raw', version: '1' } };
  return { jsonrpc: '2.0', id, method: 'initialize', params };
}

export function rpc(method: string, params?: unknown, id: string | number = 1) {
  return { jsonrpc: '2.0', id, method, ...(params !== undefined && { params }) };
}
