// The audit trail's reading side, for those who may read it: page by page newest first, as a whole oldest first, and
// the check of its chain.
import { and, asc, desc, eq, gt, gte, ilike, lt, lte, or, type SQL, sql } from 'drizzle-orm';
import { auditLogs } from '../../drizzle/schema';
import { can } from '../access/can';
import type { Ctx } from '../access/context';
import { HubError } from '../errors';
import { parseInput } from '../input';
import { singleton } from '../singleton';
import { chainedPart, verifyChain } from './audit-chain';
import {
  type AuditExport,
  type AuditFilter,
  type AuditPage,
  type AuditQuery,
  type AuditVerdict,
  type AuditView,
  auditExportSchema,
  auditQuerySchema,
} from './schema';

const defaultLimit = 50;
const exportRows = 500;

/** @throws HubError FORBIDDEN, INVALID_INPUT (also for an altered cursor) */
export async function listAudit(ctx: Ctx, query: AuditQuery = {}): Promise<AuditPage> {
  mayRead(ctx);
  const { cursor, limit = defaultLimit, ...filter } = parseInput(auditQuerySchema, query, 'query');
  const rows = await ctx.db
    .select()
    .from(auditLogs)
    .where(and(...conditions(filter), cursor === undefined ? undefined : lt(auditLogs.id, readCursor(cursor))))
    .orderBy(desc(auditLogs.id))
    .limit(limit + 1);
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return { data: shown.map(viewOf), nextCursor: rows.length > limit && last ? writeCursor(last.id) : null };
}

/**
 * The entries as lines of text, oldest first, in pieces that are read from the database as they are asked for. Entries
 * that are written meanwhile are left out. NDJSON holds whole entries; their chain can be checked without the hub.
 * @throws HubError FORBIDDEN, INVALID_INPUT, before the first piece
 */
export async function exportAudit(ctx: Ctx, query: AuditExport): Promise<AsyncGenerator<string>> {
  mayRead(ctx);
  const { format, ...filter } = parseInput(auditExportSchema, query, 'query');
  const [newest] = await ctx.db.select({ id: sql<string | null>`max(${auditLogs.id})` }).from(auditLogs);
  const where = [...conditions(filter), lte(auditLogs.id, Number(newest?.id ?? 0))];
  return format === 'csv' ? csvOf(ctx, where) : ndjsonOf(ctx, where);
}

/** Checks the chain from its first entry to its last one. @throws HubError FORBIDDEN */
export function verifyAudit(ctx: Ctx): Promise<AuditVerdict> {
  mayRead(ctx);
  // It reads every row, so whoever asks while one runs gets its answer.
  const running = singleton('audit.verifying', () => ({ now: undefined as Promise<AuditVerdict> | undefined }));
  running.now ??= verifyChain(ctx.db).finally(() => {
    running.now = undefined;
  });
  return running.now;
}

function mayRead({ actor }: Ctx): void {
  if (!can(actor, 'read', { type: 'audit' })) {
    throw new HubError('FORBIDDEN', 'The audit trail is shown to administrators and auditors.');
  }
}

function conditions({ action, resource, actor, from, to, q }: AuditFilter): (SQL | undefined)[] {
  return [
    action === undefined
      ? undefined
      : action.includes('.')
        ? eq(auditLogs.action, action)
        : ilike(auditLogs.action, `${literally(action)}.%`),
    resource === undefined ? undefined : ofResource(resource),
    actor === undefined
      ? undefined
      : or(eq(sql`lower(${auditLogs.actor})`, actor.toLowerCase()), eq(auditLogs.actorId, actor)),
    from === undefined ? undefined : gte(auditLogs.at, new Date(from)),
    to === undefined ? undefined : lt(auditLogs.at, new Date(to)),
    q === undefined ? undefined : containing(q),
  ];
}

function ofResource(resource: string): SQL | undefined {
  const slash = resource.indexOf('/');
  if (slash < 0) return eq(auditLogs.resourceType, resource);
  const which = resource.slice(slash + 1);
  return and(
    eq(auditLogs.resourceType, resource.slice(0, slash)),
    or(eq(sql`lower(${auditLogs.resourceName})`, which.toLowerCase()), eq(auditLogs.resourceId, which)),
  );
}

function containing(text: string): SQL | undefined {
  const pattern = `%${literally(text)}%`;
  const { actor, address, action, resourceName, resourceId, requestId, before, after } = auditLogs;
  return or(
    ...[actor, address, action, resourceName, resourceId, requestId].map((column) => ilike(column, pattern)),
    ...[before, after].map((column) => sql`${column}::text ilike ${pattern}`),
  );
}

/** Text in a LIKE pattern. */
function literally(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&');
}

function writeCursor(id: number): string {
  return Buffer.from(`audit.${id.toString(36)}`).toString('base64url');
}

/** @throws HubError INVALID_INPUT */
function readCursor(cursor: string): number {
  const digits = /^audit\.([0-9a-z]{1,11})$/.exec(Buffer.from(cursor, 'base64url').toString('latin1'))?.[1];
  const id = Number.parseInt(digits ?? '', 36);
  if (!Number.isSafeInteger(id) || writeCursor(id) !== cursor) {
    throw new HubError('INVALID_INPUT', 'This cursor is not valid here: begin again without one.', {
      faults: [{ pointer: '/cursor', detail: 'is altered, or of another list' }],
    });
  }
  return id;
}

async function* pagesOf({ db }: Ctx, where: (SQL | undefined)[]): AsyncGenerator<AuditView[]> {
  let after = 0;
  for (;;) {
    const rows = await db
      .select()
      .from(auditLogs)
      .where(and(...where, gt(auditLogs.id, after)))
      .orderBy(asc(auditLogs.id))
      .limit(exportRows);
    if (rows.length > 0) yield rows.map(viewOf);
    after = rows.at(-1)?.id ?? after;
    if (rows.length < exportRows) return;
  }
}

async function* ndjsonOf(ctx: Ctx, where: (SQL | undefined)[]): AsyncGenerator<string> {
  for await (const page of pagesOf(ctx, where)) yield page.map((row) => `${JSON.stringify(row)}\n`).join('');
}

const csvColumns = [
  'id',
  'at',
  'actorKind',
  'actorId',
  'actor',
  'address',
  'action',
  'resourceType',
  'resourceId',
  'resourceName',
  'before',
  'after',
  'requestId',
  'hash',
] as const satisfies readonly (keyof AuditView)[];

/** RFC 4180. */
async function* csvOf(ctx: Ctx, where: (SQL | undefined)[]): AsyncGenerator<string> {
  yield `${csvColumns.join(',')}\r\n`;
  for await (const page of pagesOf(ctx, where)) {
    yield page.map((row) => `${csvColumns.map((column) => csvCell(row[column])).join(',')}\r\n`).join('');
  }
}

/**
 * One cell. Text that a spreadsheet would run as a formula gets an apostrophe before it (OWASP, CSV Injection): names
 * are chosen by other people than the one who opens the file.
 */
export function csvCell(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const harmless = /^[\s]*[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]|^\s|\s$/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

function viewOf(row: typeof auditLogs.$inferSelect): AuditView {
  return { ...chainedPart(row), hash: row.hash };
}
