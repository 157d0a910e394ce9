// Tokens of servers that nobody here uses any more: somebody disconnected, or a user or server is gone. They are kept as
// sealed as they were, and with what the server's row said, until the worker has given them back to their issuer.
import { and, eq, inArray, type SQL, sql } from 'drizzle-orm';
import { oauthRecords, type StoredValues, servers, upstreamCredentials, users } from '../../drizzle/schema';
import type { Tx } from '../db/types';

export const givenUpModel = 'GivenUpTokens';
/** Where no worker runs for so long, they end by themselves. */
const keptSeconds = 60 * 60;

/** Payload of such a record; its id is that of the credential. */
export interface GivenUpPayload extends Record<string, unknown> {
  /** As it was; as JSON, so that its times are texts. */
  server: typeof servers.$inferSelect;
  /** Null: the hub's own. */
  userId: string | null;
  /** Name of that user. */
  user: string | null;
  issuer: string;
  clientId: string | null;
  values: StoredValues;
}

/**
 * To be called before credentials are deleted, in the same transaction.
 * @param which of the credentials @param server its row where that has changed meanwhile
 */
export async function giveUpTokens(tx: Tx, which: SQL, server?: typeof servers.$inferSelect): Promise<void> {
  const found = await tx
    .select({ credential: upstreamCredentials, user: users.username })
    .from(upstreamCredentials)
    .leftJoin(users, eq(users.id, upstreamCredentials.userId))
    .where(and(which, eq(upstreamCredentials.kind, 'oauth')));
  if (found.length === 0) return;
  const ids = [...new Set(found.map(({ credential }) => credential.serverId))];
  const rows = server ? [server] : await tx.select().from(servers).where(inArray(servers.id, ids));
  const records = found.flatMap(({ credential, user }) => {
    const row = rows.find(({ id }) => id === credential.serverId);
    if (!row) return [];
    const { id, userId, issuer, clientId, values } = credential;
    const payload: GivenUpPayload = { server: row, userId, user, issuer, clientId, values };
    return [
      { model: givenUpModel, idHash: id, payload, expiresAt: sql`now() + make_interval(secs => ${keptSeconds})` },
    ];
  });
  await tx.insert(oauthRecords).values(records).onConflictDoNothing();
}
