// Shapes and words of servers and groups, safe in a browser: REST, forms, socket events and the supervisor share them.
import { z } from 'zod';
import { type CredentialSetting, credentialSettingSchema, headerNameSchema } from '../credentials/schema';
import { type OpenApiView, openApiInputSchema, openApiPatchSchema } from '../openapi/schema';
import { type ToolList, toolListInputSchema, toolListPatchSchema } from '../routing/schema';

/** The name goes into URLs and tool names; `sse` is the path of the old transport. */
export const nameSchema = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/,
    'use 1 to 63 letters, digits, "-" or "_", beginning with a letter or digit',
  )
  .refine((name) => name.toLowerCase() !== 'sse', 'this name is reserved');

export const serverTypes = ['stdio', 'streamable-http', 'sse', 'openapi'] as const;
export type ServerType = (typeof serverTypes)[number];

/** "legacy": 2024-11-05 … 2025-11-25, "modern": 2026-07-28; "auto" finds out which one a server speaks. */
export const serverEras = ['auto', 'legacy', 'modern'] as const;
export type ServerEra = (typeof serverEras)[number];

/** The states of a server and of an instance; `degraded`, `asleep`, `stopped` and `disabled` are of the server as a whole. */
export const serverStates = [
  'ready',
  'starting',
  'stopping',
  'degraded',
  'retrying',
  'needs-auth',
  'crashed',
  'asleep',
  'stopped',
  'disabled',
] as const;
export type ServerState = (typeof serverStates)[number];

/** Which of several instances a call goes to. */
export const balancings = ['round-robin', 'least-connections', 'weighted'] as const;
export type Balancing = (typeof balancings)[number];

/**
 * Who shares an instance: all callers, the sessions of one user, or nobody. A client of 2026-07-28 has no session: its
 * instance serves one call with all that belongs to it.
 */
export const definitionPolicies = ['allow', 'warn', 'hold'] as const;
/** Of tools that are defined anew: taken, taken and shown, or kept from callers until somebody approves them. */
export type DefinitionPolicy = (typeof definitionPolicies)[number];

export const isolations = ['shared', 'user', 'session'] as const;
export type Isolation = (typeof isolations)[number];
/** Instances of callers that an isolated server runs at most, unless `limits.instances` says otherwise. */
export const instancesDefault = 32;
/** Without use for so long an instance is stopped, unless `idleStopSeconds` says otherwise. */
export const idleStopDefaults = { startOnDemand: 300, isolated: 1800 } as const;

const text = z.string().max(8192);
const stringMap = z.record(z.string().min(1).max(256), text);
const headerMap = z.record(headerNameSchema, text);
const secretName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, 'use 1 to 64 letters, digits or "_", not beginning with a digit');
const secretsMax = 64;
const hasCredentials = ({ username, password }: URL) => username !== '' || password !== '';
export const remoteUrlSchema = z
  .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
  .max(2048)
  .refine(
    (value) => !URL.canParse(value) || !hasCredentials(new URL(value)),
    'put credentials into headers, not into the URL',
  );

const wholeNumber = z.number({ error: 'use a whole number' }).int('use a whole number');

/**
 * What one server may use, counted over its whole process tree where it is a program. What is left out is not limited,
 * but for calls: without values of its own a server gets 64 at once and 256 waiting.
 */
