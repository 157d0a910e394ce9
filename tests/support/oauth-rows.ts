// Rows of clients, grants and access tokens as the authorization server writes them, for tests of what reads them.
import { randomBytes } from 'node:crypto';
import { oauthRecords } from '../../drizzle/schema';
import { hashSecret } from '../../lib/access/secrets';
import type { Db } from '../../lib/db/types';

export interface TokenRow {
  userId: string;
  grantId: string;
  /** Default: the endpoint over everything of http://hub.example:3000. */
  aud?: string;
  scope?: string;
  clientId?: string;
  expiresAt?: Date;
}

export const hubUrl = 'http://hub.example:3000';

/** @returns the token */
export async function addAccessToken(db: Db, row: TokenRow): Promise<string> {
  const { userId, grantId, aud = `${hubUrl}/api/mcp`, scope = 'mcp:call', clientId = 'client-1' } = row;
  const token = randomBytes(32).toString('base64url');
  await db.insert(oauthRecords).values({
    model: 'AccessToken',
    idHash: hashSecret(token),
    payload: { kind: 'AccessToken', scope, aud, clientId, accountId: userId, grantId },
    grantId,
    userId,
    clientId,
    expiresAt: row.expiresAt ?? new Date(Date.now() + 3_600_000),
  });
  return token;
}

export async function addClient(db: Db, clientId: string, name: string): Promise<void> {
  const payload = { client_id: clientId, client_name: name };
  await db.insert(oauthRecords).values({ model: 'Client', idHash: hashSecret(clientId), payload, clientId });
}

export async function addGrant(db: Db, userId: string, grantId: string): Promise<void> {
  const payload = { accountId: userId };
  await db.insert(oauthRecords).values({ model: 'Grant', idHash: hashSecret(grantId), payload, userId });
}
