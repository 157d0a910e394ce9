// What a client may say of itself, whether it registers (RFC 7591) or has a document of its own, with redirects that nobody
// else on the way can read. All use PKCE; a secret is for those that register, a key for those with a document.

/** Longer lists and texts are of no use to a client. */
const redirectsMax = 20;
const uriMaxChars = 2000;
const nameMaxChars = 200;

const loopbackHosts: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);
/** Schemes that a browser runs, shows or sends itself; any other belongs to a program that asked for it (RFC 8252, 7.1). */
const ownSchemes = new Set(
  'javascript vbscript data blob file filesystem about view-source chrome resource intent content ws wss ftp mailto tel sms'.split(
    ' ',
  ),
);

const secretMethods = ['client_secret_basic', 'client_secret_post'] as const;
/** How clients prove themselves at the token endpoint (RFC 7591, 2; OpenID Connect Core, 9). */
export const clientAuthMethods = ['none', ...secretMethods, 'private_key_jwt'] as const;
/** What `private_key_jwt` may be signed with. */
export const assertionAlgorithms = ['ES256', 'RS256', 'PS256', 'EdDSA'] as const;

export interface ClientMetadata extends Record<string, unknown> {
  redirect_uris: string[];
  application_type: 'native' | 'web';
  token_endpoint_auth_method: 'none' | (typeof secretMethods)[number];
}

export type ReadMetadata =
  | { metadata: ClientMetadata }
  | { error: 'invalid_redirect_uri' | 'invalid_client_metadata'; description: string };

/**
 * Keeps of `input` what the hub goes by, and completes it. A client that names no way to prove itself, or one that is not
 * offered to those that register, is a public one (RFC 7591, 3.2.1).
 */
export function readClientMetadata(input: unknown): ReadMetadata {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    return { error: 'invalid_client_metadata', description: 'The metadata must be a JSON object.' };
  }
  const {
    redirect_uris: redirects,
    client_name: name,
    client_uri: uri,
    token_endpoint_auth_method: method,
  } = input as Record<string, unknown>;
  if (!Array.isArray(redirects) || redirects.length === 0 || redirects.length > redirectsMax) {
    return { error: 'invalid_redirect_uri', description: `redirect_uris must be a list of 1 to ${redirectsMax} URIs.` };
  }
  for (const redirect of redirects) {
    const fault = redirectFault(redirect);
    if (fault) return { error: 'invalid_redirect_uri', description: fault };
  }
  for (const [field, value, max] of [
    ['client_name', name, nameMaxChars],
    ['client_uri', uri, uriMaxChars],
  ] as const) {
    if (value !== undefined && (typeof value !== 'string' || value === '' || value.length > max)) {
      return {
        error: 'invalid_client_metadata',
        description: `${field} must be a text of at most ${max} characters.`,
      };
    }
  }
  const uris = [...new Set(redirects as string[])];
  const isNative = uris.some((each) => !each.toLowerCase().startsWith('https:'));
  return {
    metadata: {
      ...(name !== undefined && { client_name: name }),
      redirect_uris: uris,
      application_type: isNative ? 'native' : 'web',
      token_endpoint_auth_method: secretMethods.find((each) => each === method) ?? 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      response_modes: ['query'],
    },
  };
}

/** Why a redirect URI is not taken; null if it is (OAuth 2.1, 2.3.1; RFC 8252, 7). */
export function redirectFault(uri: unknown): string | null {
  if (typeof uri !== 'string' || uri.length > uriMaxChars) {
    return `Each redirect URI must be a text of at most ${uriMaxChars} characters.`;
  }
  const shown = JSON.stringify(uri.slice(0, 100));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (!URL.canParse(uri) || /[\x00-\x20\x7f\\]/.test(uri)) return `${shown} is no absolute URI.`;
  const { protocol, hostname, username, password } = new URL(uri);
  if (uri.includes('#')) return `${shown} must not have a fragment.`;
  if (username || password) return `${shown} must not hold credentials.`;
  if (protocol === 'https:') return null;
  if (protocol === 'http:') {
    return loopbackHosts.has(hostname) ? null : `${shown} must use https: http is for the loopback address only.`;
  }
  return ownSchemes.has(protocol.slice(0, -1)) ? `${shown} has a scheme that no client can own.` : null;
}

/** Where an answer goes, for people: the host, or the scheme of a program. */
export function shownRedirect(uri: string): { to: string; isLocal: boolean } {
  const { protocol, host, hostname } = new URL(uri);
  if (protocol === 'https:') return { to: host, isLocal: false };
  return protocol === 'http:' ? { to: hostname, isLocal: true } : { to: protocol, isLocal: true };
}
