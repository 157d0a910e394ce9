// Measurements of the search by the test set: what is measured, what it gave, and what became better or worse.
import { createHash } from 'node:crypto';
import { desc, eq, inArray, lt } from 'drizzle-orm';
import { searchRuns } from '../../drizzle/schema';
import type { Ctx } from '../access/context';
import { isUuid } from '../access/keys';
import { HubError } from '../errors';
import { parseInput } from '../input';
import { writeAudit } from '../telemetry/audit';
import { beginning, type CaseRow, readRows, requireReader, requireWriter } from './cases';
import {
  type CaseResult,
  type Engine,
  type Figures,
  type MeasuredCase,
  type Measurement,
  type RunEntry,
  runQuerySchema,
  type SearchRunSummary,
  type SearchRunView,
} from './schema';

type RunRow = typeof searchRuns.$inferSelect;

/** One entry as it is stored. */
interface StoredResult extends CaseResult {
  query: string;
  group: string | null;
  /** Of request, group and expected tools: results of the same ones can be compared. */
  of: string;
}

/** Runs that are kept. */
const runsMax = 50;

/** What is to be measured, for the worker and for `storeRun`. @throws HubError FORBIDDEN, CONFLICT for an empty set */
export async function casesToRun(ctx: Ctx): Promise<CaseRow[]> {
  requireWriter(ctx);
  const rows = await readRows(ctx.db);
  if (rows.length > 0) return rows;
  throw new HubError('CONFLICT', 'The test set is empty: add a request and its right tool first.', {
    reason: 'empty-test-set',
  });
}

export function measuredCase({ id, query, expected, group }: CaseRow): MeasuredCase {
  return { id, query, expected, group };
}

/** Keeps what a measurement gave; of older ones the latest 50 stay. @throws HubError FORBIDDEN */
export async function storeRun(
  ctx: Ctx,
  cases: readonly CaseRow[],
  { engine, results }: Measurement,
  tookMs: number,
): Promise<SearchRunView> {
  requireWriter(ctx);
  const byId = new Map(cases.map((each) => [each.id, each]));
  const stored = results.flatMap((result): StoredResult[] => {
    const of = byId.get(result.id);
    return of ? [{ ...result, query: beginning(of.query), group: of.group, of: fingerprintOfCase(of) }] : [];
  });
  const id = await ctx.db.transaction(async (tx) => {
    const [row] = await tx
      .insert(searchRuns)
      .values({
        tookMs: Math.round(tookMs),
        userId: ctx.actor.userId,
        actor: ctx.actor.name,
        engine,
        fingerprint: digest(engine),
        figures: figuresOf(stored),
        results: stored as unknown as Record<string, unknown>[],
      })
      .returning({ id: searchRuns.id });
    if (!row) throw new HubError('INTERNAL', undefined, { detail: 'insert of a run returned no row' });
    const surplus = tx.select({ id: searchRuns.id }).from(searchRuns).orderBy(desc(searchRuns.at)).offset(runsMax);
    await tx.delete(searchRuns).where(inArray(searchRuns.id, surplus));
    await writeAudit(tx, ctx, {
      action: 'search.measured',
      resourceType: 'search-run',
      resourceId: row.id,
      after: figuresOf(stored),
    });
    return row.id;
  });
  return getRun(ctx, id);
}

/** Newest first. @throws HubError FORBIDDEN */
export async function listRuns(ctx: Ctx): Promise<SearchRunSummary[]> {
  requireReader(ctx);
  const { results: _results, ...summary } = columns;
  const rows = await ctx.db.select(summary).from(searchRuns).orderBy(desc(searchRuns.at)).limit(runsMax);
  return rows.map(summaryOf);
}

const columns = {
  id: searchRuns.id,
  at: searchRuns.at,
  tookMs: searchRuns.tookMs,
  actor: searchRuns.actor,
  engine: searchRuns.engine,
  fingerprint: searchRuns.fingerprint,
  figures: searchRuns.figures,
  results: searchRuns.results,
};

/** One run, compared with the one before it, or with `against`. @throws HubError FORBIDDEN, NOT_FOUND */
export async function getRun(
  ctx: Ctx,
  id: string,
  query: { against?: string | undefined } = {},
): Promise<SearchRunView> {
  requireReader(ctx);
  const { against } = parseInput(runQuerySchema, query);
  const one = async (wanted: string) => {
    const [row] = isUuid(wanted) ? await ctx.db.select(columns).from(searchRuns).where(eq(searchRuns.id, wanted)) : [];
    if (!row) throw new HubError('NOT_FOUND', 'There is no such run.');
    return row;
  };
  const run = await one(id);
  const [former] = against
    ? [await one(against)]
    : await ctx.db
        .select(columns)
        .from(searchRuns)
        .where(lt(searchRuns.at, run.at))
        .orderBy(desc(searchRuns.at))
        .limit(1);
  const now = run.results as unknown as StoredResult[];
  const before = new Map(((former?.results ?? []) as unknown as StoredResult[]).map((each) => [each.of, each]));
  const both = now.filter((each) => !each.void && before.get(each.of)?.void === false);
  return {
    ...summaryOf(run),
    against: former ? summaryOf(former) : null,
    common:
      both.length === 0
        ? null
        : {
            cases: both.length,
            before: figuresOf(both.map(({ of }) => before.get(of) as StoredResult)),
            now: figuresOf(both),
          },
    entries: now.map((each) => entryOf(each, before.get(each.of))),
  };
}

function entryOf({ of: _of, ...result }: StoredResult, before: StoredResult | undefined): RunEntry {
  if (!before || before.void || result.void) return { ...result, change: 'new' };
  const [was, is] = [before.rank ?? Number.POSITIVE_INFINITY, result.rank ?? Number.POSITIVE_INFINITY];
  return { ...result, before: before.rank, change: is === was ? 'same' : is < was ? 'better' : 'worse' };
}

/** Entries of which no expected tool was there count for nothing. */
export function figuresOf(results: readonly CaseResult[]): Figures {
  const counting = results.filter((each) => !each.void);
  const share = (sum: number) => (counting.length === 0 ? 0 : sum / counting.length);
  const within = (most: number) => share(counting.filter(({ rank }) => rank !== null && rank <= most).length);
  return {
    cases: results.length,
    counted: counting.length,
    flagged: results.filter(({ missing }) => missing.length > 0).length,
    hit1: within(1),
    hit5: within(5),
    hit10: within(10),
    mrr: share(counting.reduce((sum, { rank }) => sum + (rank === null ? 0 : 1 / rank), 0)),
  };
}

function fingerprintOfCase({ hash, expected }: CaseRow): string {
  return digest([hash, [...expected].sort()]);
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);
}

function summaryOf(row: Omit<RunRow, 'results' | 'userId'>): SearchRunSummary {
  const { id, at, tookMs, actor, fingerprint } = row;
  const [engine, figures] = [row.engine as unknown as Engine, row.figures as unknown as Figures];
  return { id, at: at.toISOString(), tookMs, actor, engine, fingerprint, figures };
}
