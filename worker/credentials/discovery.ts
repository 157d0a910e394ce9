// Where a server wants its callers to sign in: from its 401 to the checked metadata of its authorization server
// (basic/authorization/authorization-server-discovery, 2026-07-28; RFC 9728, RFC 8414, OpenID Connect Discovery 1.0).
import { buildDiscoveryUrls } from '@modelcontextprotocol/sdk/client/auth.js';
import { checkResourceAllowed } from '@modelcontextprotocol/sdk/shared/auth-utils.js';
import { isHubError } from '../../lib/errors';
import { challengeOf } from '../upstream';
import { type Asking, jsonObject, namedUrl, refused } from './asking';

/** What is used of an authorization server's metadata; every URL in it has been checked. */
export interface Issuer {
  /** As it names itself, byte for byte. */
  issuer: string;
  authorizationEndpoint: URL;
  tokenEndpoint: URL;
  /** Where tokens are given back (RFC 7009). */
  revocationEndpoint: URL | null;
  registrationEndpoint: URL | null;
  /** Clients may be named by the URL of their metadata document. */
  takesDocuments: boolean;
  /** It names itself in each answer that goes through the browser (RFC 9207). */
  sendsIss: boolean;
  scopes: readonly string[];
  grants: readonly string[];
  /** How clients prove themselves at the token endpoint. */
  authMethods: readonly string[];
  /** And at the revocation endpoint. */
  revocationAuthMethods: readonly string[];
}

export interface Discovered {
  /** The resource indicator (RFC 8707) of the server, as it is sent. */
  resource: string;
  issuer: Issuer;
  /** What is to be asked for where the settings do not say; null: nothing is named. */
  scopes: string[] | null;
}

/** Metadata of authorization servers seldom changes. */
const keptMs = 10 * 60_000;
const keptMax = 500;
/** Of the question without a token. */
const protocolVersion = '2025-11-25';

export function createDiscovery() {
  const known = new Map<string, { at: number; issuer: Issuer }>();

  /**
   * @param asking for the MCP server @param serverUrl of it @param wanted the only issuer to be used, from the settings
   * @throws HubError UPSTREAM_BAD_ANSWER and what `Asking` throws, each with a sentence for people
   */
  async function discover(asking: Asking, serverUrl: URL, wanted: string | undefined): Promise<Discovered> {
    const challenge = await challengeFor(asking, serverUrl);
    const resource = await resourceOf(asking, serverUrl, challenge.resource_metadata);
    const named = resource?.authorizationServers ?? [serverUrl.origin];
    if (wanted !== undefined && resource && !named.includes(wanted)) {
      throw refused(`is not ${wanted}, as the settings say: the server names ${named.slice(0, 3).join(', ')}`);
    }
    const issuer = await issuerOf(asking, wanted ?? (named[0] as string));
    return {
      resource: resource?.resource ?? canonical(serverUrl),
      issuer,
      scopes: challenge.scope?.split(' ').filter(Boolean) ?? resource?.scopes ?? null,
    };
  }

  /** What a request without a token is told; empty where that says nothing. Some servers let everybody say hello. */
  async function challengeFor(asking: Asking, serverUrl: URL): Promise<Record<string, string>> {
    const params = { protocolVersion, capabilities: {}, clientInfo: { name: 'mcphub', version: '1' } };
    const hello = await ask(asking, serverUrl, { id: 1, method: 'initialize', params });
    const session = hello.headers['mcp-session-id'];
    const answer =
      hello.status === 401 ? hello : await ask(asking, serverUrl, { id: 2, method: 'tools/list' }, session);
    return answer.status === 401 ? challengeOf(answer.headers['www-authenticate']) : {};
  }

  function ask(asking: Asking, serverUrl: URL, message: object, session?: string) {
    return asking.post(serverUrl, JSON.stringify({ jsonrpc: '2.0', ...message }), {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(session !== undefined && { 'mcp-session-id': session, 'mcp-protocol-version': protocolVersion }),
    });
  }

  async function resourceOf(asking: Asking, serverUrl: URL, named: string | undefined) {
    const wellKnown = '/.well-known/oauth-protected-resource';
    const path = serverUrl.pathname.replace(/\/$/, '');
    const places =
      named !== undefined
        ? [namedUrl(named, 'resource metadata')]
        : [...new Set([`${wellKnown}${path}${serverUrl.search}`, wellKnown])].map((at) => new URL(at, serverUrl));
    for (const place of places) {
      const answer = await asking.get(place);
      if (answer.status !== 200) continue;
      const { resource, authorization_servers, scopes_supported } = jsonObject(answer, 'resource metadata');
      if (typeof resource !== 'string' || !URL.canParse(resource) || !isOf(serverUrl, resource)) {
        throw refused(`has metadata of another resource (${JSON.stringify(resource)?.slice(0, 200)})`);
      }
      const authorizationServers = texts(authorization_servers);
      if (authorizationServers.length === 0)
        throw refused('is not named: the resource metadata has no "authorization_servers"');
      return {
        resource,
        authorizationServers,
        scopes: Array.isArray(scopes_supported) ? texts(scopes_supported) : null,
      };
    }
    if (named !== undefined) throw refused(`cannot be found: ${places[0]?.href} has no resource metadata`);
    // Servers of 2025-03-26 are their own authorization server.
    return null;
  }

  /** @throws HubError as `discover` does */
  async function issuerOf(asking: Asking, issuer: string): Promise<Issuer> {
    const key = `${asking.trust} ${issuer}`;
    const kept = known.get(key);
    if (kept && performance.now() - kept.at < keptMs) return kept.issuer;
    const url = namedUrl(issuer, 'issuer');
    let fault: unknown;
    for (const { url: place } of buildDiscoveryUrls(url)) {
      const answer = await asking.get(place).catch((error: unknown) => {
        // A wrong address stays wrong at the next path; what broke off may be there.
        if (isHubError(error) && error.code === 'INVALID_INPUT') throw error;
        fault ??= error;
        return null;
      });
      if (answer?.status !== 200) continue;
      const checked = readIssuer(issuer, jsonObject(answer, 'metadata'));
      if (known.size >= keptMax) known.clear();
      known.set(key, { at: performance.now(), issuer: checked });
      return checked;
    }
    throw fault ?? refused(`(${issuer}) publishes no metadata`);
  }

  return { discover, issuerOf };
}

