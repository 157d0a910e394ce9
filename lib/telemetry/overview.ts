// Figures of the start page, from the call log.
import { and, gte, sql } from 'drizzle-orm';
import { requestLogs } from '../../drizzle/schema';
import type { Ctx } from '../access/context';
import type { Cache } from '../cache';
import { visibleCalls } from './calls';
import type { Overview } from './schema';

const hourMs = 3_600_000;
const hours = 24;
/** Every open start page asks every few seconds, and the answer reads all rows of a day. */
const keptMs = 5_000;

/** The figures of `overview`, up to 5 s old: all pages and web processes share one look at the log. */
export function recentOverview(ctx: Ctx, cache: Cache): Promise<Overview> {
  return cache.get(`overview:${visibleCalls(ctx)?.name ?? 'none'}`, () => overview(ctx), keptMs);
}

/**
 * Calls of the last 24 hours (23 whole ones and the current) that the actor may see; none for those who may see none.
 */
export async function overview(ctx: Ctx, now = Date.now()): Promise<Overview> {
  const first = Math.floor(now / hourMs) - (hours - 1);
  const since = new Date(first * hourMs);
  const scope = visibleCalls(ctx);
  const where = and(gte(requestLogs.at, since), scope ? scope.where : sql`false`);
  const isError = sql`${requestLogs.outcome} not in ('ok', 'cancelled')`;
  const hour = sql<number>`floor(extract(epoch from ${requestLogs.at}) / 3600)::int`;
  const rows = await ctx.db
    .select({
      hour,
      calls: sql<number>`count(*)::int`,
      errors: sql<number>`(count(*) filter (where ${isError}))::int`,
    })
    .from(requestLogs)
    .where(where)
    .groupBy(sql`1`);
  const [times] = await ctx.db
    .select({
      p50: sql<number | null>`percentile_cont(0.5) within group (order by ${requestLogs.durationMs})`,
      p95: sql<number | null>`percentile_cont(0.95) within group (order by ${requestLogs.durationMs})`,
    })
    .from(requestLogs)
    .where(where);
  const byHour = new Map(rows.map((row) => [row.hour, row]));
  const buckets = Array.from({ length: hours }, (_, index) => {
    const { calls = 0, errors = 0 } = byHour.get(first + index) ?? {};
    return { at: new Date((first + index) * hourMs).toISOString(), calls, errors };
  });
  const calls = buckets.reduce((sum, bucket) => sum + bucket.calls, 0);
  const errors = buckets.reduce((sum, bucket) => sum + bucket.errors, 0);
  return {
    since: since.toISOString(),
    calls,
    errors,
    errorPercent: calls === 0 ? null : (100 * errors) / calls,
    p50Ms: times?.p50 ?? null,
    p95Ms: times?.p95 ?? null,
    buckets,
  };
}
