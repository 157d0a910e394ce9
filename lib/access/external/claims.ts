// What a provider says of somebody, and whether a rule speaks of that. Pure.
export type Claims = Record<string, unknown>;

export interface RuleCondition {
  provider: string;
  claim: string;
  value: string;
}

/** Whether somebody with these claims of a provider is whom a rule means. */
export function matchesRule({ provider, claim, value }: RuleCondition, at: string, claims: Claims): boolean {
  if (provider !== '*' && provider !== at) return false;
  return claim === '*' || valuesOf(claims, claim).includes(value);
}

/**
 * The values of a claim as texts: one, or those of a list. Dots lead into objects; a name that holds dots itself (URLs are
 * in use as names) is found as well.
 */
export function valuesOf(claims: unknown, path: string): string[] {
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) return [];
  const found = Object.hasOwn(claims, path) ? textsOf((claims as Claims)[path]) : [];
  for (let dot = path.indexOf('.'); dot >= 0; dot = path.indexOf('.', dot + 1)) {
    const head = path.slice(0, dot);
    if (Object.hasOwn(claims, head)) found.push(...valuesOf((claims as Claims)[head], path.slice(dot + 1)));
  }
  return found;
}

function textsOf(value: unknown): string[] {
  return (Array.isArray(value) ? value : [value])
    .filter((each) => typeof each === 'string' || typeof each === 'number' || typeof each === 'boolean')
    .map(String);
}

/** A text of the claim, trimmed and bounded; null without one. */
export function textClaim(claims: Claims, name: string, maxChars: number): string | null {
  const value = Object.hasOwn(claims, name) ? claims[name] : null;
  const text = typeof value === 'string' ? value.replaceAll('\0', '').trim().slice(0, maxChars) : '';
  return text === '' ? null : text;
}

/** The e-mail address where the provider says that it was verified; nothing else counts for a decision. */
export function verifiedEmail(claims: Claims): string | null {
  return claims.email_verified === true ? (textClaim(claims, 'email', 254)?.toLowerCase() ?? null) : null;
}

/**
 * Why the provider does not speak for the verified address as it is now; null where it does. Google verifies an address that
 * is not its own once, and its domain may have given it to somebody else since; for those of a Workspace, which `hd` names,
 * it keeps to what that says (developers.google.com/identity/sign-in/web/backend-auth, "Google-authoritative").
 */
export function addressFault(provider: string, claims: Claims): string | null {
  const email = verifiedEmail(claims);
  if (email === null) return 'there is no verified e-mail address';
  if (provider !== 'google' || email.endsWith('@gmail.com') || textClaim(claims, 'hd', 253)) return null;
  return 'the e-mail address is not that of a Google Workspace account';
}

/** Names for an account in the order in which they are liked; each is one that a user may have. */
export function usernameOf(claims: Claims, provider: string): string {
  const email = textClaim(claims, 'email', 254);
  const wishes = [
    textClaim(claims, 'preferred_username', 200),
    textClaim(claims, 'login', 200),
    email && (email.split('@')[0] ?? null),
    textClaim(claims, 'name', 200),
  ];
  for (const wish of wishes) {
    const name = (wish ?? '')
      .normalize('NFKD')
      .replace(/\p{M}/gu, '')
      .replace(/[^A-Za-z0-9._@-]+/g, '-')
      .replace(/^[^A-Za-z0-9]+|-+$/g, '')
      .slice(0, usernameMaxChars);
    if (name !== '') return name;
  }
  return `${provider}-user`;
}

/** Leaves room for a suffix. */
const usernameMaxChars = 56;
