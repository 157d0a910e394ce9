// The drizzle handle that verbs receive. Inside `db.transaction(async (tx) => …)` use only `tx`: on the embedded
// database a second connection that is awaited there waits for ever.
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import type * as schema from '../../drizzle/schema';

export type Db = PostgresJsDatabase<typeof schema>;
export type Tx = Parameters<Parameters<Db['transaction']>[0]>[0];
