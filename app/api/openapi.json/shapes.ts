// Answers of the REST API as zod. The types tie each to the shape that the verbs return, so they cannot drift apart.
import { z } from 'zod';
import {
  actions,
  type FactorStart,
  type GrantView,
  type InviteView,
  type KeyView,
  keyScopeSchema,
  type MeView,
  type OneTimeLink,
  providerIds,
  type RoleView,
  resources,
  type SecondFactorView,
  type SessionView,
  scopes,
  type UserView,
} from '@/lib/access/schema';
import { controlCalls } from '@/lib/control/schema';
import {
  type ConnectionView,
  connectionStates,
  credentialSettingSchema,
  type StoredConnectionView,
} from '@/lib/credentials/schema';
import { serverReportSchema, serverTestSchema } from '@/lib/diagnosis/schema';
import { type LimitView, limitRefSchema } from '@/lib/limits/schema';
import { type DocumentChange, documentReadingSchema, openApiSettingsSchema } from '@/lib/openapi/schema';
import {
  endpointViewSchema,
  type ToolList,
  toolListModes,
  toolSearchAnswerSchema,
  toolSearchStatusSchema,
} from '@/lib/routing/schema';
import type { RootToolList } from '@/lib/servers';
import { type GroupToolView, type OverlayView, serverOverlaySchema } from '@/lib/servers/curation/schema';
import {
  balancings,
  definitionPolicies,
  type GroupView,
  healthCheckSchema,
  type ImportPlan,
  type ImportResult,
  isolations,
  logLineSchema,
  type ServerDrift,
  type ServerView,
  serverEras,
  serverInputSchema,
  serverLimitsSchema,
  serverStatusSchema,
  serverTypes,
  type ToolView,
  tlsSchema,
} from '@/lib/servers/schema';
import {
  type AuditVerdict,
  type AuditView,
  auditFaults,
  type CallView,
  type Overview,
  outcomes,
} from '@/lib/telemetry/schema';
import { qualityShapes } from './quality-shapes';
import { signInAnswers } from './sign-in-shapes';

const time = z.iso.datetime();
const timeOrNull = time.nullable();
const count = z.number().int().min(0);
const object = z.record(z.string(), z.unknown());
const prefix = z.enum(['always', 'never']);
const anonymous = z.boolean().meta({ description: 'Its own URL asks for no credential' });

const toolListFields = z.object({
  mode: z.enum(toolListModes).meta({
    description: 'auto: smart for a caller who sees more tools, or more tokens of tools, than the endpoint lists',
  }),
  maxTools: count,
  maxTokens: count,
  pinned: z.array(z.string()).meta({ description: 'Tools that are listed beside the search, in this order' }),
}) satisfies z.ZodType<ToolList>;
const toolList = toolListFields.meta({ description: 'How its endpoint lists its tools' });
const rootToolList = toolListFields.extend({ version: z.number().int() }) satisfies z.ZodType<RootToolList>;

