import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PGlite } from '@electric-sql/pglite';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { query, startup, sync } from '../../../lib/db/embedded/protocol';
import { serveWire, type WireOptions, type WireServer } from '../../../lib/db/embedded/wire';
import { copyEmbeddedTemplate } from '../../support/embedded-template';
import { until } from '../../support/until';
import { bind, connectWire, describeStatement, execute, flush, parse, terminate } from '../../support/wire-client';

const run = promisify(execFile);

let folder: string;
let backend: PGlite;
let server: WireServer | undefined;
const pools: postgres.Sql[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mcphub-wire-'));
  await copyEmbeddedTemplate(folder);
  backend = await PGlite.create({ dataDir: join(folder, 'database') });
  await backend.exec('create table mix (who text, v int)');
});

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.end({ timeout: 1 })));
  await server?.close();
  server = undefined;
});

afterAll(async () => {
  await backend?.close();
  rmSync(folder, { recursive: true, force: true });
});

const socketPath = () => join(folder, '.s.PGSQL.5432');

async function serve(options: WireOptions = {}): Promise<void> {
  server = await serveWire(backend, socketPath(), options);
}

function pool(max = 1): postgres.Sql {
  const sql = postgres({ host: folder, port: 5432, user: 'postgres', database: 'postgres', max, onnotice: () => {} });
  pools.push(sql);
  return sql;
}

async function count(who: string): Promise<number> {
  const [row] = await pool()<{ n: number }[]>`select count(*)::int as n from mix where who = ${who}`;
  return row?.n ?? -1;
}

