// Optimistic locking: who changes a row may say which version of it was read.
import { desc, eq } from 'drizzle-orm';
import { auditLogs } from '../../drizzle/schema';
import type { Tx } from '../db/types';
import { HubError } from '../errors';

/** Options of verbs that change or delete one row. */
export interface VersionCheck {
  /** The version that the caller read; without it the last writer wins. */
  ifVersion?: number | undefined;
}

/** @throws HubError STALE_VERSION naming who changed the row and when, as far as the audit trail knows */
export async function checkVersion(
  tx: Tx,
  row: { id: string; name: string; version: number },
  { ifVersion }: VersionCheck,
): Promise<void> {
  if (ifVersion === undefined || ifVersion === row.version) return;
  const [last] = await tx
    .select({ actor: auditLogs.actor, at: auditLogs.at })
    .from(auditLogs)
    .where(eq(auditLogs.resourceId, row.id))
    .orderBy(desc(auditLogs.id))
    .limit(1);
  const by = last ? ` by ${last.actor} at ${last.at.toISOString()}` : '';
  throw new HubError(
    'STALE_VERSION',
    `"${row.name}" was changed${by}: you read version ${ifVersion}, it is at version ${row.version} now.`,
    { hint: 'Read it again and repeat the change.' },
  );
}
