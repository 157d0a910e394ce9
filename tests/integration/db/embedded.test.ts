import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FolderLockedError, lockFolder, silenceMs } from '../../../lib/db/embedded/lock';
import { DamagedDatabaseError, startEmbedded } from '../../../lib/db/embedded/program';
import { runtimeDir } from '../../../lib/env';
import { type EmbeddedProcess, startEmbeddedProcess } from '../../support/embedded-process';
import { copyEmbeddedTemplate } from '../../support/embedded-template';
import { until } from '../../support/until';

let dataDir: string;
const started: EmbeddedProcess[] = [];
const pools: postgres.Sql[] = [];

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'mcphub-embedded-'));
});

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.end({ timeout: 0 })));
  for (const { child, exited } of started.splice(0)) {
    child.kill('SIGKILL');
    await exited;
  }
  rmSync(dataDir, { recursive: true, force: true });
});

async function start(): Promise<EmbeddedProcess> {
  const database = await startEmbeddedProcess(dataDir);
  started.push(database);
  return database;
}

const socketPath = () => join(runtimeDir(dataDir), '.s.PGSQL.5432');

function pool(): postgres.Sql {
  const sql = postgres({
    host: runtimeDir(dataDir),
    port: 5432,
    user: 'postgres',
    database: 'postgres',
    max: 1,
    onnotice: () => {},
  });
  pools.push(sql);
  return sql;
}

