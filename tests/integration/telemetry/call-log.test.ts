// The call log on a real database: batches, faults, reading it page by page, and figures from it.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { requestLogs } from '../../../drizzle/schema';
import type { Db } from '../../../lib/db/types';
import { type CallEntry, createCallLog, listCalls, overview } from '../../../lib/telemetry';
import { eachDatabase, silentLog } from '../../support/database';
import { until } from '../../support/until';
import { bench, codeOf } from '../servers/support';

const call = (number: number, more: Partial<CallEntry> = {}): CallEntry => ({
  at: new Date(),
  requestId: `request-${number}`,
  actor: 'tester',
  endpoint: '/api/mcp',
  server: 'files',
  tool: 'read',
  outcome: 'ok',
  durationMs: number,
  requestBytes: 10,
  responseBytes: 20,
  arguments: { number },
  ...more,
});

eachDatabase('call log', (kind) => {
  const { use, ctx, actor } = bench(kind);
  const rows = () => use().db.select().from(requestLogs).orderBy(requestLogs.id);
  let open: { close(): Promise<void> }[] = [];

  const logOn = (db: Db, options = {}) => {
    const made = createCallLog(db, silentLog, { flushMs: 50, ...options });
    open.push(made);
    return made;
  };

  beforeEach(async () => {
    await use().db.delete(requestLogs);
  });

  afterEach(async () => {
    await Promise.all(open.map((each) => each.close()));
    open = [];
  });

  it('records are stored in order, in batches, without anybody waiting [F-TRAP-08]', async () => {
    const log = logOn(use().db);
    for (let number = 0; number < 1_234; number++) log.record(call(number));
    expect(await rows()).toHaveLength(0);
    await until(async () => (await rows()).length === 1_234, 20_000);
    expect((await rows()).map((row) => row.durationMs)).toEqual(Array.from({ length: 1_234 }, (_, index) => index));
    expect(log.dropped).toBe(0);
  });

  it('secrets and text that Postgres refuses never reach the database', async () => {
    const log = logOn(use().db);
    const key = `mcphub_${'aB3'.repeat(14)}`;
    log.record(call(1, { arguments: { password: 'hunter2', text: `key ${key}\0\uD800` }, errorMessage: `bad ${key}` }));
    log.record(call(2, { tool: 'a\0b', actor: '\uD800' }));
    await log.flush();
    const stored = JSON.stringify(await rows());
    expect(await rows()).toHaveLength(2);
    expect(stored).not.toMatch(/hunter2|mcphub_/);
  });

  it('a row that the database refuses costs itself only', async () => {
    const log = logOn(use().db);
    for (let number = 0; number < 20; number++) log.record(call(number, number === 7 ? { userId: 'no uuid' } : {}));
    await log.flush();
    expect(await rows()).toHaveLength(19);
    expect(log.dropped).toBe(1);
  });

  it('while the database is away rows wait in a bounded queue; what does not fit is counted', async () => {
    let isAway = true;
    let told = 0;
    const real = use().db;
    const flaky = new Proxy(real, {
      get(target, name, receiver) {
        if (name !== 'insert' || !isAway) return Reflect.get(target, name, receiver);
        return () => ({ values: () => Promise.reject(Object.assign(new Error('gone'), { code: 'ECONNREFUSED' })) });
      },
    });
    const log = logOn(flaky, { maxRows: 100, onDropped: (count: number) => (told += count) });
    for (let number = 0; number < 130; number++) log.record(call(number));
    await log.flush();
    expect(log.dropped).toBe(30);
    isAway = false;
    await until(async () => (await rows()).length === 100, 20_000);
    expect([log.dropped, told]).toEqual([30, 30]);
  });

  it('closing stores what waits and drops what comes later', async () => {
    const log = logOn(use().db, { flushMs: 60_000 });
    log.record(call(1));
    await log.close();
    log.record(call(2));
    await log.close();
    expect(await rows()).toHaveLength(1);
    expect(log.dropped).toBe(1);
  });

  it('kill -9 loses at most the last second', async () => {
    const { url, socketDir } = use();
    const writer = fork('tests/integration/telemetry/writer.ts', [JSON.stringify({ url, socketDir })], {
      execArgv: ['--import', 'tsx'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const sent: { number: number; at: number }[] = [];
    writer.on('message', (number: number) => sent.push({ number, at: performance.now() }));
    await until(() => sent.length > 400, 30_000);
    const exited = once(writer, 'exit');
    const killedAt = performance.now();
    writer.kill('SIGKILL');
    await exited;
    const owed = sent.filter(({ at }) => at < killedAt - 1_000).length;
    expect(owed).toBeGreaterThan(0);
    expect((await rows()).length).toBeGreaterThanOrEqual(owed);
  });

  it('pages hold every call once, newest first, also where instants are equal', async () => {
    const log = logOn(use().db);
    const at = new Date('2026-01-01T00:00:00Z');
    for (let number = 0; number < 25; number++) log.record(call(number, { at }));
    for (let number = 25; number < 30; number++) log.record(call(number, { at: new Date(at.getTime() + number) }));
    await log.flush();
    const admin = await actor('admin');
    const seen: number[] = [];
    let cursor: string | undefined;
    do {
      const page = await listCalls(ctx(admin), { limit: 7, cursor });
      seen.push(...page.data.map((row) => row.durationMs));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(seen).toEqual(Array.from({ length: 30 }, (_, index) => 29 - index));
  });

  it('filters narrow, bad ones are refused, and everybody sees only what is theirs', async () => {
    const [admin, user, other] = await Promise.all([actor('admin'), actor('user'), actor('user')]);
    const log = logOn(use().db);
    log.record(call(1, { userId: user.userId, server: 'Files', outcome: 'timeout' }));
    log.record(call(2, { userId: other.userId, tool: 'write' }));
    await log.flush();
    expect((await listCalls(ctx(admin), { server: 'FILES' })).data).toHaveLength(2);
    expect((await listCalls(ctx(admin), { tool: 'write' })).data).toHaveLength(1);
    expect((await listCalls(ctx(admin), { outcome: 'timeout' })).data).toHaveLength(1);
    expect((await listCalls(ctx(user))).data.map((row) => row.durationMs)).toEqual([1]);
    expect(await codeOf(listCalls(ctx(admin), { cursor: 'altered' }))).toBe('INVALID_INPUT');
    expect(await codeOf(listCalls(ctx(admin), { limit: 1_000 }))).toBe('INVALID_INPUT');
    const anonymous = { ...user, kind: 'anonymous' as const, userId: null, permissions: [] };
    expect(await codeOf(listCalls(ctx(anonymous)))).toBe('FORBIDDEN');
  });

  it('the figures equal a direct count', async () => {
    const [admin, user] = await Promise.all([actor('admin'), actor('user')]);
    const now = Date.parse('2026-03-04T12:30:00Z');
    const hoursAgo = (hours: number) => new Date(now - hours * 3_600_000);
    const log = logOn(use().db);
    for (let number = 1; number <= 100; number++) {
      const outcome = number % 10 === 0 ? 'tool_error' : number % 10 === 1 ? 'cancelled' : 'ok';
      log.record(call(number, { at: hoursAgo(number % 24), outcome, userId: number <= 4 ? user.userId : null }));
    }
    log.record(call(9_999, { at: hoursAgo(30) }));
    await log.flush();
    const figures = await overview(ctx(admin), now);
    expect(figures).toMatchObject({ calls: 100, errors: 10, errorPercent: 10, p50Ms: 50.5 });
    expect(figures.p95Ms).toBeCloseTo(95.05, 1);
    expect(figures.buckets).toHaveLength(24);
    expect(figures.buckets.at(-1)).toMatchObject({ at: '2026-03-04T12:00:00.000Z', calls: 4 });
    expect(await overview(ctx(user), now)).toMatchObject({ calls: 4, errors: 0, p50Ms: 2.5 });
    await use().db.execute(sql`delete from request_logs`);
    expect(await overview(ctx(admin), now)).toMatchObject({ calls: 0, errorPercent: null, p50Ms: null });
  });
});
