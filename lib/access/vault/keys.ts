// The vault's own keys, in the table vault_keys, each wrapped by a key that is derived from the master key. Those called
// k1, k2 … wrap the keys of sealed values; m1, m2 … make their marks. Of each kind the highest that opens is in use; the
// others are kept for what they sealed. With another master key none opens, and new ones are made beside them.
import { randomBytes } from 'node:crypto';
import { vaultKeys } from '../../../drizzle/schema';
import type { Db, Tx } from '../../db/types';
import type { Keyring } from '../keyring';
import { keyBytes, unwrapKey, wrapKey } from './envelope';

export interface VaultKey {
  id: string;
  key: Buffer;
}

export interface VaultKeys {
  /** Id → key, of those that open. */
  known: ReadonlyMap<string, Buffer>;
  /** Seals what is new; null while there is none that opens. */
  sealing: VaultKey | null;
  /** Makes marks. */
  marking: VaultKey | null;
}

type Kind = 'k' | 'm';

export interface KeyReader {
  /** All keys of the database that open. */
  read(db: Db | Tx): Promise<VaultKeys>;
  /** As `read`, and makes what is missing. @returns `sealing` and `marking` are there */
  ensure(db: Db | Tx): Promise<VaultKeys & { sealing: VaultKey; marking: VaultKey }>;
}

/** Keys are unwrapped once each; rows are read anew each time, because any program may have added one. */
export function createKeyReader(keyring: Keyring): KeyReader {
  const unwrapped = new Map<string, Buffer | null>();

  async function readAll(db: Db | Tx): Promise<VaultKeys & { ids: string[] }> {
    const ids: string[] = [];
    const known = new Map<string, Buffer>();
    for (const { id, wrapped } of await db.select().from(vaultKeys)) {
      ids.push(id);
      // By both: a transaction that made a key may have been rolled back, and the next one took the same id.
      const name = `${id} ${wrapped}`;
      if (!unwrapped.has(name)) unwrapped.set(name, unwrapVaultKey(keyring, id, wrapped));
      const key = unwrapped.get(name);
      if (key) known.set(id, key);
    }
    return { ids, known, sealing: newest(known, 'k'), marking: newest(known, 'm') };
  }

  return {
    read: readAll,
    async ensure(db) {
      // One at a time, each beside those that were read: whoever else makes one at once takes the same id, and one of both wins.
      for (let attempt = 0; attempt < 6; attempt++) {
        const { ids, ...keys } = await readAll(db);
        const { sealing, marking } = keys;
        if (sealing && marking) return { ...keys, sealing, marking };
        await insertVaultKey(db, keyring, nextId(ids, sealing ? 'm' : 'k'));
      }
      throw new Error('The keys of the vault could not be made.');
    },
  };
}

/** Adds a key that seals, under the next free number. Of two at once one wins; whoever reads then finds that one. @returns its id */
export async function addSealingKey(db: Db | Tx, keyring: Keyring): Promise<string> {
  const rows = await db.select({ id: vaultKeys.id }).from(vaultKeys);
  const id = nextId(
    rows.map((row) => row.id),
    'k',
  );
  await insertVaultKey(db, keyring, id);
  return id;
}

async function insertVaultKey(db: Db | Tx, keyring: Keyring, id: string): Promise<void> {
  const wrapped = wrapVaultKey(keyring, id, randomBytes(keyBytes));
  await db.insert(vaultKeys).values({ id, wrapped }).onConflictDoNothing();
}

function nextId(ids: string[], kind: Kind): string {
  return `${kind}${Math.max(0, ...ids.filter((each) => each.startsWith(kind)).map(numberOf)) + 1}`;
}

export function wrapVaultKey(keyring: Keyring, id: string, key: Buffer): string {
  return `v1.${wrapKey(masterOf(keyring), key, boundTo(id)).toString('base64url')}`;
}

/** Null when it was wrapped by another master key, or is damaged. */
export function unwrapVaultKey(keyring: Keyring, id: string, wrapped: string): Buffer | null {
  if (!wrapped.startsWith('v1.')) return null;
  return unwrapKey(masterOf(keyring), Buffer.from(wrapped.slice(3), 'base64url'), boundTo(id));
}

function masterOf(keyring: Keyring): Buffer {
  return Buffer.from(keyring.secretFor('vault'), 'base64url');
}

function boundTo(id: string): Buffer {
  return Buffer.from(JSON.stringify(['vault_keys', id]));
}

function newest(known: ReadonlyMap<string, Buffer>, kind: Kind): VaultKey | null {
  const [entry] = [...known].filter(([id]) => id.startsWith(kind)).sort(([a], [b]) => numberOf(b) - numberOf(a));
  return entry ? { id: entry[0], key: entry[1] } : null;
}

function numberOf(id: string): number {
  return Number(id.slice(1)) || 0;
}
