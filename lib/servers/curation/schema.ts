// Shapes of overlays: what an administrator changes about a tool before a model sees it.
import { z } from 'zod';
import { isDeeperThan } from '../../json-depth';
import type { ShownTool } from '../schema';

/** As tools may be called (server/tools, 2025-11-25, "Tool Names"). */
export const toolNameSchema = z
  .string()
  .regex(/^[A-Za-z0-9_.-]{1,128}$/, 'use 1 to 128 letters, digits, "_", "-" or "."');

export const titleMaxChars = 256;
export const descriptionMaxChars = 8192;
const valueMaxChars = 8192;
const valueMaxDepth = 32;
const parametersMax = 256;
const overlayMaxChars = 65_536;

const sizeOf = (value: unknown) => JSON.stringify(value)?.length ?? 0;

const valueSchema = z
  .unknown()
  .refine((value) => value !== undefined, 'give a value')
  .refine((value) => !isDeeperThan(value, valueMaxDepth), `is nested deeper than ${valueMaxDepth} levels`)
  .refine(
    (value) => isDeeperThan(value, valueMaxDepth) || sizeOf(value) <= valueMaxChars,
    `is longer than ${valueMaxChars} characters`,
  );

const title = z.string().trim().min(1).max(titleMaxChars);
const description = z.string().trim().min(1).max(descriptionMaxChars);

/**
 * `shown`: with another description. `default`: shown with it, and filled in where the caller leaves it out. `fixed`: not
 * shown, and always this value. `hidden`: not shown and never sent. A parameter without an entry is shown as it is.
 */
const parameterSchema = z.discriminatedUnion('mode', [
  z.strictObject({ mode: z.literal('shown'), description }),
  z.strictObject({ mode: z.literal('default'), value: valueSchema, description: description.optional() }),
  z.strictObject({ mode: z.literal('fixed'), value: valueSchema }),
  z.strictObject({ mode: z.literal('hidden') }),
]);
export type ParameterOverlay = z.infer<typeof parameterSchema>;

/** What a tool says of what it does (server/tools, "Tool Annotations"). */
const annotationsSchema = z.strictObject({
  title: title.optional(),
  readOnlyHint: z.boolean().optional(),
  destructiveHint: z.boolean().optional(),
  idempotentHint: z.boolean().optional(),
  openWorldHint: z.boolean().optional(),
});

const fields = {
  name: toolNameSchema.optional(),
  title: title.optional(),
  description: description.optional(),
  annotations: annotationsSchema.optional(),
  /** By name, only those of the first level. */
  parameters: z
    .record(z.string().min(1).max(256), parameterSchema)
    .refine((parameters) => Object.keys(parameters).length <= parametersMax, `names more than ${parametersMax}`)
    .optional(),
};

const isOfSize = [
  (overlay: unknown) => sizeOf(overlay) <= overlayMaxChars,
  `is longer than ${overlayMaxChars} characters`,
] as const;

/** Body of PUT /api/v1/servers/{name}/tools/{tool}/overlay. What is left out stays as the server says. */
export const serverOverlaySchema = z
  .strictObject({ /** False: nobody sees or calls it, wherever. */ enabled: z.boolean().optional(), ...fields })
  .refine(...isOfSize);
export type ServerOverlay = z.infer<typeof serverOverlaySchema>;

/** Body of PUT /api/v1/groups/{name}/servers/{server}/tools/{tool}/overlay. Which tools are offered the group itself says. */
export const groupOverlaySchema = z.strictObject(fields).refine(...isOfSize);
export type GroupOverlay = z.infer<typeof groupOverlaySchema>;

export type ToolOverlay = ServerOverlay;

/** One tool and its overlay, of a server or of a group. */
export interface OverlayView {
  server: string;
  /** Null: the overlay of the server. */
  group: string | null;
  /** Original name. */
  tool: string;
  /** Empty where nothing is changed. */
  overlay: ToolOverlay;
  /** 0 before the first. */
  version: number;
  /** RFC 3339. */
  updatedAt: string | null;
  /** What the server says; null while it does not list the tool. */
  upstream: ShownTool | null;
  /** What this overlay is laid on: in a group what the overlay of the server made of it. */
  base: ShownTool | null;
  /** What models see. */
  shown: ShownTool | null;
  /** Estimated tokens of `upstream` and `shown`. */
  tokens: { upstream: number; shown: number } | null;
  /** What of the overlay does not fit the tool (any more), in plain sentences; it has no effect, or not the wanted one. */
  faults: string[];
}

/** A tool that a group offers, as its URL shows it. */
export interface GroupToolView extends ShownTool {
  server: string;
  /** Original name. */
  tool: string;
  /** Whether the group has an overlay for it. */
  curated: boolean;
  tokens: number;
  faults: string[];
}
