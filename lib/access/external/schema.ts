// Shapes of sign-in at somebody else's: providers, rules, identities. Safe in a browser.
import { z } from 'zod';
import { ownerProofSchema, type ProviderId, providerIds } from '../schema';

/** Where people sign in beside the hub's own passwords, as the settings name it. */
export interface SignInProvider {
  id: ProviderId;
  /** For the button. */
  name: string;
  /** Whose subjects they are; without a slash at its end. */
  issuer: string;
}

const ruleFields = {
  /** "*": at every provider. */
  provider: z.enum(['*', ...providerIds]),
  claim: z.string().trim().min(1, 'name a claim, or "*" for everybody').max(200),
  value: z.string().trim().max(500),
  /** Names. */
  roles: z.array(z.string().max(64)).max(100),
  groups: z.array(z.string().max(64)).max(500),
};

export const signInRuleInputSchema = z.strictObject({
  ...ruleFields,
  provider: ruleFields.provider.optional(),
  value: ruleFields.value.optional(),
  roles: ruleFields.roles.optional(),
  groups: ruleFields.groups.optional(),
});
export type SignInRuleInput = z.infer<typeof signInRuleInputSchema>;

export const signInRulePatchSchema = z.strictObject(ruleFields).partial();
export type SignInRulePatch = z.infer<typeof signInRulePatchSchema>;

export interface SignInRuleView {
  id: string;
  provider: ProviderId | '*';
  /** Dots lead into objects; "*": everybody who signs in there. */
  claim: string;
  value: string;
  roles: string[];
  /** Of those that the caller may see. */
  groups: string[];
  createdAt: string;
  updatedAt: string;
  version: number;
}

export const ruleTrialSchema = z.strictObject({
  provider: z.enum(providerIds),
  claims: z.record(z.string().max(500), z.unknown()),
});
export type RuleTrial = z.infer<typeof ruleTrialSchema>;

/** What a sign-in with these claims would give. */
export interface RuleTrialView {
  /** Ids of the rules that match. */
  rules: string[];
  roles: string[];
  groups: string[];
  /** Whether somebody without an account would get one; else why not. */
  newAccount: { made: boolean; because: string | null };
}

export const newAccountModes = ['never', 'matching-rule', 'always'] as const;

const domain = z
  .string()
  .trim()
  .toLowerCase()
  .max(253)
  .regex(/^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]*[a-z0-9]$/, 'is no domain such as example.org');

export const signInSettingSchema = z.strictObject({
  /** Whether somebody new gets an account: never, if a rule matches, or always. */
  newAccounts: z.enum(newAccountModes),
  /** Only with a verified e-mail address of one of these; empty: whatever the address. */
  domains: z.array(domain).max(100),
});
export type SignInSetting = z.infer<typeof signInSettingSchema>;

export const signInSettingPatchSchema = signInSettingSchema.partial();

export interface IdentityView {
  id: string;
  provider: ProviderId;
  /** As the provider is called now; its id where it is not set up any more. */
  providerName: string;
  /** As the provider last told it. */
  email: string | null;
  createdAt: string;
  lastSignInAt: string | null;
}

export interface OwnIdentitiesView {
  identities: IdentityView[];
  /** Those at which another identity can be linked. */
  providers: SignInProvider[];
  hasPassword: boolean;
}

export const linkStartSchema = ownerProofSchema.extend({ provider: z.enum(providerIds) });
export type LinkStart = z.infer<typeof linkStartSchema>;

/** Why a sign-in at a provider came to nothing, as the sign-in page tells it. */
export const refusals = {
  denied: 'The sign-in was cancelled.',
  expired: 'This sign-in took too long, or was begun in another browser: try again.',
  provider: 'The sign-in service did not answer as it should. Try again in a moment.',
  'not-allowed': 'You may not sign in here this way: ask an administrator.',
  taken: 'That account signs somebody else in here.',
} as const;
export type RefusalReason = keyof typeof refusals;

/** The text for what the address of a page says; null for what we never put there. */
export function refusalText(reason: unknown): string | null {
  return typeof reason === 'string' && Object.hasOwn(refusals, reason) ? refusals[reason as RefusalReason] : null;
}
