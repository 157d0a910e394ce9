// The contract web → worker: HTTP over the worker's unix socket, JSON both ways, an error as `{error: SentError}` with
// its HTTP status. A call that tells its steps is answered with a line of JSON for each, `{step}`, and at last `{answer}` or
// `{error}`, as application/x-ndjson. New fields are optional, because web and worker may be of different versions for a moment.
// The same socket also serves /api/mcp*, for the fallback route of the web program.
import { z } from 'zod';
import { consentSchema, tokenScopes } from '../access/schema';
import { serverLifeSchema, serverTestSchema } from '../diagnosis/schema';
import { documentReadingSchema, openApiSettingsSchema } from '../openapi/schema';
import { measuredCaseSchema, measurementSchema } from '../quality/schema';
import {
  endpointQuerySchema,
  endpointViewSchema,
  toolSearchAnswerSchema,
  toolSearchSchema,
  toolSearchStatusSchema,
} from '../routing/schema';
import { logLineSchema, serverInputSchema, serverStatusSchema } from '../servers/schema';

/** An actor as it travels; the worker trusts it because only this hub's user can open the socket. */
export const sentActorSchema = z.object({
  kind: z.enum(['user', 'key', 'token', 'system', 'anonymous']),
  id: z.string(),
  userId: z.string().nullable(),
  name: z.string(),
  permissions: z.array(z.object({ resource: z.string(), action: z.string(), scope: z.enum(['own', 'group', 'all']) })),
  groupIds: z.array(z.string()),
  keyScope: z
    .object({
      groups: z.array(z.string()).optional(),
      servers: z.array(z.string()).optional(),
      tools: z.array(z.string()).optional(),
      readOnly: z.boolean().optional(),
    })
    .nullable(),
  token: z
    .object({ endpoints: z.array(z.string()).readonly().nullable(), scopes: z.array(z.enum(tokenScopes)).readonly() })
    .optional(),
});

