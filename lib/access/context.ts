// What every verb receives as its first argument.
import type { Db } from '../db/types';
import type { Bus } from '../events/bus';
import type { AuditEntry } from '../telemetry/audit';
import type { Actor } from './schema';
import type { Vault } from './vault/seal';

export interface Ctx {
  /** Who asks; made by an adapter from a credential, never looked up inside a verb. */
  actor: Actor;
  db: Db;
  bus: Bus;
  /** Id of the browser session that asks; absent for keys. */
  sessionId?: string;
  /** Seals what must not be read in the database. */
  vault: Vault;
  /** Goes into the audit row, the log and every error answer. */
  requestId: string;
  /** Where the request comes from, an IP address; absent where nobody knows. For the audit trail. */
  address?: string;
  /** Set by writeAuditLast alone. */
  heldAudit?: AuditEntry[];
}
