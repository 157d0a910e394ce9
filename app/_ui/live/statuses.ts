// The states of servers as one immutable map. A status is a full snapshot, so of two the higher version wins; versions
// count only within one life of a worker.
import type { ServerStatus } from '@/lib/servers/schema';

export interface Statuses {
  readonly byId: ReadonlyMap<string, ServerStatus>;
  /** The worker life that the versions belong to; null before the first frame. */
  readonly src: string | null;
}

export function statusesOf(list: Iterable<ServerStatus | null | undefined>): Statuses {
  const byId = new Map<string, ServerStatus>();
  for (const status of list) if (status) byId.set(status.id, status);
  return { byId, src: null };
}

/** @returns the same object when the frame is older than what is known */
export function applyStatus(statuses: Statuses, status: ServerStatus, src: string): Statuses {
  const known = statuses.byId.get(status.id);
  const sameLife = statuses.src === null || statuses.src === src;
  if (known && sameLife && status.version < known.version) return statuses;
  return { byId: new Map(statuses.byId).set(status.id, status), src };
}

/** A fresh list from the API: what it lacks is gone, and a frame that overtook it stays. */
export function replaceStatuses(statuses: Statuses, list: Iterable<ServerStatus | null | undefined>): Statuses {
  const fresh = new Map(statusesOf(list).byId);
  for (const [id, status] of fresh) {
    const known = statuses.byId.get(id);
    if (known && statuses.src !== null && known.version > status.version) fresh.set(id, known);
  }
  return { byId: fresh, src: statuses.src };
}

/** Another worker life answers now: its versions begin anew. */
export function forgetLife(statuses: Statuses): Statuses {
  return { byId: statuses.byId, src: null };
}
