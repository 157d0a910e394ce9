// Seals values before they are stored. Whoever can seal can tell whether a sealed value is a given one, by its mark; to
// open it takes open.ts, which only the worker has.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Db, Tx } from '../../db/types';
import type { Keyring } from '../keyring';
import { encrypt, formatEnvelope, keyBytes, keyIdOf, type Place, placeData, wrapKey } from './envelope';
import { createKeyReader, type VaultKeys } from './keys';

export interface Sealed {
  /** `v1.keyId.wrapped.iv.ciphertext.tag`. */
  sealed: string;
  /** `keyId.mark`: a keyed fingerprint of value and place, the same for the same value as long as the key lives. */
  mark: string;
}

export interface Sealer {
  /** Another envelope each time. */
  seal(place: Place, value: string): Sealed;
  /** Is this the value that was sealed there? False also where the key of the mark is lost. */
  matches(place: Place, mark: string, value: string): boolean;
}

export interface Vault {
  /** A sealer with the newest key. Give the transaction that stores what it seals. */
  sealer(db: Db | Tx): Promise<Sealer>;
  /**
   * Those of the values whose key does not open with this master key. A damaged value does not show here. Asks the database
   * only for keys that were not seen before.
   */
  findLost(db: Db | Tx, sealed: string[]): Promise<ReadonlySet<string>>;
}

const markBytes = 16;

export function createVault(keyring: Keyring): Vault {
  const reader = createKeyReader(keyring);
  let seen: VaultKeys['known'] = new Map();
  return {
    async findLost(db, sealed) {
      const isLost = (each: string) => !seen.has(keyIdOf(each));
      if (sealed.some(isLost)) seen = (await reader.read(db)).known;
      return new Set(sealed.filter(isLost));
    },
    async sealer(db) {
      const { sealing, marking, known } = await reader.ensure(db);
      return {
        seal(place, value) {
          const key = randomBytes(keyBytes);
          const wrapped = wrapKey(sealing.key, key, placeData(place, sealing.id));
          const parts = encrypt(key, Buffer.from(value, 'utf8'), placeData(place));
          const sealed = formatEnvelope({ keyId: sealing.id, wrapped, ...parts });
          return { sealed, mark: `${marking.id}.${markOf(marking.key, place, value).toString('base64url')}` };
        },
        matches(place, mark, value) {
          const [keyId = '', text = ''] = mark.split('.');
          const key = known.get(keyId);
          const given = Buffer.from(text, 'base64url');
          return key !== undefined && given.length === markBytes && timingSafeEqual(given, markOf(key, place, value));
        },
      };
    },
  };
}

function markOf(key: Buffer, { table, rowId, column }: Place, value: string): Buffer {
  const text = JSON.stringify([table, rowId, column, value]);
  return createHmac('sha256', key).update(text).digest().subarray(0, markBytes);
}
