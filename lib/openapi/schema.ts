// Shapes of servers that are made of an OpenAPI document, safe in a browser: what is set, and what a document offers.
import { z } from 'zod';

/** Characters of a document as it is given or fetched. */
export const documentMaxBytes = 8 * 1024 * 1024;

/** Of a request with a document in it: as JSON, its characters are escaped. */
export const documentRequestMaxBytes = 12 * 1024 * 1024;

const names = z.array(z.string().min(1).max(512)).max(2_000);

/** Which operations are meant: those that fit any entry of any list. */
export const operationFilterSchema = z.strictObject({
  /** operationId, tool name, or method and path as in "GET /pets/{petId}". */
  operations: names.optional(),
  tags: names.optional(),
  /** Globs over the document's paths: `*` is any part of one segment, `**` any number of segments. */
  paths: z
    .array(
      z
        .string()
        .min(1)
        .max(256)
        .refine((glob) => (glob.match(/\*+/g)?.length ?? 0) <= 8, 'use at most 8 stars'),
    )
    .max(200)
    .optional(),
  methods: z
    .array(z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']))
    .max(6)
    .optional(),
});
export type OperationFilter = z.infer<typeof operationFilterSchema>;

const secret = z.string().max(8192);
const httpUrl = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }).max(2048);

/**
 * The credentials of one security scheme: `value` of an API key; `username` and `password`; `token` of a bearer scheme;
 * or `clientId` and `clientSecret`, with which a token is fetched (OAuth 2.0 client credentials, RFC 6749 §4.4).
 */
export const schemeCredentialsSchema = z.strictObject({
  value: secret.optional(),
  username: secret.optional(),
  password: secret.optional(),
  token: secret.optional(),
  clientId: secret.optional(),
  clientSecret: secret.optional(),
  /** Default: that of the document. */
  tokenUrl: httpUrl.optional(),
  /** Separated by spaces; default: none are asked for. */
  scopes: z.string().max(2048).optional(),
});
export type SchemeCredentials = z.infer<typeof schemeCredentialsSchema>;

const settings = {
  /** Where the document is fetched from. */
  documentUrl: httpUrl.optional(),
  /** Where calls go. Default: the first server of the document. */
  baseUrl: httpUrl
    .refine((url) => !URL.canParse(url) || new URL(url).username === '', 'put credentials into "auth"')
    .optional(),
  /** Absent: all operations. */
  include: operationFilterSchema.optional(),
  exclude: operationFilterSchema.optional(),
  /** By the name of the security scheme in the document. */
  auth: z.record(z.string().min(1).max(256), schemeCredentialsSchema).optional(),
};

/** What is kept of a server beside its document. */
export const openApiSettingsSchema = z.strictObject(settings);
export type OpenApiSettings = z.infer<typeof openApiSettingsSchema>;

/** As a client gives it: with the document itself, or with the address that it is fetched from. */
export const openApiInputSchema = z.strictObject({
  ...settings,
  /** The document, JSON or YAML; it is stored and not shown again. */
  document: z.string().min(1).max(documentMaxBytes, 'the document is larger than 8 MiB').optional(),
});
export type OpenApiInput = z.infer<typeof openApiInputSchema>;

/**
 * A part of a JSON merge patch: a field that is left out stays, null removes it. `auth` is replaced whole, but a value that is
 * sent back masked stays as it is.
 */
export const openApiPatchSchema = openApiInputSchema.partial().extend({
  documentUrl: settings.documentUrl.nullable(),
  baseUrl: settings.baseUrl.nullable(),
  include: settings.include.nullable(),
  exclude: settings.exclude.nullable(),
  auth: settings.auth.nullable(),
});
export type OpenApiPatch = z.infer<typeof openApiPatchSchema>;

/** Body of POST /api/v1/openapi: a document to look at before it becomes a server. */
export const documentInputSchema = openApiInputSchema.omit({ auth: true, baseUrl: true });

/** The settings as they are shown: secret values masked, references to secrets as they are. */
export interface OpenApiView extends OpenApiSettings {
  /** What is stored; null before the first start of a server that came by a file. */
  document: { sha256: string; bytes: number; fetchedAt: string } | null;
}

/** Of an operation, as the choice among them is shown. */
export const operationViewSchema = z.object({
  /** "GET /pets/{petId}" */
  key: z.string(),
  operationId: z.string().nullable(),
  method: z.string(),
  path: z.string(),
  tags: z.array(z.string()),
  /** Name of its tool. */
  tool: z.string(),
  summary: z.string(),
  /** Of the tool in a model's context, roughly. */
  tokens: z.number().int(),
  /** Whether the settings that were given choose it. */
  chosen: z.boolean(),
  /** SHA-256 (hex) of the tool's definition and of how it is called. */
  hash: z.string(),
});
export type OperationView = z.infer<typeof operationViewSchema>;

/** What a document offers. */
export const documentReadingSchema = z.object({
  /** The text, where it was fetched. */
  document: z.string().optional(),
  openapi: z.string(),
  title: z.string(),
  version: z.string(),
  description: z.string(),
  /** Where calls would go; null where the document names no usable address. */
  baseUrl: z.string().nullable(),
  schemes: z.array(
    z.object({
      name: z.string(),
      kind: z.enum(['apiKey', 'basic', 'bearer', 'oauth2', 'unsupported']),
      in: z.enum(['header', 'query', 'cookie']).optional(),
      parameter: z.string().optional(),
      tokenUrl: z.string().optional(),
      scopes: z.array(z.string()).optional(),
      description: z.string().optional(),
    }),
  ),
  operations: z.array(operationViewSchema),
  /** Operations that cannot be offered. */
  faults: z.array(z.object({ operation: z.string(), reason: z.string() })),
  warnings: z.array(z.string()),
});
export type DocumentReading = z.infer<typeof documentReadingSchema>;

/** Where a document comes from. */
export type DocumentSource = { documentUrl: string } | { document: string };

/** How the tools of a server differ after its document was fetched again; names of tools. */
export interface DocumentChange {
  /** False: the document is the same, byte for byte. */
  changed: boolean;
  added: string[];
  removed: string[];
  altered: string[];
}
