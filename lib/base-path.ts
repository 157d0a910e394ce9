// The path below which browsers and clients see the hub, where a proxy serves it beside other things: that of
// MCPHUB_PUBLIC_URL. Pure, for the settings, the door, the web program and its build alike.

/** First segments of paths that are the hub's own. tests/unit/lib/base-path.test.ts compares them with the pages. */
const ownSegments: ReadonlySet<string> = new Set([
  ...['.well-known', '_next', 'api', 'favicon.ico', 'healthz', 'icon.svg', 'metrics', 'oauth', 'readyz', 'socket.io'],
  ...['account', 'audit', 'calls', 'connect', 'connections', 'consent', 'groups', 'invite', 'keys', 'limits'],
  ...['playground', 'reset', 'roles', 'secrets', 'servers', 'settings', 'setup', 'signin', 'tools', 'users'],
]);

/** "/some/path" of a URL, without a slash at its end; "" where it has none, or is no URL. */
export function basePathOf(publicUrl: string | undefined): string {
  if (!publicUrl || !URL.canParse(publicUrl)) return '';
  return new URL(publicUrl).pathname.replace(/\/+$/, '');
}

/** Whether a path is one that pages, cookies and routes can be put below: plain segments, nothing encoded. */
export function isPlainPath(basePath: string): boolean {
  return /^(\/[A-Za-z0-9._~-]+)*$/.test(basePath);
}

/**
 * Whether a request below this path could as well be one for the hub's own "/tools", from which a proxy has taken the path
 * away already. Then it counts as that.
 */
export function isAmbiguousPath(basePath: string): boolean {
  return ownSegments.has(basePath.split('/')[1] ?? '');
}

/** Takes the path away from the target of a request, where a proxy passed it on. */
export function withoutBase(basePath: string, target: string): string {
  if (!target.startsWith(basePath)) return target;
  const rest = target.slice(basePath.length);
  if (rest === '') return '/';
  return rest[0] === '/' ? rest : rest[0] === '?' ? `/${rest}` : target;
}

/** Puts the path before the target of a request; the root itself has no slash behind it. */
export function withBase(basePath: string, target: string): string {
  if (basePath === '') return target;
  return basePath + (target === '/' || target.startsWith('/?') ? target.slice(1) : target);
}
