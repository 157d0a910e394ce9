// The audit trail's chain on real databases: one order whoever writes, and every kind of tampering is found.
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { asc, eq, sql } from 'drizzle-orm';
import { beforeEach, describe, expect, it } from 'vitest';
import { auditHead, auditLogs } from '../../../drizzle/schema';
import { systemActor } from '../../../lib/access';
import { applyImport, createGroup, importConfigFile } from '../../../lib/servers';
import { verifyChain } from '../../../lib/telemetry';
import { writeAudit } from '../../../lib/telemetry/audit';
import { verifyAudit } from '../../../scripts/audit';
import { eachDatabase } from '../../support/database';
import { copyEmbeddedTemplate } from '../../support/embedded-template';
import { bench } from '../servers/support';

const run = promisify(execFile);

eachDatabase('the audit chain', (kind) => {
  const { use, ctx: ctxOf } = bench(kind);
  const db = () => use().db;
  const ctx = () => ctxOf(systemActor('test'));
  const rows = () => db().select().from(auditLogs).orderBy(asc(auditLogs.id));
  const write = (name: string) =>
    db().transaction((tx) =>
      writeAudit(tx, ctx(), { action: 'thing.made', resourceType: 'thing', resourceName: name }),
    );
  const fill = async () => {
    for (const name of ['one', 'two', 'three', 'four', 'five']) await write(name);
  };

  beforeEach(async () => {
    await use().empty();
  });

  it('is whole when nothing was written, and grows by one id per entry', async () => {
    expect(await verifyChain(db())).toEqual({ ok: true, rows: 0, unchained: 0, from: null, to: null, head: null });
    await fill();
    const written = await rows();
    expect(written.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5]);
    expect(await verifyChain(db())).toMatchObject({
      ok: true,
      rows: 5,
      from: written[0]?.at.toISOString(),
      to: written[4]?.at.toISOString(),
      head: written[4]?.hash,
    });
  });

  it('has one order when two processes write at once and some of their changes fail', async () => {
    const { url, socketDir } = use();
    const start = (name: string) =>
      run(
        process.execPath,
        ['--import', 'tsx', 'tests/integration/audit/writer.ts', JSON.stringify({ url, socketDir, name, count: 30 })],
        { timeout: 60_000 },
      );
    await Promise.all([start('left'), start('right')]);
    const written = await rows();
    expect(written.map(({ id }) => id)).toEqual(written.map((_row, index) => index + 1));
    expect(written.filter(({ action }) => action === 'group.created')).toHaveLength(60);
    expect(written.filter(({ action }) => action === 'group.never')).toEqual([]);
    expect(await verifyChain(db())).toMatchObject({ ok: true, rows: 60 });
  });

  it('a change that is rolled back leaves no entry and no gap', async () => {
    await write('before');
    const failing = db().transaction(async (tx) => {
      await writeAudit(tx, ctx(), { action: 'thing.made', resourceType: 'thing', resourceName: 'never' });
      throw new Error('too late');
    });
    await expect(failing).rejects.toThrow('too late');
    await createGroup(ctx(), { name: 'team' });
    await expect(createGroup(ctx(), { name: 'team' })).rejects.toMatchObject({ code: 'CONFLICT' });
    await write('after');
    expect((await rows()).map(({ id, action }) => [id, action])).toEqual([
      [1, 'thing.made'],
      [2, 'group.created'],
      [3, 'thing.made'],
    ]);
    expect(await verifyChain(db())).toMatchObject({ ok: true, rows: 3 });
  });

  it('an import and a change of the servers file write one entry per server, after all their changes', async () => {
    const entries = Object.fromEntries(['a', 'b', 'c'].map((name) => [name, { command: 'true' }]));
    const text = JSON.stringify({ mcpServers: entries });
    const inFile = JSON.stringify({ mcpServers: { filed: { command: 'true' }, a: { command: 'taken' } } });
    await Promise.all([applyImport(ctx(), text), importConfigFile(ctx(), 'mcp.json', inFile)]);
    const made = (await rows()).map(({ action }) => action);
    expect(made.every((action) => action === 'server.created')).toBe(true);
    expect(made.length).toBeGreaterThanOrEqual(4);
    expect(await verifyChain(db())).toMatchObject({ ok: true, rows: made.length });
  });

  it('begins with the first entry that has a hash, and leaves older ones alone', async () => {
    for (let i = 0; i < 3; i++) {
      await db().insert(auditLogs).values({ actorKind: 'system', actor: 'old', action: 'a.b', resourceType: 'a' });
    }
    expect(await verifyChain(db())).toMatchObject({ ok: true, rows: 0, unchained: 3 });
    const before = (await rows()).at(-1)?.id ?? 0;
    await fill();
    expect((await rows()).at(-1)?.id).toBe(before + 5);
    expect(await verifyChain(db())).toMatchObject({ ok: true, rows: 5, unchained: 3 });
  });

  const tampering: [string, () => Promise<unknown>, object][] = [
    [
      'an altered row',
      () => db().update(auditLogs).set({ actor: 'somebody else' }).where(eq(auditLogs.id, 3)),
      { rows: 2, broken: { id: '3', reason: 'altered' } },
    ],
    [
      'an altered detail',
      () =>
        db()
          .update(auditLogs)
          .set({ after: { role: 'admin' } })
          .where(eq(auditLogs.id, 5)),
      { rows: 4, broken: { id: '5', reason: 'altered' } },
    ],
    [
      'a deleted row',
      () => db().delete(auditLogs).where(eq(auditLogs.id, 3)),
      { rows: 2, broken: { id: '3', reason: 'missing' } },
    ],
    [
      'a deleted beginning',
      () => db().delete(auditLogs).where(sql`${auditLogs.id} < 3`),
      { rows: 0, broken: { id: '3', reason: 'altered' } },
    ],
    [
      'a deleted end',
      () => db().delete(auditLogs).where(sql`${auditLogs.id} > 3`),
      { rows: 3, broken: { id: '4', reason: 'missing' } },
    ],
    [
      'a deleted end with its head',
      async () => {
        await db().delete(auditLogs).where(eq(auditLogs.id, 5));
        await db().delete(auditHead);
      },
      { rows: 4, broken: { id: '5', reason: 'missing' } },
    ],
    ['all rows deleted', () => db().delete(auditLogs), { rows: 0, broken: { id: '5', reason: 'missing' } }],
    [
      'two rows swapped',
      () =>
        db()
          .execute(sql`update audit_logs set id = case id when 2 then -3 when 3 then -2 end where id in (2, 3)`)
          .then(() => db().execute(sql`update audit_logs set id = -id where id < 0`)),
      { rows: 1, broken: { id: '2', reason: 'altered' } },
    ],
    [
      'a row slipped in at the end',
      () => db().insert(auditLogs).values({ id: 6, actorKind: 'user', actor: 'x', action: 'a.b', resourceType: 'a' }),
      { rows: 5, broken: { id: '6', reason: 'foreign' } },
    ],
    [
      'a row slipped in between',
      async () => {
        await db().execute(sql`update audit_logs set id = -(id + 1) where id > 2`);
        await db().execute(sql`update audit_logs set id = -id where id < 0`);
        await db().insert(auditLogs).values({ id: 3, actorKind: 'user', actor: 'x', action: 'a.b', resourceType: 'a' });
        await db().update(auditHead).set({ lastId: 6 });
      },
      { rows: 2, broken: { id: '3', reason: 'altered' } },
    ],
    [
      'a beginning made to look as from before the chain',
      () => db().update(auditLogs).set({ hash: null }).where(sql`${auditLogs.id} < 3`),
      { rows: 0, broken: { id: '3', reason: 'altered' } },
    ],
    [
      'another head',
      () =>
        db()
          .update(auditHead)
          .set({ hash: 'f'.repeat(64) }),
      { rows: 5, broken: { id: '5', reason: 'altered' } },
    ],
  ];

  it.each(tampering)('%s is found', async (_what, tamper, found) => {
    await fill();
    await tamper();
    expect(await verifyChain(db())).toMatchObject({ ok: false, ...found });
  });

  it('the command ends with 0 for a whole chain and with 1 for a broken one, also beside a running hub', async () => {
    const env = { DATABASE_URL: use().url, MCPHUB_DATA_DIR: dirname(use().socketDir || '/nonexistent/run') };
    const said: string[] = [];
    const say = (text: string) => said.push(text);
    await fill();
    expect(await verifyAudit(env, say)).toBe(0);
    await db().delete(auditLogs).where(eq(auditLogs.id, 2));
    expect(await verifyAudit(env, say)).toBe(1);
    expect(said).toEqual([
      expect.stringMatching(/^Unbroken: 5 entries/),
      expect.stringMatching(/^BROKEN: entry 2 is missing/),
    ]);
  });
});

describe('the command without a running hub', () => {
  it('opens the embedded database itself and gives it free again, and makes none', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mcphub-audit-'));
    try {
      const env = { MCPHUB_DATA_DIR: join(folder, 'data') };
      const say = () => undefined;
      expect(await verifyAudit(env, say)).toBe(1);
      expect(existsSync(env.MCPHUB_DATA_DIR)).toBe(false);
      await copyEmbeddedTemplate(env.MCPHUB_DATA_DIR);
      expect(await verifyAudit(env, say)).toBe(0);
      expect(await verifyAudit(env, say)).toBe(0);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
