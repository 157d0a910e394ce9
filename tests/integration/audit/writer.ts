// A process that makes and deletes groups as fast as it can, with every third change failing after its audit entry.
import { createKeyring, createVault, systemActor } from '../../../lib/access';
import { openDatabase } from '../../../lib/db';
import { createBus } from '../../../lib/events/bus';
import { createLog } from '../../../lib/log';
import { createGroup } from '../../../lib/servers';
import { writeAudit } from '../../../lib/telemetry/audit';

const { url, socketDir, name, count } = JSON.parse(process.argv[2] ?? '{}') as {
  url?: string;
  socketDir: string;
  name: string;
  count: number;
};
const database = await openDatabase({ ...(url && { url }), socketDir, log: createLog('writer', 'silent') });
const { db } = database;
const bus = createBus((error) => {
  throw error;
});
const ctx = {
  actor: systemActor(name),
  db,
  bus,
  vault: createVault(createKeyring(Buffer.alloc(32, name))),
  requestId: name,
};
await Promise.all(
  Array.from({ length: count }, async (_each, index) => {
    await createGroup(ctx, { name: `${name}-${index}` });
    if (index % 3 > 0) return;
    const failing = db.transaction(async (tx) => {
      await writeAudit(tx, ctx, { action: 'group.never', resourceType: 'group' });
      throw new Error('rolled back');
    });
    await failing.catch(() => undefined);
  }),
);
await database.close();
