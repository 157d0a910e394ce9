// The requests of one connection that wait for their answers. The id on the wire names the slot of its request, so an
// answer finds it without a table. Ids are random per connection plus a counter; they serve as progress tokens too.
import { randomBytes } from 'node:crypto';
import type { HubError } from '../../lib/errors';
import { Slots, type Slotted } from '../slots';
import type { Questions } from './questions';
import type { Call, CallOptions, UpstreamAnswer } from './types';

/** A request on its way, as far as the transport can do something about it. */
export interface Sending {
  /** Nobody waits for the answer any more. */
  abort(): void;
}

export type Heard = (method: string, params: Record<string, unknown> | undefined) => void;

/** A request that waits for its answer, as the connection sees it; for who made it, it is their call. */
export class PendingCall implements Call, Slotted {
  readonly answer: Promise<UpstreamAnswer>;
  /** Empty until it is sent. */
  id = '';
  slot = -1;
  sending: Sending | undefined;
  progress = Number.NEGATIVE_INFINITY;
  readonly startedAt = performance.now();
  heardAt = this.startedAt;
  /** Made when the server asks something for the first time. */
  questions: Questions | undefined;
  #resolve!: (answer: UpstreamAnswer) => void;
  #reject!: (error: HubError) => void;

  constructor(
    readonly method: string,
    readonly options: CallOptions,
    private readonly withdraw: (call: PendingCall, reason: string) => void,
    /** Set for a request that only listens. */
    readonly heard: Heard | undefined = undefined,
  ) {
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  cancel(reason: string): void {
    this.withdraw(this, reason);
  }

  resolve(answer: UpstreamAnswer): void {
    this.#resolve(answer);
    this.questions?.end();
  }

  reject(error: HubError): void {
    this.#reject(error);
    this.questions?.end();
  }
}

export class PendingCalls implements Iterable<PendingCall> {
  readonly #prefix = `${randomBytes(9).toString('base64url')}.`;
  readonly #calls = new Slots<PendingCall>();
  #count = 0;

  get size(): number {
    return this.#calls.size;
  }

  /** Takes a call in and gives it its id. */
  add(call: PendingCall): void {
    this.#calls.add(call);
    this.#count += 1;
    call.id = `${this.#prefix}${call.slot.toString(36)}.${this.#count.toString(36)}`;
  }

  /** The call that waits under an id; nothing for an id that was never ours, or is over. */
  find(id: string): PendingCall | undefined {
    if (!id.startsWith(this.#prefix)) return undefined;
    const call = this.#calls.at(Number.parseInt(id.slice(this.#prefix.length), 36));
    return call?.id === id ? call : undefined;
  }

  /** @returns false if it does not wait (any more) */
  delete(call: PendingCall): boolean {
    return this.#calls.delete(call);
  }

  /** The first id of ours in these bytes. */
  idIn(bytes: Buffer): string | undefined {
    const start = bytes.indexOf(this.#prefix);
    if (start === -1) return undefined;
    const end = bytes.indexOf('"', start);
    return end === -1 ? undefined : bytes.toString('latin1', start, end);
  }

  [Symbol.iterator](): Iterator<PendingCall> {
    return this.#calls[Symbol.iterator]();
  }
}
