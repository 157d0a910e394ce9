// Tokens of servers that nobody here uses any more: somebody disconnected, a user or server is gone, or a new sign-in took
// their place. They are kept as sealed as they were, and with what the server's row said, until a worker has given them
// back to their issuer.
import { and, eq, inArray, type SQL } from 'drizzle-orm';
import { givenUpTokens, servers, upstreamCredentials, users } from '../../drizzle/schema';
import type { Tx } from '../db/types';

/**
 * To be called before credentials are deleted or replaced, in the same transaction.
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
  const given = found.flatMap(({ credential, user }) => {
    const row = rows.find((each) => each.id === credential.serverId);
    if (!row) return [];
    const { id: credentialId, userId, issuer, clientId, values } = credential;
    return [{ credentialId, server: row, userId, user, issuer, clientId, values }];
  });
  if (given.length > 0) await tx.insert(givenUpTokens).values(given);
}
