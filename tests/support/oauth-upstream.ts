// A real authorization server (oidc-provider) and a real MCP server that takes its tokens, as the hub meets them at others:
// the MCP server tells each caller who it is by its token. Beside them a browser that signs people in there.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import Provider, { type Configuration } from 'oidc-provider';

export interface OAuthUpstream {
  /** Of the MCP server. */
  url: string;
  issuer: string;
  /** Requests to the token endpoint, by grant type; those that were refused count too. */
  grants: Record<string, number>;
  /** Values of `resource` that came to both endpoints. */
  resources: string[];
  /** Registrations so far. */
  registrations: number;
  /** Requests that the MCP server refused with 401. */
  refusals: number;
  /** All that the MCP server was sent as `authorization`. */
  readonly seen: Set<string>;
  /** The MCP server takes no token that was given before now, as if all had been revoked. */
  refuseTokens(): void;
  /** The MCP server takes no token at all. */
  refuseAll: boolean;
  /** What the authorization server waits for before it answers at its token endpoint. */
  hold: Promise<void> | null;
  /** It forgets every client that registered itself. */
  forgetClients(): void;
  /** It forgets every refresh token. */
  forgetGrants(): void;
  /** Scopes that a token needs. */
  neededScope: string;
  /** What its metadata says in place of the truth, and its resource metadata. */
  metadata: Record<string, unknown>;
  resourceMetadata: Record<string, unknown>;
  /** Signs in as a browser would. @returns the address that the browser is sent back to */
  signIn(authorizationUrl: string, account: string): Promise<URL>;
  close(): Promise<void>;
}

export interface OAuthUpstreamOptions {
  /** Life of access tokens. Default: an hour. */
  tokenSeconds?: number;
  registration?: boolean;
  clients?: Configuration['clients'];
}

