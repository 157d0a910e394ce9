// Where calls wait for what is starting, and where it is known whether it is in use. One gate is before one instance,
// or before a server that starts on demand.
import type { HubError } from '../../lib/errors';
import type { Call, CallOptions, Upstream } from '../upstream';
import { callLater, refused } from '../upstream/later';
import { Use } from './use';

export interface GateOptions {
  /** For messages. */
  server(): string;
  /** The upstream, if it is open. */
  open(): Upstream | null;
  /** Somebody needs it: what is asleep is started, once. */
  need(): void;
  /** Why waiting is of no use now; null while it starts. */
  failure(): HubError | null;
  /** Monotonic milliseconds. */
  now(): number;
  /** The last call under way is over. */
  left?(): void;
}

export class Gate {
  readonly use: Use;
  readonly #options: GateOptions;
  #opening: { promise: Promise<Upstream>; resolve(upstream: Upstream): void; reject(error: HubError): void } | null =
    null;

  constructor(options: GateOptions) {
    this.#options = options;
    this.use = new Use(options.now);
  }

  call(method: string, params: Record<string, unknown> | undefined, options: CallOptions): Call {
    const { use } = this;
    use.begin();
    const upstream = this.#options.open();
    const made = upstream
      ? upstream.call(method, params, options)
      : callLater(this.opened(), this.#options.server(), method, params, options);
    made.answer.then(
      (answer) => this.#end(method, params, answer),
      () => this.#end(method, params),
    );
    return made;
  }

  #end(method: string, params: Record<string, unknown> | undefined, answer?: Awaited<Call['answer']>): void {
    this.use.end(method, params, answer);
    if (this.use.active === 0) this.#options.left?.();
  }

  /** The upstream, which is started if need be. @throws HubError (by the promise) with the reason */
  opened(): Promise<Upstream> {
    const upstream = this.#options.open();
    if (upstream) return Promise.resolve(upstream);
    this.#options.need();
    const awoken = this.#options.open();
    if (awoken) return Promise.resolve(awoken);
    const failure = this.#options.failure();
    if (failure) return refused(failure).answer as Promise<never>;
    if (!this.#opening) {
      const { promise, resolve, reject } = deferred();
      promise.catch(() => {});
      this.#opening = { promise, resolve, reject };
    }
    return this.#opening.promise;
  }

  /** Its state is another one: who waits is let in, or told why not. */
  changed(): void {
    if (!this.#opening) return;
    const upstream = this.#options.open();
    const failure = upstream ? null : this.#options.failure();
    if (upstream) this.#settle()?.resolve(upstream);
    else if (failure) this.#settle()?.reject(failure);
  }

  /** It comes no more: who waits is told so. */
  close(error: HubError): void {
    this.#settle()?.reject(error);
  }

  #settle() {
    const opening = this.#opening;
    this.#opening = null;
    return opening;
  }
}

function deferred() {
  let resolve: (upstream: Upstream) => void = () => {};
  let reject: (error: HubError) => void = () => {};
  const promise = new Promise<Upstream>((done, failed) => {
    resolve = done;
    reject = failed;
  });
  return { promise, resolve, reject };
}