const server = z.object({
  id: z.uuid(),
  name: z.string(),
  label: z.string().nullable().meta({ description: 'The name as it was imported, where it had to be made legal' }),
  description: z.string(),
  type: z.enum(serverTypes),
  command: z.string().nullable(),
  args: z.array(z.string()),
  env: z.record(z.string(), z.string()).meta({
    description: 'Values are masked: *** and the last 4 characters; references to secrets are shown as they are',
  }),
  cwd: z.string().nullable(),
  url: z.string().nullable(),
  headers: z.record(z.string(), z.string()).meta({
    description: 'Values are masked: *** and the last 4 characters; references to secrets are shown as they are',
  }),
  needsReentry: z.array(z.string()).meta({
    description: 'Values that the master key of the hub does not open, as "env.NAME": enter them again',
  }),
  secrets: z.record(z.string(), z.string()).meta({
    description:
      'What ${NAME} in env and headers stands for; masked: *** and the last 4 characters, empty without a value',
  }),
  era: z.enum(serverEras).meta({ description: 'Which era of the protocol the hub speaks to it; auto finds it out' }),
  enabled: z.boolean(),
  desired: z.enum(['running', 'stopped']),
  timeoutMs: z.number().int().nullable(),
  prefix,
  toolList,
  anonymous,
  limits: serverLimitsSchema.meta({ description: 'Over the whole process tree; what is absent is not limited' }),
  tls: tlsSchema.nullable().meta({ description: 'How the certificate of a remote server is checked' }),
  healthCheck: healthCheckSchema
    .nullable()
    .meta({ description: 'How often a server that nobody calls is asked whether it is there' }),
  replicas: count.meta({ description: 'Processes of a stdio server that run side by side' }),
  endpoints: z
    .array(z.object({ url: z.string(), weight: count }))
    .meta({ description: 'Further addresses of a remote server; url has the weight 1 unless it is named here' }),
  balancing: z.enum(balancings).meta({ description: 'Which of several instances a call goes to' }),
  repeatSafeCalls: z
    .boolean()
    .meta({ description: 'Read-only and idempotent tools, and reads, are asked once more when a connection broke' }),
  definitionChanges: z.enum(definitionPolicies).meta({
    description: 'What becomes of a tool that the server defines anew: taken, taken and shown, or held until approved',
  }),
  isolation: z.enum(isolations).meta({
    description:
      'Who shares an instance: all callers, the sessions of one user, or nobody (a client of 2026-07-28: one call)',
  }),
  startOnDemand: z.boolean().meta({ description: 'Not started until somebody needs it' }),
  idleStopSeconds: count.nullable().meta({
    description: 'Stopped after so long without use: the server that starts on demand, the instances of callers',
  }),
  warmInstances: count.meta({ description: 'Instances that stand ready for the next user or session' }),
  credential: credentialSettingSchema
    .nullable()
    .meta({ description: 'How the hub or its users sign in to the server; clientSecret is masked' }),
  openapi: openApiSettingsSchema
    .extend({ document: z.object({ sha256: z.string(), bytes: count, fetchedAt: time }).nullable() })
    .nullable()
    .meta({ description: 'Of a server that is made of an OpenAPI document; secret values are masked' }),
  source: z.enum(['api', 'file']).meta({ description: 'Rows of the servers file are read-only here' }),
  sourceFile: z.string().nullable(),
  groups: z.array(z.string()),
  toolCount: count,
  createdAt: time,
  updatedAt: time,
  version: z.number().int(),
}) satisfies z.ZodType<ServerView>;

const group = z.object({
  id: z.uuid(),
  name: z.string(),
  description: z.string(),
  prefix,
  toolList,
  anonymous,
  servers: z.array(
    z.object({
      server: z.string(),
      tools: z.union([
        z.literal('all'),
        z.array(z.string()),
        z.object({ except: z.array(z.string()).meta({ description: 'All but these, also later ones' }) }),
      ]),
    }),
  ),
  members: z.array(z.string()),
  createdAt: time,
  updatedAt: time,
  version: z.number().int(),
}) satisfies z.ZodType<GroupView>;

const shownTool = z.object({
  name: z.string(),
  title: z.string().nullable(),
  description: z.string().nullable(),
  inputSchema: object,
  outputSchema: object.nullable(),
  annotations: object.nullable(),
});

const overlay = z.object({
  server: z.string(),
  group: z.string().nullable().meta({ description: 'Null: the overlay of the server' }),
  tool: z.string().meta({ description: 'Original name' }),
  overlay: serverOverlaySchema,
  version: z.number().int().meta({ description: '0 before the first overlay' }),
  updatedAt: time.nullable(),
  upstream: shownTool.nullable().meta({ description: 'What the server says; null while it does not list the tool' }),
  base: shownTool.nullable().meta({ description: 'In a group: what the overlay of the server made of it' }),
  shown: shownTool.nullable().meta({ description: 'What models see' }),
  tokens: z
    .object({ upstream: count, shown: count })
    .nullable()
    .meta({ description: "Of a model's context, about: an estimate" }),
  faults: z.array(z.string()).meta({ description: 'What of the overlay does not fit the tool any more' }),
}) satisfies z.ZodType<OverlayView>;

const groupTool = shownTool.extend({
  server: z.string(),
  tool: z.string().meta({ description: 'Original name' }),
  curated: z.boolean().meta({ description: 'Whether the group has an overlay for it' }),
  tokens: count,
  faults: z.array(z.string()),
}) satisfies z.ZodType<GroupToolView>;

