// What columns of several tables have in common. Times are UTC.
import { customType, integer, timestamp, uuid } from 'drizzle-orm/pg-core';

export const bytea = customType<{ data: Buffer }>({ dataType: () => 'bytea' });

export const id = () => uuid().primaryKey().defaultRandom();
export const at = () => timestamp({ withTimezone: true, mode: 'date' });
export const createdAt = () => at().notNull().defaultNow();
export const updatedAt = () =>
  at()
    .notNull()
    .defaultNow()
    .$onUpdate(() => new Date());
/** Rises with every change of the row; the REST API shows it as ETag. */
export const version = () => integer().notNull().default(1);

/** A value that only the worker can open, with what may be known of it without. */
export interface SealedValue {
  /** `v1.keyId.wrapped.iv.ciphertext.tag`, see lib/access/vault. */
  sealed: string;
  /** Tells whether another value is the same one. */
  mark: string;
  /** What may be shown of it. */
  mask: string;
  /** Names of the secrets that it refers to. */
  refs?: string[];
  /** It holds characters that no header can carry. */
  unfitForHeaders?: true;
}

/** Text is an empty value, a reference and nothing else, or one from before values were sealed, which the next start of a worker seals. */
export type StoredValues = Record<string, SealedValue | string>;
