// The first admin. While no user exists, the terminal shows a link with a one-time token; who has it makes the account.
import { randomBytes } from 'node:crypto';
import { eq } from 'drizzle-orm';
import { roles, settings, userRoles, users } from '../../drizzle/schema';
import type { Db, Tx } from '../db/types';
import { HubError } from '../errors';
import { parseInput } from '../input';
import { writeAudit } from '../telemetry/audit';
import { hashPassword } from './passwords';
import { noteRefusal } from './refusals';
import { seedRoles } from './roles';
import { type SetupInput, setupInputSchema } from './schema';
import { hashSecret, sameHash } from './secrets';
import type { SignedIn } from './sign-in';

const tokenSetting = 'setup.token';

/** True while no user exists. */
export async function needsSetup(db: Db | Tx): Promise<boolean> {
  const rows = await db.select({ id: users.id }).from(users).limit(1);
  return rows.length === 0;
}

/** Makes the setup token; the one of an earlier start is void. Only its hash is stored. */
export async function issueSetupToken(db: Db): Promise<string> {
  const token = randomBytes(32).toString('base64url');
  const value = { hash: hashSecret(token) };
  await db
    .insert(settings)
    .values({ key: tokenSetting, value })
    .onConflictDoUpdate({
      target: settings.key,
      set: { value, updatedAt: new Date() },
    });
  return token;
}

/**
 * Makes the first admin and uses the token up. Of two at once one wins.
 * @throws HubError NOT_FOUND once a user exists; UNAUTHENTICATED for a wrong token; INVALID_INPUT
 */
export async function completeSetup(
  { db, requestId, address }: { db: Db; requestId: string; address?: string | undefined },
  input: SetupInput,
): Promise<SignedIn> {
  if (!(await needsSetup(db))) throw new HubError('NOT_FOUND');
  const { token, username, password } = parseInput(setupInputSchema, input);
  const tokenHash = hashSecret(token);
  // Asked before the costly hash and again below, where it decides.
  const [stored] = await db.select().from(settings).where(eq(settings.key, tokenSetting));
  if (!matches(stored?.value, tokenHash)) {
    await noteRefusal({ db, requestId, address }, () => ({ action: 'setup.refused', resourceType: 'setup' }));
    throw wrongToken();
  }
  const passwordHash = await hashPassword(password);
  return db.transaction(async (tx) => {
    // The delete locks the row: a second setup waits here and then finds no token.
    const [used] = await tx.delete(settings).where(eq(settings.key, tokenSetting)).returning();
    if (!(await needsSetup(tx))) throw new HubError('NOT_FOUND');
    if (!matches(used?.value, tokenHash)) throw wrongToken();
    return createAdmin(tx, { username, passwordHash, requestId, address, via: 'setup' });
  });
}

function wrongToken(): HubError {
  return new HubError('UNAUTHENTICATED', 'This setup token is not valid.', {
    hint: 'Use the link that the last start of the hub printed in its terminal.',
  });
}

function matches(value: unknown, tokenHash: string): boolean {
  const stored = value as { hash?: unknown } | null | undefined;
  return typeof stored?.hash === 'string' && sameHash(stored.hash, tokenHash);
}

/** Inserts a user with the role admin, inside the caller's transaction. */
export async function createAdmin(
  tx: Tx,
  admin: { username: string; passwordHash: string; requestId: string; address?: string | undefined; via: string },
): Promise<SignedIn> {
  await seedRoles(tx);
  const [role] = await tx.select({ id: roles.id }).from(roles).where(eq(roles.name, 'admin'));
  const [user] = await tx
    .insert(users)
    .values({ username: admin.username, passwordHash: admin.passwordHash, passwordChangedAt: new Date() })
    .returning();
  if (!role || !user) throw new HubError('INTERNAL', undefined, { detail: 'no role or no row for the first admin' });
  await tx.insert(userRoles).values({ userId: user.id, roleId: role.id });
  await writeAudit(
    tx,
    {
      actor: { kind: 'system', id: admin.via, name: admin.via },
      requestId: admin.requestId,
      address: admin.address,
    },
    {
      action: 'user.created',
      resourceType: 'user',
      resourceId: user.id,
      resourceName: user.username,
      after: { role: 'admin' },
    },
  );
  return { userId: user.id, username: user.username, sessionVersion: user.sessionVersion };
}