export const serverLimitsSchema = z.strictObject({
  /** Resident memory in MB of 1,048,576 bytes. */
  memoryMb: wholeNumber.min(16).max(16_777_216).optional(),
  /** Mean over half a minute; 100 is one core. */
  cpuPercent: wholeNumber.min(1).max(102_400).optional(),
  /** Processor time of one run. */
  cpuSeconds: wholeNumber.min(1).max(31_536_000).optional(),
  processes: wholeNumber.min(1).max(1_000_000).optional(),
  /** Of each of its processes. */
  openFiles: wholeNumber.min(32).max(1_048_576).optional(),
  concurrentCalls: wholeNumber.min(1).max(10_000).optional(),
  /** 0 refuses a call at once that gets no place. */
  queuedCalls: wholeNumber.min(0).max(100_000).optional(),
  /** Starts without a person's wish; beyond them the server counts as crashed until an hour has passed. */
  restartsPerHour: wholeNumber.min(0).max(3_600).optional(),
  /** Instances of callers, where `isolation` gives them their own. */
  instances: wholeNumber.min(1).max(1_000).optional(),
});
export type ServerLimits = z.infer<typeof serverLimitsSchema>;
export type ServerLimit = keyof ServerLimits;
/** How the certificate of a remote server is checked. */
export const tlsSchema = z.strictObject({
  /** PEM certificates that are trusted besides those of the system. */
  ca: z.string().min(1).max(262_144).optional(),
  /** The name that its certificate has to be for, in place of the URL's. */
  serverName: z
    .string()
    .max(253)
    .regex(/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/, 'must be a host name')
    .optional(),
});
export type ServerTls = z.infer<typeof tlsSchema>;

/** How often a server that nobody calls is asked whether it is there, and how long it may take to say so (default 5). */
export const healthCheckSchema = z
  .strictObject({
    intervalSeconds: wholeNumber.min(5, 'must be at least 5 seconds').max(86_400),
    timeoutSeconds: wholeNumber.min(1).max(60).optional(),
  })
  .refine(({ intervalSeconds, timeoutSeconds = 1 }) => timeoutSeconds <= intervalSeconds, {
    path: ['timeoutSeconds'],
    error: 'must not be longer than the interval',
  });
export type HealthCheck = z.infer<typeof healthCheckSchema>;

/** A connection to a remote server has no processes of its own. */
const remoteLimitsSchema = serverLimitsSchema.pick({ concurrentCalls: true, queuedCalls: true, instances: true });
const replicasMax = 32;

/** The fields of a server that a client may set. */
const serverFields = z.strictObject({
  name: nameSchema,
  description: z.string().max(2000),
  type: z.enum(serverTypes),
  command: z.string().min(1, 'name the program to run').max(1024),
  args: z.array(text).max(256),
  env: stringMap,
  cwd: z.string().min(1).max(4096),
  url: remoteUrlSchema,
  headers: headerMap,
  /** What `${NAME}` in values of `env` and `headers` stands for; an empty one is declared and has no value yet. */
  secrets: z
    .record(secretName, text)
    .refine((all) => Object.keys(all).length <= secretsMax, `at most ${secretsMax} secrets`),
  era: z.enum(serverEras),
  enabled: z.boolean(),
  timeoutMs: z.number().int().min(100).max(600_000),
  prefix: z.enum(['always', 'never']),
  /** How its own endpoint lists its tools. */
  toolList: toolListInputSchema,
  /** Its own URL asks for no credential. */
  anonymous: z.boolean(),
  limits: serverLimitsSchema,
  tls: tlsSchema,
  healthCheck: healthCheckSchema,
  /** Processes that run side by side; stdio only. */
  replicas: z.number().int().min(1).max(replicasMax),
  /** Further addresses of the same server; `url` has the weight 1 unless it is named here. */
  endpoints: z
    .array(z.strictObject({ url: remoteUrlSchema, weight: z.number().int().min(1).max(1000).default(1) }))
    .max(replicasMax)
    .refine((all) => new Set(all.map(({ url }) => url)).size === all.length, 'names an address twice'),
  balancing: z.enum(balancings),
  /** A request of a read-only or idempotent tool, or a read, whose connection broke is sent once more. */
  repeatSafeCalls: z.boolean(),
  /** What becomes of a tool that the server defines anew. */
  definitionChanges: z.enum(definitionPolicies),
  isolation: z.enum(isolations),
  /** Not started until somebody needs it. */
  startOnDemand: z.boolean(),
  /** Stopped after so long without use: the server, if it starts on demand, and the instances of single callers. */
  idleStopSeconds: wholeNumber.min(1).max(604_800),
  /** Instances that stand ready for the next user or session. */
  warmInstances: wholeNumber.min(0).max(32),
  /** How the hub, or each of its users, signs in to the server; without it with nothing but `headers` and `env`. */
  credential: credentialSettingSchema,
  /** Of a server that is made of an OpenAPI document. */
  openapi: openApiInputSchema,
});

