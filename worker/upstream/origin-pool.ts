// Connections to one remote server, the only way that any leaves the hub: directly or through a proxy, with what the
// row says of certificates, and only to addresses that the guard allows. A connection that fails says why in a sentence.
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import { buildConnector, type Dispatcher, Pool } from 'undici';
import type { Egress } from './egress';
import { ConnectFault, connectFault, connectMs, proxyRefused, proxyUnreached } from './http-faults';
import type { ProxyRoute } from './proxies';
import type { TlsSettings } from './types';

type Connector = buildConnector.connector;
type Callback = buildConnector.Callback;

export interface OriginPoolOptions {
  egress: Egress;
  /** What the row says of certificates. */
  tls?: TlsSettings | null | undefined;
  /** At most so many side by side. */
  connections: number;
  /** A unix socket to connect to in place of the URL's host: one of our own, which no rule on addresses concerns. */
  socketPath?: string | undefined;
}

/**
 * Opens no connection yet. The address is checked here and at each connect, whoever checked it before. Errors from before a request was sent are ConnectFaults. The pool has no deadlines for
 * answers; whoever uses it keeps them.
 * @throws HubError for a proxy or certificate that cannot be used, INVALID_INPUT for an address that is not allowed
 */
export function openOriginPool(url: URL, { egress, tls, connections, socketPath }: OriginPoolOptions): Dispatcher {
  // A literal address is never looked up, so the guard of lookups does not see it.
  if (!socketPath) egress.checkUrl(url);
  const proxy = socketPath ? null : egress.proxyFor(url);
  // What a proxy may be told by name is sent to it as it is; else it gets the address that was checked, in a tunnel.
  const isForwarded = proxy !== null && url.protocol === 'http:' && !egress.isStrict;
  const connector = socketPath
    ? direct(url, buildConnector({ socketPath, timeout: connectMs }))
    : proxy
      ? isForwarded
        ? toProxy(url, proxy, egress)
        : tunnel(url, proxy, egress, tls)
      : direct(url, guardedConnector(egress, tls));
  const pool = new Pool(isForwarded ? proxy.url.origin : url.origin, {
    connections,
    connect: connector,
    // Callers keep the deadlines; undici's own would need two timers for each request.
    headersTimeout: 0,
    bodyTimeout: 0,
    maxHeaderSize: 16 * 1024,
  });
  return isForwarded ? pool.compose(forwarded(url, proxy)) : pool;
}

/** The request line names the whole URL (RFC 9112, 3.2.2). */
function forwarded({ origin, host }: URL, { authorization }: ProxyRoute): Dispatcher.DispatcherComposeInterceptor {
  const own = ['host', host, ...(authorization ? ['proxy-authorization', authorization] : [])];
  return (dispatch) => (options, handler) =>
    dispatch(
      { ...options, path: `${origin}${options.path}`, headers: [...((options.headers as string[]) ?? []), ...own] },
      handler,
    );
}

function guardedConnector(egress: Egress, tls?: TlsSettings | null): Connector {
  return buildConnector({ lookup: egress.lookup, timeout: connectMs, ...secured(egress, tls) });
}

/** Made once: to read all root certificates again for each connection would take 40 ms each. */
function secured(
  { extraRoots }: Egress,
  tls: TlsSettings | null | undefined,
): { secureContext?: SecureContext; servername?: string } {
  return {
    ...(tls?.ca && { secureContext: createSecureContext({ ca: [...rootCertificates, ...extraRoots(), tls.ca] }) }),
    ...(tls?.serverName && { servername: tls.serverName }),
  };
}

function direct(url: URL, connect: Connector): Connector {
  return (options, callback) => {
    // A name from the row goes before the URL's; undici would take it the other way round.
    connect({ ...options, servername: undefined }, told(url, callback));
  };
}

function told(url: URL, callback: Callback): Callback {
  return (...[error, socket]) => {
    if (error) callback(connectFault(url, error), null);
    else callback(null, socket);
  };
}

function toProxy(url: URL, proxy: ProxyRoute, egress: Egress): Connector {
  const connect = buildConnector({ timeout: connectMs });
  return (options, callback) => {
    egress.destination(url).then(
      () =>
        connect(options, (...[error, socket]) =>
          error ? callback(proxyUnreached(proxy, error), null) : callback(null, socket),
        ),
      (error: Error) => callback(connectFault(url, error), null),
    );
  };
}

/** A connection through the proxy (RFC 9110, 9.3.6), and TLS with the server inside of it. */
function tunnel(url: URL, proxy: ProxyRoute, egress: Egress, tls: TlsSettings | null | undefined): Connector {
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  const secure = buildConnector({ timeout: connectMs, ...secured(egress, tls) });
  const toIt = buildConnector({ timeout: connectMs });

  async function open(): Promise<import('node:net').Socket> {
    const host = await egress.destination(url).catch((error: Error) => {
      throw connectFault(url, error);
    });
    // One pool for each tunnel: the connection that it made is ours from then on.
    const pool = new Pool(proxy.url.origin, { connections: 1, connect: toIt, headersTimeout: connectMs });
    const target = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    const headers = { host: target, ...(proxy.authorization && { 'proxy-authorization': proxy.authorization }) };
    try {
      const { statusCode, socket } = await pool.connect({
        path: target,
        headers,
        signal: AbortSignal.timeout(connectMs),
      });
      if (statusCode >= 200 && statusCode < 300) return socket as import('node:net').Socket;
      socket.on('error', () => {}).destroy();
      throw proxyRefused(proxy, url, statusCode);
    } catch (error) {
      throw error instanceof ConnectFault ? error : proxyUnreached(proxy, error as Error);
    } finally {
      void pool.close().catch(() => {});
    }
  }

  return (options, callback) => {
    open().then(
      (socket) => {
        if (url.protocol === 'http:') callback(null, socket);
        else secure({ ...options, servername: undefined, httpSocket: socket }, told(url, callback));
      },
      (error: ConnectFault) => callback(error, null),
    );
  };
}
