// Shapes of a search for tools. Safe in a browser.
import { z } from 'zod';

export const toolSearchMaxChars = 8_000;

/** Body of POST /api/v1/tools/search. */
export const toolSearchSchema = z.strictObject({
  query: z.string().trim().min(1, 'say what the tool shall do').max(toolSearchMaxChars).describe('In plain words'),
  limit: z.int().min(1).max(50).default(10),
  group: z.string().min(1).max(64).optional().describe('Only what this group offers'),
  server: z.string().min(1).max(64).optional().describe('Only tools of this server'),
  readOnly: z.boolean().optional().describe('Only tools that their server marks as changing nothing'),
});
export type ToolSearch = z.infer<typeof toolSearchSchema>;

export const toolFieldSchema = z.enum(['name', 'server', 'description', 'parameter', 'parameterDescription']);
/** Where a word of a request was found. */
export type ToolField = z.infer<typeof toolFieldSchema>;

const reasonSchema = z.object({
  word: z.string().describe('A word of the request'),
  as: z.string().optional().describe('The word of the tool that stands for it, where it is another one'),
  in: z.array(toolFieldSchema),
});
export type SearchReason = z.infer<typeof reasonSchema>;

export const toolHitSchema = z.object({
  id: z.string().describe('The name to call it by on that endpoint'),
  server: z.string(),
  name: z.string().describe('As it is shown: by its server, or as it was curated'),
  title: z.string().nullable(),
  description: z.string(),
  readOnly: z.boolean(),
  tokens: z.int().optional().describe("Of a model's context, about: an estimate"),
  score: z.number().describe('1 for the best fit, less for others; above 1 where the request names the tool'),
  why: z.array(reasonSchema),
  nearness: z
    .number()
    .optional()
    .describe('How near the meanings of request and tool are, -1 to 1, where vectors had a part in the ranking'),
});
export type ToolHit = z.infer<typeof toolHitSchema>;

const searchModeSchema = z.enum(['lexical', 'hybrid']);
export type SearchMode = z.infer<typeof searchModeSchema>;

export const toolSearchAnswerSchema = z.object({
  hits: z.array(toolHitSchema).describe('The best first'),
  mode: searchModeSchema.describe('How it was ranked: by words alone, or by words and vectors'),
  warning: z.string().optional().describe('Why vectors had no part in it although a service of embeddings is set up'),
  tookMs: z.number(),
});
export type ToolSearchAnswer = z.infer<typeof toolSearchAnswerSchema>;

export const toolSearchStatusSchema = z.object({
  mode: searchModeSchema.describe('How tools are ranked now'),
  model: z.string().nullable().describe('Of the embeddings; null where no service of embeddings is set up'),
  tools: z.number().int().describe('Tools that the caller sees'),
  embedded: z.number().int().describe('Those of them that have a vector'),
  warning: z.string().nullable().describe('Why tools are ranked by words alone although a service is set up'),
});
export type ToolSearchStatus = z.infer<typeof toolSearchStatusSchema>;

/** `auto`: smart for a caller who sees more tools, or tokens of tools, than the endpoint allows for. */
export const toolListModes = ['full', 'smart', 'auto'] as const;
export type ToolListMode = (typeof toolListModes)[number];

/** As REST and pages show it. */
export interface ToolList {
  mode: ToolListMode;
  /** With `auto`: the most tools that are listed one by one. */
  maxTools: number;
  /** With `auto`: the most tokens that the definitions of the listed tools may take, by our estimate. */
  maxTokens: number;
  /** Tools that are listed beside the search, in this order: original names, of a group or of all servers `server/tool`. */
  pinned: string[];
}

/** Several clients take no more than 40 tools; beside 10,000 tokens of them a model has room for its work. */
export const toolListDefaults: Readonly<ToolList> = { mode: 'full', maxTools: 40, maxTokens: 10_000, pinned: [] };

export const pinnedMax = 50;

/** A pinned tool, by what does not change when its server is renamed. */
export interface PinnedTool {
  serverId: string;
  /** Original name. */
  tool: string;
}

/** How an endpoint lists its tools. Tools are pinned by `server/tool`; those of a server, on its own endpoint, by their names. */
export const toolListInputSchema = z.strictObject({
  mode: z.enum(toolListModes).optional(),
  maxTools: z.number().int('use a whole number').min(1).max(100_000).optional(),
  maxTokens: z.number().int('use a whole number').min(1).max(10_000_000).optional(),
  pinned: z
    .array(z.string().min(1).max(192))
    .max(pinnedMax, `at most ${pinnedMax} tools`)
    .refine((all) => new Set(all).size === all.length, 'names a tool twice')
    .optional(),
});
export type ToolListInput = z.infer<typeof toolListInputSchema>;
/** As a JSON merge patch: null means the default. */
export const toolListPatchSchema = z.strictObject({
  mode: toolListInputSchema.shape.mode.nullable(),
  maxTools: toolListInputSchema.shape.maxTools.nullable(),
  maxTokens: toolListInputSchema.shape.maxTokens.nullable(),
  pinned: toolListInputSchema.shape.pinned.nullable(),
});
export type ToolListPatch = z.infer<typeof toolListPatchSchema>;

/** Query of GET /api/v1/endpoints. */
export const endpointQuerySchema = z.strictObject({
  path: z.string().min(1).max(128).optional().describe('Only this one, e.g. /api/mcp/github'),
});

const tokenCount = z.int().describe("Of a model's context, about: an estimate");

/** What a caller sees at one MCP endpoint. */
export const endpointViewSchema = z.object({
  path: z.string(),
  kind: z.enum(['all', 'server', 'group']),
  name: z.string().describe('Of the server or group; empty for the endpoint over everything'),
  mode: z.enum(toolListModes),
  smart: z.boolean().describe('Whether a search stands for the list of its tools, for this caller and now'),
  tools: z.int().describe('Behind it'),
  tokens: z.object({ full: tokenCount, smart: tokenCount }).describe('Of its list with all tools, and as a smart one'),
  pinned: z
    .array(z.object({ tool: z.string().describe('server/tool'), id: z.string(), tokens: tokenCount }))
    .describe('Pinned tools that are listed; one that is gone, or not for this caller, is not'),
});
export type EndpointView = z.infer<typeof endpointViewSchema>;
