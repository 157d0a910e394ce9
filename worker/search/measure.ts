// Measures the search by cases of which the right tools are known: the search that callers use, over what one actor sees.
import { createHash } from 'node:crypto';
import { HubError } from '../../lib/errors';
import { comparable } from '../../lib/quality';
import type { CaseResult, MeasuredCase, Measurement } from '../../lib/quality/schema';
import type { View } from '../gateway/catalog/view';
import type { Searcher } from '.';

export interface MeasureOptions {
  /** The tools of a group, or of all; undefined where the actor sees no such group. */
  viewFor(group: string | null): View | undefined;
  cases: readonly MeasuredCase[];
  /** Told now and then how many are done. */
  step(step: { done: number; total: number }): void;
  signal: AbortSignal;
}

/** As deep as a search goes. */
const rankMax = 50;
/** At once: the thread ranks one after the other, and callers shall not wait behind many. */
const atOnce = 4;
const stepEveryMs = 200;

export function createMeasurement({
  searcher,
  version,
}: {
  searcher: Pick<Searcher, 'search' | 'status'>;
  version: string;
}) {
  let isRunning = false;

  async function measure({ viewFor, cases, step, signal }: MeasureOptions): Promise<Measurement> {
    const total = cases.length;
    const scopes = new Map<string | null, Scope | null>();
    const scopeOf = (group: string | null) => {
      let scope = scopes.get(group);
      if (scope === undefined) {
        const view = viewFor(group);
        scope = view ? { view, known: new Set([...view.tools.values()].map(refOf)) } : null;
        scopes.set(group, scope);
      }
      return scope;
    };
    const results: CaseResult[] = [];
    const modes = new Set<string>();
    const search: Searcher['search'] = async (view, question) => {
      const answer = await searcher.search(view, question);
      modes.add(answer.mode);
      return answer;
    };
    let toldAtMs = performance.now();
    step({ done: 0, total });
    for (let at = 0; at < total; at += atOnce) {
      if (signal.aborted) throw new HubError('CANCELLED');
      const portion = cases.slice(at, at + atOnce);
      results.push(...(await Promise.all(portion.map((each) => rankOf(each, scopeOf(each.group), search)))));
      if (performance.now() - toldAtMs < stepEveryMs) continue;
      toldAtMs = performance.now();
      step({ done: results.length, total });
    }
    const all = scopeOf(null);
    const status = all && searcher.status(all.view);
    const digests = [...scopes].map(([group, scope]) => JSON.stringify([group, scope?.view.digest('tools')]));
    return {
      engine: {
        version,
        mode: [...modes].sort().join(' and ') || 'none',
        model: status?.model ?? null,
        embedded: status?.embedded ?? 0,
        tools: all?.known.size ?? 0,
        catalog: createHash('sha256').update(digests.sort().join('\n')).digest('hex').slice(0, 16),
      },
      results,
    };
  }

  /** @throws HubError CANCELLED, UNAVAILABLE; BUSY while another one runs in this process */
  return async (options: MeasureOptions): Promise<Measurement> => {
    if (isRunning) {
      const why = 'The search is being measured already: wait until that is over.';
      throw new HubError('BUSY', why, { retryAfterMs: 5_000 });
    }
    isRunning = true;
    try {
      return await measure(options);
    } finally {
      isRunning = false;
    }
  };
}

interface Scope {
  view: View;
  known: ReadonlySet<string>;
}

async function rankOf(
  { id, query, expected }: MeasuredCase,
  scope: Scope | null,
  search: Searcher['search'],
): Promise<CaseResult> {
  const missing = expected.filter((ref) => !scope?.known.has(comparable(ref)));
  if (!scope || missing.length === expected.length) return { id, rank: null, missing, void: true };
  const { hits } = await search(scope.view, { query, limit: rankMax });
  const right = new Set(expected.map(comparable));
  // By the names that servers give: what is shown may have another one.
  const place = hits.findIndex((hit) => {
    const item = scope.view.tools.get(hit.id);
    return item !== undefined && right.has(refOf(item));
  });
  return { id, rank: place < 0 ? null : place + 1, missing, void: false };
}

function refOf({ server, name }: { server: { name: string }; name: string }): string {
  return `${server.name.toLowerCase()}/${name}`;
}
