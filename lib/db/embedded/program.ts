// The embedded database from folder to socket: lock, PGlite with its extensions, wire server. Needs no other process.
import { chmodSync, existsSync, lstatSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { PGlite } from '@electric-sql/pglite';
import { pg_trgm } from '@electric-sql/pglite/contrib/pg_trgm';
import { vector } from '@electric-sql/pglite-pgvector';
import { type FolderLock, FolderLockedError, lockFolder, silenceMs } from './lock';
import { serveWire, type WireOptions } from './wire';

export interface EmbeddedDatabase {
  socketPath: string;
  /** Ends connections, closes the files and gives the folder free. May be called twice. */
  close(): Promise<void>;
}

export class DamagedDatabaseError extends Error {
  override readonly name = 'DamagedDatabaseError';
}

/**
 * Opens or creates the database in `<dataDir>/database` and serves it at `<socketDir>/.s.PGSQL.5432`.
 * A commit is on disk before it is answered, so committed rows survive the end of this process at any moment.
 * @throws FolderLockedError, DamagedDatabaseError
 */
export async function startEmbedded(
  dataDir: string,
  socketDir: string,
  options: WireOptions = {},
): Promise<EmbeddedDatabase> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  makePrivate(socketDir);
  const lock = await takeLock(dataDir);
  try {
    return await open(dataDir, join(socketDir, '.s.PGSQL.5432'), lock, options);
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** A container that was killed and starts again has a new name space, in which its old self cannot be asked for. */
async function takeLock(dataDir: string): Promise<FolderLock> {
  const deadline = performance.now() + silenceMs + 1_000;
  for (;;) {
    try {
      return lockFolder(dataDir);
    } catch (error) {
      const mayEnd = error instanceof FolderLockedError && error.uncertain;
      if (!mayEnd || performance.now() > deadline) throw error;
    }
    await delay(500);
  }
}

async function open(
  dataDir: string,
  socketPath: string,
  lock: FolderLock,
  options: WireOptions,
): Promise<EmbeddedDatabase> {
  const folder = join(dataDir, 'database');
  if (!existsSync(folder)) await create(folder);
  const pglite = await openFolder(folder);
  rmSync(socketPath, { force: true }); // we hold the lock, so nobody listens there
  const wire = await serveWire(pglite, socketPath, options);
  let closing: Promise<void> | undefined;
  async function close() {
    await wire.close();
    await pglite.close();
    lock.release();
  }
  return { socketPath, close: () => (closing ??= close()) };
}

/** Made beside its place and moved there when whole: a start that is killed half-way leaves nothing that looks ready. */
async function create(folder: string): Promise<void> {
  const draft = `${folder}.new`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { mode: 0o700 });
  const pglite = await openPglite(draft);
  await pglite.close();
  renameSync(draft, folder);
}

async function openFolder(folder: string): Promise<PGlite> {
  // PGlite takes a folder without this file for a new one and would put an empty database over what is left.
  if (!existsSync(join(folder, 'PG_VERSION'))) throw damaged(folder, 'PG_VERSION is missing');
  try {
    return await openPglite(folder);
  } catch (error) {
    throw damaged(folder, error instanceof Error ? error.message : String(error));
  }
}

function damaged(folder: string, reason: string): DamagedDatabaseError {
  return new DamagedDatabaseError(
    `The database in ${folder} cannot be opened (${reason.split('\n')[0]}). Restore a backup, or move the folder away to begin with an empty one.`,
  );
}

function openPglite(folder: string): Promise<PGlite> {
  return PGlite.create({ dataDir: folder, extensions: { vector, pg_trgm }, relaxedDurability: false });
}

/** The folder may lie in the system's temporary directory, where others could have made it first. */
function makePrivate(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const stat = lstatSync(folder);
  if (!stat.isDirectory() || (process.getuid && stat.uid !== process.getuid())) {
    throw new Error(`The folder ${folder} belongs to somebody else: remove it, or use another MCPHUB_DATA_DIR.`);
  }
  chmodSync(folder, 0o700);
}
