// The challenge of a refused request (RFC 9110, 11.6.1; RFC 6750, 3).

const maxChars = 8 * 1024;

/** Parameters of the Bearer challenge, names in lower case; none where there is no such challenge. */
export function challengeOf(header: string | undefined): Record<string, string> {
  const params: Record<string, string> = Object.create(null);
  const text = header?.slice(0, maxChars) ?? '';
  const at = /(?:^|,)\s*bearer(?=\s|$)/i.exec(text);
  if (!at) return params;
  const parameter = /\s*,?\s*([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/y;
  parameter.lastIndex = at.index + at[0].length;
  for (let found = parameter.exec(text); found; found = parameter.exec(text)) {
    const [, name = '', quoted, token] = found;
    params[name.toLowerCase()] ??= quoted?.replace(/\\(.)/g, '$1') ?? token ?? '';
  }
  return params;
}
