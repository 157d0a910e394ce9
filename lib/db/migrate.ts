// Brings a database to this version's schema, once, whoever starts first. Files and bookkeeping are drizzle-kit's own;
// the lock, the refusal of newer schemas and the step for optional extensions are ours.
import { sql } from 'drizzle-orm';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import { HubError } from '../errors';
import { isDatabaseUnavailable, rootMessage } from './faults';
import type { Database } from './open';
import type { Tx } from './types';
import { hasVectorColumn, vectorColumnExists } from './vector-column';

/** Any fixed number; all programs of the product take the same lock. On the embedded database it excludes nobody, but
 * there a transaction has the only backend for itself. */
const migrationLock = 4_617_293_847;

const migrationsFolder = 'drizzle/migrations';

export interface MigrateResult {
  /** True when pgvector is there and `tool_embeddings.embedding` exists. */
  vector: boolean;
}

/**
 * Applies what is missing, all or nothing. Safe to call again and from several programs at once.
 * @param folder the migration files; default: `drizzle/migrations` below the working directory
 * @throws UNAVAILABLE when the schema is newer than this version knows
 */
export async function migrate(database: Database, folder = migrationsFolder): Promise<MigrateResult> {
  const known = readMigrationFiles({ migrationsFolder: folder });
  if (await isCurrent(database, known.at(-1)?.folderMillis ?? 0)) return { vector: true };
  const applied = await database.db.transaction(async (tx) => {
    await lock(tx);
    await tx.execute(sql`create schema if not exists drizzle`);
    await tx.execute(sql`create table if not exists drizzle.__drizzle_migrations
      (id serial primary key, hash text not null, created_at bigint)`);
    const [row] = await tx.execute<{ last: string | null }>(
      sql`select max(created_at)::text as last from drizzle.__drizzle_migrations`,
    );
    const last = Number(row?.last ?? 0);
    refuseNewer(last, known.at(-1)?.folderMillis ?? 0);
    const missing = known.filter((migration) => migration.folderMillis > last);
    for (const migration of missing) {
      for (const statement of migration.sql) await tx.execute(sql.raw(statement));
      await tx.execute(sql`insert into drizzle.__drizzle_migrations (hash, created_at)
        values (${migration.hash}, ${migration.folderMillis})`);
    }
    return missing.length;
  });
  if (applied > 0) database.log.info({ applied }, 'database schema brought up to date');
  return { vector: await addExtensions(database) };
}

/** One question without a lock: nearly every start finds the newest schema and all extensions in place. */
async function isCurrent({ db }: Database, newest: number): Promise<boolean> {
  try {
    const [row] = await db.execute<{ complete: boolean }>(sql`select
      (select max(created_at) from drizzle.__drizzle_migrations) = ${newest}
      and exists (select 1 from pg_extension where extname = 'pg_trgm')
      and ${vectorColumnExists} as complete`);
    return row?.complete === true;
  } catch (error) {
    if (isDatabaseUnavailable(error)) throw error;
    return false; // there is no schema yet
  }
}

function refuseNewer(last: number, newestKnown: number): void {
  if (last <= newestKnown) return;
  throw new HubError(
    'UNAVAILABLE',
    `The database was written by a newer version of MCPHub (schema of ${day(last)}, this version knows ${day(newestKnown)}). Start that version again or restore a backup.`,
    { reason: 'schema-newer', retryable: false },
  );
}

const day = (ms: number) => new Date(ms).toISOString().slice(0, 16).replace('T', ' ');

/** Held until the transaction ends. Waiting for it, and a long migration, are not slow statements. */
async function lock(tx: Tx): Promise<void> {
  await tx.execute(sql`set local statement_timeout = 0`);
  await tx.execute(sql`select pg_advisory_xact_lock(${sql.raw(String(migrationLock))})`);
}

/** Extensions are a server's gift, not a given: without them the product works, only less well. */
async function addExtensions(database: Database): Promise<boolean> {
  const available = await database.db.execute<{ name: string }>(
    sql`select name from pg_available_extensions where name in ('vector', 'pg_trgm')`,
  );
  const names = new Set(available.map(({ name }) => name));
  if (names.has('pg_trgm')) await attempt(database, 'pg_trgm', async () => {});
  if (!names.has('vector')) {
    database.log.warn('this Postgres has no pgvector: embeddings are kept as bytes and ranked in memory');
    return false;
  }
  return attempt(database, 'vector', async (tx) => {
    // Asked first, because even "if not exists" would wait for every running query on the table.
    if (await hasVectorColumn(tx)) return;
    // Without a length: that is the model's, which may change.
    await tx.execute(sql`alter table tool_embeddings add column if not exists embedding vector`);
  });
}

async function attempt(
  database: Database,
  extension: 'vector' | 'pg_trgm',
  then: (tx: Tx) => Promise<void>,
): Promise<boolean> {
  try {
    await database.db.transaction(async (tx) => {
      await lock(tx);
      await tx.execute(sql.raw(`create extension if not exists ${extension}`));
      await then(tx);
    });
    return true;
  } catch (error) {
    if (isDatabaseUnavailable(error)) throw error;
    database.log.warn({ extension, reason: rootMessage(error) }, 'extension could not be set up and stays unused');
    return false;
  }
}
