// What must exist before anybody can sign in: roles, and the first admin or a way to make one. Run once per start,
// after the migrations; several programs may run it at once.
import { asc, eq, sql } from 'drizzle-orm';
import { apiKeys, roles, settings, userRoles, users } from '../../drizzle/schema';
import type { Db } from '../db/types';
import type { Env } from '../env';
import type { Log } from '../log';
import { writeAudit } from '../telemetry/audit';
import { hashPassword } from './passwords';
import { seedRoles } from './roles';
import { hashSecret, shownPrefix } from './secrets';
import { createAdmin, issueSetupToken, needsSetup } from './setup';

export interface BootstrapParts {
  db: Db;
  env: Pick<Env, 'MCPHUB_ADMIN_USERNAME' | 'MCPHUB_ADMIN_PASSWORD' | 'MCPHUB_BOOTSTRAP_API_KEY'>;
  log: Log;
}

const requestId = 'start';
const source = { actor: { kind: 'system', id: 'bootstrap', name: 'bootstrap' }, requestId };
const bootstrapSetting = 'bootstrap.key';

/** @returns the one-time setup token while no user exists, else null */
export async function bootstrapAccess({ db, env, log }: BootstrapParts): Promise<{ setupToken: string | null }> {
  await seedRoles(db);
  if (env.MCPHUB_ADMIN_USERNAME && env.MCPHUB_ADMIN_PASSWORD && (await needsSetup(db))) {
    await createFirstAdmin(db, env.MCPHUB_ADMIN_USERNAME, env.MCPHUB_ADMIN_PASSWORD, log);
  }
  if (env.MCPHUB_BOOTSTRAP_API_KEY) await keepBootstrapKey(db, env.MCPHUB_BOOTSTRAP_API_KEY, env, log);
  return { setupToken: (await needsSetup(db)) ? await issueSetupToken(db) : null };
}

async function createFirstAdmin(db: Db, username: string, password: string, log: Log): Promise<void> {
  const passwordHash = await hashPassword(password);
  try {
    await db.transaction(async (tx) => {
      await tx.delete(settings).where(eq(settings.key, 'setup.token'));
      if (await needsSetup(tx)) await createAdmin(tx, { username, passwordHash, requestId, via: 'bootstrap' });
    });
    log.info({ username }, 'first admin created from the settings');
  } catch (error) {
    // Another worker of the same start may have been first; its user is the one we wanted.
    if (await needsSetup(db)) throw error;
  }
}

/** The key of the settings belongs to the admin named there, else to the oldest admin. A changed one replaces the last. */
async function keepBootstrapKey(db: Db, secret: string, env: BootstrapParts['env'], log: Log): Promise<void> {
  const secretHash = hashSecret(secret);
  const [known] = await db.select().from(apiKeys).where(eq(apiKeys.secretHash, secretHash));
  if (known?.revokedAt) log.warn('MCPHUB_BOOTSTRAP_API_KEY holds a key that was revoked: it stays without effect');
  if (known) return;
  const owner = await findOwner(db, env.MCPHUB_ADMIN_USERNAME);
  if (!owner) {
    log.warn('MCPHUB_BOOTSTRAP_API_KEY is without effect, because there is no admin to own it');
    return;
  }
  await db.transaction(async (tx) => {
    const [key] = await tx
      .insert(apiKeys)
      .values({ userId: owner.id, name: 'bootstrap', prefix: shownPrefix(secret), secretHash })
      .onConflictDoNothing()
      .returning();
    if (!key) return;
    const [last] = await tx.select().from(settings).where(eq(settings.key, bootstrapSetting));
    const lastId = (last?.value as { id?: string } | undefined)?.id;
    const revoked = lastId
      ? await tx.update(apiKeys).set({ revokedAt: new Date() }).where(eq(apiKeys.id, lastId)).returning()
      : [];
    const value = { id: key.id };
    await tx
      .insert(settings)
      .values({ key: bootstrapSetting, value })
      .onConflictDoUpdate({
        target: settings.key,
        set: { value, updatedAt: new Date() },
      });
    for (const { id, name, prefix } of revoked) {
      const entry = { resourceType: 'key', resourceId: id, resourceName: name, before: { prefix } };
      await writeAudit(tx, source, { action: 'key.revoked', ...entry });
    }
    await writeAudit(tx, source, {
      action: 'key.created',
      resourceType: 'key',
      resourceId: key.id,
      resourceName: key.name,
    });
  });
}

async function findOwner(db: Db, username: string | undefined): Promise<{ id: string } | undefined> {
  const [oldest, named] = await Promise.all([
    db
      .select({ id: users.id })
      .from(users)
      .innerJoin(userRoles, eq(userRoles.userId, users.id))
      .innerJoin(roles, eq(roles.id, userRoles.roleId))
      .where(eq(roles.name, 'admin'))
      .orderBy(asc(users.createdAt))
      .limit(1),
    db
      .select({ id: users.id })
      .from(users)
      .where(eq(sql`lower(${users.username})`, username?.toLowerCase() ?? '')),
  ]);
  return named[0] ?? oldest[0];
}
