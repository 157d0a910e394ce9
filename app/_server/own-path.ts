// Where a sign-in may lead: a path of this hub, never another site. Safe in a browser.

const base = 'http://hub.invalid';

/** The path in `next` if it is one of ours, else "/". Decided after URL parsing, which reads `/\evil` as a host. */
export function ownPath(next: unknown): string {
  if (typeof next !== 'string' || !next.startsWith('/') || !URL.canParse(next, base)) return '/';
  const url = new URL(next, base);
  // "/.//evil" is a path until a browser reads what it was resolved to.
  return url.origin === base && !url.pathname.startsWith('//') ? `${url.pathname}${url.search}${url.hash}` : '/';
}
