// The program of the embedded database. It says {type: 'ready'} to its parent, ends on SIGTERM, SIGINT or when the
// parent is gone, and exits with 0 when asked to, 75 when the folder is in use, 78 when folder or settings are not
// usable, 1 on anything else.
import { setPriority } from 'node:os';
import { EnvError, env, runtimeDir } from '../../env';
import { createLog } from '../../log';
import { FolderLockedError } from './lock';
import { DamagedDatabaseError, type EmbeddedDatabase, startEmbedded } from './program';

/** EX_TEMPFAIL of sysexits.h: the same start may work later. */
const exitInUse = 75;
/** EX_CONFIG: it will not, until somebody changes something. */
const exitUnusable = 78;
const stopTimeoutMs = 5_000;
/** Once it serves: where programs have to share a processor, a call that somebody waits for goes before its record. */
const niceness = 5;

async function main(): Promise<void> {
  const { MCPHUB_DATA_DIR: dataDir, LOG_LEVEL } = env();
  const log = createLog('database', LOG_LEVEL);
  let database: EmbeddedDatabase | undefined;
  let stopping = false;

  async function stop(reason: string): Promise<void> {
    if (stopping) return;
    stopping = true;
    log.info({ reason }, 'database stops');
    setTimeout(() => process.exit(1), stopTimeoutMs).unref();
    await database?.close();
    process.exit(0);
  }

  process.on('SIGTERM', () => void stop('SIGTERM'));
  process.on('SIGINT', () => void stop('SIGINT'));
  process.on('disconnect', () => void stop('parent is gone'));

  try {
    database = await startEmbedded(dataDir, runtimeDir(dataDir), {
      onBroken(reason) {
        log.fatal({ reason }, 'the database engine failed');
        process.exit(1);
      },
    });
  } catch (error) {
    const known = error instanceof FolderLockedError || error instanceof DamagedDatabaseError;
    if (known) log.fatal(error.message);
    else log.fatal({ err: error }, 'the database cannot start');
    process.exit(error instanceof FolderLockedError ? exitInUse : known ? exitUnusable : 1);
  }
  log.info({ socket: database.socketPath }, 'database ready');
  setPriority(niceness);
  process.send?.({ type: 'ready' });
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(error instanceof EnvError ? exitUnusable : 1);
});
