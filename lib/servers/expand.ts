// References in settings. Pure: the caller gives the values. In the operator's own servers file `${VAR}`,
// `${VAR:-default}` and `${env:VAR}` stand for variables; everywhere else only `${NAME}` does, for a secret of the
// server's own. A bare `$VAR` and any other `${…}` stay as they are.

const reference = /\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;

/** As in a shell, `:-` also replaces an empty value; without it an empty value counts as set. */
export function expandText(
  text: string,
  variables: Record<string, string | undefined>,
): { text: string; unset: string[] } {
  const unset: string[] = [];
  const expanded = text.replace(reference, (whole, name: string, fallback: string | undefined) => {
    const value = variables[name];
    if (fallback !== undefined) return value || fallback;
    if (value !== undefined) return value;
    unset.push(name);
    return whole;
  });
  return { text: expanded, unset };
}

const shownReference = /(\$\{(?:env:)?[A-Za-z_][A-Za-z0-9_]{0,63}\})/;
/** Words before a credential that say only of what kind it is (RFC 9110, 11.1). */
const schemeWord = /^\s*(api-?key|basic|bearer|digest|dpop|key|negotiate|token)\s+$/i;

/**
 * The text as anybody may see it, where it holds references: they are no secrets, and neither is a scheme such as
 * "Bearer" before the first one; what else stands around them becomes `***`.
 * @returns null for a text without a reference
 */
export function shownReferences(text: string): string | null {
  // A pattern with one group splits into texts and references in turn.
  const parts = text.split(shownReference);
  if (parts.length === 1) return null;
  const isPlain = (part: string, at: number) =>
    at % 2 === 1 || part.trim() === '' || (at === 0 && schemeWord.test(part));
  return parts.map((part, at) => (isPlain(part, at) ? part : '***')).join('');
}

/** Does the text hold any reference in braces, of whatever product? */
export function hasReference(text: string): boolean {
  return /\$\{[^}]+\}/.test(text);
}

const secretReference = /\$(\$?)\{([A-Za-z_][A-Za-z0-9_]{0,63})\}/g;

/**
 * Replaces `${NAME}` in each value by the server's own secret of that name; `$${NAME}` gives the text `${NAME}`.
 * @returns `unset`: references to what is missing or has no value yet, with the key of the value that holds them
 */
export function expandSecrets(
  values: Record<string, string>,
  secrets: Record<string, string>,
): { values: Record<string, string>; unset: { key: string; name: string }[] } {
  const unset: { key: string; name: string }[] = [];
  const expanded = Object.entries(values).map(([key, value]) => {
    if (!value.includes('${')) return [key, value];
    const text = value.replace(secretReference, (whole, dollar: string, name: string) => {
      if (dollar) return whole.slice(1);
      const secret = Object.hasOwn(secrets, name) ? secrets[name] : undefined;
      if (!secret) unset.push({ key, name });
      return secret || whole;
    });
    return [key, text];
  });
  return { values: Object.fromEntries(expanded), unset };
}

/** Names of the secrets that the values refer to, each once. */
export function secretsIn(values: Record<string, string>): string[] {
  return [...new Set(expandSecrets(values, {}).unset.map(({ name }) => name))];
}
