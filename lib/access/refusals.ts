// Refused sign-ins in the audit trail. Anybody can cause them, so how many are written is bounded for the whole process,
// and each entry tells how many before it were not. The name that was tried stands there only where it is an account's:
// people type their password into the wrong field.
import { isHubError } from '../errors';
import { singleton } from '../singleton';
import { type AuditEntry, writeAuditAlone } from '../telemetry/audit';
import type { Ctx } from './context';
import { anonymousActor } from './identities';

/** Entries at once, and then one per `everyMs`: 2,880 a day at most. */
const burst = 50;
const everyMs = 30_000;

export interface RefusalBound {
  /** @returns how many refusals were left out before this one, or null where this one is left out, too */
  admit(): number | null;
}

/** @param now monotonic milliseconds */
export function createRefusalBound(now: () => number = () => performance.now()): RefusalBound {
  let tokens = burst;
  let countedAt = now();
  let omitted = 0;
  return {
    admit() {
      tokens = Math.min(burst, tokens + (now() - countedAt) / everyMs);
      countedAt = now();
      if (tokens < 1) {
        omitted += 1;
        return null;
      }
      tokens -= 1;
      const before = omitted;
      omitted = 0;
      return before;
    },
  };
}

export interface Refusal extends Omit<AuditEntry, 'before' | 'after'> {
  reason?: string;
}

/**
 * Writes a refusal, unless there were too many lately. The actor is nobody where the source names none.
 * @param tell asked only for a refusal that is written
 */
export async function noteRefusal(
  source: Pick<Ctx, 'db' | 'requestId'> & Partial<Pick<Ctx, 'actor'>> & { address?: string | undefined },
  tell: () => Refusal | Promise<Refusal>,
): Promise<void> {
  const omitted = singleton('access.refusal-bound', () => createRefusalBound()).admit();
  if (omitted === null) return;
  const { reason, ...entry } = await tell();
  const facts = { ...(reason && { reason }), ...(omitted > 0 && { notWrittenBefore: omitted }) };
  await writeAuditAlone(
    source.db,
    { actor: source.actor ?? anonymousActor, requestId: source.requestId, address: source.address },
    { ...entry, ...(Object.keys(facts).length > 0 && { after: facts }) },
  );
}

/** Waits for an attempt to be counted, and notes it where the account is locked for a while. */
export async function noteLockOut(
  source: Parameters<typeof noteRefusal>[0],
  attempt: Promise<void>,
  account: () => Promise<Partial<Refusal>>,
): Promise<void> {
  try {
    await attempt;
  } catch (error) {
    if (isHubError(error) && error.code === 'LIMIT_EXCEEDED') {
      const tell = async () => ({ action: 'user.locked-out', resourceType: 'user', ...(await account()) });
      await noteRefusal(source, tell);
    }
    throw error;
  }
}