const tool = z.object({
  id: z.uuid(),
  server: z.string(),
  name: z.string(),
  exposedName: z.string().meta({ description: 'The name on /api/mcp' }),
  title: z.string().nullable(),
  description: z.string().nullable(),
  inputSchema: object,
  outputSchema: object.nullable(),
  annotations: object.nullable(),
  enabled: z.boolean().meta({ description: 'False: an administrator switched it off' }),
  curated: shownTool
    .nullable()
    .meta({ description: 'What models see in place of that, where an overlay of the server changes it' }),
  overlayFaults: z.array(z.string()).meta({ description: 'What of the overlay does not fit the tool any more' }),
  tokens: z.int().meta({ description: "Of a model's context, about: an estimate" }),
  changedAt: time,
  definitionHash: z.string().meta({ description: 'SHA-256 (hex); what an approval names' }),
  drift: z
    .object({
      title: z.string().nullable(),
      description: z.string().nullable(),
      inputSchema: object,
      outputSchema: object.nullable(),
      annotations: object.nullable(),
      pinnedAt: time,
      held: z.boolean().meta({ description: 'Callers neither see nor call it until it is approved' }),
    })
    .nullable()
    .meta({ description: 'The definition that was first seen or last approved, where the present one is another' }),
  suspicions: z.array(z.enum(['hidden-characters', 'look-alike-name'])),
}) satisfies z.ZodType<ToolView>;

const importPlan = z.object({
  dialect: z.string(),
  rows: z.array(
    z.object({
      name: z.string(),
      label: z.string().nullable(),
      server: serverInputSchema.nullable(),
      state: z.enum(['add', 'conflict', 'unchanged', 'invalid']),
      warnings: z.array(z.string()),
    }),
  ),
}) satisfies z.ZodType<ImportPlan>;

const importResult = z.object({
  created: z.array(z.string()),
  updated: z.array(z.string()),
  skipped: z.array(z.string()),
}) satisfies z.ZodType<ImportResult>;

const documentChange = z.object({
  changed: z.boolean().meta({ description: 'False: the document is the same, byte for byte' }),
  added: z.array(z.string()),
  removed: z.array(z.string()),
  altered: z.array(z.string()),
}) satisfies z.ZodType<DocumentChange>;

const connection = z.object({
  server: z.string(),
  description: z.string(),
  per: z.enum(['hub', 'user']).meta({ description: 'Whose it is: the own one, or the one of all callers' }),
  kind: z.enum(['oauth', 'static']),
  host: z.string().nullable().meta({ description: 'Where it is sent to; null for a program that the hub runs' }),
  state: z.enum(connectionStates),
  reason: z.string().nullable(),
  fields: z
    .array(z.object({ name: z.string(), label: z.string(), stored: z.boolean() }))
    .meta({ description: 'What you are asked for, where it is entered' }),
  scopes: z.array(z.string()),
  issuer: z.string().nullable(),
  since: time.nullable(),
  lastUsedAt: time.nullable(),
}) satisfies z.ZodType<ConnectionView>;

const storedConnection = z.object({
  id: z.uuid(),
  user: z.string().nullable().meta({ description: 'Null: the sign-in of the hub, which all callers share' }),
  kind: z.enum(['oauth', 'static']),
  state: z.enum(['connected', 'failed']),
  reason: z.string().nullable(),
  scopes: z.array(z.string()),
  issuer: z.string().nullable(),
  since: time,
  lastUsedAt: time.nullable(),
}) satisfies z.ZodType<StoredConnectionView>;

const call = z.object({
  id: z.string(),
  at: time,
  requestId: z.string(),
  actor: z.string(),
  client: z.string().nullable(),
  endpoint: z.string(),
  server: z.string().nullable(),
  tool: z.string().nullable().meta({ description: 'Original name' }),
  shownTool: z.string().nullable().meta({ description: 'The name that an overlay gave it where it was called' }),
  outcome: z.string().meta({ examples: [...outcomes] }),
  errorCode: z.number().int().nullable(),
  errorMessage: z.string().nullable(),
  durationMs: z.number(),
  requestBytes: count,
  responseBytes: count,
  arguments: z.unknown().meta({ description: 'Secrets removed, cut at 4 KiB' }),
}) satisfies z.ZodType<CallView>;

const audit = z.object({
  id: z.string().meta({ description: 'Rises by one with each entry' }),
  at: time,
  actorKind: z.string(),
  actorId: z.string().nullable(),
  actor: z.string(),
  address: z.string().nullable(),
  action: z.string().meta({ examples: ['server.created', 'user.signed-in'] }),
  resourceType: z.string(),
  resourceId: z.string().nullable(),
  resourceName: z.string().nullable(),
  before: z.unknown().meta({ description: 'Secrets masked' }),
  after: z.unknown(),
  requestId: z.string().nullable(),
  hash: z.string().nullable().meta({
    description:
      'SHA-256 (hex) over the hash of the entry before (empty for the first), a line feed, and this entry without hash as JSON with sorted keys and no spaces',
  }),
}) satisfies z.ZodType<AuditView>;

