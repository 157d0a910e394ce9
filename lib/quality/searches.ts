// What came of searches for tools. What people asked for is shown to those who may see their calls.
import { and, desc, eq, gte, isNotNull, isNull, type SQL, sql } from 'drizzle-orm';
import type { AnyPgColumn } from 'drizzle-orm/pg-core';
import { searchCosts, toolSearches } from '../../drizzle/schema';
import { can } from '../access/can';
import type { Ctx } from '../access/context';
import { HubError } from '../errors';
import { parseInput } from '../input';
import { visibleCalls } from '../telemetry/calls';
import {
  type SearchesQuery,
  type SearchFigures,
  type SearchOutcome,
  type SearchView,
  searchesQuerySchema,
} from './schema';

const shownDays = 30;
const dayMs = 86_400_000;

/** The latest first, 200 at most: all that the actor may see, or those that ended so. @throws HubError FORBIDDEN, INVALID_INPUT */
export async function listSearches(ctx: Ctx, query: SearchesQuery = {}): Promise<SearchView[]> {
  const scope = visibleSearches(ctx);
  const { outcome, limit } = parseInput(searchesQuerySchema, query);
  const rows = await ctx.db
    .select()
    .from(toolSearches)
    .where(and(scope, outcome && isOutcome[outcome]))
    .orderBy(desc(toolSearches.at), desc(toolSearches.id))
    .limit(limit);
  return rows.map((row) => ({
    id: String(row.id),
    at: row.at.toISOString(),
    actor: row.actor,
    client: row.client,
    endpoint: row.endpoint,
    query: row.query,
    mode: row.mode,
    hits: row.hits,
    found: row.found,
    called: row.called,
    calledRank: row.calledRank,
    outcome: row.calledRank !== null ? 'found' : row.hits === 0 ? 'none' : 'missed',
  }));
}

const isOutcome: Record<SearchOutcome, SQL | undefined> = {
  found: isNotNull(toolSearches.calledRank),
  none: eq(toolSearches.hits, 0),
  missed: and(gte(toolSearches.hits, 1), isNull(toolSearches.calledRank)),
};

/** @throws HubError FORBIDDEN */
export async function searchFigures(ctx: Ctx, now = Date.now()): Promise<SearchFigures> {
  const scope = visibleSearches(ctx);
  const since = new Date(now - shownDays * dayMs);
  const count = (condition?: SQL) => sql<number>`(count(*) filter (where ${condition ?? sql`true`}))::int`;
  const [sums] = await ctx.db
    .select({
      searches: count(),
      none: count(isOutcome.none),
      missed: count(isOutcome.missed),
      found: count(isOutcome.found),
      first: count(eq(toolSearches.calledRank, 1)),
      firstFive: count(sql`${toolSearches.calledRank} <= 5`),
    })
    .from(toolSearches)
    .where(and(scope, gte(toolSearches.at, since)));
  const none = { searches: 0, none: 0, missed: 0, found: 0, first: 0, firstFive: 0 };
  const maySeeAll = can(ctx.actor, 'read', { type: 'tool' });
  return { since: since.toISOString(), ...(sums ?? none), costs: maySeeAll ? await costsSince(ctx, since) : null };
}

function costsSince({ db }: Ctx, since: Date): Promise<NonNullable<SearchFigures['costs']>> {
  const sum = (column: AnyPgColumn) => sql<number>`sum(${column})::float8`.mapWith(Number);
  return db
    .select({
      endpoint: searchCosts.endpoint,
      lists: sum(searchCosts.lists),
      searches: sum(searchCosts.searches),
      fullTokens: sum(searchCosts.fullTokens),
      shownTokens: sum(searchCosts.shownTokens),
    })
    .from(searchCosts)
    .where(gte(searchCosts.day, since.toISOString().slice(0, 10)))
    .groupBy(searchCosts.endpoint)
    .orderBy(desc(sum(searchCosts.fullTokens)))
    .limit(200);
}

/** The condition on rows that the actor may see; undefined sets none. @throws HubError FORBIDDEN for those who may see none */
function visibleSearches(ctx: Ctx): SQL | undefined {
  const scope = visibleCalls(ctx);
  if (!scope) throw new HubError('FORBIDDEN', 'You may not see searches.');
  const { only } = scope;
  if (only === null) return undefined;
  return 'keyId' in only ? eq(toolSearches.keyId, only.keyId) : eq(toolSearches.userId, only.userId);
}