describe('wire server', () => {
  it('gives two processes with four connections each only their own answers', async () => {
    await serve();
    const mix = (name: string) =>
      run(process.execPath, ['--import', 'tsx', 'tests/support/mix.ts', folder, name, '1500'], { timeout: 110_000 });
    const results = await Promise.all([mix('A'), mix('B')]);
    for (const { stdout } of results) {
      const result = JSON.parse(stdout) as { ok: number; wrong: number; errors: Record<string, number> };
      expect(result).toEqual({ ok: 1_500, wrong: 0, errors: {} });
    }
    expect(await count('rolled back')).toBe(0);
  });

  it('keeps the socket to its user alone', async () => {
    await serve();
    expect(statSync(socketPath()).mode & 0o777).toBe(0o600);
  });

  it('lets no client see or enter the transaction of another', async () => {
    await serve();
    const [a, b] = [pool(), pool()];
    let outside: Promise<number> | undefined;
    await a.begin(async (tx) => {
      await tx`insert into mix values ('isolated', 1)`;
      outside = b<{ n: number }[]>`select count(*)::int as n from mix where who = 'isolated'`.then(
        (rows) => rows[0]?.n ?? -1,
      );
      await tx`delete from mix where who = 'isolated'`;
    });
    expect(await outside).toBe(0);
  });

  it('rolls back a client that vanishes in its transaction, and the others go on', async () => {
    await serve();
    const client = await connectWire(socketPath());
    client.send(query('begin'), query("insert into mix values ('vanished', 1)"));
    await client.ready(2);
    const waiting = count('vanished');
    client.socket.destroy();
    expect(await waiting).toBe(0);
  });

  it('recovers from a client that vanishes between an error and its Sync', async () => {
    await serve();
    const client = await connectWire(socketPath());
    client.send(query('begin'), parse('', 'select nonsense'), flush);
    await until(() => client.socket.bytesRead > 0, 20_000);
    await client.ready(1);
    client.socket.destroy();
    expect(await count('nobody')).toBe(0);
  });

  it('cuts off a client that sits idle in a transaction', async () => {
    await serve({ idleInTransactionMs: 200 });
    const client = await connectWire(socketPath());
    client.send(query('begin'), query("insert into mix values ('idle', 1)"));
    await client.ready(2);
    expect(await client.ended()).toEqual(['E:25P03']);
    expect(await count('idle')).toBe(0);
  });

  it('does not cut off a client that is idle outside a transaction', async () => {
    await serve({ idleInTransactionMs: 100 });
    const idle = await connectWire(socketPath());
    const [row] = await pool()<{ a: number }[]>`select pg_sleep(0.3), 1 as a`;
    idle.send(query('select 2'));
    expect([row?.a, await idle.ready()]).toEqual([1, ['T', 'D:2', 'C', 'Z']]);
  });

  it('keeps statements of the same name of different clients apart', async () => {
    await serve();
    const [a, b] = [await connectWire(socketPath()), await connectWire(socketPath())];
    a.send(parse('s1', 'select 1'), sync);
    await a.ready();
    b.send(parse('s1', 'select 2'), sync);
    expect(await b.ready()).toEqual(['1', 'Z']);
    a.send(bind('s1'), execute, sync);
    b.send(describeStatement('s1'), bind('s1'), execute, sync);
    expect(await a.ready()).toEqual(['2', 'D:1', 'C', 'Z']);
    expect(await b.ready()).toContain('D:2');
  });

  it('keeps unnamed statements of different clients apart', async () => {
    await serve();
    const [a, b] = [await connectWire(socketPath()), await connectWire(socketPath())];
    a.send(parse('', 'select 10'), sync);
    await a.ready();
    b.send(parse('', 'select 20'), sync);
    await b.ready();
    a.send(bind(''), execute, sync);
    expect(await a.ready()).toEqual(['2', 'D:10', 'C', 'Z']);
    b.send(bind(''), execute, parse('', 'select 21'), bind(''), execute, sync);
    expect((await b.ready()).filter((each) => each.startsWith('D'))).toEqual(['D:20', 'D:21']);
    a.send(bind(''), execute, sync);
    expect(await a.ready()).toEqual(['2', 'D:10', 'C', 'Z']);
  });

  it('keeps the backend with a client whose request is only half there', async () => {
    await serve();
    const [a, b] = [await connectWire(socketPath()), await connectWire(socketPath())];
    a.send(query('select 1'), parse('', 'select 30'));
    await a.ready();
    b.send(parse('', 'select 40'), bind(''), execute, sync);
    a.send(bind(''), execute, sync);
    expect(await a.ready()).toContain('D:30');
    expect(await b.ready()).toContain('D:40');
  });

  it('closes the statements of a client that left', async () => {
    await serve();
    const client = await connectWire(socketPath());
    client.send(parse('mine', 'select 1'), sync);
    await client.ready();
    client.send(terminate);
    await client.ended();
    const names = async () =>
      (await pool()`select name from pg_prepared_statements where statement = 'select 1'`).length;
    await until(async () => (await names()) === 0, 20_000);
  });

  it.each([
    ['a setting', "set work_mem = '1MB'", 'show work_mem'],
    ['set_config', "select set_config('work_mem', '2MB', false)", 'show work_mem'],
    ['a role', 'set role pg_monitor', 'select current_user as work_mem'],
    ['a temporary table', 'create temp table left_over (i int)', "select to_regclass('left_over')::text as work_mem"],
  ])('lets nothing leak to the next client: %s', async (_name, change, look) => {
    await serve();
    const [a, b] = [pool(), pool()];
    const [before] = await b.unsafe(look);
    await a.unsafe(change);
    await b.unsafe('select 1');
    expect((await b.unsafe(look))[0]).toEqual(before);
  });

  it('carries messages of several megabytes in both directions', async () => {
    await serve();
    const sql = pool();
    const text = 'ü'.repeat(4 * 1024 * 1024);
    const [row] = await sql<{ t: string }[]>`select ${text}::text as t`;
    expect(row?.t === text).toBe(true);
  });

  it('refuses a message over its limit and lives on', async () => {
    await serve({ maxMessageBytes: 10_000 });
    const client = await connectWire(socketPath());
    client.send(query(`select '${'x'.repeat(20_000)}'`));
    expect(await client.ended()).toEqual(['E:08P01']);
    expect(await count('nobody')).toBe(0);
  });

  it('makes a slow reader wait, not everybody else', async () => {
    await serve();
    const slow = await connectWire(socketPath());
    slow.socket.pause();
    const rows = query("select repeat('x', 1000) from generate_series(1, 20000)");
    slow.send(rows, rows, rows);
    for (let turn = 0; turn < 20; turn++) expect(await count('nobody')).toBe(0);
    slow.socket.resume();
    expect((await slow.ready(3)).filter((each) => each.startsWith('D'))).toHaveLength(60_000);
  });

  it.each([
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['random bytes', Buffer.from('00000000ffffffffffffffff', 'hex')],
    ['protocol 2', Buffer.from([0, 0, 0, 8, 0, 2, 0, 0])],
  ])('refuses %s as startup and lives on', async (_name, bytes) => {
    await serve();
    const client = await connectWire(socketPath(), false);
    client.send(bytes);
    expect(await client.ended()).toEqual(['E:08P01']);
    expect(await count('nobody')).toBe(0);
  });

  it('refuses an unknown message type, which would end the backend, and lives on', async () => {
    await serve();
    const client = await connectWire(socketPath());
    client.send(Buffer.from('!\0\0\0\x04'));
    expect(await client.ended()).toEqual(['E:08P01']);
    expect(await count('nobody')).toBe(0);
  });

  it('drops a client that never finishes its startup', async () => {
    await serve({ startupTimeoutMs: 100 });
    const client = await connectWire(socketPath(), false);
    client.send(Buffer.from([0, 0]));
    expect(await client.ended()).toEqual([]);
  });

  it('tells one client too many so', async () => {
    await serve({ maxClients: 1 });
    const first = await connectWire(socketPath());
    const second = await connectWire(socketPath(), false);
    second.send(startup({ user: 'postgres' }));
    expect(await second.ended()).toEqual(['E:53300']);
    first.send(query('select 1'));
    expect(await first.ready()).toContain('D:1');
  });

  it('declines encryption, ignores a request to cancel, and speaks with a newer client', async () => {
    await serve();
    const encrypted = await connectWire(socketPath(), false);
    encrypted.socket.write(Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]));
    await until(() => encrypted.socket.bytesRead === 1, 20_000);
    const cancel = await connectWire(socketPath(), false);
    cancel.send(Buffer.from([0, 0, 0, 16, 0x04, 0xd2, 0x16, 0x2e, 0, 0, 0, 1, 0, 0, 0, 1]));
    expect(await cancel.ended()).toEqual([]);
    const newer = await connectWire(socketPath(), false);
    const packet = startup({ user: 'postgres' });
    packet.writeUInt16BE(2, 6);
    newer.send(packet);
    expect((await newer.ready())[0]).toBe('v');
  });

  it.each(['simple', 'extended'])('refuses COPY FROM STDIN (%s) with an error and lives on', async (mode) => {
    await serve();
    const sql = pool();
    const copy = mode === 'simple' ? sql.unsafe('copy mix from stdin') : sql`copy mix from stdin`.execute();
    await expect(copy).rejects.toThrow(/COPY FROM STDIN is not possible/);
    expect(await count('nobody')).toBe(0);
  });

  it('says so when the backend has failed', async () => {
    const reasons: string[] = [];
    server = await serveWire(
      {
        execProtocolRawStream: (message, options) =>
          message[0] === 0x51 ? Promise.resolve() : backend.execProtocolRawStream(message, options),
      },
      socketPath(),
      { onBroken: (reason) => reasons.push(reason) },
    );
    const client = await connectWire(socketPath());
    client.send(query('select 1'));
    expect(await client.ended()).toEqual(['E:57P02']);
    expect(reasons).toEqual(['the backend gave no answer']);
  });

  it('ends its clients, rolls back and frees the socket when it closes, also twice', async () => {
    await serve();
    const [idle, open] = [await connectWire(socketPath()), await connectWire(socketPath())];
    open.send(query('begin'), query("insert into mix values ('closed', 1)"));
    await open.ready(2);
    await Promise.all([server?.close(), server?.close()]);
    expect([await idle.ended(), await open.ended()]).toEqual([['E:57P01'], ['E:57P01']]);
    await serve();
    expect(await count('closed')).toBe(0);
  });
});
