// What the rest of the worker knows of the supervisor.
import type { LogLine, ServerStatus } from '../../lib/servers/schema';
import type { Upstream } from '../upstream/types';

/** A server as it shall be: its row with all references resolved. Made by lib/servers, compared by `hash`. */
export interface DesiredServer {
  id: string;
  name: string;
  type: 'stdio' | 'streamable-http' | 'sse' | 'openapi';
  /** False: the administrator switched it off. */
  enabled: boolean;
  /** Whether it shall run; false for a stopped or disabled server. */
  running: boolean;
  command: string | null;
  args: string[];
  env: Record<string, string>;
  cwd: string | null;
  url: string | null;
  headers: Record<string, string>;
  timeoutMs: number | null;
  /** SHA-256 over everything that a running instance depends on; another hash means a restart. */
  hash: string;
  /** Set when the row cannot be used, e.g. a variable without a value: a plain sentence. */
  fault: string | null;
}

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
  /** Lines of the ring with `seq` above `after`, oldest first, and how many were dropped before them. */
  logs(serverId: string, after: number, limit: number): { lines: LogLine[]; dropped: number };
  /**
   * Tells what listing the server gave: the number of its tools, and a plain sentence if a list failed. A fault makes a
   * ready server "degraded" until a listing without one. Unknown servers are ignored.
   */
  listed(serverId: string, outcome: { tools: number; fault: string | null }): void;
  on<E extends keyof SupervisorEvents>(event: E, listener: SupervisorEvents[E]): () => void;
  /** Stops every server and waits until no process is left. Idempotent. */
  stop(): Promise<void>;
}
