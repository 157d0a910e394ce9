// The column `tool_embeddings.embedding`, which is there where the database has pgvector. It is no part of the schema that
// migrations are made of, because it would fail all others.
import { sql } from 'drizzle-orm';
import type { Db } from './types';

/** The condition, for a statement that asks more. */
export const vectorColumnExists = sql`exists (select 1 from information_schema.columns where
  table_schema = current_schema() and table_name = 'tool_embeddings' and column_name = 'embedding')`;

/** Asked anew each time: another program may have added it, or an administrator dropped the extension. */
export async function hasVectorColumn(db: Pick<Db, 'execute'>): Promise<boolean> {
  const [row] = await db.execute<{ there: boolean }>(sql`select ${vectorColumnExists} as there`);
  return row?.there === true;
}
