// Bodies and answers of the REST API that are about sign-in providers; see shapes.ts.
import { z } from 'zod';
import {
  type IdentityView,
  linkStartSchema,
  newAccountModes,
  type OwnIdentitiesView,
  type RuleTrialView,
  ruleTrialSchema,
  type SignInProvider,
  type SignInRuleView,
  signInRuleInputSchema,
  signInRulePatchSchema,
  signInSettingPatchSchema,
  signInSettingSchema,
} from '@/lib/access/external/schema';
import { providerIds } from '@/lib/access/schema';

const time = z.iso.datetime();

const rule = z.object({
  id: z.uuid(),
  provider: z.enum(['*', ...providerIds]).meta({ description: '"*": at every provider' }),
  claim: z.string().meta({ description: 'Dots lead into objects; "*": everybody who signs in there' }),
  value: z.string().meta({ description: 'What the claim is, or holds as one of several values' }),
  roles: z.array(z.string()),
  groups: z.array(z.string()).meta({ description: 'Of those that the caller may see' }),
  createdAt: time,
  updatedAt: time,
  version: z.number().int(),
}) satisfies z.ZodType<SignInRuleView>;

const trial = z.object({
  rules: z.array(z.uuid()).meta({ description: 'Those that match' }),
  roles: z.array(z.string()),
  groups: z.array(z.string()),
  newAccount: z.object({ made: z.boolean(), because: z.string().nullable() }),
}) satisfies z.ZodType<RuleTrialView>;

const identity = z.object({
  id: z.uuid(),
  provider: z.enum(providerIds),
  providerName: z.string(),
  email: z.string().nullable(),
  createdAt: time,
  lastSignInAt: time.nullable(),
}) satisfies z.ZodType<IdentityView>;

const provider = z.object({
  id: z.enum(providerIds),
  name: z.string(),
  issuer: z.string(),
}) satisfies z.ZodType<SignInProvider>;

export const signInBodies = {
  SignInRuleInput: signInRuleInputSchema,
  SignInRulePatch: signInRulePatchSchema,
  SignInSettingPatch: signInSettingPatchSchema,
  RuleTrial: ruleTrialSchema,
  LinkStart: linkStartSchema,
};

export const signInAnswers = {
  SignInRule: rule,
  SignInRuleList: z.object({ data: z.array(rule), nextCursor: z.string().nullable() }),
  SignInSetting: signInSettingSchema.extend({ newAccounts: z.enum(newAccountModes) }),
  RuleTrialResult: trial,
  OwnIdentities: z.object({
    identities: z.array(identity),
    providers: z.array(provider),
    hasPassword: z.boolean(),
  }) satisfies z.ZodType<OwnIdentitiesView>,
};
