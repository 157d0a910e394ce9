// Tokens that were given up, as the worker gives them back: claimed by one worker and opened, asked for again later, and
// what became of them, for the audit trail.
import { randomUUID } from 'node:crypto';
import { and, eq, isNull, type SQL, sql } from 'drizzle-orm';
import { givenUpTokens, type servers, upstreamCredentials } from '../../drizzle/schema';
import { systemActor } from '../access/identities';
import type { Opener } from '../access/vault/envelope';
import type { Db } from '../db/types';
import { type DesiredServer, desiredOfStored } from '../servers/desired';
import { writeAudit } from '../telemetry/audit';
import { ownedBy } from './owner';
import { placeOfCredential } from './sealed';

export interface GivenUp {
  id: string;
  /** As it was when the tokens were given up. */
  server: DesiredServer;
  /** Name of the user; null: they were the hub's own. */
  user: string | null;
  issuer: string;
  clientId: string;
  /**
   * Whether the same owner is signed in by the same client of the same issuer, to other servers or anew to this one. Many
   * issuers have one sign-in for all of them, and end it with any of its refresh tokens.
   */
  isShared: boolean;
  /** Null where it was not there, or does not open. */
  refreshToken: string | null;
  accessToken: string | null;
  /** Times that the issuer was asked, this one included. */
  tries: number;
  /** They have waited long enough, or too many wait: what this try does not do stays undone. */
  isLast: boolean;
}

export interface GivenUpOutcome {
  isRevoked: boolean;
  /** Why not, or not all of it; a plain sentence. */
  why: string | null;
}

export interface GivenUpStore {
  /** Those whose time has come, some at a time; until told or later no other worker gets them, or for as long as a claim lasts. */
  take(): Promise<GivenUp[]>;
  /** They are done with: deleted, and what became of them is in the audit trail. */
  told(given: GivenUp, outcome: GivenUpOutcome): Promise<void>;
  /** They are to be taken again. */
  later(given: GivenUp, inSeconds: number): Promise<void>;
}

/** How long an issuer that does not answer is asked again. */
const keptDays = 7;
/** Of more than these the oldest are given up for good. */
const keptMax = 10_000;
const batchMax = 8;
/** Longer than a worker needs for a batch: requests of 10 s at most, five for each, four at a time. */
const claimSeconds = 3 * 60;

/** @param opener of its own, as in held.ts */
export function createGivenUpStore(
  db: Db,
  opener: Opener,
  processEnv: Record<string, string | undefined>,
): GivenUpStore {
  const { id, nextTryAt, claimedUntil, createdAt, tries } = givenUpTokens;
  const surplus = db.select({ id }).from(givenUpTokens).orderBy(sql`${createdAt} desc`).offset(keptMax);
  const isSurplus = sql`${id} in ${surplus}`;
  const isOld = sql`${createdAt} < now() - make_interval(days => ${keptDays})`;
  /** As this worker has claimed it. */
  const isMine = (given: GivenUp): SQL | undefined => and(eq(id, given.id), eq(tries, given.tries));

  function isOthers(userId: string | null, issuer: string, clientId: string): Promise<number> {
    const isOwners = userId === null ? isNull(upstreamCredentials.userId) : eq(upstreamCredentials.userId, userId);
    const isSame = and(eq(upstreamCredentials.issuer, issuer), eq(upstreamCredentials.clientId, clientId));
    return db.$count(upstreamCredentials, and(isOwners, isSame));
  }

  return {
    async take() {
      const due = db
        .select({ id })
        .from(givenUpTokens)
        .where(
          sql`(${nextTryAt} <= now() or ${isOld} or ${isSurplus}) and (${claimedUntil} is null or ${claimedUntil} < now())`,
        )
        .orderBy(nextTryAt)
        .limit(batchMax)
        .for('update', { skipLocked: true });
      const taken = await db
        .update(givenUpTokens)
        .set({ tries: sql`${tries} + 1`, claimedUntil: sql`now() + make_interval(secs => ${claimSeconds})` })
        .where(sql`${id} in ${due}`)
        .returning({ row: givenUpTokens, isLast: sql<boolean>`${isOld} or ${isSurplus}` });
      if (taken.length === 0) return [];
      const open = await opener.begin(db);
      return Promise.all(
        taken.map(async ({ row, isLast }) => {
          const { server, userId, user, issuer, values } = row;
          const clientId = row.clientId ?? '';
          const opened = (name: string) => {
            const value = values[name];
            if (value === undefined || typeof value === 'string') return value ?? null;
            return open(placeOfCredential('upstream_credentials', row.credentialId, name), value.sealed);
          };
          return {
            id: row.id,
            server: desiredOfStored(server as typeof servers.$inferSelect, processEnv, open),
            user,
            issuer,
            clientId,
            refreshToken: opened('refreshToken'),
            accessToken: opened('accessToken'),
            isShared: (await isOthers(userId, issuer, clientId)) > 0,
            tries: row.tries,
            isLast,
          };
        }),
      );
    },
    async told(given, { isRevoked, why }) {
      const { server, user, issuer } = given;
      const source = { actor: systemActor('sign-in to servers'), requestId: randomUUID() };
      await db.transaction(async (tx) => {
        const gone = await tx.delete(givenUpTokens).where(isMine(given)).returning({ id });
        // Its claim ran out, and another worker has it.
        if (gone.length === 0) return;
        await writeAudit(tx, source, {
          action: isRevoked ? 'credential.revoked' : 'credential.not-revoked',
          resourceType: 'server',
          resourceId: server.id,
          resourceName: server.name,
          after: { ...ownedBy(user), issuer, ...(why !== null && { why }) },
        });
      });
    },
    async later(given, inSeconds) {
      await db
        .update(givenUpTokens)
        .set({ nextTryAt: sql`now() + make_interval(secs => ${inSeconds})`, claimedUntil: null })
        .where(isMine(given));
    },
  };
}