const mayBeAbsent = {
  description: true,
  args: true,
  env: true,
  cwd: true,
  headers: true,
  secrets: true,
  era: true,
  enabled: true,
  timeoutMs: true,
  prefix: true,
  toolList: true,
  anonymous: true,
  limits: true,
  tls: true,
  healthCheck: true,
  replicas: true,
  endpoints: true,
  balancing: true,
  repeatSafeCalls: true,
  definitionChanges: true,
  isolation: true,
  startOnDemand: true,
  idleStopSeconds: true,
  warmInstances: true,
  credential: true,
} as const;

const shared = {
  description: true,
  secrets: true,
  enabled: true,
  timeoutMs: true,
  prefix: true,
  toolList: true,
  anonymous: true,
  limits: true,
  tls: true,
  healthCheck: true,
  repeatSafeCalls: true,
  definitionChanges: true,
} as const;
const launchFields = { command: true, args: true, env: true, cwd: true, replicas: true } as const;
/** The document says how an API is signed in to. */
const connectionFields = { url: true, era: true, endpoints: true, balancing: true, credential: true } as const;
/** A document has no state that callers could share. */
const instanceFields = { isolation: true, startOnDemand: true, idleStopSeconds: true, warmInstances: true } as const;

/** A new server: stdio needs `command`, openapi a document, the others `url`; HTTP+SSE (`sse`) is of one era only. */
export const serverInputSchema = z.discriminatedUnion('type', [
  serverFields
    .omit({ url: true, headers: true, endpoints: true, tls: true, openapi: true })
    .partial(mayBeAbsentFor('headers', 'endpoints', 'tls'))
    .extend({
      type: z.literal('stdio'),
      balancing: z
        .enum(balancings)
        .exclude(['weighted'], { error: 'weights belong to addresses: use "round-robin" or "least-connections"' })
        .optional(),
    }),
  serverFields
    .omit({ command: true, args: true, env: true, cwd: true, replicas: true, openapi: true })
    .partial(mayBeAbsentFor('args', 'env', 'cwd', 'replicas'))
    .extend({ type: z.literal('streamable-http'), limits: remoteLimitsSchema.optional() }),
  serverFields
    .omit({ command: true, args: true, env: true, cwd: true, era: true, replicas: true, openapi: true })
    .partial(mayBeAbsentFor('args', 'env', 'cwd', 'era', 'replicas'))
    .extend({ type: z.literal('sse'), limits: remoteLimitsSchema.optional() }),
  serverFields
    .omit({ ...launchFields, ...connectionFields, ...instanceFields })
    .partial({ ...shared, headers: true })
    .extend({ type: z.literal('openapi'), limits: remoteLimitsSchema.optional() }),
]);
export type ServerInput = z.infer<typeof serverInputSchema>;

function mayBeAbsentFor<K extends keyof typeof mayBeAbsent>(...left: K[]): Omit<typeof mayBeAbsent, K> {
  return Object.fromEntries(Object.entries(mayBeAbsent).filter(([key]) => !left.includes(key as K))) as Omit<
    typeof mayBeAbsent,
    K
  >;
}

/**
 * A JSON merge patch (RFC 7396): null removes an optional field. `env`, `headers`, `secrets` and `limits` are merged
 * too: null removes one entry, an entry that is left out (or a value sent back masked) stays as it is.
 */
