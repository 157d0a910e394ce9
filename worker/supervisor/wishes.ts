// Some settings exist once per server: which resources it tells updates of, and how much it logs. Several workers set
// them through the one that runs the server, so it gets what all of them together want.
import type { Call, Upstream, Wish } from '../upstream/types';

/** RFC 5424 severities in the words of MCP (server/utilities/logging), most verbose first. */
const levels = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'];

interface Wishes {
  wished: Map<string, readonly Wish[]>;
  watched: Map<string, readonly string[]>;
  level: Map<string, number>;
  /** What the server was told last. */
  told: number | null;
}

/**
 * The upstream as one worker may use it: what it sets is joined with what the others set.
 * @param members workers that live; who has ended wishes nothing any more
 */
export function createSharedUpstreams(members: () => readonly string[]) {
  const wishesOf = new WeakMap<Upstream, Wishes>();
  const views = new WeakMap<Upstream, Map<string, Upstream>>();

  function wishesOfAll(upstream: Upstream): Wishes {
    const known = wishesOf.get(upstream) ?? { wished: new Map(), watched: new Map(), level: new Map(), told: null };
    wishesOf.set(upstream, known);
    for (const map of [known.wished, known.watched, known.level]) {
      for (const who of map.keys()) if (!members().includes(who)) map.delete(who);
    }
    return known;
  }

  async function watch(upstream: Upstream, who: string, uris: readonly string[]): Promise<readonly string[]> {
    const { watched } = wishesOfAll(upstream);
    if (uris.length > 0) watched.set(who, uris);
    else watched.delete(who);
    const refused = await upstream.watch([...new Set([...watched.values()].flat())]);
    const mine = new Set(uris);
    return refused.filter((uri) => mine.has(uri));
  }

  async function watchFor(upstream: Upstream, who: string, wishes: readonly Wish[]): Promise<readonly Wish[]> {
    const { wished } = wishesOfAll(upstream);
    if (wishes.length > 0) wished.set(who, wishes);
    else wished.delete(who);
    const refused = (await upstream.watchFor?.([...wished.values()].flat())) ?? wishes;
    return wishes.filter((mine) =>
      refused.some((wish) => wish.uri === mine.uri && wish.caller.conversation === mine.caller.conversation),
    );
  }

  function setLevel(upstream: Upstream, who: string, params: Record<string, unknown> | undefined): Call | null {
    const index = levels.indexOf(String(params?.level));
    if (index === -1) return null;
    const all = wishesOfAll(upstream);
    all.level.set(who, index);
    const least = Math.min(...all.level.values());
    if (least === all.told) return { answer: Promise.resolve({ kind: 'result', value: {}, raw: null }), cancel() {} };
    all.told = least;
    return upstream.call('logging/setLevel', { ...params, level: levels[least] }, { timeoutMs: 10_000 });
  }

  return (upstream: Upstream, who: string): Upstream => {
    const byWorker = views.get(upstream) ?? new Map<string, Upstream>();
    views.set(upstream, byWorker);
    const known = byWorker.get(who);
    if (known) return known;
    const view: Upstream = Object.assign(Object.create(upstream) as Upstream, {
      watch: (uris: readonly string[]) => watch(upstream, who, uris),
      ...(upstream.watchFor && { watchFor: (all: readonly Wish[]) => watchFor(upstream, who, all) }),
      call: ((method, params, options) =>
        (method === 'logging/setLevel' && setLevel(upstream, who, params)) ||
        upstream.call(method, params, options)) satisfies Upstream['call'],
    });
    byWorker.set(who, view);
    return view;
  };
}
