// Signing in as whom a provider says somebody is. Issuer and subject alone decide whose account that is, never a name or
// an e-mail address: those are given away and claimed by others.
import { randomBytes } from 'node:crypto';
import { and, eq, inArray } from 'drizzle-orm';
import { roles, userIdentities, userRoles, users } from '../../../drizzle/schema';
import type { Db, Tx } from '../../db/types';
import { HubError } from '../../errors';
import type { Bus } from '../../events/bus';
import { type AuditSource, writeAudit, writeAuditLast } from '../../telemetry/audit';
import { noteRefusal } from '../refusals';
import { leadsOnlyByProviders } from '../roles-of';
import type { ProviderId } from '../schema';
import { needsSetup } from '../setup';
import { auditOf, type SignedIn, type SignInParts, type SignInStep, ticketFor } from '../sign-in';
import { defaultRoles } from '../users';
import { type Claims, textClaim, usernameOf } from './claims';
import { givenByRules } from './rules';
import type { RefusalReason } from './schema';
import { loadSignInSetting, newAccountFault, signInFault } from './setting';
import { applyRules, type Given } from './sync';

type UserRow = typeof users.$inferSelect;
type IdentityRow = typeof userIdentities.$inferSelect;

/** What a provider has just proved. */
export interface Proof {
  provider: ProviderId;
  /** Without a slash at its end. */
  issuer: string;
  subject: string;
  claims: Claims;
}

export type ExternalSignInParts = Omit<SignInParts, 'lockout'> & { db: Db; bus: Bus };

const subjectMaxChars = 500;
const attemptsMax = 5;
const suffixesMax = 50;

type Outcome = { user: UserRow } | { refused: string; user?: UserRow } | 'again';

/**
 * Signs somebody in, makes their account where that is allowed, and does what the rules say. Who may is asked each time:
 * whoever has left the domain or the organisation is refused, and what rules gave them is taken back.
 * @returns as the sign-in with a password: whoever has a second factor here is asked for it
 * @throws HubError UNAUTHENTICATED with the reason "not-allowed", alike whatever is in the way; UNAVAILABLE
 */
export async function signInWithProof(parts: ExternalSignInParts, proof: Proof): Promise<SignInStep> {
  const { db, bus, requestId, address } = parts;
  if (proof.subject === '' || proof.subject.length > subjectMaxChars || proof.subject.includes('\0')) {
    return refuse(parts, proof, { refused: 'the subject cannot be kept' });
  }
  // Two first sign-ins at once: one makes the account, the other finds it in its second attempt.
  for (let attempt = 1; attempt <= attemptsMax; attempt++) {
    const outcome = await db
      .transaction((tx) => signInOnce(tx, { requestId, address }, proof))
      .catch((error: unknown): Outcome => {
        if (error instanceof AccountExists) return 'again';
        throw error;
      });
    if (outcome === 'again') continue;
    if (outcome.user) await bus.emit('access.changed', { userId: outcome.user.id });
    if ('refused' in outcome) return refuse(parts, proof, outcome);
    const { user } = outcome;
    const signedIn: SignedIn = { userId: user.id, username: user.username, sessionVersion: user.sessionVersion };
    if (!user.totpSecret || !user.totpConfirmedAt) return { user: signedIn, ticket: null };
    return { user: null, ticket: ticketFor(parts.keyring, signedIn, proof.provider) };
  }
  throw new HubError('UNAVAILABLE', undefined, { detail: 'the identity is being changed all the time' });
}

type Visit = Pick<AuditSource, 'requestId' | 'address'>;

async function signInOnce(tx: Tx, visit: Visit, proof: Proof): Promise<Outcome> {
  const { provider, issuer, subject, claims } = proof;
  // The first account of a hub is its administrator's, who has the link for that.
  if (await needsSetup(tx)) return { refused: 'the hub is not set up yet' };
  const [known] = await tx
    .select()
    .from(userIdentities)
    .where(and(eq(userIdentities.issuer, issuer), eq(userIdentities.subject, subject)));
  const given = await givenByRules(tx, provider, claims);
  const setting = await loadSignInSetting(tx);
  if (!known) {
    const fault = newAccountFault(setting, provider, claims, given.matches);
    return fault ? { refused: fault } : makeAccount(tx, visit, proof, given);
  }
  const [user] = await tx.select().from(users).where(eq(users.id, known.userId)).for('update');
  // Read again under the lock of its user: a sign-in at the same time may have written what the rules gave.
  const [identity] = await tx.select().from(userIdentities).where(eq(userIdentities.id, known.id));
  if (!user || identity?.userId !== user.id) return 'again';
  if (user.disabled) return { refused: 'account disabled', user };
  const source = { actor: { kind: 'user', id: user.id, name: user.username }, ...visit };
  const { matches } = given;
  const fault = signInFault(setting, provider, claims, { matches, hasPassword: user.passwordHash !== null });
  return writeAuditLast(tx, source, async (held): Promise<Outcome> => {
    // A domain that was mistyped must not shut the last ones out who could mend it.
    const isKept = async () => fault !== null && (await leadsOnlyByProviders(tx, user.id));
    await follow(tx, held, user, identity, fault === null || (await isKept()) ? given : nothing);
    // Asked again: the rules may just have taken the role.
    if (fault !== null && !(await isKept())) return { refused: fault, user };
    if (fault !== null) {
      const after = { provider, despite: fault, kept: 'no administrator has a password' };
      await writeAudit(tx, held, { action: 'user.sign-in-kept', ...auditOf(user), after });
    }
    await noteSignIn(tx, held, user, identity, proof);
    return { user };
  });
}