export const serverPatchSchema = serverFields.partial().extend({
  env: z.record(z.string().min(1).max(256), text.nullable()).optional(),
  headers: z.record(headerNameSchema, text.nullable()).optional(),
  secrets: z.record(secretName, text.nullable()).optional(),
  cwd: serverFields.shape.cwd.nullable().optional(),
  era: serverFields.shape.era.nullable().optional(),
  timeoutMs: serverFields.shape.timeoutMs.nullable().optional(),
  // The merged limits are checked as those of a new server are.
  limits: z.partialRecord(serverLimitsSchema.keyof(), z.number().int().nullable()).nullable().optional(),
  toolList: toolListPatchSchema.nullable().optional(),
  tls: tlsSchema.nullable().optional(),
  healthCheck: healthCheckSchema.nullable().optional(),
  replicas: serverFields.shape.replicas.nullable().optional(),
  endpoints: serverFields.shape.endpoints.nullable().optional(),
  balancing: serverFields.shape.balancing.nullable().optional(),
  repeatSafeCalls: serverFields.shape.repeatSafeCalls.nullable().optional(),
  definitionChanges: serverFields.shape.definitionChanges.nullable().optional(),
  isolation: serverFields.shape.isolation.nullable().optional(),
  startOnDemand: serverFields.shape.startOnDemand.nullable().optional(),
  idleStopSeconds: serverFields.shape.idleStopSeconds.nullable().optional(),
  warmInstances: serverFields.shape.warmInstances.nullable().optional(),
  /** Replaced whole; a `clientSecret` that is sent back masked stays as it is. */
  credential: credentialSettingSchema.nullable().optional(),
  openapi: openApiPatchSchema.optional(),
});
export type ServerPatch = z.infer<typeof serverPatchSchema>;

/** Body of POST /api/v1/servers/{name}/test: changes that are tested with the saved settings, and not saved. */
export const serverTestInputSchema = z.strictObject({ patch: serverPatchSchema.optional() });

export const groupInputSchema = z.strictObject({
  name: nameSchema,
  description: z.string().max(2000).optional(),
  prefix: z.enum(['always', 'never']).optional(),
  toolList: toolListInputSchema.optional(),
  /** Its URL asks for no credential. */
  anonymous: z.boolean().optional(),
  servers: z
    .array(
      z.strictObject({
        server: nameSchema,
        tools: z.union([
          z.literal('all'),
          z.array(z.string().max(128)).max(1000),
          /** All but these, also later ones. */
          z.strictObject({ except: z.array(z.string().max(128)).min(1, 'name at least one tool').max(1000) }),
        ]),
      }),
    )
    .max(500)
    .optional(),
  /** Names of users. */
  members: z.array(z.string().max(64)).max(1000).optional(),
});
export type GroupInput = z.infer<typeof groupInputSchema>;
export const groupPatchSchema = groupInputSchema
  .partial()
  .extend({ toolList: toolListPatchSchema.nullable().optional() });
export type GroupPatch = z.infer<typeof groupPatchSchema>;

/** A server as REST and pages show it; values of `env`, `headers` and `secrets` are masked to `***` and their last 4 characters. */
export interface ServerView {
  id: string;
  name: string;
  label: string | null;
  description: string;
  type: ServerType;
  command: string | null;
  args: string[];
  env: Record<string, string>;
  cwd: string | null;
  url: string | null;
  headers: Record<string, string>;
  /** Empty: declared without a value. */
  secrets: Record<string, string>;
  era: ServerEra;
  enabled: boolean;
  desired: 'running' | 'stopped';
  timeoutMs: number | null;
  prefix: 'always' | 'never';
  toolList: ToolList;
  /** Its own URL asks for no credential. */
  anonymous: boolean;
  limits: ServerLimits;
  tls: ServerTls | null;
  healthCheck: HealthCheck | null;
  replicas: number;
  endpoints: { url: string; weight: number }[];
  balancing: Balancing;
  repeatSafeCalls: boolean;
  definitionChanges: DefinitionPolicy;
  isolation: Isolation;
  startOnDemand: boolean;
  idleStopSeconds: number | null;
  warmInstances: number;
  /** With `clientSecret` masked. */
  credential: CredentialSetting | null;
  /** Of a server that is made of an OpenAPI document; null for all others. */
  openapi: OpenApiView | null;
  /** Values that were sealed with a master key that the hub does not have, as "env.NAME": they have to be entered again. */
  needsReentry: string[];
  source: 'api' | 'file';
  sourceFile: string | null;
  groups: string[];
  toolCount: number;
  createdAt: string;
  updatedAt: string;
  version: number;
}

