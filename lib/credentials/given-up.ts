// Tokens that were given up, as the worker gives them back: opened, and what became of it, for the audit trail.
import { randomUUID } from 'node:crypto';
import { and, eq, gt, isNull, sql } from 'drizzle-orm';
import { oauthRecords, upstreamCredentials } from '../../drizzle/schema';
import { type GivenUpPayload, givenUpModel } from '../access/given-up';
import { systemActor } from '../access/identities';
import type { Opener } from '../access/vault/envelope';
import type { Db } from '../db/types';
import { type DesiredServer, desiredOfStored } from '../servers/desired';
import { writeAuditAlone } from '../telemetry/audit';
import { ownedBy } from './owner';
import { placeOfCredential } from './sealed';

export interface GivenUp {
  /** As it was when the tokens were given up. */
  server: DesiredServer;
  /** Name of the user; null: they were the hub's own. */
  user: string | null;
  issuer: string;
  clientId: string;
  /**
   * Whether the same owner is signed in to other servers by the same client of the same issuer. Many issuers have one
   * sign-in for all of them, and end it with any of its refresh tokens.
   */
  isShared: boolean;
  /** Null where it was not there, or does not open. */
  refreshToken: string | null;
  accessToken: string | null;
}

export interface GivenUpOutcome {
  isRevoked: boolean;
  /** Why not, or not all of it; a plain sentence. */
  why: string | null;
}

export interface GivenUpStore {
  /** All that are to be given back; no other worker gets them too. */
  take(): Promise<GivenUp[]>;
  told(given: GivenUp, outcome: GivenUpOutcome): Promise<void>;
}

/** @param opener of its own, as in held.ts */
export function createGivenUpStore(
  db: Db,
  opener: Opener,
  processEnv: Record<string, string | undefined>,
): GivenUpStore {
  return {
    async take() {
      const taken = await db
        .delete(oauthRecords)
        .where(and(eq(oauthRecords.model, givenUpModel), gt(oauthRecords.expiresAt, sql`now()`)))
        .returning({ id: oauthRecords.idHash, payload: oauthRecords.payload });
      if (taken.length === 0) return [];
      const open = await opener.begin(db);
      const others = async ({ userId, issuer, clientId }: GivenUpPayload) => {
        const isOwners = userId === null ? isNull(upstreamCredentials.userId) : eq(upstreamCredentials.userId, userId);
        const isSame = and(eq(upstreamCredentials.issuer, issuer), eq(upstreamCredentials.clientId, clientId ?? ''));
        return db.$count(upstreamCredentials, and(isOwners, isSame));
      };
      return Promise.all(
        taken.map(async ({ id, payload }) => {
          const given = payload as GivenUpPayload;
          const { server, user, issuer, clientId, values } = given;
          const opened = (name: string) => {
            const value = values[name];
            if (value === undefined || typeof value === 'string') return value ?? null;
            return open(placeOfCredential('upstream_credentials', id, name), value.sealed);
          };
          return {
            server: desiredOfStored(server, processEnv, open),
            user,
            issuer,
            clientId: clientId ?? '',
            refreshToken: opened('refreshToken'),
            accessToken: opened('accessToken'),
            isShared: (await others(given)) > 0,
          };
        }),
      );
    },
    async told({ server, user, issuer }, { isRevoked, why }) {
      const source = { actor: systemActor('sign-in to servers'), requestId: randomUUID() };
      await writeAuditAlone(db, source, {
        action: isRevoked ? 'credential.revoked' : 'credential.not-revoked',
        resourceType: 'server',
        resourceId: server.id,
        resourceName: server.name,
        after: { ...ownedBy(user), issuer, ...(why !== null && { why }) },
      });
    },
  };
}