const chainFacts = z.object({
  rows: count,
  unchained: count.meta({ description: 'Entries from before there was a chain' }),
  from: timeOrNull,
  to: timeOrNull,
  head: z.string().nullable().meta({ description: 'Hash of the newest entry: keep it outside the database' }),
});
const auditVerdict = z.union([
  chainFacts.extend({ ok: z.literal(true) }),
  chainFacts.extend({
    ok: z.literal(false),
    broken: z.object({ id: z.string(), reason: z.enum(auditFaults) }),
  }),
]) satisfies z.ZodType<AuditVerdict>;

const overview = z.object({
  since: time,
  calls: count,
  errors: count,
  errorPercent: z.number().nullable(),
  p50Ms: z.number().nullable(),
  p95Ms: z.number().nullable(),
  buckets: z.array(z.object({ at: time, calls: count, errors: count })),
}) satisfies z.ZodType<Overview>;

const key = z.object({
  id: z.uuid(),
  name: z.string(),
  prefix: z.string(),
  owner: z.string(),
  scope: keyScopeSchema.nullable(),
  expiresAt: timeOrNull,
  lastUsedAt: timeOrNull,
  lastUsedFrom: z.string().nullable(),
  revokedAt: timeOrNull,
  replaces: z.uuid().nullable().meta({ description: 'The key that this one was made to replace' }),
  createdAt: time,
}) satisfies z.ZodType<KeyView>;

const role = z.object({
  id: z.uuid(),
  name: z.string(),
  description: z.string(),
  builtIn: z.boolean().meta({ description: 'Exists from the start and cannot be changed' }),
  permissions: z.array(
    z.object({
      resource: z.enum([...resources, '*']),
      action: z.enum([...actions, '*']),
      scope: z.enum(scopes).meta({ description: 'own: made by the user; group: offered by a group of the user' }),
    }),
  ),
  users: z.array(z.string()).meta({ description: 'Up to 200 of those who have it, for callers who may see users' }),
  userCount: count,
  createdAt: time,
  updatedAt: time,
  version: z.number().int(),
}) satisfies z.ZodType<RoleView>;

const limit = limitRefSchema.extend({
  label: z.string().nullable().meta({ description: 'Null where what was limited is gone' }),
  perMinute: count.nullable(),
  concurrent: count.nullable(),
  perDay: count.nullable(),
  today: count.nullable().meta({ description: 'Calls of this day in UTC, as of some seconds ago' }),
  updatedAt: time,
  version: z.number().int(),
}) satisfies z.ZodType<LimitView>;

const user = z.object({
  id: z.uuid(),
  username: z.string(),
  displayName: z.string().nullable(),
  email: z.string().nullable(),
  disabled: z.boolean(),
  roles: z.array(z.string()),
  groups: z.array(z.string()),
  secondFactor: z.boolean(),
  lockedUntil: timeOrNull.meta({ description: 'Too many wrong passwords: no sign-in before this time' }),
  lastSignInAt: timeOrNull,
  passwordChangedAt: timeOrNull.meta({ description: 'When the password was last set or changed; null where unknown' }),
  createdAt: time,
  version: z.number().int(),
}) satisfies z.ZodType<UserView>;

const oneTimeLink = z.object({
  token: z.string().meta({ description: 'Shown this once' }),
  path: z.string().meta({ description: "Under the hub's URL" }),
  expiresAt: time,
}) satisfies z.ZodType<OneTimeLink>;

const browserSession = z.object({
  id: z.uuid(),
  method: z.enum(['password', 'setup', 'invite', ...providerIds]),
  address: z.string().nullable(),
  userAgent: z.string().nullable(),
  isCurrent: z.boolean(),
  createdAt: time,
  lastSeenAt: time,
  expiresAt: time,
}) satisfies z.ZodType<SessionView>;

const grant = z.object({
  id: z.uuid(),
  user: z.string(),
  client: z.string().meta({ description: 'As the client calls itself' }),
  clientId: z.string(),
  resource: z.string().meta({ description: 'URL of the MCP endpoint' }),
  scopes: z.array(z.string()),
  createdAt: time,
  lastUsedAt: timeOrNull,
  expiresAt: timeOrNull.meta({ description: 'Unless it is used before' }),
}) satisfies z.ZodType<GrantView>;

