// What the rest of the worker knows of the supervisor.
import type { LogLine, ServerState, ServerStatus } from '../../lib/servers/schema';
import type { Sighting, Upstream } from '../upstream/types';

export type { DesiredServer } from '../../lib/servers';

/** What is noticed of one instance, for the report on its server. All of it is rare. */
export type Observation =
  | Exclude<Sighting, { kind: 'first-byte' | 'garbage' }>
  /** It is ready. Milliseconds since its start began; null for what this kind of server does not have. */
  | { kind: 'started'; spawnMs: number | null; firstByteMs: number | null; initializeMs: number }
  /** The lists of a start are read: milliseconds since that start began. */
  | { kind: 'listed'; ms: number }
  /** It ended without a person's wish. `upMs`: how long it was ready; null if it never was. */
  | { kind: 'ended'; reason: string; upMs: number | null }
  /** It is started again by itself. */
  | { kind: 'restarted' }
  | { kind: 'in-vain'; message: string }
  | { kind: 'moved'; state: ServerState; reason: string | null; message: string | null };

export interface SupervisorEvents {
  /** After every change of a server's state. */
  status(status: ServerStatus): void;
  log(serverId: string, lines: LogLine[]): void;
  /** An upstream was initialised and is usable; emitted before the state becomes "ready" is shown. */
  opened(serverId: string, upstream: Upstream): void;
  /** A notification of the server that belongs to no call. */
  notification(
    serverId: string,
    method: string,
    params: Record<string, unknown> | undefined,
    /** Of an isolated server: whose instance it comes from, `user` or `conversation` of a Caller. */
    whose?: string,
  ): void;
  /** @param ordinal place of the instance among those of its server */
  observed(serverId: string, observation: Observation, ordinal: number): void;
  /** The row is gone: forget what is cached of the server. */
  removed(serverId: string): void;
}

export interface ListingOutcome {
  tools: number;
  fault: string | null;
  /** Nothing was read: the number is that of the time before. */
  hasFailed?: boolean;
}

export interface LogPart {
  lines: LogLine[];
  dropped: number;
}

export interface Supervisor {
  /** Sweeps processes that an earlier life of this installation left behind, then reconciles now and on a timer. */
  start(): Promise<void>;
  /**
   * Compares desired and actual state now. Concurrent calls share one run; a call during a run causes one more. Does
   * nothing before start() has swept.
   */
  reconcile(): Promise<void>;
  /** Ends the server's instances and starts them at once with a fresh back-off. */
  restart(serverId: string): Promise<void>;
  status(serverId: string): ServerStatus | undefined;
  statuses(): ServerStatus[];
  /**
   * The upstream of the server for one call. Synchronous: it waits for nothing. Where the server starts on demand, or
   * gives each caller an instance, the call itself waits for the start.
   * @throws HubError UPSTREAM_UNAVAILABLE with the server's state and reason
   */
  upstreamOf(serverId: string): Upstream;
  /** The open upstream that lists are asked from; starts nothing. @throws HubError as upstreamOf, also while asleep */
  listingUpstreamOf(serverId: string): Upstream;
  /** A session is over: what it had for itself ends. */
  release(conversation: string): void;
  /** A credential of a server was stored or taken away: what was opened with the former ends. @param user null: the hub's */
  renewCredential(serverId: string, user: string | null): void;
  /**
   * Lines of the ring with `seq` above `after`, oldest first, and how many were dropped before them. A promise where
   * another worker has to be asked. @throws HubError UNAVAILABLE (by the promise) when that one has just ended
   */
  logs(serverId: string, after: number, limit: number): LogPart | Promise<LogPart>;
  /**
   * Tells what listing the server gave: the number of its tools, and a plain sentence if a list failed. A fault makes a
   * ready server "degraded" until a listing without one. Unknown servers are ignored.
   */
  listed(serverId: string, outcome: ListingOutcome): void;
  on<E extends keyof SupervisorEvents>(event: E, listener: SupervisorEvents[E]): () => void;
  /** Stops every server and waits until no process is left. Idempotent. */
  stop(): Promise<void>;
  /** Kills every process of every server now, without asking; for a stop that somebody does not want to wait for. */
  kill(): Promise<void>;
}
