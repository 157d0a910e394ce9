// The one case-insensitive name space of servers and groups, and making foreign names legal for it.
import { eq } from 'drizzle-orm';
import { endpointNames, groups, servers } from '../../drizzle/schema';
import type { Tx } from '../db/types';
import { HubError } from '../errors';

type Owner = { serverId: string } | { groupId: string };

/**
 * Gives `name` to a server or group, inside the caller's transaction. Two callers at once: one of them wins.
 * @throws HubError CONFLICT naming the holder
 */
export async function claimName(tx: Tx, name: string, owner: Owner): Promise<void> {
  if (!(await tryClaimName(tx, name, owner))) throw await nameTaken(tx, name);
}

/** Like claimName, but answers false when the name is taken. */
export async function tryClaimName(tx: Tx, name: string, owner: Owner): Promise<boolean> {
  const claimed = await tx
    .insert(endpointNames)
    .values({ name: name.toLowerCase(), ...owner })
    .onConflictDoNothing()
    .returning({ name: endpointNames.name });
  return claimed.length === 1;
}

/**
 * Moves a server or group to another name; nothing to do when the names differ only in case.
 * @throws HubError CONFLICT naming the holder
 */
export async function changeName(tx: Tx, from: string, to: string, owner: Owner): Promise<void> {
  if (from.toLowerCase() === to.toLowerCase()) return;
  await tx.delete(endpointNames).where(eq(endpointNames.name, from.toLowerCase()));
  await claimName(tx, to, owner);
}

async function nameTaken(tx: Tx, name: string): Promise<HubError> {
  const [holder] = await tx
    .select({ server: servers.name, group: groups.name })
    .from(endpointNames)
    .leftJoin(servers, eq(servers.id, endpointNames.serverId))
    .leftJoin(groups, eq(groups.id, endpointNames.groupId))
    .where(eq(endpointNames.name, name.toLowerCase()));
  const who = holder?.group ? `the group "${holder.group}"` : `the server "${holder?.server ?? name}"`;
  const message = `The name "${name}" is taken by ${who}. Servers and groups share one name space.`;
  return new HubError('CONFLICT', message, {
    hint: 'Choose another name.',
    faults: [{ pointer: '/name', detail: `is taken by ${who}` }],
  });
}

/** nameSchema allows this many characters. */
const nameMaxLength = 63;

/** The nearest legal name to a foreign one: "My Server (v2)" becomes "My-Server-v2". Never empty, never reserved. */
export function legalName(foreign: string): string {
  const name = foreign
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^A-Za-z0-9_-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, nameMaxLength)
    .replace(/-+$/, '');
  if (name === '') return 'server';
  return name.toLowerCase() === 'sse' ? 'sse-server' : name;
}

/**
 * Equal for names that people take for each other: 0 and O, 1, l and I, "rn" and "m", "-" and "_". Such names are legal
 * and only worth a warning.
 */
export function likenessOf(name: string): string {
  return name
    .replace(/0/g, 'o')
    .replace(/[1I|]/g, 'l')
    .toLowerCase()
    .replace(/rn/g, 'm')
    .replace(/vv/g, 'w')
    .replace(/[-_]/g, '');
}

/** A foreign name as people may see it: without characters that are invisible or turn the text around. */
export function labelOf(foreign: string): string {
  return foreign.replace(/[\p{Cc}\p{Cf}\u115f\u1160\u3164]/gu, '');
}

/** `name`, or the first of name-2, name-3 … that `isTaken` (asked in lower case) refuses not. */
export function freeName(name: string, isTaken: (lowerCaseName: string) => boolean): string {
  if (!isTaken(name.toLowerCase())) return name;
  for (let number = 2; ; number++) {
    const suffix = `-${number}`;
    const candidate = name.slice(0, nameMaxLength - suffix.length) + suffix;
    if (!isTaken(candidate.toLowerCase())) return candidate;
  }
}
