// A real authorization server (oidc-provider) and a real MCP server that takes its tokens, as the hub meets them at others:
// the MCP server tells each caller who it is by its token. Beside them a browser that signs people in there.
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import Provider, { type Configuration } from 'oidc-provider';
import { Agent, fetch } from 'undici';

export interface OAuthUpstream {
  /** Of the MCP server. */
  url: string;
  /** The same over HTTP+SSE. */
  sseUrl: string;
  issuer: string;
  /** Requests to the token endpoint, by grant type; those that were refused count too. */
  grants: Record<string, number>;
  /** Values of `resource` that came to both endpoints. */
  resources: string[];
  /** Registrations so far. */
  registrations: number;
  /** Requests to give a token back. */
  revocations: number;
  /** Whether the authorization server knows an access or refresh token. */
  knowsToken(token: string): boolean;
  /** Requests that the MCP server refused with 401. */
  refusals: number;
  /** All that the MCP server was sent as `authorization`. */
  readonly seen: Set<string>;
  /** What the tool "wait" waits for. */
  waits: Promise<void> | null;
  /** Calls that ran, by tool. */
  ran: Record<string, number>;
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
  /** Both servers are behind certificates of an authority of their own, `upstreamCa`. */
  tls?: boolean;
}

const certificates = join(import.meta.dirname, 'certificates');
export const upstreamCa = readFileSync(join(certificates, 'ca.pem'), 'utf8');

export async function startOAuthUpstream(options: OAuthUpstreamOptions = {}): Promise<OAuthUpstream> {
  const models = new Map<string, Map<string, Record<string, unknown>>>();
  const of = (name: string) => {
    const known = models.get(name) ?? new Map<string, Record<string, unknown>>();
    models.set(name, known);
    return known;
  };
  let account = '';
  const isSecure = options.tls === true;
  const dispatcher = new Agent({ connect: { ca: upstreamCa } });
  const [asServer, asUrl] = await listen(answerAs, isSecure);
  const [mcpServer, mcpOrigin] = await listen(answerMcp, isSecure);
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
      revocation: { enabled: true, allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId },
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
    if (path === '/token/revocation') upstream.revocations += 1;
    const isTruth = request.headers['x-truth'] !== undefined;
    if (path.startsWith('/.well-known/') && !isTruth && Object.keys(upstream.metadata).length > 0) {
      const truth = await fetch(`${asUrl}/.well-known/openid-configuration`, {
        headers: { 'x-truth': '1' },
        dispatcher,
      });
      return sendJson(response, 200, { ...((await truth.json()) as object), ...upstream.metadata });
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

  const streams = new Map<string, SSEServerTransport>();

  async function answerMcp(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname: path, searchParams } = new URL(request.url ?? '', mcpOrigin);
    const resourcePath = path === '/sse' || path === '/messages' || path.endsWith('/sse') ? '/sse' : '/mcp';
    const metadataPath = `/.well-known/oauth-protected-resource${resourcePath}`;
    if (path === metadataPath) {
      return sendJson(response, 200, {
        resource: mcpOrigin + resourcePath,
        authorization_servers: [asUrl],
        scopes_supported: ['read'],
        ...upstream.resourceMetadata,
      });
    }
    if (!['/mcp', '/sse', '/messages'].includes(path)) return sendJson(response, 404, {});
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
    if (path === '/sse' && request.method === 'GET') {
      const stream = new SSEServerTransport('/messages', response);
      streams.set(stream.sessionId, stream);
      return makeServer().connect(stream);
    }
    if (path !== '/mcp') {
      const stream = streams.get(searchParams.get('sessionId') ?? '');
      if (!stream) return sendJson(response, 404, {});
      return stream.handlePostMessage(request as Parameters<typeof stream.handlePostMessage>[0], response, body);
    }
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
    const server = makeServer();
    await server.connect(transport as Parameters<typeof server.connect>[0]);
    return transport;
  }

  function makeServer(): McpServer {
    const server = new McpServer({ name: 'who', version: '1.0.0' });
    const who = ({ authInfo }: { authInfo?: { extra?: Record<string, unknown> } }) => String(authInfo?.extra?.who);
    const ran = (tool: string) => {
      upstream.ran[tool] = (upstream.ran[tool] ?? 0) + 1;
    };
    server.registerTool('whoami', { description: 'Tells who calls.' }, (extra) => {
      ran('whoami');
      return { content: [{ type: 'text', text: who(extra) }] };
    });
    server.registerTool('wait', { description: 'Waits, and tells who called.' }, async (extra) => {
      ran('wait');
      await upstream.waits;
      return { content: [{ type: 'text', text: who(extra) }] };
    });
    server.registerPrompt('who', { description: 'Who asks.' }, (extra) => ({
      messages: [{ role: 'user', content: { type: 'text', text: who(extra) } }],
    }));
    server.registerResource('who', 'who://me', { description: 'Who reads.' }, ({ href }, extra) => ({
      contents: [{ uri: href, text: who(extra) }],
    }));
    return server;
  }

  const upstream: OAuthUpstream = {
    url,
    sseUrl: `${mcpOrigin}/sse`,
    issuer: asUrl,
    grants: {},
    resources: [],
    registrations: 0,
    revocations: 0,
    knowsToken: (token) => of('AccessToken').has(token) || of('RefreshToken').has(token),
    refusals: 0,
    seen: new Set(),
    refuseAll: false,
    hold: null,
    waits: null,
    ran: {},
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
        const reply = await fetch(next, { redirect: 'manual', headers: { cookie, accept: 'text/html' }, dispatcher });
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
      await Promise.all([...transports.values(), ...streams.values()].map((transport) => transport.close()));
      for (const server of [asServer, mcpServer]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
      await dispatcher.destroy();
    },
  };
  return upstream;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

async function listen(handler: Handler, isSecure: boolean): Promise<[Server, string]> {
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    handler(request, response).catch((error) => sendJson(response, 500, { error: String(error) }));
  };
  const read = (name: string) => readFileSync(join(certificates, name));
  const server = isSecure
    ? createSecureServer({ key: read('server.key'), cert: read('good.pem') }, answer)
    : createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return [server, isSecure ? `https://localhost:${port}` : `http://127.0.0.1:${port}`];
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
