// The one public port. Sends each request to the part that answers it, by path: MCP to the gateway, /socket.io to the
// live updates, probes and metrics answered here, everything else to the web program. Knows nothing of what they do.
import { randomUUID } from 'node:crypto';
import {
  type Agent,
  createServer,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { can } from '../lib/access/can';
import type { Actor } from '../lib/access/schema';
import { isAmbiguousPath, withBase, withoutBase } from '../lib/base-path';
import type { Cidr } from '../lib/egress';
import { errorTable, HubError, toProblem } from '../lib/errors';
import { hopByHop } from '../lib/hop-by-hop';
import type { Log } from '../lib/log';
import { doorHeaders } from '../lib/security-headers';
import type { Metrics } from '../lib/telemetry';
import { callerAddress } from '../lib/trusted-proxies';
import { callerAddressOf, noteCallerAddress } from './caller-address';
import { answerOn, DoorResponse, watchRequest } from './door-response';
import { type Gateway, metadataPath, type ProtectedResource } from './gateway';
import { ignoreErrors, isGone } from './gateway/http/exchange';
import { tokenOf } from './gateway/http/request';
import { hostHint, type OriginRules } from './origin';

/** One reason why the hub is not ready. */
export interface Failing {
  check: string;
  /** RFC 3339. */
  since: string;
  detail: string;
}

export interface DoorDeps {
  gateway: Pick<Gateway, 'handle'>;
  /** Answers what anybody may ask of the MCP endpoints. */
  protectedResource: Pick<ProtectedResource, 'handle'>;
  live: {
    handleRequest(request: IncomingMessage, response: ServerResponse): void;
    handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  };
  /** What stands in the way of serving; empty when ready. Answered without I/O. */
  failing(): Failing[];
  /** The authorization server; null where there is another one. */
  oauth: { owns(path: string): boolean; handle(request: IncomingMessage, response: ServerResponse): void } | null;
  /** JSON that anybody may read, by path. */
  documents?: ReadonlyMap<string, string>;
  metrics: Metrics;
  /** For /metrics from other machines. */
  resolveActor(token: string, address?: string): Actor | null | Promise<Actor | null>;
  origins: OriginRules;
  host: string;
  port: number;
  /** The path of the public URL, below which web serves its pages; "" for none. */
  basePath: string;
  /** Whose X-Forwarded-For names the caller. */
  proxies: readonly Cidr[];
  /** "http" or "https", as browsers see the hub. */
  publicProtocol: string;
  log: Log;
  /** Default: headers 10 s, whole request 30 s. */
  timeouts?: { headersMs: number; requestMs: number; checkEveryMs: number };
}

export interface Door {
  /** @returns the port. @throws HubError CONFLICT naming a port that is taken, or what listen throws */
  listen(): Promise<number>;
  /** Where the web program listens on 127.0.0.1; null while it is down. */
  setWebPort(port: number | null): void;
  /** Takes no new connections, waits up to `graceMs` for requests under way, then cuts the rest. Idempotent. */
  close(graceMs?: number): Promise<void>;
}

const defaultTimeouts = { headersMs: 10_000, requestMs: 30_000, checkEveryMs: 2000 };
const headerMaxBytes = 16 * 1024;
const urlMaxChars = 8 * 1024;
/** Longer than the 60 s of common load balancers, which then close first and never meet a closed connection. */
const keepAliveMs = 75_000;
const closeIdleEveryMs = 50;

/** Headers by which a client could pretend to be somebody or somewhere else. */
const untrusted = /^(x-mcphub-|x-forwarded-|x-middleware-|x-real-ip$|forwarded$)/;
const methods = ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** Answered by the door itself. */
const ownPaths = new Set(['/healthz', '/readyz', '/metrics']);
/** Asked by machines that know the hub by its address alone. */
const probes = new Set(['/healthz', '/readyz']);

export function createDoor(deps: DoorDeps): Door {
  const { gateway, protectedResource, live, oauth, documents, metrics, origins, log, host, port, proxies } = deps;
  const timeouts = deps.timeouts ?? defaultTimeouts;
  const agent: Agent = new HttpAgent({ keepAlive: true, maxSockets: 256, keepAliveMsecs: 5000 });
  // A proxy takes the path away or passes it on; where both could be meant it has to take it away.
  const passedOn = isAmbiguousPath(deps.basePath) ? '' : deps.basePath;
  const guards = doorHeaders(deps.publicProtocol === 'https');
  let webPort: number | null = null;
  let closing: Promise<void> | null = null;

  const server = createServer({
    ServerResponse: DoorResponse,
    maxHeaderSize: headerMaxBytes,
    headersTimeout: timeouts.headersMs,
    requestTimeout: timeouts.requestMs,
    connectionsCheckingInterval: timeouts.checkEveryMs,
    keepAliveTimeout: keepAliveMs,
  });

  function pathOf(url: string): string {
    const queryAt = url.indexOf('?');
    return queryAt === -1 ? url : url.slice(0, queryAt);
  }

  function noteCaller(request: IncomingMessage): void {
    const { 'x-forwarded-for': given } = request.headers;
    // Node joins several of them by commas.
    noteCallerAddress(request, callerAddress(request.socket.remoteAddress, given as string | undefined, proxies));
  }

  function handle(request: IncomingMessage, response: DoorResponse): void {
    if (passedOn !== '') request.url = withoutBase(passedOn, request.url ?? '');
    if (proxies.length > 0) noteCaller(request);
    const url = request.url ?? '';
    const path = pathOf(url);
    watchRequest(metrics, response, path);
    if (path === '/api/mcp' || path.startsWith('/api/mcp/')) {
      gateway.handle(request, response);
      return;
    }
    response.on('error', ignoreErrors);
    const refusal = refusalOf(request, url, path);
    // What comes from web keeps its own headers, some of them twice, which Node would make one beside headers set here.
    const isOfOauth = oauth?.owns(path) ?? false;
    const document = documents?.get(path);
    const isOwn = ownPaths.has(path) || document !== undefined;
    const isOfWeb = !refusal && !isOwn && !isLive(path) && !isMetadata(path) && !isOfOauth;
    if (isOfWeb && webPort !== null) {
      toWeb(request, response, url, webPort);
      return;
    }
    for (const [name, value] of guards) response.setHeader(name, value);
    if (refusal) refuse(response, path, refusal);
    else if (document !== undefined) answerDocument(response, document);
    else if (path === '/healthz') answerJson(response, 200, { status: 'ok' });
    else if (path === '/readyz') answerReady(response);
    else if (path === '/metrics') void answerMetrics(request, response);
    else if (isMetadata(path)) protectedResource.handle(request, response);
    else if (isLive(path)) live.handleRequest(request, response);
    else if (isOfOauth) oauth?.handle(request, response);
    else answerWebDown(request, response);
  }

  /** Why a request is refused whatever it asks for; null when it is not. */
  function refusalOf({ method = '', headers }: IncomingMessage, url: string, path: string): HubError | null {
    const { host: hostHeader, origin } = headers;
    if (url.length > urlMaxChars) return new HubError('URL_TOO_LONG');
    if (!methods.includes(method)) return new HubError('METHOD_NOT_ALLOWED');
    if (isAmbiguous(path)) return new HubError('NOT_FOUND', 'There is nothing here.');
    if (!isDecodable(path))
      return new HubError('INVALID_REQUEST', 'The URL is not valid: a "%" in it begins no character.');
    const isServed = probes.has(path) ? origins.allowsProbe(hostHeader) : origins.allowsHost(hostHeader);
    if (!isServed) return new HubError('FORBIDDEN', 'This Host is not served here.', { hint: hostHint });
    // Browsers name the origin on all that a page of another one asks for and could act with or read.
    if (origin !== undefined && !origins.allowsOrigin(origin, hostHeader)) {
      return new HubError('FORBIDDEN', 'Pages of this origin may not send requests here.', { hint: hostHint });
    }
    return null;
  }

  function answerReady(response: ServerResponse): void {
    const failing = deps.failing();
    if (closing) failing.push({ check: 'draining', since: new Date().toISOString(), detail: 'The hub is stopping.' });
    answerJson(response, failing.length > 0 ? 503 : 200, { ready: failing.length === 0, failing });
  }

  async function answerMetrics(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      if (!isDirectLoopback(request)) {
        const token = tokenOf(request);
        const actor = token === null ? null : await deps.resolveActor(token, callerAddressOf(request));
        if (!actor) return answer(response, 401, 'A key is needed.', { 'www-authenticate': 'Bearer realm="mcphub"' });
        if (!can(actor, 'read', { type: 'setting' })) return answer(response, 404, 'There is nothing here.');
      }
      const text = await metrics.text();
      if (isGone(response)) return;
      response.writeHead(200, { 'content-type': metrics.contentType });
      response.end(text);
    } catch (error) {
      log.error({ err: error }, 'metrics could not be told');
      answer(response, 503, 'Metrics cannot be told right now.');
    }
  }

  /** Passes a request on to the web program and streams its answer back. */
  function toWeb(request: IncomingMessage, response: ServerResponse, url: string, toPort: number): void {
    const { method } = request;
    const path = withBase(deps.basePath, url);
    const headers = headersForWeb(request);
    const outgoing = httpRequest({ host: '127.0.0.1', port: toPort, path, method, headers, agent }, (incoming) => {
      if (isGone(response)) return void incoming.destroy();
      // It may answer before it has read all. The rest is read and dropped on both ways: on a connection that is used
      // again the next request would wait behind it for ever.
      if (!request.complete || incoming.statusCode === 413) outgoing.shouldKeepAlive = false;
      incoming.on('end', () => {
        request.unpipe(outgoing);
        request.resume();
      });
      response.writeHead(incoming.statusCode ?? 502, incoming.statusMessage, guarded(incoming));
      incoming.pipe(response);
      // Cut short on one side means cut short on the other: a truncated page must not look complete.
      incoming.on('error', () => response.destroy());
      incoming.on('aborted', () => response.destroy());
    });
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      log.debug({ err: error }, 'the web program did not answer');
      if (response.headersSent) return void response.destroy();
      for (const [name, value] of guards) response.setHeader(name, value);
      answerWebDown(request, response);
    });
    response.on('close', () => {
      if (!response.writableFinished) outgoing.destroy();
    });
    request.pipe(outgoing);
  }

  /** The headers of web's answer, and the guards that it does not set itself. */
  function guarded({ rawHeaders, headers }: IncomingMessage): string[] {
    const passed = endToEnd(rawHeaders);
    for (const [name, value] of guards) if (headers[name.toLowerCase()] === undefined) passed.push(name, value);
    return passed;
  }

  function headersForWeb(request: IncomingMessage): string[] {
    const { rawHeaders } = request;
    const passed = endToEnd(rawHeaders).filter(
      (_, at, list) => !untrusted.test((list[at - (at % 2)] ?? '').toLowerCase()),
    );
    const { host: hostHeader = '' } = request.headers;
    passed.push('x-forwarded-host', hostHeader, 'x-forwarded-proto', deps.publicProtocol);
    passed.push('x-forwarded-for', callerAddressOf(request) ?? '');
    return passed;
  }

  function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', ignoreErrors);
    if (passedOn !== '') request.url = withoutBase(passedOn, request.url ?? '');
    if (proxies.length > 0) noteCaller(request);
    const { host: hostHeader, origin } = request.headers;
    const isOurs = origins.allowsHost(hostHeader) && (origin === undefined || origins.allowsOrigin(origin, hostHeader));
    const path = pathOf(request.url ?? '');
    if (!isOurs) refuseUpgrade(socket, '403 Forbidden', `This Host or Origin is not served here. ${hostHint}\n`);
    else if (isLive(path)) live.handleUpgrade(request, socket, head);
    else if (path.startsWith('/_next/') && webPort !== null) upgradeAtWeb(request, socket, head, webPort);
    else refuseUpgrade(socket, '404 Not Found');
  }

  /** `next dev` tells its pages of edits over a WebSocket; from the handshake on both sides are joined byte for byte. */
  function upgradeAtWeb(request: IncomingMessage, socket: Duplex, head: Buffer, toPort: number): void {
    const web = connect(toPort, '127.0.0.1', () => {
      const headers = [...headersForWeb(request), 'connection', 'Upgrade', 'upgrade', request.headers.upgrade ?? ''];
      const lines = headers.map((value, at) => (at % 2 === 0 ? `\r\n${value}: ` : value));
      web.write(`${request.method} ${withBase(deps.basePath, request.url ?? '')} HTTP/1.1${lines.join('')}\r\n\r\n`);
      web.write(head);
      socket.pipe(web).pipe(socket);
    });
    web.on('error', () => socket.destroy());
    web.on('close', () => socket.destroy());
    socket.on('close', () => web.destroy());
  }

  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('request', handle);
  server.on('upgrade', upgrade);
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const begun = answerOn(socket);
    const isOpen = begun !== null && !begun.writableFinished;
    if (isOpen && begun.req.complete && error.code?.startsWith('HPE_')) {
      // What cannot be read came behind a good request: that one has its answer first, or would get this one.
      begun.once('close', () => refuseBytes(error, socket));
      return;
    }
    if (isOpen && begun.headersSent) return void socket.destroy();
    refuseBytes(error, socket);
  });

  function refuseBytes(error: NodeJS.ErrnoException, socket: Duplex): void {
    if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
    const [status, text] = clientFaults.get(error.code ?? '') ?? ['400 Bad Request', 'The request is not valid HTTP.'];
    const body = JSON.stringify({ jsonrpc: '2.0', id: null, error: { code: -32600, message: text } });
    socket.end(
      `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nX-Content-Type-Options: nosniff\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    );
  }

  return {
    listen() {
      return new Promise((resolve, reject) => {
        server.once('error', (error: NodeJS.ErrnoException) => {
          if (error.code !== 'EADDRINUSE') return reject(error);
          const text = `Port ${port} on ${host} is already in use. Set PORT to another one, or stop what uses it.`;
          reject(new HubError('CONFLICT', text, { cause: error, reason: 'port-in-use' }));
        });
        server.listen({ host, port }, () => resolve((server.address() as AddressInfo).port));
      });
    },
    setWebPort(next) {
      webPort = next;
    },
    close(graceMs = 0) {
      closing ??= new Promise((resolve) => {
        if (!server.listening) {
          agent.destroy();
          return resolve();
        }
        const cut = setTimeout(() => server.closeAllConnections(), graceMs);
        // Connections that were busy at first go idle one by one, and Node would keep each of them alive.
        const sweep = setInterval(() => {
          server.closeIdleConnections();
          // Browsers open connections before they need them; for Node one without a request is not idle.
          for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
        }, closeIdleEveryMs);
        server.close(() => {
          clearTimeout(cut);
          clearInterval(sweep);
          agent.destroy();
          resolve();
        });
        server.closeIdleConnections();
      });
      return closing;
    },
  };
}

const clientFaults = new Map([
  ['ERR_HTTP_REQUEST_TIMEOUT', ['408 Request Timeout', 'The request took too long to arrive.']],
  ['HPE_HEADER_OVERFLOW', ['431 Request Header Fields Too Large', 'The headers are too large.']],
]);

/** Spellings that one program reads as another path than the next one does. None of our paths needs them. */
function isAmbiguous(path: string): boolean {
  return !path.startsWith('/') || path.includes('//') || /\\|%(2f|5c|00|2e)|\/\.\.?(\/|$)/i.test(path);
}

/** Whether every percent sign stands for a byte of UTF-8; the web program fails on anything else. */
function isDecodable(path: string): boolean {
  if (!path.includes('%')) return true;
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}

function isLive(path: string): boolean {
  return path === '/socket.io' || path.startsWith('/socket.io/');
}

function isMetadata(path: string): boolean {
  return path === metadataPath || path.startsWith(`${metadataPath}/`);
}

/** A request of this very machine that no proxy passed on. */
function isDirectLoopback({ socket, headers }: IncomingMessage): boolean {
  const address = socket.remoteAddress ?? '';
  const isLoopback = address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.');
  return isLoopback && headers['x-forwarded-for'] === undefined && headers.forwarded === undefined;
}

/** Headers without those of the single connection, and without those that its Connection header names. */
function endToEnd(rawHeaders: string[]): string[] {
  const named = new Set(hopByHop);
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (rawHeaders[at]?.toLowerCase() !== 'connection') continue;
    for (const name of rawHeaders[at + 1]?.split(',') ?? []) named.add(name.trim().toLowerCase());
  }
  return rawHeaders.filter((_, at) => !named.has((rawHeaders[at - (at % 2)] ?? '').toLowerCase()));
}

function answer(response: ServerResponse, status: number, text: string, headers: Record<string, string> = {}): void {
  if (isGone(response) || response.headersSent) return;
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...headers });
  response.end(`${text}\n`);
}

/** Programs get a problem in JSON, people a sentence. */
function refuse(response: ServerResponse, path: string, fault: HubError): void {
  const { status } = errorTable[fault.code];
  const headers: Record<string, string> = status === 405 ? { allow: methods.join(', ') } : {};
  if (!path.startsWith('/api/')) {
    const text = [fault.message, fault.extras.hint].filter(Boolean).join(' ');
    answer(response, status, text, headers);
    return;
  }
  if (isGone(response)) return;
  const requestId = randomUUID();
  response.writeHead(status, { 'content-type': 'application/problem+json', 'x-request-id': requestId, ...headers });
  response.end(JSON.stringify(toProblem(fault, requestId)));
}

function answerDocument(response: ServerResponse, json: string): void {
  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'public, max-age=300' });
  response.end(json);
}

function answerJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(value));
}

function answerWebDown(request: IncomingMessage, response: ServerResponse): void {
  const text = 'The dashboard is starting or restarting. MCP clients are served meanwhile.';
  if (isGone(response) || response.headersSent) return;
  const wantsPage = request.headers.accept?.includes('text/html') ?? false;
  const page = `<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="2"><title>MCPHub</title><p>${text}</p>`;
  const problem = { type: 'urn:mcphub:error:unavailable', title: text, status: 503, detail: text, code: 'UNAVAILABLE' };
  response.writeHead(503, {
    'content-type': wantsPage ? 'text/html; charset=utf-8' : 'application/problem+json',
    'retry-after': '2',
    'cache-control': 'no-store',
  });
  response.end(wantsPage ? page : JSON.stringify(problem));
}

function refuseUpgrade(socket: Duplex, status: string, text = ''): void {
  const type = 'Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff';
  const length = `Content-Length: ${Buffer.byteLength(text)}`;
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n${type}\r\n${length}\r\n\r\n${text}`);
}
