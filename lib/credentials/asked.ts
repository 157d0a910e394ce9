// Sign-ins at servers by OAuth, as far as rights are concerned: who may begin one, and which one an answer belongs to.
// The worker does the rest.
import { createHash } from 'node:crypto';
import { and, eq } from 'drizzle-orm';
import { upstreamSignIns } from '../../drizzle/schema';
import { can } from '../access/can';
import type { Ctx } from '../access/context';
import { HubError } from '../errors';
import { parseInput } from '../input';
import { findServer, readServers, serverResource } from '../servers/rows';
import { requireOwn, settingOf } from './connections';
import { type BeginInput, beginInputSchema } from './schema';

/** What the worker is asked to begin. */
export interface AskedSignIn {
  serverId: string;
  /** Id of the user who alone may end it. */
  startedBy: string;
  /** False: it will be the hub's, for all callers. */
  forUser: boolean;
}

/**
 * Who may begin a sign-in at a server by OAuth: for oneself whoever sees the server, for all callers who may change it.
 * @throws HubError NOT_FOUND, FORBIDDEN (also for keys with a scope), CONFLICT where the server is not signed in to so
 */
export async function requireSignIn(ctx: Ctx, name: string, input: BeginInput): Promise<AskedSignIn> {
  const { for: whose } = parseInput(beginInputSchema, input);
  const { row } = await findServer(ctx, ctx.db, name, whose === 'hub' ? 'update' : 'read');
  const startedBy = requireOwn(ctx);
  const setting = settingOf(row);
  if (!setting) throw new HubError('CONFLICT', `"${row.name}" needs no sign-in.`);
  if (setting.kind !== 'oauth') {
    throw new HubError('CONFLICT', `"${row.name}" is not signed in to by OAuth: enter your keys for it.`);
  }
  if (setting.per !== whose) {
    const detail = whose === 'hub' ? 'each user signs in for itself' : 'one sign-in of the hub is for all callers';
    throw new HubError('CONFLICT', `At "${row.name}" ${detail}.`);
  }
  return { serverId: row.id, startedBy, forUser: whose === 'user' };
}

/** Name of the server of a sign-in that the actor began and, for all callers, may still end; null if there is none such. */
export async function serverOfSignIn(ctx: Ctx, state: string): Promise<string | null> {
  const { userId } = ctx.actor;
  if (userId === null) return null;
  const stateHash = createHash('sha256').update(state).digest('hex');
  const [begun] = await ctx.db
    .select({ serverId: upstreamSignIns.serverId, userId: upstreamSignIns.userId })
    .from(upstreamSignIns)
    .where(and(eq(upstreamSignIns.stateHash, stateHash), eq(upstreamSignIns.startedBy, userId)));
  const [known] = begun ? await readServers(ctx.db, [begun.serverId]) : [];
  const action = begun?.userId === null ? 'update' : 'read';
  return known && can(ctx.actor, action, serverResource(known)) ? known.row.name : null;
}
