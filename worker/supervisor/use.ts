// Whether an instance is in use, and since when it is not: calls under way, subscriptions, and tasks that are open.
import type { UpstreamAnswer } from '../upstream';

/** A task of which nothing more is heard is given up after this. */
const taskHoldMs = 3600_000;
const tasksMax = 10_000;
const ended = new Set(['completed', 'failed', 'cancelled']);

type Params = Record<string, unknown> | undefined;

interface TaskState {
  taskId?: unknown;
  status?: unknown;
}

export class Use {
  /** Calls under way or waiting. */
  active = 0;
  /** Somebody listens to its resources. */
  isWatched = false;
  #usedAt: number;
  /** Id of a task → when it is given up. */
  readonly #tasks = new Map<string, number>();

  /** @param now monotonic milliseconds */
  constructor(private readonly now: () => number) {
    this.#usedAt = now();
  }

  begin(): void {
    this.active += 1;
  }

  /** @param answer of a call that got one */
  end(method: string, params: Params, answer?: UpstreamAnswer): void {
    this.active -= 1;
    this.#usedAt = this.now();
    if (answer?.kind === 'result') this.#noteTask(method, params, (answer.value ?? {}) as Record<string, unknown>);
  }

  touch(): void {
    this.#usedAt = this.now();
  }

  /** Nothing is under way that would be lost. */
  get isFree(): boolean {
    if (this.active > 0 || this.isWatched) return false;
    const now = this.now();
    for (const [id, until] of this.#tasks) if (until <= now) this.#tasks.delete(id);
    return this.#tasks.size === 0;
  }

  /** Milliseconds since the last use; 0 while it is in use. */
  get idleMs(): number {
    if (!this.isFree) this.#usedAt = this.now();
    return this.now() - this.#usedAt;
  }

  /** Tasks of 2025-11-25 (basic/utilities/tasks) and of the extension io.modelcontextprotocol/tasks. */
  #noteTask(method: string, params: Params, value: Record<string, unknown>): void {
    if (method === 'tools/call') {
      const task = (value.resultType === 'task' ? value : value.task) as TaskState | undefined;
      const id = task?.taskId;
      if (typeof id === 'string' && this.#tasks.size < tasksMax) this.#tasks.set(id, this.now() + taskHoldMs);
    } else if (method === 'tasks/result' || method === 'tasks/cancel' || ended.has(String(value.status))) {
      if (method.startsWith('tasks/') && typeof params?.taskId === 'string') this.#tasks.delete(params.taskId);
    }
  }
}
