// The worker's jobs on real files and a real database.
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endedSessions, requestLogs, servers, sessionWishes } from '../../../drizzle/schema';
import { type ConfigWatch, sweep, watchConfig } from '../../../worker/jobs';
import { eachDatabase, silentLog } from '../../support/database';
import { until } from '../../support/until';
import { bench } from '../servers/support';

eachDatabase('jobs', (kind) => {
  const { use, parts, bus, take } = bench(kind);

  describe('servers file', () => {
    let folder: string;
    let path: string;
    let watching: ConfigWatch | undefined;

    const commands = async () => (await use().db.select().from(servers)).map((row) => row.command).sort();
    const follow = async (more = {}) => {
      const options = { ...parts(), log: silentLog, path, debounceMs: 20, lookMs: 60_000, ...more };
      watching = await watchConfig(options);
      return watching;
    };
    const entry = (command: string) => JSON.stringify({ mcpServers: { one: { command } } });

    beforeEach(async () => {
      await use().db.delete(servers);
      folder = mkdtempSync(join(tmpdir(), 'mcphub-config-'));
      path = join(folder, 'mcp.json');
      take();
    });

    afterEach(async () => {
      await watching?.close();
      rmSync(folder, { recursive: true, force: true });
    });

    it('is read at start and followed through writes in place and renames over it', async () => {
      writeFileSync(path, entry('first'));
      const watch = await follow();
      expect(await commands()).toEqual(['first']);
      expect(watch.file).toBe(path);
      writeFileSync(path, entry('second'));
      await until(async () => (await commands())[0] === 'second', 20_000);
      writeFileSync(`${path}.tmp`, entry('third'));
      renameSync(`${path}.tmp`, path);
      await until(async () => (await commands())[0] === 'third', 20_000);
      writeFileSync(path, entry('fourth'));
      await until(async () => (await commands())[0] === 'fourth', 20_000);
    });

    it.each([10, 100])('a change while the file is being read is not missed (%i ms before the end)', async (ms) => {
      writeFileSync(path, entry('first'));
      const off = bus.on('config.reloaded', async () => {
        off();
        writeFileSync(path, entry('second'));
        const writtenAt = performance.now();
        await until(() => performance.now() - writtenAt > ms, 1_000);
      });
      await follow();
      await until(async () => (await commands())[0] === 'second', 20_000);
    });

    it('may appear later; when it goes its servers stay, and that is said', async () => {
      const watch = await follow();
      expect(watch.faults).toEqual([]);
      writeFileSync(path, entry('late'));
      await until(async () => (await commands())[0] === 'late', 20_000);
      rmSync(path);
      await until(() => watch.faults.length === 1, 20_000);
      expect(watch.faults[0]).toContain('is gone');
      expect(await commands()).toEqual(['late']);
      writeFileSync(path, entry('late'));
      await until(() => watch.faults.length === 0, 20_000);
    });

    it('a fault is kept for those who ask and leaves with its cause', async () => {
      writeFileSync(path, '{ "mcpServers": { "one": ');
      const watch = await follow();
      expect(watch.faults).toEqual([expect.stringContaining('line 1')]);
      writeFileSync(path, entry('mended'));
      await until(() => watch.faults.length === 0, 20_000);
      expect(await commands()).toEqual(['mended']);
      expect(take().filter(({ name }) => name === 'config.reloaded')).toHaveLength(2);
    });

    it('a file that the operator named must exist and be text', async () => {
      expect((await follow({ required: true })).faults).toEqual([expect.stringContaining('does not exist')]);
      await watching?.close();
      writeFileSync(path, Buffer.from([0xff, 0xfe, 0x00]));
      expect((await follow()).faults).toEqual([expect.stringContaining('UTF-8')]);
    });

    it('after close a change is not followed', async () => {
      writeFileSync(path, entry('kept'));
      const watch = await follow();
      await watch.close();
      await watch.close();
      writeFileSync(path, entry('ignored'));
      await watch.check();
      expect(await commands()).toEqual(['kept']);
    });
  });

  describe('retention', () => {
    const row = (at: Date) => ({
      at,
      requestId: 'r',
      actor: 'a',
      endpoint: '/api/mcp',
      outcome: 'ok',
      durationMs: 1,
      requestBytes: 1,
      responseBytes: 1,
    });
    const now = new Date('2026-03-01T00:00:00Z');
    const daysAgo = (days: number) => new Date(now.getTime() - days * 86_400_000);

    beforeEach(async () => {
      await use().db.delete(requestLogs);
    });

    it('deletes calls older than the limit and sessions that have expired, and nothing else', async () => {
      await use()
        .db.insert(requestLogs)
        .values([...Array.from({ length: 25 }, () => row(daysAgo(31))), row(daysAgo(29)), row(now)]);
      await use()
        .db.insert(endedSessions)
        .values([
          { idHash: 'old', expiresAt: daysAgo(1) },
          { idHash: 'new', expiresAt: daysAgo(-1) },
        ]);
      await use()
        .db.insert(sessionWishes)
        .values([
          { idHash: 'old', worker: 'w', expiresAt: daysAgo(1) },
          { idHash: 'new', worker: 'w', expiresAt: daysAgo(-1) },
        ]);
      expect(await sweep(use().db, now, { batchRows: 10 })).toEqual({ calls: 25, sessions: 1 });
      expect(await use().db.select().from(sessionWishes)).toMatchObject([{ idHash: 'new' }]);
      expect(await use().db.select().from(requestLogs)).toHaveLength(2);
      expect(await use().db.select().from(endedSessions)).toMatchObject([{ idHash: 'new' }]);
      expect(await sweep(use().db, now)).toEqual({ calls: 0, sessions: 0 });
    });

    it('keeps the newest rows when there are too many', async () => {
      await use()
        .db.insert(requestLogs)
        .values(Array.from({ length: 30 }, () => row(now)));
      const before = await use().db.select({ id: requestLogs.id }).from(requestLogs).orderBy(requestLogs.id);
      expect((await sweep(use().db, now, { maxRows: 12, batchRows: 5 })).calls).toBe(18);
      const after = await use().db.select({ id: requestLogs.id }).from(requestLogs).orderBy(requestLogs.id);
      expect(after).toEqual(before.slice(18));
    });
  });
});
