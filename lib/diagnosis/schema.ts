// What the hub finds out about a server: the report on it and the stages of a test. Safe in a browser.
import { z } from 'zod';
import { serverStates } from '../servers/schema';

const time = z.string();
const ms = z.number();
const count = z.number().int();

/** One start, each figure in milliseconds since it began; null where there is no such step, or none was seen. */
export const startSchema = z.object({
  at: time,
  /** The process runs. */
  spawnMs: ms.nullable(),
  /** Something came on its stdout. */
  firstByteMs: ms.nullable(),
  /** The handshake is done. */
  initializeMs: ms,
  /** Its lists are read. */
  listedMs: ms.nullable(),
});
export type ServerStart = z.infer<typeof startSchema>;

export const serverEventSchema = z.object({
  at: time,
  /** Place of the instance among those of its server, from 0. */
  ordinal: count,
  state: z.enum(serverStates),
  reason: z.string().nullable(),
  message: z.string().nullable(),
});
export type ServerEvent = z.infer<typeof serverEventSchema>;

/** What was seen of a server while it was used, counted since `since`, across restarts of the hub. */
export const serverLifeSchema = z.object({
  since: time,
  /** Of the last thing noticed. */
  at: time,
  /** The latest, oldest first. */
  starts: z.array(startSchema),
  /** Starts without a person's wish. */
  restarts: count,
  /** Ends without a person's wish, by their reason. */
  exits: z.record(z.string(), count),
  /** How long it was ready, over the runs that ended without a person's wish. */
  up: z.object({ runs: count, totalMs: ms }),
  /** How often it did not know a session that it had given. */
  sessionsLost: count,
  /** What it asked its client and could not be passed on, the latest last. */
  inVain: z.array(z.object({ message: z.string(), at: time, times: count })),
  /** Calls that it was told were cancelled, and how many of them it answered all the same. */
  cancellation: z.object({ told: count, answered: count, at: time.nullable() }),
  /** When a call reported its progress last. */
  progressAt: time.nullable(),
  /** The HTTP answer to the last handshake; null for a program. */
  http: z
    .object({
      status: count,
      contentType: z.string(),
      contentEncoding: z.string().nullable(),
      session: z.boolean(),
      redirects: count,
      server: z.string().nullable(),
    })
    .nullable(),
  /** The latest changes of state, oldest first. */
  events: z.array(serverEventSchema),
});
export type ServerLife = z.infer<typeof serverLifeSchema>;

const features = [
  'tools',
  'tools.listChanged',
  'resources',
  'resources.subscribe',
  'resources.listChanged',
  'prompts',
  'prompts.listChanged',
  'completions',
  'logging',
  'tasks',
] as const;
export type ServerFeature = (typeof features)[number];

const schemaCheck = z.object({
  bytes: count,
  /** `$schema`, or null where none is named: then it is 2020-12 (basic, 2025-11-25). */
  dialect: z.string().nullable(),
  /** Why it cannot be used, in a sentence; null while it can. */
  fault: z.string().nullable(),
});
export type SchemaCheck = z.infer<typeof schemaCheck>;

/** GET /api/v1/servers/{name}/report. What concerns tools is limited to those that the caller may see. */
export const serverReportSchema = z.object({
  server: z.string(),
  type: z.string(),
  /** When it was last listed; null before the first time. */
  listedAt: time.nullable(),
  /** What it said of itself then; null before the first time. */
  handshake: z
    .object({
      era: z.enum(['legacy', 'modern']),
      protocolVersion: z.string(),
      name: z.string(),
      version: z.string().nullable(),
      title: z.string().nullable(),
      instructions: z.string().nullable(),
      offers: z.record(z.enum(features), z.boolean()),
      extensions: z.array(z.string()),
    })
    .nullable(),
  counts: z.object({ tools: count, resources: count, resourceTemplates: count, prompts: count }),
  /** How many tools say so of themselves. */
  annotations: z.object({
    readOnly: count,
    destructive: count,
    idempotent: count,
    openWorld: count,
    /** Without any annotation. */
    none: count,
  }),
  tools: z.array(z.object({ name: z.string(), input: schemaCheck, output: schemaCheck.nullable() })),
  /** Items of its lists that are not passed on. */
  hidden: z.array(z.object({ kind: z.string(), name: z.string(), reason: z.string() })),
  /** Null before anything was noticed. */
  life: serverLifeSchema
    .extend({
      medianStart: startSchema.omit({ at: true }).extend({ of: count }).nullable(),
      meanUpMs: ms.nullable(),
      /** not-seen: no call was cancelled yet. stopped: it answered none of them. ignored: it answered some all the same. */
      cancels: z.enum(['not-seen', 'stopped', 'ignored']),
    })
    .nullable(),
  /** False: the worker did not tell, and this is what was stored last. */
  isLive: z.boolean(),
});
export type ServerReport = z.infer<typeof serverReportSchema>;

export const stageIds = [
  'url',
  'dns',
  'connect',
  'tls',
  'http',
  'document',
  'command',
  'cwd',
  'spawn',
  'first-byte',
  'handshake',
  'lists',
  'ping',
  'stop',
] as const;
export type StageId = (typeof stageIds)[number];

/** One step of a test. */
export const stageSchema = z.object({
  id: z.enum(stageIds),
  state: z.enum(['waiting', 'running', 'ok', 'warned', 'failed', 'skipped']),
  /** How long it took, while it runs how long so far. */
  ms: ms.nullable(),
  /** What was seen, in a sentence. */
  seen: z.string().nullable(),
  /** On a failure: why, in a plain sentence. */
  cause: z.string().nullable(),
  /** What helps. */
  fix: z.string().nullable(),
  /** Lines as they came: the last of stderr, or what was printed instead of MCP. */
  lines: z.array(z.string()),
});
export type Stage = z.infer<typeof stageSchema>;

/** The outcome of a test, and what it looks like while it runs. */
export const serverTestSchema = z.object({
  state: z.enum(['running', 'passed', 'warned', 'failed', 'cancelled']),
  startedAt: time,
  ms,
  stages: z.array(stageSchema),
});
export type ServerTest = z.infer<typeof serverTestSchema>;
