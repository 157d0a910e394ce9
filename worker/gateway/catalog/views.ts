// The views that are in use, by rights, endpoint and version of the catalogue. Two keys with the same rights share one.
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Actor } from '../../../lib/access/schema';
import type { Listing } from '../../../lib/servers/catalog';
import { SmartView } from '../smart/smart-view';
import type { Endpoint } from './endpoints';
import { type Seals, View } from './view';

/** Listed items that all cached views may hold together. */
const cacheWeight = 100_000;

export function createViews(keyring: Seals) {
  const cache = new LRUCache<string, View>({ maxSize: cacheWeight, sizeCalculation: (view) => view.weight });
  const fingerprints = new WeakMap<Actor, string>();

  function fingerprintOf(actor: Actor): string {
    const known = fingerprints.get(actor);
    if (known) return known;
    const { kind, userId, permissions, groupIds, keyScope } = actor;
    // Of these two the rights are in their kind.
    const special = kind === 'system' || kind === 'anonymous' ? kind : null;
    const text = JSON.stringify([special, userId, permissions, groupIds, keyScope]);
    const fingerprint = createHash('sha256').update(text).digest('base64url');
    fingerprints.set(actor, fingerprint);
    return fingerprint;
  }

  return {
    viewOf(actor: Actor, endpoint: Endpoint, version: number, listings: ReadonlyMap<string, Listing>): View {
      const key = `${fingerprintOf(actor)}/${endpoint.key}`;
      const known = cache.get(key);
      if (known && known.version === version) return known;
      const view = new (endpoint.toolList.mode === 'full' ? View : SmartView)(
        version,
        actor,
        endpoint,
        listings,
        keyring,
      );
      cache.set(key, view);
      return view;
    },
  };
}

export type Views = ReturnType<typeof createViews>;
