// `${VAR}`, `${VAR:-default}` and `${env:VAR}` in the operator's own servers file. Pure: the caller gives the variables.
// A bare `$VAR` and any other `${…}` stay as they are.

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
