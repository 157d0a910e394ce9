// The way to a remote server: certificates, proxies, and what the guard of addresses says to both.
import type { LookupAddress, lookup } from 'node:dns';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createEgress, listAll, type UpstreamTarget } from '../../../../worker/upstream';
import { authorityFile, type CertificateName, certificate, startProxy, startTls } from '../../../support/outbound';
import { open, remote, startHttpFixture } from '../../../support/upstreams';

const ends: (() => Promise<unknown>)[] = [];
let fixture: Awaited<ReturnType<typeof startHttpFixture>>;

beforeAll(async () => {
  fixture = await startHttpFixture();
  return () => fixture.stop();
});
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function tlsAt(name: CertificateName, names: string[] = []) {
  const tls = await startTls(fixture.url, name, names);
  ends.push(tls.stop);
  return tls.port;
}

async function proxyTo(port: number, options: Parameters<typeof startProxy>[1] = {}) {
  const proxy = await startProxy(port, options);
  ends.push(proxy.stop);
  return proxy;
}

/** Connects, lists and calls. @returns the text that the call gave */
async function use(target: UpstreamTarget, options: Parameters<typeof open>[1] = {}): Promise<string> {
  const upstream = await open(target, options).opening;
  ends.push(() => upstream.close());
  expect((await listAll(upstream)).tools).toHaveLength(3);
  const params = { name: 'echo', arguments: { text: 'there' } };
  const { value } = await upstream.call('tools/call', params, { timeoutMs: 5_000 }).answer;
  return (value as { content: [{ text: string }] }).content[0].text;
}

const messageOf = (attempt: Promise<unknown>) =>
  attempt.then(
    () => 'none',
    (error: Error) => error.message,
  );
const innerPort = () => Number(new URL(fixture.url).port);
const withTls = (url: string, tls: UpstreamTarget['tls']) => ({ ...remote(url), tls });

describe('a certificate', () => {
  it('of an authority of the row is trusted, for both transports', async () => {
    const port = await tlsAt('good');
    const ca = certificate('ca');
    expect(await use(withTls(`https://localhost:${port}/mcp`, { ca }))).toBe('there');
    expect(await use(withTls(`https://127.0.0.1:${port}/mcp`, { ca }))).toBe('there');
  });

  it('of an authority in NODE_EXTRA_CA_CERTS is still trusted where a row brings its own', async () => {
    const port = await tlsAt('good');
    const egress = createEgress('private-allowed', { env: { NODE_EXTRA_CA_CERTS: authorityFile } });
    const target = withTls(`https://localhost:${port}/mcp`, { ca: certificate('self-signed') });
    expect(await use(target, { egress })).toBe('there');
    expect(await messageOf(use(target))).toContain('an authority that the hub does not know');
  });

  it('for another name is accepted where the row says so, and that name is sent', async () => {
    const names: string[] = [];
    const port = await tlsAt('other', names);
    const tls = { ca: certificate('ca'), serverName: 'other.example' };
    expect(await use(withTls(`https://127.0.0.1:${port}/mcp`, tls))).toBe('there');
    expect(new Set(names)).toEqual(new Set(['other.example']));
  });

  for (const [name, tls, message] of [
    [
      'good',
      null,
      /comes from an authority that the hub does not know: put the certificate of its authority into "tls\.ca"/,
    ],
    ['self-signed', null, /is signed by itself: if you trust it, put it into "tls\.ca"/],
    ['expired', { ca: 'ca' }, /has expired: it has to be renewed there/],
    ['other', { ca: 'ca' }, /is for DNS:other\.example: use such a name in the URL, or set "tls\.serverName"/],
  ] as const) {
    it(`that is ${name} (${tls ? 'authority known' : 'authority unknown'}) is refused in plain words`, async () => {
      const port = await tlsAt(name);
      const begun = performance.now();
      const trusted = tls && { ca: certificate(tls.ca) };
      for (const type of ['streamable-http', 'sse'] as const) {
        const target = { ...withTls(`https://localhost:${port}/mcp`, trusted), type };
        const { opening } = open(target);
        await expect(opening).rejects.toMatchObject({
          code: 'UPSTREAM_UNAVAILABLE',
          extras: { reason: 'connect-failed' },
          message: expect.stringMatching(message),
        });
      }
      expect(performance.now() - begun).toBeLessThan(5_000);
    });
  }

  it('that is missing: a server without TLS is named so', async () => {
    expect(await messageOf(use(remote(`https://localhost:${innerPort()}/mcp`)))).toContain('does not speak TLS');
  });
});

