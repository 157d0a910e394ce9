// A reverse proxy that ends TLS, as one in front of the hub does: it takes the path of the public URL away or passes it on,
// passes on what the standards put at the root of the host, and nothing else.
import { readFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { join } from 'node:path';

const folder = join(import.meta.dirname, 'certificates');
export const proxyCa = readFileSync(join(folder, 'ca.pem'), 'utf8');

export interface TlsProxy {
  /** With the path; the certificate is for this host. */
  url: string;
  /** Where the hub listens. */
  lead(port: number): void;
  close(): Promise<void>;
}

/** @param path of the public URL; "" for none. @param passesOn whether the hub gets the path too */
export async function startTlsProxy(path: string, passesOn = false): Promise<TlsProxy> {
  let port = 0;
  const standards = new RegExp(`^/\\.well-known/oauth-(authorization-server|protected-resource)${path}(/|$)`);
  const server = createServer({
    key: readFileSync(join(folder, 'server.key')),
    cert: readFileSync(join(folder, 'good.pem')),
  });
  const isOurs = (url: string) => url === path || url.startsWith(`${path}/`) || url.startsWith(`${path}?`);

  /** What the hub is asked for; null for what is not the hub's. */
  function targetOf({ url = '' }: IncomingMessage): string | null {
    if (!isOurs(url)) return standards.test(url.split('?', 1)[0] ?? '') ? url : null;
    const rest = passesOn ? url : url.slice(path.length);
    return rest.startsWith('/') ? rest : `/${rest}`;
  }

  const sockets = new Set<Socket>();
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    const target = targetOf(request);
    if (target === null) return void socket.destroy();
    const hub = connect(port, '127.0.0.1', () => {
      const lines = request.rawHeaders.map((value, at) => (at % 2 === 0 ? `\r\n${value}: ` : value));
      hub.write(`GET ${target} HTTP/1.1${lines.join('')}\r\n\r\n`);
      hub.write(head);
      socket.pipe(hub).pipe(socket);
    });
    for (const each of [hub, socket]) {
      sockets.add(each);
      each.on('error', () => undefined);
      each.on('close', () => {
        sockets.delete(each);
        hub.destroy();
        socket.destroy();
      });
    }
  });
  server.on('request', (request, response) => {
    const target = targetOf(request);
    if (target === null) return void response.writeHead(404).end('not the hub');
    const outgoing = httpRequest(
      {
        host: '127.0.0.1',
        port,
        method: request.method,
        path: target,
        headers: {
          ...request.headers,
          'x-forwarded-for': request.socket.remoteAddress ?? '',
          'x-forwarded-proto': 'https',
        },
      },
      (incoming) => {
        response.writeHead(incoming.statusCode ?? 502, incoming.rawHeaders);
        incoming.pipe(response);
      },
    );
    outgoing.on('error', () => response.destroy());
    response.on('close', () => outgoing.destroy());
    request.pipe(outgoing);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}${path}`,
    lead: (to) => {
      port = to;
    },
    async close() {
      server.closeAllConnections();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
