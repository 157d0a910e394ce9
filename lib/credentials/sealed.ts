// Where the tables of credentials keep sealed values, and how all of them are put under another key.
import { asc, eq } from 'drizzle-orm';
import { type SealedValue, upstreamClients, upstreamCredentials, upstreamSignIns } from '../../drizzle/schema';
import type { Place } from '../access/vault/envelope';
import type { Db, Tx } from '../db/types';

/** Rows with sealed values, each of which can be changed by itself. */
export interface SealedRows {
  ids(db: Db): Promise<string[]>;
  /** Locks the row and changes each of its sealed values by `to`; does nothing when the row is gone. */
  change(tx: Tx, id: string, to: (place: Place, value: SealedValue) => SealedValue): Promise<void>;
}

/** A value in the column `values` of one of these tables. */
export function placeOfCredential(table: string, rowId: string, name: string): Place {
  return { table, rowId, column: `values.${name}` };
}

/** Tables whose column `values` holds what is sealed. */
const tables = {
  upstream_credentials: upstreamCredentials,
  upstream_clients: upstreamClients,
  upstream_sign_ins: upstreamSignIns,
};

export const credentialRows: readonly SealedRows[] = Object.entries(tables).map(([name, table]) => {
  // All have an id and values, which is all that is asked for here.
  const each = table as typeof upstreamClients;
  return {
    async ids(db) {
      const rows = await db.select({ id: each.id }).from(each).orderBy(asc(each.id));
      return rows.map(({ id }) => id);
    },
    async change(tx, id, to) {
      const [row] = await tx.select({ values: each.values }).from(each).where(eq(each.id, id)).for('update');
      if (!row) return;
      const values = Object.entries(row.values).map(([key, value]) => [
        key,
        typeof value === 'string' ? value : to(placeOfCredential(name, id, key), value),
      ]);
      await tx
        .update(each)
        .set({ values: Object.fromEntries(values) })
        .where(eq(each.id, id));
    },
  };
});