describe('a proxy', () => {
  const through = (env: Record<string, string>, mode = 'private-allowed', found?: Record<string, string[]>) =>
    createEgress(mode, { env, resolve: resolving(found) });

  it('is asked for the whole URL of a server without TLS, with its credentials and nothing of them to the server', async () => {
    const authorization = `Basic ${Buffer.from('ann:p@ss').toString('base64')}`;
    const proxy = await proxyTo(innerPort(), { authorization });
    const { host } = new URL(proxy.url);
    const egress = through({ HTTP_PROXY: `http://ann:p%40ss@${host}` });
    expect(await use(remote('http://upstream.test:81/mcp'), { egress })).toBe('there');
    expect(new Set(proxy.seen.map(({ line }) => line))).toEqual(
      new Set(['POST http://upstream.test:81/mcp', 'GET http://upstream.test:81/mcp']),
    );
    expect(new Set(proxy.seen.map((each) => each.authorization))).toEqual(new Set([authorization]));
    const seen = (await (await fetch(`${fixture.url}/control/seen`)).json()) as { headers: Record<string, string> }[];
    const own = seen.filter(({ headers }) => headers.host === 'upstream.test:81');
    expect(own.length).toBeGreaterThan(2);
    expect(JSON.stringify(own)).not.toContain('proxy-authorization');
  });

  it('makes tunnels to servers with TLS, whose certificates are checked inside of them', async () => {
    const names: string[] = [];
    const proxy = await proxyTo(await tlsAt('other', names));
    const egress = through({ https_proxy: proxy.url, HTTPS_PROXY: 'http://127.0.0.1:1' });
    const ca = certificate('ca');
    expect(await use(withTls('https://other.example/mcp', { ca }), { egress })).toBe('there');
    expect(await messageOf(use(withTls('https://upstream.test/mcp', { ca }), { egress }))).toContain(
      'DNS:other.example',
    );
    expect(await messageOf(use(remote('https://other.example/mcp'), { egress }))).toContain('an authority that');
    expect(new Set(proxy.seen.map(({ line }) => line))).toEqual(
      new Set(['CONNECT other.example:443', 'CONNECT upstream.test:443']),
    );
    expect(names).toContain('other.example');
  });

  it('is not asked for this machine, nor for what NO_PROXY names', async () => {
    const proxy = await proxyTo(innerPort());
    const egress = createEgress('private-allowed', { env: { HTTP_PROXY: proxy.url } });
    expect(await use(remote(`${fixture.url}/mcp`), { egress })).toBe('there');
    expect(await use(remote(`http://localhost:${innerPort()}/mcp`), { egress })).toBe('there');
    const bypassed = through({ HTTP_PROXY: proxy.url, NO_PROXY: 'other, .test' }, 'private-allowed', {
      'upstream.test': ['127.0.0.1'],
    });
    expect(await use(remote(`http://upstream.test:${innerPort()}/mcp`), { egress: bypassed })).toBe('there');
    expect(proxy.seen).toEqual([]);
  });

  it('that fails is named as what failed, without its credentials', async () => {
    const refusing = await proxyTo(innerPort(), { refusal: 403 });
    const asking = await proxyTo(innerPort(), { authorization: 'Basic x' });
    const at = (proxy: string) => proxy.replace('http://', 'http://ann:planted-password@');
    for (const [proxy, url, message] of [
      [
        'http://127.0.0.1:9',
        'http://upstream.test/mcp',
        /^The proxy 127\.0\.0\.1:9 \(HTTP_PROXY\) cannot be used: Nothing listens/,
      ],
      [
        'http://127.0.0.1:9',
        'https://upstream.test/mcp',
        /^The proxy 127\.0\.0\.1:9 \(HTTPS_PROXY\) cannot be used: Nothing listens/,
      ],
      [
        refusing.url,
        'https://upstream.test/mcp',
        /\(HTTPS_PROXY\) did not connect to upstream\.test \(HTTP status 403\): allow it/,
      ],
      [asking.url, 'https://upstream.test/mcp', /\(HTTPS_PROXY\) wants a sign-in: put user and password/],
      [asking.url, 'http://upstream.test/mcp', /^The proxy before "fixture" wants a sign-in/],
      ['socks5://127.0.0.1:9', 'http://upstream.test/mcp', /^HTTP_PROXY is not the URL of an http or https proxy/],
    ] as const) {
      const egress = through({ HTTP_PROXY: at(proxy), HTTPS_PROXY: at(proxy) });
      for (const type of ['streamable-http', 'sse'] as const) {
        const text = await messageOf(open({ ...remote(url), type }, { egress }).opening);
        expect(text).toMatch(message);
        expect(text).not.toContain('planted-password');
      }
    }
  });

  describe('and the guard of addresses', () => {
    const secret = { 'inner.test': ['10.0.0.5'], 'metadata.test': ['169.254.169.254'], 'public.test': ['203.0.114.7'] };
    const cases: [mode: string, url: string, asked: string | null][] = [
      ['private-allowed', 'http://inner.test/mcp', 'POST http://inner.test/mcp'],
      ['private-allowed', 'http://unknown.test/mcp', 'POST http://unknown.test/mcp'],
      ['private-allowed', 'http://metadata.test/mcp', null],
      ['private-allowed', 'https://metadata.test/mcp', null],
      ['private-allowed', 'http://169.254.169.254/mcp', null],
      ['public-only', 'http://inner.test/mcp', null],
      ['public-only', 'http://10.0.0.5/mcp', null],
      ['public-only', 'https://unknown.test/mcp', null],
      ['public-only', 'http://public.test/mcp', 'CONNECT 203.0.114.7:80'],
      ['10.0.0.0/8', 'http://inner.test/mcp', 'CONNECT 10.0.0.5:80'],
      ['10.0.0.0/8', 'http://public.test/mcp', null],
      ['*.test', 'http://unknown.test/mcp', 'CONNECT unknown.test:80'],
      ['*.test', 'http://metadata.test/mcp', null],
    ];
    for (const [mode, url, asked] of cases) {
      it(`${mode}: ${url} → ${asked ?? 'refused, and the proxy hears nothing of it'}`, async () => {
        const proxy = await proxyTo(innerPort());
        const egress = through({ ALL_PROXY: proxy.url }, mode, secret);
        const attempt = use(remote(url), { egress });
        if (asked === null) {
          expect(await messageOf(attempt)).toMatch(/not allowed|is not known/);
          expect(proxy.seen).toEqual([]);
        } else {
          expect(await attempt).toBe('there');
          expect(proxy.seen[0]?.line).toBe(asked);
        }
      });
    }
  });
});

/** A resolver that knows these names only. */
function resolving(found: Record<string, string[]> = {}): typeof lookup {
  const answer = (
    host: string,
    options: { all?: boolean },
    callback: (error: Error | null, address: string | LookupAddress[], family?: number) => void,
  ) => {
    const addresses = (found[host] ?? []).map((address) => ({ address, family: 4 }));
    setImmediate(() => {
      if (addresses.length === 0) callback(Object.assign(new Error('unknown'), { code: 'ENOTFOUND' }), []);
      else if (options.all) callback(null, addresses);
      else callback(null, addresses[0]?.address ?? '', 4);
    });
  };
  return answer as unknown as typeof lookup;
}