const invite = z.object({
  id: z.uuid(),
  note: z.string(),
  roles: z.array(z.string()),
  groups: z.array(z.string()),
  state: z.enum(['open', 'used', 'revoked', 'expired']),
  createdBy: z.string().nullable(),
  usedBy: z.string().nullable(),
  createdAt: time,
  expiresAt: time,
}) satisfies z.ZodType<InviteView>;

const secondFactor = z.object({
  enabledAt: timeOrNull,
  recoveryCodesLeft: z.number().int(),
}) satisfies z.ZodType<SecondFactorView>;

const factorStart = z.object({
  secret: z.string().meta({ description: 'Base32; shown this once' }),
  uri: z.string().meta({ description: 'otpauth://totp/…, for a QR code' }),
}) satisfies z.ZodType<FactorStart>;

const me = z.object({
  kind: z.enum(['user', 'key', 'system', 'anonymous']),
  id: z.string(),
  userId: z.string().nullable(),
  name: z.string(),
  may: z.record(z.enum(resources), z.array(z.enum(actions))),
}) satisfies z.ZodType<MeView>;

const problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  detail: z.string(),
  instance: z.string().optional(),
  code: z.string(),
  requestId: z.string(),
  hint: z.string().optional(),
  errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
});

const listOf = (item: z.ZodType) => z.object({ data: z.array(item), nextCursor: z.string().nullable() });
const liveServer = server.extend({
  status: serverStatusSchema.nullable().meta({ description: 'Null while the worker does not answer' }),
});

/** Every answer that has a name in the document. */
export const answers = {
  Problem: problem,
  Server: liveServer,
  ServerList: listOf(liveServer),
  Group: group,
  GroupList: listOf(group),
  ToolList: listOf(tool),
  Overlay: overlay,
  GroupToolList: listOf(groupTool),
  ToolSearchAnswer: toolSearchAnswerSchema,
  ToolSearchStatus: toolSearchStatusSchema,
  EndpointList: z.object({ data: z.array(endpointViewSchema), nextCursor: z.null() }),
  RootToolList: rootToolList,
  ...qualityShapes,
  Connection: connection,
  ConnectionList: listOf(connection),
  ConnectionBegun: z.object({ url: z.string() }),
  StoredConnectionList: listOf(storedConnection),
  ToolCallResult: controlCalls['tools.call'].answer.extend({ requestId: z.string() }),
  LogLines: z.object({ data: z.array(logLineSchema), dropped: count, nextCursor: z.null() }),
  InstanceList: z.object({ data: serverStatusSchema.shape.instances, nextCursor: z.null() }),
  ServerReport: serverReportSchema,
  ServerTest: serverTestSchema,
  DocumentReading: documentReadingSchema.omit({ document: true }),
  DocumentChange: documentChange,
  SecretsRotation: controlCalls['secrets.rotate'].answer,
  ImportAnswer: z.union([importPlan, importResult]),
  CallList: listOf(call),
  AuditList: listOf(audit),
  AuditVerdict: auditVerdict,
  Hub: overview.extend({
    worker: controlCalls['hub.stats'].answer.nullable(),
    open: z
      .array(z.object({ kind: z.enum(['server', 'group']), name: z.string() }))
      .meta({ description: 'What asks for no credential' }),
    drift: z
      .array(z.object({ server: z.string(), count, held: z.boolean() }) satisfies z.ZodType<ServerDrift>)
      .meta({ description: 'Servers with tools that are not as they were first seen or last approved' }),
  }),
  KeyList: listOf(key),
  NewKey: z.object({ key, secret: z.string().meta({ description: 'Shown this once' }) }),
  Role: role,
  RoleList: listOf(role),
  Limit: limit,
  LimitList: listOf(limit),
  RotatedKey: z.object({
    key,
    secret: z.string().meta({ description: 'Shown this once' }),
    replaced: key.meta({ description: 'The key with the old secret' }),
  }),
  User: user,
  UserList: listOf(user),
  NewUser: z.object({ user, link: oneTimeLink }),
  OneTimeLink: oneTimeLink,
  SessionList: listOf(browserSession),
  SessionsEnded: z.object({ ended: z.number().int() }),
  GrantList: listOf(grant),
  InviteList: listOf(invite),
  NewInvite: z.object({ invite, link: oneTimeLink }),
  SecondFactor: secondFactor,
  FactorStart: factorStart,
  RecoveryCodes: z.object({ recoveryCodes: z.array(z.string()).meta({ description: 'Shown this once' }) }),
  Me: me,
  SignedIn: z.object({ username: z.string() }),
  ...signInAnswers,
} satisfies Record<string, z.ZodType>;

export type AnswerName = keyof typeof answers;
