// The guard of addresses on real connections: a name that changes its address after it was checked, redirects, and
// clients of the pool that forgot to ask. A server on this machine stands for what must not be reached.
import type { LookupAddress, lookup } from 'node:dns';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createEgress } from '../../../../worker/upstream';
import { createHttpClient } from '../../../../worker/upstream/openapi/client';
import { fetchDocument } from '../../../../worker/upstream/openapi/fetch';
import { openOriginPool } from '../../../../worker/upstream/origin-pool';
import { open, remote } from '../../../support/upstreams';

let server: Server;
let port: number;
let asked: string[] = [];
let location: string | null = null;

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(`${request.headers.host} ${request.url}`);
    if (location !== null) response.writeHead(307, { location });
    response.end('{}');
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  port = (server.address() as AddressInfo).port;
});
afterAll(() => {
  server.closeAllConnections();
  return new Promise((done) => server.close(done));
});
beforeEach(() => {
  asked = [];
  location = null;
});

/** A resolver whose answers come one after the other, the last of them for ever; each is one lookup. */
function changing(...answers: string[][]) {
  const lookups: string[] = [];
  const resolve = ((host: string, _options: object, callback: (error: null, found: LookupAddress[]) => void) => {
    const found = answers[Math.min(lookups.length, answers.length - 1)] ?? [];
    lookups.push(host);
    setImmediate(() =>
      callback(
        null,
        found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      ),
    );
  }) as unknown as typeof lookup;
  return { resolve, lookups };
}

const request = { method: 'GET', path: '/', headers: {}, maxBytes: 1000, signal: new AbortController().signal };

async function outcome(attempt: Promise<unknown>): Promise<string> {
  return attempt.then(
    () => 'reached',
    (error: Error) => error.message,
  );
}

describe('a name that changes its address', () => {
  it('is looked up once for each connection, and the address that was checked is the one connected to [T-SSRF-02]', async () => {
    const { resolve, lookups } = changing(['127.0.0.1'], ['169.254.169.254']);
    const client = createHttpClient({ server: 'x', egress: createEgress('private-allowed', { resolve }) });
    const url = new URL(`http://rebind.test:${port}/`);
    expect(await outcome(client.request(url, request))).toBe('reached');
    expect(lookups).toEqual(['rebind.test']);
    expect(asked).toEqual([`rebind.test:${port} /`]);
    await client.close();
  });

  it('to one of this machine is refused at the next connection [T-SSRF-02]', async () => {
    const { resolve, lookups } = changing(['203.0.113.7'], ['127.0.0.1']);
    const egress = createEgress('public-only', { resolve });
    // What checks first, such as a test of the server, sees the good address …
    await new Promise((done) => egress.lookup('rebind.test', { all: true }, done));
    // … and the connection gets the other one.
    const client = createHttpClient({ server: 'x', egress });
    expect(await outcome(client.request(new URL(`http://rebind.test:${port}/`), request))).toMatch(/not allowed/);
    expect(lookups).toHaveLength(2);
    expect(asked).toEqual([]);
    await client.close();
  });

  it.each(['streamable-http', 'sse'] as const)('is refused as a server (%s) [T-SSRF-02]', async (type) => {
    const { resolve } = changing(['169.254.169.254']);
    const egress = createEgress('private-allowed', { resolve });
    const target = { ...remote(`http://rebind.test:${port}/mcp`), type };
    expect(await outcome(open(target, { egress }).opening)).toMatch(/not allowed/);
    expect(asked).toEqual([]);
  });

  it('to a mix of good and bad ones leads to the good ones only [T-SSRF-02]', async () => {
    const { resolve } = changing(['169.254.169.254', 'fe80::1', '::ffff:169.254.169.254', '127.0.0.1']);
    const client = createHttpClient({ server: 'x', egress: createEgress('127.0.0.0/8', { resolve }) });
    expect(await outcome(client.request(new URL(`http://mixed.test:${port}/`), request))).toBe('reached');
    expect(asked).toHaveLength(1);
    await client.close();
  });
});

describe('a literal address', () => {
  it.each(['127.0.0.1', '2130706433', '0x7f.1', '017700000001', '127.1', '[::ffff:127.0.0.1]'])(
    '%s is refused by the pool itself, though nobody asked before [T-SSRF-01]',
    (host) => {
      const url = new URL(`http://${host}:${port}/`);
      const egress = createEgress('public-only');
      expect(() => openOriginPool(url, { egress, connections: 1 })).toThrow(/address not allowed/);
      expect(asked).toEqual([]);
    },
  );

  it('that is refused is named as the address of a document, too [T-SSRF-01]', async () => {
    const url = `http://127.0.0.1:${port}/openapi.json`;
    expect(await outcome(fetchDocument(url, createEgress('public-only'), 'test'))).toMatch(/address not allowed/);
    expect(asked).toEqual([]);
  });
});

describe('a redirect', () => {
  const targets = () => [
    'http://169.254.169.254/latest/meta-data',
    'http://2852039166/',
    `http://localhost:${port}/elsewhere`,
    'https://metadata.google.internal/',
    '//169.254.169.254/',
    'file:///etc/passwd',
  ];

  it('to another origin is never followed: by calls of an API, documents and servers [T-SSRF-04]', async () => {
    const egress = createEgress('private-allowed');
    for (const target of targets()) {
      location = target;
      asked = [];
      const client = createHttpClient({ server: 'x', egress });
      const answer = await client.request(new URL(`http://127.0.0.1:${port}/`), request);
      expect(answer.refusedRedirect, target).not.toBeNull();
      await client.close();
      const document = fetchDocument(`http://127.0.0.1:${port}/`, egress, 'test');
      expect(await outcome(document), target).toMatch(/leads to/);
      expect(await outcome(open(remote(`http://127.0.0.1:${port}/mcp`), { egress }).opening), target).toMatch(
        /redirect/,
      );
      expect(asked.every((each) => each.startsWith('127.0.0.1:') && !each.includes('elsewhere'))).toBe(true);
    }
  });
});
