// The same hub on an external Postgres and with Redis, and while the database does not answer.
import { randomUUID } from 'node:crypto';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterEach, describe, expect, it } from 'vitest';
import { freePort } from '../../../scripts/launcher/port';
import { root } from '../../../scripts/prepare.mjs';
import { postgresUrl, redisUrl } from '../../support/database';
import { type Hub, type HubOptions, startHub } from '../../support/hub';
import { mcpHeaders, openSession, read, resumeSession, statuses } from '../../support/hub-client';
import { until } from '../../support/until';

const program = join(root, 'tests/support/servers/stdio.mjs');
const config = { mcpServers: { good: { command: process.execPath, args: [program] } } };

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

async function start(options: HubOptions): Promise<Hub> {
  const hub = await startHub({ config, ...options });
  cleanups.push(() => hub.stop());
  return hub;
}

/** A database of its own on the test run's Postgres. */
async function freshDatabase(url: string): Promise<{ url: string; sql: postgres.Sql }> {
  const admin = postgres(url, { max: 1, onnotice: () => {} });
  const name = `mcphub_hub_${randomUUID().replaceAll('-', '')}`;
  await admin`create database ${admin(name)}`;
  const own = new URL(url);
  own.pathname = `/${name}`;
  const sql = postgres(own.href, { max: 1, onnotice: () => {} });
  cleanups.push(async () => {
    await sql.end();
    await admin`drop database ${admin(name)} with (force)`;
    await admin.end();
  });
  return { url: own.href, sql };
}

async function serves(hub: Hub): Promise<void> {
  await until(async () => (await statuses(hub)).good?.state === 'ready', 20_000, hub.logs);
  const session = await openSession(hub);
  await until(async () => (await session.tools()).includes('good__echo'), 5_000, hub.logs);
  const { json } = await session.call('good__echo', { text: 'hello' });
  expect(json.result.content[0].text).toBe('hello');
}

/** Stands between hub and database, so that a test can cut the way and open it. */
async function gate(target: URL): Promise<{ url: string; open(): void; close(): void }> {
  const sockets = new Set<Socket>();
  let isOpen = false;
  const server: Server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}).on('close', () => sockets.delete(socket)));
    if (!isOpen) return void socket.destroy();
    const onward = connect(Number(target.port), target.hostname);
    sockets.add(onward.on('error', () => {}).on('close', () => sockets.delete(onward)));
    socket.pipe(onward).pipe(socket);
    onward.on('close', () => socket.destroy());
    socket.on('close', () => onward.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    isOpen = false;
    for (const socket of sockets) socket.destroy();
  };
  cleanups.push(async () => {
    close();
    server.close();
  });
  const url = new URL(target);
  url.port = String((server.address() as { port: number }).port);
  return {
    url: url.href,
    open: () => {
      isOpen = true;
    },
    close,
  };
}

const onPostgres = postgresUrl ? describe : describe.skip;
const onBoth = postgresUrl && redisUrl ? it : it.skip;

onPostgres(
  `a hub on an external Postgres${postgresUrl ? '' : ': SKIPPED, MCPHUB_TEST_POSTGRES_URL is not set'}`,
  () => {
    onBoth('and with Redis serves, logs calls, and finds everything again after a start', async () => {
      const { url, sql } = await freshDatabase(postgresUrl ?? '');
      const env = { DATABASE_URL: url, REDIS_URL: redisUrl ?? '' };
      const first = await start({ env });
      expect(first.pid('database')).toBeNull();
      await serves(first);
      await until(async () => (await sql`select 1 from request_logs`).length > 0, 5_000, first.logs);
      const session = await openSession(first);
      if ((await sql`select 1 from pg_available_extensions where name = 'vector'`).length === 0) {
        expect(first.logs()).toMatch(/pgvector/);
      }
      expect(first.logs()).not.toContain('"level":50');
      await first.stop({ keepData: true });
      const { dataDir, port, apiKey } = first;
      const second = await start({ env: { ...env, MCPHUB_BOOTSTRAP_API_KEY: apiKey }, dataDir, port });
      await serves(second);
      expect((await resumeSession(second, session.id).request('ping')).status).toBe(200);
    });

    it('that does not answer at the start says so and begins when it does [F-DB-01]', async () => {
      const { url } = await freshDatabase(postgresUrl ?? '');
      const way = await gate(new URL(url));
      const port = await freePort();
      const starting = start({ env: { DATABASE_URL: way.url }, port });
      starting.catch(() => {});
      const at = `http://127.0.0.1:${port}`;
      const probe = async (path: string) => fetch(at + path).catch(() => null);
      await until(async () => (await probe('/healthz'))?.status === 200, 30_000);
      await until(async () => {
        const answer = await probe('/readyz');
        if (!answer) return false;
        const { failing } = (await answer.json()) as { failing: { check: string; detail: string }[] };
        const cause = failing.find(({ check }) => check === 'database')?.detail ?? '';
        return answer.status === 503 && cause !== '' && cause !== 'Not started yet.';
      }, 10_000);
      const mcp = await read(
        await fetch(`${at}/api/mcp`, {
          method: 'POST',
          headers: { ...mcpHeaders, authorization: `Bearer ${'k'.repeat(40)}` },
          body: '{}',
        }),
      );
      expect([mcp.status, mcp.json.error.code, mcp.headers.get('content-type')]).toEqual([
        503,
        1001,
        'application/json',
      ]);
      way.open();
      const hub = await starting;
      await serves(hub);
    });

    it('that is lost for a while takes nothing down: calls go on, and their records are kept [F-DB-02]', async () => {
      const { url, sql } = await freshDatabase(postgresUrl ?? '');
      const way = await gate(new URL(url));
      way.open();
      const hub = await start({ env: { DATABASE_URL: way.url } });
      await serves(hub);
      const session = await openSession(hub);
      way.close();
      for (let at = 0; at < 3; at += 1) {
        const { json } = await session.call('good__echo', { text: `while away ${at}` });
        expect(json.result.content[0].text).toBe(`while away ${at}`);
      }
      expect((await fetch(`${hub.url}/readyz`)).status).toBe(200);
      way.open();
      await until(
        async () => (await sql`select 1 from request_logs where arguments::text like '%while away 2%'`).length > 0,
        20_000,
        hub.logs,
      );
    });
  },
);
