// `audit:verify`: checks the audit trail of the configured database. The embedded database is asked where the hub runs,
// and opened for a moment where it does not. Nothing is written.
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { startEmbedded } from '../lib/db/embedded/program';
import { openDatabase, rootMessage } from '../lib/db/index';
import { EnvError, parseEnv, socketPaths } from '../lib/env';
import { createLog } from '../lib/log';
import { verifyChain } from '../lib/telemetry/index';
import type { AuditVerdict } from '../lib/telemetry/schema';

const reachMs = 15_000;

type Settings = Record<string, string | undefined>;

/** @returns the exit code: 0 when the chain is whole, 1 when it is broken or could not be read */
export async function verifyAudit(
  source: Settings = process.env,
  say = (text: string): unknown => process.stdout.write(`${text}\n`),
): Promise<number> {
  try {
    const verdict = await withDatabase(source, verifyChain);
    say(summaryOf(verdict));
    return verdict.ok ? 0 : 1;
  } catch (error) {
    const message = error instanceof EnvError ? error.message : rootMessage(error);
    say(`The audit trail could not be checked: ${message}`);
    return 1;
  }
}

async function withDatabase<T>(
  source: Settings,
  run: (db: Awaited<ReturnType<typeof openDatabase>>['db']) => Promise<T>,
): Promise<T> {
  const { DATABASE_URL: url, MCPHUB_DATA_DIR: dataDir } = parseEnv(source);
  const { databaseDir: socketDir } = socketPaths(dataDir);
  const isOurs = !url && !(await isListening(join(socketDir, '.s.PGSQL.5432')));
  if (isOurs && !existsSync(join(dataDir, 'database'))) throw new Error(`there is no database in ${dataDir}`);
  const embedded = isOurs ? await startEmbedded(dataDir, socketDir) : undefined;
  try {
    const signal = AbortSignal.timeout(reachMs);
    const database = await openDatabase({ url, socketDir, log: createLog('audit', 'silent'), max: 1, signal });
    try {
      return await run(database.db);
    } finally {
      await database.close();
    }
  } finally {
    await embedded?.close();
  }
}

function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

const meanings = {
  altered: 'does not follow from the one before it: it was changed, or entries before it were removed',
  missing: 'is missing',
  foreign: 'was not written by the hub: it lies beyond the end of the chain',
};

function summaryOf(verdict: AuditVerdict): string {
  const { rows, unchained, from, to, head } = verdict;
  const older = unchained > 0 ? [`${unchained} older entries are from before there was a chain.`] : [];
  if (!verdict.ok) {
    const { id, reason } = verdict.broken;
    return [`BROKEN: entry ${id} ${meanings[reason]}.`, `${rows} entries before it are whole.`, ...older].join('\n');
  }
  const span = from ? `, ${from} to ${to}` : '';
  return [`Unbroken: ${rows} entries${span}.`, ...(head ? [`Head: ${head}`] : []), ...older].join('\n');
}
