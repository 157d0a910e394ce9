// Searches for tools of which it is not known yet what comes of them. A call looks here only while there are any. What
// is settled is passed on: the place of the hit that was called, or that none of them was. Of several workers the one that
// answered a search settles it; the others know of it, so that a call counts wherever it arrives.
import { randomUUID } from 'node:crypto';
import type { Actor } from '../../lib/access/schema';
import type { SearchEntry } from '../../lib/quality';
import type { SearchMessage } from '../fleet/messages';

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
  /** To the other workers; absent where there are none. */
  line?: SearchLine | undefined;
}

export interface SearchLine {
  /** To one worker, or to all others. */
  send(message: SearchMessage, to?: string): void;
  onMessage(listener: (message: SearchMessage, from: string) => void): () => void;
}

interface Open {
  id: string;
  actorId: string;
  session: string | null;
  atMs: number;
  /** `server/tool`. */
  found: string[];
  /** The first tool that was called instead of a hit. */
  other: string | null;
  /** Answered here; else the worker that answered it. */
  of: Omit<AnsweredSearch, 'hits' | 'session'> | string;
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
  readonly #stopListening: (() => void) | undefined;
  #strangers = 0;
  #strangersSinceMs = 0;

  constructor(deps: OpenSearchesDeps) {
    this.#deps = deps;
    this.#timer = setInterval(() => this.settle(), settleEveryMs);
    this.#timer.unref();
    this.#stopListening = deps.line?.onMessage((message, from) => this.#hear(message, from));
  }

  begin({ hits, session, ...of }: AnsweredSearch): void {
    const { actor } = of;
    if (actor.kind === 'anonymous' && !this.#takesStranger()) return;
    const found = hits.map(({ server, name }) => toolRef(server, name));
    const search = { id: randomUUID(), session, atMs: this.#deps.now(), found };
    // In the dashboard every few letters are a search: only the last one was meant.
    const isTyped = actor.kind === 'user';
    this.#open({ ...search, actorId: actor.id, other: null, of }, isTyped);
    this.#deps.line?.send({ about: 'opened', ...search, actor: actor.id, isTyped });
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
    const search =
      own.findLast((each) => each.session === session && fits(each)) ??
      own.findLast(fits) ??
      own.findLast((each) => each.session === session && each.atMs >= sinceMs && !isOthers(each));
    if (search) this.#take(search, ref);
  }

  /** Records searches that nothing can come of any more. */
  settle(): void {
    const sinceMs = this.#deps.now() - followMs;
    for (const own of [...this.#byActor.values()]) while (own[0] && own[0].atMs < sinceMs) this.#end(own[0]);
  }

  /** What found nothing is recorded; of the others it is not known what would have come of them. Idempotent. */
  close(): void {
    clearInterval(this.#timer);
    this.#stopListening?.();
    for (const own of this.#byActor.values()) {
      for (const search of own) if (search.found.length === 0) this.#record(search, search.other, null);
    }
    this.#byActor.clear();
    this.open = 0;
  }

  #hear(message: SearchMessage, from: string): void {
    const { about, id, actor } = message;
    if (about === 'opened') {
      const { session, atMs, found, isTyped } = message;
      this.#open({ id, actorId: actor, session, atMs, found, other: null, of: from }, isTyped);
      return;
    }
    const search = this.#byActor.get(actor)?.find((each) => each.id === id);
    if (!search) return;
    if (about === 'called') this.#take(search, message.tool);
    else this.#remove(search);
  }

  #open(search: Open, isTyped: boolean): void {
    if (this.open >= openMax) this.#endOldest();
    const own = this.#byActor.get(search.actorId) ?? [];
    if (isTyped) this.open -= own.splice(0).length;
    if (own.length >= perActorMax && own[0]) this.#end(own[0]);
    own.push(search);
    this.#byActor.set(search.actorId, own);
    this.open++;
  }

  /** Its caller called a tool. */
  #take(search: Open, tool: string): void {
    const rank = search.found.indexOf(tool) + 1;
    const isNews = rank > 0 || search.other === null;
    if (typeof search.of === 'string') {
      const { id, actorId: actor } = search;
      if (isNews) this.#deps.line?.send({ about: 'called', id, actor, tool }, search.of);
    } else if (rank > 0) {
      this.#deps.foundToolCalled(rank);
      this.#record(search, tool, rank);
    }
    if (rank > 0) this.#remove(search);
    else search.other ??= tool;
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
    if (oldest?.[0]) this.#end(oldest[0]);
  }

  /** Takes one off without a hit that was called. */
  #end(search: Open): void {
    this.#remove(search);
    // A person who reads what was found may have what was wanted.
    const isRead = typeof search.of !== 'string' && search.of.actor.kind === 'user' && search.found.length > 0;
    if (!isRead) this.#record(search, search.other, null);
  }

  #remove(search: Open): void {
    const own = this.#byActor.get(search.actorId);
    const at = own?.indexOf(search) ?? -1;
    if (!own || at < 0) return;
    own.splice(at, 1);
    this.open--;
    if (own.length === 0) this.#byActor.delete(search.actorId);
  }

  /** One of another worker is recorded there. */
  #record({ id, actorId, of, found, atMs }: Open, called: string | null, rank: number | null): void {
    if (typeof of === 'string') return;
    const { actor, client, endpoint, query, mode } = of;
    this.#deps.line?.send({ about: 'settled', id, actor: actorId });
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
