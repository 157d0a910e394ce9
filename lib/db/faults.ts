// What a failed query means: the database is away, or a constraint said no. Drizzle wraps the driver's error, so every
// question walks the chain of causes.
import { HubError, isHubError } from '../errors';

interface DriverError {
  code?: unknown;
  constraint_name?: unknown;
  cause?: unknown;
}

/** Codes of Node's sockets and resolver, and of postgres.js itself. */
const connectionCodes = new Set([
  'CONNECTION_CLOSED',
  'CONNECTION_DESTROYED',
  'CONNECTION_ENDED',
  'CONNECT_TIMEOUT',
  'EACCES',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
]);

/**
 * SQLSTATEs of a server that is there but cannot serve: connection (08), authorization (28), resources such as a full
 * disk or too many clients (53), operator intervention and statement time-out (57), I/O (58), no such database (3D000),
 * a serialization failure or deadlock that a second try may pass (40), and a standby that only reads (25006).
 * PostgreSQL 18, appendix A.
 */
const unavailableState = /^(08...|28...|53...|57...|58...|3D000|40001|40P01|25006|25P03)$/;

function* causes(error: unknown): Generator<DriverError> {
  const seen = new Set<unknown>();
  for (
    let each = error;
    typeof each === 'object' && each !== null && !seen.has(each);
    each = (each as DriverError).cause
  ) {
    seen.add(each);
    yield each;
  }
}

/** True when the database could not be reached or could not serve; false for faults of the query itself. */
export function isDatabaseUnavailable(error: unknown): boolean {
  for (const { code } of causes(error)) {
    if (typeof code === 'string' && (connectionCodes.has(code) || unavailableState.test(code))) return true;
  }
  return false;
}

/** 53100 is disk_full (PostgreSQL 18, appendix A). */
function isDiskFull(error: unknown): boolean {
  for (const { code } of causes(error)) if (code === '53100' || code === 'ENOSPC') return true;
  return false;
}

/** Name of the constraint or unique index that refused a row; undefined when the error is something else. */
export function violatedConstraint(error: unknown): string | undefined {
  for (const { code, constraint_name } of causes(error)) {
    if (typeof code === 'string' && code.startsWith('23') && typeof constraint_name === 'string')
      return constraint_name;
  }
  return undefined;
}

/**
 * Turns the loss of the database into UNAVAILABLE and a full disk into STORAGE_FULL; everything else is handed back as it
 * is. For the edges' mappers.
 */
export function asDatabaseFault(error: unknown): unknown {
  if (!isHubError(error) && isDiskFull(error)) {
    return new HubError('STORAGE_FULL', undefined, {
      reason: 'disk-full',
      hint: 'Make room on the disk of the database; the hub goes on by itself.',
      retryable: true,
      detail: rootMessage(error),
      cause: error,
    });
  }
  if (isHubError(error) || !isDatabaseUnavailable(error)) return error;
  return new HubError('UNAVAILABLE', 'The database cannot be reached right now: try again in a moment.', {
    reason: 'database',
    retryable: true,
    retryAfterMs: 2_000,
    detail: rootMessage(error),
    cause: error,
  });
}

/** The text of the innermost error: the driver's own words, without the SQL that drizzle puts around them. */
export function rootMessage(error: unknown): string {
  let message = String(error);
  for (const each of causes(error)) if (each instanceof Error && each.message) message = each.message;
  return message;
}
