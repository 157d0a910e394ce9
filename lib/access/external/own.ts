// The identities of the asking user at providers: seen, linked and unlinked by that user alone, in a browser, with a
// proof that it is really them. No account is left without a way in.
import { and, asc, eq, ne } from 'drizzle-orm';
import { userIdentities, users } from '../../../drizzle/schema';
import type { Db, Tx } from '../../db/types';
import { HubError } from '../../errors';
import { writeAudit, writeAuditLast } from '../../telemetry/audit';
import { can } from '../can';
import type { Ctx } from '../context';
import { isUuid } from '../keys';
import type { Lockout } from '../lockout';
import { proveRecently } from '../proof';
import { noteRefusal } from '../refusals';
import type { OwnerProof, ProviderId } from '../schema';
import { auditOf } from '../sign-in';
import { textClaim } from './claims';
import { givenByRules } from './rules';
import type { IdentityView, OwnIdentitiesView, RefusalReason, SignInProvider } from './schema';
import { loadSignInSetting, signInFault } from './setting';
import type { Proof } from './sign-in';
import { applyRules } from './sync';

const identitiesMax = 20;

/** What of the settings counts here. */
export interface WaysIn {
  providers: SignInProvider[];
  /** Whether people sign in with passwords. */
  passwords: boolean;
}

/** @throws HubError FORBIDDEN for keys */
export async function listOwnIdentities(ctx: Ctx, { providers }: WaysIn): Promise<OwnIdentitiesView> {
  const userId = ownUser(ctx);
  const [user] = await ctx.db.select().from(users).where(eq(users.id, userId));
  const rows = await identitiesOf(ctx.db, userId);
  return {
    identities: rows.map((row) => viewOf(row, providers)),
    providers,
    hasPassword: Boolean(user?.passwordHash),
  };
}

/**
 * Links what a provider has just proved to the asking user. Linking the same one twice is no fault.
 * @throws HubError CONFLICT with the reason "taken" where it is somebody else's, FORBIDDEN with "not-allowed" where it
 * could not sign them in, NOT_FOUND
 */
export async function linkIdentity(ctx: Ctx, proof: Proof): Promise<void> {
  const userId = ownUser(ctx);
  const { provider, issuer, subject, claims } = proof;
  const refused = await ctx.db.transaction(async (tx) => {
    const user = await lockedUser(tx, userId);
    const [known] = await tx
      .select()
      .from(userIdentities)
      .where(and(eq(userIdentities.issuer, issuer), eq(userIdentities.subject, subject)));
    if (known?.userId === userId) return null;
    // Another account at a provider is no way around what is asked at each sign-in.
    const { matches } = await givenByRules(tx, provider, claims);
    const asked = { matches, hasPassword: user.passwordHash !== null };
    const fault = known ? null : signInFault(await loadSignInSetting(tx), provider, claims, asked);
    if (fault !== null) return { user, fault };
    const held = await identitiesOf(tx, userId);
    if (held.length >= identitiesMax)
      throw new HubError('CONFLICT', 'There are too many identities: unlink one first.');
    const email = textClaim(claims, 'email', 254);
    const [row] = known
      ? []
      : await tx
          .insert(userIdentities)
          .values({ userId, provider, issuer, subject, email })
          .onConflictDoNothing()
          .returning();
    if (!row) {
      const reason: RefusalReason = 'taken';
      throw new HubError('CONFLICT', 'That account signs somebody else in here.', { reason });
    }
    await writeAudit(tx, ctx, {
      action: 'user.identity-linked',
      ...auditOf(user),
      after: { provider, issuer, email },
    });
    return null;
  });
  if (refused === null) return;
  const entry = { action: 'user.identity-refused', ...auditOf(refused.user), reason: `${provider}: ${refused.fault}` };
  await noteRefusal(ctx, () => entry);
  const reason: RefusalReason = 'not-allowed';
  throw new HubError('FORBIDDEN', 'That account may not sign in here.', { reason });
}

/**
 * Unlinks an identity; what rules gave for it is taken back.
 * @throws HubError NOT_FOUND, CONFLICT where it is the last way in, and as proveRecently
 */
export async function unlinkIdentity(
  ctx: Ctx,
  id: string,
  input: OwnerProof,
  ways: WaysIn,
  lockout?: Lockout,
): Promise<void> {
  const userId = ownUser(ctx);
  await proveRecently(ctx, input, lockout);
  if (!isUuid(id)) throw new HubError('NOT_FOUND');
  await ctx.db.transaction(async (tx) => {
    // Two at once wait here for one another: each would leave the other's.
    const user = await lockedUser(tx, userId);
    const [row] = await tx
      .select()
      .from(userIdentities)
      .where(and(eq(userIdentities.id, id), eq(userIdentities.userId, userId)));
    if (!row) throw new HubError('NOT_FOUND');
    const others = await tx
      .select({ provider: userIdentities.provider, issuer: userIdentities.issuer })
      .from(userIdentities)
      .where(and(eq(userIdentities.userId, userId), ne(userIdentities.id, id)));
    const isUsable = (each: { provider: string; issuer: string }) =>
      ways.providers.some((provider) => provider.id === each.provider && provider.issuer === each.issuer);
    if (!(user.passwordHash && ways.passwords) && !others.some(isUsable)) {
      throw new HubError('CONFLICT', 'This is your only way to sign in.', {
        hint: 'Link another account first, or ask an administrator for a link to a password.',
      });
    }
    await writeAuditLast(tx, ctx, async (held) => {
      const changes = await applyRules(tx, row, { roleIds: [], groupIds: [] });
      await tx.delete(userIdentities).where(eq(userIdentities.id, id));
      const { provider, issuer, email } = row;
      await writeAudit(tx, held, {
        action: 'user.identity-unlinked',
        ...auditOf(user),
        before: { provider, issuer, email },
      });
      if (changes) {
        const { before, after } = changes;
        await writeAudit(tx, held, { action: 'user.rules-applied', ...auditOf(user), before, after });
      }
    });
  });
  await ctx.bus.emit('access.changed', { userId });
}

function ownUser({ actor }: Ctx): string {
  if (actor.kind !== 'user' || !can(actor, 'update', { type: 'user', ownerId: actor.userId })) {
    throw new HubError('FORBIDDEN', 'This is done in a browser, by the user of the account.');
  }
  return actor.id;
}

async function lockedUser(tx: Tx, userId: string) {
  const [user] = await tx.select().from(users).where(eq(users.id, userId)).for('update');
  if (!user) throw new HubError('NOT_FOUND');
  return user;
}

function identitiesOf(db: Db | Tx, userId: string) {
  return db
    .select()
    .from(userIdentities)
    .where(eq(userIdentities.userId, userId))
    .orderBy(asc(userIdentities.createdAt));
}

function viewOf(row: typeof userIdentities.$inferSelect, providers: readonly SignInProvider[]): IdentityView {
  const provider = providers.find(({ id, issuer }) => id === row.provider && issuer === row.issuer);
  return {
    id: row.id,
    provider: row.provider as ProviderId,
    providerName: provider?.name ?? row.provider,
    email: row.email,
    createdAt: row.createdAt.toISOString(),
    lastSignInAt: row.lastSignInAt?.toISOString() ?? null,
  };
}
