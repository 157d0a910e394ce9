// The report on a server: what it said of itself when it was listed last, and what was noticed of it since.
import { asc, eq, sql } from 'drizzle-orm';
import { serverCatalogs, serverReports, tools } from '../../drizzle/schema';
import { can } from '../access/can';
import type { Ctx } from '../access/context';
import type { Db } from '../db/types';
import {
  type ServerFeature,
  type ServerLife,
  type ServerReport,
  type ServerStart,
  serverLifeSchema,
} from '../diagnosis/schema';
import { isReadOnly, storable } from './catalog';
import { withoutQuote } from './program-output';
import { findServer, serverResource, toolResource } from './rows';
import { checkSchema } from './schema-check';

/** The first revision without sessions; revisions are dates and compare as texts. */
const firstModern = '2026-07-28';
const tasksExtension = 'io.modelcontextprotocol/tasks';
const hiddenMax = 500;

type Json = Record<string, unknown>;

/**
 * @param lifeNow what the worker has noticed, by server id; null: it did not tell, and what is stored is shown
 * @throws HubError NOT_FOUND
 */
export async function getServerReport(
  ctx: Ctx,
  name: string,
  lifeNow: (serverId: string) => Promise<ServerLife | null>,
): Promise<ServerReport> {
  const known = await findServer(ctx, ctx.db, name, 'read');
  const { row } = known;
  const [[catalog], rows, [stored], live] = await Promise.all([
    ctx.db.select().from(serverCatalogs).where(eq(serverCatalogs.serverId, row.id)),
    ctx.db.select().from(tools).where(eq(tools.serverId, row.id)).orderBy(asc(tools.position)),
    ctx.db.select().from(serverReports).where(eq(serverReports.serverId, row.id)),
    lifeNow(row.id),
  ]);
  const seen = rows.filter(({ name: tool, definition }) =>
    can(ctx.actor, 'read', toolResource(known, tool, isReadOnly(definition))),
  );
  const hidden = (catalog?.faults ?? []).filter(
    ({ kind, name: item }) => kind !== 'tool' || can(ctx.actor, 'read', toolResource(known, item, false)),
  );
  const life = live ?? readLife(stored?.report);
  const mayReadLog = can(ctx.actor, 'read', { ...serverResource(known), type: 'log' });
  return {
    server: row.name,
    type: row.type,
    listedAt: catalog?.listedAt.toISOString() ?? null,
    handshake: catalog ? handshakeOf(catalog) : null,
    counts: {
      tools: seen.length,
      resources: catalog?.resources.length ?? 0,
      resourceTemplates: catalog?.resourceTemplates.length ?? 0,
      prompts: catalog?.prompts.length ?? 0,
    },
    annotations: annotationsOf(seen.map(({ definition }) => definition)),
    tools: seen.map(({ name: tool, definition: { inputSchema, outputSchema } }) => ({
      name: tool,
      input: checkSchema(inputSchema),
      output: outputSchema === undefined ? null : checkSchema(outputSchema),
    })),
    hidden: hidden.slice(0, hiddenMax),
    life: life && { ...(mayReadLog ? life : quiet(life)), ...summaryOf(life) },
    isLive: live !== null,
  };
}

function handshakeOf({
  protocolVersion,
  serverInfo,
  capabilities,
  instructions,
}: typeof serverCatalogs.$inferSelect): ServerReport['handshake'] {
  const textOf = (value: unknown) => (typeof value === 'string' ? value : null);
  return {
    era: protocolVersion < firstModern ? 'legacy' : 'modern',
    protocolVersion,
    name: String(serverInfo.name),
    version: textOf(serverInfo.version),
    title: textOf(serverInfo.title),
    instructions,
    offers: offersOf(capabilities),
    extensions: Object.keys(objectOf(capabilities.extensions)),
  };
}

function offersOf(capabilities: Json): Record<ServerFeature, boolean> {
  const has = (name: string) => typeof capabilities[name] === 'object' && capabilities[name] !== null;
  const says = (name: string, flag: string) => objectOf(capabilities[name])[flag] === true;
  return {
    tools: has('tools'),
    'tools.listChanged': says('tools', 'listChanged'),
    resources: has('resources'),
    'resources.subscribe': says('resources', 'subscribe'),
    'resources.listChanged': says('resources', 'listChanged'),
    prompts: has('prompts'),
    'prompts.listChanged': says('prompts', 'listChanged'),
    completions: has('completions'),
    logging: has('logging'),
    tasks: has('tasks') || Object.hasOwn(objectOf(capabilities.extensions), tasksExtension),
  };
}

function annotationsOf(definitions: Json[]): ServerReport['annotations'] {
  const all = definitions.map(({ annotations }) => objectOf(annotations));
  const count = (hint: string) => all.filter((each) => each[hint] === true).length;
  return {
    readOnly: count('readOnlyHint'),
    destructive: count('destructiveHint'),
    idempotent: count('idempotentHint'),
    openWorld: count('openWorldHint'),
    none: all.filter((each) => !Object.keys(each).some((key) => key.endsWith('Hint'))).length,
  };
}

/** Without what the program printed. */
function quiet(life: ServerLife): ServerLife {
  return {
    ...life,
    events: life.events.map((each) => ({ ...each, message: each.message && withoutQuote(each.message) })),
  };
}

function summaryOf({ starts, up, cancellation }: ServerLife) {
  const cancels = cancellation.told === 0 ? 'not-seen' : cancellation.answered > 0 ? 'ignored' : 'stopped';
  return {
    medianStart: starts.length === 0 ? null : { ...medianOf(starts), of: starts.length },
    meanUpMs: up.runs === 0 ? null : up.totalMs / up.runs,
    cancels,
  } as const;
}

function medianOf(starts: ServerStart[]): Omit<ServerStart, 'at'> {
  const middle = (of: (start: ServerStart) => number | null) => {
    const values = starts
      .map(of)
      .filter((value) => value !== null)
      .sort((one, other) => one - other);
    return values[Math.floor((values.length - 1) / 2)] ?? null;
  };
  return {
    spawnMs: middle(({ spawnMs }) => spawnMs),
    firstByteMs: middle(({ firstByteMs }) => firstByteMs),
    initializeMs: middle(({ initializeMs }) => initializeMs) ?? 0,
    listedMs: middle(({ listedMs }) => listedMs),
  };
}

/** What was noticed of every server, as it was stored last, by server id. */
export async function loadLives(db: Db): Promise<Map<string, ServerLife>> {
  const rows = await db.select().from(serverReports);
  return new Map(
    rows.flatMap(({ serverId, report }) => {
      const life = readLife(report);
      return life ? [[serverId, life] as const] : [];
    }),
  );
}

/** A server that was deleted meanwhile is left alone. */
export async function storeLife(db: Db, serverId: string, life: ServerLife): Promise<void> {
  await db.execute(sql`
    insert into ${serverReports} (server_id, report, updated_at)
    select id, ${JSON.stringify(storable(life))}::json, now() from servers where id = ${serverId}
    on conflict (server_id) do update set report = excluded.report, updated_at = excluded.updated_at
  `);
}

/** Rows of another version of the hub may look otherwise: then counting begins anew. */
function readLife(report: unknown): ServerLife | null {
  const parsed = serverLifeSchema.safeParse(report);
  return parsed.success ? parsed.data : null;
}

function objectOf(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}
