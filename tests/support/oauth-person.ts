// An MCP client's memory of OAuth, as the official SDKs want it, and the person behind it, who signs in and allows what is
// asked. Nothing is clicked: pages are followed by HTTP, and the decision goes the way that the page sends it.
import type { OAuthClientProvider } from '@modelcontextprotocol/sdk/client/auth.js';
import type {
  OAuthClientInformationMixed,
  OAuthClientMetadata,
  OAuthTokens,
} from '@modelcontextprotocol/sdk/shared/auth.js';
import { createControlClient } from '../../lib/control';
import { socketPaths } from '../../lib/env';
import type { Hub } from './hub';
import { Browser, consentIdOf, loopbackRedirect, userIdOf } from './oauth-client';

/** For the clients of both SDKs, whose interfaces are alike. */
export class Memory implements OAuthClientProvider {
  readonly redirectUrl = loopbackRedirect;
  client: OAuthClientInformationMixed | undefined;
  given: OAuthTokens | undefined;
  verifier = '';
  /** Where the client sends its user; each time anew. */
  asked: URL[] = [];

  constructor(
    readonly scope?: string,
    readonly name = 'Unattended client',
    /** How it wants to prove itself. */
    readonly method = 'none',
  ) {}

  get clientMetadata(): OAuthClientMetadata {
    return {
      client_name: this.name,
      redirect_uris: [loopbackRedirect],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: this.method,
    };
  }
  state(): string {
    return 'the state of the client';
  }
  clientInformation() {
    return this.client;
  }
  saveClientInformation(client: OAuthClientInformationMixed): void {
    this.client = client;
  }
  tokens() {
    return this.given;
  }
  saveTokens(tokens: OAuthTokens): void {
    this.given = tokens;
  }
  redirectToAuthorization(url: URL): void {
    this.asked.push(url);
  }
  saveCodeVerifier(verifier: string): void {
    this.verifier = verifier;
  }
  codeVerifier(): string {
    return this.verifier;
  }
  invalidateCredentials(which: string): void {
    if (which === 'all' || which === 'tokens') this.given = undefined;
    if (which === 'all' || which === 'client') this.client = undefined;
  }
  discovered: unknown;
  saveDiscoveryState(state: unknown): void {
    this.discovered = state;
  }
  discoveryState() {
    return this.discovered as undefined;
  }
}

/** Goes where the client leads and allows it. @returns where the client is called back */
export async function allowed(hub: Hub, url: URL): Promise<string> {
  const browser = new Browser(url.origin);
  const id = consentIdOf(await browser.get(url.href));
  const control = createControlClient(socketPaths(hub.dataDir).worker);
  const userId = await userIdOf(hub);
  const { returnTo } = await control.call('oauth.decide', { id, userId, allow: true, requestId: 'test' });
  const { status, headers } = await browser.get(returnTo);
  const location = headers.get('location');
  if (!location) throw new Error(`no way back to the client: ${status}`);
  return location;
}

/** As allowed. @returns the parameters that the client gets */
export async function allow(hub: Hub, url: URL): Promise<URLSearchParams> {
  return new URL(await allowed(hub, url)).searchParams;
}