describe('embedded database program', () => {
  it('makes a new database with pgvector at hand, on a socket for this user alone', async () => {
    const { child } = await start();
    const extensions = await pool()`select name from pg_available_extensions where name in ('vector', 'pg_trgm')`;
    expect(extensions).toHaveLength(2);
    expect(statSync(socketPath()).mode & 0o777).toBe(0o600);
    expect(statSync(runtimeDir(dataDir)).mode & 0o777).toBe(0o700);
    // Once it serves, it yields the processor to programs that somebody waits for.
    expect(getPriority(child.pid)).toBeGreaterThan(getPriority());
  });

  it('keeps every committed row through kill -9, and the next start needs no hand [F-DB-03]', async () => {
    await copyEmbeddedTemplate(dataDir);
    const first = await start();
    const writer = pool();
    await writer`create table kept (v int primary key)`;
    let committed = 0;
    const writing = (async () => {
      for (;;) {
        await writer`insert into kept values (${committed + 1})`;
        committed += 1;
      }
    })().catch(() => {});
    await until(() => committed >= 200, 20_000);
    first.child.kill('SIGKILL');
    await Promise.all([first.exited, writing]);

    await start();
    const [row] = await pool()<{ n: number; top: number }[]>`select count(*)::int as n, max(v) as top from kept`;
    // The row in flight may or may not have been committed; nothing before it may be missing.
    expect([committed, committed + 1]).toContain(row?.n);
    expect(row?.top).toBe(row?.n);
  });

  it('begins again after a first start that was killed half-way', async () => {
    const draft = join(dataDir, 'database.new');
    await copyEmbeddedTemplate(dataDir);
    renameSync(join(dataDir, 'database'), draft);
    rmSync(join(draft, 'global'), { recursive: true });
    await start();
    expect(await pool()`select 1 as a`).toEqual([{ a: 1 }]);
    expect(existsSync(draft)).toBe(false);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('ends on %s with exit code 0 and leaves no socket', async (signal) => {
    await copyEmbeddedTemplate(dataDir);
    const { child, exited } = await start();
    await pool()`select 1`;
    child.kill(signal);
    expect(await exited).toEqual({ code: 0, signal: null });
    expect(existsSync(socketPath())).toBe(false);
  });

  it('ends when its parent is gone', async () => {
    await copyEmbeddedTemplate(dataDir);
    const { child, exited } = await start();
    child.disconnect();
    expect(await exited).toEqual({ code: 0, signal: null });
  });

  it('refuses a second opener in one line that names the first, which goes on [F-DB-04]', async () => {
    await copyEmbeddedTemplate(dataDir);
    const first = await start();
    const second = await start();
    expect(await second.exited).toEqual({ code: 75, signal: null });
    expect(second.output().trim().split('\n')).toHaveLength(1);
    expect(second.output()).toContain(`in use by process ${first.child.pid}`);
    expect(await pool()`select 1 as a`).toEqual([{ a: 1 }]);
  });

  it('refuses a damaged folder in one line and exit code 78 [F-DB-04]', async () => {
    await copyEmbeddedTemplate(dataDir);
    rmSync(join(dataDir, 'database', 'PG_VERSION'));
    const { exited, output } = await start();
    expect(await exited).toEqual({ code: 78, signal: null });
    expect(output().trim().split('\n')).toHaveLength(1);
    expect(output()).toContain(`The database in ${join(dataDir, 'database')} cannot be opened`);
  });

  it.each([
    ['has no PG_VERSION', (folder: string) => rmSync(join(folder, 'PG_VERSION'))],
    ['has a cut control file', (folder: string) => truncateSync(join(folder, 'global', 'pg_control'), 10)],
    ['lost its write-ahead log', (folder: string) => rmSync(join(folder, 'pg_wal'), { recursive: true })],
  ])('removes nothing of a folder that %s, and frees it', async (_name, damage) => {
    await copyEmbeddedTemplate(dataDir);
    const folder = join(dataDir, 'database');
    damage(folder);
    const before = readdirSync(folder);
    await expect(startEmbedded(dataDir, runtimeDir(dataDir))).rejects.toThrow(DamagedDatabaseError);
    expect(readdirSync(folder)).toEqual(expect.arrayContaining(before));
    lockFolder(dataDir).release();
  });
});

describe('folder lock', () => {
  const fileOf = (number: number) => join(dataDir, 'database.lock', String(number));

  it('is held by one and free again after release, which may be repeated', () => {
    const lock = lockFolder(dataDir);
    expect(() => lockFolder(dataDir)).toThrow(FolderLockedError);
    expect(() => lockFolder(dataDir)).toThrow(`process ${process.pid}`);
    lock.release();
    lock.release();
    lockFolder(dataDir).release();
  });

  it('of a dead process, or of another process with its pid, is taken over', () => {
    lockFolder(dataDir).release();
    const { realm } = JSON.parse(readFileSync(fileOf(1), 'utf8')) as { realm: string };
    writeFileSync(fileOf(1), JSON.stringify({ pid: 2 ** 22 + 1, startedAt: '1', realm }));
    lockFolder(dataDir).release();
    writeFileSync(fileOf(2), JSON.stringify({ pid: process.pid, startedAt: 'another start', realm }));
    lockFolder(dataDir).release();
    expect(readdirSync(join(dataDir, 'database.lock'))).toEqual(['3']);
  });

  it('of another machine counts while its heartbeat is fresh', () => {
    lockFolder(dataDir).release();
    writeFileSync(fileOf(1), JSON.stringify({ pid: 1, startedAt: '1', realm: 'elsewhere' }));
    expect(() => lockFolder(dataDir)).toThrow('process 1 on another host');
    const longAgo = new Date(Date.now() - 60_000);
    utimesSync(fileOf(1), longAgo, longAgo);
    lockFolder(dataDir).release();
  });

  it('of another machine that falls silent is waited for', async () => {
    await copyEmbeddedTemplate(dataDir);
    lockFolder(dataDir).release();
    writeFileSync(fileOf(1), JSON.stringify({ pid: 1, startedAt: '1', realm: 'elsewhere' }));
    const almost = new Date(Date.now() - silenceMs + 1_500);
    utimesSync(fileOf(1), almost, almost);
    const database = await startEmbedded(dataDir, runtimeDir(dataDir));
    expect(() => lockFolder(dataDir)).toThrow(`process ${process.pid}`);
    await database.close();
  });

  it('that was not written to its end counts until it is old', () => {
    lockFolder(dataDir).release();
    writeFileSync(fileOf(1), '{"pid": 1');
    expect(() => lockFolder(dataDir)).toThrow('another process');
    const longAgo = new Date(Date.now() - 60_000);
    utimesSync(fileOf(1), longAgo, longAgo);
    lockFolder(dataDir).release();
  });
});
