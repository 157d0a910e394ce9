// What the rest of the worker knows of the supervisor.
import type { LogLine, ServerStatus } from '../../lib/servers/schema';
import type { Upstream } from '../upstream/types';

export type { DesiredServer } from '../../lib/servers';

export interface SupervisorEvents {
  /** After every change of a server's state. */
  status(status: ServerStatus): void;
  log(serverId: string, lines: LogLine[]): void;
  /** An upstream was initialised and is usable; emitted before the state becomes "ready" is shown. */
  opened(serverId: string, upstream: Upstream): void;
  /** A notification of the server that belongs to no call. */
  notification(serverId: string, method: string, params: Record<string, unknown> | undefined): void;
  /** The row is gone: forget what is cached of the server. */
  removed(serverId: string): void;
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
   * An open upstream of the server for one call. Synchronous: it never waits for a start.
   * @throws HubError UPSTREAM_UNAVAILABLE with the server's state and reason
   */
  upstreamOf(serverId: string): Upstream;
  /**
   * Lines of the ring with `seq` above `after`, oldest first, and how many were dropped before them. A promise where
   * another worker has to be asked. @throws HubError UNAVAILABLE (by the promise) when that one has just ended
   */
  logs(serverId: string, after: number, limit: number): LogPart | Promise<LogPart>;
  /**
   * Tells what listing the server gave: the number of its tools, and a plain sentence if a list failed. A fault makes a
   * ready server "degraded" until a listing without one. Unknown servers are ignored.
   */
  listed(serverId: string, outcome: { tools: number; fault: string | null }): void;
  on<E extends keyof SupervisorEvents>(event: E, listener: SupervisorEvents[E]): () => void;
  /** Stops every server and waits until no process is left. Idempotent. */
  stop(): Promise<void>;
  /** Kills every process of every server now, without asking; for a stop that somebody does not want to wait for. */
  kill(): Promise<void>;
}
