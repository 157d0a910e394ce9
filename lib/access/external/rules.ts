// The verbs of sign-in rules: which roles and groups somebody gets who signs in with a claim of a value. Whoever writes,
// changes or removes a rule could give and take by hand all that it gives.
import { asc, eq, inArray, sql } from 'drizzle-orm';
import { groups, roles, signInRules } from '../../../drizzle/schema';
import type { Db, Tx } from '../../db/types';
import { HubError } from '../../errors';
import { invalidInput, parseInput } from '../../input';
import { writeAudit } from '../../telemetry/audit';
import { checkVersion, type VersionCheck } from '../../telemetry/versions';
import { can, canGive } from '../can';
import type { Ctx } from '../context';
import { isUuid } from '../keys';
import { givableRoles } from '../roles-of';
import type { Permission, ProviderId } from '../schema';
import { givableGroups } from '../users';
import { type Claims, matchesRule } from './claims';
import {
  type RuleTrial,
  type RuleTrialView,
  ruleTrialSchema,
  type SignInRuleInput,
  type SignInRulePatch,
  type SignInRuleView,
  signInRuleInputSchema,
  signInRulePatchSchema,
} from './schema';
import { loadSignInSetting, newAccountFault } from './setting';

type RuleRow = typeof signInRules.$inferSelect;
type GroupRow = typeof groups.$inferSelect;

const rulesMax = 500;

/** All rules, oldest first. @throws HubError FORBIDDEN */
export async function listSignInRules(ctx: Ctx): Promise<SignInRuleView[]> {
  if (!can(ctx.actor, 'read', { type: 'setting' })) throw new HubError('FORBIDDEN', 'You may not see sign-in rules.');
  return viewsOf(ctx, ctx.db, await loadRules(ctx.db));
}

/** @throws HubError NOT_FOUND */
export async function getSignInRule(ctx: Ctx, id: string): Promise<SignInRuleView> {
  return viewOf(ctx, ctx.db, await findRule(ctx, ctx.db, id));
}

/** @throws HubError FORBIDDEN, INVALID_INPUT (also for a role or group that the actor may not give), CONFLICT above 500 */
export async function createSignInRule(ctx: Ctx, input: SignInRuleInput): Promise<SignInRuleView> {
  mayChange(ctx);
  const {
    provider = '*',
    claim,
    value = '',
    roles: roleNames = [],
    groups: groupNames = [],
  } = parseInput(signInRuleInputSchema, input);
  mustMeanSomething({ claim, value, count: roleNames.length + groupNames.length });
  return ctx.db.transaction(async (tx) => {
    const [count] = await tx.select({ of: sql<number>`count(*)::int` }).from(signInRules);
    if ((count?.of ?? 0) >= rulesMax) throw new HubError('CONFLICT', `There are ${rulesMax} rules already.`);
    const roleIds = (await givableRoles(ctx, tx, roleNames)).map(({ id }) => id);
    const groupIds = (await givableGroups(ctx, tx, groupNames)).map(({ id }) => id);
    const [row] = await tx.insert(signInRules).values({ provider, claim, value, roleIds, groupIds }).returning();
    if (!row) throw new HubError('INTERNAL', undefined, { detail: 'insert of a sign-in rule returned no row' });
    const view = await viewOf(ctx, tx, row);
    await writeAudit(tx, ctx, { action: 'sign-in-rule.created', ...named(row), after: contents(view) });
    return view;
  });
}

/**
 * Applies a JSON merge patch; `roles` and `groups` are replaced whole. Who signed in earlier is concerned at the next
 * sign-in.
 * @throws HubError NOT_FOUND, FORBIDDEN, INVALID_INPUT, STALE_VERSION
 */
