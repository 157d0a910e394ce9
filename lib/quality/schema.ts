// Shapes of what tells how well the search for tools serves. Safe in a browser.
import { z } from 'zod';
import { toolSearchMaxChars } from '../routing/schema';

export const casesMax = 2_000;
export const caseQueryMaxChars = 2_000;
const expectedMax = 10;

/** `server/tool` with original names; the name of a tool may hold anything, also a slash. */
export const toolRefSchema = z
  .string()
  .trim()
  .max(256)
  .regex(/^[^/\s]{1,64}\/\S(.*\S)?$/, 'name it as server/tool');

const caseFields = {
  query: z
    .string()
    .trim()
    .min(1, 'say what the tool shall do')
    .max(Math.min(caseQueryMaxChars, toolSearchMaxChars), `use at most ${caseQueryMaxChars} characters`)
    .describe('In plain words, as somebody asks for it'),
  expected: z
    .array(toolRefSchema)
    .min(1, 'name at least one tool')
    .max(expectedMax)
    .describe('`server/tool`, by the names that servers give; any of them is right'),
  group: z
    .string()
    .trim()
    .min(1)
    .max(64)
    .nullable()
    .describe('Searched within this group; null or absent: in all tools'),
  note: z.string().trim().max(500),
};

export const searchCaseInputSchema = z.strictObject({
  ...caseFields,
  group: caseFields.group.optional(),
  note: caseFields.note.optional(),
});
export type SearchCaseInput = z.input<typeof searchCaseInputSchema>;

export const searchCasePatchSchema = z.strictObject(caseFields).partial();
export type SearchCasePatch = z.input<typeof searchCasePatchSchema>;

export interface SearchCaseView {
  id: string;
  query: string;
  expected: string[];
  /** Those of them that no server has (any more). */
  missing: string[];
  group: string | null;
  note: string;
  createdAt: string;
  updatedAt: string;
  version: number;
}

export const caseFormats = ['jsonl', 'csv'] as const;
export type CaseFormat = (typeof caseFormats)[number];
export const caseExportSchema = z.strictObject({ format: z.enum(caseFormats).default('jsonl') });

export const caseImportSchema = z.strictObject({
  text: z
    .string()
    .min(1)
    .max(5_000_000)
    .describe('Lines of JSON, or CSV with the columns query, expected (";" between tools), group and note'),
  dryRun: z.boolean().default(false).describe('Only what would happen'),
});
export type CaseImport = z.input<typeof caseImportSchema>;

export interface PlannedCase {
  /** Of the text, from 1. */
  line: number;
  query: string;
  expected: string[];
  missing: string[];
  /** `changed`: the request is known, with other tools or another note. */
  plan: 'new' | 'changed' | 'same';
}

export interface CaseImportAnswer {
  added: number;
  changed: number;
  same: number;
  /** Entries of which no expected tool exists. */
  unmatched: number;
  /** Lines that are no entries; with any of them nothing is imported. */
  faults: { line: number; detail: string }[];
  /** The first 200 that would be added or changed; only with dryRun. */
  entries: PlannedCase[];
}

/** How often the right tool was found; shares are of the entries that count, 0 to 1. */
export const figuresSchema = z.object({
  cases: z.number().int(),
  counted: z.number().int().describe('Without those of which no expected tool was there'),
  flagged: z.number().int().describe('Of which an expected tool was not there'),
  hit1: z.number(),
  hit5: z.number(),
  hit10: z.number(),
  mrr: z.number().describe('Mean reciprocal rank'),
});
export type Figures = z.infer<typeof figuresSchema>;

/** What ranked, and among what. */
export const engineSchema = z.object({
  version: z.string().describe('Of the hub'),
  mode: z.string().describe('How it was ranked: lexical, hybrid, or both where vectors were there for some requests'),
  model: z.string().nullable().describe('Of the embeddings'),
  embedded: z.number().int().describe('Tools with a vector'),
  tools: z.number().int().describe('That the runner sees'),
  catalog: z.string().describe('Changes with any definition among them'),
});
export type Engine = z.infer<typeof engineSchema>;

/** A case as the worker measures it. */
export const measuredCaseSchema = z.object({
  id: z.string(),
  query: z.string(),
  expected: z.array(z.string()),
  group: z.string().nullable(),
});
export type MeasuredCase = z.infer<typeof measuredCaseSchema>;

export const caseResultSchema = z.object({
  id: z.string(),
  /** From 1; null: not among the first 50. */
  rank: z.number().int().nullable(),
  /** Expected tools that are not among those that were searched. */
  missing: z.array(z.string()),
  /** Whether none of them is there: then the rank says nothing. */
  void: z.boolean(),
});
export type CaseResult = z.infer<typeof caseResultSchema>;

export const measurementSchema = z.object({ engine: engineSchema, results: z.array(caseResultSchema) });
export type Measurement = z.infer<typeof measurementSchema>;

export interface SearchRunSummary {
  id: string;
  at: string;
  tookMs: number;
  actor: string;
  engine: Engine;
  fingerprint: string;
  figures: Figures;
}

export interface RunEntry extends CaseResult {
  /** Its beginning. */
  query: string;
  group: string | null;
  /** Rank in the run before; undefined where that had not this very entry. */
  before?: number | null;
  change: 'better' | 'worse' | 'same' | 'new';
}

export interface SearchRunView extends SearchRunSummary {
  /** The run that this one is compared with. */
  against: SearchRunSummary | null;
  /** Over the entries that both have and that count in both; null where there are none. */
  common: { cases: number; before: Figures; now: Figures } | null;
  entries: RunEntry[];
}

export const runQuerySchema = z.strictObject({
  against: z.uuid().optional().describe('Compare with this run in place of the one before'),
});

export const searchOutcomes = ['none', 'missed', 'found'] as const;
/** `none`: no tool was found. `missed`: tools were found and none of them was called. `found`: one of them was. */
export type SearchOutcome = (typeof searchOutcomes)[number];

export const searchesQuerySchema = z.strictObject({
  outcome: z.enum(searchOutcomes).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(200),
});
export type SearchesQuery = z.input<typeof searchesQuerySchema>;

export interface SearchView {
  id: string;
  at: string;
  actor: string;
  client: string | null;
  endpoint: string;
  query: string;
  mode: string;
  hits: number;
  /** `server/tool` of the first ten. */
  found: string[];
  /** `server/tool` of the first hit that was called, else of what was called in its place. */
  called: string | null;
  calledRank: number | null;
  outcome: SearchOutcome;
}

/** What came of the searches of the last 30 days that the actor may see. */
export interface SearchFigures {
  since: string;
  searches: number;
  none: number;
  missed: number;
  found: number;
  /** Of those, at the first place, and among the first five. */
  first: number;
  firstFive: number;
  /** Tokens as estimated, by endpoint; null for those who do not see all tools. */
  costs: EndpointCost[] | null;
}

export interface EndpointCost {
  endpoint: string;
  lists: number;
  searches: number;
  fullTokens: number;
  shownTokens: number;
}
