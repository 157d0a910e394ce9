// Several instances as one upstream. A call of a client goes to one of them by the server's policy; where the server
// keeps something for its client, all calls of one session go to the same one, and where it has tasks, all calls do.
// What is set for the server as a whole (subscriptions, log level) is set at each, also at those that open later.
import type { HubError } from '../../lib/errors';
import type { Balancing } from '../../lib/servers/schema';
import type { Call, CallOptions, ClientSide, Upstream } from '../upstream';
import { refused } from '../upstream/later';
import { type Balancer, balancers, type Candidate, placeOf } from './balancing';
import type { Circuit } from './circuit';

/** Time for a server to take what nobody waits for. */
const asideMs = 10_000;

interface Part extends Candidate {
  readonly upstream: Upstream | null;
  readonly circuit: Circuit;
}

export interface Whole {
  readonly upstream: Upstream;
  isReady(): boolean;
  balance(balancing: Balancing): void;
  /** One more is open: it is told what the others know. */
  opened(upstream: Upstream): void;
}

export interface WholeOptions {
  balancing: Balancing;
  /** What a caller gets while none is open. */
  unavailable(): HubError;
  report(error: unknown): void;
}

/** @param parts kept up to date by the caller */
export function createWhole(parts: readonly Part[], options: WholeOptions): Whole {
  let { balancing } = options;
  let balancer: Balancer = balancers[balancing]();
  let watched: readonly string[] = [];
  let levelParams: Record<string, unknown> | undefined;
  /** Where a call failed. Sent again with the same options, it goes to another instance where any will do. */
  const failedAt = new WeakMap<CallOptions, Part>();

  /** The one that is asked for lists: pages of one list come from one instance. */
  function lead(): Upstream {
    for (const { upstream } of parts) if (upstream) return upstream;
    throw options.unavailable();
  }

  function open(): Upstream[] {
    return parts.flatMap(({ upstream }) => upstream ?? []);
  }

  function pick(callOptions: CallOptions): Part | undefined {
    const { client } = callOptions;
    const key = client ? boundTo(lead(), client) : null;
    const failed = failedAt.get(callOptions);
    const other = failed && key === null ? parts.filter((part) => part !== failed) : [];
    const otherAt = balancer.next(other);
    if (otherAt !== -1) return other[otherAt];
    const at = key === null ? balancer.next(parts) : placeOf(key, parts);
    // With all circuits open, trying is better than refusing.
    return at === -1 ? parts.find(({ upstream }) => upstream !== null) : parts[at];
  }

  function call(method: string, params: Record<string, unknown> | undefined, callOptions: CallOptions): Call {
    if (method === 'logging/setLevel') return setLevel(params, callOptions);
    if (!callOptions.client && method !== 'tools/call') return lead().call(method, params, callOptions);
    const part = pick(callOptions);
    if (!part?.upstream) return refused(options.unavailable());
    const { circuit } = part;
    const isProbe = circuit.enter();
    const made = part.upstream.call(method, params, callOptions);
    made.answer.then(
      () => circuit.succeeded(isProbe),
      (error) => {
        failedAt.set(callOptions, part);
        circuit.failed(error, isProbe);
      },
    );
    return made;
  }

  function setLevel(params: Record<string, unknown> | undefined, callOptions: CallOptions): Call {
    levelParams = params;
    const calls = open().map((upstream) => upstream.call('logging/setLevel', params, callOptions));
    for (const { answer } of calls) answer.catch(() => {});
    return calls[0] ?? refused(options.unavailable());
  }

  async function watch(uris: readonly string[]): Promise<readonly string[]> {
    watched = uris;
    const refusals = await Promise.all([lead(), ...open().slice(1)].map((upstream) => upstream.watch(uris)));
    return [...new Set(refusals.flat())];
  }

  return {
    upstream: {
      get handshake() {
        return lead().handshake;
      },
      get inflight() {
        let calls = 0;
        for (const { load } of parts) calls += load;
        return calls;
      },
      call,
      notify(method, params, client) {
        for (const { upstream } of parts) upstream?.notify(method, params, client);
      },
      watch,
      keepsSession: () => lead().keepsSession?.() ?? false,
      faultOfTool: (tool) => lead().faultOfTool?.(tool) ?? null,
      // Its parts end one by one.
      close: async () => undefined,
    },
    isReady() {
      for (const { upstream } of parts) if (upstream) return true;
      return false;
    },
    balance(wanted) {
      if (wanted === balancing) return;
      balancing = wanted;
      balancer = balancers[wanted]();
    },
    opened(upstream) {
      if (watched.length > 0) upstream.watch(watched).catch(options.report);
      if (!levelParams || upstream.handshake.era === 'modern') return;
      upstream.call('logging/setLevel', levelParams, { timeoutMs: asideMs }).answer.catch(() => {});
    },
  };
}

/** Extension of 2026-07-28 (SEP-2663); in 2025-11-25 tasks are a capability of their own. */
const tasksExtension = 'io.modelcontextprotocol/tasks';

/**
 * What decides where a call goes, where the server remembers something of the call: its client, if it has a session for
 * it or tells it of resources it asked about. Null: any instance will do.
 */
function boundTo({ handshake, keepsSession }: Upstream, { owner }: Pick<ClientSide, 'owner'>): string | null {
  const { tasks, extensions, resources } = handshake.capabilities as {
    tasks?: unknown;
    extensions?: Record<string, unknown> | null;
    resources?: { subscribe?: unknown };
  };
  // Whoever asks about a task need not be the session that began it: all go to one instance, the others stand by.
  if (tasks || extensions?.[tasksExtension]) return '';
  const isStateful = handshake.era === 'legacy' && (keepsSession?.() === true || resources?.subscribe === true);
  return isStateful ? owner : null;
}