/** One row per request: path, and the zod shapes of its body and answer. */
export const controlCalls = {
  /** Delivers an event to the worker's bus; answered after its handlers have run. */
  'events.deliver': {
    path: '/control/events',
    body: z.object({ name: z.string(), payload: z.unknown() }),
    answer: z.object({}),
  },
  /** Status of all servers that the supervisor knows. */
  'servers.status': {
    path: '/control/servers',
    body: z.object({ ids: z.array(z.string()).optional() }),
    answer: z.object({ servers: z.array(serverStatusSchema) }),
  },
  /** Lines of a server's ring with `seq` above `after`, oldest first. */
  'servers.logs': {
    path: '/control/logs',
    /** `own`: another worker asks, and wants to hear of what runs here. */
    body: z.object({ id: z.string(), after: z.number().int(), limit: z.number().int(), own: z.boolean().optional() }),
    answer: z.object({ lines: z.array(logLineSchema), dropped: z.number().int() }),
  },
  /** What was noticed of a server; null where nothing was, or another worker keeps it. */
  'servers.report': {
    path: '/control/report',
    body: z.object({ id: z.string() }),
    answer: z.object({ life: serverLifeSchema.nullable() }),
  },
  /** Puts all stored secrets under a new key. `closed` is the number of those that no key opens. */
  'secrets.rotate': {
    path: '/control/secrets/rotate',
    /** Who asked, for the audit trail. */
    body: z.object({
      actor: z.object({ kind: z.string(), id: z.string(), name: z.string() }),
      requestId: z.string(),
      address: z.string().optional(),
    }),
    answer: z.object({ key: z.string(), values: z.number().int(), closed: z.number().int() }),
  },
  /** Tests a saved server or settings that are not saved, stage by stage. Cancelled by closing the request. */
  'servers.test': {
    path: '/control/test',
    /** `of`: the id of the server whose stored values stand-ins in the settings stand for. */
    body: z.object({ id: z.string() }).or(z.object({ server: serverInputSchema, of: z.string().optional() })),
    answer: serverTestSchema,
    /** The test as it is, after each change. */
    step: serverTestSchema,
  },
  /** Reads an OpenAPI document, fetched or given. */
  'openapi.read': {
    path: '/control/openapi/read',
    body: z.object({
      source: z.union([z.object({ documentUrl: z.string() }), z.object({ document: z.string() })]),
      settings: openApiSettingsSchema,
    }),
    answer: documentReadingSchema,
  },
  /** Begins a sign-in to a server by OAuth. @returns where the browser of who began it has to go, good for ten minutes */
  'credentials.begin': {
    path: '/control/credentials/begin',
    /** `forUser`: the credential will be that user's; else it is the hub's. The caller has asked whether that may be. */
    body: z.object({ serverId: z.string(), startedBy: z.string(), forUser: z.boolean() }),
    answer: z.object({ url: z.string() }),
  },
  /** Ends one with what the browser came back with, and stores the tokens. Good once, and only for who began it. */
  'credentials.finish': {
    path: '/control/credentials/finish',
    body: z.object({
      state: z.string().max(512),
      code: z.string().max(8192).optional(),
      iss: z.string().max(2048).optional(),
      error: z.string().max(512).optional(),
      errorDescription: z.string().max(4096).optional(),
      userId: z.string(),
    }),
    answer: z.object({ serverId: z.string() }),
  },
  /** Runs a tool through the gateway's whole call path, as the actor. Cancelled by closing the request. */
  'tools.call': {
    path: '/control/tools/call',
    body: z.object({
      actor: sentActorSchema,
      requestId: z.string(),
      server: z.string(),
      tool: z.string(),
      arguments: z.record(z.string(), z.unknown()),
    }),
    answer: z.object({
      /** The JSON-RPC result or error as the server gave it. */
      result: z.unknown().optional(),
      error: z.unknown().optional(),
      durationMs: z.number(),
      bytes: z.number(),
    }),
  },
  /** Finds tools among those that the actor sees. */
  'tools.search': {
    path: '/control/tools/search',
    body: z.object({ actor: sentActorSchema, search: toolSearchSchema }),
    answer: toolSearchAnswerSchema,
  },
  /** How the actor's tools are searched now. */
  'tools.searchStatus': {
    path: '/control/tools/search/status',
    body: z.object({ actor: sentActorSchema }),
    answer: toolSearchStatusSchema,
  },
  /** What the actor sees at the MCP endpoints that it may use. */
  'endpoints.list': {
    path: '/control/endpoints',
    body: endpointQuerySchema.extend({ actor: sentActorSchema }),
    answer: z.object({ endpoints: z.array(endpointViewSchema) }),
  },
  /** Measures the search by cases, as what the actor sees is searched. Cancelled by closing the request. */
  'tools.measure': {
    path: '/control/tools/measure',
    body: z.object({ actor: sentActorSchema, cases: z.array(measuredCaseSchema) }),
    step: z.object({ done: z.number().int(), total: z.number().int() }),
    answer: measurementSchema,
  },
  /**
   * What a client's request for authorization asks a user; or, where the user allowed just that before, where the browser
   * goes on. NOT_FOUND for one that is over.
   */
  'oauth.consent': {
    path: '/control/oauth/consent',
    body: z.object({ id: z.string(), userId: z.string() }),
    answer: z.object({ ask: consentSchema.nullable(), returnTo: z.string().nullable() }),
  },
  /** The user's answer to it. */
  'oauth.decide': {
    path: '/control/oauth/decide',
    body: z.object({
      id: z.string(),
      userId: z.string(),
      allow: z.boolean(),
      requestId: z.string(),
      address: z.string().optional(),
    }),
    answer: z.object({ returnTo: z.string() }),
  },
  /** Open MCP sessions, totals of the data plane. */
  'hub.stats': {
    path: '/control/stats',
    /** `own`: another worker asks, for its part of the sums. */
    body: z.object({ own: z.boolean().optional() }),
    answer: z.object({
      sessions: z.number().int(),
      inflight: z.number().int(),
      startedAt: z.string(),
      version: z.string(),
      /** Faults of the servers file, each one sentence with line and column; empty while it is good. */
      configFaults: z.array(z.string()),
      configFile: z.string().nullable(),
    }),
  },
  /** One worker to another: its part of /metrics. */
  'hub.metrics': {
    path: '/control/metrics',
    body: z.object({}),
    answer: z.object({ values: z.array(z.unknown()) }),
  },
} as const;

export type ControlName = keyof typeof controlCalls;
export type ControlBody<N extends ControlName> = z.input<(typeof controlCalls)[N]['body']>;
export type ControlAnswer<N extends ControlName> = z.output<(typeof controlCalls)[N]['answer']>;
/** Of a call that tells its steps. */
export type ControlStep<N extends ControlName> = (typeof controlCalls)[N] extends { step: infer S extends z.ZodType }
  ? z.output<S>
  : never;
