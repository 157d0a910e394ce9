// The audit trail: who changed what, from where. A row is written in the transaction of the change itself, so that
// neither exists without the other, and rows form a chain (audit-chain.ts). Rows never hold secrets and are never
// deleted.
import type { Db, Tx } from '../db/types';
import { appendToChain, type Recorded } from './audit-chain';
import { redactText, storable } from './redact';

/** Who did it, on behalf of which request; every Ctx is one. */
export interface AuditSource {
  actor: { kind: string; id: string; name: string };
  requestId: string;
  /** An IP address; absent or "unknown" where nobody knows. */
  address?: string | undefined;
  /** Where entries wait for the end of their transaction; see writeAuditLast. */
  heldAudit?: AuditEntry[];
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

/**
 * Writes one row. Pass the transaction of the change, as its last statement: until the transaction ends, all other
 * writers wait, and a row that is locked later could be held by one of them.
 */
export async function writeAudit(tx: Tx, source: AuditSource, entry: AuditEntry): Promise<void> {
  if (source.heldAudit) source.heldAudit.push(entry);
  else await appendToChain(tx, [recordOf(source, entry)]);
}

/**
 * For a transaction that changes several things one after the other: what `run` writes with the context that it gets is
 * held back and written when it is done, in the same order.
 */
export async function writeAuditLast<C extends AuditSource, T>(
  tx: Tx,
  source: C,
  run: (source: C) => Promise<T>,
): Promise<T> {
  const held: AuditEntry[] = [];
  const result = await run({ ...source, heldAudit: held });
  await appendToChain(
    tx,
    held.map((entry) => recordOf(source, entry)),
  );
  return result;
}

/** Writes a row about something that changed nothing, in a transaction of its own: a refused sign-in, a test. */
export async function writeAuditAlone(db: Db, source: AuditSource, entry: AuditEntry): Promise<void> {
  await db.transaction((tx) => writeAudit(tx, source, entry));
}

const addressMaxChars = 64;
/** A server that is tested may bring an API document of megabytes. */
const stateMaxBytes = 64 * 1024;

function recordOf({ actor, requestId, address }: AuditSource, entry: AuditEntry): Recorded {
  return {
    actorKind: actor.kind,
    actorId: actor.id,
    actor: actor.name,
    action: entry.action,
    resourceType: entry.resourceType,
    resourceId: entry.resourceId ?? null,
    resourceName: entry.resourceName ?? null,
    before: storedForm(maskSecrets(entry.before)),
    after: storedForm(maskSecrets(entry.after, entry.before)),
    requestId,
    address: address && address !== 'unknown' ? storable(address.slice(0, addressMaxChars)) : null,
  };
}

/** What a read of the column will give, because the hash covers that. */
function storedForm(value: unknown): unknown {
  if (value === undefined || value === null) return null;
  const json = JSON.stringify(value);
  const bytes = Buffer.byteLength(json);
  return bytes > stateMaxBytes ? { tooLargeBytes: bytes } : JSON.parse(json);
}

const secretName = /passw|secret|token|authori[sz]ation|api[-_]?key|cookie|credential|private[-_]?key/i;
/** A number of words, no secret. */
const harmlessName = /^maxTokens$/;
/** Maps in which every text may be a secret, whatever its name and however deep. */
const secretMaps: ReadonlySet<string> = new Set(['env', 'headers', 'secrets', 'auth']);

const masked = '***';
const maskedChange = '*** (changed)';

/**
 * A copy in which values under telling names, and all values of `env`, `headers`, `secrets` and `auth`, read "***", and secrets
 * that show by their look are taken out of texts.
 * @param before the same thing earlier: a secret that differs from it reads "*** (changed)"
 */
export function maskSecrets(value: unknown, before?: unknown): unknown {
  if (typeof value === 'string') return redactText(value);
  if (Array.isArray(value)) return value.map((inner) => maskSecrets(inner));
  if (value instanceof Date || typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      const former = memberOf(before, name);
      if (secretMaps.has(name) && typeof inner === 'object' && inner !== null) {
        return [name, maskAll(inner, former)];
      }
      // How a server is signed in to; what is secret of it is named so.
      if (name === 'credential' && typeof inner === 'object') return [name, maskSecrets(inner, former)];
      return [
        name,
        secretName.test(name) && !harmlessName.test(name) && inner !== null
          ? maskOf(inner, former)
          : maskSecrets(inner, former),
      ];
    }),
  );
}

function maskAll(value: object, former: unknown): object {
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const old = memberOf(former, key);
      return [key, typeof inner === 'object' && inner !== null ? maskAll(inner, old) : maskOf(inner, old)];
    }),
  );
}

function maskOf(secret: unknown, former: unknown): string {
  return former === undefined || JSON.stringify(former) === JSON.stringify(secret) ? masked : maskedChange;
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}
