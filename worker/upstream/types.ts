// What the rest of the worker knows of an upstream: our client side of one instance, whatever its transport.
import type { HubError } from '../../lib/errors';
import type { OpenApiSettings } from '../../lib/openapi/schema';

/** "legacy": sessions of 2024-11-05 … 2025-11-25. "modern": 2026-07-28, where each request stands for itself. */
export type Era = 'legacy' | 'modern';

/** How the hub names itself to servers. */
export interface ClientInfo {
  name: string;
  version: string;
}

/** What a client answers to a server's request. */
export type ClientAnswer =
  | { kind: 'result'; value: unknown }
  | { kind: 'error'; value: { code: number; message: string; data?: unknown } };

/** Who calls, as far as it decides whose instance of an isolated server answers. */
export interface Caller {
  /** The user of the hub; where there is none, the credential. */
  readonly user: string;
  /** Stands for the session or, for a client without one, for one call with all that belongs to it. Cannot be guessed. */
  readonly conversation: string;
  /** It has no session: the conversation is over with its last call. */
  readonly isPassing: boolean;
}

/** The client behind a call, as far as a server may learn of it or speak to it while the call is under way. */
export interface ClientSide extends Caller {
  /** As the client declared them; copied into each request to a modern server, and part of a legacy connection's key. */
  readonly capabilities: Record<string, unknown>;
  /** Whose client it is, as far as a server may remember something of it (its roots): its session, or else its credential. */
  readonly owner: string;
  /** Least severity of log messages that the client wants with this call (RFC 5424 words); undefined: none was named. */
  readonly logLevel?: string | undefined;
  /**
   * Puts a question of the server (sampling/createMessage, elicitation/create, roots/list) to the client. Never rejects.
   * @param signal the server or the call is gone: nobody waits for the answer any more
   */
  ask(method: string, params: Record<string, unknown> | undefined, signal: AbortSignal): Promise<ClientAnswer>;
  /** A notification of the server that certainly belongs to this call, other than its progress. */
  notify(method: string, params: Record<string, unknown> | undefined): void;
}

export interface Handshake {
  era: Era;
  protocolVersion: string;
  serverInfo: { name: string; version?: string; [field: string]: unknown };
  capabilities: Record<string, unknown>;
  instructions?: string;
}

/** An answer with its exact bytes, so that a relay need not serialise it again. */
export interface UpstreamAnswer {
  kind: 'result' | 'error';
  /** The parsed value of `result` or `error`. */
  value: unknown;
  /** The bytes of that value as they came; null where they are not at hand. */
  raw: Buffer | null;
}

export interface CallOptions {
  /** Milliseconds of silence after which the call fails with UPSTREAM_TIMEOUT; progress extends it. */
  timeoutMs: number;
  /** Called with the params of each progress notification of this call; set it only if the client sent a token. */
  onProgress?: ((params: Record<string, unknown>) => void) | undefined;
  /** Progress may also come after the answer, which begins a task (2025-11-25, basic/utilities/tasks). */
  progressLasts?: boolean;
  /** Absent for requests of the hub itself: such a call can ask nobody. */
  client?: ClientSide | undefined;
  /** Whose call it is, where that is nobody who can be asked, or somebody else's conversation is meant than the client's. */
  caller?: Caller | undefined;
}

export interface Call {
  /** Rejects with a HubError: UPSTREAM_TIMEOUT, UPSTREAM_BAD_ANSWER, INTERRUPTED, UPSTREAM_UNAVAILABLE, CANCELLED. */
  answer: Promise<UpstreamAnswer>;
  /** Tells the upstream (notifications/cancelled) and rejects `answer` with CANCELLED at once; a second call does nothing. */
  cancel(reason: string): void;
}

/** A resource whose updates somebody wants to hear. */
export interface Wish {
  caller: Caller;
  uri: string;
  /** What the caller's client can do, where this is the first that is heard of it. */
  capabilities?: Record<string, unknown> | undefined;
}

/** A client as far as something is told of it. */
export type ClientOf = Pick<ClientSide, 'capabilities' | 'owner' | keyof Caller>;

export interface UpstreamEvents {
  /** A notification that belongs to no call, e.g. notifications/tools/list_changed. */
  notification(method: string, params: Record<string, unknown> | undefined): void;
  /** The connection is gone for good; called once, also after close(). */
  closed(reason: CloseReason): void;
}

export interface CloseReason {
  /** "exited", "killed", "spawn-failed", "handshake-failed", "connect-failed", "cut", "stopped", "needs-auth", "hung", "unhealthy", "…-limit". */
  reason: string;
  /** One plain sentence for people. */
  message: string;
  /** The program is not asked first: it would not listen, or would only use more while it is asked. */
  atOnce?: boolean;
  exitCode?: number | null;
  signal?: string | null;
  /** The server wants to be left alone for so long. */
  retryAfterMs?: number;
  /** Of "needs-auth": `data` of the error that callers get. */
  data?: Record<string, unknown> | undefined;
}