export interface GroupView {
  id: string;
  name: string;
  description: string;
  prefix: 'always' | 'never';
  toolList: ToolList;
  /** Its URL asks for no credential. */
  anonymous: boolean;
  /** Tools by original names. `except`: all but these, also later ones; named to those alone who may change the group. */
  servers: { server: string; tools: 'all' | string[] | { except: string[] } }[];
  members: string[];
  createdAt: string;
  updatedAt: string;
  version: number;
}

/** A URL of the hub that asks for no credential. */
export interface OpenEndpoint {
  kind: 'server' | 'group';
  name: string;
}

/** What the worker knows of a server right now. Sent whole on every change; a lower `version` is older. */
export const serverStatusSchema = z.object({
  id: z.string(),
  name: z.string(),
  state: z.enum(serverStates),
  /** A short word such as "exited", "spawn-failed", "handshake-failed", "connect-failed"; null while all is well. */
  reason: z.string().nullable(),
  /** The cause in a plain sentence, with what to do where that is known. */
  message: z.string().nullable(),
  version: z.number().int(),
  /** RFC 3339. */
  since: z.string(),
  /** Starts since the last time it was stable. */
  attempt: z.number().int(),
  nextRetryAt: z.string().nullable(),
  ready: z.number().int(),
  total: z.number().int(),
  tools: z.number().int(),
  instances: z.array(
    z.object({
      id: z.string(),
      state: z.enum(serverStates),
      pid: z.number().int().nullable(),
      startedAt: z.string().nullable(),
      restarts: z.number().int(),
      protocolVersion: z.string().nullable(),
      serverInfo: z.object({ name: z.string(), version: z.string().optional() }).nullable(),
      /** Resident memory of the whole process tree in bytes; null for remote servers and where it cannot be read. */
      rssBytes: z.number().nullable(),
      /** Processor time of the tree since it started, in seconds; null as `rssBytes`. */
      cpuSeconds: z.number().nullish(),
      /** Of late; 100 is one core. */
      cpuPercent: z.number().nullish(),
      /** Processes in the tree. */
      processes: z.number().int().nullish(),
      /** Why it is not ready, in a plain sentence. */
      message: z.string().nullable().optional(),
      /** Where it is, of several addresses. */
      url: z.string().optional(),
      /**
       * Among several: "open" gets no calls after failures in a row, "half-open" is being tried with one. Absent for the
       * only instance.
       */
      circuit: z.enum(['closed', 'open', 'half-open']).optional(),
      /**
       * Of an isolated server: whose it is, a user's id or what stands for a session; "" for one that waits for its
       * first caller. Absent for the instance that the lists come from.
       */
      whose: z.string().optional(),
      /** It finishes its calls and is replaced, or not needed any more. */
      draining: z.boolean().optional(),
      /** The last health check, where the row wants them; absent before the first. */
      health: z
        .object({
          /** RFC 3339. */
          at: z.string(),
          ok: z.boolean(),
          /** In a row. */
          failures: z.number().int(),
          /** How long it took. */
          ms: z.number().int(),
        })
        .optional(),
    }),
  ),
  /** Why a question of the server reached no client, and what helps; the last one since the hub started. */
  inVain: z.string().nullish(),
  /** Limits of the row that cannot be held on this platform. */
  unenforced: z.array(z.string()).optional(),
  lastExit: z
    .object({
      at: z.string(),
      reason: z.string(),
      message: z.string(),
      exitCode: z.number().nullable().optional(),
      signal: z.string().nullable().optional(),
      stderr: z.array(z.string()).optional(),
    })
    .nullable(),
});
export type ServerStatus = z.infer<typeof serverStatusSchema>;

export const logLineSchema = z.object({
  /** Rises by one per server; a gap means lines that were dropped. */
  seq: z.number().int(),
  at: z.string(),
  stream: z.enum(['stderr', 'hub']),
  text: z.string(),
});
export type LogLine = z.infer<typeof logLineSchema>;

