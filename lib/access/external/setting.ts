// Who gets in by a provider's word: whether somebody new gets an account, and whether somebody who has one still may.
import { eq } from 'drizzle-orm';
import { roles, settings } from '../../../drizzle/schema';
import type { Db, Tx } from '../../db/types';
import { HubError } from '../../errors';
import { parseInput } from '../../input';
import { writeAudit } from '../../telemetry/audit';
import { can, canGive } from '../can';
import type { Ctx } from '../context';
import type { Permission } from '../schema';
import { defaultRoles } from '../users';
import { addressFault, type Claims, verifiedEmail } from './claims';
import { type SignInSetting, signInSettingPatchSchema, signInSettingSchema } from './schema';

const settingKey = 'sign-in';
const defaults: SignInSetting = { newAccounts: 'matching-rule', domains: [] };

/** As it is stored, without asking who wants to know. */
export async function loadSignInSetting(db: Db | Tx): Promise<SignInSetting> {
  const [row] = await db.select().from(settings).where(eq(settings.key, settingKey));
  // What cannot be read makes no account.
  if (row) return signInSettingSchema.safeParse(row.value).data ?? { newAccounts: 'never', domains: [] };
  return defaults;
}

/** @throws HubError FORBIDDEN */
export async function getSignInSetting(ctx: Ctx): Promise<SignInSetting> {
  if (!can(ctx.actor, 'read', { type: 'setting' })) throw new HubError('FORBIDDEN', 'You may not see settings.');
  return loadSignInSetting(ctx.db);
}

/**
 * Applies a JSON merge patch. It holds from the next sign-in on, also for accounts that exist; sessions go on.
 * @throws HubError FORBIDDEN (also for "always" by somebody who may not give what a new account gets), INVALID_INPUT
 */
export async function setSignInSetting(ctx: Ctx, patch: Partial<SignInSetting>): Promise<SignInSetting> {
  if (!can(ctx.actor, 'update', { type: 'setting' })) throw new HubError('FORBIDDEN', 'You may not change settings.');
  const fields = parseInput(signInSettingPatchSchema, patch);
  return ctx.db.transaction(async (tx) => {
    const before = await loadSignInSetting(tx);
    const value: SignInSetting = { ...before, ...fields };
    value.domains = [...new Set(value.domains)];
    if (value.newAccounts === 'always') await mayGiveDefaults(ctx, tx);
    await tx
      .insert(settings)
      .values({ key: settingKey, value })
      .onConflictDoUpdate({ target: settings.key, set: { value, updatedAt: new Date() } });
    const entry = {
      resourceType: 'setting',
      resourceId: settingKey,
      resourceName: 'new accounts',
      before,
      after: value,
    };
    await writeAudit(tx, ctx, { action: 'setting.changed', ...entry });
    return value;
  });
}

/** Why somebody new gets no account; null: they get one. @param matches whether a rule speaks of them */
export function newAccountFault(
  setting: SignInSetting,
  provider: string,
  claims: Claims,
  matches: boolean,
): string | null {
  if (setting.newAccounts === 'never') return 'no accounts are made for new people';
  return signInFault(setting, provider, claims, { matches, hasPassword: false });
}

/**
 * Why somebody who has an account may not sign in to it by what a provider says now; null: they may. An account with a
 * password was given by an administrator's link or invite and does not rest on a rule; without one, it is the rule's.
 */
export function signInFault(
  { newAccounts, domains }: SignInSetting,
  provider: string,
  claims: Claims,
  { matches, hasPassword }: { matches: boolean; hasPassword: boolean },
): string | null {
  if (domains.length > 0) {
    const fault = addressFault(provider, claims);
    if (fault) return fault;
    const domain = verifiedEmail(claims)?.split('@').at(-1);
    if (!domain || !domains.includes(domain)) return 'the e-mail address is of another domain';
  }
  return newAccounts === 'matching-rule' && !matches && !hasPassword ? 'no rule matches' : null;
}

async function mayGiveDefaults(ctx: Ctx, tx: Tx): Promise<void> {
  const rows = await tx.select().from(roles);
  const given = rows.filter(({ name }) => defaultRoles.includes(name));
  if (given.every(({ permissions }) => canGive(ctx.actor, permissions as Permission[]))) return;
  throw new HubError('FORBIDDEN', 'New accounts would get rights that you do not have yourself.');
}
