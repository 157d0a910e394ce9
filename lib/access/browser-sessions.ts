// Where users are signed in with a browser: a row for each session, whose id is part of the sealed cookie. A row that has
// ended ends the session; `browser.ended` tells every process, so that nobody waits for what it remembers.
import { and, desc, eq, gt, isNull, lt, ne, type SQL } from 'drizzle-orm';
import { browserSessions, users } from '../../drizzle/schema';
import type { Db, Tx } from '../db/types';
import { HubError } from '../errors';
import { writeAudit } from '../telemetry/audit';
import { type BrowserSession, sessionIdleSeconds, sessionMaxSeconds, startBrowserSession } from './browser-session';
import { can } from './can';
import type { Ctx } from './context';
import { isUuid } from './keys';
import type { SessionView, SignInMethod } from './schema';

/** A session as the resolver keeps it. */
export interface SessionRow {
  userId: string;
  /** Milliseconds since 1970. */
  expiresAtMs: number;
}

export interface BrowserVisit {
  method: SignInMethod;
  address?: string | undefined;
  userAgent?: string | null | undefined;
}

const userAgentMaxChars = 300;
const listMax = 200;

/** Makes a session for somebody who has just proved who they are. What of theirs has expired is forgotten. */
export async function beginBrowserSession(
  db: Db | Tx,
  user: { userId: string; sessionVersion: number },
  { method, address, userAgent }: BrowserVisit,
  nowMs: number = Date.now(),
): Promise<BrowserSession> {
  const session = startBrowserSession(user, nowMs);
  await db
    .delete(browserSessions)
    .where(and(eq(browserSessions.userId, user.userId), lt(browserSessions.expiresAt, new Date(nowMs))));
  await db.insert(browserSessions).values({
    id: session.id,
    userId: user.userId,
    method,
    createdAt: new Date(nowMs),
    lastSeenAt: new Date(nowMs),
    expiresAt: new Date(nowMs + sessionMaxSeconds * 1000),
    address: address && address !== 'unknown' ? address.slice(0, 64) : null,
    userAgent: storableAgent(userAgent),
  });
  return session;
}

/** The row of a session that has not been ended; expiry is left to the caller, who has a clock. */
export async function loadBrowserSession(db: Db, id: string): Promise<SessionRow | null> {
  const [row] = await db
    .select({ userId: browserSessions.userId, expiresAt: browserSessions.expiresAt })
    .from(browserSessions)
    .where(and(eq(browserSessions.id, id), isNull(browserSessions.revokedAt)));
  return row ? { userId: row.userId, expiresAtMs: row.expiresAt.getTime() } : null;
}

/**
 * Where a user is signed in, last seen first.
 * @throws HubError NOT_FOUND where the actor may not change that user: addresses of others are nobody's business
 */
export async function listSessions(ctx: Ctx, userId: string): Promise<SessionView[]> {
  await mayManage(ctx, userId);
  const rows = await ctx.db
    .select()
    .from(browserSessions)
    .where(and(eq(browserSessions.userId, userId), isAlive()))
    .orderBy(desc(browserSessions.lastSeenAt))
    .limit(listMax);
  return rows.map((row) => ({
    id: row.id,
    method: row.method as SignInMethod,
    address: row.address,
    userAgent: row.userAgent,
    isCurrent: row.id === ctx.sessionId,
    createdAt: row.createdAt.toISOString(),
    lastSeenAt: row.lastSeenAt.toISOString(),
    expiresAt: row.expiresAt.toISOString(),
  }));
}

/**
 * Ends one session; no request with it is accepted once this returns. Doing it twice is no fault.
 * @throws HubError NOT_FOUND
 */
export async function revokeSession(ctx: Ctx, userId: string, sessionId: string): Promise<void> {
  const username = await mayManage(ctx, userId);
  if (!isUuid(sessionId)) throw new HubError('NOT_FOUND');
  const [known] = await ctx.db
    .select({ id: browserSessions.id })
    .from(browserSessions)
    .where(and(eq(browserSessions.id, sessionId), eq(browserSessions.userId, userId)));
  if (!known) throw new HubError('NOT_FOUND');
  await revoke(ctx, { userId, username, only: sessionId });
}

