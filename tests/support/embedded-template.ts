// A ready, migrated embedded database to copy: making one takes seconds, copying it a fraction. Tests of the first
// start do without.
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { startEmbedded } from '../../lib/db/embedded/program';
import { migrate, openDatabase } from '../../lib/db/index';
import { runtimeDir } from '../../lib/env';
import { self, takeLock } from '../../scripts/lock.mjs';
import { root } from '../../scripts/prepare.mjs';
import { until } from './until';

const makingDeadlineMs = 120_000;

/**
 * Puts the database into `dataDir`, so that a program that starts there need not make one. The template is made by the
 * first caller: of a test run, which has its own folder for temporary files, else of this machine. Others wait for it.
 */
export async function copyEmbeddedTemplate(dataDir: string): Promise<void> {
  const template = join(tmpdir(), `mcphub-template-${templateStamp()}`);
  if (!existsSync(template)) await makeOnce(template);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  cpSync(join(template, 'database'), join(dataDir, 'database'), { recursive: true });
}

async function makeOnce(template: string): Promise<void> {
  const lock = `${template}.lock`;
  await until(
    () => takeLock(lock, self()) === null,
    makingDeadlineMs,
    () => `${lock} is held`,
  );
  try {
    if (!existsSync(template)) await make(template);
  } finally {
    rmSync(lock, { force: true });
  }
}

async function make(template: string): Promise<void> {
  const draft = mkdtempSync(`${template}-draft-`);
  const socketDir = runtimeDir(draft);
  const server = await startEmbedded(draft, socketDir);
  const database = await openDatabase({ socketDir, log: pino({ level: 'silent' }) });
  await migrate(database);
  await database.close();
  await server.close();
  renameSync(draft, template);
}

/** Of what the template is made: another PGlite, schema, user or way to make it means another template. */
function templateStamp(): string {
  const hash = createHash('sha256').update(String(process.getuid?.()));
  const add = (file: string) => hash.update(`\0${file}\0`).update(readFileSync(join(root, file)));
  add('node_modules/@electric-sql/pglite/package.json');
  for (const folder of ['drizzle/migrations', 'lib/db', 'lib/db/embedded']) {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      if (entry.isFile()) add(join(folder, entry.name));
    }
  }
  return hash.digest('hex').slice(0, 16);
}
