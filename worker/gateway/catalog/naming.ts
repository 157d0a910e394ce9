// Which name or URI an endpoint shows for an item of one of its servers, and which server a URI belongs to. The way
// back is always a look-up in a Map made here; a name is never split.
import { exposedName, hashedName } from '../../../lib/servers/tool-names';

/**
 * Names for the items of several servers, oldest server first. With `always` every name carries its server's; with
 * `never` names stay as they are and on a clash the older server keeps the bare one.
 * @returns exposed name → item, in the order of the input; an item whose every name is taken is left out
 */
export function exposeNames<T extends { server: string; name: string }>(
  items: readonly T[],
  prefix: 'always' | 'never',
): Map<string, T> {
  const exposed = new Map<string, T>();
  for (const item of items) {
    const { server, name } = item;
    const wishes = [...(prefix === 'never' ? [name] : []), exposedName(server, name), hashedName(server, name)];
    const free = wishes.find((wish) => !exposed.has(wish));
    if (free !== undefined) exposed.set(free, item);
  }
  return exposed;
}

const clashScheme = 'mcphub:';
const uiScheme = 'ui://';
const uiClashPrefix = 'ui://mcphub/';

/** The form of a URI (or URI template) that names its server: for URIs that an older server has too. */
export function clashUri(server: string, uri: string): string {
  if (uri.startsWith(uiScheme)) return `${uiClashPrefix}${server}/${uri.slice(uiScheme.length)}`;
  return `${clashScheme}${server}:${uri}`;
}

/** Server and original URI of a clash form, or null for any other URI. */
export function parseClashUri(uri: string): { server: string; uri: string } | null {
  const isUi = uri.startsWith(uiClashPrefix);
  if (!isUi && !uri.startsWith(clashScheme)) return null;
  const rest = uri.slice(isUi ? uiClashPrefix.length : clashScheme.length);
  const end = rest.indexOf(isUi ? '/' : ':');
  if (end < 1) return null;
  return { server: rest.slice(0, end), uri: (isUi ? uiScheme : '') + rest.slice(end + 1) };
}

/**
 * Makes a test for an RFC 6570 template: the literal parts must occur in order. Deliberately no regular expression,
 * because the template is somebody else's text; looser than RFC 6570, since the upstream itself decides in the end.
 * @returns the number of literal characters that matched, or -1
 */
export function templateMatcher(template: string): (uri: string) => number {
  const literals = template.split(/\{[^{}]*\}/);
  const weight = literals.reduce((sum, literal) => sum + literal.length, 0);
  const first = literals[0] ?? '';
  const last = literals[literals.length - 1] ?? '';
  if (literals.length === 1) return (uri) => (uri === template ? weight : -1);
  return (uri) => {
    if (uri.length < weight || !uri.startsWith(first) || !uri.endsWith(last)) return -1;
    let at = first.length;
    for (const literal of literals.slice(1, -1)) {
      const found = uri.indexOf(literal, at);
      if (found === -1) return -1;
      at = found + literal.length;
    }
    return at <= uri.length - last.length ? weight : -1;
  };
}
