import { describe, expect, it } from 'vitest';
import { ownPath } from '../../../../app/_server/own-path';
import { addressOf, isFromOwnPage, ownUrl, requestIdOf, visitorOrigin } from '../../../../app/_server/visitor';

const publicUrl = 'https://hub.example.com';
const local = 'http://127.0.0.1:3000';
const own = (url: string, further = '') => ({ MCPHUB_PUBLIC_URL: url, MCPHUB_ALLOWED_HOSTS: further });

describe('visitor', () => {
  it.each<[Record<string, string>, string, string | null]>([
    [{ host: 'hub.example.com' }, publicUrl, 'https://hub.example.com'],
    [{ host: '10.0.0.7:41234', 'x-forwarded-host': 'hub.example.com' }, publicUrl, 'https://hub.example.com'],
    [{ host: 'localhost:3000' }, local, 'http://localhost:3000'],
    [{ host: '[::1]:3000' }, local, 'http://[::1]:3000'],
    [{ host: '127.0.0.1:3000' }, local, 'http://127.0.0.1:3000'],
    [{ host: 'hub.example.com:8443', 'x-forwarded-proto': 'https' }, publicUrl, 'https://hub.example.com:8443'],
    [{ host: 'evil.example' }, local, null],
    [{ host: 'localhost.evil.example:3000' }, local, null],
    [{ host: '127.0.0.1:3000@evil.example' }, local, null],
    [{ host: 'evil.example', 'x-forwarded-host': 'hub.example.com.evil' }, publicUrl, null],
    [{}, local, null],
  ])('%j with %s reaches the hub at %s', (headers, url, origin) => {
    expect(visitorOrigin(new Headers(headers), own(url))).toBe(origin);
  });

  it.each<[string, string, string, string]>([
    ['hub.example.com', 'https://hub.example.com/mcp', '', 'https://hub.example.com/mcp'],
    ['evil.example', 'https://hub.example.com/mcp', '', 'https://hub.example.com/mcp'],
    ['localhost:3000', 'http://127.0.0.1:3000', '', 'http://localhost:3000'],
    ['localhost:3000', 'https://hub.example.com/mcp', '', 'http://localhost:3000/mcp'],
    ['hub.lan', 'http://127.0.0.1:3000', 'https://hub.lan', 'https://hub.lan'],
  ])('at %s, with %s and %j, the own URL is %s', (host, url, further, seen) => {
    expect(ownUrl(new Headers({ host }), own(url, further))).toBe(seen);
  });

  it.each<[string, Record<string, string>, boolean]>([
    ['the same origin', { host: 'localhost:3000', origin: 'http://localhost:3000' }, true],
    ['the public URL', { host: '127.0.0.1:3000', origin: 'http://127.0.0.1:3000' }, true],
    ['another loopback port', { host: 'localhost:3000', origin: 'http://localhost:8080' }, false],
    ['another loopback name', { host: 'localhost:3000', origin: 'http://127.0.0.1:3000' }, false],
    ['another site', { host: 'localhost:3000', origin: 'https://evil.example' }, false],
    ['an opaque origin', { host: 'localhost:3000', origin: 'null' }, false],
    ['a rebound name', { host: 'evil.example:3000', origin: 'http://evil.example:3000' }, false],
    ['no origin', { host: 'localhost:3000' }, false],
    ['no origin, but the browser vouches', { host: 'localhost:3000', 'sec-fetch-site': 'same-origin' }, true],
    ['no origin, another site', { host: 'localhost:3000', 'sec-fetch-site': 'cross-site' }, false],
  ])('believes a write from %s: %j %s', (_what, headers, believed) => {
    expect(isFromOwnPage(new Headers(headers), own(local))).toBe(believed);
  });

  it.each<[string, Record<string, string>, string | null]>([
    ['hub.lan', { host: 'hub.lan:3000' }, 'http://hub.lan:3000'],
    ['hub.lan:3000', { host: 'HUB.lan:3000' }, 'http://hub.lan:3000'],
    ['hub.lan:3000', { host: 'hub.lan:4000' }, null],
    ['https://hub.lan', { host: 'hub.lan' }, 'https://hub.lan'],
    ['hub.lan', { host: 'hub.lan', 'x-forwarded-proto': 'https' }, 'https://hub.lan'],
    ['hub.lan', { host: 'evil.hub.lan' }, null],
    ['192.168.1.5, [fd00::5]', { host: '[fd00::5]:3000' }, 'http://[fd00::5]:3000'],
  ])('with MCPHUB_ALLOWED_HOSTS=%s, %j reaches the hub at %s', (further, headers, origin) => {
    expect(visitorOrigin(new Headers(headers), own(local, further))).toBe(origin);
  });

  it('keeps a plain request id and replaces any other', () => {
    expect(requestIdOf(new Headers({ 'x-request-id': 'abc-123' }))).toBe('abc-123');
    expect(requestIdOf(new Headers({ 'x-request-id': 'a b' }))).toMatch(/^[0-9a-f-]{36}$/);
    expect(requestIdOf(new Headers({ 'x-request-id': 'a'.repeat(129) }))).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('takes the address from the nearest proxy, not from what the client wrote before it', () => {
    expect(addressOf(new Headers({ 'x-forwarded-for': '1.1.1.1, 10.0.0.5' }))).toBe('10.0.0.5');
    expect(addressOf(new Headers())).toBe('unknown');
  });
});

describe('ownPath', () => {
  it.each([
    ['/servers?x=1#y', '/servers?x=1#y'],
    ['https://evil.example/', '/'],
    ['//evil.example', '/'],
    ['/\\evil.example', '/'],
    ['/.//evil.example', '/'],
    ['/a/..//evil.example', '/'],
    ['/\t/evil.example', '/'],
    ['javascript:alert(1)', '/'],
    ['servers', '/'],
    ['/a/../b', '/b'],
    [undefined, '/'],
    [['/a'], '/'],
  ])('%j leads to %s', (next, path) => {
    expect(ownPath(next)).toBe(path);
  });
});
