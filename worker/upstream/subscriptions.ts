// Subscribed resources of a legacy server (server/resources, 2024-11-05 … 2025-11-25): the difference between what is
// wanted and what the session has.
import { HubError } from '../../lib/errors';
import type { UpstreamAnswer } from './types';

export type Ask = (method: string, params: Record<string, unknown>) => Promise<UpstreamAnswer>;

export interface Subscriptions {
  /** See Upstream.watch. Runs one after the other. */
  watch(uris: readonly string[]): Promise<readonly string[]>;
  /** A new session has none of them: subscribes to all again. Never rejects. */
  renew(): Promise<void>;
}

/** @param capabilities those of the server */
export function createSubscriptions(server: string, capabilities: Record<string, unknown>, ask: Ask): Subscriptions {
  let subscribed = new Set<string>();
  let queue: Promise<unknown> = Promise.resolve();

  function inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = queue.then(run);
    queue = turn.catch(() => {});
    return turn;
  }

  async function settle(wanted: ReadonlySet<string>): Promise<string[]> {
    for (const uri of subscribed) {
      if (wanted.has(uri)) continue;
      subscribed.delete(uri);
      // Nobody listens any more, whatever the server says to it.
      ask('resources/unsubscribe', { uri }).catch(() => {});
    }
    const added = [...wanted].filter((uri) => !subscribed.has(uri));
    if (added.length > 0) checkSubscribable(server, capabilities);
    const outcomes = await Promise.all(added.map(subscribe));
    return added.filter((_, index) => !outcomes[index]);
  }

  async function subscribe(uri: string): Promise<boolean> {
    const { kind } = await ask('resources/subscribe', { uri });
    if (kind === 'result') subscribed.add(uri);
    return kind === 'result';
  }

  return {
    watch: (uris) => inTurn(() => settle(new Set(uris))),
    renew: () =>
      inTurn(async () => {
        const lost = subscribed;
        if (lost.size === 0) return;
        subscribed = new Set();
        await settle(lost);
      }).catch(() => {}),
  };
}

/** @throws HubError METHOD_NOT_FOUND */
export function checkSubscribable(server: string, capabilities: Record<string, unknown>): void {
  const { resources } = capabilities as { resources?: { subscribe?: unknown } };
  if (!resources?.subscribe) {
    throw new HubError('METHOD_NOT_FOUND', `The server "${server}" offers no subscriptions.`);
  }
}
