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
  name: z.string().describe('As its server calls it'),
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
