// Tokens that were given up, as the worker gives them back: opened, and what became of it, for the audit trail.
import { randomUUID } from 'node:crypto';
import { and, eq, gt, sql } from 'drizzle-orm';
import { oauthRecords } from '../../drizzle/schema';
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
  /** Null where it was not there, or does not open. */
  refreshToken: string | null;
  accessToken: string | null;
}

export interface GivenUpStore {
  /** All that are to be given back; no other worker gets them too. */
  take(): Promise<GivenUp[]>;
  /** @param why they were not given back; null: they were */
  told(given: GivenUp, why: string | null): Promise<void>;
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
      return taken.map(({ id, payload }) => {
        const { server, user, issuer, clientId, values } = payload as GivenUpPayload;
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
        };
      });
    },
    async told({ server, user, issuer }, why) {
      const source = { actor: systemActor('sign-in to servers'), requestId: randomUUID() };
      await writeAuditAlone(db, source, {
        action: why === null ? 'credential.revoked' : 'credential.not-revoked',
        resourceType: 'server',
        resourceId: server.id,
        resourceName: server.name,
        after: { ...ownedBy(user), issuer, ...(why !== null && { why }) },
      });
    },
  };
}