export type Discovery = ReturnType<typeof createDiscovery>;

/** RFC 8414, 3.3; RFC 9207, 2.4. @throws HubError UPSTREAM_BAD_ANSWER */
export function readIssuer(expected: string, metadata: Record<string, unknown>): Issuer {
  const { issuer } = metadata;
  if (issuer !== expected) {
    throw refused(
      `calls itself ${JSON.stringify(issuer)?.slice(0, 200)} where ${JSON.stringify(expected)} was asked for`,
    );
  }
  const responseTypes = metadata.response_types_supported;
  if (Array.isArray(responseTypes) && !responseTypes.includes('code')) throw refused('gives no authorization codes');
  // A client that cannot know that PKCE is held to must not go on (basic/authorization/security-considerations).
  if (!texts(metadata.code_challenge_methods_supported).includes('S256')) {
    throw refused('does not say that it supports PKCE with S256, without which a code could be stolen');
  }
  const { registration_endpoint: registration, revocation_endpoint: revocation } = metadata;
  // RFC 8414, 2: what it is where nothing is said.
  const authMethods = metadata.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
  return {
    issuer: expected,
    authorizationEndpoint: namedUrl(metadata.authorization_endpoint, 'authorization endpoint'),
    tokenEndpoint: namedUrl(metadata.token_endpoint, 'token endpoint'),
    revocationEndpoint: revocation === undefined ? null : namedUrl(revocation, 'revocation endpoint'),
    registrationEndpoint: registration === undefined ? null : namedUrl(registration, 'registration endpoint'),
    takesDocuments: metadata.client_id_metadata_document_supported === true,
    sendsIss: metadata.authorization_response_iss_parameter_supported === true,
    scopes: texts(metadata.scopes_supported),
    grants: texts(metadata.grant_types_supported ?? ['authorization_code']),
    authMethods: texts(authMethods),
    revocationAuthMethods: texts(metadata.revocation_endpoint_auth_methods_supported ?? authMethods),
  };
}

/** RFC 9728, 3.3, but a resource may also be what the server's URL lies under. */
function isOf(serverUrl: URL, resource: string): boolean {
  return checkResourceAllowed({ requestedResource: canonical(serverUrl), configuredResource: resource });
}

/** The canonical URI of a server: no fragment (RFC 8707, 2). */
function canonical(url: URL): string {
  const { href, hash, pathname, search } = url;
  const text = href.slice(0, href.length - hash.length);
  return pathname === '/' && search === '' ? text.replace(/\/$/, '') : text;
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each): each is string => typeof each === 'string').slice(0, 200) : [];
}
