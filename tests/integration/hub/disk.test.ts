// A hub whose disk is really full: a small file system of its own, which a test fills and empties again.
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, rmdirSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requestLogs } from '../../../drizzle/schema';
import { createVault, loadKeyring } from '../../../lib/access';
import { systemActor } from '../../../lib/access/identities';
import { asDatabaseFault, openDatabase } from '../../../lib/db';
import { runtimeDir } from '../../../lib/env';
import { errorTable } from '../../../lib/errors';
import { createBus } from '../../../lib/events/bus';
import { createGroup, listGroups } from '../../../lib/servers';
import { root } from '../../../scripts/prepare.mjs';
import { silentLog } from '../../support/database';
import { copyEmbeddedTemplate } from '../../support/embedded-template';
import { type Hub, startHub } from '../../support/hub';
import { openSession, untilShown } from '../../support/hub-client';
import { until } from '../../support/until';

const program = join(root, 'tests/support/servers/stdio.mjs');
const disk = mkdtempSync(join(tmpdir(), 'mcphub-disk-'));
/** To mount takes rights that not everybody has. */
const isMounted = mount();

function mount(): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=200m', 'tmpfs', disk], { stdio: 'ignore' });
    return true;
  } catch {
    rmdirSync(disk);
    return false;
  }
}

/** Leaves not a single block. */
function fill(): void {
  const { bsize } = statfsSync(disk);
  for (const blocks of [256, 1]) {
    const bytes = Buffer.alloc(bsize * blocks);
    expect(() => {
      for (;;) appendFileSync(join(disk, 'filler'), bytes);
    }).toThrow('ENOSPC');
  }
}

const onDisk = isMounted ? describe : describe.skip;

onDisk(`a full disk${isMounted ? '' : ': SKIPPED, this user may not mount a file system'}`, () => {
  let hub: Hub;

  beforeAll(async () => {
    const dataDir = join(disk, 'data');
    mkdirSync(dataDir, { mode: 0o700 });
    await copyEmbeddedTemplate(dataDir);
    hub = await startHub({
      dataDir,
      config: { mcpServers: { good: { command: process.execPath, args: [program] } } },
    });
    await untilShown(hub, 'good', ({ state, tools }) => state === 'ready' && tools > 0, 20_000);
  });

  afterAll(async () => {
    await hub?.stop({ keepData: true });
    execFileSync('umount', [disk]);
    rmSync(disk, { recursive: true });
  });

  it('stops no call, answers writes with 507, fills no log, and is over when there is room again [F-DB-05]', async () => {
    const session = await openSession(hub);
    const before = hub.logs().length;
    fill();
    for (let at = 0; at < 60; at += 1) {
      const text = `full ${at} ${'x'.repeat(2_000)}`;
      const { json } = await session.call('good__echo', { text });
      expect(json.result.content[0].text).toBe(text);
    }
    const database = await openDatabase({ socketDir: runtimeDir(hub.dataDir), log: silentLog });
    const bus = createBus((error) => {
      throw error;
    });
    const vault = createVault(loadKeyring({ MCPHUB_DATA_DIR: hub.dataDir }));
    const ctx = { actor: systemActor('test'), db: database.db, bus, vault, requestId: 'test' };
    const write = (name: string) => createGroup(ctx, { name, description: 'y'.repeat(2_000) });
    const made: string[] = [];
    let refused: unknown;
    // What pages have left takes some rows.
    for (let at = 0; at < 400 && refused === undefined; at += 1) {
      await write(`group-${at}`).then(
        () => made.push(`group-${at}`),
        (error: unknown) => {
          refused = asDatabaseFault(error);
        },
      );
    }
    expect(refused).toMatchObject({ code: 'STORAGE_FULL' });
    expect(errorTable.STORAGE_FULL.status).toBe(507);
    expect((await listGroups(ctx)).map(({ name }) => name).sort()).toEqual([...made].sort());
    expect((await fetch(`${hub.url}/readyz`)).status).toBe(200);
    expect(hub.logs().length - before).toBeLessThan(100_000);

    rmSync(join(disk, 'filler'));
    await until(
      () =>
        write('after').then(
          () => true,
          () => false,
        ),
      20_000,
    );
    expect((await listGroups(ctx)).map(({ name }) => name).sort()).toEqual([...made, 'after'].sort());
    // The records of the calls were kept in memory meanwhile.
    await until(async () => {
      const rows = await database.db.select({ tool: requestLogs.tool }).from(requestLogs);
      return rows.filter(({ tool }) => tool === 'echo').length === 60;
    }, 20_000);
    await database.close();
  });
});
