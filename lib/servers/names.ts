// The one case-insensitive name space of servers and groups, and making foreign names legal for it.
import { eq, sql } from 'drizzle-orm';
import { endpointNames, groups, servers } from '../../drizzle/schema';
import type { Db, Tx } from '../db/types';
import { HubError } from '../errors';

type Owner = { serverId: string } | { groupId: string };

/** Held from the look at the other names until the transaction ends, so that two callers at once see each other. */
const namesLock = 7_316_520_881;

/**
 * Gives `name` to a server or group, whose row is there already, inside the caller's transaction. Two callers at once:
 * one of them wins.
 * @throws HubError CONFLICT for a name that another has, INVALID_INPUT for one that differs from another's only in case
 * or in characters that look alike; both name the holder
 */
export async function claimName(tx: Tx, name: string, owner: Owner): Promise<void> {
  await refuseAlike(tx, name, owner);
  const claimed = await tx
    .insert(endpointNames)
    .values({ name: name.toLowerCase(), ...owner })
    .onConflictDoNothing()
    .returning({ name: endpointNames.name });
  if (claimed.length === 0) throw new HubError('CONFLICT', `The name "${name}" is taken.`);
}

/**
 * Moves a server or group to another name; of its own it may change the case.
 * @throws HubError as claimName
 */
export async function changeName(tx: Tx, from: string, to: string, owner: Owner): Promise<void> {
  if (from === to) return;
  if (from.toLowerCase() === to.toLowerCase()) return refuseAlike(tx, to, owner);
  await tx.delete(endpointNames).where(eq(endpointNames.name, from.toLowerCase()));
  await claimName(tx, to, owner);
}

async function refuseAlike(tx: Tx, name: string, owner: Owner): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(${sql.raw(String(namesLock))})`);
  const own = 'serverId' in owner ? owner.serverId : owner.groupId;
  const looks = new Set(looksOf(name));
  const others = (await readNames(tx)).filter(
    (each) => each.id !== own && looksOf(each.name).some((look) => looks.has(look)),
  );
  const lower = name.toLowerCase();
  const holder =
    others.find((each) => each.name === name) ?? others.find((each) => each.name.toLowerCase() === lower) ?? others[0];
  if (holder) throw nameRefused(name, holder);
}

export interface NameHolder {
  name: string;
  isGroup: boolean;
}

/** The names of all servers and groups. */
export async function readNames(db: Db | Tx): Promise<(NameHolder & { id: string })[]> {
  const [ofServers, ofGroups] = [
    await db.select({ id: servers.id, name: servers.name }).from(servers),
    await db.select({ id: groups.id, name: groups.name }).from(groups),
  ];
  return [
    ...ofServers.map((each) => ({ ...each, isGroup: false })),
    ...ofGroups.map((each) => ({ ...each, isGroup: true })),
  ];
}

/** Why `name` is not to be had beside the holder's. */
export function likenessFault(name: string, holder: NameHolder): string {
  const how = name.toLowerCase() === holder.name.toLowerCase() ? 'in case' : 'in characters that look alike';
  return `differs from the name of ${whoIs(holder)} only ${how}`;
}

function nameRefused(name: string, holder: NameHolder): HubError {
  const hint = 'Choose another name.';
  if (name !== holder.name) {
    const detail = likenessFault(name, holder);
    return new HubError('INVALID_INPUT', `The name "${name}" ${detail}. Servers and groups share one name space.`, {
      hint,
      faults: [{ pointer: '/name', detail }],
    });
  }
  const who = whoIs(holder);
  return new HubError('CONFLICT', `The name "${name}" is taken by ${who}. Servers and groups share one name space.`, {
    hint,
    faults: [{ pointer: '/name', detail: `is taken by ${who}` }],
  });
}

function whoIs({ name, isGroup }: NameHolder): string {
  return `the ${isGroup ? 'group' : 'server'} "${name}"`;
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

/** Two names have one of these in common if they differ only in case, or only by 0 and O, 1, l and I, "-" and "_". */
export function looksOf(name: string): string[] {
  return [name.toLowerCase(), lookOf(name)];
}

function lookOf(name: string): string {
  return name.replace(/[1I]/g, 'l').toLowerCase().replace(/0/g, 'o').replace(/_/g, '-');
}

/** Equal for names that people take for each other, also by "rn" and "m"; they are legal and only worth a warning. */
export function likenessOf(name: string): string {
  return lookOf(name).replace(/rn/g, 'm').replace(/vv/g, 'w').replace(/-/g, '');
}

const hidden = /[\p{Cc}\p{Cf}\u115f\u1160\u3164]/gu;

/** Whether a text holds characters that nobody sees, or that turn it around. Line ends and tabs are meant to be there. */
export function hidesCharacters(text: string): boolean {
  // In emoji and in scripts that join letters these two are part of what is seen.
  return (text.match(hidden) ?? []).some((each) => !/[\t\n\r\u200c\u200d]/.test(each));
}

/** A foreign name as people may see it: without characters that are invisible or turn the text around. */
export function labelOf(foreign: string): string {
  return foreign.replace(hidden, '');
}

/** `name`, or the first of name-2, name-3 … that is not taken. */
export function freeName(name: string, isTaken: (name: string) => boolean): string {
  if (!isTaken(name)) return name;
  for (let number = 2; ; number++) {
    const suffix = `-${number}`;
    const candidate = name.slice(0, nameMaxLength - suffix.length) + suffix;
    if (!isTaken(candidate)) return candidate;
  }
}
