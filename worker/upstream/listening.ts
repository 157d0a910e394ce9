// The one subscriptions/listen of a modern server (basic/patterns/subscriptions, 2026-07-28): lists that change and the
// resources that somebody watches. Opened anew when it ends, and with another filter when other resources are watched.
import { HubError } from '../../lib/errors';
import type { Connection } from './connection';
import { subscriptionIdKey } from './modern';
import { checkSubscribable } from './subscriptions';
import type { Call } from './types';

const acknowledgedMethod = 'notifications/subscriptions/acknowledged';
const acknowledgeMs = 10_000;
const retryMs = 1_000;
const retryMaxMs = 30_000;
/** A stream that lived so long ended by accident; servers that end theirs all the time are asked less and less often. */
const stableMs = 60_000;

type Params = Record<string, unknown>;

export interface Listening {
  /** Opens the stream for changed lists, if the server announces any. */
  start(): void;
  /** See Upstream.watch. */
  watch(uris: readonly string[]): Promise<readonly string[]>;
  /** Whether a stream is open. */
  readonly isOpen: boolean;
  stop(): void;
}

export interface ListeningOptions {
  server: string;
  connection: Connection;
  capabilities: Params;
  notification(method: string, params: Params | undefined): void;
  random: () => number;
}

/** One request that is open, with what it was asked for. */
interface Stream {
  call: Call;
  filter: Params;
  acknowledged: Promise<Params>;
  isOver: boolean;
  openedAt: number;
}

export function createListening(options: ListeningOptions): Listening {
  const { server, connection, capabilities, notification, random } = options;
  const lists = listFilter(capabilities);
  let watched: readonly string[] = [];
  let current: Stream | null = null;
  let queue: Promise<unknown> = Promise.resolve();
  let timer: NodeJS.Timeout | null = null;
  let failures = 0;
  let stopped = false;

  function open(uris: readonly string[]): Stream {
    const filter = uris.length > 0 ? { ...lists, resourceSubscriptions: uris } : lists;
    let acknowledge: (honoured: Params) => void = () => {};
    let fail: (error: unknown) => void = () => {};
    const acknowledged = new Promise<Params>((resolve, reject) => {
      acknowledge = resolve;
      fail = reject;
    });
    acknowledged.catch(() => {});
    const call = connection.listen('subscriptions/listen', { notifications: filter }, (method, params) => {
      if (method === acknowledgedMethod) acknowledge((params?.notifications ?? {}) as Params);
      else notification(method, withoutSubscriptionId(params));
    });
    const stream: Stream = { call, filter, acknowledged, isOver: false, openedAt: performance.now() };
    call.answer.then(
      ({ kind, value }) => {
        fail(refusalOf(server, kind, value));
        ended(stream, kind === 'error');
      },
      (error) => {
        fail(error);
        ended(stream, false);
      },
    );
    return stream;
  }

  /** @param refused the server does not want such a request, so that asking again soon is no use */
  function ended(stream: Stream, refused: boolean): void {
    stream.isOver = true;
    if (current !== stream || stopped) return;
    current = null;
    failures = performance.now() - stream.openedAt < stableMs ? failures + 1 : 1;
    const delay = refused ? retryMaxMs : Math.min(retryMs * 2 ** (failures - 1), retryMaxMs);
    timer = setTimeout(() => void reopen(), delay * (0.8 + 0.4 * random())).unref();
  }

  async function reopen(): Promise<void> {
    timer = null;
    if (stopped || current) return;
    const stream = open(watched);
    current = stream;
    await stream.acknowledged.then(
      () => tellMissed(stream.filter),
      () => {},
    );
  }

  /** What changed while no stream was open was told to nobody. */
  function tellMissed(filter: Params): void {
    for (const list of ['tools', 'prompts', 'resources']) {
      if (filter[`${list}ListChanged`]) notification(`notifications/${list}/list_changed`, undefined);
    }
    for (const uri of (filter.resourceSubscriptions as readonly string[] | undefined) ?? []) {
      notification('notifications/resources/updated', { uri });
    }
  }

  async function settle(uris: readonly string[]): Promise<readonly string[]> {
    if (stopped || isSame(uris, watched)) return [];
    if (uris.length > 0) checkSubscribable(server, capabilities);
    const former = current;
    if (timer) clearTimeout(timer);
    timer = null;
    if (uris.length === 0 && Object.keys(lists).length === 0) {
      current = null;
      watched = [];
      former?.call.cancel('nothing is watched any more');
      return [];
    }
    const stream = open(uris);
    let honoured: Params;
    try {
      honoured = await inTime(stream.acknowledged);
    } catch (error) {
      stream.call.cancel('not acknowledged');
      if (!current && !stopped) void reopen();
      throw error;
    }
    if (stopped) return [];
    current = stream;
    const taken = Array.isArray(honoured.resourceSubscriptions) ? honoured.resourceSubscriptions : [];
    watched = uris.filter((uri) => taken.includes(uri));
    former?.call.cancel('another stream took its place');
    if (stream.isOver) ended(stream, false);
    return uris.filter((uri) => !taken.includes(uri));
  }

  return {
    start() {
      if (Object.keys(lists).length === 0 || current || stopped) return;
      current = open(watched);
    },
    watch(uris) {
      const turn = queue.then(() => settle(uris));
      queue = turn.catch(() => {});
      return turn;
    },
    get isOpen() {
      return current !== null;
    },
    stop() {
      stopped = true;
      if (timer) clearTimeout(timer);
      current?.call.cancel('the connection ends');
      current = null;
    },
  };

  function inTime<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        const message = `The server "${server}" did not acknowledge a subscription.`;
        reject(new HubError('UPSTREAM_TIMEOUT', message, { server, reason: 'timeout', retryable: true }));
      }, acknowledgeMs);
      promise.then(resolve, reject).finally(() => clearTimeout(late));
    });
  }
}

/** The changed lists that the server announces. */
function listFilter(capabilities: Params): Params {
  const filter: Params = {};
  for (const list of ['tools', 'prompts', 'resources']) {
    const capability = capabilities[list] as { listChanged?: unknown } | undefined;
    if (capability?.listChanged) filter[`${list}ListChanged`] = true;
  }
  return filter;
}

function withoutSubscriptionId(params: Params | undefined): Params | undefined {
  const meta = params?._meta as Params | undefined;
  if (!meta || !(subscriptionIdKey in meta)) return params;
  const { [subscriptionIdKey]: _ours, ...rest } = meta;
  const { _meta, ...others } = params as Params;
  return Object.keys(rest).length > 0 ? { ...others, _meta: rest } : others;
}

function refusalOf(server: string, kind: 'result' | 'error', value: unknown): HubError {
  const { code, message } = (value ?? {}) as { code?: unknown; message?: unknown };
  if (kind === 'error' && code === -32601) {
    return new HubError('METHOD_NOT_FOUND', `The server "${server}" offers no subscriptions.`);
  }
  const detail = kind === 'error' ? String(message).slice(0, 500) : 'ended before it was acknowledged';
  return new HubError('INVALID_INPUT', `The server "${server}" refused the subscription.`, { detail });
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  const set = new Set(one);
  return set.size === new Set(other).size && other.every((uri) => set.has(uri));
}
