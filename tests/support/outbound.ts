// What may stand between the hub and a remote server: TLS with a certificate of any quality, and a proxy.
import { readFileSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import { type AddressInfo, connect, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';

export type CertificateName = 'good' | 'other' | 'expired' | 'self-signed';

const file = (name: string) => join(import.meta.dirname, 'certificates', name);
/** PEM of the authority that signed them, but for the self-signed one. */
export const authorityFile = file('ca.pem');
export const certificate = (name: CertificateName | 'ca') => readFileSync(file(`${name}.pem`), 'utf8');

async function listening<S extends Server>(server: S): Promise<{ port: number; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return { port: (server.address() as AddressInfo).port, sockets };
}

function ended(server: Server, sockets: Set<Socket>): Promise<void> {
  const done = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const socket of sockets) socket.destroy();
  return done;
}

function couple(one: Socket, other: Socket): void {
  one.pipe(other).pipe(one);
  for (const [socket, peer] of [
    [one, other],
    [other, one],
  ] as const) {
    socket.on('error', () => peer.destroy());
    socket.on('close', () => peer.destroy());
  }
}

/** Ends TLS before a server on this machine. @param names the names that were asked for (SNI) are added to it */
export async function startTls(target: string, name: CertificateName, names: string[] = []) {
  const { port: inner } = new URL(target);
  const options = { key: readFileSync(file('server.key')), cert: certificate(name) };
  const server = createTlsServer(options, (socket) => {
    if (typeof socket.servername === 'string') names.push(socket.servername);
    couple(socket, connect(Number(inner), '127.0.0.1'));
  });
  server.on('tlsClientError', () => {});
  const { port, sockets } = await listening(server);
  return { port, stop: () => ended(server, sockets) };
}

export interface TestProxy {
  /** Without credentials. */
  url: string;
  /** `CONNECT host:port` and `POST http://host/path`, with what was sent as Proxy-Authorization. */
  seen: { line: string; authorization?: string | undefined }[];
  stop(): Promise<void>;
}

/**
 * An HTTP proxy that takes whatever it is asked for to one port of this machine.
 * @param authorization wanted as Proxy-Authorization; else 407
 * @param refusal the status of its answer to everything
 */
export async function startProxy(
  inner: number,
  { authorization, refusal }: { authorization?: string; refusal?: number } = {},
): Promise<TestProxy> {
  const seen: TestProxy['seen'] = [];
  const statusFor = (line: string, given: string | undefined) => {
    seen.push({ line, authorization: given });
    return authorization !== undefined && given !== authorization ? 407 : refusal;
  };
  const server = createServer((request, response) => {
    const status = statusFor(`${request.method} ${request.url}`, request.headers['proxy-authorization']);
    if (status) {
      response.writeHead(status).end();
      return;
    }
    const { pathname, search } = new URL(request.url ?? '');
    const { 'proxy-authorization': _own, ...headers } = request.headers;
    const options = { host: '127.0.0.1', port: inner, method: request.method, path: pathname + search, headers };
    const forwarded = httpRequest(options, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.flushHeaders();
      answer.pipe(response);
    });
    forwarded.on('error', () => response.destroy());
    response.on('close', () => forwarded.destroy());
    request.pipe(forwarded);
  });
  server.on('connect', (request, socket: Socket, head) => {
    const status = statusFor(`CONNECT ${request.url}`, request.headers['proxy-authorization']);
    if (status) {
      socket.end(`HTTP/1.1 ${status} No\r\n\r\n`);
      return;
    }
    const target = connect(inner, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      target.write(head);
      couple(socket, target);
    });
    target.on('error', () => socket.destroy());
  });
  const { port, sockets } = await listening(server);
  return { url: `http://127.0.0.1:${port}`, seen, stop: () => ended(server, sockets) };
}
