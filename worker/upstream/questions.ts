// What a legacy server asks its client in the middle of a call (client/sampling, client/elicitation, client/roots,
// 2024-11-05 … 2025-11-25): the questions of one call, from the request to the answer that goes back.
import type { ClientAnswer, ClientSide } from './types';

/** A server that asks more than this at once within one call is refused the rest. */
const openMax = 32;

/** Method → the capability that its client must have declared. */
const capabilityOf: Record<string, string> = {
  'sampling/createMessage': 'sampling',
  'elicitation/create': 'elicitation',
  'roots/list': 'roots',
};

type Params = Record<string, unknown> | undefined;

/** In one sentence why a server asks in vain, with what helps; null where the client is asked. */
export function whyInVain(client: ClientSide | undefined, method: string, isLent = false): string | null {
  const capability = Object.hasOwn(capabilityOf, method) ? capabilityOf[method] : undefined;
  if (capability === undefined || client?.capabilities[capability]) return null;
  const what = `The server asked "${method}" in vain:`;
  if (client) return `${what} the client of that call did not declare "${capability}". Use one that does.`;
  if (isLent) return `${what} calls of several sessions were under way. With the isolation "session" it can ask.`;
  return `${what} nothing told for which call. With the isolation "session", over streamable HTTP and in revision 2026-07-28 servers can ask.`;
}

export class Questions {
  readonly #open = new Map<string | number, AbortController>();
  #ended = false;

  constructor(private readonly client: ClientSide) {}

  /** Questions that wait for the client. */
  get open(): number {
    return this.#open.size;
  }

  /** The client's answer, or why it is not asked. Null: the server took the question back and wants no answer. */
  async ask(id: string | number, method: string, params: Params): Promise<ClientAnswer | null> {
    const capability = Object.hasOwn(capabilityOf, method) ? capabilityOf[method] : undefined;
    if (this.#ended || capability === undefined || !this.client.capabilities[capability]) return notOffered(method);
    if (this.#open.size >= openMax || this.#open.has(id)) return refusal(-32603, 'There are too many open questions.');
    const asking = new AbortController();
    this.#open.set(id, asking);
    try {
      const answer = await this.client.ask(method, params, asking.signal);
      return asking.signal.aborted && !this.#ended ? null : answer;
    } catch {
      return refusal(-32603, 'The client could not be asked.');
    } finally {
      this.#open.delete(id);
    }
  }

  /** The server takes a question back (basic/utilities/cancellation). */
  takeBack(id: unknown): void {
    this.#open.get(id as string | number)?.abort();
  }

  /** The call is over: nobody waits for what is still open. */
  end(): void {
    this.#ended = true;
    for (const asking of this.#open.values()) asking.abort();
  }
}

/** Also what a server gets that asks where no call explains it. */
export function notOffered(method: string): ClientAnswer {
  return refusal(-32601, `The hub does not offer "${method.slice(0, 128)}" to servers here.`);
}

function refusal(code: number, message: string): ClientAnswer {
  return { kind: 'error', value: { code, message } };
}
