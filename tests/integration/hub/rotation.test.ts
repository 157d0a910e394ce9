// Stored secrets of a running hub with two workers: put under new keys while they are edited and while workers are
// killed, and met with another master key.
import { randomBytes } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eq, sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { servers, users } from '../../../drizzle/schema';
import { type Ctx, createVault, loadKeyring } from '../../../lib/access';
import { loadUser } from '../../../lib/access/identities';
import { createOpener } from '../../../lib/access/vault/open';
import { createControlClient } from '../../../lib/control';
import { type Database, openDatabase } from '../../../lib/db';
import { socketPaths } from '../../../lib/env';
import type { Bus } from '../../../lib/events/bus';
import { createServer, getServer, listDesired, listServers, updateServer } from '../../../lib/servers';
import type { ServerInput } from '../../../lib/servers/schema';
import { root } from '../../../scripts/prepare.mjs';
import { silentLog } from '../../support/database';
import { type Hub, startHub } from '../../support/hub';
import { openSession, statuses } from '../../support/hub-client';
import { until } from '../../support/until';
import { workersOf } from '../../support/workers';

const program = join(root, 'tests/support/servers/stdio.mjs');
const secret = 'planted value of a variable';
const many = 240;

// On the embedded database; what it says to a database is held on Postgres too, in tests of the vault.
describe('secrets of a hub with two workers', () => {
  let hub: Hub;
  let opened: Database;
  const source = { actor: { kind: 'system', id: 'test', name: 'test' }, requestId: 'test' };
  const control = () => createControlClient(socketPaths(hub.dataDir).worker);
  const holder: ServerInput = {
    name: 'holder',
    type: 'stdio',
    command: process.execPath,
    args: [program],
    env: { HELD: 'k ${KEY}', PLAIN: secret },
    secrets: { KEY: secret },
  };
  const idle = (name: string): ServerInput => ({ ...holder, name, enabled: false });

  async function start(more: { dataDir?: string } = {}): Promise<void> {
    hub = await startHub({ env: { MCPHUB_WORKERS: '2' }, ...more });
    await until(() => workersOf(hub).length === 2, 15_000, hub.logs);
    const socketDir = socketPaths(hub.dataDir).databaseDir;
    opened = await openDatabase({ url: undefined, socketDir, log: silentLog, wait: false });
  }
  beforeAll(() => start(), 300_000);
  afterAll(async () => {
    await opened?.close();
    await hub?.stop();
  });

  const keyring = () => loadKeyring({ MCPHUB_DATA_DIR: hub.dataDir });
  async function context(): Promise<Ctx> {
    const [admin] = await opened.db.select({ id: users.id }).from(users);
    const actor = (await loadUser(opened.db, admin?.id ?? ''))?.actor;
    if (!actor) throw new Error('there is no admin');
    // As the web program tells its worker.
    const deliver = (name: string, payload: object) => control().call('events.deliver', { name, payload } as never);
    const bus = { emit: deliver } as unknown as Bus;
    return { actor, db: opened.db, bus, vault: createVault(keyring()), requestId: 'test' };
  }
  const desired = () => listDesired(opened.db, {}, createOpener(keyring()));
  const heldBy = async () => {
    const { json } = await (await openSession(hub, { endpoint: '/holder' })).call('env');
    return JSON.parse(json.result.content[0].text);
  };
  const isReady = () => until(async () => (await statuses(hub)).holder?.state === 'ready', 30_000, hub.logs);
  /** How many servers have all their values under that key. */
  const under = async (key: string) => {
    const rows = await opened.db.select({ env: sql<string>`env::text` }).from(servers);
    return rows.filter(({ env }) => env.match(/v1\.k\d+\./g)?.every((each) => each === `v1.${key}.`)).length;
  };

  it('edits during rotations, of two workers at once, lose nothing', async () => {
    const ctx = await context();
    await createServer(ctx, holder);
    for (let at = 0; at < many; at++)
      await createServer({ ...ctx, bus: { emit: async () => {} } as unknown as Bus }, idle(`idle-${at}`));
    await isReady();
    const edits = Array.from({ length: 30 }, async (_each, at) => {
      for (const round of [1, 2]) {
        await updateServer(ctx, `idle-${at * 8}`, { env: { [`MORE_${round}`]: `edit ${at}` } });
      }
    });
    const rotations = [1, 2, 3].map(() => control().call('secrets.rotate', source));
    const answers = await Promise.all(rotations);
    await Promise.all(edits);
    expect(answers.map(({ closed }) => closed)).toEqual([0, 0, 0]);
    for (const { name, env, fault } of await desired()) {
      const at = Number(name.slice(5)) / 8;
      const more = at < 30 && Number.isInteger(at) ? { MORE_1: `edit ${at}`, MORE_2: `edit ${at}` } : {};
      expect([name, fault, env]).toEqual([name, null, { HELD: `k ${secret}`, PLAIN: secret, ...more }]);
    }
  }, 120_000);

  it('workers that are killed in the middle of a rotation leave all readable, and the next one ends it', async () => {
    const { key: last } = await control().call('secrets.rotate', source);
    const next = `k${Number(last.slice(1)) + 1}`;
    const before = workersOf(hub);
    const rotation = control()
      .call('secrets.rotate', source)
      .catch(() => 'cut short');
    await until(async () => (await under(next)) > 3, 20_000);
    for (const pid of before) process.kill(pid, 'SIGKILL');
    expect(await rotation).toBe('cut short');
    const moved = await under(next);
    expect(moved).toBeGreaterThan(3);
    expect(moved).toBeLessThan(many);
    for (const each of await desired()) expect([each.fault, each.env.PLAIN]).toEqual([null, secret]);
    await until(() => workersOf(hub).filter((pid) => !before.includes(pid)).length === 2, 30_000, hub.logs);
    await isReady();
    expect(await heldBy()).toMatchObject({ HELD: `k ${secret}`, PLAIN: secret });
    const again = await control().call('secrets.rotate', source);
    expect(again.closed).toBe(0);
    expect(await under(again.key)).toBe(many + 1);
  }, 120_000);

  it('with another master key the hub runs and says what to enter again; with the right one all is back', async () => {
    const path = join(hub.dataDir, 'master.key');
    const stopped = async () => {
      await opened.close();
      await hub.stop({ keepData: true });
    };
    await stopped();
    renameSync(path, `${path}.right`);
    writeFileSync(path, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
    await start({ dataDir: hub.dataDir });
    await until(async () => (await statuses(hub)).holder?.message != null, 30_000, hub.logs);
    expect((await statuses(hub)).holder?.message).toContain('"env.HELD", "env.PLAIN", "secrets.KEY" cannot be opened');
    expect(hub.logs()).toContain('were sealed with another master key');
    const ctx = await context();
    expect((await getServer(ctx, 'holder')).needsReentry).toEqual(['env.HELD', 'env.PLAIN', 'secrets.KEY']);
    await updateServer(ctx, 'idle-1', {
      env: { HELD: 'entered again', PLAIN: 'this too' },
      secrets: { KEY: 'and this' },
    });
    expect((await listServers(ctx)).filter(({ needsReentry }) => needsReentry.length > 0)).toHaveLength(many);
    expect((await control().call('secrets.rotate', source)).closed).toBeGreaterThan(many);
    await stopped();
    renameSync(path, `${path}.wrong`);
    renameSync(`${path}.right`, path);
    await start({ dataDir: hub.dataDir });
    await isReady();
    expect(await heldBy()).toMatchObject({ HELD: `k ${secret}`, PLAIN: secret });
    const [row] = await opened.db.select({ id: servers.id }).from(servers).where(eq(servers.name, 'idle-1'));
    const closed = (await desired()).filter(({ fault }) => fault !== null).map(({ id }) => id);
    expect(closed).toEqual([row?.id]);
  }, 120_000);
});
