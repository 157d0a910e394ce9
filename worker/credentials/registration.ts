// Which client the hub is to an authorization server, in the order of the specification (basic/authorization/
// client-registration, 2026-07-28): as entered by hand, by a metadata document, or registered by itself.
import type { OAuthSetting } from '../../lib/credentials/schema';
import type { SignInStore } from '../../lib/credentials/sign-ins';
import { HubError } from '../../lib/errors';
import { type Asking, isLoopback, jsonObject, refused } from './asking';
import type { Issuer } from './discovery';
import { type OAuthClient, shownError } from './grants';

export interface OwnAddresses {
  /** Where browsers come back to. */
  redirectUri: string;
  /** The hub's own metadata document as a client. */
  documentUrl: string;
}

const clientName = 'MCPHub';
/** Below the public address. */
export const clientDocumentPath = '/oauth/client.json';

/** @param publicUrl without a slash at its end */
export function ownAddresses(publicUrl: string): OwnAddresses {
  return { redirectUri: `${publicUrl}/connections/callback`, documentUrl: publicUrl + clientDocumentPath };
}

/** The document behind `documentUrl` (draft-ietf-oauth-client-id-metadata-document-00). */
export function clientDocument({ redirectUri, documentUrl }: OwnAddresses): Record<string, unknown> {
  return { client_id: documentUrl, ...metadataOf(redirectUri, 'none') };
}

function metadataOf(redirectUri: string, authMethod: string): Record<string, unknown> {
  const url = new URL(redirectUri);
  return {
    client_name: clientName,
    client_uri: url.origin,
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: authMethod,
    // Only native clients may come back to plain http on a loopback address (OpenID Connect Registration 1.0, 2).
    application_type: url.protocol === 'http:' ? 'native' : 'web',
  };
}

/** A client that was registered over other authorities of certificates may be somebody else's. */
function keyOf({ trust }: Asking, issuer: string): string {
  return trust === '' ? issuer : `${issuer} ${trust}`;
}

export function createRegistration(store: SignInStore, own: OwnAddresses) {
  const documentUrl = new URL(own.documentUrl);
  const canBeFetched = documentUrl.protocol === 'https:' && !isLoopback(documentUrl);

  /**
   * @throws HubError CONFLICT where an administrator has to enter a client, UPSTREAM_BAD_ANSWER when the registration is
   *   refused, else as Asking does
   */
  async function clientFor(
    asking: Asking,
    setting: OAuthSetting,
    issuer: Issuer,
  ): Promise<OAuthClient & { isRegistered: boolean }> {
    const fixed = given(setting);
    if (fixed) return { ...fixed, isRegistered: false };
    if (canBeFetched && issuer.takesDocuments) {
      return { clientId: own.documentUrl, clientSecret: null, authMethod: 'none', isRegistered: false };
    }
    const known = await store.findClient(keyOf(asking, issuer.issuer), own.redirectUri);
    return { ...(known ?? (await register(asking, issuer))), isRegistered: known !== null };
  }

  /** The client that a credential was given to. @returns null when it is known no more */
  async function clientOf(
    asking: Asking,
    setting: OAuthSetting,
    issuer: string,
    clientId: string,
  ): Promise<OAuthClient | null> {
    const fixed = given(setting);
    if (fixed) return fixed.clientId === clientId ? fixed : null;
    if (clientId === own.documentUrl) return { clientId, clientSecret: null, authMethod: 'none' };
    const known = await store.findClient(keyOf(asking, issuer), own.redirectUri);
    return known?.clientId === clientId ? known : null;
  }

  async function register(
    asking: Asking,
    { issuer, registrationEndpoint, authMethods, scopes }: Issuer,
  ): Promise<OAuthClient> {
    if (!registrationEndpoint) {
      const message =
        `The sign-in service ${issuer} does not register clients by itself: register the hub there with the redirect ` +
        `address ${own.redirectUri}, and enter the client id in the settings of the server.`;
      throw new HubError('CONFLICT', message, { reason: 'no-client' });
    }
    const method = ['none', 'client_secret_basic', 'client_secret_post'].find((each) => authMethods.includes(each));
    if (!method) throw refused('knows no way for clients to prove themselves that the hub has');
    const wanted = metadataOf(own.redirectUri, method);
    // Without it some give no refresh token, whatever is asked for later.
    const body = scopes.includes('offline_access') ? { ...wanted, scope: scopes.join(' ') } : wanted;
    const answer = await asking.post(registrationEndpoint, JSON.stringify(body), {
      'content-type': 'application/json',
    });
    const registered = jsonObject(answer, 'an answer to the registration');
    const { client_id, client_secret, client_secret_expires_at, token_endpoint_auth_method, error } = registered;
    if ((answer.status !== 201 && answer.status !== 200) || typeof client_id !== 'string' || client_id === '') {
      const code = typeof error === 'string' ? error : `HTTP status ${answer.status}`;
      throw refused(`does not register the hub: ${shownError(code, registered.error_description)}`);
    }
    const client = {
      clientId: client_id,
      clientSecret: typeof client_secret === 'string' && client_secret !== '' ? client_secret : null,
      authMethod: typeof token_endpoint_auth_method === 'string' ? token_endpoint_auth_method : method,
    };
    const untilSeconds = Number(client_secret_expires_at);
    const until = untilSeconds > 0 ? new Date(untilSeconds * 1000) : null;
    return store.addClient(keyOf(asking, issuer), own.redirectUri, client, until);
  }

  return {
    clientFor,
    clientOf,
    /** The issuer does not know the client any more; the next sign-in registers another one. */
    forget: (asking: Asking, issuer: string, clientId: string) => store.removeClient(keyOf(asking, issuer), clientId),
  };
}

export type Registration = ReturnType<typeof createRegistration>;

function given({ clientId, clientSecret }: OAuthSetting): OAuthClient | null {
  if (clientId === undefined) return null;
  return { clientId, clientSecret: clientSecret || null, authMethod: null };
}
