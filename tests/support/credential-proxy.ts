// Stands before a hub and adds a credential to every request, for clients that cannot send one. All else passes as it
// is, Host and Origin too, so that what the hub thinks of those is still seen.
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface CredentialProxy {
  /** Without a path. */
  url: string;
  stop(): Promise<void>;
}

export async function startCredentialProxy(target: string, apiKey: string): Promise<CredentialProxy> {
  const { hostname, port } = new URL(target);
  const server = createServer((request, response) => {
    const { method, url: path } = request;
    const headers = { ...request.headers, authorization: `Bearer ${apiKey}` };
    const forwarded = httpRequest({ hostname, port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.flushHeaders(); // an event stream begins before its first event
      answer.pipe(response);
      answer.on('error', () => response.destroy());
    });
    forwarded.on('error', () => response.destroy());
    response.on('close', () => forwarded.destroy());
    request.pipe(forwarded);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
