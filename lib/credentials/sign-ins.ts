// What the hub keeps as an OAuth client of servers: sign-ins that were begun in a browser and wait for their code, and
// registrations with authorization servers (RFC 7591). Secrets in them are sealed.
import { createHash, randomUUID } from 'node:crypto';
import { and, eq, isNull, lt, sql } from 'drizzle-orm';
import { type StoredValues, upstreamClients, upstreamSignIns } from '../../drizzle/schema';
import type { Opener, Place } from '../access/vault/envelope';
import type { Vault } from '../access/vault/seal';
import type { Db } from '../db/types';

export interface SignIn {
  serverId: string;
  /** Who began it, and alone may end it. */
  startedBy: string;
  /** Whose credential it will be; null: the hub's. */
  userId: string | null;
  issuer: string;
  clientId: string;
  redirectUri: string;
  resource: string;
  scopes: string[];
  /** PKCE (RFC 7636). */
  verifier: string;
}

export interface RegisteredClient {
  clientId: string;
  clientSecret: string | null;
  /** How it was registered to prove itself at the token endpoint. */
  authMethod: string | null;
}

export interface SignInStore {
  /** Valid for `seconds`. Takes away those that are over. @param state kept as its hash only */
  add(state: string, signIn: SignIn, seconds: number): Promise<void>;
  /** One that is neither used nor over. */
  find(state: string): Promise<(SignIn & { id: string }) | null>;
  /** A code is good once. @returns false when it was used before */
  use(id: string): Promise<boolean>;
  findClient(issuer: string, redirectUri: string): Promise<RegisteredClient | null>;
  /** @returns the one that counts, which another worker may have registered at the same moment */
  addClient(
    issuer: string,
    redirectUri: string,
    client: RegisteredClient,
    expiresAt: Date | null,
  ): Promise<RegisteredClient>;
  /** The issuer does not know it any more. */
  removeClient(issuer: string, clientId: string): Promise<void>;
}

/** @param opener of its own, as in held.ts */
export function createSignInStore(db: Db, vault: Vault, opener: Opener): SignInStore {
  const hashOf = (state: string) => createHash('sha256').update(state).digest('hex');

  async function seal(place: Place, value: string): Promise<StoredValues[string]> {
    return { ...(await vault.sealer(db)).seal(place, value), mask: '***' };
  }

  async function opened(place: Place, value: StoredValues[string] | undefined): Promise<string | null> {
    if (value === undefined || typeof value === 'string') return value ?? null;
    return (await opener.begin(db))(place, value.sealed);
  }

  async function findClient(issuer: string, redirectUri: string): Promise<RegisteredClient | null> {
    const [row] = await db
      .select()
      .from(upstreamClients)
      .where(and(eq(upstreamClients.issuer, issuer), eq(upstreamClients.redirectUri, redirectUri)));
    if (!row) return null;
    const clientSecret = await opened(secretPlace(row.id), row.values.clientSecret);
    const isLost = row.values.clientSecret !== undefined && clientSecret === null;
    if (isLost || (row.expiresAt && row.expiresAt.getTime() < Date.now())) {
      await db.delete(upstreamClients).where(eq(upstreamClients.id, row.id));
      return null;
    }
    const method = row.metadata.token_endpoint_auth_method;
    return { clientId: row.clientId, clientSecret, authMethod: typeof method === 'string' ? method : null };
  }

  return {
    async add(state, { verifier, ...columns }, seconds) {
      const id = randomUUID();
      await db.delete(upstreamSignIns).where(lt(upstreamSignIns.expiresAt, sql`now()`));
      await db.insert(upstreamSignIns).values({
        id,
        stateHash: hashOf(state),
        ...columns,
        values: { verifier: await seal(verifierPlace(id), verifier) },
        expiresAt: sql`now() + make_interval(secs => ${seconds})`,
      });
    },
    async find(state) {
      const isOpen = and(isNull(upstreamSignIns.usedAt), sql`${upstreamSignIns.expiresAt} > now()`);
      const [row] = await db
        .select()
        .from(upstreamSignIns)
        .where(and(eq(upstreamSignIns.stateHash, hashOf(state)), isOpen));
      const verifier = row && (await opened(verifierPlace(row.id), row.values.verifier));
      return row && verifier ? { ...row, verifier } : null;
    },
    async use(id) {
      const used = await db
        .update(upstreamSignIns)
        .set({ usedAt: sql`now()` })
        .where(and(eq(upstreamSignIns.id, id), isNull(upstreamSignIns.usedAt)))
        .returning({ id: upstreamSignIns.id });
      return used.length > 0;
    },
    findClient,
    async addClient(issuer, redirectUri, client, expiresAt) {
      const id = randomUUID();
      const { clientId, clientSecret, authMethod } = client;
      const values: StoredValues =
        clientSecret === null ? {} : { clientSecret: await seal(secretPlace(id), clientSecret) };
      const metadata: Record<string, unknown> = authMethod === null ? {} : { token_endpoint_auth_method: authMethod };
      const added = await db
        .insert(upstreamClients)
        .values({ id, issuer, redirectUri, clientId, values, metadata, expiresAt })
        .onConflictDoNothing()
        .returning({ id: upstreamClients.id });
      return added.length > 0 ? client : ((await findClient(issuer, redirectUri)) ?? client);
    },
    async removeClient(issuer, clientId) {
      await db
        .delete(upstreamClients)
        .where(and(eq(upstreamClients.issuer, issuer), eq(upstreamClients.clientId, clientId)));
    },
  };
}

function verifierPlace(rowId: string): Place {
  return { table: 'upstream_sign_ins', rowId, column: 'values.verifier' };
}

function secretPlace(rowId: string): Place {
  return { table: 'upstream_clients', rowId, column: 'values.clientSecret' };
}
