// Answers of the REST API that tell how well the search for tools serves; see shapes.ts.
import { z } from 'zod';
import {
  type CaseImportAnswer,
  caseResultSchema,
  engineSchema,
  figuresSchema,
  type SearchCaseView,
  type SearchFigures,
  type SearchRunSummary,
  type SearchRunView,
  type SearchView,
  searchOutcomes,
} from '@/lib/quality/schema';

const time = z.iso.datetime();
const count = z.number().int().min(0);
const listOf = (item: z.ZodType) => z.object({ data: z.array(item), nextCursor: z.string().nullable() });

const searchCase = z.object({
  id: z.uuid(),
  query: z.string(),
  expected: z.array(z.string()).meta({ description: '`server/tool`; any of them is right' }),
  missing: z.array(z.string()).meta({ description: 'Those of them that no server has (any more)' }),
  group: z.string().nullable(),
  note: z.string(),
  createdAt: time,
  updatedAt: time,
  version: z.number().int(),
}) satisfies z.ZodType<SearchCaseView>;

const caseImport = z.object({
  added: count,
  changed: count,
  same: count,
  unmatched: count.meta({ description: 'Entries of which no expected tool exists' }),
  faults: z.array(z.object({ line: count, detail: z.string() })),
  entries: z
    .array(
      z.object({
        line: count,
        query: z.string(),
        expected: z.array(z.string()),
        missing: z.array(z.string()),
        plan: z.enum(['new', 'changed', 'same']),
      }),
    )
    .meta({ description: 'Only with dryRun: the first 200, those with missing tools before the others' }),
}) satisfies z.ZodType<CaseImportAnswer>;

const summary = z.object({
  id: z.uuid(),
  at: time,
  tookMs: count,
  actor: z.string().meta({ description: 'With whose rights it was searched' }),
  engine: engineSchema,
  fingerprint: z.string().meta({ description: 'The same where engine and tools are the same' }),
  figures: figuresSchema,
}) satisfies z.ZodType<SearchRunSummary>;

const run = summary.extend({
  against: summary.nullable(),
  common: z
    .object({ cases: count, before: figuresSchema, now: figuresSchema })
    .nullable()
    .meta({ description: 'Over the entries that both runs have' }),
  entries: z.array(
    caseResultSchema.extend({
      query: z.string().meta({ description: 'Its beginning' }),
      group: z.string().nullable(),
      before: z.number().int().nullable().optional(),
      change: z.enum(['better', 'worse', 'same', 'new']),
    }),
  ),
}) satisfies z.ZodType<SearchRunView>;

const search = z.object({
  id: z.string(),
  at: time,
  actor: z.string(),
  client: z.string().nullable(),
  endpoint: z.string(),
  query: z.string().meta({ description: 'Secrets removed, cut' }),
  mode: z.string(),
  hits: count,
  found: z.array(z.string()),
  called: z.string().nullable(),
  calledRank: z.number().int().nullable(),
  outcome: z.enum(searchOutcomes),
}) satisfies z.ZodType<SearchView>;

const figures = z.object({
  since: time,
  searches: count,
  none: count,
  missed: count,
  found: count,
  first: count,
  firstFive: count,
  costs: z
    .array(
      z.object({
        endpoint: z.string(),
        lists: count,
        searches: count,
        fullTokens: z.number(),
        shownTokens: z.number(),
      }),
    )
    .nullable()
    .meta({ description: 'Tokens as estimated; null for those who do not see all tools' }),
}) satisfies z.ZodType<SearchFigures>;

export const qualityShapes = {
  SearchCase: searchCase,
  SearchCaseList: listOf(searchCase),
  CaseImportAnswer: caseImport,
  SearchRun: run,
  SearchRunList: listOf(summary),
  SearchList: listOf(search),
  SearchFigures: figures,
};