/** One open, initialised connection. Ids and progress tokens on the wire are its own. */
export interface Upstream {
  readonly handshake: Handshake;
  /** Calls under way. */
  readonly inflight: number;
  call(method: string, params: Record<string, unknown> | undefined, options: CallOptions): Call;
  /** @param client whose news this is: told only over a connection whose server may ask this client about it */
  notify(method: string, params?: Record<string, unknown>, client?: ClientOf): void;
  /**
   * Makes the resources whose updates the server tells equal to these URIs (server/resources: subscriptions;
   * basic/patterns/subscriptions, 2026-07-28). They stay so when a session or stream has to be opened anew.
   * @returns those of them that the server refused
   * @throws HubError METHOD_NOT_FOUND where the server offers no subscriptions, else as a call does
   */
  watch(uris: readonly string[]): Promise<readonly string[]>;
  /**
   * In place of `watch`, where each caller has an instance of its own: all that anybody wants to hear of this server.
   * @returns those that were refused
   */
  watchFor?(wishes: readonly Wish[]): Promise<readonly Wish[]>;
  /** Whether the server keeps a session for this connection. Absent: it does not. */
  keepsSession?(): boolean;
  /** Why a tool cannot be called over this connection, in plain words, or null. Absent: every tool can. */
  faultOfTool?(tool: Record<string, unknown>): string | null;
  /**
   * Ends the connection (and the process behind it) and settles all calls with INTERRUPTED. Idempotent.
   * @param reason what calls under way and `closed` are told; default: it was stopped
   */
  close(reason?: CloseReason): Promise<void>;
}

/** Items of a server's lists, each whole as it was sent; what could not be taken over is in `faults`. */
export interface Listing {
  tools: Record<string, unknown>[];
  resources: Record<string, unknown>[];
  resourceTemplates: Record<string, unknown>[];
  prompts: Record<string, unknown>[];
  /** `kind`: "tool", "resource", "resourceTemplate" or "prompt"; `name` is empty where the whole list is meant. */
  faults: { kind: string; name: string; reason: string }[];
  /** How long each list may be kept, ms; absent where the server does not say (server/utilities/caching, 2026-07-28). */
  ttlMs: Partial<Record<'tools' | 'resources' | 'resourceTemplates' | 'prompts', number>>;
}

/** What a transport is made of, beyond the wire: where to connect to or what to run. */
export interface UpstreamTarget {
  name: string;
  /** Which era to speak; "auto", also when absent, finds it out. */
  era?: 'auto' | Era;
  type: 'stdio' | 'streamable-http' | 'sse' | 'openapi';
  command: string | null;
  args: string[];
  env: Record<string, string>;
  cwd: string | null;
  url: string | null;
  headers: Record<string, string>;
  tls?: TlsSettings | null;
  /** Of a server that is made of a document. */
  openapi?: OpenApiSettings | null;
}

/** How the certificate of a server behind https is checked. */
export interface TlsSettings {
  /** PEM; trusted besides the authorities that the system knows. */
  ca?: string | undefined;
  /** The name that the certificate has to be for, in place of the URL's; also sent as SNI (RFC 6066, 3). */
  serverName?: string | undefined;
}

/** What a connection proves itself with beside what the server's row says. It changes while the connection lives. */
export interface Access {
  /** The user whose credential it is; null: the hub's. */
  readonly owner: string | null;
  /** Headers of every request, flat, names in lower case. */
  readonly headers: readonly string[];
  /** Variables of a program. */
  readonly env: Record<string, string>;
  /** Rises whenever the headers change. */
  readonly generation: number;
  /** The headers run out soon, or have run out. */
  isDue(): boolean;
  /**
   * Gets other headers. Any number of callers share one renewal.
   * @param refused the generation that the server refused; null: none was, they are due
   * @throws HubError UPSTREAM_NEEDS_AUTH when a person has to sign in, UPSTREAM_* when it may work later
   */
  renew(refused: number | null): Promise<void>;
  /** The server refuses what is new, too. @returns what the caller is told */
  refusal(): HubError;
  /** The server wants more than was granted (basic/authorization, 2026-07-28: step-up). @returns what the caller is told */
  wantsMore(scopes: readonly string[]): Promise<HubError>;
}

/** Where the text of a server's OpenAPI document is kept. */
export interface DocumentStore {
  load(): Promise<string | null>;
  save(text: string): Promise<void>;
}

/** What is known of a server's era; kept by the opener across connections, and written by openUpstream. */
export interface EraMemory {
  era: Era | null;
}

/** What is noticed of a server beside its answers. All of it is rare: none is told for an ordinary call. */
export type Sighting =
  /** Something came on stdout; stdio only, once. */
  | { kind: 'first-byte' }
  /** The first line before the handshake that was not MCP, cut; stdio only. */
  | { kind: 'garbage'; sample: string }
  /** A call reported its progress; told once for a connection. */
  | { kind: 'progress' }
  /** The server was told that nobody waits for a call any more. */
  | { kind: 'cancelled' }
  /** It answered a call long after it was told so. */
  | { kind: 'answered-cancelled' }
  /** It did not know the session that it had given. */
  | { kind: 'session-lost' }
  | ({ kind: 'http' } & HttpFacts);

/** The HTTP answer to the first request of a connection. */
export interface HttpFacts {
  status: number;
  /** Without parameters; empty where there is none. */
  contentType: string;
  contentEncoding: string | null;
  /** Whether it came with a session id. */
  session: boolean;
  /** Redirects that led to it. */
  redirects: number;
  /** The `server` header. */
  server: string | null;
  /** The `www-authenticate` header. */
  challenge: string | null;
}

export interface OpenEvents extends UpstreamEvents {
  /** The process runs; stdio only. */
  spawned(pid: number): void;
  /** Whole lines of stderr, without their ends; stdio only. */
  stderr(lines: string[]): void;
  /** All is done but what needs the borrower (OpenOptions.borrower): it stands ready. */
  prepared?(): void;
  /** The server asked its client something and was refused: why, and what helps. Once for each reason. */
  inVain?(message: string): void;
  sighted?(sighting: Sighting): void;
  /**
   * It does not look well so far and may still answer: the program has only printed text that is not MCP, or the server
   * is asked again after a fault. At most once. @param reason as in CloseReason
   */
  doubtful(message: string, reason: string): void;
}
