// The hub as the authorization server of its own MCP endpoints (basic/authorization, 2025-03-26 to 2026-07-28): OAuth
// 2.1 with PKCE for clients of users of the hub. Its paths, what is too often, and its parts; the protocol itself
// is oidc-provider's.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type Provider from 'oidc-provider';
import { isHubError } from '../../lib/errors';
import { callerAddressOf } from '../caller-address';
import { createRate } from '../gateway/rate';
import { type Consents, createConsents } from './consents';
import { errorPage, errorPagePolicy } from './error-page';
import { authorizationServerMetadata, metadataPaths } from './metadata';
import { createProvider, type ProviderDeps } from './provider';
import { type OauthAnswer, refusal, register } from './registration';

export type { Consents } from './consents';

export interface Oauth {
  /** Whether a path (without query) is answered here. */
  owns(path: string): boolean;
  handle(request: IncomingMessage, response: ServerResponse): void;
  consents: Consents;
}

const tokenPaths: ReadonlySet<string> = new Set(['/oauth/token', '/oauth/revoke']);

export function createOauth(deps: ProviderDeps): Oauth {
  const { issuer, db, log } = deps;
  const metadata = JSON.stringify(authorizationServerMetadata(issuer));
  const published = metadataPaths(issuer);
  const { protocol, host, pathname } = new URL(issuer);
  // By address, and behind a proxy all have one: wide enough for an office, too narrow to fill a table.
  const registrations = createRate(60, 0.2);
  const authorizations = createRate(120, 4);
  const exchanges = createRate(300, 20);

  let loading: Promise<Provider> | null = null;
  function load(): Promise<Provider> {
    loading ??= createProvider(deps).catch((error) => {
      loading = null;
      throw error;
    });
    return loading;
  }

  async function answer(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    const address = callerAddressOf(request) ?? '';
    if (published.has(path)) {
      if (request.method !== 'GET' && request.method !== 'HEAD') return notAllowed(response, 'GET, HEAD');
      response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'public, max-age=300' });
      response.end(request.method === 'HEAD' ? undefined : metadata);
    } else if (path === '/oauth/register') {
      if (request.method !== 'POST') return notAllowed(response, 'POST');
      registrations.take(address);
      sendJson(response, await register(request, db));
    } else if (tokenPaths.has(path)) {
      if (request.method !== 'POST') return notAllowed(response, 'POST');
      exchanges.take(address);
      await pass(request, response);
    } else {
      if (request.method !== 'GET') return notAllowed(response, 'GET');
      authorizations.take(address);
      await pass(request, response);
    }
  }

  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // It makes addresses and cookies by these; what the request says of itself is not believed.
    request.headers['x-forwarded-proto'] = protocol.slice(0, -1);
    request.headers['x-forwarded-host'] = host;
    Object.assign(request, { baseUrl: pathname.replace(/\/$/, '') });
    const provider = await load();
    await provider.callback()(request, response);
  }

  function fail(error: unknown, response: ServerResponse, isPage: boolean): void {
    const isLimit = isHubError(error) && error.code === 'LIMIT_EXCEEDED';
    if (!isLimit) log.error({ err: error }, 'a request to the authorization server failed');
    if (response.headersSent || response.destroyed) return void response.destroy();
    if (isLimit) {
      response.setHeader('retry-after', String(Math.ceil((error.extras.retryAfterMs ?? 1000) / 1000)));
      const text = 'Too many of these at once: try again in a moment.';
      if (isPage) sendPage(response, 429, 'temporarily_unavailable', text);
      else sendJson(response, refusal(429, 'temporarily_unavailable', text));
    } else if (isPage) sendPage(response, 500, 'server_error');
    else sendJson(response, refusal(500, 'server_error', 'The hub could not answer. Try again in a moment.'));
  }

  return {
    owns: (path) =>
      path === '/oauth/authorize' ||
      path.startsWith('/oauth/authorize/') ||
      path === '/oauth/register' ||
      tokenPaths.has(path) ||
      published.has(path),
    handle(request, response) {
      const [path = ''] = (request.url ?? '').split('?', 1);
      answer(request, response, path).catch((error: unknown) => {
        fail(error, response, path.startsWith('/oauth/authorize'));
      });
    },
    consents: createConsents(load, db, issuer),
  };
}

function sendJson(response: ServerResponse, { status, body }: OauthAnswer): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    ...(status === 413 && { connection: 'close' }),
  });
  response.end(JSON.stringify(body));
}

function sendPage(response: ServerResponse, status: number, code: string, description?: string): void {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy': errorPagePolicy,
  });
  response.end(errorPage(code, description));
}

function notAllowed(response: ServerResponse, allow: string): void {
  response.setHeader('allow', allow);
  sendJson(response, refusal(405, 'invalid_request', `Allowed here: ${allow}.`));
}
