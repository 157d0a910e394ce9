// The client of a task, as its server sees it: what the server asks or tells about the task reaches the client under
// the id that the client knows, and its answers go back under the server's.
import type { ClientAnswer } from '../../upstream/types';
import type { Target } from '../catalog/view';
import type { AskedClient, Outlet } from '../relay';
import { isObject } from '../stateless/envelope';
import { relabel, related } from './task-ids';

type Params = Record<string, unknown> | undefined;

export const statusNotification = 'notifications/tasks/status';

/** For whom the connection with a session was made that a task lives in. */
export type TaskHome = Pick<AskedClient, 'capabilities' | 'owner'> & {
  /** Where each session has an instance, that of the one which began it. */
  conversation?: string | undefined;
};

/** The connection that calls of this client take now: by what servers can ask it, and by whose roots they are. */
export function homeOf({ capabilities, owner, conversation }: TaskHome): TaskHome {
  const { sampling, elicitation, roots } = capabilities;
  const asked = {
    ...(isObject(sampling) && { sampling }),
    ...(isObject(elicitation) && { elicitation }),
    ...(isObject(roots) && { roots }),
  };
  return { capabilities: asked, owner: isObject(roots) ? owner : '', conversation };
}

/** Where the progress of a task goes: to the call that begins it, and from then on to a stream of its session. */
export class TaskOutlet implements Outlet {
  readonly outlivesAnswer = true;
  #hasBegun = false;

  constructor(
    private readonly call: Outlet,
    private readonly session: { id: string },
    private readonly tell: (sessionId: string, method: string, params: unknown) => void,
  ) {}

  get isGone(): boolean {
    return this.call.isGone === true;
  }

  began(): void {
    this.#hasBegun = true;
  }

  notify(method: string, params: Params): void {
    if (this.#hasBegun) this.tell(this.session.id, method, params);
    else this.call.notify(method, params);
  }

  keepAlive(nowMs: number): void {
    this.call.keepAlive(nowMs);
  }
}

export class TaskClient implements AskedClient {
  /**
   * @param home where the task lives
   * @param outlet where the client of a task of its own hears of its state
   * @param from the server's id of the task, null while it is not known
   * @param to the client's, null where the client knows of no task
   */
  constructor(
    private readonly client: AskedClient,
    private readonly home: TaskHome,
    private readonly outlet: Pick<Outlet, 'notify'> | null,
    private from: string | null,
    private readonly to: string | null,
  ) {}

  get target(): Target | null {
    return this.client.target;
  }

  set target(target: Target | null) {
    this.client.target = target;
  }

  get capabilities(): Record<string, unknown> {
    return this.home.capabilities;
  }

  get owner(): string {
    return this.home.owner;
  }

  get user(): string {
    return this.client.user;
  }

  get conversation(): string {
    return this.home.conversation ?? this.client.conversation;
  }

  get isPassing(): boolean {
    return this.client.isPassing;
  }

  get logLevel(): string | undefined {
    return this.client.logLevel;
  }

  /** From now on the server's id is known. */
  began(from: string): void {
    this.from = from;
  }

  async ask(method: string, params: Params, signal: AbortSignal): Promise<ClientAnswer> {
    const { from, to } = this;
    const answer = await this.client.ask(method, relabel(params, from, to) as Params, signal);
    if (answer.kind === 'error' || !isObject(answer.value)) return answer;
    const value = relabel(answer.value, to, from) as Record<string, unknown>;
    return { kind: 'result', value: from === null ? value : related(value, from) };
  }

  notify(method: string, params: Params): void {
    const { from, to } = this;
    if (method !== statusNotification) this.client.notify(method, relabel(params, from, to) as Params);
    else if (to !== null && from !== null && params?.taskId === from) {
      this.outlet?.notify(method, relabel(params, from, to) as Params);
    }
  }
}
