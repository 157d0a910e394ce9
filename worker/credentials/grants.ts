// Requests to a token endpoint (RFC 6749, 4.1.3, 4.4.2 and 6; RFC 8707 for `resource`), to one where tokens are given back
// (RFC 7009), and what is taken of the answers.
import { HubError } from '../../lib/errors';
import { type Asking, jsonObject, refused } from './asking';
import type { Issuer } from './discovery';

/** Who the hub is to an authorization server. */
export interface OAuthClient {
  clientId: string;
  clientSecret: string | null;
  /** How it proves itself; null: as the issuer prefers. */
  authMethod: string | null;
}

export interface Tokens {
  accessToken: string;
  /** Null where none was given. */
  refreshToken: string | null;
  /** Null where the issuer did not say that they differ from what was asked for. */
  scopes: string[] | null;
  expiresAt: Date | null;
}

/** An error that the token endpoint named (RFC 6749, 5.2), as the `reason` of a HubError: "oauth:invalid_grant". */
export const reasonPrefix = 'oauth:';

/** RFC 6750, 2.1; longer ones fit in no header. */
const tokenForm = /^[\x21-\x7e]{1,12000}$/;

/**
 * @param params of the grant, with its `grant_type`
 * @throws HubError UPSTREAM_NEEDS_AUTH for an error that the issuer names, else as Asking does
 */
export async function requestTokens(
  asking: Asking,
  { tokenEndpoint, authMethods }: Pick<Issuer, 'tokenEndpoint' | 'authMethods'>,
  client: OAuthClient,
  params: Record<string, string>,
): Promise<Tokens> {
  const answer = await postForm(asking, tokenEndpoint, client, authMethods, params);
  const body = jsonObject(answer, 'an answer');
  if (answer.status !== 200) throw denied(body, answer.status);
  const { access_token, refresh_token, token_type, scope, expires_in } = body;
  if (typeof access_token !== 'string' || !tokenForm.test(access_token)) throw refused('gave no usable token');
  if (typeof token_type !== 'string' || token_type.toLowerCase() !== 'bearer') {
    throw refused('gave a token of a kind that the hub cannot send; only "Bearer" is known');
  }
  const seconds = Number(expires_in);
  return {
    accessToken: access_token,
    refreshToken: typeof refresh_token === 'string' && refresh_token !== '' ? refresh_token : null,
    scopes: typeof scope === 'string' ? scope.split(' ').filter(Boolean) : null,
    expiresAt: seconds > 0 && seconds < 1e9 ? new Date(Date.now() + seconds * 1000) : null,
  };
}

/**
 * Gives a token back. One that is known no more counts as given back (RFC 7009, 2.2).
 * @param hint `refresh_token` or `access_token`
 * @throws HubError UPSTREAM_NEEDS_AUTH for an error that the issuer names, else as Asking does
 */
export async function revokeToken(
  asking: Asking,
  { revocationEndpoint, revocationAuthMethods }: { revocationEndpoint: URL; revocationAuthMethods: readonly string[] },
  client: OAuthClient,
  token: string,
  hint: string,
): Promise<void> {
  const params = { token, token_type_hint: hint };
  const answer = await postForm(asking, revocationEndpoint, client, revocationAuthMethods, params);
  if (answer.status === 200 || answer.status === 204) return;
  let said: Record<string, unknown> = {};
  try {
    said = jsonObject(answer, 'an answer');
  } catch {
    // The status says enough.
  }
  throw denied(said, answer.status, 'did not take the token back');
}

/** With these an issuer says that it does not answer now (RFC 9110, 15.5.9; RFC 6585, 4), whatever it says besides. */
const busy = [408, 429];

async function postForm(
  asking: Asking,
  endpoint: URL,
  client: OAuthClient,
  authMethods: readonly string[],
  params: Record<string, string>,
) {
  const form = new URLSearchParams(params);
  const headers: Record<string, string> = { 'content-type': 'application/x-www-form-urlencoded' };
  authenticate(client, authMethods, form, headers);
  const answer = await asking.post(endpoint, form.toString(), headers);
  if (answer.status >= 500 || busy.includes(answer.status)) {
    const message = `The sign-in service of the server answered with HTTP status ${answer.status}.`;
    throw new HubError('UPSTREAM_UNAVAILABLE', message, { reason: `http-${answer.status}`, retryable: true });
  }
  return answer;
}

function authenticate(
  { clientId, clientSecret, authMethod }: OAuthClient,
  methods: readonly string[],
  form: URLSearchParams,
  headers: Record<string, string>,
): void {
  const method =
    clientSecret === null ? 'none' : (authMethod ?? (methods.includes('client_secret_basic') ? 'basic' : 'post'));
  if (method.endsWith('basic')) {
    // RFC 6749, 2.3.1: both parts are form-encoded first.
    const parts = [clientId, clientSecret ?? ''].map((part) => new URLSearchParams({ '': part }).toString().slice(1));
    headers.authorization = `Basic ${Buffer.from(parts.join(':')).toString('base64')}`;
    return;
  }
  form.set('client_id', clientId);
  if (method.endsWith('post')) form.set('client_secret', clientSecret ?? '');
}

function denied(
  { error, error_description }: Record<string, unknown>,
  status: number,
  what = 'gave no token',
): HubError {
  const code = typeof error === 'string' && /^[\x20-\x7e]{1,64}$/.test(error) ? error : `HTTP status ${status}`;
  const message = `The sign-in service of the server ${what}: ${shownError(code, error_description)}.`;
  return new HubError('UPSTREAM_NEEDS_AUTH', message, { reason: reasonPrefix + code });
}

/** An error of another program as it may be shown: one line, cut. */
export function shownError(error: string, description: unknown): string {
  const code = error.replace(/[^\x20-\x7e]/g, '').slice(0, 64);
  if (typeof description !== 'string' || description === '') return code;
  const plain = description.replace(/[\p{C}\s]+/gu, ' ').trim();
  return `${code} (${plain.slice(0, 200).replace(/\.$/, '')})`;
}
