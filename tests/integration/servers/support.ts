// Actors and contexts for the tests of the catalogue's verbs.
import { afterAll, beforeAll } from 'vitest';
import { users } from '../../../drizzle/schema';
import type { Ctx } from '../../../lib/access/context';
import { createKeyring } from '../../../lib/access/keyring';
import { builtInRoles } from '../../../lib/access/roles';
import type { Actor, Permission } from '../../../lib/access/schema';
import { createOpener } from '../../../lib/access/vault/open';
import { createVault } from '../../../lib/access/vault/seal';
import { type Bus, createBus } from '../../../lib/events/bus';
import { type EventName, eventSchemas } from '../../../lib/events/schema';
import { openRow } from '../../../lib/servers/opened';
import type { ServerRow } from '../../../lib/servers/rows';
import { type DatabaseKind, openTestDatabase, type TestDatabase } from '../../support/database';

export interface Seen {
  name: EventName;
  payload: unknown;
}

export const keyring = createKeyring(Buffer.from('0123456789abcdef0123456789ABCDEF'));
const vault = createVault(keyring);

/** A database and a bus for a suite, with everything that was emitted. */
export function bench(kind: DatabaseKind) {
  let database: TestDatabase | undefined;
  const events: Seen[] = [];
  const bus: Bus = createBus((error) => {
    throw error;
  });
  for (const name of Object.keys(eventSchemas) as EventName[]) {
    bus.on(name, (payload) => void events.push({ name, payload }));
  }
  beforeAll(async () => {
    database = await openTestDatabase(kind);
  }, 60_000);
  afterAll(async () => {
    await database?.close();
  });
  const use = (): TestDatabase => {
    if (!database) throw new Error('the database is open inside tests only');
    return database;
  };
  return {
    use,
    bus,
    events,
    /** Events since the last call. */
    take: (): Seen[] => events.splice(0),
    ctx: (actor: Actor): Ctx => ({ actor, db: use().db, bus, vault, requestId: 'test-request' }),
    vault,
    opener: createOpener(keyring),
    /** A stored row with its values opened. */
    opened: async (row: ServerRow | undefined) => row && openRow(row, await createOpener(keyring).begin(use().db)).row,
    /** What importConfigFile takes. */
    parts: () => ({ db: use().db, bus, vault }),
    /** A stored user with the permissions of a built-in role. */
    async actor(role: 'admin' | 'manager' | 'user', groupIds: string[] = []): Promise<Actor> {
      const username = `${role}-${Math.random().toString(36).slice(2, 10)}`;
      const [row] = await use().db.insert(users).values({ username }).returning();
      if (!row) throw new Error('no user');
      const permissions = builtInRoles.find((each) => each.name === role)?.permissions as Permission[];
      return { kind: 'user', id: row.id, userId: row.id, name: username, permissions, groupIds, keyScope: null };
    },
  };
}

/** The code of the HubError that a promise rejects with; "none" when it resolves. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'none';
  } catch (error) {
    const { code } = error as { code?: string };
    return code ?? String(error);
  }
}