export async function startOAuthUpstream(options: OAuthUpstreamOptions = {}): Promise<OAuthUpstream> {
  const models = new Map<string, Map<string, Record<string, unknown>>>();
  const of = (name: string) => {
    const known = models.get(name) ?? new Map<string, Record<string, unknown>>();
    models.set(name, known);
    return known;
  };
  let account = '';
  const [asServer, asUrl] = await listen(answerAs);
  const [mcpServer, mcpOrigin] = await listen(answerMcp);
  const url = `${mcpOrigin}/mcp`;

  class Adapter {
    constructor(readonly name: string) {}
    async upsert(id: string, payload: Record<string, unknown>) {
      of(this.name).set(id, { ...payload });
    }
    async find(id: string) {
      return of(this.name).get(id);
    }
    async findByUserCode() {
      return undefined;
    }
    async findByUid(uid: string) {
      return [...of(this.name).values()].find((each) => each.uid === uid);
    }
    async consume(id: string) {
      const known = of(this.name).get(id);
      if (known) known.consumed = Math.floor(Date.now() / 1000);
    }
    async destroy(id: string) {
      of(this.name).delete(id);
    }
    async revokeByGrantId(grantId: string) {
      for (const [id, each] of of(this.name)) if (each.grantId === grantId) of(this.name).delete(id);
    }
  }

  const provider = new Provider(asUrl, {
    adapter: Adapter as unknown as NonNullable<Configuration['adapter']>,
    clients: options.clients ?? [],
    cookies: { keys: ['a key of a test'] },
    scopes: ['openid', 'offline_access', 'read', 'write'],
    findAccount: (_ctx, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
    interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
    rotateRefreshToken: true,
    issueRefreshToken: async () => true,
    ttl: {
      Grant: 86_400,
      RefreshToken: 86_400,
      Session: 86_400,
      Interaction: 600,
    },
    features: {
      devInteractions: { enabled: false },
      registration: { enabled: options.registration !== false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => url,
        useGrantedResource: () => true,
        getResourceServerInfo: (_ctx, resource) => ({
          scope: 'read write',
          audience: resource,
          accessTokenTTL: options.tokenSeconds ?? 3600,
          accessTokenFormat: 'opaque',
        }),
      },
    },
  });
  provider.proxy = false;
  const answer = provider.callback();

  async function answerAs(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    if (path.startsWith('/interaction/')) return interact(request, response);
    const query = new URL(path, asUrl).searchParams;
    if (path.startsWith('/auth?') && query.has('resource')) upstream.resources.push(query.get('resource') ?? '');
    if (path === '/token') {
      const body = await bodyOf(request);
      const form = new URLSearchParams(body);
      const type = form.get('grant_type') ?? '';
      upstream.grants[type] = (upstream.grants[type] ?? 0) + 1;
      upstream.resources.push(form.get('resource') ?? '');
      await upstream.hold;
      Object.assign(request, { body });
    }
    if (path === '/reg') upstream.registrations += 1;
    const isTruth = request.headers['x-truth'] !== undefined;
    if (path.startsWith('/.well-known/') && !isTruth && Object.keys(upstream.metadata).length > 0) {
      const truth = await fetch(`${asUrl}/.well-known/openid-configuration`, { headers: { 'x-truth': '1' } });
      return sendJson(response, 200, { ...(await truth.json()), ...upstream.metadata });
    }
    answer(request, response);
  }

  /** Whoever comes is signed in as the account of the moment, and agrees to everything. */
  async function interact(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { prompt, params, session, grantId } = await provider.interactionDetails(request, response);
    if (prompt.name === 'login') {
      return provider.interactionFinished(request, response, { login: { accountId: account } });
    }
    const known = grantId ? await provider.Grant.find(grantId) : undefined;
    const grant = known ?? new provider.Grant({ accountId: session?.accountId, clientId: String(params.client_id) });
    const scope = String(params.scope ?? '');
    grant.addOIDCScope(scope);
    grant.addResourceScope(String(params.resource ?? url), scope);
    await provider.interactionFinished(
      request,
      response,
      { consent: { grantId: await grant.save() } },
      { mergeWithLastSubmission: true },
    );
  }

  const transports = new Map<string, StreamableHTTPServerTransport>();

  async function answerMcp(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const metadataPath = '/.well-known/oauth-protected-resource/mcp';
    if (request.url === metadataPath) {
      return sendJson(response, 200, {
        resource: url,
        authorization_servers: [asUrl],
        scopes_supported: ['read'],
        ...upstream.resourceMetadata,
      });
    }
    if (request.url !== '/mcp') return sendJson(response, 404, {});
    const header = request.headers.authorization ?? '';
    if (header) upstream.seen.add(header);
    const token = await provider.AccessToken.find(header.replace(/^Bearer /, ''));
    const machine = token ? undefined : await provider.ClientCredentials.find(header.replace(/^Bearer /, ''));
    const good = token ?? machine;
    if (!good?.isValid || upstream.refuseAll) {
      upstream.refusals += 1;
      const challenge = `Bearer error="invalid_token", resource_metadata="${mcpOrigin}${metadataPath}"`;
      return sendJson(response, 401, { error: 'invalid_token' }, { 'www-authenticate': challenge });
    }
    const scopes = good.scope?.split(' ') ?? [];
    const body = JSON.parse((await bodyOf(request)) || 'null');
    if (body?.method === 'tools/call' && upstream.neededScope && !scopes.includes(upstream.neededScope)) {
      const challenge = `Bearer error="insufficient_scope", scope="${upstream.neededScope}"`;
      return sendJson(response, 403, { error: 'insufficient_scope' }, { 'www-authenticate': challenge });
    }
    const who = token?.accountId ?? `client ${good.clientId}`;
    Object.assign(request, { auth: { token: '', clientId: String(good.clientId), scopes, extra: { who } } });
    const known = transports.get(String(request.headers['mcp-session-id'] ?? ''));
    const transport = known ?? (await openSession());
    await transport.handleRequest(
      request as Parameters<typeof transport.handleRequest>[0],
      response,
      body ?? undefined,
    );
  }

  async function openSession(): Promise<StreamableHTTPServerTransport> {
    const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      enableJsonResponse: true,
      onsessioninitialized: (id) => void transports.set(id, transport),
    });
    const server = new McpServer({ name: 'who', version: '1.0.0' });
    server.registerTool('whoami', { description: 'Tells who calls.' }, ({ authInfo }) => ({
      content: [{ type: 'text', text: String(authInfo?.extra?.who) }],
    }));
    await server.connect(transport as Parameters<typeof server.connect>[0]);
    return transport;
  }

  const upstream: OAuthUpstream = {
    url,
    issuer: asUrl,
    grants: {},
    resources: [],
    registrations: 0,
    refusals: 0,
    seen: new Set(),
    refuseAll: false,
    hold: null,
    neededScope: '',
    metadata: {},
    resourceMetadata: {},
    refuseTokens: () => of('AccessToken').clear(),
    forgetClients: () => of('Client').clear(),
    forgetGrants: () => of('RefreshToken').clear(),
    async signIn(authorizationUrl, as) {
      account = as;
      const jar = new Map<string, string>();
      let next = new URL(authorizationUrl);
      for (let steps = 0; steps < 10; steps += 1) {
        const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
        const reply = await fetch(next, { redirect: 'manual', headers: { cookie, accept: 'text/html' } });
        for (const each of reply.headers.getSetCookie()) {
          const [name = '', value = ''] = (each.split(';')[0] ?? '').split(/=(.*)/s);
          jar.set(name, value);
        }
        const location = reply.headers.get('location');
        if (!location) throw new Error(`the sign-in ended at ${next} with ${reply.status}: ${await reply.text()}`);
        next = new URL(location, next);
        if (next.origin !== asUrl) return next;
      }
      throw new Error('the sign-in does not end');
    },
    async close() {
      await Promise.all([...transports.values()].map((transport) => transport.close()));
      for (const server of [asServer, mcpServer]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
  return upstream;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

async function listen(handler: Handler): Promise<[Server, string]> {
  const server = createServer((request, response) => {
    handler(request, response).catch((error) => sendJson(response, 500, { error: String(error) }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return [server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`];
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text;
}

function sendJson(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(value));
}