export async function updateSignInRule(
  ctx: Ctx,
  id: string,
  patch: SignInRulePatch,
  check: VersionCheck = {},
): Promise<SignInRuleView> {
  return ctx.db.transaction(async (tx) => {
    const before = await findRule(ctx, tx, id, true);
    mayChange(ctx);
    const { roles: roleNames, groups: groupNames, ...fields } = parseInput(signInRulePatchSchema, patch);
    await checkVersion(tx, { ...before, name: titleOf(before) }, check);
    const present = await mustGiveAll(ctx, tx, before);
    const old = await viewOf(ctx, tx, before);
    const roleIds = roleNames ? (await givableRoles(ctx, tx, roleNames, old.roles)).map((each) => each.id) : null;
    // Groups that the actor does not see cannot be meant to go.
    const hidden = present.groups.filter((group) => !maySee(ctx, group)).map((group) => group.id);
    const groupIds = groupNames
      ? [...(await givableGroups(ctx, tx, groupNames)).map((each) => each.id), ...hidden]
      : null;
    const next = {
      ...fields,
      ...(roleIds && { roleIds }),
      ...(groupIds && { groupIds }),
    };
    const merged = { ...before, ...next };
    mustMeanSomething({ ...merged, count: merged.roleIds.length + merged.groupIds.length });
    const [row] = await tx
      .update(signInRules)
      .set({ ...next, version: sql`${signInRules.version} + 1` })
      .where(eq(signInRules.id, before.id))
      .returning();
    if (!row) throw new HubError('NOT_FOUND');
    const view = await viewOf(ctx, tx, row);
    const entry = { ...named(row), before: contents(old), after: contents(view) };
    await writeAudit(tx, ctx, { action: 'sign-in-rule.updated', ...entry });
    return view;
  });
}

/** Removes a rule; what it gave is taken back at the next sign-in. @throws HubError NOT_FOUND, FORBIDDEN, STALE_VERSION */
export async function deleteSignInRule(ctx: Ctx, id: string, check: VersionCheck = {}): Promise<void> {
  await ctx.db.transaction(async (tx) => {
    const row = await findRule(ctx, tx, id, true);
    mayChange(ctx);
    await checkVersion(tx, { ...row, name: titleOf(row) }, check);
    await mustGiveAll(ctx, tx, row);
    const before = contents(await viewOf(ctx, tx, row));
    await tx.delete(signInRules).where(eq(signInRules.id, row.id));
    await writeAudit(tx, ctx, { action: 'sign-in-rule.deleted', ...named(row), before });
  });
}

/** What the rules would give somebody; changes nothing and keeps nothing. @throws HubError FORBIDDEN, INVALID_INPUT */
export async function trySignInRules(ctx: Ctx, input: RuleTrial): Promise<RuleTrialView> {
  if (!can(ctx.actor, 'read', { type: 'setting' })) throw new HubError('FORBIDDEN', 'You may not see sign-in rules.');
  const { provider, claims } = parseInput(ruleTrialSchema, input);
  const matching = (await loadRules(ctx.db)).filter((rule) => matchesRule(rule, provider, claims));
  const views = await viewsOf(ctx, ctx.db, matching);
  const because = newAccountFault(await loadSignInSetting(ctx.db), provider, claims, matching.length > 0);
  const union = (lists: string[][]) => [...new Set(lists.flat())].sort((a, b) => a.localeCompare(b));
  return {
    rules: matching.map(({ id }) => id),
    roles: union(views.map((view) => view.roles)),
    groups: union(views.map((view) => view.groups)),
    newAccount: { made: because === null, because },
  };
}

/** What the rules give to whoever signs in at a provider with these claims, as far as it still exists. */
export async function givenByRules(
  db: Db | Tx,
  provider: ProviderId,
  claims: Claims,
): Promise<{ roleIds: string[]; groupIds: string[]; matches: boolean }> {
  const matching = (await loadRules(db)).filter((rule) => matchesRule(rule, provider, claims));
  const known = await thingsOf(db, matching);
  return {
    roleIds: known.roles.map(({ id }) => id),
    groupIds: known.groups.map(({ id }) => id),
    matches: matching.length > 0,
  };
}

function loadRules(db: Db | Tx): Promise<RuleRow[]> {
  return db.select().from(signInRules).orderBy(asc(signInRules.createdAt), asc(signInRules.id)).limit(rulesMax);
}

