import { describe, expect, it } from 'vitest';
import { callerAddress, readTrustedProxies, trustedProxies } from '../../../lib/trusted-proxies';

const proxies = trustedProxies('10.0.0.2, 172.16.0.0/12, fd00::/8, ::1');

describe('the address of a caller', () => {
  it.each<[why: string, peer: string | undefined, header: string | undefined, caller: string | undefined]>([
    ['an untrusted peer is the caller, whatever it says', '203.0.113.9', '198.51.100.1', '203.0.113.9'],
    ['this machine is not trusted unless it is named', '127.0.0.1', '198.51.100.1', '127.0.0.1'],
    ['a unix socket has none', undefined, '198.51.100.1', undefined],
    ['a trusted proxy names it', '10.0.0.2', '198.51.100.1', '198.51.100.1'],
    ['IPv4 in IPv6 is IPv4', '::ffff:10.0.0.2', '::ffff:198.51.100.1', '198.51.100.1'],
    ['without a header it is the proxy itself', '10.0.0.2', undefined, '10.0.0.2'],
    ['an empty one says nothing', '10.0.0.2', '', '10.0.0.2'],
    ['what the caller wrote before the proxy is not believed', '10.0.0.2', '1.1.1.1, 198.51.100.1', '198.51.100.1'],
    ['a chain of proxies is followed', '10.0.0.2', '198.51.100.1, 172.20.1.1,172.31.0.9', '198.51.100.1'],
    ['no further than the first stranger', '10.0.0.2', '10.0.0.2, 198.51.100.1, 172.20.1.1', '198.51.100.1'],
    ['all trusted: the first of them', '10.0.0.2', '172.16.0.7, 172.16.0.8', '172.16.0.7'],
    ['garbage ends the search at the proxy that sent it', '10.0.0.2', '198.51.100.1, unknown', '10.0.0.2'],
    ['garbage behind a proxy too', '10.0.0.2', "198.51.100.1, '; drop, 172.16.0.8", '172.16.0.8'],
    ['an obfuscated name is no address', '10.0.0.2', '_hidden', '10.0.0.2'],
    ['numbers that only some read as addresses are none', '10.0.0.2', '2130706433', '10.0.0.2'],
    ['nor octal or short ones', '10.0.0.2', '010.0.0.1', '10.0.0.2'],
    ['ports are left out', '10.0.0.2', '198.51.100.1:4711', '198.51.100.1'],
    ['of IPv6 too', 'fd00::5', '[2001:db8::1]:443', '2001:db8::1'],
    ['brackets alone', '::1', '[2001:DB8:0:0::1]', '2001:db8::1'],
    ['IPv6 without brackets has no port', '::1', '2001:db8::1', '2001:db8::1'],
    ['a port that is none makes no address', '10.0.0.2', '198.51.100.1:port', '10.0.0.2'],
    ['empty entries are no addresses', '10.0.0.2', '198.51.100.1, ,', '10.0.0.2'],
  ])('%s', (_why, peer, header, caller) => {
    expect(callerAddress(peer, header, proxies)).toBe(caller);
  });

  it('is found in a header of any length, from the right', () => {
    const forged = Array.from({ length: 2000 }, () => '10.0.0.2').join(', ');
    expect(callerAddress('10.0.0.2', `${forged}, 198.51.100.1`, proxies)).toBe('198.51.100.1');
    expect(callerAddress('10.0.0.2', forged, proxies)).toBe('10.0.0.2');
  });

  it('without trusted proxies it is the peer', () => {
    expect(callerAddress('10.0.0.2', '198.51.100.1', trustedProxies(''))).toBe('10.0.0.2');
  });
});

it.each([
  ['proxy.example', /is no address/],
  ['10.0.0.0/33', /is no address/],
  ['10.0.0.1:80', /is no address/],
  ['0.0.0.0/0', /trusts everybody/],
  ['::/0', /trusts everybody/],
  ['true', /is no address/],
])('MCPHUB_TRUSTED_PROXIES=%s is refused', (text, fault) => {
  expect(readTrustedProxies(`10.0.0.1, ${text}`)).toEqual({ faults: [expect.stringMatching(fault)] });
});
