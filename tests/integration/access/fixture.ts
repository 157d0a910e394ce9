// A database with users for the access tests: emptied before each test, one per file and kind.
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { groupMembers, groups, roles, userRoles, users } from '../../../drizzle/schema';
import { bootstrapAccess, type Ctx, createKeyring, createVault, systemActor } from '../../../lib/access';
import { loadUser } from '../../../lib/access/identities';
import { type Bus, createBus } from '../../../lib/events/bus';
import { type DatabaseKind, openTestDatabase, silentLog, type TestDatabase } from '../../support/database';

export interface AccessFixture {
  database: TestDatabase;
  bus: Bus;
  /** Makes a user with a role, in groups of these names, and gives its context. */
  addUser(name: string, role: string, options?: { groups?: string[]; passwordHash?: string }): Promise<Ctx>;
  contextOf(userId: string): Promise<Ctx>;
  system: Ctx;
}

/** Registers the hooks; use the members inside tests only. */
export function accessFixture(kind: DatabaseKind): AccessFixture {
  const fixture = {} as AccessFixture;
  beforeAll(async () => {
    fixture.database = await openTestDatabase(kind);
  });
  afterAll(() => fixture.database.close());
  beforeEach(async () => {
    const { db } = fixture.database;
    await fixture.database.empty();
    await bootstrapAccess({ db, env: {}, log: silentLog });
    fixture.bus = createBus((error) => {
      throw error;
    });
    const vault = createVault(createKeyring(Buffer.alloc(32, 1)));
    const base = { db, bus: fixture.bus, vault, requestId: 'test' };
    fixture.system = { ...base, actor: systemActor('test') };
    fixture.contextOf = async (userId) => {
      const identity = await loadUser(db, userId);
      if (!identity) throw new Error(`no user ${userId}`);
      return { ...base, actor: identity.actor };
    };
    fixture.addUser = async (username, role, { groups: groupNames = [], passwordHash = null } = {}) => {
      const userId = await db.transaction(async (tx) => {
        const [user] = await tx.insert(users).values({ username, passwordHash }).returning();
        if (!user) throw new Error('no row');
        await tx.execute(
          sql`insert into ${userRoles} (user_id, role_id) select ${user.id}::uuid, id from ${roles} where name = ${role}`,
        );
        for (const name of groupNames) {
          const [group] = await tx.insert(groups).values({ name }).returning();
          if (group) await tx.insert(groupMembers).values({ groupId: group.id, userId: user.id });
        }
        return user.id;
      });
      return fixture.contextOf(userId);
    };
  });
  return fixture;
}
