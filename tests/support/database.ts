// A migrated database of its own for a test file, embedded or on a real Postgres. The embedded kind is a copy of the
// template, served by the product's own wire server in this process.
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import pino from 'pino';
import postgres from 'postgres';
import { describe } from 'vitest';
import { startEmbedded } from '../../lib/db/embedded/program';
import { type Database, migrate, openDatabase } from '../../lib/db/index';
import { runtimeDir } from '../../lib/env';
import { copyEmbeddedTemplate } from './embedded-template';

/** `postgres` is as the system has it, mostly without pgvector. */
export type DatabaseKind = 'embedded' | 'postgres' | 'pgvector';

/** Superuser URL of a Postgres server on which databases may be made and dropped. */
export const postgresUrl = setting('MCPHUB_TEST_POSTGRES_URL', 'postgres');
/** The same with pgvector at hand. */
const pgvectorUrl = setting('MCPHUB_TEST_PGVECTOR_URL', 'pgvector');
/** URL of a Redis whose keys may be overwritten. */
export const redisUrl = setting('MCPHUB_TEST_REDIS_URL', 'redis');

export const silentLog = pino({ level: 'silent' });

function setting(name: string, word: string): string | undefined {
  const value = process.env[name];
  if (value) return value;
  if (process.env.MCPHUB_TEST_REQUIRE?.split(',').includes(word)) {
    throw new Error(`${name} is not set, but MCPHUB_TEST_REQUIRE asks for ${word}`);
  }
  return undefined;
}

const serverOf: Record<Exclude<DatabaseKind, 'embedded'>, { variable: string; url: string | undefined }> = {
  postgres: { variable: 'MCPHUB_TEST_POSTGRES_URL', url: postgresUrl },
  pgvector: { variable: 'MCPHUB_TEST_PGVECTOR_URL', url: pgvectorUrl },
};

/** Runs the suite once per kind; a kind that is not there appears as skipped, with the reason in its name. */
export function eachDatabase(name: string, suite: (kind: DatabaseKind) => void): void {
  describe(`${name} (embedded)`, () => suite('embedded'));
  onServer('postgres', name, suite);
}

/** As `eachDatabase`, and once more on a Postgres that has pgvector. */
export function eachVectorDatabase(name: string, suite: (kind: DatabaseKind) => void): void {
  eachDatabase(name, suite);
  onServer('pgvector', name, suite);
}

function onServer(kind: keyof typeof serverOf, name: string, suite: (kind: DatabaseKind) => void): void {
  const { url, variable } = serverOf[kind];
  if (url) describe(`${name} (${kind})`, () => suite(kind));
  else describe.skip(`${name} (${kind}): SKIPPED, ${variable} is not set`, () => suite(kind));
}

/** Runs the suite against the Redis of MCPHUB_TEST_REDIS_URL, or shows it as skipped with the reason in its name. */
export function withRedis(name: string, suite: (url: string) => void): void {
  if (redisUrl) describe(name, () => suite(redisUrl));
  else describe.skip(`${name}: SKIPPED, MCPHUB_TEST_REDIS_URL is not set`, () => suite(''));
}

export interface TestDatabase extends Database {
  /** Opens one more pool on the same database, as another process would. */
  another(): Promise<Database>;
  /** Deletes all rows, whatever refers to them; quicker than `truncate`, which makes files anew, by ten times. */
  empty(): Promise<void>;
  /** Ends every connection from the server's side, as its restart would. */
  cutConnections(): Promise<void>;
  /** For programs: what they need as DATABASE_URL (postgres) or as the folder of the socket (embedded). */
  url: string | undefined;
  socketDir: string;
}

/** The role of a replica fires no triggers: no foreign key is looked at, and the audit log lets itself be emptied. */
const deleteAll = sql`do $$
  declare name text;
  begin
    set local session_replication_role = replica;
    for name in select tablename from pg_tables where schemaname = 'public' loop
      execute format('delete from %I', name);
    end loop;
  end $$`;

/** Opens a fresh, migrated database; `close` removes it. */
export async function openTestDatabase(kind: DatabaseKind): Promise<TestDatabase> {
  return kind === 'embedded' ? openEmbedded() : openOnPostgres(serverOf[kind]);
}

async function openEmbedded(): Promise<TestDatabase> {
  const dataDir = mkdtempSync(join(tmpdir(), 'mcphub-test-'));
  await copyEmbeddedTemplate(dataDir);
  const socketDir = runtimeDir(dataDir);
  let server = await startEmbedded(dataDir, socketDir);
  return withPools({
    where: { url: undefined, socketDir },
    async cut() {
      await server.close();
      server = await startEmbedded(dataDir, socketDir);
    },
    async remove() {
      await server.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  });
}

async function openOnPostgres({ variable, url: server }: (typeof serverOf)['postgres']): Promise<TestDatabase> {
  if (!server) throw new Error(`${variable} is not set`);
  const name = `mcphub_test_${randomUUID().replaceAll('-', '')}`;
  const admin = postgres(server, { max: 1, onnotice: () => {} });
  await admin`create database ${admin(name)}`;
  const url = new URL(server);
  url.pathname = `/${name}`;
  return withPools({
    where: { url: url.href, socketDir: '' },
    async cut() {
      await admin`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${name}`;
    },
    async remove() {
      await admin`drop database ${admin(name)} with (force)`;
      await admin.end();
    },
  });
}

interface Server {
  where: { url: string | undefined; socketDir: string };
  cut(): Promise<void>;
  remove(): Promise<void>;
}

async function withPools({ where, cut, remove }: Server): Promise<TestDatabase> {
  const pools: Database[] = [];
  async function another() {
    const pool = await openDatabase({ ...where, log: silentLog });
    pools.push(pool);
    return pool;
  }
  const first = await another();
  await migrate(first);
  let closing: Promise<void> | undefined;
  async function close() {
    await Promise.all(pools.map((pool) => pool.close()));
    await remove();
  }
  return {
    ...first,
    ...where,
    another,
    async empty() {
      await first.db.execute(deleteAll);
    },
    cutConnections: cut,
    close() {
      closing ??= close();
      return closing;
    },
  };
}
