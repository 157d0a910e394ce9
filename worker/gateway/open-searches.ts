// Searches for tools of which it is not known yet what comes of them. A call looks here only while there are any. What
// is settled is passed on: the place of the hit that was called, or that none of them was.
import type { Actor } from '../../lib/access/schema';
import type { SearchEntry } from '../../lib/quality';

/** A search as it was answered. */
export interface AnsweredSearch {
  actor: Actor;
  /** Id of the MCP session; null where there is none. */
  session: string | null;
  client: string | null;
  endpoint: string;
  query: string;
  mode: string;
  /** By the names that servers give. */
  hits: readonly { server: string; name: string }[];
}

export interface OpenSearchesDeps {
  /** A tool is called that a search had found. @param rank its place among the hits, from 1 */
  foundToolCalled(rank: number): void;
  record(entry: SearchEntry): void;
  /** Wall clock in ms. */
  now: () => number;
}

interface Open extends Omit<AnsweredSearch, 'hits'> {
  atMs: number;
  /** `server/tool`. */
  found: string[];
  /** The first tool that was called instead of a hit. */
  other: string | null;
}

/** A call that comes later has nothing to do with the search. */
export const followMs = 10 * 60_000;
const settleEveryMs = 15_000;
const openMax = 5_000;
const perActorMax = 16;
/** Searches of callers without a credential that are recorded in a minute: what they write is stored. */
const strangersPerMinute = 20;

export class OpenSearches {
  /** How many there are. Read by every call, so a plain field. */
  open = 0;
  readonly #deps: OpenSearchesDeps;
  /** The newest last. An actor's id is unique over all kinds. */
  readonly #byActor = new Map<string, Open[]>();
  readonly #timer: NodeJS.Timeout;
  #strangers = 0;
  #strangersSinceMs = 0;

  constructor(deps: OpenSearchesDeps) {
    this.#deps = deps;
    this.#timer = setInterval(() => this.settle(), settleEveryMs);
    this.#timer.unref();
  }

  begin({ hits, ...search }: AnsweredSearch): void {
    const { actor } = search;
    if (actor.kind === 'anonymous' && !this.#takesStranger()) return;
    if (this.open >= openMax) this.#endOldest();
    const own = this.#byActor.get(actor.id) ?? [];
    // In the dashboard every few letters are a search: only the last one was meant.
    if (actor.kind === 'user') this.open -= own.splice(0).length;
    if (own.length >= perActorMax) this.#end(own, 0);
    const found = hits.map(({ server, name }) => toolRef(server, name));
    own.push({ ...search, atMs: this.#deps.now(), found, other: null });
    this.#byActor.set(actor.id, own);
    this.open++;
  }

  /** A tool is called; looked at while `open` is above 0. @param session id of the MCP session, null where there is none */
  called(actor: Actor, session: string | null, server: string, tool: string): void {
    const own = this.#byActor.get(actor.id);
    if (!own) return;
    const sinceMs = this.#deps.now() - followMs;
    const ref = toolRef(server, tool);
    // Strangers share their name, so nothing but a session tells two of them apart.
    const isOthers = (each: Open) => actor.kind === 'anonymous' && (session === null || each.session !== session);
    const fits = (each: Open) => each.atMs >= sinceMs && each.found.includes(ref) && !isOthers(each);
    let at = own.findLastIndex((each) => each.session === session && fits(each));
    if (at < 0) at = own.findLastIndex(fits);
    const search = own[at];
    if (search) {
      const rank = search.found.indexOf(ref) + 1;
      this.#deps.foundToolCalled(rank);
      this.#remove(own, at);
      this.#record(search, ref, rank);
      return;
    }
    const last = own.findLast((each) => each.session === session && each.atMs >= sinceMs && !isOthers(each));
    if (last) last.other ??= ref;
  }

  /** Records searches that nothing can come of any more. */
  settle(): void {
    const sinceMs = this.#deps.now() - followMs;
    for (const own of [...this.#byActor.values()]) while (own[0] && own[0].atMs < sinceMs) this.#end(own, 0);
  }

  /** What found nothing is recorded; of the others it is not known what would have come of them. Idempotent. */
  close(): void {
    clearInterval(this.#timer);
    for (const own of this.#byActor.values()) {
      for (const search of own) if (search.found.length === 0) this.#record(search, search.other, null);
    }
    this.#byActor.clear();
    this.open = 0;
  }

  #takesStranger(): boolean {
    const nowMs = this.#deps.now();
    if (nowMs - this.#strangersSinceMs >= 60_000) [this.#strangers, this.#strangersSinceMs] = [0, nowMs];
    return ++this.#strangers <= strangersPerMinute;
  }

  #endOldest(): void {
    let oldest: Open[] | undefined;
    for (const own of this.#byActor.values()) {
      if ((own[0]?.atMs ?? 0) < (oldest?.[0]?.atMs ?? Number.POSITIVE_INFINITY)) oldest = own;
    }
    if (oldest) this.#end(oldest, 0);
  }

  /** Takes one off without a hit that was called. */
  #end(own: Open[], at: number): void {
    const search = own[at];
    this.#remove(own, at);
    // A person who reads what was found may have what was wanted.
    const isRead = search?.actor.kind === 'user' && search.found.length > 0;
    if (search && !isRead) this.#record(search, search.other, null);
  }

  #remove(own: Open[], at: number): void {
    const [search] = own.splice(at, 1);
    if (!search) return;
    this.open--;
    if (own.length === 0) this.#byActor.delete(search.actor.id);
  }

  #record({ actor, client, endpoint, query, mode, found, atMs }: Open, called: string | null, rank: number | null) {
    this.#deps.record({
      at: new Date(atMs),
      userId: actor.userId,
      keyId: actor.kind === 'key' ? actor.id : null,
      actor: actor.name,
      client,
      endpoint,
      query,
      mode,
      hits: found.length,
      found,
      called,
      calledRank: rank,
    });
  }
}

function toolRef(server: string, tool: string): string {
  return `${server}/${tool}`;
}
