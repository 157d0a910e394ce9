import { describe, expect, it } from 'vitest';
import { allowedHost, readAllowedHosts } from '../../../lib/allowed-hosts';
import { EnvError, parseEnv } from '../../../lib/env';

describe('MCPHUB_ALLOWED_HOSTS', () => {
  it('names hosts, with a port or a protocol where they matter', () => {
    expect(readAllowedHosts(' Hub.lan, hub.lan:8080 ,https://hub.example.com/,[FD00::5]:3000,')).toEqual({
      hosts: [
        { name: 'hub.lan', port: null, protocol: null },
        { name: 'hub.lan', port: '8080', protocol: null },
        { name: 'hub.example.com', port: null, protocol: 'https' },
        { name: '[fd00::5]', port: '3000', protocol: null },
      ],
    });
    expect(readAllowedHosts('')).toEqual({ hosts: [] });
  });

  it.each([
    '*',
    '*.example.com',
    'hub.lan/path',
    'user@hub.lan',
    'hub lan',
    'ftp://hub.lan',
    'hub.lan:99999',
    '::1',
    '[::1',
  ])('%j is refused when the hub starts', (text) => {
    expect(() => parseEnv({ MCPHUB_ALLOWED_HOSTS: text })).toThrow(EnvError);
    expect(() => parseEnv({ MCPHUB_ALLOWED_HOSTS: text })).toThrow(/MCPHUB_ALLOWED_HOSTS: "/);
  });

  it.each([
    ['hub.lan:80', 'hub.lan', '', true],
    ['hub.lan:443', 'hub.lan', '', true],
    ['https://hub.lan:443', 'hub.lan', '', true],
    ['http://hub.lan:443', 'hub.lan', '', false],
    ['hub.lan:8080', 'hub.lan', '', false],
    ['hub.lan:8080', 'HUB.LAN', '8080', true],
    ['hub.lan', 'hub.lan', '1', true],
    ['hub.lan', 'x.hub.lan', '', false],
  ])('%s allows %s with port "%s": %s', (text, name, port, allowed) => {
    const read = readAllowedHosts(text);
    expect('hosts' in read && allowedHost(read.hosts, name, port) !== undefined).toBe(allowed);
  });
});
