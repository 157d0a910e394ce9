// Where an API is.

/** The document's own server; a relative one is meant against the document's address (Server Object, `url`). */
export function absoluteServer(server: string | null, documentUrl: string | undefined): string | null {
  if (server === null && documentUrl === undefined) return null;
  const text = server ?? '/';
  if (/[{}]/.test(text) || !URL.canParse(text, documentUrl)) return null;
  const { href, protocol } = new URL(text, documentUrl);
  return /^https?:$/.test(protocol) ? href : null;
}
