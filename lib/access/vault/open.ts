// Opens what was sealed, and changes the keys under it. For the worker alone: nothing that the web program loads may
// reach this file.
import { eq } from 'drizzle-orm';
import { vaultKeys } from '../../../drizzle/schema';
import type { Db, Tx } from '../../db/types';
import type { Keyring } from '../keyring';
import {
  decrypt,
  type Envelope,
  formatEnvelope,
  type Opener,
  type Place,
  parseEnvelope,
  placeData,
  unwrapKey,
  wrapKey,
} from './envelope';
import { createKeyReader, unwrapVaultKey, type VaultKeys, wrapVaultKey } from './keys';

/** What was opened in one turn is known in the next, so that a look at servers that did not change costs no cipher. */
export function createOpener(keyring: Keyring): Opener {
  const reader = createKeyReader(keyring);
  let opened = new Map<string, string>();
  return {
    async begin(db) {
      const { known } = await reader.read(db);
      const before = opened;
      const now = new Map<string, string>();
      opened = now;
      return (place, sealed) => {
        const name = `${place.table} ${place.rowId} ${place.column} ${sealed}`;
        const value = before.get(name) ?? now.get(name) ?? openValue(known, place, sealed);
        if (value !== null) now.set(name, value);
        return value;
      };
    },
  };
}

function openValue(known: VaultKeys['known'], place: Place, sealed: string): string | null {
  const envelope = parseEnvelope(sealed);
  const key = envelope && ownKeyOf(known, place, envelope);
  return key ? (decrypt(key, envelope, placeData(place))?.toString('utf8') ?? null) : null;
}

function ownKeyOf(known: VaultKeys['known'], place: Place, { keyId, wrapped }: Envelope): Buffer | null {
  const by = known.get(keyId);
  return by ? unwrapKey(by, wrapped, placeData(place, keyId)) : null;
}

/**
 * Puts the key of a sealed value under the newest key of the vault; the value itself is not touched, nor opened.
 * @returns the new envelope; the same text when it is there already; null when it does not open
 */
export type Rewrap = (place: Place, sealed: string) => string | null;

/** @returns what reads the keys and gives what rewraps with them: read anew, because another rotation may run */
export function createRewrapper(keyring: Keyring): (db: Db | Tx) => Promise<Rewrap> {
  const reader = createKeyReader(keyring);
  return async (db) => {
    const { known, sealing } = await reader.ensure(db);
    return (place, sealed) => {
      const envelope = parseEnvelope(sealed);
      const key = envelope && ownKeyOf(known, place, envelope);
      if (!key || envelope.keyId === sealing.id) return key ? sealed : null;
      const wrapped = wrapKey(sealing.key, key, placeData(place, sealing.id));
      return formatEnvelope({ ...envelope, keyId: sealing.id, wrapped });
    };
  };
}

/**
 * After a change of the master key: puts the keys of the vault that open with the previous one under the present one, all
 * or none. Changes nothing when it runs again. @returns how many it were
 */
export async function changeMasterKey(db: Db, keyring: Keyring, previous: Keyring): Promise<number> {
  return db.transaction(async (tx) => {
    let count = 0;
    for (const { id, wrapped } of await tx.select().from(vaultKeys).for('update')) {
      if (unwrapVaultKey(keyring, id, wrapped)) continue;
      const key = unwrapVaultKey(previous, id, wrapped);
      if (!key) continue;
      await tx
        .update(vaultKeys)
        .set({ wrapped: wrapVaultKey(keyring, id, key) })
        .where(eq(vaultKeys.id, id));
      count++;
    }
    return count;
  });
}

/** Do all keys open? False after a change of the master key without the previous one. */
export async function opensAll(db: Db, keyring: Keyring): Promise<boolean> {
  const rows = await db.select().from(vaultKeys);
  return rows.every(({ id, wrapped }) => unwrapVaultKey(keyring, id, wrapped) !== null);
}
