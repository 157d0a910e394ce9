// An HTTP API for tests of OpenAPI servers: it records what it got, and misbehaves on demand.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

export interface Seen {
  method: string;
  /** As it came, not normalised. */
  url: string;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

type Answer = (request: Seen, response: ServerResponse) => void;

export interface ApiServer {
  url: string;
  seen: Seen[];
  last(): Seen;
  /** Tokens that /token has given, and those that /secure takes. */
  tokens: { given: number; valid: Set<string>; expiresIn: number | undefined; refuses: boolean; delayMs: number };
  /** Answers paths that begin so. */
  on(path: string, answer: Answer): void;
  close(): Promise<void>;
}

const png = Buffer.from('iVBORw0KGgo=', 'base64');

const answers: Record<string, Answer> = {
  '/gzip-bomb': (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
    response.end(gzipSync(Buffer.alloc(64 * 1024 * 1024, 0x20)));
  },
  '/gzip': (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
    response.end(gzipSync('{"packed":true}'));
  },
  '/huge': (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' });
    const chunk = Buffer.alloc(1024 * 1024, 0x61);
    let sent = 0;
    const more = () => {
      while (sent < 40 && !response.destroyed) {
        sent += 1;
        if (!response.write(chunk)) {
          response.once('drain', more);
          return;
        }
      }
      response.end();
    };
    more();
  },
  '/silent': () => {},
  '/cut': (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' });
    response.write('{"a":');
    setImmediate(() => response.socket?.destroy());
  },
  '/redirect-here': (_request, response) => {
    response.writeHead(302, { location: '/landed?x=1' }).end();
  },
  '/redirect-keep': (_request, response) => {
    response.writeHead(307, { location: '/landed' }).end();
  },
  '/redirect-away': (_request, response) => {
    response.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data' }).end();
  },
  '/redirect-loop': (_request, response) => {
    response.writeHead(302, { location: '/redirect-loop' }).end();
  },
  '/busy': (_request, response) => {
    response.writeHead(429, { 'retry-after': '7', 'content-type': 'application/json' }).end('{"error":"slow down"}');
  },
  '/page': (_request, response) => {
    const page =
      '<html><head><title>x</title></head><script>alert(1)</script><body><h1>It broke</h1>here</body></html>';
    response.writeHead(500, { 'content-type': 'text/html', 'x-request-id': 'r-1' }).end(page);
  },
  '/image': (_request, response) => {
    response.writeHead(200, { 'content-type': 'image/png' }).end(png);
  },
  '/sound': (_request, response) => {
    response.writeHead(200, { 'content-type': 'audio/wav' }).end(png);
  },
  '/bytes': (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/zip' }).end(png);
  },
  '/text': (_request, response) => {
    response
      .writeHead(200, { 'content-type': 'text/plain; charset=iso-8859-1' })
      .end(Buffer.from('gr\xfc\xdf', 'latin1'));
  },
  '/list': (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end('[1,2]');
  },
  '/nothing': (_request, response) => {
    response.writeHead(204).end();
  },
};

export async function startApi(): Promise<ApiServer> {
  const seen: Seen[] = [];
  const own = new Map<string, Answer>(Object.entries(answers));
  const tokens: ApiServer['tokens'] = { given: 0, valid: new Set(), expiresIn: 3600, refuses: false, delayMs: 0 };
  own.set('/token', (_request, response) => {
    const give = () => {
      if (tokens.refuses) {
        response.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"invalid_client"}');
        return;
      }
      tokens.given += 1;
      const token = `token-${tokens.given}`;
      tokens.valid.add(token);
      const body = { access_token: token, token_type: 'Bearer', expires_in: tokens.expiresIn };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    setTimeout(give, tokens.delayMs);
  });
  own.set('/secure', ({ headers }, response) => {
    const isValid = tokens.valid.has(String(headers.authorization).replace('Bearer ', ''));
    response.writeHead(isValid ? 200 : 401, { 'content-type': 'application/json' }).end('{"secure":true}');
  });
  const server = createServer(async (request: IncomingMessage, response: ServerResponse) => {
    request.on('error', () => {});
    response.on('error', () => {});
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = '', url = '', headers } = request;
    const one: Seen = { method, url, headers, body: Buffer.concat(chunks) };
    seen.push(one);
    const path = url.split('?')[0] ?? '';
    const answer = own.get(path) ?? [...own].find(([begin]) => begin.endsWith('/') && path.startsWith(begin))?.[1];
    if (answer) answer(one, response);
    else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ ok: true, url }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    seen,
    tokens,
    last: () => seen.at(-1) as Seen,
    on: (path, answer) => void own.set(path, answer),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
