// The call log's reading side: newest first, page by page.
import { and, desc, eq, type SQL, sql } from 'drizzle-orm';
import { requestLogs } from '../../drizzle/schema';
import { can } from '../access/can';
import type { Ctx } from '../access/context';
import { HubError } from '../errors';
import { parseInput } from '../input';
import { type CallPage, type CallQuery, type CallView, callQuerySchema } from './schema';

const defaultLimit = 50;

/**
 * Calls that the actor may see: all, or those of the own account; with a limited key those of this key.
 * @throws HubError INVALID_INPUT (also for an altered cursor), FORBIDDEN for those who may see none
 */
export async function listCalls(ctx: Ctx, query: CallQuery = {}): Promise<CallPage> {
  const scope = visibleCalls(ctx);
  if (!scope) throw new HubError('FORBIDDEN', 'You may not see calls.');
  const { where } = scope;
  const { server, tool, outcome, cursor, limit = defaultLimit } = parseInput(callQuerySchema, query);
  const rows = await ctx.db
    .select()
    .from(requestLogs)
    .where(
      and(
        where,
        server === undefined ? undefined : eq(sql`lower(${requestLogs.server})`, server.toLowerCase()),
        tool === undefined ? undefined : eq(requestLogs.tool, tool),
        outcome === undefined ? undefined : eq(requestLogs.outcome, outcome),
        cursor === undefined ? undefined : before(readCursor(cursor)),
      ),
    )
    .orderBy(desc(requestLogs.at), desc(requestLogs.id))
    .limit(limit + 1);
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return { data: shown.map(viewOf), nextCursor: rows.length > limit && last ? writeCursor(last) : null };
}

/** Which calls an actor may see. */
export interface CallScope {
  /** The same for all actors that see the same calls. */
  name: string;
  /** The condition on request_logs; undefined sets none. */
  where: SQL | undefined;
  /** The same for other tables: whose; null: everybody's. */
  only: { keyId: string } | { userId: string } | null;
}

/** Null for those who may see none. A limited key sees its own, where its owner may see his. */
export function visibleCalls({ actor }: Ctx): CallScope | null {
  if (can(actor, 'read', { type: 'call' })) return { name: 'all', where: undefined, only: null };
  const { id, userId } = actor;
  if (userId === null || !can({ ...actor, keyScope: null }, 'read', { type: 'call', ownerId: userId })) return null;
  if (actor.keyScope && actor.kind === 'key') {
    return { name: `key:${id}`, where: eq(requestLogs.keyId, id), only: { keyId: id } };
  }
  return { name: `user:${userId}`, where: eq(requestLogs.userId, userId), only: { userId } };
}

interface Position {
  at: Date;
  id: number;
}

/** Rows of one batch share their instant, so the id breaks the tie. */
function before({ at, id }: Position): SQL {
  return sql`(${requestLogs.at}, ${requestLogs.id}) < (${at.toISOString()}::timestamptz, ${id}::bigint)`;
}

export function writeCursor({ at, id }: Position): string {
  return Buffer.from(`${at.getTime().toString(36)}.${id.toString(36)}`).toString('base64url');
}

/** @throws HubError INVALID_INPUT */
export function readCursor(cursor: string): Position {
  const parts = /^([0-9a-z]{1,9})\.([0-9a-z]{1,11})$/.exec(Buffer.from(cursor, 'base64url').toString('latin1'));
  const time = Number.parseInt(parts?.[1] ?? '', 36);
  const id = Number.parseInt(parts?.[2] ?? '', 36);
  const position = { at: new Date(time), id };
  if (!Number.isSafeInteger(id) || Number.isNaN(position.at.getTime()) || writeCursor(position) !== cursor) {
    throw new HubError('INVALID_INPUT', 'This cursor is not valid here: begin again without one.', {
      faults: [{ pointer: '/cursor', detail: 'is altered, or of another list' }],
    });
  }
  return position;
}

function viewOf(row: typeof requestLogs.$inferSelect): CallView {
  return {
    id: String(row.id),
    at: row.at.toISOString(),
    requestId: row.requestId,
    actor: row.actor,
    client: row.client,
    endpoint: row.endpoint,
    server: row.server,
    tool: row.tool,
    shownTool: row.shownTool,
    outcome: row.outcome,
    errorCode: row.errorCode,
    errorMessage: row.errorMessage,
    durationMs: row.durationMs,
    requestBytes: row.requestBytes,
    responseBytes: row.responseBytes,
    arguments: row.arguments,
  };
}