const nothing: Given = { roleIds: [], groupIds: [] };

async function makeAccount(
  tx: Tx,
  visit: Visit,
  proof: Proof,
  given: Awaited<ReturnType<typeof givenByRules>>,
): Promise<Outcome> {
  const { provider, issuer, subject, claims } = proof;
  const user = await insertWithFreeName(tx, usernameOf(claims, provider), {
    displayName: textClaim(claims, 'name', 200),
    email: textClaim(claims, 'email', 254),
  });
  const [identity] = await tx
    .insert(userIdentities)
    .values({ userId: user.id, provider, issuer, subject })
    .onConflictDoNothing()
    .returning();
  // Takes the new user back with it.
  if (!identity) throw new AccountExists();
  if (given.roleIds.length === 0) await giveDefaults(tx, user.id);
  const source = { actor: { kind: 'user', id: user.id, name: user.username }, ...visit };
  await writeAuditLast(tx, source, async (held) => {
    await writeAudit(tx, held, { action: 'user.created', ...auditOf(user), after: { provider, issuer } });
    await follow(tx, held, user, identity, given);
    await noteSignIn(tx, held, user, identity, proof);
  });
  return { user };
}

/** Somebody else made the account at the same moment. */
class AccountExists extends Error {}

async function follow(tx: Tx, held: AuditSource, user: UserRow, identity: IdentityRow, given: Given): Promise<void> {
  const changes = await applyRules(tx, identity, given);
  if (!changes) return;
  const { before, after, keptAdmin } = changes;
  const entry = { ...auditOf(user), before, after: { ...after, ...(keptAdmin && { kept: 'the last admin' }) } };
  await writeAudit(tx, held, { action: 'user.rules-applied', ...entry });
}

async function noteSignIn(
  tx: Tx,
  held: AuditSource,
  user: UserRow,
  identity: IdentityRow,
  { provider, claims }: Proof,
): Promise<void> {
  const now = new Date();
  await tx
    .update(userIdentities)
    .set({ provider, email: textClaim(claims, 'email', 254), lastSignInAt: now })
    .where(eq(userIdentities.id, identity.id));
  // With a second factor nobody is in yet.
  if (user.totpConfirmedAt) return;
  await tx.update(users).set({ lastSignInAt: now }).where(eq(users.id, user.id));
  await writeAudit(tx, held, { action: 'user.signed-in', ...auditOf(user), after: { provider } });
}

async function insertWithFreeName(
  tx: Tx,
  wish: string,
  values: Pick<UserRow, 'displayName' | 'email'>,
): Promise<UserRow> {
  for (let number = 1; number <= suffixesMax + 1; number++) {
    const suffix = number === 1 ? '' : number <= suffixesMax ? `-${number}` : `-${randomBytes(3).toString('hex')}`;
    const username = `${wish}${suffix}`;
    const [row] = await tx
      .insert(users)
      .values({ ...values, username })
      .onConflictDoNothing()
      .returning();
    if (row) return row;
  }
  throw new HubError('CONFLICT', 'No free user name was found: ask an administrator for an account.');
}

async function giveDefaults(tx: Tx, userId: string): Promise<void> {
  const rows = await tx.select({ id: roles.id }).from(roles).where(inArray(roles.name, defaultRoles));
  if (rows.length > 0) await tx.insert(userRoles).values(rows.map(({ id }) => ({ userId, roleId: id })));
}

async function refuse(
  { db, requestId, address }: ExternalSignInParts,
  { provider }: Pick<Proof, 'provider'>,
  { refused, user }: { refused: string; user?: UserRow },
): Promise<never> {
  await noteRefusal({ db, requestId, address }, () => ({
    action: 'user.sign-in-failed',
    resourceType: 'user',
    ...(user && auditOf(user)),
    reason: `${provider}: ${refused}`,
  }));
  const reason: RefusalReason = 'not-allowed';
  throw new HubError('UNAUTHENTICATED', 'You may not sign in here this way.', { reason });
}

/** Notes a sign-in that failed before anybody was known. @param reason for the audit trail; never shown to the visitor */
export function noteFailedProof(parts: ExternalSignInParts, provider: string, reason: string): Promise<void> {
  const { db, requestId, address } = parts;
  return noteRefusal({ db, requestId, address }, () => ({
    action: 'user.sign-in-failed',
    resourceType: 'user',
    reason: `${provider}: ${reason}`.slice(0, 300),
  }));
}