/** Ends all sessions of a user but the one that asks. @returns how many there were. @throws HubError NOT_FOUND */
export async function revokeOtherSessions(ctx: Ctx, userId: string): Promise<{ ended: number }> {
  const username = await mayManage(ctx, userId);
  return { ended: await revoke(ctx, { userId, username }) };
}

async function revoke(
  ctx: Ctx,
  { userId, username, only }: { userId: string; username: string; only?: string },
): Promise<number> {
  const ids = await ctx.db.transaction(async (tx) => {
    const which = only
      ? eq(browserSessions.id, only)
      : and(
          eq(browserSessions.userId, userId),
          isAlive(),
          ctx.sessionId ? ne(browserSessions.id, ctx.sessionId) : undefined,
        );
    const rows = await endRows(tx, which);
    if (rows.length === 0) return [];
    await writeAudit(tx, ctx, {
      action: 'session.revoked',
      resourceType: 'user',
      resourceId: userId,
      resourceName: username,
      before: { sessions: rows.map(({ address, userAgent }) => ({ address, userAgent })).slice(0, 20) },
    });
    return rows.map((row) => row.id);
  });
  if (ids.length > 0) await ctx.bus.emit('browser.ended', { userId, ids });
  return ids.length;
}

/** Ends all sessions of a user within a change of that user; the caller emits `browser.ended` afterwards. */
export async function endAllSessions(tx: Tx, userId: string): Promise<void> {
  await endRows(tx, eq(browserSessions.userId, userId));
}

async function endRows(tx: Db | Tx, which: SQL | undefined) {
  return tx
    .update(browserSessions)
    .set({ revokedAt: new Date() })
    .where(and(which, isNull(browserSessions.revokedAt)))
    .returning({ id: browserSessions.id, address: browserSessions.address, userAgent: browserSessions.userAgent });
}

/**
 * Ends the session that asks, at the wish of its user; does nothing for others.
 * @param source `sessionId` is null where the browser's session had ended already
 */
export async function signOutOf(
  source: Pick<Ctx, 'actor' | 'db' | 'bus' | 'requestId' | 'address' | 'sessionId'>,
): Promise<void> {
  const { actor, db, bus, sessionId } = source;
  if (actor.kind !== 'user') return;
  await db.transaction(async (tx) => {
    if (sessionId) await endRows(tx, eq(browserSessions.id, sessionId));
    const entry = { resourceType: 'user', resourceId: actor.id, resourceName: actor.name };
    await writeAudit(tx, source, { action: 'user.signed-out', ...entry });
  });
  if (sessionId) await bus.emit('browser.ended', { userId: actor.id, ids: [sessionId] });
}

/** Ends the session that a browser had before it signs in anew. */
export async function replaceSession({ db, bus }: Pick<Ctx, 'db' | 'bus'>, session: BrowserSession): Promise<void> {
  await endRows(db, eq(browserSessions.id, session.id));
  await bus.emit('browser.ended', { userId: session.userId, ids: [session.id] });
}

/** Neither ended nor expired, as far as rows tell: the idle time is in the cookie, which is renewed while it is used. */
function isAlive() {
  const now = Date.now();
  return and(
    isNull(browserSessions.revokedAt),
    gt(browserSessions.expiresAt, new Date(now)),
    gt(browserSessions.lastSeenAt, new Date(now - sessionIdleSeconds * 1000)),
  );
}

/** @returns the user's name. @throws HubError NOT_FOUND */
async function mayManage(ctx: Ctx, userId: string): Promise<string> {
  if (!isUuid(userId) || !can(ctx.actor, 'update', { type: 'user', ownerId: userId })) throw new HubError('NOT_FOUND');
  const [user] = await ctx.db.select({ username: users.username }).from(users).where(eq(users.id, userId));
  if (!user) throw new HubError('NOT_FOUND');
  return user.username;
}

function storableAgent(userAgent: string | null | undefined): string | null {
  // Header values are Latin-1 without control characters, as far as Node passes them on.
  return userAgent ? userAgent.slice(0, userAgentMaxChars).replace(/[^\x20-\x7e\xa0-\xff]/g, '') : null;
}
