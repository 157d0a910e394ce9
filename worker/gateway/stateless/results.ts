// Results and errors as revision 2026-07-28 wants them (basic/index, "Responses"; server/utilities/caching). What a
// server sent is completed by writing the missing members in front of its own bytes; nothing is serialised anew
// unless a member must change.
import { errorTable } from '../../../lib/errors';
import type { Reply } from '../http/exchange';
import { isObject } from './envelope';

export type ResultReply = NonNullable<Reply> & { kind: 'result' };

const resultTypeBytes = Buffer.from('"resultType"');
const cacheBytes = [Buffer.from('"ttlMs"'), Buffer.from('"cacheScope"')];
const openBrace = 0x7b;
const closeBrace = 0x7d;
/** Up to this size an answer is put together as text anyway, see exchange.ts. */
const textMaxBytes = 16 * 1024;

export const completeMember = '"resultType":"complete"';

/** How long a client may keep a list or the answer to server/discover. They differ by rights, so nobody may share them. */
export const listHints = (ttlMs: number) => `"ttlMs":${ttlMs},"cacheScope":"private"`;
/** Nobody knows how long a resource of an earlier revision stays as it is. */
const readHints = '"ttlMs":0,"cacheScope":"private"';

/** Whether the body may hold this member at all; a hit may still be text or lie deeper. */
function mentions(body: Buffer | string, member: Buffer): boolean {
  return typeof body === 'string' ? body.includes(member.toString()) : body.includes(member);
}

/**
 * Writes members in front of those of an object.
 * @param body bytes or text of one JSON object @param members as in JSON, without braces
 */
export function withMembers(body: Buffer | string, members: string): Buffer | string {
  if (typeof body !== 'string' && body.length <= textMaxBytes) return withMembers(body.toString(), members);
  if (typeof body === 'string') {
    const at = body.indexOf('{') + 1;
    let next = at;
    while (body.charCodeAt(next) <= 0x20) next++;
    return `{${members}${body.charCodeAt(next) === closeBrace ? '' : ','}${body.slice(at)}`;
  }
  const at = body.indexOf(openBrace) + 1;
  let next = at;
  while ((body[next] as number) <= 0x20) next++;
  return Buffer.concat([Buffer.from(`{${members}${body[next] === closeBrace ? '' : ','}`), body.subarray(at)]);
}

/** The parsed result, where its own `resultType` may be in it; undefined where it certainly has none. */
export function typedResult(body: Buffer | string): Record<string, unknown> | undefined {
  if (!mentions(body, resultTypeBytes)) return undefined;
  const value: unknown = JSON.parse(body.toString());
  return isObject(value) && 'resultType' in value ? value : undefined;
}

/** Completes the result of a server. @param typed what `typedResult` gave */
export function completed(
  body: Buffer | string,
  typed: Record<string, unknown> | undefined,
  isRead: boolean,
  isRetry: boolean,
): Buffer | string {
  if (!isRead) return typed ? body : withMembers(body, completeMember);
  if (!cacheBytes.some((member) => mentions(body, member))) {
    return withMembers(body, typed ? readHints : `${completeMember},${readHints}`);
  }
  const value = typed ?? (JSON.parse(body.toString()) as Record<string, unknown>);
  const { ttlMs } = value;
  const isUsable = !isRetry && Number.isSafeInteger(ttlMs) && (ttlMs as number) > 0;
  // What one caller may read another may not, whatever the server thinks of its callers.
  return JSON.stringify({ resultType: 'complete', ...value, ttlMs: isUsable ? ttlMs : 0, cacheScope: 'private' });
}

interface WireError {
  code: number;
  message: string;
  data?: unknown;
}

/** Codes that the specification defines for this revision; others of its range must not be sent. */
const missingCapability = -32021;
const specifiedFrom = -32099;
const specifiedTo = -32020;
const resourceNotFound = -32002;
/** Lies in the range, but becomes a question where one may be asked. */
export const urlElicitationRequired = -32042;
const badAnswer = errorTable.UPSTREAM_BAD_ANSWER.rpc;

/** A server's error in the words of this revision, with its HTTP status. */
export function modernError(body: Buffer | string): { error: WireError; status: number; body: Buffer | string } {
  const error = JSON.parse(body.toString()) as WireError;
  if (error.code === missingCapability) return { error, status: 400, body };
  if (error.code === resourceNotFound) return changed(error, -32602);
  if (error.code >= specifiedFrom && error.code <= specifiedTo) return changed(error, badAnswer);
  return { error, status: 200, body };
}

function changed(error: WireError, code: number): { error: WireError; status: number; body: string } {
  return { error, status: 200, body: JSON.stringify({ ...error, code }) };
}
