import { describe, expect, it } from 'vitest';
import { readEgress } from '../../../lib/egress';
import { EnvError, parseEnv } from '../../../lib/env';

const faultsOf = (text: string) => {
  const read = readEgress(text);
  return 'faults' in read ? read.faults : [];
};

describe('MCPHUB_EGRESS', () => {
  it.each(['private-allowed', 'public-only', ' Public-Only '])('%j is a mode', (text) => {
    expect(readEgress(text)).toEqual({ rules: { mode: text.trim().toLowerCase() } });
  });

  it('is else a list of networks, addresses and hosts', () => {
    const read = readEgress('10.0.0.0/8, fd00::/8,192.168.1.7 ,api.example.org,*.Inner.example,printer');
    if ('faults' in read || read.rules.mode !== 'list') throw new Error('no list');
    const { cidrs, hosts } = read.rules.list;
    expect(cidrs.map(({ base, bits }) => `${base}/${bits}`)).toEqual(['10.0.0.0/8', 'fd00::/8', '192.168.1.7/32']);
    expect([...hosts]).toEqual(['api.example.org', '*.inner.example', 'printer']);
  });

  it.each([
    ['', /names nothing/],
    [' , ', /names nothing/],
    ['private-alowed', /"private-alowed" stands in a list: private-allowed and public-only stand alone/],
    ['public-only,10.0.0.0/8', /"public-only" stands in a list/],
    ['10.0.0.0/33', /"10.0.0.0\/33" is no network such as/],
    ['10.0.0/8', /is no network/],
    ['fe80::1%eth0', /is no network, address or host name/],
    ['10.0.0.1/8/8', /is no network/],
    ['https://api.example.org', /is a URL: give the host alone/],
    ['api.example.org:443', /names a port/],
    ['[fd00::1]', /with brackets/],
    ['2130706433', /is no address such as/],
    ['10.0.0.300', /is no address such as/],
    ['0x7f.1', /is no address such as/],
    ['*', /is no network, address or host name/],
    ['api.*.example', /is no network, address or host name/],
    ['a b', /is no network, address or host name/],
  ])('%j is refused', (text, message) => {
    expect(faultsOf(text).join('; ')).toMatch(message);
  });

  it('is looked at when the hub starts, each fault named [T-SSRF-03]', () => {
    const start = () => parseEnv({ MCPHUB_EGRESS: '10.0.0.0/33,https://x.example' });
    expect(start).toThrow(EnvError);
    expect(start).toThrow(
      /MCPHUB_EGRESS: "10\.0\.0\.0\/33" is no network[\s\S]*MCPHUB_EGRESS: "https:\/\/x\.example" is a URL/,
    );
    expect(parseEnv({ MCPHUB_EGRESS: 'public-only' }).MCPHUB_EGRESS).toBe('public-only');
    expect(parseEnv({}).MCPHUB_EGRESS).toBe('private-allowed');
  });
});
