// The name under which an aggregate endpoint shows a tool or prompt of one of its servers. A pure function of the two
// names, so it stays the same whoever else joins.
import { createHash } from 'node:crypto';

/** Models and their APIs refuse longer names or other characters. */
const nameMaxLength = 64;
const legal = /^[A-Za-z0-9_-]+$/;
const separator = '__';
const hashDigits = 8;

/**
 * `{server}__{tool}`, at most 64 characters of `[A-Za-z0-9_-]`. Where characters had to be replaced or cut, and where
 * the joined name could be read as another server's tool, `_` and 8 hex digits of SHA-256(server, tool) end it. So two
 * different pairs never get one name (but for a collision of the hash), and nobody has to split a name again.
 */
export function exposedName(server: string, tool: string): string {
  const joined = server + separator + tool;
  // Only the first "__" divides: "a" + "b__c" keeps the plain form, "a__b" + "c" gives way.
  if (joined.length <= nameMaxLength && legal.test(joined) && joined.indexOf(separator) === server.length)
    return joined;
  return hashedName(server, tool);
}

/** The form with the hash, also for a name that is already taken. */
export function hashedName(server: string, tool: string): string {
  const hash = createHash('sha256').update(`${server}\0${tool}`).digest('hex').slice(0, hashDigits);
  const readable = (server + separator + tool).replace(/[^A-Za-z0-9_-]/g, '_');
  return `${readable.slice(0, nameMaxLength - 1 - hashDigits)}_${hash}`;
}
