// Credentials of servers as the worker uses them: opened, replaced after a refresh, marked as refused. Who may store and
// read about them is a matter of the verbs beside this file.
import { randomUUID } from 'node:crypto';
import { and, asc, eq, isNull, sql } from 'drizzle-orm';
import { oauthRecords, type StoredValues, servers, upstreamCredentials, users } from '../../drizzle/schema';
import { giveUpTokens } from '../access/given-up';
import type { Opener, Place } from '../access/vault/envelope';
import type { Vault } from '../access/vault/seal';
import type { Db, Tx } from '../db/types';
import { HubError } from '../errors';
import { writeAudit } from '../telemetry/audit';
import { ownedBy } from './owner';

/** A credential with its values opened. */
export interface Held {
  id: string;
  serverId: string;
  /** Whose it is; null: the hub's. */
  userId: string | null;
  kind: 'oauth' | 'static';
  issuer: string;
  clientId: string | null;
  /** Empty where one of them does not open; then `fault` says so. */
  values: Record<string, string>;
  scopes: string[];
  /** Of the access token. */
  expiresAt: Date | null;
  fault: string | null;
  version: number;
}

/** What an authorization server gave. */
export interface Granted {
  issuer: string;
  clientId: string;
  /** `accessToken`, `refreshToken`, `resource` … */
  values: Record<string, string>;
  scopes: string[];
  expiresAt: Date | null;
}

export interface HeldStore {
  find(serverId: string, userId: string | null): Promise<Held | null>;
  /** One that works, for requests of the hub itself: its own, or else that of the user who connected first. */
  findAny(serverId: string): Promise<Held | null>;
  /**
   * Stores what a sign-in gave, in place of what was there. That is given up where it is of another issuer, or was given
   * to another client. Of the same it may be one sign-in with the new tokens, which an issuer may end as a whole when any
   * token of it is given back (RFC 7009, 2.1): nothing that is in use tells whether it is.
   * @throws HubError NOT_FOUND when server or user is gone
   */
  put(serverId: string, userId: string | null, startedBy: string, granted: Granted): Promise<void>;
  /** @returns false when somebody else has changed the credential since it was read; then nothing is stored */
  renew(held: Held, granted: Omit<Granted, 'issuer' | 'clientId'>): Promise<boolean>;
  /** Notes why it does not work any more, unless it was changed since it was read. */
  fail(held: Held, fault: string): Promise<void>;
  /** Remembers something beside the tokens, unless it was changed since it was read. @returns whether it was stored */
  note(held: Held, name: string, value: string | null): Promise<boolean>;
  /** A connection was opened with it. */
  touch(id: string): Promise<void>;
  /** One worker alone may renew a credential. @returns whether it is the caller, for so long or until `release` */
  claim(id: string, seconds: number): Promise<boolean>;
  release(id: string): Promise<void>;
}

const claimModel = 'UpstreamRefresh';
const closedFault = 'It cannot be opened: it was sealed with another master key. Sign in again.';

