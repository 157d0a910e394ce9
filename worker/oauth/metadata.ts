// What clients read first (RFC 8414). Built from the public URL alone, never from what a request says of itself.
import { tokenScopes } from '../../lib/access/schema';
import { assertionAlgorithms, clientAuthMethods } from './client-rules';

const wellKnown = '/.well-known/oauth-authorization-server';

/** At the root, where clients of 2025-03-26 look too, and with the path of the issuer inserted (RFC 8414, 3.1). */
export function metadataPaths(issuer: string): ReadonlySet<string> {
  const path = new URL(issuer).pathname.replace(/\/$/, '');
  return new Set([wellKnown, `${wellKnown}${path}`]);
}

export function authorizationServerMetadata(issuer: string): Record<string, unknown> {
  return {
    issuer,
    authorization_endpoint: `${issuer}/oauth/authorize`,
    token_endpoint: `${issuer}/oauth/token`,
    registration_endpoint: `${issuer}/oauth/register`,
    revocation_endpoint: `${issuer}/oauth/revoke`,
    scopes_supported: tokenScopes,
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_methods_supported: clientAuthMethods,
    token_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    revocation_endpoint_auth_methods_supported: clientAuthMethods,
    revocation_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
    client_id_metadata_document_supported: true,
  };
}
