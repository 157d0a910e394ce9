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