async function findRule(ctx: Ctx, db: Db | Tx, id: string, lock = false): Promise<RuleRow> {
  if (!isUuid(id) || !can(ctx.actor, 'read', { type: 'setting' })) throw new HubError('NOT_FOUND');
  const query = db.select().from(signInRules).where(eq(signInRules.id, id));
  const [row] = await (lock ? query.for('update') : query);
  if (!row) throw new HubError('NOT_FOUND');
  return row;
}

function mayChange({ actor }: Ctx): void {
  if (!can(actor, 'update', { type: 'setting' })) throw new HubError('FORBIDDEN', 'You may not change sign-in rules.');
}

/** @throws HubError FORBIDDEN where the rule gives what the actor could not give: to change it would take or give that */
async function mustGiveAll(ctx: Ctx, tx: Tx, rule: RuleRow) {
  const present = await thingsOf(tx, [rule]);
  const role = present.roles.find(({ permissions }) => !canGive(ctx.actor, permissions as Permission[]));
  if (role) throw new HubError('FORBIDDEN', `The role "${role.name}" has rights that you do not have yourself.`);
  const group = present.groups.find((each) => !can(ctx.actor, 'update', resourceOf(each)));
  if (group) throw new HubError('FORBIDDEN', 'You may not change the members of a group that this rule gives.');
  return present;
}

function mustMeanSomething({ claim, value, count }: { claim: string; value: string; count: number }): void {
  if (claim === '*' ? value !== '' : value === '') {
    const detail = claim === '*' ? 'must be empty where the claim is "*"' : 'say which value the claim has to have';
    throw invalidInput([{ pointer: '/value', detail }]);
  }
  if (count === 0) throw invalidInput([{ pointer: '/roles', detail: 'name a role or a group that the rule gives' }]);
}

async function thingsOf(db: Db | Tx, rules: readonly RuleRow[]) {
  const roleIds = [...new Set(rules.flatMap((rule) => rule.roleIds))];
  const groupIds = [...new Set(rules.flatMap((rule) => rule.groupIds))];
  return {
    roles: roleIds.length === 0 ? [] : await db.select().from(roles).where(inArray(roles.id, roleIds)),
    groups: groupIds.length === 0 ? [] : await db.select().from(groups).where(inArray(groups.id, groupIds)),
  };
}

async function viewOf(ctx: Ctx, db: Db | Tx, row: RuleRow): Promise<SignInRuleView> {
  const [view] = await viewsOf(ctx, db, [row]);
  if (!view) throw new HubError('NOT_FOUND');
  return view;
}

async function viewsOf(ctx: Ctx, db: Db | Tx, rows: RuleRow[]): Promise<SignInRuleView[]> {
  const known = await thingsOf(db, rows);
  const names = (ids: string[], all: readonly { id: string; name: string }[]) =>
    all.flatMap((each) => (ids.includes(each.id) ? [each.name] : [])).sort((a, b) => a.localeCompare(b));
  const seen = known.groups.filter((group) => maySee(ctx, group));
  return rows.map((row) => ({
    id: row.id,
    provider: row.provider as SignInRuleView['provider'],
    claim: row.claim,
    value: row.value,
    roles: names(row.roleIds, known.roles),
    groups: names(row.groupIds, seen),
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
    version: row.version,
  }));
}

function resourceOf(group: GroupRow) {
  return { type: 'group' as const, ownerId: group.createdBy, groups: [group] };
}

function maySee({ actor }: Ctx, group: GroupRow): boolean {
  return can(actor, 'read', resourceOf(group));
}

function contents({ provider, claim, value, roles: roleNames, groups: groupNames }: SignInRuleView) {
  return { provider, claim, value, roles: roleNames, groups: groupNames };
}

function titleOf({ claim, value }: RuleRow): string {
  return claim === '*' ? 'everybody' : `${claim} is ${value}`.slice(0, 100);
}

function named(row: RuleRow) {
  return { resourceType: 'sign-in-rule', resourceId: row.id, resourceName: titleOf(row) };
}
