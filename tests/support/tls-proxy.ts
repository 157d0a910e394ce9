// A reverse proxy that ends TLS, as one in front of the hub does: it takes the path of the public URL away, passes on what
// the standards put at the root of the host, and nothing else.
import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
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

/** @param path of the public URL; "" for none */
export async function startTlsProxy(path: string): Promise<TlsProxy> {
  let target = 0;
  const standards = new RegExp(`^/\\.well-known/oauth-(authorization-server|protected-resource)${path}(/|$)`);
  const server = createServer({
    key: readFileSync(join(folder, 'server.key')),
    cert: readFileSync(join(folder, 'good.pem')),
  });
  server.on('request', (request, response) => {
    const url = request.url ?? '';
    const isBelow = url.startsWith(`${path}/`);
    if (!isBelow && !standards.test(url.split('?', 1)[0] ?? '')) return void response.writeHead(404).end('not the hub');
    const outgoing = httpRequest(
      {
        host: '127.0.0.1',
        port: target,
        method: request.method,
        path: isBelow ? url.slice(path.length) : url,
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
    lead: (port) => {
      target = port;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
