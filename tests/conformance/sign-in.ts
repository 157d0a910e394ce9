// A hub for the scenarios that want a client to sign in: the parts of the worker that do so, on a database, and a browser
// that goes where it is sent.
import { randomBytes, randomUUID } from 'node:crypto';
import { servers, users } from '../../drizzle/schema';
import { createKeyring, createVault } from '../../lib/access';
import { createOpener } from '../../lib/access/vault/open';
import type { CredentialSetting } from '../../lib/credentials/schema';
import type { DesiredServer } from '../../lib/servers';
import { createCredentials } from '../../worker/credentials';
import { createEgress } from '../../worker/upstream';
import { openTestDatabase, silentLog, type TestDatabase } from '../support/database';
import { serverRow, startGateway, type TestGateway } from '../support/gateway';
import { until } from '../support/until';
import { desired, remote, supervise } from '../support/upstreams';

/** A user gives up then. */
const mostSignIns = 3;
const keyring = createKeyring(randomBytes(32));
const vault = createVault(keyring);

export interface SigningHub {
  /** Signs in to the server, as often as it asks for more, and runs `use` with what the hub then serves. */
  play(url: string, credential: CredentialSetting, use: (hub: TestGateway) => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

export async function openSigningHub(): Promise<SigningHub> {
  const database: TestDatabase = await openTestDatabase('embedded');
  const { db } = database;
  const [person] = await db
    .insert(users)
    .values({ username: `u-${randomUUID()}` })
    .returning();
  const userId = person?.id ?? '';

  return {
    async play(url, credential, use) {
      const name = `s-${randomUUID().slice(0, 8)}`;
      const [stored] = await db.insert(servers).values({ name, type: 'streamable-http', url }).returning();
      const row = serverRow('scenario', { id: stored?.id ?? '' });
      const target: DesiredServer = { ...desired(remote(url), { id: row.id, name: row.name }), credential };
      const credentials = createCredentials({
        db,
        vault,
        opener: () => createOpener(keyring),
        egress: createEgress('private-allowed'),
        // Its own client at each issuer: ports come again.
        publicUrl: `https://${name}.example`,
        processEnv: {},
        version: '0.0.0',
        log: silentLog,
        desired: async () => target,
        changed: async () => undefined,
      });
      const signIn = async () => {
        const authorize = await credentials.begin(row.id, userId, false);
        const { headers } = await fetch(authorize, { redirect: 'manual' });
        const callback = new URL(headers.get('location') ?? '');
        const value = (key: string) => callback.searchParams.get(key) ?? undefined;
        await credentials.finish({
          state: value('state') ?? '',
          code: value('code'),
          iss: value('iss'),
          error: value('error'),
          userId,
        });
      };
      const { supervisor, state } = supervise([target], { accessFor: credentials.accessFor });
      const hub = await startGateway({ servers: [row], supervisor });
      try {
        await supervisor.start();
        for (let signIns = 0; signIns < mostSignIns; signIns++) {
          await until(() => hub.stored.has(row.id) || state(target) === 'needs-auth', 10_000);
          if (state(target) !== 'needs-auth') break;
          await signIn();
          credentials.forget(row.id, null);
          await supervisor.restart(row.id);
          await until(() => state(target) === 'ready' || state(target) === 'needs-auth', 10_000);
        }
        await until(() => hub.stored.has(row.id), 10_000);
        await use(hub);
      } finally {
        await supervisor.stop();
        await hub.close();
      }
    },
    close: () => database.close(),
  };
}