export interface ToolView {
  id: string;
  server: string;
  name: string;
  /** The name on `/api/mcp`. */
  exposedName: string;
  title: string | null;
  description: string | null;
  inputSchema: Record<string, unknown>;
  outputSchema: Record<string, unknown> | null;
  annotations: Record<string, unknown> | null;
  /** False: an administrator switched it off. */
  enabled: boolean;
  /** Of a model's context, about: an estimate. */
  tokens: number;
  /** What models see in place of that, where an overlay of the server changes it; null: as the server says. */
  curated: ShownTool | null;
  /** What of the overlay does not fit the tool any more, in plain sentences. */
  overlayFaults: string[];
  changedAt: string;
  definitionHash: string;
  /** The definition that was first seen or last approved, where the present one is another; null where it is the same. */
  drift: ToolDrift | null;
  /** What somebody should look at before trusting the text. */
  suspicions: ToolSuspicion[];
}

/** Tools of a server that are not as they were first seen or last approved. */
export interface ServerDrift {
  server: string;
  count: number;
  /** Whether callers are kept from them. */
  held: boolean;
}

export interface ToolDrift {
  title: string | null;
  description: string | null;
  inputSchema: Record<string, unknown>;
  outputSchema: Record<string, unknown> | null;
  annotations: Record<string, unknown> | null;
  /** RFC 3339. */
  pinnedAt: string;
  /** Callers neither see nor call it until it is approved. */
  held: boolean;
}

/** What a model sees of a tool, but for icons and the like. */
export interface ShownTool {
  name: string;
  title: string | null;
  description: string | null;
  inputSchema: Record<string, unknown>;
  outputSchema: Record<string, unknown> | null;
  annotations: Record<string, unknown> | null;
}

/** Characters that nobody sees, in name or texts; a name that looks like that of another tool of the server. */
export type ToolSuspicion = 'hidden-characters' | 'look-alike-name';

/** Body of POST /api/v1/servers/{name}/tools/approve. */
export const toolApprovalSchema = z.strictObject({
  tools: z
    .array(z.strictObject({ name: z.string().min(1).max(512), definitionHash: z.string().length(64) }))
    .min(1)
    .max(1000),
});
export type ToolApproval = z.infer<typeof toolApprovalSchema>;

export const importChoices = ['overwrite', 'skip', 'rename'] as const;
export type ImportChoice = (typeof importChoices)[number];

/** What to do with a row of the plan, by its `name`; a conflict without a choice is skipped. */
export const importChoicesSchema = z.record(z.string().max(64), z.enum(importChoices));
export type ImportChoices = z.infer<typeof importChoicesSchema>;

/** Body of POST /api/v1/import. */
export const importInputSchema = z.strictObject({
  text: z.string().max(1_048_576),
  /** True: only the plan; nothing is written. */
  dryRun: z.boolean().optional(),
  choices: importChoicesSchema.optional(),
});

/** One server found in pasted text. */
export interface ImportRow {
  /** The legal, unique name that it gets; also the key for its choice. */
  name: string;
  /** The name as pasted, where it had to be made legal. */
  label: string | null;
  /** Null when the entry is invalid. Values of `env`, `headers` and `secrets` are masked. */
  server: ServerInput | null;
  /** `conflict`: the name belongs to another server or group. `unchanged`: the same server exists already. */
  state: 'add' | 'conflict' | 'unchanged' | 'invalid';
  /** Plain sentences; for an invalid entry what is wrong with it. */
  warnings: string[];
}

export interface ImportPlan {
  /** What the text was recognised as, e.g. "VS Code (mcp.json)". */
  dialect: string;
  rows: ImportRow[];
}

/** Names of the servers that an import touched. */
export interface ImportResult {
  created: string[];
  updated: string[];
  skipped: string[];
}

/** Body of POST /api/v1/tools/call. */
export const toolCallInputSchema = z.strictObject({
  server: z.string().min(1).max(64),
  /** As the server's own URL lists it. */
  tool: z.string().min(1).max(128),
  arguments: z.record(z.string(), z.unknown()).default({}),
});
export type ToolCallInput = z.input<typeof toolCallInputSchema>;