/** @param opener of its own: what it opened last it remembers for the next time */
export function createHeldStore(db: Db, vault: Vault, opener: Opener): HeldStore {
  const place = (rowId: string, name: string): Place => ({
    table: 'upstream_credentials',
    rowId,
    column: `values.${name}`,
  });
  const isOf = (serverId: string, userId: string | null) =>
    and(
      eq(upstreamCredentials.serverId, serverId),
      userId === null ? isNull(upstreamCredentials.userId) : eq(upstreamCredentials.userId, userId),
    );
  const isUnchanged = ({ id, version }: Held) =>
    and(eq(upstreamCredentials.id, id), eq(upstreamCredentials.version, version));
  const nextVersion = sql`${upstreamCredentials.version} + 1`;

  async function opened(row: typeof upstreamCredentials.$inferSelect | undefined): Promise<Held | null> {
    if (!row) return null;
    const open = await opener.begin(db);
    const values: Record<string, string> = {};
    let { fault } = row;
    for (const [name, value] of Object.entries(row.values)) {
      const plain = typeof value === 'string' ? value : open(place(row.id, name), value.sealed);
      if (plain === null) fault = closedFault;
      else values[name] = plain;
    }
    return { ...row, values: fault === closedFault ? {} : values, fault };
  }

  async function sealed(tx: Db | Tx, rowId: string, values: Record<string, string>): Promise<StoredValues> {
    const sealer = await vault.sealer(tx);
    const entries = Object.entries(values).map(([name, value]) => [
      name,
      { ...sealer.seal(place(rowId, name), value), mask: '***' },
    ]);
    return Object.fromEntries(entries) as StoredValues;
  }

  return {
    async find(serverId, userId) {
      const [row] = await db.select().from(upstreamCredentials).where(isOf(serverId, userId));
      return opened(row);
    },
    async findAny(serverId) {
      const [row] = await db
        .select()
        .from(upstreamCredentials)
        .where(and(eq(upstreamCredentials.serverId, serverId), isNull(upstreamCredentials.fault)))
        .orderBy(sql`${upstreamCredentials.userId} is not null`, asc(upstreamCredentials.createdAt))
        .limit(1);
      return opened(row);
    },
    async put(serverId, userId, startedBy, { issuer, clientId, values, scopes, expiresAt }) {
      await db.transaction(async (tx) => {
        // Two sign-ins at once would both find no row.
        const [server] = await tx
          .select({ name: servers.name })
          .from(servers)
          .where(eq(servers.id, serverId))
          .for('update');
        const [person] = await tx.select({ name: users.username }).from(users).where(eq(users.id, startedBy));
        if (!server || !person) throw new HubError('NOT_FOUND');
        const [before] = await tx
          .select({
            id: upstreamCredentials.id,
            issuer: upstreamCredentials.issuer,
            clientId: upstreamCredentials.clientId,
          })
          .from(upstreamCredentials)
          .where(isOf(serverId, userId));
        if (before && (before.issuer !== issuer || before.clientId !== clientId)) {
          await giveUpTokens(tx, eq(upstreamCredentials.id, before.id));
        }
        const id = before?.id ?? randomUUID();
        const columns = {
          kind: 'oauth' as const,
          issuer,
          clientId,
          values: await sealed(tx, id, values),
          scopes,
          expiresAt,
          fault: null,
        };
        if (before) {
          await tx
            .update(upstreamCredentials)
            .set({ ...columns, version: nextVersion })
            .where(eq(upstreamCredentials.id, id));
        } else await tx.insert(upstreamCredentials).values({ id, serverId, userId, ...columns });
        await writeAudit(
          tx,
          { actor: { kind: 'user', id: startedBy, name: person.name }, requestId: randomUUID() },
          {
            action: 'credential.stored',
            resourceType: 'server',
            resourceId: serverId,
            resourceName: server.name,
            after: { ...ownedBy(userId === null ? null : person.name), kind: 'oauth', issuer, scopes },
          },
        );
      });
    },
    async renew(held, { values, scopes, expiresAt }) {
      const stored = await db
        .update(upstreamCredentials)
        .set({ values: await sealed(db, held.id, values), scopes, expiresAt, fault: null, version: nextVersion })
        .where(isUnchanged(held))
        .returning({ id: upstreamCredentials.id });
      return stored.length > 0;
    },
    async fail(held, fault) {
      await db.update(upstreamCredentials).set({ fault, version: nextVersion }).where(isUnchanged(held));
    },
    async note(held, name, value) {
      const { [name]: _former, ...others } = held.values;
      const values = value === null ? others : { ...others, [name]: value };
      const stored = await db
        .update(upstreamCredentials)
        .set({ values: await sealed(db, held.id, values), version: nextVersion })
        .where(isUnchanged(held))
        .returning({ id: upstreamCredentials.id });
      return stored.length > 0;
    },
    async touch(id) {
      await db
        .update(upstreamCredentials)
        .set({ lastUsedAt: sql`now()`, updatedAt: sql`${upstreamCredentials.updatedAt}` })
        .where(eq(upstreamCredentials.id, id));
    },
    async claim(id, seconds) {
      const expiresAt = sql`now() + make_interval(secs => ${seconds})`;
      const mine = await db
        .insert(oauthRecords)
        .values({ model: claimModel, idHash: id, payload: {}, expiresAt })
        .onConflictDoUpdate({
          target: [oauthRecords.model, oauthRecords.idHash],
          set: { expiresAt },
          setWhere: sql`${oauthRecords.expiresAt} < now()`,
        })
        .returning({ id: oauthRecords.idHash });
      return mine.length > 0;
    },
    async release(id) {
      await db.delete(oauthRecords).where(and(eq(oauthRecords.model, claimModel), eq(oauthRecords.idHash, id)));
    },
  };
}
