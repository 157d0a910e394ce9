// What stored secrets cost where servers are looked at: all values of all servers opened, on real rows in an embedded
// database with the function that the worker calls. Opened again without a change, as every look but the first is.
import { createKeyring, createVault, systemActor } from '../../lib/access';
import { createOpener } from '../../lib/access/vault/open';
import { createBus } from '../../lib/events/bus';
import { createServer, listDesired } from '../../lib/servers';
import { openTestDatabase } from '../../tests/support/database';
import { median, say, table } from './support';

const serverCount = 100;
const valuesOfServer = 5;
const rounds = 15;

export async function benchVault(): Promise<void> {
  const database = await openTestDatabase('embedded');
  const bus = createBus(() => undefined);
  try {
    const { db } = database;
    const keyring = createKeyring(Buffer.from('0123456789abcdef0123456789abcdef'));
    const ctx = { actor: systemActor('bench'), db, bus, vault: createVault(keyring), requestId: 'bench' };
    const values = Array.from({ length: valuesOfServer }, (_, at) => [`TOKEN_${at}`, `a stored secret, number ${at}`]);
    const env = Object.fromEntries(values);
    for (let at = 0; at < serverCount; at++) {
      await createServer(ctx, { name: `server-${at}`, type: 'stdio', command: 'node', env });
    }
    const plain = createOpener(keyring);
    const look = async (opener: typeof plain) => {
      const startMs = performance.now();
      const before = process.cpuUsage();
      const desired = await listDesired(db, {}, opener);
      const { user, system } = process.cpuUsage(before);
      const isRight = desired.every(({ env: opened, fault }) => !fault && opened.TOKEN_4 === env.TOKEN_4);
      if (desired.length !== serverCount || !isRight) throw new Error('a value was not opened');
      return { ms: performance.now() - startMs, cpuMs: (user + system) / 1000 };
    };
    const first: Awaited<ReturnType<typeof look>>[] = [];
    const again: typeof first = [];
    for (let round = 0; round < rounds; round++) {
      first.push(await look(createOpener(keyring)));
      again.push(await look(plain));
    }
    table(
      `${serverCount} servers with ${valuesOfServer} stored values each, as the supervisor reads them`,
      ['', 'ms', 'ms CPU'],
      [
        ['all values opened', median(first.map(({ ms }) => ms)), median(first.map(({ cpuMs }) => cpuMs))],
        ['again, none changed', median(again.map(({ ms }) => ms)), median(again.map(({ cpuMs }) => cpuMs))],
      ],
      [0, 1, 1],
    );
    say('  target: 50 ms');
  } finally {
    await bus.close();
    await database.close();
  }
}
