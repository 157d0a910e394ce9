// The audit trail: who changed what. A row is written in the transaction of the change itself, so that neither exists
// without the other. Rows never hold secrets.
import { auditLogs } from '../../drizzle/schema';
import type { Db, Tx } from '../db/types';

/** Who did it, on behalf of which request; every Ctx is one. */
export interface AuditSource {
  actor: { kind: string; id: string; name: string };
  requestId: string;
}

export interface AuditEntry {
  /** `noun.verb`, e.g. "server.created". */
  action: string;
  resourceType: string;
  resourceId?: string | null;
  resourceName?: string | null;
  /** The changed fields before and after; secrets in them are masked here. */
  before?: unknown;
  after?: unknown;
}

/** Writes one row. Pass the transaction of the change, never the pool. */
export async function writeAudit(tx: Tx | Db, source: AuditSource, entry: AuditEntry): Promise<void> {
  await tx.insert(auditLogs).values({
    actorKind: source.actor.kind,
    actorId: source.actor.id,
    actor: source.actor.name,
    action: entry.action,
    resourceType: entry.resourceType,
    resourceId: entry.resourceId ?? null,
    resourceName: entry.resourceName ?? null,
    before: entry.before === undefined ? null : maskSecrets(entry.before),
    after: entry.after === undefined ? null : maskSecrets(entry.after),
    requestId: source.requestId,
  });
}

const secretName = /passw|secret|token|authori[sz]ation|api[-_]?key|cookie|credential|private[-_]?key/i;
/** Maps whose every value may be a secret, whatever its name. */
const secretMaps: ReadonlySet<string> = new Set(['env', 'headers', 'secrets']);

/** A copy in which values under telling names, and all values of `env`, `headers` and `secrets`, read "***". */
export function maskSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(maskSecrets);
  if (value instanceof Date || typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      if (secretMaps.has(name) && typeof inner === 'object' && inner !== null) {
        return [name, Object.fromEntries(Object.keys(inner).map((key) => [key, '***']))];
      }
      return [name, secretName.test(name) && inner !== null ? '***' : maskSecrets(inner)];
    }),
  );
}
